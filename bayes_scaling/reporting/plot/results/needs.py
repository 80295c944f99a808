"""How much of a law's one input targets take."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.results.needed import Needed
from bayes_scaling.reporting.plot import style
from bayes_scaling.reporting.plot.groups import bounds, titled

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
        An end of an interval that is not drawn is out of reach.
    """
    targets = np.atleast_1d(needed.target.to_numpy())
    ax = style.axes(ax, (7.0, 1.8 + 0.5 * len(targets)))
    y = np.arange(len(targets))[::-1]
    low, middle, high = (np.atleast_1d(x) for x in bounds(needed.needed, prob, group))
    known = np.r_[low, middle, high]
    known = known[np.isfinite(known)]
    if len(known):
        style.log_axis(ax, "x", needed.column, known.min() / 2, known.max() * 2)
    far = known.max() * 2 if len(known) else 1.0
    for at, start, centre, end in zip(y, low, middle, high, strict=True):
        if np.isfinite(start):
            ax.plot([start, min(end, far)], [at, at], color=style.INK, lw=2)
        if np.isfinite(centre):
            ax.plot(centre, at, "o", color=style.INK)
    ax.set_yticks(y, [f"{needed.response} {target:g}" for target in targets])
    ax.set_ylim(-0.7, len(targets) - 0.3)
    ax.set_xlabel(f"{needed.column} ({prob:.0%} intervals)")
    ax.set_title(titled("What a target takes", needed.needed, group), loc="left")
    return ax
