"""How much of a law's one input targets take."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.results.needed import Needed
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, one_group, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(Needed)
@style.styled
def needed(
    needed: Needed, *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """The amount that each target takes, on a logarithmic axis: medians with their intervals.

    Parameters
    ----------
    needed : Needed
    group : str, optional
        Default: the first.
    prob : float
        Probability of the intervals.
    ax : Axes, optional

    Returns
    -------
    Axes
        What is out of reach leaves the picture by an arrow; open dots lie beyond the data.
    """
    targets = np.atleast_1d(needed.target.to_numpy())
    ax = style.axes(ax, (7.0, 1.8 + 0.5 * len(targets)))
    y = np.arange(len(targets))[::-1]
    found = np.array(bounds(needed.needed, prob, group)).reshape(3, -1)
    if len(known := found[np.isfinite(found)]):
        style.log_axis(ax, "x", needed.column, known.min() / 2, known.max() * 2)
    beyond = np.atleast_1d(one_group(needed.beyond, group).to_numpy() > 0)
    marks.bars(ax, y, found, np.isfinite(found[0]), beyond)
    ax.set_yticks(y, [f"{needed.response} {target:g}" for target in targets])
    ax.set_ylim(-0.7, len(targets) - 0.3)
    ax.set_xlabel(f"{needed.column} ({prob:.0%} intervals)")
    ax.set_title(titled("What a target takes", needed.needed, group), loc="left")
    return ax
