"""Runs the chains: where they start, how long they warm up, on which device, and what they leave."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.model import Structure
from bayes_scaling.sampling.cache import use_compilation_cache
from bayes_scaling.sampling.nuts import (
    CAREFUL_ACCEPTANCE,
    TARGET_ACCEPTANCE,
    ChainState,
    Chunk,
    averaged,
    initial_state,
    make_chunk,
)
from bayes_scaling.sampling.program import program
from bayes_scaling.sampling.rounding import Data, Geometry, Rounding, adapted, affine, inverse_affine

# Posteriors of scaling laws need float64: losses differ in the fourth digit.
jax.config.update("jax_enable_x64", True)
use_compilation_cache()

CHUNK = 50
"""Draws per call of the compiled chain: progress is shown, and the warm-up decided, between calls."""

PLAIN_WARMUP = 6 * CHUNK
"""Draws per chain that the plain map is given to prove itself."""

LONG_TREE = 10
"""Leapfrog steps a draw from which the plain map has not proved itself."""

Progress = Callable[[str, int, int], None]
"""``progress(phase, done, total)``, called between chunks; phases are "plain warm-up", "warm-up", "draws" and,
where these disagreed, "careful warm-up" and "draws" again."""


@dataclass(frozen=True)
class Draws:
    """What sampling leaves, all arrays of leading shape (chain, draw).

    Attributes
    ----------
    parameters : dict of str to ndarray
        Named quantities on their natural scales; group-level ones have a last axis of groups.
    log_likelihood : ndarray, shape (chain, draw, cluster)
    stats : dict of str to ndarray
        diverging, energy, lp, acceptance_rate, n_steps, step_size.
    warmup : int
        Draws per chain that the warm-up took.
    device : str
        Where and how the chains ran.
    """

    parameters: dict[str, np.ndarray]
    log_likelihood: np.ndarray
    stats: dict[str, np.ndarray]
    warmup: int
    device: str


class Engine:
    """The compiled functions of one structure."""

    def __init__(self, structure: Structure, follow: bool):
        self.program = program(structure)
        self.geometry = Geometry(self.program, follow)
        self.chunk = jax.jit(make_chunk(self.geometry, CHUNK))
        self.chunk_of_all = jax.jit(
            jax.vmap(make_chunk(self.geometry, CHUNK), in_axes=(0, 0, None, None, None))
        )
        self.finish = jax.jit(jax.vmap(self._finish, in_axes=(0, None, None, None)))
        self.push_forward = jax.jit(jax.vmap(lambda flat: self.program.parameters(self.unflatten(flat))))

    def unflatten(self, flat: Any) -> dict[str, Any]:
        """Free variables from one flat vector of standard normals."""
        layout = self.geometry.layout
        free = layout.split(flat[: layout.n_globals])
        if layout.offset[1]:
            free["offset"] = flat[layout.n_globals :].reshape(layout.offset)
        return free

    def _finish(self, xi: Any, rounding: Rounding, data: Data, scored: Data) -> tuple[dict[str, Any], Any]:
        """Named quantities at one point in round coordinates, and its log likelihoods for the data scored."""
        free, theta, _ = self.geometry.place(xi, rounding, data)
        return self.program.parameters(free), self.program.log_likelihood(theta, free["shared"], scored)


@lru_cache(maxsize=16)
def engine(structure: Structure, follow: bool) -> Engine:
    """The engine of a structure, compiled once a process."""
    return Engine(structure, follow)


def hierarchical(structure: Structure) -> bool:
    """Whether some parameter differs between groups."""
    return bool(structure.pooled("partial", "none"))


def sample(
    structure: Structure,
    data: Mapping[str, np.ndarray],
    *,
    draws: int = 1000,
    chains: int = 4,
    max_warmup: int = 1500,
    seed: int = 0,
    progress: Progress | None = None,
    score: Mapping[str, np.ndarray] | None = None,
) -> Draws:
    """Draws from the posterior of one model.

    Parameters
    ----------
    structure, data
        As `bayes_scaling.model.structure` and `model_data` give them.
    draws, chains : int
        Draws kept per chain, and chains.
    max_warmup : int
        The warm-up ends by itself once the coordinates are round; this many draws at most.
    seed : int
    progress : callable, optional
    score : mapping of str to ndarray, optional
        Data that differ where the log likelihood of the result is computed: a row of weight 0 while sampling and
        1 here is scored by a posterior that has not seen it.

    Returns
    -------
    Draws
    """
    arrays = {name: jnp.asarray(value) for name, value in data.items()}
    report = progress or (lambda *_: None)
    # A single group starts on the plain map; where that bends too much, thin directions follow their ridge.
    for follow in (False, True)[hierarchical(structure) :]:
        parts = engine(structure, follow)
        run = _Run(parts, arrays, chains, seed, report)
        rounding, states, warmup, settled = run.warm_up(
            max_warmup if follow else min(max_warmup, PLAIN_WARMUP)
        )
        if settled:
            break
    chunks = run.draw(states, rounding, draws)
    # Draws that disagree or diverge serve as one more warm-up, for smaller steps.
    for target in CAREFUL_ACCEPTANCE:
        if _agree(chunks):
            break
        rounding, states = run.adapt_again(chunks, states, rounding, target)
        warmup += chunks.energy.shape[1] + 4 * CHUNK
        chunks = run.draw(states, rounding, draws)

    # Chunk by chunk again: one compiled shape, and memory for one chunk beside the results.
    scored = arrays | dict(score or {})
    at = chunks.position.reshape(-1, CHUNK, chunks.position.shape[-1])
    finished = [jax.device_get(parts.finish(part, rounding, arrays, scored)) for part in at]

    def shaped(*pieces: np.ndarray) -> np.ndarray:
        joined = np.concatenate(pieces)
        return joined.reshape(chains, -1, *joined.shape[1:])[:, :draws]

    parameters, log_likelihood = jax.tree.map(shaped, *finished)
    stats = {name: value[:, :draws] for name, value in chunks._asdict().items() if name != "position"}
    return Draws(
        parameters,
        log_likelihood,
        stats,
        warmup,
        run.device,
    )


def prior_draws(structure: Structure, draws: int = 1000, seed: int = 0) -> dict[str, np.ndarray]:
    """Named quantities drawn from the prior, arrays of leading shape (draws,)."""
    parts = engine(structure, hierarchical(structure))
    normals = np.random.default_rng(seed).standard_normal((draws, parts.geometry.layout.n))
    return {name: np.asarray(value) for name, value in parts.push_forward(normals).items()}


class _Run:
    """One call of `sample`: its data, its random keys, and how its chains are spread over the device."""

    def __init__(self, parts: Engine, data: Data, chains: int, seed: int, progress: Progress):
        self.parts, self.data, self.chains, self.progress = parts, data, chains, progress
        self.key = jax.random.key(seed)
        self.rng = np.random.default_rng(seed)
        self.calls = 0
        backend = jax.default_backend()
        # On a CPU a chain should not wait for the longest tree of the others; on a GPU the lanes are free.
        self.threads = min(chains, os.cpu_count() or 1) if backend == "cpu" else 0
        how = f"chains over {self.threads} threads" if self.threads else "chains vectorised"
        self.device = f"{jax.devices()[0].device_kind} ({backend}), {how}"

    def advance(
        self, states: list[ChainState], target: float, rounding: Rounding
    ) -> tuple[list[ChainState], Chunk]:
        """One chunk of every chain; a target of 0 keeps the step fixed."""
        keys = jax.random.split(jax.random.fold_in(self.key, self.calls), self.chains)
        self.calls += 1
        aim = jnp.asarray(target, float)
        if not self.threads:
            stacked = jax.tree.map(lambda *x: jnp.stack(x), *states)
            stacked, chunk = self.parts.chunk_of_all(keys, stacked, aim, rounding, self.data)
            states = [jax.tree.map(lambda x, i=i: x[i], stacked) for i in range(self.chains)]
            return states, jax.tree.map(np.asarray, chunk)

        def one(i: int) -> tuple[ChainState, Chunk]:
            return jax.block_until_ready(self.parts.chunk(keys[i], states[i], aim, rounding, self.data))

        with ThreadPoolExecutor(self.threads) as pool:
            results = list(pool.map(one, range(self.chains)))
        return [state for state, _ in results], _stack([chunk for _, chunk in results], np.stack)

    def warm_up(self, limit: int) -> tuple[Rounding, list[ChainState], int, bool]:
        """Adapts step and coordinates in windows that double, until they serve; the last value says whether they do."""
        geometry = self.parts.geometry
        rounding = _on_device(geometry.find(self.data))
        positions = [self._start(rounding) for _ in range(self.chains)]
        step, target, done, window = 0.5, TARGET_ACCEPTANCE, 0, 2 * CHUNK
        while True:
            states = [initial_state(geometry, x, step, rounding, self.data) for x in positions]
            chunks = []
            for _ in range(window // CHUNK):
                states, chunk = self.advance(states, target, rounding)
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
    ) -> tuple[Rounding, list[ChainState]]:
        """Coordinates fitted to these draws, and steps adapted to a new target."""
        pooled = chunks.position.reshape(-1, chunks.position.shape[-1])
        rounding, positions, step = self._adapted(pooled, states, rounding)
        states = [initial_state(self.parts.geometry, x, step, rounding, self.data) for x in positions]
        for done in range(1, 5):
            states, _ = self.advance(states, target, rounding)
            self.progress("careful warm-up", done * CHUNK, 4 * CHUNK)
        return rounding, [averaged(state) for state in states]

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

    def draw(self, states: list[ChainState], rounding: Rounding, draws: int) -> Chunk:
        """Chunks with a fixed step, joined along the draws."""
        chunks: list[Chunk] = []
        while (done := len(chunks) * CHUNK) < draws:
            self.progress("draws", done, draws)
            states, chunk = self.advance(states, 0.0, rounding)
            chunks.append(chunk)
        self.progress("draws", draws, draws)
        return _stack(chunks, lambda parts: np.concatenate(parts, axis=1))


def _stack(chunks: list[Chunk], join: Callable[[list[Any]], Any]) -> Chunk:
    return jax.tree.map(lambda *parts: join([np.asarray(p) for p in parts]), *chunks)


def _on_device(rounding: Rounding) -> Rounding:
    return jax.tree.map(lambda x: jnp.asarray(x, float), rounding)


def _agree(chunks: Chunk) -> bool:
    """Whether draws hardly diverge and split R-hat is small for every round coordinate."""
    chains, draws, n = chunks.position.shape
    halves = chunks.position[:, : draws // 2 * 2].reshape(chains * 2, -1, n)
    between = halves.mean(1).var(0, ddof=1)
    within = halves.var(1, ddof=1).mean(0)
    # R-hat of about 1.01, and what so many independent draws would differ by.
    return bool(
        chunks.diverging.mean() <= 0.001 and np.all(between <= (0.015 + 3 / halves.shape[1]) * within)
    )


def _shrunk(positions: np.ndarray) -> np.ndarray:
    """Covariance of pooled draws, drawn towards the identity as far as their number asks for."""
    count, n = positions.shape
    pull = 2 * n / (count + 2 * n)
    return (1 - pull) * np.cov(positions.T).reshape(n, n) + pull * np.eye(n)


def _round(covariance: np.ndarray) -> bool:
    values = np.linalg.eigvalsh(covariance)
    return bool(values[0] > 0.1 and values[-1] < 10.0)
