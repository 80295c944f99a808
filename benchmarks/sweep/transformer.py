"""A decoder-only transformer as two pure functions: its first weights, and the logits of a batch.

No biases, and norms without gains, so that the weights are counted exactly by
`bayes_scaling.data.architecture.Architecture`: 12 l d^2 in the layers and V d in the one matrix that embeds the
tokens and reads them out. Rotary positions (Su et al. 2021, arXiv:2104.09864) have no weights either.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.data.architecture import Architecture

Weights = dict[str, Any]


def initial(shape: Architecture, key: jax.Array) -> Weights:
    """Weights before training.

    Parameters
    ----------
    shape : Architecture
        Dense, tied, with as many key as query heads.
    key : jax.Array
        Of the run's seed.

    Returns
    -------
    dict of str to array
        ``embedding`` (V, d), and per layer, stacked: ``qkv`` (l, d, 3d), ``out`` (l, d, d), ``up`` (l, d, 4d)
        and ``down`` (l, 4d, d). The two that write to the residual stream start smaller by sqrt(2l).
    """
    l, d, hidden = shape.layers, shape.width, round(shape.ff_ratio * shape.width)  # noqa: E741
    keys = jax.random.split(key, 5)

    def normal(key: jax.Array, dims: tuple[int, ...], sd: float) -> jax.Array:
        return sd * jax.random.normal(key, dims, dtype=jnp.float32)

    return {
        "embedding": normal(keys[0], (shape.vocabulary, d), d**-0.5),
        "qkv": normal(keys[1], (l, d, 3 * d), d**-0.5),
        "out": normal(keys[2], (l, d, d), (d * 2 * l) ** -0.5),
        "up": normal(keys[3], (l, d, hidden), d**-0.5),
        "down": normal(keys[4], (l, hidden, d), (hidden * 2 * l) ** -0.5),
    }


def _norm(x: jax.Array) -> jax.Array:
    """Root mean square 1 along the width."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


def _rotations(context: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Cosines and sines (T, 1, width / 2) of the rotary positions; wavelengths up to some thousand tokens."""
    angles = np.arange(context)[:, None] * 1000.0 ** -(np.arange(width // 2) / (width // 2))
    return jnp.asarray(np.cos(angles), jnp.float32)[:, None], jnp.asarray(np.sin(angles), jnp.float32)[
        :, None
    ]


def _rotate(x: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    a, b = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def logits(weights: Weights, tokens: jax.Array, shape: Architecture) -> jax.Array:
    """Logits of the token that follows each.

    Parameters
    ----------
    weights : dict of str to array
        As `initial` makes them.
    tokens : int array, shape (batch, context)
    shape : Architecture

    Returns
    -------
    array, shape (batch, context, vocabulary)
    """
    batch, context = tokens.shape
    heads, width = shape.heads, shape.width // shape.heads
    cos, sin = _rotations(context, width)
    seen = jnp.asarray(np.tril(np.ones((context, context), bool)))
    x = _norm(weights["embedding"][tokens])
    for layer in range(shape.layers):
        qkv = (_norm(x) @ weights["qkv"][layer]).reshape(batch, context, 3, heads, width)
        q, k, v = _rotate(qkv[:, :, 0], cos, sin), _rotate(qkv[:, :, 1], cos, sin), qkv[:, :, 2]
        scores = jnp.einsum("bthw,bshw->bhts", q, k) * width**-0.5
        shares = jax.nn.softmax(jnp.where(seen, scores, -1e9), axis=-1)
        x = x + jnp.einsum("bhts,bshw->bthw", shares, v).reshape(batch, context, -1) @ weights["out"][layer]
        x = x + jnp.square(jax.nn.relu(_norm(x) @ weights["up"][layer])) @ weights["down"][layer]
    return _norm(x) @ weights["embedding"].T


def losses(weights: Weights, windows: jax.Array, shape: Architecture) -> jax.Array:
    """Mean loss of each window, in nats per token.

    Parameters
    ----------
    weights : dict of str to array
    windows : int array, shape (batch, context + 1)
        Each token but the first is to be told from those before it.
    shape : Architecture

    Returns
    -------
    array, shape (batch,)
    """
    windows = windows.astype(jnp.int32)
    scores = logits(weights, windows[:, :-1], shape)
    told = jnp.take_along_axis(scores, windows[:, 1:, None], axis=-1)[..., 0]
    return jnp.mean(jax.nn.logsumexp(scores, axis=-1) - told, axis=-1)
