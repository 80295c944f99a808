"""Variants of a recipe against their baseline."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.intervals import bound_names
from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.results.gate import Gate
from bayes_scaling.reporting.plot import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


WIDE = 5.0
"""Speedups that differ by a larger factor have a logarithmic axis."""


@plot_of(Gate)
@style.styled
def gate(gate: Gate, *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """The speedup of each variant at the last budget, the best above, and its verdict.

    Parameters
    ----------
    gate : Gate
    prob : float
        Probability of the bars.
    ax : Axes, optional
    """
    table = gate.table(prob).groupby("variant", sort=False).last().reset_index()
    ax = style.axes(ax, (7.2, 1.6 + 0.3 * len(table)))
    y = -np.arange(len(table), dtype=float)
    found = (
        table[[bound_names("speedup", prob)[0], "speedup", bound_names("speedup", prob)[1]]].to_numpy(float).T
    )
    finite = found[np.isfinite(found)]
    low, high = (finite.min(), finite.max()) if finite.size else (1.0, 1.0)
    low, high = min(low, 0.98) / 1.02, max(high, gate.threshold, 1.02) * 1.02
    if high / low > WIDE:
        style.log_axis(ax, "x", "effective speedup", low, high)
    else:
        ax.set(xlim=(low, high), xlabel="effective speedup")
    ax.axvline(1, color=style.GREY, lw=1)
    ax.axvline(gate.threshold, color=style.COLOURS[1], lw=1.2, ls=":")
    marks.bars(ax, y, found, np.isfinite(found[1]), np.zeros(len(table), bool))
    names = [
        f"{variant}: {verdict}" for variant, verdict in zip(table["variant"], table["verdict"], strict=True)
    ]
    ax.set(yticks=y, yticklabels=names, ylim=(y[-1] - 0.6, 0.6))
    ax.tick_params(axis="y", length=0)
    keys = [
        marks.key(style.COLOURS[0], "line", f"median and {style.percent(prob)}"),
        marks.key(style.COLOURS[1], "dotted", f"threshold {gate.threshold:g}"),
    ]
    marks.legend_below(ax, keys)
    ax.set_title(f"Speedup over {gate.baseline} at {gate.in_words(gate.budgets[-1])}")
    return ax
