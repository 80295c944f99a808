"""What the parts of a map do with arrays, of NumPy where maps are fitted and of JAX where they are sampled in."""

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.sampling.jax_model import Array


def einsum(subscripts: str, *arrays: Array) -> Computed:
    """A sum of products by Einstein's rule; of NumPy's arrays in the order that costs least."""
    if all(isinstance(x, np.ndarray) for x in arrays):
        return np.einsum(subscripts, *arrays, optimize=True)
    return jnp.einsum(subscripts, *arrays)


def concatenated(*arrays: Array) -> Computed:
    """Arrays joined along their last axis."""
    numpy = all(isinstance(x, np.ndarray) for x in arrays)
    return (np if numpy else jnp).concatenate(arrays, axis=-1)


def inverse_root(matrix: Array) -> tuple[Computed, Computed]:
    """Inverse of the Cholesky factor of positive definite matrices, (..., k, k), and its log determinant, (...)."""
    if isinstance(matrix, np.ndarray):
        root = np.linalg.inv(np.linalg.cholesky(matrix))
        return root, np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(-1)
    return _inverse_root(matrix)


@jax.custom_jvp
def _inverse_root(matrix: jax.Array) -> tuple[Computed, Computed]:
    """Column by column and row by row of all matrices at once, which a library takes one by one."""
    k = matrix.shape[-1]
    a = jnp.moveaxis(matrix, (-2, -1), (0, 1))
    columns: list[jax.Array] = []
    for j in range(k):
        left = a[:, j] - sum((column * column[j] for column in columns), jnp.zeros(()))
        columns.append(left / jnp.sqrt(left[j]))
    rows: list[jax.Array] = []
    for i in range(k):
        one = jnp.eye(k)[i].reshape(k, *(1 for _ in a.shape[2:]))
        left = one - sum((columns[m][i] * row for m, row in enumerate(rows)), jnp.zeros(()))
        rows.append(left / columns[i][i])
    log_det = -sum(jnp.log(columns[i][i]) for i in range(k))
    return jnp.moveaxis(jnp.stack(rows), (0, 1), (-2, -1)), log_det


@_inverse_root.defjvp
def _slope(at: tuple[jax.Array], along: tuple[jax.Array]) -> tuple[Computed, Computed]:
    """The slope in closed form, by three products."""
    root, log_det = _inverse_root(*at)
    moved = root @ along[0] @ root.mT
    lower = np.tril(np.ones(moved.shape[-2:])) - 0.5 * np.eye(moved.shape[-1])
    slope = -(lower * moved) @ root
    return (root, log_det), (slope, -0.5 * jnp.trace(moved, axis1=-2, axis2=-1))


def shrunk(x: np.ndarray) -> np.ndarray:
    """Covariance of draws, (draws, n), drawn towards the identity as far as their number asks for."""
    count, n = x.shape
    pull = 2 * n / (count + 2 * n)
    covariance: np.ndarray = (1 - pull) * np.cov(x.T).reshape(n, n) + pull * np.eye(n)
    return covariance
