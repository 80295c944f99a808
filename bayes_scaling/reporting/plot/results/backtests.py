"""What a law said of held-out larger runs, and what they reached."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.evaluation.backtest import Backtest
from bayes_scaling.inference.result import plot_of
from bayes_scaling.reporting.plot import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"posterior": style.COLOURS[0], "no drift": style.COLOURS[1]}
"""Of the methods that are always there; others are grey."""


@plot_of(Backtest)
@style.styled
def coverage(backtest: Backtest, *, ax: "Axes | None" = None) -> "Axes":
    """Share of held-out runs inside of the interval, against the interval's probability.

    On the diagonal, bands cover what they say; below it they are too narrow. The grey lens is what independent runs
    would scatter by (90%); runs of one sweep miss together, so that a curve may leave it by chance.

    Parameters
    ----------
    backtest : Backtest
    ax : Axes, optional
    """
    from scipy.stats import binom  # slow to load

    ax = style.axes(ax, (5.4, 4.8))
    probs = np.linspace(0.01, 0.99, 99)
    count = int((backtest.runs["method"] == "posterior").sum())
    low, high = (binom.ppf(q, count, probs) / count for q in (0.05, 0.95))
    ax.fill_between(probs, low, high, color=style.BEYOND, lw=0, zorder=0)
    ax.plot([0, 1], [0, 1], color=style.GREY, lw=1)
    dashes = iter(["--", ":", "-."] * 5)
    for method, rows in backtest.runs.groupby("method", sort=False):
        gap = np.abs(rows["pit"].to_numpy() - 0.5)
        covered = [(gap <= p / 2).mean() for p in probs]
        look = {"lw": 2.2} if method == "posterior" else {"lw": 1.4, "ls": next(dashes)}
        ax.plot(probs, covered, color=COLOURS.get(str(method), style.GREY), label=method, **look)
    ax.set(
        xlim=(0, 1), ylim=(0, 1), xlabel="probability of the interval", ylabel="share of held-out runs inside"
    )
    style.percent_axis(ax.xaxis)
    style.percent_axis(ax.yaxis)
    ax.legend(loc="upper left")
    ax.set_title(f"Coverage of {count} forecasts of held-out larger runs")
    return ax


@style.styled
def misses(backtest: Backtest, *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """How far what was reached lies from the forecast's median, against the distance beyond the fitted runs.

    Parameters
    ----------
    backtest : Backtest
    prob : float
        A run outside of its interval of this probability is marked by a cross.
    ax : Axes, optional
    """
    ax = style.axes(ax)
    own = backtest.runs[backtest.runs["method"] == "posterior"]
    miss = (own["loss"] / own["median"] - 1).to_numpy()
    far, half = own["decades"].to_numpy(), own["width"].to_numpy() / 2
    outside = np.abs(own["pit"].to_numpy() - 0.5) > prob / 2
    ax.axhline(0, color=style.GREY, lw=1)
    ax.errorbar(far, miss, yerr=half, fmt="none", ecolor=COLOURS["posterior"], alpha=0.25, lw=1)
    marks.points(ax, far[~outside], miss[~outside], color=COLOURS["posterior"], size=22)
    marks.points(ax, far[outside], miss[outside], color=COLOURS["no drift"], marker="X", size=42)
    ax.set_xlabel("distance beyond the fitted runs (powers of ten)")
    ax.set_ylabel("loss reached, from the forecast's median")
    style.percent_axis(ax.yaxis)
    share = style.percent(prob)
    keys = [
        marks.key(COLOURS["posterior"], "points", f"inside its {share} band"),
        marks.key(COLOURS["no drift"], "points", "outside", "X"),
        marks.key(COLOURS["posterior"], "run", "90% band"),
    ]
    ax.legend(handles=keys, loc="best")
    ax.set_title("Held-out larger runs against their forecasts")
    return ax
