"""The optimal N and D of some budgets."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.compute.rules_of_thumb import TOKENS_PER_PARAM
from bayes_scaling.planning.results.allocation import Allocation
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    order = np.argsort(found.flops.to_numpy())
    budgets, beyond = found.flops.to_numpy()[order], found.decades_beyond.to_numpy()[order] > 0
    few = len(budgets) <= marks.FEW
    rule_n = np.sqrt(budgets / (6 * TOKENS_PER_PARAM))
    ax = style.axes(ax, (9.2, 4.5))
    part, panels = style.split(ax, 1, 2)
    for panel, what, draws, rule in (
        (panels[0], "params", found.params, rule_n),
        (panels[1], "tokens", found.tokens, TOKENS_PER_PARAM * rule_n),
    ):
        low, middle, high = bounds(draws, prob, group)[:, order]
        style.log_axis(panel, "x", "flops", budgets[0] / 1.3, budgets[-1] * 1.3)
        style.log_axis(panel, "y", what, np.nanmin([low, rule]) / 1.5, np.nanmax([high, rule]) * 1.5)
        marks.curve(panel, budgets, np.array([low, middle, high]), beyond, color)
        panel.plot(budgets, rule, color=style.INK, ls=":", lw=1.5, marker="x" if few else None)
        panel.set_title("Optimal model size" if what == "params" else "Optimal training data")
    keys = [
        marks.key(color, "line", f"median{of}"),
        marks.key(color, "law", f"{style.percent(prob)} band"),
        *([marks.key(color, "dashed", "beyond the data")] if beyond.any() else []),
        marks.key(style.INK, "dotted", f"{TOKENS_PER_PARAM:g} tokens per parameter"),
    ]
    marks.legend_of_panels(part, keys)
    return ax
