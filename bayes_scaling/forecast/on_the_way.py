"""A registered forecast and a course together: losses on the way, and the end given a curve so far."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayes_scaling.forecast.course import Course

_WITHIN = 8
"""Values that one value of a card is split into: neighbours are interpolated."""

_BEYOND = np.exp(-np.arange(1, 3201) / 16)
"""Chances of the values beyond the outermost, over those of the outermost: tails fall exponentially."""

_NORMAL = 199
"""Equally likely values that a normal distribution is."""


class Weighted(NamedTuple):
    """Rising values with weights that sum to 1, both of shape (n,)."""

    values: np.ndarray
    weights: np.ndarray

    @property
    def middle(self) -> float:
        """The mean."""
        return float(self.weights @ self.values)

    @property
    def variance(self) -> float:
        """The variance of a normal distribution with these 5% and 95% quantiles, whatever the tails."""
        low, high = np.interp([0.05, 0.95], np.cumsum(self.weights), self.values)
        return float(high - low) ** 2 / 10.82

    def equally_likely(self, count: int) -> np.ndarray:
        """So many quantiles."""
        level = np.cumsum(self.weights) - self.weights / 2
        return np.asarray(np.interp((np.arange(count) + 0.5) / count, level, self.values))


def prior(log_values: np.ndarray) -> Weighted:
    """Equally likely values, in order, as a distribution: with values between them, and tails beyond.

    A tail falls by the rate at which the outer twentieth does, so that a curve may lead where no value of a card lies.
    """
    n = len(log_values)
    levels = (np.arange(n) + 0.5) / n
    fine = np.linspace(levels[0], levels[-1], _WITHIN * n + 1)
    inner = np.interp((fine[1:] + fine[:-1]) / 2, levels, log_values)
    low, high = np.quantile(log_values, [[0.05, 0.005], [0.95, 0.995]], axis=0)
    out = -np.log(_BEYOND)
    chance = -np.diff(np.concatenate([[1.0], _BEYOND])) / n / 2
    scale = np.maximum([low[0] - low[1], high[1] - high[0]], 1e-9) / np.log(10)
    below = log_values[0] - scale[0] * out
    above = log_values[-1] + scale[1] * out
    weights = np.concatenate([chance[::-1], np.full(len(inner), (1 - 1 / n) / len(inner)), chance])
    return Weighted(np.concatenate([below[::-1], inner, above]), weights / weights.sum())


def posterior(before: Weighted, mean: float, sd: float) -> Weighted:
    """The distribution once something else has said that the value is normal."""
    log_weight = np.log(before.weights) - 0.5 * ((before.values - mean) / sd) ** 2
    weights = np.exp(log_weight - log_weight.max())
    return Weighted(before.values, weights / weights.sum())


def on_the_way(log_values: np.ndarray, course: Course, progress: float) -> np.ndarray:
    """Equally likely log losses at some progress, shape (n,), of a run that ends at these log losses."""
    before = prior(log_values)
    offset, slope, covariance = course.given_end(np.array([progress]), before.middle, before.variance)
    return np.sort((slope * log_values[:, None] + offset + np.sqrt(covariance[0, 0]) * _normal()).ravel())


def quantile_there(before: Weighted, course: Course, progress: float, log_loss: float) -> float:
    """The probability of less than a log loss at some progress."""
    from scipy.special import ndtr  # slow to load

    offset, slope, covariance = course.given_end(np.array([progress]), before.middle, before.variance)
    return float(
        before.weights @ ndtr((log_loss - slope * before.values - offset) / np.sqrt(covariance[0, 0]))
    )


def ahead(
    log_values: np.ndarray,
    before: Weighted,
    course: Course,
    read: np.ndarray,
    log_loss: np.ndarray,
    progress: float,
) -> np.ndarray:
    """Equally likely log losses at a later progress, shape (n,), given the curve that was read and where it may end.

    Parameters
    ----------
    log_values : ndarray, shape (values,)
        Equally likely ends, given the curve.
    before : Weighted
        Ends as they were forecast.
    course : Course
    read, log_loss : ndarray, shape (points,)
    progress : float
    """
    n = len(read)
    offset, slope, covariance = course.given_end(np.append(read, progress), before.middle, before.variance)
    gain = np.linalg.solve(covariance[:n, :n], covariance[:n, n])
    left = max(float(covariance[n, n] - gain @ covariance[:n, n]), 0.0)
    line = slope * log_values[:, None] + offset
    middle = line[:, n] + (log_loss - line[:, :n]) @ gain
    return np.sort((middle[:, None] + np.sqrt(left) * _normal()).ravel())


def _normal() -> np.ndarray:
    from scipy.special import ndtri  # slow to load

    return np.asarray(ndtri((np.arange(_NORMAL) + 0.5) / _NORMAL))
