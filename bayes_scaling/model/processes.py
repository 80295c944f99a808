"""Gaussian processes along the scale of runs, and the basis in which a table sees them.

A table of n runs sees little of a smooth process: a few leading eigenvectors of its covariance. In them a likelihood
costs no more than a regression on as many columns. At other points a process goes on from there by its
kernel (Nystrom's formula), and what the table leaves open of it is drawn anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

type Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Covariance of points (n, coordinates) and others (m, coordinates), shape (n, m)."""

type Points = tuple[np.ndarray, ...]
"""Coordinates of points for each process, (n, coordinates) each."""

_SMALLEST = 1e-10
"""Eigenvalues below this share of the largest are rounding."""


def integrated_brownian(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brownian motion integrated from 0 on each side: cubic splines that go on straight where there are no data.

    Wahba 1978 (doi:10.1111/j.2517-6161.1978.tb01050.x); the slope of a path has standard deviation 1 at distance 1.
    """
    x, y = x[:, :1], y[:, 0]
    low, high = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
    together = np.sign(x) * np.sign(y) > 0
    return np.where(together, low**2 * (3 * high - low) / 6, 0.0)


def squared_exponential(length: float) -> Kernel:
    """The kernel exp(-d^2 / (2 length^2)): paths that are smooth over a length and forgotten beyond a few."""

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        squared = np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=2)
        covariance: np.ndarray = np.exp(-squared / (2 * length**2))
        return covariance

    return kernel


@dataclass(frozen=True, eq=False)
class Basis:
    """Independent processes as the runs of one group see them: the leading eigenvectors of each, side by side.

    Attributes
    ----------
    kernels : tuple of callable
    points : tuple of ndarray, shape (n, coordinates)
        Of the runs, for each kernel.
    ranks : tuple of int
        How many functions of each process there are. Its weights in them are independent standard normals.
    """

    kernels: tuple[Kernel, ...]
    points: Points
    ranks: tuple[int, ...]

    @cached_property
    def distinct(self) -> Points:
        """The points without repetitions, which say nothing more of a process."""
        together = np.hstack(self.points)
        _, first = np.unique(together, axis=0, return_index=True)
        return tuple(at[first] for at in self.points)

    @cached_property
    def _eigen(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Eigenvalues, (rank,), and eigenvectors, (points, rank), of each process at the distinct points."""
        return [
            _leading(kernel(at, at), rank)
            for kernel, at, rank in zip(self.kernels, self.distinct, self.ranks, strict=True)
        ]

    def at(self, points: Points) -> np.ndarray:
        """The functions of all processes at some points, shape (n, sum of ranks)."""
        return np.hstack([self.of_process(k, at) for k, at in enumerate(points)])

    def of_process(self, k: int, points: np.ndarray) -> np.ndarray:
        """The functions of one process at some points, shape (n, rank of it)."""
        values, vectors = self._eigen[k]
        found = np.zeros((len(points), self.ranks[k]))
        found[:, : len(values)] = self.kernels[k](points, self.distinct[k]) @ vectors / np.sqrt(values)
        return found

    def projection(self, k: int) -> np.ndarray:
        """From a process at the distinct points to its weights, shape (rank of it, points)."""
        values, vectors = self._eigen[k]
        found = np.zeros((self.ranks[k], len(self.distinct[k])))
        found[: len(values)] = (vectors / np.sqrt(values)).T
        return found


def _leading(covariance: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues, at most ``rank`` of them and none that is rounding, and their vectors in columns."""
    if not covariance.size:
        return np.zeros(0), np.zeros((len(covariance), 0))
    values, vectors = np.linalg.eigh(covariance)
    chosen = np.argsort(values)[::-1][:rank]
    chosen = chosen[values[chosen] > _SMALLEST * max(float(values.max()), 1e-300)]
    return values[chosen], vectors[:, chosen]
