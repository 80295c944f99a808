"""The arrays of a transport map, what they do to coordinates, and how they are fitted to draws.

    xi -> eta = center + factor xi -> x = location + axes (exp(width w) eta + slope w + 1/2 bend(w, w))

The affine part acts on all coordinates; the rest on blocks of them, each group's parameters and what all groups share.
A block's axes are its principal axes, widest first. Scaling laws bend: where E is hardly identified, it trades against
A and alpha along a thin banana, which is the thinner the less noise there is. So each axis is moved by a quadratic in
the wider ones, and stretched by them; w is eta, damped far out.
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from bayes_scaling.laws.elementwise import Computed, exp
from bayes_scaling.sampling.jax_model import Array

DENSE_LIMIT = 200
"""Up to this many dimensions the map's affine part is a full matrix."""

_REACH = 4.0
"""In sd: where a bend is damped."""

_WIDE = 5
"""So many of a block's widest axes bend the narrower ones, where bends are fitted to draws."""

_RIDGE = 0.02
"""Weight, beside the draws', of no bend at all."""

_WIDEST = 0.5
"""The largest slope of a log width."""

_FLOOR = 0.01
"""Added, in units of the variance, to squares before their logarithm is taken: the smallest say too much."""

_FITTED_TO = 4000
"""Draws that bends are fitted to, at the most."""


class Anchor(NamedTuple):
    """The linearised residuals of a curve at the mode, by which its law's M parameters are measured."""

    means: Array  # (M,)
    residual: Array  # (rows,)
    slopes: Array  # (rows, M)
    pull: Array  # (M,)
    root: Array  # (M, M), Cholesky factor of the precision there


class Blocks(NamedTuple):
    """The bent part of a map: B blocks of k coordinates."""

    location: Array  # (B, k)
    axes: Array  # (B, k, k), columns
    bend: Array  # (B, k, k, k), of an axis by two wider ones
    slope: Array  # (B, k, k), of an axis by a wider one
    width: Array  # (B, k, k), of the logarithm of an axis's width by a wider one

    @classmethod
    def identity(cls, count: int, size: int) -> "Blocks":
        """Blocks that leave coordinates as they are."""
        axes, square = np.broadcast_to(np.eye(size), (count, size, size)), np.zeros((count, size, size))
        return cls(np.zeros((count, size)), axes, np.zeros((count, size, size, size)), square, square)

    def forward(self, eta: Array) -> tuple[Computed, Computed]:
        """Coordinates to positions, shape (..., B, k), and what they add to the log determinant, shape (...)."""
        einsum = partial(np.einsum, optimize=True) if isinstance(eta, np.ndarray) else jnp.einsum
        w = _damped(eta)
        log_width = einsum("bij,...bj->...bi", self.width, w)
        moved = einsum("bij,...bj->...bi", self.slope, w)
        moved += 0.5 * einsum("bijk,...bj,...bk->...bi", self.bend, w, w)
        x = self.location + einsum("bij,...bj->...bi", self.axes, exp(log_width) * eta + moved)
        return x, log_width.sum((-1, -2))

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Positions to coordinates, shape (..., B, k)."""
        eta = np.linalg.solve(self.axes, (x - self.location)[..., None])[..., 0]
        bend, slope, width = (np.asarray(x) for x in (self.bend, self.slope, self.width))
        for i in range(1, eta.shape[-1]):
            w = _damped(eta[..., :i])
            eta[..., i] -= np.einsum("bj,...bj->...b", slope[:, i, :i], w)
            eta[..., i] -= 0.5 * np.einsum("bjk,...bj,...bk->...b", bend[:, i, :i, :i], w, w)
            eta[..., i] /= np.exp(np.einsum("bj,...bj->...b", width[:, i, :i], w))
        return eta

    @property
    def log_det(self) -> float:
        return float(np.sum(np.linalg.slogdet(self.axes)[1]))


class TransportMap(NamedTuple):
    """The arrays that define one map of n coordinates: those that groups share, first, and those of each group."""

    center: Array  # (n,)
    factor: Array | tuple[Array, Array]  # (n, n), or a matrix of the shared ones and the diagonal of the rest
    shared: Blocks  # one
    groups: Blocks  # one for each group
    log_det: Array | float
    anchor: Anchor | None = None

    def affine(self, xi: Array) -> Computed:
        """The outermost part, of shape (..., n)."""
        if isinstance(self.factor, tuple):
            p = self.factor[0].shape[0]
            parts = [xi[..., :p] @ self.factor[0].T, xi[..., p:] * self.factor[1]]
            return self.center + (np if isinstance(xi, np.ndarray) else jnp).concatenate(parts, axis=-1)
        return self.center + xi @ self.factor.T

    def forward(self, xi: Array) -> tuple[Computed, Computed, Computed]:
        """What groups share, (..., p), each group's own, (..., groups, k), and the log determinant, (...)."""
        eta, p = self.affine(xi), self.shared.location.shape[1]
        shared, of_shared = self.shared.forward(eta[..., None, :p])
        own, of_groups = self.groups.forward(
            eta[..., p:].reshape(*eta.shape[:-1], *self.groups.location.shape)
        )
        return shared[..., 0, :], own, self.log_det + of_shared + of_groups

    def inverse(self, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Inverse of `forward`."""
        gap = self._bent(shared, own) - np.asarray(self.center)
        if not isinstance(self.factor, tuple):
            return np.linalg.solve(self.factor, gap[..., None])[..., 0]
        p = self.factor[0].shape[0]
        dense = np.linalg.solve(self.factor[0], gap[..., :p, None])[..., 0]
        return np.concatenate([dense, gap[..., p:] / np.asarray(self.factor[1])], axis=-1)

    def _bent(self, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        own = self.groups.inverse(own)
        return np.concatenate(
            [self.shared.inverse(shared[..., None, :])[..., 0, :], own.reshape(*own.shape[:-2], -1)], axis=-1
        )


def identity(shared: int, groups: int, own: int) -> TransportMap:
    """The map that leaves everything as it is."""
    n = shared + groups * own
    factor = np.eye(n) if n <= DENSE_LIMIT else (np.eye(shared), np.ones(n - shared))
    # Zero as an array: of another type than a map's that is found, it would have every gradient compiled twice.
    return TransportMap(
        np.zeros(n), factor, Blocks.identity(1, shared), Blocks.identity(groups, own), np.zeros(())
    )


def adapted(transport: TransportMap, xi: np.ndarray, bends: bool) -> TransportMap:
    """The map fitted to draws in its coordinates, (draws, n): its affine part, and its blocks if wanted."""
    if bends:
        shared, own, _ = transport.forward(xi)
        transport = transport._replace(shared=fitted(shared[:, None]), groups=fitted(own))
        eta = transport._bent(shared, own)
    else:
        eta = transport.affine(xi)
    if isinstance(transport.factor, tuple):
        p = transport.factor[0].shape[0]
        dense, spread = np.linalg.cholesky(shrunk(eta[:, :p])), np.sqrt(eta[:, p:].var(axis=0))
        factor: Array | tuple[Array, Array] = (dense, spread)
        log_det = np.linalg.slogdet(dense)[1] + np.sum(np.log(spread))
    else:
        factor = np.linalg.cholesky(shrunk(eta))
        log_det = np.linalg.slogdet(factor)[1]
    log_det += transport.shared.log_det + transport.groups.log_det
    return transport._replace(center=eta.mean(0), factor=factor, log_det=log_det)


def shrunk(x: np.ndarray) -> np.ndarray:
    """Covariance of draws, (draws, n), drawn towards the identity as far as their number asks for."""
    count, n = x.shape
    pull = 2 * n / (count + 2 * n)
    covariance: np.ndarray = (1 - pull) * np.cov(x.T).reshape(n, n) + pull * np.eye(n)
    return covariance


def fitted(x: np.ndarray) -> Blocks:
    """Blocks whose axes and bends are those of draws, shape (draws, B, k)."""
    x = x[:: -(-len(x) // _FITTED_TO)]
    count, blocks, size = x.shape
    location = x.mean(0)
    covariance = np.einsum("nbi,nbj->bij", x - location, x - location) / count
    values, vectors = np.linalg.eigh(covariance)
    axes = (vectors * np.sqrt(np.maximum(values, 1e-12))[:, None, :])[..., ::-1]
    eta = np.linalg.solve(axes, (x - location)[..., None])[..., 0]
    bend, slope, width = (np.zeros((blocks, *(size,) * k)) for k in (3, 2, 2))
    for i in range(1, size):
        wide = min(i, _WIDE)
        j, k = np.triu_indices(wide)
        w = _damped(eta[..., :wide])
        terms = np.concatenate([np.ones((count, blocks, 1)), w, w[..., j] * w[..., k]], axis=2)
        weights = _ridge(terms, eta[..., i])
        slope[:, i, :wide], by_two = weights[:, 1 : 1 + wide], weights[:, 1 + wide :]
        # A product of two axes stands in the sum twice, a square once and halved.
        bend[:, i, j, k] = bend[:, i, k, j] = np.where(j == k, 2 * by_two, by_two)
        eta[..., i] -= np.einsum("nbp,bp->nb", terms[..., 1:], weights[:, 1:])
        # Of what is left, the logarithm of the square says how wide it is.
        square = (eta[..., i] - eta[..., i].mean(0)) ** 2
        stretch = 0.5 * _ridge(terms[..., : 1 + wide], np.log(square + _FLOOR * square.mean(0)))[:, 1:]
        width[:, i, :wide] = np.clip(stretch, -_WIDEST, _WIDEST)
        eta[..., i] /= np.exp(np.einsum("nbj,bj->nb", w, width[:, i, :wide]))
    return Blocks(location, axes, bend, slope, width)


def _ridge(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Coefficients of (draws, B, terms), the first of them constant, that give (draws, B): (B, terms)."""
    normal = np.einsum("nbp,nbq->bpq", terms, terms, optimize=True) / len(terms)
    normal += _RIDGE * np.diag(np.arange(terms.shape[2]) > 0)
    against = np.einsum("nbp,nb->bp", terms, values) / len(terms)
    coefficients: np.ndarray = np.linalg.solve(normal, against[..., None])[..., 0]
    return coefficients


def _damped(eta: Computed) -> Computed:
    return eta / (1 + (eta / _REACH) ** 2) ** 0.5
