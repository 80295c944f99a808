"""Budgets whose best run is the smallest or the largest model that was trained on them."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs

SIZES, SHARE = 3, 0.5
"""The least sizes of a budget, and the share of budgets, at least two, from which on it is said."""


def optimum_at_edge(runs: "Runs") -> list[str]:
    """A sentence where isoFLOP profiles do not enclose their minima."""
    if not {"params", "tokens"} <= set(runs.table.columns):
        return []
    keys = list(zip(runs.group_index.tolist(), np.round(np.log(runs.flops) / 0.05).tolist(), strict=True))
    ends = []
    for key in dict.fromkeys(keys):
        rows = np.array([k == key for k in keys])
        n, loss = runs.params[rows], runs.loss[rows]
        if len(np.unique(n)) >= SIZES:
            best = n[loss.argmin()]
            ends.append(-1 if best == n.min() else 1 if best == n.max() else 0)
    found = []
    for end, word in ((-1, "smallest"), (1, "largest")):
        count = ends.count(end)
        if count >= max(2, SHARE * len(ends)):
            found.append(
                f"the best run of {count} of {len(ends)} budgets is the {word} model that was trained on it: the "
                "optimum lies at the edge of the grid of sizes or beyond it, and N_opt rests on the law there; train "
                f"{'smaller' if end < 0 else 'larger'} models on these budgets"
            )
    return found
