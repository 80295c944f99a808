"""Draws from one posterior, or from many in one compiled program."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.chains import run
from bayes_scaling.sampling.dask import drive_on
from bayes_scaling.sampling.device import device_failed
from bayes_scaling.sampling.draws import Draws
from bayes_scaling.sampling.engine import engine, prior_draws
from bayes_scaling.sampling.executors import Outcome, executor
from bayes_scaling.sampling.job import Job
from bayes_scaling.sampling.padding import cluster_places, largest, padded_data, padded_structure
from bayes_scaling.sampling.settings import Parallel

if TYPE_CHECKING:
    from distributed import Client


def sample(job: Job) -> Draws:
    """Draws from the posterior of one model."""
    ((_, outcome),) = sample_many([job], parallel=job.sampler.parallel)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def sample_many(
    jobs: Iterable[Job],
    *,
    to_come: Iterable[Structure] = (),
    parallel: Parallel | None = None,
    at_once: int | None = None,
    client: "Client | None" = None,
) -> Iterator[Outcome]:
    """Draws from the posteriors of many models, as they come; a job that fails gives its exception.

    Parameters
    ----------
    jobs : iterable of Job
        Taken as others finish.
    to_come : iterable of Structure
        Structures of jobs to come: those that differ in their rows alone share one program.
    parallel : {"threads", "vectorised"}, optional
        Chains over CPU threads, or those of many jobs side by side. Default: threads on a CPU, else vectorised.
    at_once : int, optional
        Jobs that are worked on at the same time, which bounds the memory.
    client : distributed.Client, optional
        Sample on the workers of a Dask cluster.
    """
    widest: dict[Structure, Structure] = {}
    for structure in to_come:
        kind = _without_rows(structure)
        widest[kind] = largest(structure, widest.get(kind, structure))
    places = dict[Hashable, np.ndarray]()

    def padded() -> Iterator[Job]:
        for job in jobs:
            wide = padded_structure(job.structure, widest.get(_without_rows(job.structure), job.structure))
            places[job.key] = cluster_places(job.data, wide)
            scored = padded_data({**job.data, **job.score}, wide)
            score = {name: scored[name] for name in job.score}
            yield replace(job, structure=wide, data=padded_data(job.data, wide), score=score)

    if client is None:
        over = executor(parallel)
        runs = ((job.key, run(job)) for job in padded())
        outcomes: Iterator[Outcome] = over.drive(runs, at_once)
    else:
        outcomes = drive_on(client, padded(), parallel, at_once)
    # The order in which BLAS adds depends on its threads: with one, one seed gives the same draws on any number.
    with threadpool_limits(1, "blas"):
        for key, outcome in outcomes:
            place = places.pop(key)
            if isinstance(outcome, Draws):
                kept = outcome.log_likelihood[..., place]
                mixing = outcome.mixing if outcome.mixing is None else outcome.mixing[..., place]
                how = outcome.device or over.how
                outcome = replace(outcome, log_likelihood=kept, mixing=mixing, device=how)
            elif isinstance(outcome, jax.errors.JaxRuntimeError) and jax.default_backend() != "cpu":
                outcome = device_failed(outcome)
            yield key, outcome


def draw_prior(structure: Structure, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Named quantities drawn from the prior of the model, arrays of leading shape (draws,)."""
    # The prior does not ask how many rows there are: models that differ in them alone share what is compiled.
    slim = replace(structure, n_rows=1, n_clusters=1, alike=False, box=(0, 0))
    unit = np.array([prior.unit for prior in structure.priors.values()])
    return prior_draws(engine(slim.plain), draws, seed, unit)


def _without_rows(structure: Structure) -> Structure:
    return replace(structure.plain, n_rows=0, n_clusters=0, box=(0, 0))
