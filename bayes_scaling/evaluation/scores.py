"""Scores of a forecast of log loss for what was reached: calibration, sharpness, log density and CRPS."""

from dataclasses import dataclass

import numpy as np

from bayes_scaling.inference.intervals import tails

SCORES = ("width", "pit", "log_density", "crps")
"""What a forecast is judged by, beside its median."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of each run, all in log loss.

    Attributes
    ----------
    median : ndarray, shape (runs,)
    width : ndarray, shape (runs,)
        Of the 90% interval.
    pit : ndarray, shape (runs,)
        Probability that the forecast gave to what was reached or less.
    log_density, crps : ndarray, shape (runs,)
    """

    median: np.ndarray
    width: np.ndarray
    pit: np.ndarray
    log_density: np.ndarray
    crps: np.ndarray


def scores_of_draws(draws: np.ndarray, y: np.ndarray) -> Scores:
    """Scores of forecasts that are given as draws.

    The log density is that of a kernel estimate: Silverman's bandwidth, and Student-t kernels of 4 degrees of freedom,
    because the tails of Gaussian ones would say of a run outside all draws what no draw has shown. The CRPS is that of
    Gneiting and Raftery 2007, equation 21.

    Parameters
    ----------
    draws : ndarray, shape (draws, runs)
        Of log loss.
    y : ndarray, shape (runs,)
        The log loss that was reached.
    """
    # SciPy's distributions load when something is scored, and not on import.
    from scipy import stats
    from scipy.special import logsumexp

    ordered = np.sort(draws, axis=0)
    count = len(draws)
    low, middle, high = np.quantile(ordered, tails(0.9), axis=0)
    quarter = np.subtract(*np.quantile(ordered, [0.75, 0.25], axis=0)) / 1.34
    width = 0.9 * np.minimum(ordered.std(0), np.where(quarter > 0, quarter, np.inf)) * count**-0.2
    scale = np.maximum(width, 1e-6) / np.sqrt(2)  # of kernels whose variance is that of Gaussian ones
    density = logsumexp(stats.t.logpdf(y, 4, loc=draws, scale=scale), axis=0) - np.log(count)
    ranks = 2 * np.arange(1, count + 1)[:, None] - count - 1
    crps = np.abs(draws - y).mean(0) - (ranks * ordered).sum(0) / count**2
    return Scores(middle, high - low, (draws < y).mean(0), density, crps)
