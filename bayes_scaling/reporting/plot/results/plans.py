"""Plans under constraints, and how they change with demand."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_quantity
from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.compute.rules_of_thumb import TOKENS_PER_PARAM
from bayes_scaling.planning.results.plan import Plan
from bayes_scaling.planning.results.serving import Serving
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, one_group, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(Plan)
@style.styled
def plan(plan: Plan, *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """N, D, tokens per parameter and the loss of each question: a panel each, medians with their intervals.

    Parameters
    ----------
    plan : Plan
    group : str, optional
        Default: the first.
    prob : float
        Probability of the intervals.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its panels (`bayes_scaling.plot.panels`) are N, D, D/N, and the loss of a new run of the choice, with its drift.
    """
    count = len(plan.questions)
    ax = style.axes(ax, (11.5, 2.1 + 0.5 * count))
    part, panels = style.split(ax, 1, 4, sharey=True)
    y = np.arange(count)[::-1]
    beyond = one_group(plan.beyond, group).to_numpy() > 0
    answered = one_group(plan.choice["params"], group).notnull().to_numpy()
    shown = {
        "params": (plan.params, "model size N\n(parameters)"),
        "tokens": (plan.tokens, "training data D\n(tokens)"),
        "tokens_per_param": (plan.tokens_per_param, f"tokens per parameter\n(dotted: {TOKENS_PER_PARAM:g})"),
        "loss": (plan.forecast["new_run"], "loss of a new run,\ndrift included\n(nats per token)"),
    }
    for panel, (what, (draws, label)) in zip(panels, shown.items(), strict=True):
        low, middle, high = bounds(draws, prob, group)
        values = np.r_[low, middle, high][np.isfinite(np.r_[low, middle, high])]
        if what != "loss" and len(values):
            style.log_axis(panel, "x", what, values.min() / 2, values.max() * 2)
        marks.bars(panel, y, np.array([low, middle, high]), answered, beyond)
        if what == "tokens_per_param":
            panel.axvline(TOKENS_PER_PARAM, color=style.INK, ls=":", lw=1.5)
        panel.set_xlabel(label)
        panel.grid(axis="x", color=style.BEYOND)
        panel.tick_params(axis="y", length=0)
    for row in y[~answered]:
        panels[0].annotate(
            "no answer", (0.03, row), xycoords=("axes fraction", "data"), va="center", fontsize=9,
            color=style.GREY,
        ).set_in_layout(False)  # fmt: skip
    panels[0].set_yticks(y, [fill(question, 34) for question in plan.questions])
    panels[0].set_ylim(-0.7, count - 0.3)
    title = f"What to train: medians and {style.percent(prob)} intervals (open: beyond the data)"
    part.suptitle(titled(title, plan.params, group), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    return ax


@plot_of(Serving)
@style.styled
def serving(
    serving: Serving, *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """Tokens per parameter as demand grows.

    Parameters
    ----------
    serving : Serving
    group : str, optional
        Default: the first.
    prob : float
        Probability of the band.
    ax : Axes, optional
    """
    ax = style.axes(ax)
    x, color = serving.served.to_numpy(), style.COLOURS[0]
    found = bounds(serving.tokens_per_param, prob, group)
    beyond = one_group(serving.beyond, group).to_numpy() > 0
    lowest, highest = np.nanmin([*found[0], TOKENS_PER_PARAM]), np.nanmax(found[2])
    style.log_axis(ax, "x", "tokens served over the model's life", x.min() / 1.3, x.max() * 1.8)
    style.log_axis(ax, "y", "tokens_per_param", lowest / 1.5, highest * 1.5)
    marks.curve(ax, x, found, beyond, color)
    ax.axhline(TOKENS_PER_PARAM, color=style.INK, ls=":", lw=1.5)
    sizes = bounds(serving.params, prob, group)[1]
    for i in np.unique(np.linspace(0, len(x) - 1, 5).round().astype(int)):
        if np.isfinite(found[1, i]):
            at = x[i], found[1, i]
            ax.plot(*at, "o", mfc="white", mec=color, mew=1.5, ms=5)
            ax.annotate(
                format_quantity(sizes[i], 2), at, (5, -5), textcoords="offset points", ha="left", va="top",
                fontsize=8.5,
            )  # fmt: skip
    keys = [
        marks.key(color, "line", "median; marked: parameters"),
        *([marks.key(color, "dashed", "models or data beyond those of the runs")] if beyond.any() else []),
        marks.key(color, "law", f"{style.percent(prob)} band"),
        marks.key(style.INK, "dotted", f"{TOKENS_PER_PARAM:g} tokens per parameter"),
    ]
    ax.legend(handles=keys, loc="upper left")
    ax.set_title(titled(fill(serving.question, 64), serving.params, group))
    return ax
