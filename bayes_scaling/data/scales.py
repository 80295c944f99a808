"""Scales of a table's own losses, for priors that do not know its unit."""

import numpy as np

from bayes_scaling.data.runs import Runs

SCALES = ("lowest", "range")


def loss_scales(runs: Runs) -> dict[str, float]:
    """Geometric means over groups of the lowest loss, and of the median loss less two thirds of the lowest.

    The second is about what lies above the irreducible loss in the middle of the table.
    """
    lowest, middle = (
        np.array([of(runs.loss[runs.group_index == g]) for g in range(len(runs.groups))])
        for of in (np.min, np.median)
    )
    between = np.maximum(middle - 2 / 3 * lowest, 1e-3 * lowest)
    return {"lowest": float(np.exp(np.log(lowest).mean())), "range": float(np.exp(np.log(between).mean()))}
