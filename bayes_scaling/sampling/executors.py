"""Where the chains run: over CPU threads, or those of many fits side by side in one program on a GPU."""

import os
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.sampling.device import device
from bayes_scaling.sampling.draws import Draws
from bayes_scaling.sampling.engine import Engine
from bayes_scaling.sampling.settings import Parallel
from bayes_scaling.sampling.work import Advance, Answer, Finish, Work

Outcome = tuple[Hashable, Draws | Exception]
"""A run's key, and what came of it."""

VECTORISED_AT_ONCE = 32
"""Runs whose chains share one vectorised program: more chains cost a GPU little, but all wait for the longest tree."""


def executor(parallel: Parallel | None = None, threads: int | None = None) -> "Threads | Vectorised":
    """The executor chosen, or this machine's: threads on a CPU (one for each core allowed), vectorised elsewhere.

    Raises
    ------
    InputError
        Where JAX computes with 32 bits, in which no mode is found to the digits that a fit needs.
    """
    if jnp.zeros(()).dtype != np.float64:  # as after jax.config.update("jax_enable_x64", False)
        raise InputError(
            "JAX computes with 32 bits and fits need 64: something has turned "
            'jax_enable_x64 off; turn it on with jax.config.update("jax_enable_x64", True)'
        )
    chosen = parallel or ("threads" if jax.default_backend() == "cpu" else "vectorised")
    return Threads(threads or cores()) if chosen == "threads" else Vectorised()


def cores() -> int:
    """Cores that this process may run on: fewer than the machine's where it is bound to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """Every chain on a thread of its own choosing: none waits for the longest tree of the others."""

    def __init__(self, count: int) -> None:
        self.count = self.at_once = count
        self.how = f"{device()}, chains over {count} thread{'s' * (count > 1)}"

    def drive(
        self, runs: Iterable[tuple[Hashable, Work[Draws]]], at_once: int | None = None
    ) -> Iterator[Outcome]:
        """Runs to their end, a few at once; outcomes in the order in which they come."""
        queue, active = iter(runs), dict[Future[Draws], Hashable]()
        # A run's own thread decides and waits; the chains' threads compute.
        with (
            ThreadPoolExecutor(at_once or self.at_once) as deciding,
            ThreadPoolExecutor(self.count) as chains,
        ):
            while True:
                for key, run in islice(queue, (at_once or self.at_once) - len(active)):
                    active[deciding.submit(_complete, run, chains)] = key
                if not active:
                    return
                done, _ = wait(active, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield active.pop(future), future.result() if error is None else error


def _complete(run: Work[Draws], pool: ThreadPoolExecutor) -> Draws:
    """One run to its end, what it asks for done by the pool."""
    answer: Answer = None
    while True:
        try:
            asked = run.send(answer)
        except StopIteration as stop:
            drawn: Draws = stop.value
            return drawn
        answer = list(pool.map(lambda call: call(), asked.calls()))


class Vectorised:
    """The chains of many runs in lockstep, side by side, as a GPU likes it."""

    def __init__(self) -> None:
        self.at_once = VECTORISED_AT_ONCE
        self.how = f"{device()}, chains vectorised"

    def drive(
        self, runs: Iterable[tuple[Hashable, Work[Draws]]], at_once: int | None = None
    ) -> Iterator[Outcome]:
        """Runs to their end, chunk by chunk together; outcomes in the order in which they come."""
        queue, active = iter(runs), dict[Hashable, tuple[Work[Draws], Answer]]()
        width = at_once or self.at_once
        while True:
            for key, run in islice(queue, width - len(active)):
                active[key] = (run, None)
            if not active:
                return
            advances, finishes = dict[Hashable, Advance](), dict[Hashable, Finish]()
            for key, (run, answer) in list(active.items()):
                try:
                    asked = run.send(answer)
                except StopIteration as stop:
                    del active[key]
                    yield key, stop.value
                except Exception as error:
                    del active[key]
                    yield key, error
                else:
                    if isinstance(asked, Advance):
                        advances[key] = asked
                    else:
                        finishes[key] = asked
            for key, finish in finishes.items():
                active[key] = active[key][0], [call() for call in finish.calls()]
            for key, answer in _advanced(advances):
                active[key] = active[key][0], answer


def _advanced(requests: dict[Hashable, Advance]) -> Iterator[tuple[Hashable, Answer]]:
    """The chunks asked for, with equal programs advanced as one."""
    by_engine: dict[Engine, list[Hashable]] = {}
    for key, request in requests.items():
        by_engine.setdefault(request.engine, []).append(key)
    for engine, keys in by_engine.items():
        chains = [
            (key, state, jnp.asarray(request.target, float), request.transport, request.data)
            for request in (requests[run] for run in keys)
            for key, state in zip(request.keys, request.states, strict=True)
        ]
        # As many chains as the next power of two: few shapes are compiled while runs come and go.
        filled = chains + chains[:1] * (2 ** (len(chains) - 1).bit_length() - len(chains))
        advanced = engine.chunk_of_all(*jax.tree.map(lambda *x: jnp.stack(x), *filled))
        states, chunks = advanced[0], jax.tree.map(np.asarray, advanced[1])
        results = iter(jax.tree.map(lambda x, i=i: x[i], (states, chunks)) for i in range(len(chains)))
        for key in keys:
            yield key, list(islice(results, len(requests[key].states)))
