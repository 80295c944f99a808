"""Effective speedups, draw by draw, and how likely a further rung is to settle what to do."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.laws.derivatives import endless

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

_REACH, _PER_DECADE = 1e3, 12
"""How far beyond the budgets the baseline's curve is laid out, as a factor, and its steps of a tenfold."""

_LARGEST = 1e3
"""Speedups beyond this factor, either way, count as this much where variances are taken."""


def baseline_budget(
    fit: "Posterior",
    baseline: str,
    curve: "Callable[[np.ndarray], xr.DataArray]",
    budgets: np.ndarray,
    loss: "xr.DataArray",
) -> "xr.DataArray":
    """The budget at which the baseline reaches a loss; infinite where it does not.

    Between the steps of its curve, log (L - floor) is taken for a straight line in log C: exact for a power law.

    Parameters
    ----------
    fit : Posterior
    baseline : str
    curve : callable
        Budgets, shape (steps,), -> the baseline's loss there, dims (chain, draw, point).
    budgets : ndarray, shape (points,)
    loss : xarray.DataArray
        Dims (chain, draw, group, point), as those of what comes back.
    """
    low, high = budgets.min() / _REACH, budgets.max() * _REACH
    x = np.linspace(np.log(low), np.log(high), int(np.ceil(np.log10(high / low) * _PER_DECADE)) + 1)
    draws = fit.draws(baseline)
    floor = endless(fit.law, {}, {name: draws[name] for name in fit.law.parameters}) + fit.one_per_draw
    with np.errstate(all="ignore"):
        own = np.log((curve(np.exp(x)) - floor).transpose("chain", "draw", "point").to_numpy())
        wanted = np.log((loss - floor).transpose(*loss.dims).to_numpy())
    # Where a discrepancy makes the curve rise again, the least budget counts.
    own = np.minimum.accumulate(np.nan_to_num(own, nan=-np.inf), axis=-1).reshape(-1, len(x))
    goals = wanted.reshape(len(own), -1)
    found = np.empty(goals.shape)
    for one, goal, out in zip(own, goals, found, strict=True):
        out[:] = np.interp(-goal, -one, x)
        for edge, inner, outside in ((-1, -2, goal < one[-1]), (0, 1, goal > one[0])):
            slope = (x[edge] - x[inner]) / (one[edge] - one[inner]) if one[edge] != one[inner] else -np.inf
            out[outside] = x[edge] + slope * (goal[outside] - one[edge])
    found[np.isnan(goals)] = np.inf
    with np.errstate(over="ignore"):  # a floor that is nearly reached; infinite, then
        return loss.copy(data=np.exp(found.reshape(wanted.shape)))


def settled(
    speedup: np.ndarray, shown: np.ndarray, noise: np.ndarray, threshold: float, sure: float
) -> np.ndarray:
    """The chance that one more run of variant and baseline settles on which side of the threshold the speedup is.

    Draws are taken for jointly normal: what a run shows moves the mean of log speedup and narrows it.

    Parameters
    ----------
    speedup : ndarray, shape (draws, groups)
    shown : ndarray, shape (draws, groups, rungs)
        Log loss of the variant less that of the baseline, without noise.
    noise : ndarray, shape (groups, rungs)
        Variance of this difference between two runs.
    threshold : float
    sure : float
        The probability of one side from which on it is settled.
    """
    from scipy.special import ndtr, ndtri  # loads when a gate is asked for, and not on import

    value = np.log(np.clip(speedup, 1 / _LARGEST, _LARGEST))
    above, value = value.mean(0) - np.log(threshold), value - value.mean(0)
    shown = shown - shown.mean(0)
    with_value = np.einsum("dg,dgr->gr", value, shown) / len(value)
    gain = with_value**2 / ((shown**2).mean(0) + noise)
    left = np.sqrt(np.maximum((value**2).mean(0)[:, None] - gain, 0.0))
    moves, middle, margin = np.sqrt(np.maximum(gain, 1e-300)), above[:, None], ndtri(sure) * left
    chance: np.ndarray = ndtr((middle - margin) / moves) + ndtr((-middle - margin) / moves)
    return chance
