"""What sampling leaves, before it is labelled."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draws:
    """Draws from one posterior, all arrays of leading shape (chain, draw).

    Attributes
    ----------
    parameters : dict of str to ndarray
        Named quantities on their natural scales; group-level ones have a last axis of groups.
    log_likelihood : ndarray, shape (chain, kept draws, cluster)
        For every ``thin``-th draw.
    thin : int
    stats : dict of str to ndarray
        diverging, energy, energy_change (from the draw before), lp, acceptance_rate, n_steps, step_size; for
        spaced draws, whether any since the last kept one diverged, and the steps of all of them.
    prior : dict of str to ndarray
        The quantities of ``parameters`` drawn from the prior, of leading shape (draw,).
    warmup : int
        Draws per chain that the warm-up took.
    spacing : int
        How many draws were made for each that was kept: more than 1 where chains disagreed at first.
    device : str
        Where and how the chains ran.
    weights : ndarray, shape (chain, draw, group, basis), optional
        Of the basis of a joint noise's discrepancy.
    mixing : ndarray, shape (chain, kept draws, cluster), optional
        Mixing variables of a noise that has them.
    """

    parameters: dict[str, np.ndarray]
    log_likelihood: np.ndarray
    thin: int
    stats: dict[str, np.ndarray]
    prior: dict[str, np.ndarray]
    warmup: int
    spacing: int = 1
    device: str = ""
    weights: np.ndarray | None = None
    mixing: np.ndarray | None = None
