"""Laws against laws, and poolings against poolings, by what they predict for runs left out."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.evaluation.compare import Comparison
from bayes_scaling.evaluation.compare_pooling import PoolingComparison
from bayes_scaling.evaluation.loo import BAD_K, least_difference
from bayes_scaling.inference.result import plot_of
from bayes_scaling.reporting.plot import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(Comparison)
@style.styled
def comparison(comparison: Comparison, *, ax: "Axes | None" = None) -> "Axes":
    """How much worse than the best law each one predicts configurations left out, and whether that tells them apart.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional
    """
    table = comparison.ranking
    rows = np.arange(len(table))[::-1]
    ax = style.axes(ax, (7.2, 1.4 + 0.5 * len(table)))
    ax.errorbar(table["elpd_diff"], rows, xerr=table["dse"], fmt="o", color=style.COLOURS[0], ms=6.5, lw=1.8)
    ax.axvline(0, color=style.GREY, lw=1, ls=marks.DOTTED, zorder=0)
    ax.set(yticks=rows, yticklabels=table.index, ylim=(-0.6, len(table) - 0.4))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("difference in elpd to the best law\n(nats, ± 1 standard error; right is better)")
    ax.set_title("Laws compared by leave-one-out prediction")
    for y, (_, row) in zip(rows, table.iterrows(), strict=True):
        behind, se = -float(row["elpd_diff"]), float(row["dse"])
        apart = "worse" if behind > least_difference(se) else "not told from the best"
        _beside(
            ax, y, 0, f"{behind:.1f} ± {se:.1f} behind: {apart}" if behind else "best here", style.INK, 9.5
        )
        if not row["worst_k"] <= BAD_K:
            exact = f"{row['refits']:.0f} refitted exactly" if row["refits"] else "not trusted: refit"
            _beside(ax, y, -13, f"⚠ Pareto-k {row['worst_k']:.2f}, {exact}", style.COLOURS[1], 8)
    return ax


def _beside(ax: "Axes", y: float, down: float, text: str, color: str, size: float) -> None:
    """Words to the right of a row."""
    ax.annotate(
        text, (1, y), (8, down), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
        color=color, fontsize=size,
    )  # fmt: skip


@plot_of(PoolingComparison)
@style.styled
def pooling(found: PoolingComparison, *, ax: "Axes | None" = None) -> "Axes":
    """What sharing each parameter between groups costs, with two standard errors.

    Parameters
    ----------
    found : PoolingComparison
    ax : Axes, optional
    """
    rows = found.parameters
    ax = style.axes(ax, (7.2, 1.6 + 0.5 * len(rows)))
    y = np.arange(len(rows))[::-1]
    for offset, what, color, label in (
        (0.12, "needed", style.COLOURS[0], "lost by sharing it, all others free"),
        (-0.12, "alone", style.COLOURS[1], "won by freeing it, all others shared"),
    ):
        twice = 2 * rows[f"{what} se"]
        ax.errorbar(rows[what], y + offset, xerr=twice, fmt="o", color=color, label=label, lw=1.8, ms=6)
    ax.axvline(0, color=style.GREY, lw=1)
    ax.axvspan(-4, 4, color=style.BEYOND, zorder=0, lw=0)
    ax.set_yticks(y, [f"{name} ({kind})" for name, kind in zip(rows.index, rows["kind"], strict=True)])
    ax.set_xscale("symlog", linthresh=10)
    low, high = ax.get_xlim()
    ticks = [t for size in (4, 10, 30, 100, 300, 1000, 3000) for t in (-size, size)]
    ax.set_xticks([0, *(t for t in ticks if low <= t <= high)], minor=False)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.minorticks_off()
    ax.set_xlabel("elpd by leave-one-out (nats), with two standard errors; grey: no matter in practice")
    ax.legend(loc="best")
    ax.set_title("Which parameters differ between groups")
    return ax
