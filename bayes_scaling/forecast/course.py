"""How a run's loss lies above its own end along the way: one Gaussian process over progress, as a card keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

SHOWN_AT = (0.1, 0.25, 0.5, 0.75)
"""Progress at which a card has intervals."""

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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Course:
        """Of what `dataclasses.asdict` made, lists for tuples; `TypeError` or `KeyError` for anything else."""
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
        rows = np.array(
            [
                np.interp(-_before(progress), -_before(np.array(self.progress)), e)
                for e in np.eye(len(self.progress))
            ]
        )
        own = np.diag((self.white * _before(progress)) ** 2 + _TINY**2)
        return np.array(self.mean) @ rows, rows.T @ self._covariance @ rows + own

    def end(self, progress: np.ndarray, log_loss: np.ndarray) -> tuple[float, float]:
        """What a curve says of its end alone: mean and standard deviation of the log loss there.

        Parameters
        ----------
        progress, log_loss : ndarray, shape (points,)
        """
        mean, covariance = self.at(progress)
        weights = np.linalg.solve(covariance, np.ones(len(mean)))
        precision = float(weights.sum())
        return float(weights @ (log_loss - mean)) / precision, precision**-0.5


def _before(progress: np.ndarray) -> np.ndarray:
    """The log of 1 / progress: how far before the end."""
    return -np.log(progress)
