"""The chance of a target."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities, Quantity, parse_quantities
from bayes_scaling.model.drift import Drift
from bayes_scaling.planning import risk
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import largest_group, of_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior


@style.styled
def chances(
    fit: "Posterior",
    target: Quantities,
    to: Quantity | None = None,
    *,
    group: str | None = None,
    drift: Drift | float | bool | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """The probability that a run reaches a loss, along the budget; each budget spent on its median N_opt.

    Parameters
    ----------
    fit : Posterior
    target : number or sequence of them
        Losses in nats per token.
    to : number or str, optional
        Where the axis ends, in FLOPs. Default: three decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    drift : Drift, number or bool, optional
        As for `predict`.
    ax : Axes, optional
    """
    ax = style.axes(ax)
    group = group or largest_group(fit)
    first, end = fit.runs.extent["flops"]
    budgets = np.geomspace(first, style.horizon(end, to), 160)
    losses = np.atleast_1d(parse_quantities(target, "target")).astype(float)
    odds = [risk.chances(fit, loss, budgets, group=group, drift=drift).to_numpy() for loss in losses]
    # From where the first of them has a chance at all, and some of the data for comparison.
    possible = np.max(odds, axis=0) > 0.005
    start = min(budgets[possible.argmax()] / 3 if possible.any() else first, end / 10)
    style.log_axis(ax, "x", "flops", max(start, first), budgets[-1] * 1.3)
    marks.mark_beyond(ax, end)
    for i, (loss, found) in enumerate(zip(losses, odds, strict=True)):
        color = style.COLOURS[i % len(style.COLOURS)]
        marks.line(ax, budgets, found, budgets > end, color)
        ax.plot([], [], color=color, label=f"loss of at most {loss:g}")
    ax.set_ylim(-0.07, 1.02)  # room for the words along the foot
    ax.set_yticks(np.linspace(0, 1, 6))
    style.percent_axis(ax.yaxis)
    ax.set_ylabel("probability, of a new run")
    ax.legend(loc="best")
    ax.set_title("The chance of a target" + of_group(fit, group))
    return ax
