"""Scales of a table's own losses, for priors that do not know its unit."""

import numpy as np

from bayes_scaling.data.runs import Runs

SCALES = ("lowest", "range", "highest")


NATS = 1.0, 6.0
"""Between these lie the lowest losses of tables of language models in nats per token, which priors are made for."""

_USUAL = 2.6
"""The lowest loss of such a table, about."""


def loss_unit(runs: Runs) -> float:
    """What one nat of a language model is in this table: 1 where its losses may be that, else by its lowest loss.

    A loss of another kind of data, in bits, normalised or squared, is so measured by its own scale.
    """
    lowest = loss_scales(runs)["lowest"]
    return 1.0 if NATS[0] <= lowest <= NATS[1] else lowest / _USUAL


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
