"""Measured isoFLOP profiles, the curves fitted through them, and their minima."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from bayes_scaling.data.units import Quantities, format_flops, format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.isoflop import PROFILES, isoflop_runs, optima, profiles
from bayes_scaling.forecast.predict import predict
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, largest_group, of_group

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior

MOST = 6
"""Profiles that are drawn: of more, some from the smallest budget to the largest."""


@style.styled
def isoflop_profiles(
    fit: "Posterior",
    budgets: Quantities | None = None,
    *,
    shape: Literal["parabola", "asymmetric"] = "parabola",
    group: str | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """Loss against model size at the budgets of the table: runs, the posterior of the curve through them, its minimum.

    The curves are those of Chinchilla's second approach, without a law of N and D: one model of all profiles, sampled
    here as the fit was, which takes as long as a fit.

    Parameters
    ----------
    fit : Posterior
        Of any law; or of the profiles themselves, as `Approaches.fits` has it, which is drawn as it is.
    budgets : sequence of numbers or strings, optional
        In FLOPs. Default: wherever enough runs lie within a tenth of a power of ten of compute.
    shape : {"parabola", "asymmetric"}
        Of a profile; the second is that of a law of N and D.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the bands and of the minima's intervals.
    ax : Axes, optional

    Raises
    ------
    InputError
        If fewer than three budgets have five model sizes.
    """
    if shape not in PROFILES:
        raise InputError(f"no profiles of shape {shape!r}; there are {', '.join(PROFILES)}")
    if fit.law in PROFILES.values():
        made, of = fit, ""
    else:
        group = group or largest_group(fit)
        if group not in fit.groups:
            raise InputError(f"no group {group!r} in this fit; its groups are {', '.join(fit.groups)}")
        own = fit.runs.select(fit.runs.group_index == fit.groups.index(group))
        made, of = profiles(isoflop_runs(own, budgets), shape, fit), of_group(fit, group)
    runs, minima = made.runs, optima(made, "", prob)
    order = sorted(
        made.groups, key=lambda name: float(runs.flops[runs.group_index == made.groups.index(name)].mean())
    )
    kept = np.unique(np.linspace(0, len(order) - 1, min(len(order), MOST)).astype(int))
    ax = style.axes(ax, (7.6, 5.2))
    style.log_axis(ax, "x", "params", runs.params.min() / 1.4, runs.params.max() * 3)
    for i, at in enumerate(kept):
        _profile(ax, made, order[at], minima.iloc[at], style.COLOURS[i % len(style.COLOURS)], prob)
    style.response_axis(ax, "y", made.law.response, runs.unit)
    share = style.percent(prob)
    keys = [
        marks.key(style.GREY, "points", "runs", "s"),
        marks.key(style.GREY, "line", f"{shape if shape == 'parabola' else 'curve'}, median"),
        marks.key(style.GREY, "run", f"{share} band"),
        marks.key(style.GREY, "law", f"{share} interval of the minimum"),
    ]
    marks.legend_below(ax, keys, columns=4)
    ax.set_title("isoFLOP profiles and their minima" + of)
    return ax


def _profile(
    ax: "Axes", made: "Posterior", label: str, minimum: "pd.Series", color: str, prob: float
) -> None:
    own = made.runs.group_index == made.groups.index(label)
    sizes, flops = made.runs.params[own], float(minimum["flops"])
    n = np.geomspace(sizes.min() / 1.15, sizes.max() * 1.15, 60)
    found = predict(made, params=n, flops=flops, group=label)
    curve = bounds(found.mean, prob, label)
    marks.curve(ax, n, curve, np.zeros(n.shape, bool), color, marks.RUN_ALPHA)
    marks.points(ax, sizes, made.runs.loss[own], color=color, marker="s", size=22)
    low, middle, high = (float(minimum[name]) for name in ("lower", "params", "upper"))
    floor = float(np.interp(np.log(middle), np.log(n), curve[1]))
    ax.plot([low, high], [floor, floor], color=color, lw=8, alpha=0.5, solid_capstyle="butt", zorder=3)
    marks.points(ax, [middle], [floor], color=color, size=52)
    best, least, most = map(format_quantity, (middle, low, high))
    ax.annotate(
        f"{best} ({least} to {most})", (middle, floor), (0, -16), textcoords="offset points", ha="center",
        fontsize=8.5, color=color, va="center",
    )  # fmt: skip
    ax.annotate(
        f"{format_flops(flops)} FLOPs", (n[-1], curve[1][-1]), (5, 0), textcoords="offset points",
        fontsize=8.5, color=color, va="center",
    )  # fmt: skip
