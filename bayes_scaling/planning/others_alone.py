"""The best split of a budget without the runs that stand apart from a law, beside that of all."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import Cost
from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.inference.apart import apart
from bayes_scaling.inference.left_out import mode, rows_in_words

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

SAID = 1.25
"""The factor between two best sizes from which on both are said."""

GRID = 4000
"""Sizes among which the best is looked for."""


def others_alone(fit: "Posterior", cost: Cost, budget: float) -> list[str]:
    """A sentence where the runs whose residuals make a pattern decide the best size of a budget, in FLOPs."""
    if not fit.law.of_n_and_d or fit.hierarchical or not (out := apart(fit)).any():
        return []
    n = np.geomspace(1, budget / 6, GRID)
    d = cost.tokens(budget, n)
    at = [x / fit.reference[c] for c, x in zip(fit.law.columns, (n, d), strict=True)]
    with np.errstate(over="ignore"):
        modes = [mode(fit, kept) for kept in (~out, np.ones(len(out), bool))]
        alone, every = (int(np.argmin(fit.law(*at, **m.parameters))) for m in modes)
    if abs(np.log(n[alone] / n[every])) < np.log(SAID):
        return []
    size, data = (format_quantity(x[alone]) for x in (n, d))
    return [
        f"residuals have a pattern (see diagnose), and the best split of {format_flops(budget)} FLOPs rests on "
        f"{rows_in_words(np.flatnonzero(out))}: from the others, which the law fits best, it is {size} parameters on "
        f"{data} tokens instead of {format_quantity(n[every])} (modes of the law alone); look how those were trained"
    ]
