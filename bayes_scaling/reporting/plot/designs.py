"""Chinchilla's three approaches side by side, and the runs to train next."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.reporting.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bayes_scaling.evaluation.approaches import Approaches
    from bayes_scaling.planning.results.design import Design

LOOK = {
    "envelope": (style.COLOURS[4], "^"),
    "isoFLOP parabola": (style.COLOURS[1], "s"),
    "isoFLOP asymmetric": (style.COLOURS[2], "D"),
    "law": (style.COLOURS[0], "o"),
}
"""Colour and marker of each approach."""


@style.styled
def approaches(
    approaches: "Approaches", *, prob: float = 0.9, figure: "Figure | SubFigure | None" = None
) -> np.ndarray:
    """The exponent of each approach, and N_opt against compute.

    Parameters
    ----------
    approaches : Approaches
    prob : float
        Probability of the intervals.
    figure : Figure, optional

    Returns
    -------
    ndarray of Axes, shape (2,)
    """
    figure = figure if figure is not None else style.new_figure((10.2, 4.8))
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.1))
    tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    share = style.percent(prob)
    for i, name in enumerate(approaches.names):
        colour, marker = LOOK[name]
        low, middle, high = approaches.exponent.sel(approach=name).quantile(tails, ("chain", "draw"))
        left.plot([low, high], [i, i], color=colour, lw=2.4, solid_capstyle="butt")
        style.points(left, [middle], [i], color=colour, marker=marker, s=46)
        left.annotate(
            f"{float(middle):.3f}", (middle, i), (0, 8), textcoords="offset points", ha="center", fontsize=8.5
        )
    left.set_yticks(range(len(approaches.names)), approaches.names)
    left.set_ylim(len(approaches.names) - 0.5, -0.7)
    left.set_xlabel(f"a of N_opt ~ C^a, {share} interval")
    left.set_title("Exponent")

    runs = approaches.fits["law"].runs
    first, end = runs.extent["flops"]
    flops = approaches.flops.to_numpy()
    axis = np.geomspace(first, max(flops.max(), end), 60)
    curves = {name: approaches.along(name, axis) for name in approaches.names}
    style.log_axis(right, "x", "flops", first / 1.5, axis[-1] * 1.5)
    bands = {name: draws.quantile(tails, ("chain", "draw")).to_numpy() for name, draws in curves.items()}
    lowest = min(band[0].min() for band in bands.values())
    style.log_axis(right, "y", "params", lowest / 3, max(band[2].max() for band in bands.values()) * 1.6)
    style.mark_beyond(right, end)
    for name, (low, middle, high) in bands.items():
        colour, marker = LOOK[name]
        style.band(right, axis, low, high, axis > end, colour, style.RUN_ALPHA)
        style.line(right, axis, middle, axis > end, colour)
        if len(approaches.points):
            own = approaches.points[approaches.points["approach"] == name]
            gap = [own["params"] - own["lower"], own["upper"] - own["params"]]
            right.errorbar(own["flops"], own["params"], yerr=gap, fmt="none", ecolor=colour, alpha=0.6, lw=1)
            style.points(right, own["flops"], own["params"], color=colour, marker=marker, s=22)
    keys = [style.key(LOOK[name][0], "points", name, LOOK[name][1]) for name in approaches.names]
    keys.append(style.key(style.GREY, "run", f"{share} band of the line"))
    right.legend(handles=keys, loc="upper left")
    right.set_title("Compute-optimal model size by three approaches")
    return np.array([left, right])


@style.styled
def design(design: "Design", *, figure: "Figure | SubFigure | None" = None) -> np.ndarray:
    """What each candidate tells for its cost, which runs are chosen, and how the doubt shrinks with what is spent.

    Parameters
    ----------
    design : Design
    figure : Figure, optional

    Returns
    -------
    ndarray of Axes, shape (2,)
    """
    figure = figure if figure is not None else style.new_figure((10.2, 4.8))
    plane, falling = figure.subplots(1, 2, width_ratios=(1.5, 1))
    every, batch = design.candidates, design.table()
    n, d = every["params"], every["tokens"]
    style.log_axis(plane, "x", "params", n.min() / 2, n.max() * 2)
    style.log_axis(plane, "y", "tokens", d.min() / 2, d.max() * 2)
    size = 6 + 140 * every["removed"] / every["removed"].max()
    plane.scatter(n, d, s=size, color=style.FAINT, alpha=0.55, linewidths=0)
    for i, group in enumerate(dict.fromkeys(every["group"])):
        own = batch[batch["group"] == group]
        look = {"color": style.COLOURS[i], "marker": style.MARKERS[i]}
        style.points(plane, own["params"], own["tokens"], s=64, **look)
    for row in batch[batch["runs"] > 1].to_dict("records"):
        at = row["params"], row["tokens"]
        plane.annotate(f"{row['runs']}x", at, (6, 4), textcoords="offset points", fontsize=8.5)
    _same_compute(plane, every["flops"].min(), every["flops"].max())
    keys = [
        style.key(style.COLOURS[i], "points", f"to train{'' if many else f' ({group})'}", style.MARKERS[i])
        for many in [every["group"].nunique() == 1]
        for i, group in enumerate(dict.fromkeys(every["group"]))
    ]
    keys.append(style.key(style.FAINT, "points", "candidates; area: what one run tells"))
    plane.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    plane.set_title("Runs to train next")

    spent = design.runs["flops"].cumsum().to_numpy()
    start = spent[0] / 3 if len(spent) else design.budget / 10
    style.log_axis(falling, "x", "flops", start, 2 * max(design.cost, start))
    falling.step(
        np.r_[start, spent], np.r_[design.before, design.runs["sd"]], where="post", color=style.COLOURS[0]
    )
    if design.cost:
        falling.scatter([design.cost], [design.grid], color=style.COLOURS[1], marker="s", zorder=4)
        falling.annotate(
            "isoFLOP profile\nof equal cost", (design.cost, design.grid), (-8, 6), textcoords="offset points",
            ha="right", fontsize=8.5, color=style.COLOURS[1],
        )  # fmt: skip
    falling.set_xlabel("compute spent on the batch (FLOPs)")
    falling.set_ylabel("expected standard deviation")
    falling.set_ylim(0, 1.08 * design.before)
    falling.set_title(fill(design.goal[0].upper() + design.goal[1:], 42), fontsize=9.5)
    return np.array([plane, falling])


def _same_compute(ax: "Axes", low: float, high: float) -> None:
    """Diagonals of equal compute, at powers of ten."""
    (left, right), limits = ax.get_xlim(), ax.get_ylim()
    n = np.array([left, right])
    for decade in np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1):
        d = 10**decade / (6 * n)
        ax.plot(n, d, color=style.BEYOND, lw=1, zorder=0)
        at = min(max(10**decade / (6 * limits[1] * 0.85), left), right)
        if limits[0] < 10**decade / (6 * at) < limits[1]:
            ax.annotate(
                f"$10^{{{decade:.0f}}}$",
                (at, 10**decade / (6 * at)),
                fontsize=7.5,
                color=style.GREY,
                ha="left",
            )
    ax.set_xlim(left, right)
    ax.set_ylim(*limits)
