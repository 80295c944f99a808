"""The optimal N and D of some budgets."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.compute.rules_of_thumb import TOKENS_PER_PARAM
from bayes_scaling.planning.results.allocation import Allocation
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RULE = f"{TOKENS_PER_PARAM:g} tokens per parameter"


@plot_of(Allocation)
@style.styled
def allocated(
    allocation: Allocation, *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """The optimal N and D of some budgets: as `allocation`, of what was found already.

    Parameters
    ----------
    allocation : Allocation
    group : str, optional
        Default: the first.
    prob : float
        Probability of the intervals.
    ax : Axes, optional
    """
    of = titled("", allocation.params, group)
    return drawn_split(allocation, group, prob, style.COLOURS[0], of, ax)


def drawn_split(
    found: Allocation, group: str | None, prob: float, color: str, of: str, ax: "Axes | None"
) -> "Axes":
    """N and D of budgets in any order, in a colour; ``of`` says in the legend whose they are."""
    ax = style.axes(ax, (9.2, 4.5))
    part, panels = style.split(ax, 1, 2)
    draw_optimum(panels[0], found, "params", group, prob, color)
    beyond = draw_optimum(panels[1], found, "tokens", group, prob, color)
    keys = [
        marks.key(color, "line", f"median{of}"),
        marks.key(color, "law", f"{style.percent(prob)} band"),
        *([marks.key(color, "dashed", "beyond the data")] if beyond.any() else []),
        marks.key(style.INK, "dotted", RULE),
    ]
    marks.legend_of_panels(part, keys)
    return ax


def draw_optimum(
    ax: "Axes",
    found: Allocation,
    what: Literal["params", "tokens"],
    group: str | None,
    prob: float,
    color: str,
) -> "marks.Mask":
    """The optimal N or D against compute, beside the rule of thumb; which budgets lie beyond the data."""
    order = np.argsort(found.flops.to_numpy())
    budgets, beyond = found.flops.to_numpy()[order], found.decades_beyond.to_numpy()[order] > 0
    rule = found.cost.at_ratio(budgets, TOKENS_PER_PARAM) * (1 if what == "params" else TOKENS_PER_PARAM)
    low, middle, high = bounds(found.draws(what), prob, group)[:, order]
    style.log_axis(ax, "x", "flops", budgets[0] / 1.3, budgets[-1] * 1.3)
    style.log_axis(ax, "y", what, np.nanmin([low, rule]) / 1.5, np.nanmax([high, rule]) * 1.5)
    marks.curve(ax, budgets, np.array([low, middle, high]), beyond, color)
    ax.plot(budgets, rule, color=style.INK, ls=":", lw=1.5, marker="x" if len(budgets) <= marks.FEW else None)
    ax.set_title("Optimal model size" if what == "params" else "Optimal training data")
    return beyond
