"""Chinchilla's three approaches side by side."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.evaluation.approaches import Approaches
from bayes_scaling.inference.result import plot_of
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import Look, bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: dict[str, Look] = {
    "envelope": {"color": style.COLOURS[4], "marker": "^"},
    "isoFLOP parabola": {"color": style.COLOURS[1], "marker": "s"},
    "isoFLOP asymmetric": {"color": style.COLOURS[2], "marker": "D"},
    "law": {"color": style.COLOURS[0], "marker": "o"},
}


@plot_of(Approaches)
@style.styled
def approaches(approaches: Approaches, *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """The exponent of each approach, and N_opt against compute: two panels.

    Parameters
    ----------
    approaches : Approaches
    prob : float
        Probability of the intervals.
    ax : Axes, optional
    """
    ax = style.axes(ax, (10.2, 4.8))
    _, (left, right) = style.split(ax, 1, 2, widths=(1, 2.1))
    _exponents(left, approaches, prob)
    _optima(right, approaches, prob)
    return ax


def _exponents(ax: "Axes", approaches: Approaches, prob: float) -> None:
    names = approaches.names
    for i, name in enumerate(names):
        low, middle, high = bounds(approaches.exponent.sel(approach=name), prob)
        ax.plot([low, high], [i, i], color=LOOKS[name]["color"], lw=2.4, solid_capstyle="butt")
        marks.points(ax, [middle], [i], size=46, **LOOKS[name])
        ax.annotate(
            f"{middle:.3f}", (middle, i), (0, 8), textcoords="offset points", ha="center", fontsize=8.5
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.7)
    ax.set_xlabel(f"a of N_opt ~ C^a, {style.percent(prob)} interval")
    ax.set_title("Exponent")


def _optima(ax: "Axes", approaches: Approaches, prob: float) -> None:
    first, end = approaches.fits["law"].runs.extent["flops"]
    flops = np.geomspace(first, max(float(approaches.flops.max()), end), 60)
    curves = {name: bounds(approaches.along(name, flops), prob) for name in approaches.names}
    style.log_axis(ax, "x", "flops", first / 1.5, flops[-1] * 1.5)
    lowest, highest = (
        least([f(c[i]) for c in curves.values()]) for least, f, i in ((min, np.min, 0), (max, np.max, 2))
    )
    style.log_axis(ax, "y", "params", lowest / 3, highest * 1.6)
    marks.mark_beyond(ax, end)
    for name, found in curves.items():
        marks.curve(ax, flops, found, flops > end, LOOKS[name]["color"], marks.RUN_ALPHA)
        if len(approaches.points):
            own = approaches.points[approaches.points["approach"] == name]
            gap = [own["params"] - own["lower"], own["upper"] - own["params"]]
            color = LOOKS[name]["color"]
            ax.errorbar(own["flops"], own["params"], yerr=gap, fmt="none", ecolor=color, alpha=0.6, lw=1)
            marks.points(ax, own["flops"], own["params"], size=22, **LOOKS[name])
    keys = [marks.key(**LOOKS[name], kind="points", label=name) for name in approaches.names]
    keys.append(marks.key(style.GREY, "run", f"{style.percent(prob)} band of the line"))
    ax.legend(handles=keys, loc="upper left")
    ax.set_title("Compute-optimal model size by three approaches")
