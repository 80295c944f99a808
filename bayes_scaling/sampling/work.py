"""What a run asks for: work that is done wherever the chains are executed, alone or beside other runs."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.sampling.engine import Engine
from bayes_scaling.sampling.jax_model import Array, Data
from bayes_scaling.sampling.nuts import ChainState, Chunk
from bayes_scaling.sampling.transport_map import TransportMap

Named = dict[str, np.ndarray]


@dataclass(frozen=True)
class Advance:
    """One chunk of every chain, each with its key and state; a target of 0 keeps the steps fixed.

    The answer is a list of (state, chunk), one per chain.
    """

    engine: Engine
    keys: jax.Array
    states: list[ChainState]
    target: float
    transport: TransportMap
    data: Data

    def calls(self) -> list[Callable[[], tuple[ChainState, Chunk]]]:
        """The work, one call for each chain."""
        target = jnp.asarray(self.target, float)

        def one(i: int) -> tuple[ChainState, Chunk]:
            chunk = self.engine.chunk(self.keys[i], self.states[i], target, self.transport, self.data)
            done: tuple[ChainState, Chunk] = jax.block_until_ready(chunk)
            return done

        return [lambda i=i: one(i) for i in range(len(self.states))]  # type: ignore[misc]


@dataclass(frozen=True)
class Finish:
    """A compiled function over batches of draws; the answer is a list of what it gives for each."""

    function: Callable[..., Array | Named]
    batches: list[np.ndarray]
    arguments: tuple[TransportMap | Data, ...]

    def calls(self) -> list[Callable[[], np.ndarray | Named]]:
        """The work, one call for each batch."""
        return [lambda x=x: jax.device_get(self.function(x, *self.arguments)) for x in self.batches]  # type: ignore[misc]


type Answer = Sequence[tuple[ChainState, Chunk]] | Sequence[np.ndarray | Named] | None

type Work[Result] = Generator[Advance | Finish, Any, Result]
"""Asks for work, is sent each answer, and returns a result."""
