"""Loss against model size at budgets: isoFLOP valleys."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import cost_of
from bayes_scaling.data.units import Quantities, format_flops, parse_quantities
from bayes_scaling.forecast.predict import predict
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, largest_group, needs_plane, of_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior

REACH = 30.0
"""How far a valley is drawn to either side of its minimum, as a factor of N."""

NEAR = 10**0.1
"""Runs within this factor of a budget are drawn beside its valley."""


@style.styled
def isoflop(
    fit: "Posterior",
    budgets: Quantities | None = None,
    *,
    group: str | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """The law's loss against model size at some budgets, with the interval of each minimum and the runs close to it.

    Parameters
    ----------
    fit : Posterior
    budgets : number or sequence of them
        In FLOPs. Default: four from the tenth to the largest of the data, and ten times that.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the bands and of the minima's intervals.
    ax : Axes, optional
    """
    needs_plane(fit, "isoflop")
    group, end = group or largest_group(fit), fit.runs.extent["flops"][1]
    if budgets is None:
        flops = np.geomspace(max(fit.runs.extent["flops"][0], end / 1e3), 10 * end, 5)
    else:
        flops = np.sort(np.atleast_1d(parse_quantities(budgets, "budgets")).astype(float))
    best = allocate(fit, flops, group=group)
    optimum = bounds(best.params, prob, group)
    kind, cost = "drifted" if fit.noise.joint else "mean", cost_of(fit.runs)
    ax = style.axes(ax, (7.6, 5.2))
    style.log_axis(ax, "x", "params", optimum[1][0] / REACH, optimum[1][-1] * REACH * 8)
    heights: list[float] = []
    for i, budget in enumerate(flops):
        color = style.COLOURS[i % len(style.COLOURS)]
        n = np.geomspace(optimum[1][i] / REACH, optimum[1][i] * REACH, 41)
        valley = bounds(predict(fit, n, cost.tokens(budget, n), group=group).draws(kind), prob, group)
        beyond = np.full(n.shape, budget > end * 1.001)
        marks.curve(ax, n, valley, beyond, color, marks.RUN_ALPHA)
        low, middle, high = optimum[:, i]
        floor = float(np.interp(np.log(middle), np.log(n), valley[1]))
        ax.plot([low, high], [floor, floor], color=color, lw=3, alpha=0.75, solid_capstyle="butt", zorder=4)
        marks.points(ax, [middle], [floor], color=color, size=46)
        near = np.abs(np.log(fit.runs.flops / budget)) <= np.log(NEAR)
        own = near & (fit.runs.group_index == fit.groups.index(group)) if group in fit.groups else near
        marks.points(ax, fit.runs.params[own], fit.runs.loss[own], color=color, marker="s", size=22)
        ax.annotate(
            f"{format_flops(budget)} FLOPs", (n[-1], valley[1][-1]), (5, 0), textcoords="offset points",
            fontsize=8.5, color=color, va="center",
        )  # fmt: skip
        heights += [valley[1].min(), valley[1].max()]
    least, most = min(heights), max(heights)
    ax.set_ylim(least - 0.15 * (most - least), most + 0.1 * (most - least))
    style.response_axis(ax, "y", fit.law.response, fit.runs.unit)
    share = style.percent(prob)
    keys = [
        marks.key(style.GREY, "line", "law, median"),
        *([marks.key(style.GREY, "dashed", "beyond the data")] if flops[-1] > end * 1.001 else []),
        marks.key(style.GREY, "run", f"{share} band, law"),
        marks.key(style.GREY, "law", f"{share} interval of the minimum"),
        marks.key(style.GREY, "points", "runs of about that compute", "s"),
    ]
    marks.legend_below(ax, keys)
    ax.set_title("isoFLOP valleys" + of_group(fit, group))
    return ax
