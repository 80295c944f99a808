"""Checkpoints in the middle of a schedule: trajectories whose ends lie below their own trend under the law."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.data.validate import numbered

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior

POINTS, TRAJECTORIES = 5, 3
"""The least checkpoints of a trajectory, and trajectories, that a bend is read from."""

FROM = 0.1
"""The share of a trajectory's end from which on its bend is read: before that, learning rates warm up."""

CHANCE = 0.005
"""Of so many bends downwards where trajectories follow the law."""


class Bend(NamedTuple):
    """Trajectories that bend down under the law.

    Attributes
    ----------
    end : float
        How far below the middle of their own residuals they end, in log loss.
    named : bool
        Whether the table says which rows are of one trajectory; else rows of one size are taken for one.
    last : ndarray of bool, shape (runs,)
        The last row of each trajectory, and rows of none.
    along : str
        The column that grows along it.
    """

    end: float
    named: bool
    last: np.ndarray
    along: str


def bend(fit: "Posterior", of_loss: np.ndarray, far: np.ndarray) -> Bend | None:
    """What residuals of log loss, shape (runs,), say of the trajectories of a fit; None where they do not bend down.

    Rows that lie ``far`` from the law are named by themselves, and bend nothing.
    """
    runs = fit.runs
    along = "tokens" if "tokens" in runs.table else fit.law.columns[0]
    label = _trajectories(runs, along, fit.law.columns)
    bends, ends = [], []
    last = np.ones(len(runs), bool)
    for i in range(label.max() + 1):
        rows = np.flatnonzero(label == i)
        x = np.log(runs.column(along)[rows])
        last[rows] = x == x.max()
        if len(np.unique(x)) < POINTS:
            continue
        near = ~np.isin(rows, far) & (x > x.max() + np.log(FROM) - 1e-9)
        x, y = x[near], of_loss[rows[near]]
        if len(np.unique(x)) < POINTS - 1:
            continue
        bends.append(np.polyfit((x - x.mean()) / x.std(), y, 2)[0])
        ends.append(y[x.argmax()] - np.median(y))
    if len(bends) < TRAJECTORIES or np.mean(ends) > 0:
        return None
    from scipy.stats import ttest_1samp  # slow to load

    if ttest_1samp(bends, 0.0, alternative="less").pvalue > CHANCE:
        return None
    return Bend(float(np.mean(ends)), "trajectory" in runs.table, last, along)


def _trajectories(runs: "Runs", along: str, columns: tuple[str, ...]) -> np.ndarray:
    """The trajectory of each run, shape (runs,); where the table has none, runs that differ in ``along`` alone."""
    if "trajectory" in runs.table:
        return runs.clusters
    others = [c for c in columns if c not in (along, "flops", "tokens_per_param")]
    return numbered(zip(runs.group_index, *(runs.column(c).tolist() for c in others), strict=True))
