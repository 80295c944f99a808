"""The compute-optimal N and D of a fit beside those that were published."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantity
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.compute.rules_of_thumb import PUBLISHED, published_split
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, largest_group, look, needs_plane, of_group

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior

DASHES = ((0, (1, 1.2)), (0, (5, 1.5)), (0, (3, 1.2, 1, 1.2)))
"""Of the published lines, in turn: colours alone would not tell all of them apart."""


@style.styled
def published(
    fit: "Posterior",
    to: Quantity | None = None,
    *,
    group: str | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """Compute-optimal N and D against the budget, beside the lines that others published: two panels.

    Parameters
    ----------
    fit : Posterior
    to : number or str, optional
        The largest budget, in FLOPs. Default: three decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the bands.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its panels (`bayes_scaling.plot.panels`) are N and D; `bayes_scaling.PUBLISHED` has what they are compared with.
    """
    needs_plane(fit, "published")
    group = group or largest_group(fit)
    first, end = fit.runs.extent["flops"]
    budgets = style.budgets_until(first, end, to)
    found, color = allocate(fit, budgets, group=group), look(fit, group)["color"]
    lines = {name: published_split(name, budgets) for name in PUBLISHED}
    colours = [other for other in style.COLOURS if other != color]
    ax = style.axes(ax, (9.6, 5.2))
    part, panels = style.split(ax, 1, 2)
    keys: list[Artist] = [
        marks.key(color, "line", f"this fit{of_group(fit, group)}"),
        marks.key(color, "law", f"{style.percent(prob)} band"),
    ]
    for i, (panel, what) in enumerate(zip(panels, ("params", "tokens"), strict=True)):
        own = bounds(found.draws(what), prob, group)
        others = np.array([split[i] for split in lines.values()])
        style.log_axis(panel, "x", "flops", budgets[0] / 1.3, budgets[-1] * 1.3)
        ends = np.nanmin([own[0].min(), others.min()]), np.nanmax([own[2].max(), others.max()])
        style.log_axis(panel, "y", what, ends[0] / 1.5, ends[1] * 1.5)
        marks.curve(panel, budgets, own, budgets > end, color)
        for j, (name, n_or_d) in enumerate(zip(lines, others, strict=True)):
            label = f"{name}: N as C^{PUBLISHED[name].exponent:.2f}"
            other, dashes = colours[j % len(colours)], DASHES[j % len(DASHES)]
            drawn = panel.plot(budgets, n_or_d, color=other, ls=dashes, lw=1.6, label=label)
            keys += drawn if i == 0 else []
        marks.mark_beyond(panel, end)
        panel.set_title("Optimal model size" if what == "params" else "Optimal training data")
    marks.legend_of_panels(part, keys, 2.6)
    return ax
