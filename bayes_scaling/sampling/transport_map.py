"""The arrays of a transport map, and its affine part; `coordinates` says what they do."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from bayes_scaling.sampling.jax_model import Array

DENSE_LIMIT = 200
"""Up to this many dimensions the map's linear part is a full matrix."""


class Expansion(NamedTuple):
    """The quadratic of each group's log likelihood at a point, G groups of K parameters, and the M means given it."""

    theta: Array  # (G, K), where it was expanded
    score: Array  # (G, K)
    information: Array  # (G, K, K)
    target: Array  # (G, K), the mode of each group's quadratic
    gain: Array  # (G, K, K), T^2 (H^-1 + T^2)^-1: how far a group goes from mu to its target
    row_weight: Array  # (rows,)
    center_mean: Array  # (M,)
    axes: Array  # (M, M), principal axes of the means, times their sd
    narrow: Array  # (M,), 1 for an axis that takes its Gauss-Newton step


class Anchor(NamedTuple):
    """The linearised residuals of a curve at the mode, by which `_given_noise` measures the law's M parameters."""

    means: Array  # (M,)
    residual: Array  # (rows,)
    slopes: Array  # (rows, M)
    pull: Array  # (M,)
    root: Array  # (M, M), Cholesky factor of the precision there


class TransportMap(NamedTuple):
    """The arrays that define one map of n coordinates, p of them global: from outside in, affine, bend and Laplace."""

    center: Array  # (n,)
    factor: Array | tuple[Array, Array]  # (n, n), or (p, p) and the diagonal of the rest
    bend: Array  # (p, p, p)
    mode: Array  # (p,)
    laplace: Array  # (p, p)
    log_det: Array | float  # of the parts that do not depend on the position
    expansion: Expansion
    anchor: Anchor | None = None


def affine(xi: Array, transport: TransportMap) -> Array:
    """The outermost, affine part of the map, which the warm-up fits."""
    factor = transport.factor
    if isinstance(factor, tuple):
        p = factor[0].shape[0]
        return transport.center + jnp.concatenate([factor[0] @ xi[:p], factor[1] * xi[p:]])
    return transport.center + factor @ xi


def inverse_affine(eta: Array, transport: TransportMap) -> np.ndarray:
    """Inverse of `affine`."""
    gap = np.asarray(eta) - np.asarray(transport.center)
    factor = transport.factor
    if not isinstance(factor, tuple):
        return np.linalg.solve(factor, gap)
    p = factor[0].shape[0]
    return np.concatenate([np.linalg.solve(factor[0], gap[:p]), gap[p:] / np.asarray(factor[1])])


def adapted(transport: TransportMap, mean: np.ndarray, covariance: np.ndarray) -> TransportMap:
    """The map with its affine part fitted to the mean and covariance of draws in its present coordinates."""
    factor = transport.factor
    if isinstance(factor, tuple):
        p = factor[0].shape[0]
        lower, spread = np.linalg.cholesky(covariance[:p, :p]), np.sqrt(np.diag(covariance)[p:])
        factor = (np.asarray(factor[0]) @ lower, np.asarray(factor[1]) * spread)
        widened = np.linalg.slogdet(lower)[1] + np.sum(np.log(spread))
    else:
        lower = np.linalg.cholesky(covariance)
        factor = np.asarray(factor) @ lower
        widened = np.linalg.slogdet(lower)[1]
    center = np.asarray(affine(mean, transport))
    return transport._replace(center=center, factor=factor, log_det=transport.log_det + widened)
