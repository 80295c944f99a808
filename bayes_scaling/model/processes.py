"""Gaussian processes along the scale of runs, and the basis in which a table sees them.

A table of n runs sees little of a smooth process: a few leading eigenvectors of its covariance. In their basis a
likelihood costs no more than a regression on as many columns. At other places a process goes on from there by its
kernel (Nystrom's formula), and what the table leaves open of it is drawn anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

type Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Covariance of places (n, coordinates) and others (m, coordinates), shape (n, m)."""

type Places = tuple[np.ndarray, ...]
"""Coordinates of places for each process, (n, coordinates) each."""

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
    """A sum of independent processes, each times an amplitude, as the runs of one group see it.

    The basis of the runs is that of the sum: the leading eigenvectors U of its covariance at usual amplitudes. In it
    each process k has the covariance ``roots_k roots_k'``, for weights ``b_k ~ N(0, I)`` of its own.

    Attributes
    ----------
    kernels : tuple of callable
    places : tuple of ndarray, shape (n, coordinates)
        Of the runs, for each kernel.
    usual : tuple of float
        Amplitudes at which the sum has its leading eigenvectors.
    rank : int
        Of the basis.
    ranks : tuple of int
        Of each process.
    """

    kernels: tuple[Kernel, ...]
    places: Places
    usual: tuple[float, ...]
    rank: int
    ranks: tuple[int, ...]

    @cached_property
    def distinct(self) -> Places:
        """The places without repetitions, which say nothing more of a process."""
        together = np.hstack(self.places)
        _, first = np.unique(together, axis=0, return_index=True)
        return tuple(at[first] for at in self.places)

    @cached_property
    def _sum(self) -> np.ndarray:
        """U over its eigenvalues, (places, rank): the matrix that makes the basis of a covariance with the places."""
        at = self.distinct
        roots = np.zeros((len(at[0]), self.rank))
        if len(at[0]):
            covariance = sum(a**2 * k(x, x) for a, k, x in zip(self.usual, self.kernels, at, strict=True))
            values, vectors = _leading(np.asarray(covariance), self.rank)
            roots[:, : len(values)] = vectors / values
        return roots

    @cached_property
    def _vectors(self) -> np.ndarray:
        """U, (places, rank)."""
        return self.at(self.distinct)

    def at(self, places: Places) -> np.ndarray:
        """The basis at some places, shape (n, rank)."""
        pairs = zip(self.usual, self.kernels, places, self.distinct, strict=True)
        covariance = sum(a**2 * k(x, seen) for a, k, x, seen in pairs)
        basis: np.ndarray = np.asarray(covariance) @ self._sum
        return basis

    @cached_property
    def _eigen(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each process in the basis: eigenvalues, (rank of it,), and eigenvectors, (rank, rank of it)."""
        u, found = self._vectors, []
        for kernel, at, rank in zip(self.kernels, self.distinct, self.ranks, strict=True):
            values, vectors = _leading(u.T @ kernel(at, at) @ u, rank)
            found.append((values, vectors))
        return found

    @property
    def roots(self) -> np.ndarray:
        """A root of each process's covariance in the basis, side by side, shape (rank, sum of ranks)."""
        parts = []
        for (values, vectors), rank in zip(self._eigen, self.ranks, strict=True):
            part = np.zeros((self.rank, rank))
            part[:, : len(values)] = vectors * np.sqrt(values)
            parts.append(part)
        return np.hstack(parts)

    def parts_of(self, k: int, places: np.ndarray) -> np.ndarray:
        """What one unit of each weight adds to a process at some places, shape (n, rank of it)."""
        values, vectors = self._eigen[k]
        part = np.zeros((len(places), self.ranks[k]))
        covariance = self.kernels[k](places, self.distinct[k]) @ self._vectors
        part[:, : len(values)] = covariance @ vectors / np.sqrt(values)
        return part

    def projection(self, k: int) -> np.ndarray:
        """From a process at the distinct places to its weights, shape (rank of it, places)."""
        values, vectors = self._eigen[k]
        found = np.zeros((self.ranks[k], len(self.distinct[k])))
        found[: len(values)] = (self._vectors @ vectors / np.sqrt(values)).T
        return found


def _leading(covariance: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues, at most ``rank`` of them and none that is rounding, and their vectors in columns."""
    if not covariance.size:
        return np.zeros(0), np.zeros((len(covariance), 0))
    values, vectors = np.linalg.eigh(covariance)
    chosen = np.argsort(values)[::-1][:rank]
    chosen = chosen[values[chosen] > _SMALLEST * max(float(values.max()), 1e-300)]
    return values[chosen], vectors[:, chosen]
