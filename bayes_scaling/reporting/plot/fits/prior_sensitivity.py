"""How far each answer rests on each prior."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference import prior_sensitivity as priors
from bayes_scaling.inference.summary import meaning
from bayes_scaling.reporting.plot import style
from bayes_scaling.reporting.plot.groups import largest_group, of_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior

FULL = 0.5
"""Posterior sd at which the colour is darkest."""


@style.styled
def prior_sensitivity(fit: "Posterior", *, group: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """How far each answer (row) would move, were one prior (column) counted twice beside the same runs.

    In units of the answer's posterior sd: the shift of its mean, or the change of the sd itself where that is more. By
    power-scaling (Kallioinen et al. 2024), without a refit; bold is what counts as sensitive.

    Parameters
    ----------
    fit : Posterior
    group : str, optional
        Default: the group with the largest run.
    ax : Axes, optional
    """
    from matplotlib.colors import LinearSegmentedColormap

    group = group or largest_group(fit)
    table = priors.prior_sensitivity(fit, group)
    values = table.to_numpy(float)
    rows, columns = values.shape
    ax = style.axes(ax, (3.6 + 0.8 * columns, 1.3 + 0.38 * rows))
    shades = LinearSegmentedColormap.from_list("", ["#ffffff", style.COLOURS[1]])
    ax.imshow(np.minimum(values, FULL), vmin=0, vmax=FULL, cmap=shades, aspect="auto")
    for row in range(rows):
        for column in range(columns):
            moved = values[row, column]
            heavy = "bold" if moved > priors.SENSITIVE else "normal"
            ax.text(column, row, f"{moved:.2f}", ha="center", va="center", fontsize=9, fontweight=heavy)
    ax.set_xticks(range(columns), [str(name) for name in table.columns])
    ax.set_yticks(range(rows), [f"{name}: {meaning(fit, str(name))}" for name in table.index])
    ax.tick_params(length=0)
    for edge in ("left", "bottom"):
        ax.spines[edge].set_visible(False)
    ax.set_xlabel(
        "prior counted twice; cells: how far the answer would move,\n"
        f"in units of its posterior sd (bold above {priors.SENSITIVE:g})"
    )
    ax.set_title("How far answers rest on priors" + of_group(fit, group))
    return ax
