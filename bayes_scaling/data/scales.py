"""Scales of a table's own losses, for priors that do not know its unit."""

import numpy as np

from bayes_scaling.data.runs import Runs

SCALES = ("lowest", "range", "highest")


def loss_scales(runs: Runs) -> dict[str, float]:
    """Geometric means over groups of the lowest and the highest loss, and of the median less two thirds of the lowest.

    The last is about what lies above the irreducible loss in the middle of the table.
    """
    lowest, middle, highest = (
        np.array([of(runs.loss[runs.group_index == g]) for g in range(len(runs.groups))])
        for of in (np.min, np.median, np.max)
    )
    between = np.maximum(middle - 2 / 3 * lowest, 1e-3 * lowest)
    scales = {"lowest": lowest, "range": between, "highest": highest}
    return {name: float(np.exp(np.log(values).mean())) for name, values in scales.items()}
