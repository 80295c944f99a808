"""Leave-one-out over configurations: by Pareto-smoothed importance sampling, or by refits where k is too large."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.model.data import model_data
from bayes_scaling.sampling.progress import Report, progress_bar

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.sampling.job import Job

PRACTICAL = 4.0
"""A difference of elpd below this is no reason to prefer a model (Sivula et al. 2020, arXiv:2008.10296)."""

BAD_K = 0.7
"""Pareto-k above which importance sampling is not trusted (Vehtari et al. 2024, arXiv:1507.02646)."""


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """What a law predicts for each configuration from all the others.

    Attributes
    ----------
    log_density : ndarray, shape (configurations,)
        Log predictive density of a configuration, with all its replicates.
    pareto_k : ndarray, shape (configurations,)
        Before refits.
    p : float
        The effective number of parameters.
    refits : int
        Configurations that were left out by a refit.
    """

    log_density: np.ndarray
    pareto_k: np.ndarray
    p: float
    refits: int


def leave_one_out(
    fit: "Posterior", name: str, *, refit: bool = True, progress: bool | Report = False
) -> LeaveOneOut:
    """The leave-one-out densities of a fit; ``refit``: exactly, wherever Pareto-k is above `BAD_K`."""
    log_likelihood = fit.log_likelihood
    values, pareto_k = psis_loo(log_likelihood)
    bad = np.flatnonzero(~(pareto_k <= BAD_K)) if refit else np.array([], int)
    if len(bad):
        with progress_bar(progress, f"{name}: exact leave-one-out") as report:
            for i, (cluster, value) in enumerate(left_out(fit, bad)):
                values[cluster] = value
                if report:
                    report("refits", i + 1, len(bad))
    inside = _log_mean_exp(log_likelihood.to_numpy().reshape(-1, len(values)))
    return LeaveOneOut(values, pareto_k, float(np.sum(inside - values)), len(bad))


def psis_loo(log_likelihood: "xr.DataArray") -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out log density and Pareto-k of each configuration, from draws of dims (chain, draw, cluster)."""
    # ArviZ loads when laws are compared, and not on import.
    import arviz_stats  # noqa: F401  (gives arrays their `azstats`)

    dims = ["chain", "draw"]
    efficiency = 1.0
    if log_likelihood.sizes["chain"] > 1:  # that of the first configuration stands for all
        first = log_likelihood.isel(cluster=0).azstats.ess(sample_dims=dims, method="mean")
        efficiency = float(first) / (log_likelihood.sizes["chain"] * log_likelihood.sizes["draw"])
    with np.errstate(all="ignore"):
        density, pareto_k, _ = log_likelihood.azstats.loo(sample_dims=dims, r_eff=efficiency)
    return density.to_numpy().copy(), pareto_k.to_numpy()


def left_out(fit: "Posterior", clusters: Iterable[int]) -> Iterator[tuple[int, float]]:
    """Each configuration, and its log predictive density under the law fitted to all the others; as they come."""
    # JAX and PyMC load when something is sampled, and not on import.
    from bayes_scaling.sampling.job import Job
    from bayes_scaling.sampling.sample import sample_many

    data = model_data(fit.runs, fit.law, fit.noise)

    def jobs() -> "Iterator[Job]":
        for cluster in map(int, clusters):
            left = fit.runs.clusters == cluster
            # Weight 0 leaves a row out of the likelihood; the same compiled program serves every refit.
            kept = data | {"weight": np.where(left, 0.0, 1.0)}
            # Where clusters depend on each other, one is scored given all others.
            score = {"weight": np.ones(len(left)) if fit.noise.joint else np.where(left, 1.0, 0.0)}
            sampler = replace(fit.sampler, seed=fit.seed + 1 + cluster)
            yield Job(cluster, fit.structure, kept, sampler, score=score)

    for cluster, came in sample_many(jobs()):
        if isinstance(came, Exception):
            raise came
        log_density = came.log_likelihood[..., cluster]  # type: ignore[index]
        yield cluster, float(_log_mean_exp(log_density.ravel()))  # type: ignore[misc]


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Logarithm of the mean of exponentials over the first axis."""
    from scipy.special import logsumexp

    mixed: np.ndarray = logsumexp(values, axis=0) - np.log(len(values))
    return mixed


def least_difference(se: float) -> float:
    """The difference of elpd, of this standard error, from which on it tells two models apart."""
    return max(PRACTICAL, 2 * se)
