"""How far the chains of a run disagree: what decides whether it draws on."""

from typing import Any

import numpy as np
from scipy.stats import norm, rankdata


def worst_r_hat(draws: dict[str, np.ndarray]) -> float:
    """The worst rank-normalised split R-hat, of location or of spread, over quantities of shape (chain, draw, ...).

    As in Vehtari et al. 2021, arXiv:1903.08008; a quantity that never moves, or is not finite, counts as infinite.
    """
    return max(_r_hat(np.asarray(x).reshape(*x.shape[:2], -1)) for x in draws.values())


def _r_hat(x: np.ndarray) -> float:
    half = x.shape[1] // 2
    split = np.concatenate([x[:, :half], x[:, -half:]]).astype(float)
    if not np.all(np.isfinite(split)):
        return np.inf
    folded = np.abs(split - np.median(split, axis=(0, 1)))
    return max(_of_ranks(split), _of_ranks(folded))


def _of_ranks(split: np.ndarray) -> float:
    flat = split.reshape(-1, split.shape[-1])
    z: Any = norm.ppf((rankdata(flat, axis=0) - 0.375) / (len(flat) + 0.25)).reshape(split.shape)
    n = split.shape[1]
    between, within = z.mean(1).var(0, ddof=1), z.var(1, ddof=1).mean(0)
    if not np.all(within > 0):
        return np.inf
    return float(np.sqrt((n - 1) / n + between / within).max())
