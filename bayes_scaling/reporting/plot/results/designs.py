"""The runs to train next."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import Cost
from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.results.design import Design
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import look_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(Design)
@style.styled
def design(design: Design, *, ax: "Axes | None" = None) -> "Axes":
    """Candidates and the runs chosen of them, and how the uncertainty shrinks as these are paid for: two panels.

    Parameters
    ----------
    design : Design
    ax : Axes, optional
    """
    ax = style.axes(ax, (10.2, 4.8))
    _, (plane, falling) = style.split(ax, 1, 2, widths=(1.5, 1))
    _candidates(plane, design)
    _uncertainty(falling, design)
    return ax


def _candidates(ax: "Axes", design: Design) -> None:
    every, batch = design.candidates, design.table()
    n, d = every["params"], every["tokens"]
    style.log_axis(ax, "x", "params", n.min() / 2, n.max() * 2)
    style.log_axis(ax, "y", "tokens", d.min() / 2, d.max() * 2)
    ax.scatter(
        n,
        d,
        s=6 + 140 * every["removed"] / every["removed"].max(),
        color=style.FAINT,
        alpha=0.55,
        linewidths=0,
    )
    groups, keys = every["group"].unique(), []
    for i, group in enumerate(groups):
        own = batch[batch["group"] == group]
        marks.points(ax, own["params"], own["tokens"], size=64, **look_of(i))
        keys.append(
            marks.key(**look_of(i), kind="points", label="to train" + f" ({group})" * (len(groups) > 1))
        )
    for row in batch[batch["runs"] > 1].to_dict("records"):
        at = row["params"], row["tokens"]
        ax.annotate(f"{row['runs']}x", at, (6, 4), textcoords="offset points", fontsize=8.5)
    _same_compute(ax, design.counted, every["flops"].min(), every["flops"].max())
    keys.append(marks.key(style.FAINT, "points", "candidates; area: variance that one run removes"))
    marks.legend_below(ax, keys, columns=2)
    ax.set_title("Runs to train next")


def _same_compute(ax: "Axes", cost: Cost, low: float, high: float) -> None:
    """Diagonals of equal compute, at powers of ten."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    ends = np.array([left, right])
    for decade in np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1):
        compute = 10**decade
        ax.plot(ends, cost.tokens(compute, ends), color=style.BEYOND, lw=1, zorder=0)
        at = min(max(cost.params(compute, top * 0.85), left), right)
        if bottom < (tokens := cost.tokens(compute, at)) < top:
            label = f"$10^{{{decade:.0f}}}$"
            ax.annotate(label, (at, tokens), fontsize=7.5, color=style.GREY, ha="left")
    ax.set(xlim=(left, right), ylim=(bottom, top))


def _uncertainty(ax: "Axes", design: Design) -> None:
    """The expected standard deviation of what is to be known, as the batch is paid for."""
    spent = design.runs["flops"].cumsum().to_numpy()
    start = spent[0] / 3 if len(spent) else design.budget / 10
    style.log_axis(ax, "x", "flops", start, 2 * max(design.cost, start))
    sds = np.r_[design.before, design.runs["sd"]]
    ax.step(np.r_[start, spent], sds, where="post", color=style.COLOURS[0])
    if design.cost:
        ax.scatter([design.cost], [design.grid], color=style.COLOURS[1], marker="s", zorder=4)
        ax.annotate(
            "isoFLOP profile\nof equal cost", (design.cost, design.grid), (-8, 6), textcoords="offset points",
            ha="right", fontsize=8.5, color=style.COLOURS[1],
        )  # fmt: skip
    ax.set(xlabel="compute spent on the batch (FLOPs)", ylabel="expected standard deviation")
    ax.set_ylim(0, 1.08 * design.before)
    ax.set_title(fill(design.goal[0].upper() + design.goal[1:], 42), fontsize=9.5)
