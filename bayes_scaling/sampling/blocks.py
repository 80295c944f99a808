"""The bent part of a transport map: blocks of coordinates, straightened along their principal axes.

Scaling laws bend: where E is hardly identified, it trades against A and alpha along a thin banana, which is the thinner
the less noise there is. So each axis, widest first, is moved by a quadratic in the wider ones, and stretched by them:

    eta -> x = location + axes (exp(width w) eta + slope w + 1/2 bend(w, w));  w is eta, damped far out.
"""

from typing import NamedTuple

import numpy as np

from bayes_scaling.laws.elementwise import Computed, exp
from bayes_scaling.sampling.jax_model import Array
from bayes_scaling.sampling.matrices import einsum

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
