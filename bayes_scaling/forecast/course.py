"""How a run's loss lies above its own end along the way: one Gaussian process over progress, as a card keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayes_scaling.data.trajectories import NEAR, Schedule

SHOWN_AT = (0.1, 0.25, 0.5, 0.75)
"""Progress at which a card has intervals."""

APART = 0.15
"""Shares of the peak of the learning rate that differ by more are of two schedules."""

_TINY = 1e-5
"""Standard deviation of a log loss that is rounded: it keeps covariances positive definite."""


@dataclass(frozen=True, eq=False)
class Course:
    """The log of the loss at some progress over the loss at the end, of one run.

    Attributes
    ----------
    progress : tuple of float, length n
        Rising, the last 1.
    mean : tuple of float, length n
    covariance : tuple of tuples of float, n x n
    white : float
        Standard deviation that one evaluation has for itself, times the log of 1 / progress.
    knots : tuple of float
        The progress at which curves were read, and at which that of the run is read.
    runs : int
        Of the history.
    history : str
        What it is called.
    metric : str
    data : str
        SHA-256 of what was read of it.
    beyond : float
        Powers of ten in compute that the run lies beyond the history.
    warnings : tuple of str
    schedule : tuple of float, length n
        The learning rate of the history as a share of its peak, where half of its runs or more logged it; else empty.
    end_variance : float
        Of the log loss at the end between runs of one size, length and group: what no law foresees.
    of_end : tuple of float, length n
        The share of that which the curve does not show yet.
    """

    progress: tuple[float, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    white: float
    knots: tuple[float, ...]
    runs: int
    history: str
    metric: str
    data: str
    beyond: float
    warnings: tuple[str, ...] = ()
    schedule: tuple[float, ...] = ()
    end_variance: float = 0.0
    of_end: tuple[float, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Course:
        """A course from what `asdict` made, lists for tuples; `TypeError` or `KeyError` for anything else."""
        plain: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in values.items()}
        plain["covariance"] = tuple(map(tuple, values["covariance"]))
        return cls(**plain)

    @property
    def start(self) -> float:
        """The progress before which nothing is known."""
        return self.progress[0]

    @cached_property
    def _covariance(self) -> np.ndarray:
        return np.array(self.covariance)

    def at(self, progress: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean, shape (points,), and covariance, (points, points), of log ratios as they are observed."""
        rows = np.array([self._along(each, progress) for each in np.eye(len(self.progress))])
        own = np.diag((self.white * _before(progress)) ** 2 + _TINY**2)
        return np.array(self.mean) @ rows, rows.T @ self._covariance @ rows + own

    def _along(self, values: np.ndarray, progress: np.ndarray) -> np.ndarray:
        """Values at the course's own progress, shape (n,), between those at some progress, shape (points,)."""
        return np.asarray(np.interp(-_before(progress), -_before(np.array(self.progress)), values))

    def other_schedule(self, schedule: Schedule | None, until: float) -> str:
        """How a learning rate departs from that of the history until some progress, in a sentence, or nothing."""
        if schedule is None or not self.schedule:
            return ""
        at = np.array(self.progress)
        mine, theirs = schedule.at(at), np.array(self.schedule)
        apart = np.where(at <= until * NEAR, np.abs(mine - theirs), np.nan)
        if not np.nanmax(apart, initial=0.0) > APART:
            return ""
        worst = int(np.nanargmax(apart))
        return (
            f"the learning rate is at {mine[worst]:.0%} of its peak at {at[worst]:.0%} of training, and in the history "
            f"at {theirs[worst]:.0%}: the schedule is another one, and what is said here rests on that of the history"
        )

    def given_end(
        self, progress: np.ndarray, middle: float, variance: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log losses on the way as a line in the log loss at the end: offset and slope, (points,), and covariance.

        Part of what a forecast of the end leaves open is scatter between like runs, of which a curve shows little at
        first: the lower such an end, the further the curve lies above it.

        Parameters
        ----------
        progress : ndarray, shape (points,)
        middle, variance : float
            Of the log loss at the end, as it was forecast.
        """
        mean, covariance = self.at(progress)
        scatter = min(self.end_variance, variance)
        hidden = self._along(np.array(self.of_end or np.zeros(len(self.mean))), progress)
        pull = scatter / variance * hidden
        return mean + pull * middle, 1 - pull, covariance - scatter**2 / variance * np.outer(hidden, hidden)

    def end(
        self, progress: np.ndarray, log_loss: np.ndarray, middle: float = 0.0, variance: float = np.inf
    ) -> tuple[float, float]:
        """What a curve says of its end alone: mean and standard deviation of the log loss there.

        Parameters
        ----------
        progress, log_loss : ndarray, shape (points,)
        middle, variance : float
            As for `given_end`; by default nothing is known of the end.
        """
        offset, slope, covariance = self.given_end(progress, middle, variance)
        weights = np.linalg.solve(covariance, slope)
        precision = max(float(weights @ slope), 1e-12)
        return float(weights @ (log_loss - offset)) / precision, precision**-0.5


def _before(progress: np.ndarray) -> np.ndarray:
    """The log of 1 / progress: how far before the end."""
    return -np.log(progress)
