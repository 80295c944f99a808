"""Stacking: weights of laws in a mixture that predicts best what was left out."""

import numpy as np


def stacking_weights(log_density: np.ndarray) -> np.ndarray:
    """Weights of the mixture with the largest summed log density (Yao et al. 2018, arXiv:1704.02030).

    Parameters
    ----------
    log_density : ndarray, shape (configurations, laws)

    Returns
    -------
    ndarray, shape (laws,)
    """
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights = np.full(density.shape[1], 1 / density.shape[1])
    # Expectation-maximisation of the mixing proportions: monotone, and the problem is concave.
    for _ in range(20_000):
        share = weights * density
        updated: np.ndarray = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.max(np.abs(updated - weights)) < 1e-10:
            break
        weights = updated
    return weights
