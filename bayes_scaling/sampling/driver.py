"""Draws from one posterior, or from many in one compiled program."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from bayes_scaling.model import Structure
from bayes_scaling.sampling.cache import use_compilation_cache
from bayes_scaling.sampling.chains import Draws, run
from bayes_scaling.sampling.cluster import drive_on
from bayes_scaling.sampling.engine import engine, hierarchical, prior_draws
from bayes_scaling.sampling.lanes import Outcome, Parallel, lanes
from bayes_scaling.sampling.padding import padded_data, padded_structure

# Posteriors of scaling laws need float64: losses differ in the fourth digit.
jax.config.update("jax_enable_x64", True)
use_compilation_cache()


@dataclass(frozen=True)
class Job:
    """One posterior to draw from.

    Attributes
    ----------
    key : hashable
        Names the job in the outcome.
    structure, data
        As `bayes_scaling.model.structure` and `model_data` give them.
    options : mapping
        draws, chains (kept per chain, and chains), max_warmup (it ends by itself once the coordinates are round;
        this many draws at most), seed, progress, and score: data that differ where the log likelihood of the
        result is computed, so that a row of weight 0 while sampling and 1 here is scored by a posterior that has
        not seen it.
    """

    key: Hashable
    structure: Structure
    data: Mapping[str, np.ndarray]
    options: Mapping[str, Any] = field(default_factory=dict)


def sample(
    structure: Structure, data: Mapping[str, np.ndarray], *, parallel: Parallel | None = None, **options: Any
) -> Draws:
    """Draws from the posterior of one model; arguments as for `Job`."""
    ((_, outcome),) = sample_many([Job(None, structure, data, options)], parallel=parallel)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def sample_many(
    jobs: Iterable[Job],
    *,
    room: Iterable[Structure] = (),
    parallel: Parallel | None = None,
    at_once: int | None = None,
    client: Any = None,
) -> Iterator[Outcome]:
    """Draws from the posteriors of many models, as they come; a job that fails gives its exception.

    Parameters
    ----------
    jobs : iterable of Job
        Taken as there is place for them.
    room : iterable of Structure
        Structures of jobs to come: those that differ in their rows alone share one program.
    parallel : {"threads", "vectorised"}, optional
        Chains over CPU threads, or those of many jobs side by side. Default: threads on a CPU, else vectorised.
    at_once : int, optional
        Jobs that are worked on at the same time, which bounds the memory.
    client : distributed.Client, optional
        Sample on the workers of a Dask cluster.
    """
    widest: dict[Structure, Structure] = {}
    for structure in room:
        kind = _without_rows(structure)
        widest[kind] = padded_structure(structure, widest.get(kind, structure))
    lengths = dict[Hashable, int]()

    def works() -> Iterator[tuple[Hashable, Structure, dict[str, np.ndarray], dict[str, Any]]]:
        for job in jobs:
            lengths[job.key] = job.structure.n_clusters
            wide = padded_structure(job.structure, widest.get(_without_rows(job.structure), job.structure))
            options = dict(job.options)
            if score := options.get("score"):
                padded = padded_data({**job.data, **score}, wide)
                options["score"] = {name: padded[name] for name in score}
            yield job.key, wide, padded_data(job.data, wide), options

    if client is None:
        over = lanes(parallel)
        runs = ((key, run(wide, data, **options)) for key, wide, data, options in works())
        outcomes: Iterator[Outcome] = over.drive(runs, at_once)
    else:
        asked = ((key, wide, data, options | {"parallel": parallel}) for key, wide, data, options in works())
        outcomes = drive_on(client, asked, at_once)
    # The order in which BLAS adds depends on its threads: with one, one seed gives the same draws on any number.
    with threadpool_limits(1, "blas"):
        for key, outcome in outcomes:
            count = lengths.pop(key)
            if isinstance(outcome, Draws):
                kept = outcome.log_likelihood[..., :count]
                outcome = replace(outcome, log_likelihood=kept, device=outcome.device or over.how)
            yield key, outcome


def draw_prior(structure: Structure, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Named quantities drawn from the prior of the model, arrays of leading shape (draws,)."""
    # The prior does not ask how many rows there are: models that differ in them alone share what is compiled.
    slim = replace(structure, n_rows=1, n_clusters=1)
    return prior_draws(engine(slim, hierarchical(slim)), draws, seed)


def _without_rows(structure: Structure) -> Structure:
    return replace(structure, n_rows=0, n_clusters=0)
