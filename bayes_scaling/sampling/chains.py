"""One posterior: its chains from the mode to the last draw, as a generator of the work that is to be done.

A run decides (how long to warm up, when to draw again); what it asks for is done by an executor, alone or beside other
runs.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.sampling.draws import Draws
from bayes_scaling.sampling.engine import CHUNK, Engine, engine, prior_draws
from bayes_scaling.sampling.jax_model import Array, Data
from bayes_scaling.sampling.job import Job
from bayes_scaling.sampling.mixing import fewest_effective, r_hat_below, worst_r_hat
from bayes_scaling.sampling.modes import modes
from bayes_scaling.sampling.nuts import Chunk
from bayes_scaling.sampling.settings import Sampler
from bayes_scaling.sampling.transport_map import TransportMap
from bayes_scaling.sampling.warm_up import CAREFUL, Chains, along_draws
from bayes_scaling.sampling.work import Finish, Named, Work

EFFECTIVE = 400
"""Effective draws that an interval needs (Vehtari et al. 2021), of each quantity."""

LONGEST = 8
"""Chains that disagree draw up to this many times what was asked."""

LOG_LIKELIHOOD_BYTES = 256 * 2**20
"""Log likelihoods are kept for every draw, or for evenly spaced ones where all would take more than this."""


def run(job: Job) -> Work[Draws]:
    """One posterior, as a generator of work whose return value is `Draws`."""
    structure, draws = job.structure, job.sampler.draws
    data = {name: jnp.asarray(value) for name, value in job.data.items()}
    parts = engine(structure)
    # Laws of two power terms have one mode, in hundreds of simulations; with groups there are too many to look for.
    simple = parts.geometry.layout.own > 0 or structure.law.power_terms is not None
    found = None if simple else modes(parts.geometry.density(data), parts.geometry.layout.n)
    chains = Chains(parts, data, job.sampler, job.progress or (lambda *_: None), found)
    transport, states, warmup = yield from chains.warm_up(job.sampler.max_warmup)
    states, chunks = yield from chains.draw(states, transport, draws)
    # Draws that disagree much or diverge serve as one more warm-up, for smaller steps.
    for target in CAREFUL:
        if _agree(chunks) or chains.separate(chunks):
            break
        warmup += chunks.energy.shape[1] + 4 * CHUNK
        careful = max(target, job.sampler.target_accept)
        transport, states = yield from chains.adapt_again(chunks, states, transport, careful)
        states, chunks = yield from chains.draw(states, transport, draws)
    # Chains that still disagree, or say little of the tails, run on, and evenly spaced draws are kept.
    finish = partial(_finished, parts.parameters, parts.batch)
    population = _numbers_of_population(parts, job.sampler)
    spacing, kept = 1, _spaced(chunks, 1, draws)
    parameters = yield from finish(np.concatenate([kept.position, population], axis=2), transport, data)
    while not _mixed(parameters) and spacing < LONGEST and not chains.separate(chunks):
        spacing *= 2
        missing = max(1, spacing * draws - chunks.energy.shape[1])
        states, more = yield from chains.draw(states, transport, missing)
        chunks = along_draws([chunks, more])
        kept = _spaced(chunks, spacing, draws)
        parameters = yield from finish(np.concatenate([kept.position, population], axis=2), transport, data)

    known = np.concatenate([kept.position, kept.mixing], axis=2)
    scored = data | {name: jnp.asarray(value) for name, value in job.score.items()}
    thin = -(-kept.energy.size * structure.n_clusters * 8 // LOG_LIKELIHOOD_BYTES)
    log_likelihood = yield from _finished(
        parts.log_likelihood, parts.batch, known[:, ::thin], transport, data, scored
    )
    weights = None
    if parts.weight_normals:
        rng = np.random.default_rng([job.sampler.seed, 909])
        normals = rng.standard_normal((*kept.energy.shape, parts.weight_normals))
        weights = yield from _finished(
            parts.weights, parts.batch, np.concatenate([known, normals], axis=2), transport, data
        )
    stats = {name: value for name, value in kept._asdict().items() if name not in ("position", "mixing")}
    # E-BFMI compares neighbours, which spaced draws are not.
    change = np.diff(chunks.energy, axis=1, prepend=np.nan)
    stats["energy_change"] = change[:, spacing - 1 :: spacing][:, :draws]
    prior = prior_draws(parts, draws, job.sampler.seed, data["unit"])
    mixing = np.asarray(kept.mixing[:, ::thin]) if structure.noise.mixed else None
    return Draws(
        parameters, log_likelihood, thin, stats, prior, warmup, spacing, weights=weights, mixing=mixing
    )


def _finished[Value: np.ndarray | Named](
    function: Callable[..., Value], size: int, position: Array, *arguments: TransportMap | Data
) -> Work[Value]:
    """A function of every draw, arrays of leading shape (chain, draw); computed in batches of one shape."""
    flat = position.reshape(-1, position.shape[-1])
    filled = np.concatenate([flat, np.repeat(flat[-1:], -len(flat) % size, axis=0)])
    answers = yield Finish(function, np.split(filled, len(filled) // size), arguments)
    joint: Value = jax.tree.map(
        lambda *parts: np.concatenate(parts)[: len(flat)].reshape(*position.shape[:2], *parts[0].shape[1:]),
        *answers,
    )
    return joint


def _numbers_of_population(parts: Engine, sampler: Sampler) -> np.ndarray:
    """Uniform and standard normal numbers by which each draw's population is drawn, (chain, draw, 2 partial)."""
    shape = (sampler.chains, sampler.draws, parts.geometry.drawn)
    rng = np.random.default_rng([sampler.seed, 808])
    return np.concatenate([rng.random(shape), rng.standard_normal(shape)], axis=2)


def _mixed(parameters: Named) -> bool:
    """Whether R-hat is at most 1.01 and enough draws are effective, in the tails too; of fewer draws less is asked."""
    chains, draws = next(iter(parameters.values())).shape[:2]
    if worst_r_hat(parameters) > 1 + 0.01 * max(1.0, 1000 / draws):
        return False
    return bool(fewest_effective(parameters) >= min(EFFECTIVE, 0.1 * chains * draws))


def _agree(chunks: Chunk) -> bool:
    """Whether draws hardly diverge and split R-hat is small for every coordinate."""
    return bool(chunks.diverging.mean() <= 0.002) and r_hat_below(np.asarray(chunks.position), 1.03)


def _spaced(chunks: Chunk, spacing: int, draws: int) -> Chunk:
    """Every ``spacing``-th draw; of those between, divergences and steps are kept."""

    def blocks(x: Array) -> np.ndarray:
        return np.asarray(x)[:, : draws * spacing].reshape(x.shape[0], draws, spacing, *x.shape[2:])

    last: Chunk = jax.tree.map(lambda x: blocks(x)[:, :, -1], chunks)
    return last._replace(diverging=blocks(chunks.diverging).any(2), n_steps=blocks(chunks.n_steps).sum(2))
