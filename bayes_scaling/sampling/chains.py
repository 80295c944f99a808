"""One posterior: its chains from the mode to the last draw, as a generator of the work that is to be done.

A run decides (how long to warm up, when to draw again); what it asks for, `Advance` and `Finish`, is done by
whatever lanes there are (`lanes`), alone or beside other runs.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.sampling.engine import CHUNK, Engine, engine, hierarchical, prior_draws
from bayes_scaling.sampling.job import Job
from bayes_scaling.sampling.mixing import worst_r_hat
from bayes_scaling.sampling.modes import Mode, modes, shared_out
from bayes_scaling.sampling.nuts import (
    CAREFUL_ACCEPTANCE,
    TARGET_ACCEPTANCE,
    ChainState,
    Chunk,
    averaged,
    initial_state,
)
from bayes_scaling.sampling.progress import Report
from bayes_scaling.sampling.transport_map import Data, Rounding, adapted, affine, inverse_affine

PLAIN_WARMUP = 6 * CHUNK
"""Draws per chain that the plain map is given to prove itself."""

LONGEST = 4
"""Chains that disagree draw up to this many times what was asked."""

LONG_TREE = 10
"""Leapfrog steps a draw from which the plain map has not proved itself."""

LOG_LIKELIHOOD_BYTES = 256 * 2**20
"""Log likelihoods are kept for every draw, or for evenly spaced ones where all would take more than this."""


@dataclass(frozen=True)
class Draws:
    """What sampling leaves, all arrays of leading shape (chain, draw).

    Attributes
    ----------
    parameters : dict of str to ndarray
        Named quantities on their natural scales; group-level ones have a last axis of groups.
    log_likelihood : ndarray, shape (chain, kept draws, cluster)
        For every ``thin``-th draw.
    thin : int
    stats : dict of str to ndarray
        diverging, energy, energy_change (from the draw before), lp, acceptance_rate, n_steps, step_size; for
        spaced draws, whether any since the last kept one diverged, and the steps of all of them.
    prior : dict of str to ndarray
        The quantities of ``parameters`` drawn from the prior, of leading shape (draw,).
    warmup : int
        Draws per chain that the warm-up took.
    spacing : int
        How many draws were made for each that was kept: more than 1 where chains disagreed at first.
    device : str
        Where and how the chains ran.
    """

    parameters: dict[str, np.ndarray]
    log_likelihood: np.ndarray
    thin: int
    stats: dict[str, np.ndarray]
    prior: dict[str, np.ndarray]
    warmup: int
    spacing: int = 1
    device: str = ""


# -- what a run asks for -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Advance:
    """One chunk of every chain, each with its key and state; a target of 0 keeps the steps fixed.

    The answer is a list of (state, chunk), one per chain.
    """

    engine: Engine
    keys: Any
    states: list[ChainState]
    target: float
    rounding: Rounding
    data: Data

    def calls(self) -> list[Callable[[], Any]]:
        """The work, one call for each chain."""
        aim = jnp.asarray(self.target, float)

        def one(i: int) -> tuple[ChainState, Chunk]:
            chunk = self.engine.chunk(self.keys[i], self.states[i], aim, self.rounding, self.data)
            return jax.block_until_ready(chunk)

        return [lambda i=i: one(i) for i in range(len(self.states))]  # type: ignore[misc]


@dataclass(frozen=True)
class Finish:
    """A compiled function over batches of draws; the answer is a list of what it gives for each."""

    function: Callable[..., Any]
    batches: list[np.ndarray]
    arguments: tuple[Any, ...]

    def calls(self) -> list[Callable[[], Any]]:
        return [lambda x=x: jax.device_get(self.function(x, *self.arguments)) for x in self.batches]  # type: ignore[misc]


Asked = Generator[Advance | Finish, Any, Any]


# -- the run -------------------------------------------------------------------------------------------------


def run(job: Job) -> Generator[Advance | Finish, Any, Draws]:
    """One posterior, as a generator of work whose return value is `Draws`."""
    structure, draws, seed, max_warmup = (
        job.structure,
        job.sampler.draws,
        job.sampler.seed,
        job.sampler.max_warmup,
    )
    arrays = {name: jnp.asarray(value) for name, value in job.data.items()}
    # A single group starts on the plain map; where that bends too much, thin directions follow their ridge. A law
    # with straight coordinates needs no ridge to follow.
    straight = structure.law.reparametrise is not None
    # Laws of two power terms have one mode, in hundreds of simulations; with groups there are too many to look for.
    simple = hierarchical(structure) or structure.law.power_terms is not None
    found = None if simple else _modes(engine(structure, False), arrays)
    for follow in (True,) if hierarchical(structure) else (False,) if straight else (False, True):
        parts = engine(structure, follow)
        this = _Run(parts, arrays, job.sampler.chains, seed, job.progress or (lambda *_: None), found)
        limit = max_warmup if follow or straight else min(max_warmup, PLAIN_WARMUP)
        rounding, states, warmup, settled = yield from this.warm_up(limit)
        if settled:
            break
    states, chunks = yield from this.draw(states, rounding, draws)
    # Draws that disagree much or diverge serve as one more warm-up, for smaller steps.
    for target in CAREFUL_ACCEPTANCE:
        if _agree(chunks) or this.apart(chunks):
            break
        warmup += chunks.energy.shape[1] + 4 * CHUNK
        rounding, states = yield from this.adapt_again(chunks, states, rounding, target)
        states, chunks = yield from this.draw(states, rounding, draws)
    # Chains that still disagree run on, and evenly spaced draws are kept.
    finish = partial(_finished, parts.parameters, parts.batch)
    spacing, kept = 1, _spaced(chunks, 1, draws)
    parameters = yield from finish(kept.position, rounding, arrays)
    wanted = 1 + 0.01 * max(1.0, 1000 / draws)
    while worst_r_hat(parameters) > wanted and spacing < LONGEST and not this.apart(chunks):
        spacing *= 2
        states, more = yield from this.draw(
            states, rounding, max(1, spacing * draws - chunks.energy.shape[1])
        )
        chunks = _stack([chunks, more], lambda parts: np.concatenate(parts, axis=1))
        kept = _spaced(chunks, spacing, draws)
        parameters = yield from finish(kept.position, rounding, arrays)

    scored = arrays | {name: jnp.asarray(value) for name, value in job.score.items()}
    thin = -(-kept.energy.size * structure.n_clusters * 8 // LOG_LIKELIHOOD_BYTES)
    log_likelihood = yield from _finished(
        parts.log_likelihood, parts.batch, kept.position[:, ::thin], rounding, arrays, scored
    )
    stats = {name: value for name, value in kept._asdict().items() if name != "position"}
    # E-BFMI compares neighbours, which spaced draws are not.
    stats["energy_change"] = np.diff(chunks.energy, axis=1, prepend=np.nan)[:, spacing - 1 :: spacing][
        :, :draws
    ]
    return Draws(parameters, log_likelihood, thin, stats, prior_draws(parts, draws, seed), warmup, spacing)


def _finished(function: Callable[..., Any], size: int, position: np.ndarray, *arguments: Any) -> Asked:
    """A function of every draw, arrays of leading shape (chain, draw); computed in batches of one shape."""
    flat = position.reshape(-1, position.shape[-1])
    filled = np.concatenate([flat, np.repeat(flat[-1:], -len(flat) % size, axis=0)])
    answers = yield Finish(function, np.split(filled, len(filled) // size), arguments)
    return jax.tree.map(
        lambda *parts: np.concatenate(parts)[: len(flat)].reshape(*position.shape[:2], *parts[0].shape[1:]),
        *answers,
    )


class _Run:
    """The chains of one run: its data, its random keys, and how its coordinates are found."""

    def __init__(
        self,
        parts: Engine,
        data: Data,
        chains: int,
        seed: int,
        progress: Report,
        found: list[Mode] | None,
    ):
        self.parts, self.data, self.chains, self.progress = parts, data, chains, progress
        self.found, self.several = found, False
        self.key = jax.random.key(seed)
        self.rng = np.random.default_rng(seed)
        self.calls = 0

    def advance(self, states: list[ChainState], target: float, rounding: Rounding) -> Asked:
        """One chunk of every chain: the states after it, and the chunk of all chains."""
        keys = jax.random.split(jax.random.fold_in(self.key, self.calls), self.chains)
        self.calls += 1
        results = yield Advance(self.parts, keys, states, target, rounding, self.data)
        return [state for state, _ in results], _stack([chunk for _, chunk in results], np.stack)

    def warm_up(self, limit: int) -> Asked:
        """Adapts step and coordinates in windows that double, until they serve.

        Gives the map, the chains' states, how many draws it took, and whether the coordinates serve.
        """
        geometry = self.parts.geometry
        first = self.found[0] if self.found else None
        rounding = _on_device(geometry.find(self.data, first.at if first else None))
        starts = shared_out(self.found, self.chains, self.rng) if self.found else [first] * self.chains
        positions = [
            self._start(rounding) if mode is None or mode is first else self._start_at(mode, rounding)
            for mode in starts
        ]
        self.several = any(mode is not first for mode in starts)
        step, target, done, window = 0.5, TARGET_ACCEPTANCE, 0, 2 * CHUNK
        while True:
            states = [initial_state(geometry, x, step, rounding, self.data) for x in positions]
            chunks = []
            for _ in range(window // CHUNK):
                states, chunk = yield from self.advance(states, target, rounding)
                chunks.append(chunk)
                done += CHUNK
                self.progress("warm-up" if geometry.follow else "plain warm-up", done, limit)
            # The first third of a window still finds its step and forgets where it started.
            kept = _stack(chunks[len(chunks) // 3 :], lambda parts: np.concatenate(parts, axis=1))
            pooled = kept.position.reshape(-1, geometry.layout.n)
            careful = kept.diverging.mean() > 0.001
            fine = not careful and _round(_shrunk(pooled))
            if not geometry.follow:
                fine &= bool(kept.n_steps.mean() < LONG_TREE)
            if (fine and done > 2 * CHUNK) or done + 2 * window > limit:
                return rounding, [averaged(state) for state in states], done, fine
            if careful and done > 2 * CHUNK:
                target = CAREFUL_ACCEPTANCE[0]
            rounding, positions, step = self._adapted(pooled, states, rounding)
            window *= 2

    def adapt_again(
        self, chunks: Chunk, states: list[ChainState], rounding: Rounding, target: float
    ) -> Asked:
        """Coordinates fitted to these draws, and steps adapted to a new target: the map and the states."""
        pooled = chunks.position.reshape(-1, chunks.position.shape[-1])
        rounding, positions, step = self._adapted(pooled, states, rounding)
        states = [initial_state(self.parts.geometry, x, step, rounding, self.data) for x in positions]
        for done in range(1, 5):
            states, _ = yield from self.advance(states, target, rounding)
            self.progress("careful warm-up", done * CHUNK, 4 * CHUNK)
        return rounding, [averaged(state) for state in states]

    def draw(self, states: list[ChainState], rounding: Rounding, draws: int) -> Asked:
        """Chunks with a fixed step: the states after them, and the chunks joined along the draws."""
        chunks: list[Chunk] = []
        while (done := len(chunks) * CHUNK) < draws:
            self.progress("draws", done, draws)
            states, chunk = yield from self.advance(states, 0.0, rounding)
            chunks.append(chunk)
        self.progress("draws", draws, draws)
        return states, _stack(chunks, lambda parts: np.concatenate(parts, axis=1))

    def apart(self, chunks: Chunk) -> bool:
        """Whether chains stayed in the several modes that they started in: neither time nor care would mix them."""
        return self.several and not _r_hat_below(chunks, 1.2)

    def _adapted(
        self, pooled: np.ndarray, states: list[ChainState], rounding: Rounding
    ) -> tuple[Rounding, list[np.ndarray], float]:
        """The map fitted to pooled draws, the chains' positions under it, and a step to start from."""
        places = [affine(state.hmc.position, rounding) for state in states]
        rounding = _on_device(adapted(rounding, pooled.mean(0), _shrunk(pooled)))
        step = float(np.exp(np.mean([state.adaptation.log_step_size_avg for state in states])))
        return rounding, [inverse_affine(place, rounding) for place in places], step

    def _start(self, rounding: Rounding) -> np.ndarray:
        """A start drawn around the mode, nearer to it until the density is finite there."""
        geometry = self.parts.geometry
        x = self.rng.standard_normal(geometry.layout.n)
        for _ in range(20):
            value, gradient = geometry.value_and_grad(x, rounding, self.data)
            if np.isfinite(value) and np.all(np.isfinite(gradient)):
                break
            x = x / 2
        return x

    def _start_at(self, mode: Mode, rounding: Rounding) -> np.ndarray:
        """A start drawn around another mode, or around the first where the map does not reach it."""
        geometry = self.parts.geometry
        z = self.rng.standard_normal(geometry.layout.n)
        for _ in range(5):
            x = geometry.position(mode.at + mode.root @ z, rounding, self.data)
            if x is not None and np.isfinite(geometry.value_and_grad(x, rounding, self.data)[0]):
                return x
            z = z / 2
        return self._start(rounding)


def _modes(parts: Engine, data: Data) -> list[Mode]:
    geometry = parts.geometry
    return modes(geometry.density(data), geometry.layout.n)


def _stack(chunks: list[Chunk], join: Callable[[list[Any]], Any]) -> Chunk:
    return jax.tree.map(lambda *parts: join([np.asarray(p) for p in parts]), *chunks)


def _spaced(chunks: Chunk, spacing: int, draws: int) -> Chunk:
    """Every ``spacing``-th draw; of those between, divergences and steps are kept."""

    def blocks(x: np.ndarray) -> np.ndarray:
        return x[:, : draws * spacing].reshape(x.shape[0], draws, spacing, *x.shape[2:])

    last = jax.tree.map(lambda x: blocks(x)[:, :, -1], chunks)
    return last._replace(diverging=blocks(chunks.diverging).any(2), n_steps=blocks(chunks.n_steps).sum(2))


def _on_device(rounding: Rounding) -> Rounding:
    return jax.tree.map(lambda x: jnp.asarray(x, float), rounding)


def _agree(chunks: Chunk) -> bool:
    """Whether draws hardly diverge and split R-hat is small for every round coordinate."""
    return bool(chunks.diverging.mean() <= 0.001) and _r_hat_below(chunks, 1.03)


def _r_hat_below(chunks: Chunk, limit: float) -> bool:
    """Whether split R-hat of every round coordinate is at most this, and what so many independent draws differ by."""
    chains, draws, n = chunks.position.shape
    halves = chunks.position[:, : draws // 2 * 2].reshape(chains * 2, -1, n)
    between = halves.mean(1).var(0, ddof=1)
    within = halves.var(1, ddof=1).mean(0)
    return bool(np.all(between <= (2 * (limit - 1) + 3 / halves.shape[1]) * within))


def _shrunk(positions: np.ndarray) -> np.ndarray:
    """Covariance of pooled draws, drawn towards the identity as far as their number asks for."""
    count, n = positions.shape
    pull = 2 * n / (count + 2 * n)
    return (1 - pull) * np.cov(positions.T).reshape(n, n) + pull * np.eye(n)


def _round(covariance: np.ndarray) -> bool:
    values = np.linalg.eigvalsh(covariance)
    return bool(values[0] > 0.1 and values[-1] < 10.0)
