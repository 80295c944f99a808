"""Runs whose loss rises again at the end of the data, where the law goes on falling."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.inference.residuals import have_residuals, residuals
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.derivatives import local_slope

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

SURE = 3.0
"""Standard errors above 0 from which on a slope rises."""

RISES = 0.01
"""A slope of log loss in the logarithm of an input, at most which a rise is too small to matter (.7% per doubling)."""

FREE = 4
"""Configurations beyond its coefficients that a law with a parabola must have."""

TIMES, STEP, TINY = 4, 1e-4, 1e-9
"""Fits, each weighted by what the last one left; of differences, in spreads of the priors; the least noise."""


class _Runs(NamedTuple):
    """The runs of one law: inputs by column, in multiples of the reference, and log losses."""

    inputs: dict[str, np.ndarray]
    log_loss: np.ndarray
    squares: np.ndarray  # (runs, columns that vary), of the logarithms of inputs from their medians


def turning(fit: "Posterior") -> Iterator[str]:
    """A sentence for each group and resource at whose upper end losses rise; for laws of losses that fall.

    The slope there is that of the law times the exponential of a parabola in the logarithm of each input, both fitted
    at once: a law that is fitted alone takes up a part of the turn.
    """
    if not have_residuals(fit) or fit.law.rises:
        return
    unit = fit.runs.group_index if fit.hierarchical else np.zeros(len(fit.runs), int)
    medians = fit.posterior[[*fit.law.priors]].median(("chain", "draw"))
    for i in np.unique(unit):
        own = medians.isel(group=i) if "group" in medians.dims else medians
        start = {str(name): float(value) for name, value in own.items()}
        for column, slope, error in _rises(fit, unit == i, start):
            where = f" of {fit.groups[i]}" if fit.hierarchical else ""
            yield (
                f"the response{where} turns and rises with {column} at the end of the data "
                f"({np.expm1(slope * np.log(2)):+.1%} per doubling, {slope / error:.1f} standard errors), where law "
                f"{fit.law.name!r} falls: its forecasts go the other way; look whether these runs were tuned and had "
                "data enough (epochs), and leave them out or take a law that can turn"
            )


def _rises(fit: "Posterior", own: np.ndarray, start: dict[str, float]) -> Iterator[tuple[str, float, float]]:
    """Columns whose slope at the upper end is above 0, that slope, and its standard error; of these runs."""
    law, runs = fit.law, fit.runs
    at = {c: runs.column(c)[own] / fit.reference[c] for c in law.columns}
    away = {c: np.log(x / np.median(x)) for c, x in at.items() if np.ptp(x) > 1e-9 * x.max()}
    if not away:
        return
    squares = np.column_stack([x**2 for x in away.values()])
    design = np.column_stack([np.ones(own.sum()), *away.values(), squares])
    left = len(np.unique(runs.configurations[own])) - len(law.priors) - len(away)
    if left < FREE or np.linalg.matrix_rank(design) < design.shape[1]:
        return
    nu = float(fit.noise.degrees_of_freedom(fit.posterior).median())
    z, covariance = _with_parabola(
        law, _Runs(at, runs.log_loss[own], squares), start, residuals(fit).of_loss[own], nu, left
    )
    bent = dict(zip(away, z[len(start) :], strict=True))
    around = z[:, None] + STEP * np.hstack([np.zeros((len(z), 1)), np.eye(len(z))])
    for letter, column in zip(law.inputs, law.columns, strict=True):
        if letter not in law.resources or not bent.get(column, 0.0) > 0:
            continue
        there = {a: np.median(at[c]) for a, c in zip(law.inputs, law.columns, strict=True)}
        there[letter] = at[column].max()
        along = 2 * away[column].max() * around[len(start) + [*away].index(column)]
        slopes = local_slope(law, there, _parameters(law, around), letter) + along
        by = (slopes[1:] - slopes[0]) / STEP
        slope, error = float(slopes[0]), float((by @ covariance @ by) ** 0.5)
        if slope > max(RISES, SURE * error):
            yield column, slope, error


def _parameters(law: Law, z: np.ndarray) -> dict[str, np.ndarray]:
    """The law's parameters at standard normal offsets from their priors, of shape (coordinates, ...)."""
    return {name: p.at(x) for (name, p), x in zip(law.priors.items(), z, strict=False)}


def _with_parabola(
    law: Law, runs: _Runs, start: dict[str, float], rest: np.ndarray, nu: float, left: int
) -> tuple[np.ndarray, np.ndarray]:
    """A law and a parabola under Student-t noise and the law's priors: offsets and coefficients, and their covariance.

    Least squares, each weighted by the residuals of the one before, so that an outlier bends nothing; ``rest`` are the
    first residuals.
    """
    from scipy.optimize import least_squares  # loads when a fit is diagnosed, and not on import

    n, z = len(start), np.zeros(len(start) + runs.squares.shape[1])
    z[:n] = [p.offset(start[name]) for name, p in law.priors.items()]
    sigma = max(1.5 * float(np.median(np.abs(rest))), TINY)

    def of_runs(z: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            missed = runs.log_loss - np.log(law(*runs.inputs.values(), **_parameters(law, z)))
        finite: np.ndarray = np.nan_to_num(missed - runs.squares @ z[n:], nan=1e6, posinf=1e6, neginf=-1e6)
        return finite

    for _ in range(TIMES):
        root = ((nu + 1) / (nu + (rest / sigma) ** 2)) ** 0.5
        scale = root / sigma
        found = least_squares(lambda z, scale=scale: np.append(scale * of_runs(z), z[:n]), z)
        z, rest = found.x, of_runs(found.x)
        sigma = max(float(np.sum((root * rest) ** 2) / left) ** 0.5, TINY)
    # Of the information of a normal of these weights, a Student t has (nu + 1) / (nu + 3).
    return z, np.linalg.pinv(found.jac.T @ found.jac) * (nu + 3) / (nu + 1)
