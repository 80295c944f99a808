"""How far the chains of a run disagree: what decides whether it draws on."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

TAILS = (0.05, 0.95)
"""The quantiles whose effective draws count for the tails, as in the paper: the bounds of 90% intervals."""


def worst_r_hat(draws: Mapping[str, np.ndarray]) -> float:
    """The worst rank-normalised split R-hat, of location or of spread, over quantities of shape (chain, draw, ...).

    As in Vehtari et al. 2021, arXiv:1903.08008; a quantity that never moves, or is not finite, counts as infinite.
    """
    return max(float(_r_hat(_two_at_least(values), "rank").max()) for values in draws.values())


def fewest_effective(draws: Mapping[str, np.ndarray]) -> float:
    """The fewest effective draws, of bulk or tails (5% and 95%), over quantities of shape (chain, draw, ...).

    As in Vehtari et al. 2021, arXiv:1903.08008; a quantity that never moves does not count.
    """
    # ArviZ loads xarray and pandas, which the sampler does not need before.
    from arviz_stats.base.array import array_stats

    fewest = np.inf
    for values in draws.values():
        if not np.all(np.isfinite(values)):
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            bulk = array_stats.ess(values, chain_axis=0, draw_axis=1, method="bulk")
            tails = array_stats.ess(values, chain_axis=0, draw_axis=1, method="tail", prob=TAILS)
        fewest = np.fmin(fewest, np.fmin.reduce(np.ravel([bulk, tails])))
    return float(fewest)


def r_hat_below(positions: np.ndarray, limit: float) -> bool:
    """Whether split R-hat of every coordinate is at most this, beside what so many independent draws differ by.

    Parameters
    ----------
    positions : ndarray, shape (chain, draw, coordinate)
    limit : float
    """
    allowance = 2 * (limit - 1) + 2 / (positions.shape[1] // 2)
    return bool(np.all(_r_hat(positions, "split") ** 2 <= 1 + allowance))


def _r_hat(x: np.ndarray, method: Literal["rank", "split"]) -> np.ndarray:
    """R-hat of each quantity, infinite where there is none; shape as ``x`` without chain and draw."""
    # ArviZ loads xarray and pandas, which the sampler does not need before.
    from arviz_stats.base.array import array_stats

    if not np.all(np.isfinite(x)):
        return np.full(x.shape[2:], np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):  # of a quantity that never moves
        r_hat = array_stats.rhat(x, chain_axis=0, draw_axis=1, method=method)
    return np.where(np.isnan(r_hat), np.inf, r_hat)


def _two_at_least(x: np.ndarray) -> np.ndarray:
    """The chains, or the halves of a single one: ArviZ ranks no fewer than two."""
    half = x.shape[1] // 2
    return x if len(x) > 1 else np.concatenate([x[:, :half], x[:, -half:]])
