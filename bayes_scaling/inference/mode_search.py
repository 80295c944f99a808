"""The mode of a posterior: a law with independent Student-t noise, priors and all, in a few milliseconds."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.laws.base import Law

STEP = 1e-6
"""Of differences, in spreads of the priors."""


class Found(NamedTuple):
    """Where the posterior density is highest.

    Attributes
    ----------
    cost : float
        Minus its logarithm there, but for a constant that is the same for all laws of as many runs.
    parameters : dict of str to float
    sigma : float
    """

    cost: float
    parameters: dict[str, float]
    sigma: float


def search(
    runs: Runs, law: Law, kept: np.ndarray, *, nu: float, start: Mapping[str, float], sigma: float
) -> Found:
    """The mode of one law for some of the runs.

    Parameters
    ----------
    runs : Runs
    law : Law
    kept : ndarray of bool, shape (runs,)
    nu : float
        Degrees of freedom of the noise.
    start : mapping of str to float
        Where the search begins; a parameter that is not named begins at the middle of its prior.
    sigma : float
        Likewise, of the noise.
    """
    from scipy.optimize import minimize  # loads when a mode is asked for, and not on import

    priors, log_loss = law.priors, runs.log_loss[kept]
    inputs = [runs.column(c)[kept] / runs.reference[c] for c in law.columns]

    def natural(z: np.ndarray) -> dict[str, np.ndarray]:
        return {name: p.at(x) for (name, p), x in zip(priors.items(), z, strict=True)}

    def costs(z: np.ndarray) -> np.ndarray:
        """The costs of many points, shape (coordinates, points)."""
        log_sigma = z[-1][:, None]
        with np.errstate(all="ignore"):
            law_at = law(*inputs, **{name: x[:, None] for name, x in natural(z[:-1]).items()})
            away = (log_loss - np.log(law_at)) / np.exp(log_sigma)
        of_runs = np.sum(log_sigma + (nu + 1) / 2 * np.log1p(away**2 / nu), axis=1)
        total = 0.5 * np.sum(z[:-1] ** 2, axis=0) + of_runs
        return np.where(np.isfinite(total), total, 1e12)

    def cost_and_slope(z: np.ndarray) -> tuple[float, np.ndarray]:
        # All differences in one call of the law: a law is a Python function, and arrays cost it no more than numbers.
        steps = STEP * np.eye(len(z))
        at_all = costs(z[:, None] + np.hstack([np.zeros((len(z), 1)), steps, -steps]))
        above, below = np.split(at_all[1:], 2)
        return float(at_all[0]), (above - below) / (2 * STEP)

    begun = [float(p.offset(start[name])) if name in start else 0.0 for name, p in priors.items()]
    bounds = [(-8, 8)] * len(begun) + [(-12, 3)]
    best = minimize(cost_and_slope, [*begun, np.log(sigma)], jac=True, method="L-BFGS-B", bounds=bounds)
    parameters = {name: float(x) for name, x in natural(best.x[:-1]).items()}
    return Found(float(best.fun), parameters, float(np.exp(best.x[-1])))
