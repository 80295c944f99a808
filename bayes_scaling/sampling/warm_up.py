"""The chains of one run, and their warm-up: steps and coordinates are adapted in windows until they serve."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.sampling.engine import CHUNK, Engine
from bayes_scaling.sampling.jax_model import Data
from bayes_scaling.sampling.matrices import shrunk
from bayes_scaling.sampling.mixing import r_hat_below
from bayes_scaling.sampling.modes import Mode, starts_by_mass
from bayes_scaling.sampling.nuts import ChainState, Chunk, averaged, initial_state
from bayes_scaling.sampling.progress import Report
from bayes_scaling.sampling.settings import Sampler
from bayes_scaling.sampling.transport_map import TransportMap, adapted
from bayes_scaling.sampling.work import Advance, Work

CAREFUL = (0.97, 0.99)
"""Acceptances that the step is adapted to once divergences or disagreement have been seen, where not above already."""

LONG_TREE = 10
"""Leapfrog steps a draw from which the mode's bends do not serve, and bends are fitted to draws."""

_MANY = 0.005
"""The share of divergences in a window from which steps are made smaller: a few belong to a step that is sought."""

_FINDING = 4 * CHUNK
"""Windows up to this length still find coordinates: where they diverge, steps need not stay small."""

_SEPARATE = 1.2
"""A split R-hat above this: chains in modes of their own."""


class WarmedUp(NamedTuple):
    """What a warm-up leaves."""

    transport: TransportMap
    states: list[ChainState]
    draws: int  # per chain, that it took


class Chains:
    """The chains of one run: their data, their random keys, and how their coordinates are found.

    Parameters
    ----------
    engine : Engine
    data : mapping of str to array
    sampler : Sampler
    progress : callable
    found : list of Mode, optional
        The modes of the density, the heaviest first, where they were looked for.
    """

    def __init__(
        self, engine: Engine, data: Data, sampler: Sampler, progress: Report, found: list[Mode] | None
    ):
        self.engine, self.data, self.count, self.progress = engine, data, sampler.chains, progress
        self.target, self.wanted = sampler.target_accept, sampler.draws
        self.found, self.several = found, False
        # Groups bend each in its own way; one mode's derivatives serve most single fits.
        self.bends = engine.geometry.layout.own > 0
        self.key = jax.random.key(sampler.seed)
        self.rng = np.random.default_rng(sampler.seed)
        self.calls = 0

    def advance(
        self, states: list[ChainState], target: float, transport: TransportMap
    ) -> Work[tuple[list[ChainState], Chunk]]:
        """One chunk of every chain: the states after it, and the chunk of all chains."""
        keys = jax.random.split(jax.random.fold_in(self.key, self.calls), self.count)
        self.calls += 1
        results = yield Advance(self.engine, keys, states, target, transport, self.data)
        return [state for state, _ in results], joined([chunk for _, chunk in results], np.stack)

    def warm_up(self, limit: int) -> Work[WarmedUp]:
        """Adapts step and coordinates in windows that double, until they serve or ``limit`` draws are reached."""
        geometry = self.engine.geometry
        transport, positions = self._starts()
        step, target, done, window = 0.5, self.target, 0, 2 * CHUNK
        states: list[ChainState] = []
        before = np.inf
        while True:
            states = self._started(states, positions, step, transport)
            chunks = []
            for _ in range(window // CHUNK):
                states, chunk = yield from self.advance(states, target, transport)
                chunks.append(chunk)
                done += CHUNK
                self.progress("warm-up", done, limit)
            # The first third of a window still finds its step and forgets where it started.
            kept = along_draws(chunks[len(chunks) // 3 :])
            pooled = np.asarray(kept.position).reshape(-1, geometry.layout.n)
            careful, steps = bool(kept.diverging.mean() > _MANY), float(kept.n_steps.mean())
            short = steps < LONG_TREE
            # The next window takes twice as long; at the most it shortens trajectories as this one did.
            saved = self.wanted * (1 - steps / before)
            settled = short or (np.isfinite(before) and saved < 2 * window)
            serves = not careful and settled and _nearly_white(shrunk(pooled))
            if (serves and done > 2 * CHUNK) or done + 2 * window > limit:
                return WarmedUp(transport, [averaged(state) for state in states], done)
            if careful and window > _FINDING:
                target = max(self.target, CAREFUL[0])
            before = steps if self.bends and not careful else np.inf
            self.bends |= careful or not short
            transport, positions, step = self._adapted(pooled, states, transport)
            window *= 2

    def adapt_again(
        self, chunks: Chunk, states: list[ChainState], transport: TransportMap, target: float
    ) -> Work[tuple[TransportMap, list[ChainState]]]:
        """Coordinates fitted to these draws, and steps adapted to a new target: the map and the states."""
        pooled = np.asarray(chunks.position).reshape(-1, chunks.position.shape[-1])
        transport, positions, step = self._adapted(pooled, states, transport)
        states = self._started(states, positions, step, transport)
        for done in range(1, 5):
            states, _ = yield from self.advance(states, target, transport)
            self.progress("careful warm-up", done * CHUNK, 4 * CHUNK)
        return transport, [averaged(state) for state in states]

    def draw(
        self, states: list[ChainState], transport: TransportMap, draws: int
    ) -> Work[tuple[list[ChainState], Chunk]]:
        """Chunks with a fixed step: the states after them, and the chunks joined along the draws."""
        chunks: list[Chunk] = []
        while (done := len(chunks) * CHUNK) < draws:
            self.progress("draws", done, draws)
            states, chunk = yield from self.advance(states, 0.0, transport)
            chunks.append(chunk)
        self.progress("draws", draws, draws)
        return states, along_draws(chunks)

    def separate(self, chunks: Chunk) -> bool:
        """Whether chains stayed in the several modes that they started in: neither time nor care would mix them."""
        return self.several and not r_hat_below(np.asarray(chunks.position), _SEPARATE)

    def _starts(self) -> tuple[TransportMap, list[np.ndarray]]:
        """The map, and where each chain starts."""
        first = self.found[0] if self.found else None
        transport = _on_device(self.engine.geometry.find(self.data, first.at if first else None))
        starts = starts_by_mass(self.found, self.count, self.rng) if self.found else [first] * self.count
        self.several = any(mode is not first for mode in starts)
        return transport, [
            self._start(transport) if mode is None or mode is first else self._start_at(mode, transport)
            for mode in starts
        ]

    def _started(
        self, before: list[ChainState], positions: list[np.ndarray], step: float, transport: TransportMap
    ) -> list[ChainState]:
        """The chains at these positions; what is not a position goes on from the states before, if there are any."""
        first = jnp.ones(self.engine.geometry.clusters)
        mixing = [state.mixing for state in before] or [first] * len(positions)
        return [
            initial_state(self.engine.geometry, x, step, transport, self.data, own)
            for x, own in zip(positions, mixing, strict=True)
        ]

    def _adapted(
        self, pooled: np.ndarray, states: list[ChainState], transport: TransportMap
    ) -> tuple[TransportMap, list[np.ndarray], float]:
        """The map fitted to pooled draws, the chains' positions under it, and a step to start from."""
        transport = jax.tree.map(np.asarray, transport)
        before = [transport.forward(np.asarray(state.hmc.position))[:2] for state in states]
        transport = adapted(transport, pooled, self.bends)
        positions = [transport.inverse(*at) for at in before]
        step = float(np.exp(np.mean([state.adaptation.log_step_size_avg for state in states])))
        return _on_device(transport), positions, step

    def _start(self, transport: TransportMap) -> np.ndarray:
        """A start drawn around the mode, nearer to it until the density is finite there."""
        geometry = self.engine.geometry
        x = self.rng.standard_normal(geometry.layout.n)
        for _ in range(20):
            value, gradient = geometry.value_and_grad(x, transport, self.data)
            if np.isfinite(value) and np.all(np.isfinite(gradient)):
                break
            x = x / 2
        return x

    def _start_at(self, mode: Mode, transport: TransportMap) -> np.ndarray:
        """A start drawn around another mode, or around the first where the map does not reach it."""
        geometry = self.engine.geometry
        z = self.rng.standard_normal(geometry.layout.n)
        for _ in range(5):
            x = geometry.position(mode.at + mode.root @ z, transport, self.data)
            if x is not None and np.isfinite(geometry.value_and_grad(x, transport, self.data)[0]):
                return x
            z = z / 2
        return self._start(transport)


def joined(chunks: Sequence[Chunk], join: Callable[[list[np.ndarray]], np.ndarray]) -> Chunk:
    """Chunks as one, each field joined in the same way."""
    joint: Chunk = jax.tree.map(lambda *parts: join([np.asarray(p) for p in parts]), *chunks)
    return joint


def along_draws(chunks: Sequence[Chunk]) -> Chunk:
    """Chunks of all chains, one after the other."""
    return joined(chunks, lambda parts: np.concatenate(parts, axis=1))


def _on_device(transport: TransportMap) -> TransportMap:
    moved: TransportMap = jax.tree.map(lambda x: jnp.asarray(x, float), transport)
    return moved


def _nearly_white(covariance: np.ndarray) -> bool:
    values = np.linalg.eigvalsh(covariance)
    return bool(values[0] > 0.1 and values[-1] < 10.0)
