"""Scales of a table's own losses, for priors that do not know its unit."""

import numpy as np

from bayes_scaling.data.runs import Runs

_OF_LANGUAGE = 1.0, 6.0
"""Between these lie the lowest losses of tables of language models in nats per token, which priors are made for."""

_USUAL = {"lowest": 2.6, "range": 1.2}
"""Scales of such a table, about."""


def loss_units(runs: Runs) -> tuple[float, float]:
    """What one nat of a language model is in this table, of a floor and of what lies above it.

    1 where its losses may be nats; else by its lowest loss and by its range. A loss of another kind of data, in bits,
    normalised or squared, is so measured by its own scales.
    """
    scales = loss_scales(runs)
    if _OF_LANGUAGE[0] <= scales["lowest"] <= _OF_LANGUAGE[1]:
        return 1.0, 1.0
    return scales["lowest"] / _USUAL["lowest"], scales["range"] / _USUAL["range"]


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
