"""Groups against groups, which parameters differ, and what the exponents say."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from bayes_scaling.data.units import format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.reporting.plot import style
from bayes_scaling.reporting.plot.plans import one_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bayes_scaling.evaluation.compare_pooling import PoolingComparison
    from bayes_scaling.planning.results.contrast import Contrast
    from bayes_scaling.planning.results.exponents import Exponents


@style.styled
def contrast(contrast: "Contrast", *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """What the compute of one group is worth in another's, against the budget.

    Parameters
    ----------
    contrast : Contrast
        At two budgets or more.
    prob : float
        Probability of the bands.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = style.axes(ax)
    x = contrast.flops.to_numpy()
    found = quantiles(contrast.multiplier, tails(prob)).transpose("pair", "point", "quantile").to_numpy()
    x, found = _met(x, found, contrast.end)
    inside = found[np.isfinite(found)]
    if not inside.size:
        raise InputError("no group of this contrast matches another at any finite compute")
    top = min(inside.max() * 1.5, 1e4)
    style.log_axis(ax, "x", "flops", x.min() / 1.3, x.max() * 1.3)
    style.log_axis(ax, "y", "worth, in multiples of the compute", max(inside.min() / 1.5, 1e-4), top)
    ax.axhline(1, color=style.GREY, lw=1)
    style.mark_beyond(ax, contrast.end)
    for i, (a, b) in enumerate(contrast.pairs):
        color = style.COLOURS[i % len(style.COLOURS)]
        low, middle, high = np.where(np.isfinite(found[i]), found[i], 1e300).T
        style.band(ax, x, low, np.minimum(high, top * 10), x > contrast.end, color, style.RUN_ALPHA)
        style.line(ax, x, np.where(middle < 1e299, middle, np.nan), x > contrast.end, color)
        ax.plot([], [], color=color, label=f"{a} over {b}")
    ax.legend(loc="best", title=f"median and {style.percent(prob)} band", title_fontsize=8.5)
    ax.set_title("Effective compute of one group over another")
    return ax


def _met(x: np.ndarray, bands: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Bands, dims (pair, point, bound), with the end of the data among their budgets, so that lines change there."""
    order = np.argsort(x)
    x, bands = x[order], bands[:, order]
    k = int(np.searchsorted(x, end))
    if not 0 < k < len(x) or np.isclose(x[k], end) or np.isclose(x[k - 1], end):
        return x, bands
    share = np.log(end / x[k - 1]) / np.log(x[k] / x[k - 1])
    between = bands[:, k - 1] ** (1 - share) * bands[:, k] ** share
    return np.insert(x, k, end), np.insert(bands, k, between, axis=1)


@style.styled
def pooling(found: "PoolingComparison", *, ax: "Axes | None" = None) -> "Axes":
    """What sharing each parameter between groups costs, with its standard error.

    Parameters
    ----------
    found : PoolingComparison
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    rows = found.parameters
    ax = style.axes(ax, (7.2, 1.6 + 0.5 * len(rows)))
    y = np.arange(len(rows))[::-1]
    for offset, what, color, label in (
        (0.12, "needed", style.COLOURS[0], "lost by sharing it, all others free"),
        (-0.12, "alone", style.COLOURS[1], "won by freeing it, all others shared"),
    ):
        ax.errorbar(
            rows[what],
            y + offset,
            xerr=2 * rows[f"{what} se"],
            fmt="o",
            color=color,
            label=label,
            lw=1.8,
            ms=6,
        )
    ax.axvline(0, color=style.GREY, lw=1)
    ax.axvspan(-4, 4, color=style.BEYOND, zorder=0, lw=0)
    ax.set_yticks(y, [f"{name} ({kind})" for name, kind in zip(rows.index, rows["kind"], strict=True)])
    ax.set_xscale("symlog", linthresh=10)
    ticks = [t for size in (4, 10, 30, 100, 300, 1000, 3000) for t in (-size, size)]
    low, high = ax.get_xlim()
    ax.set_xticks([0, *(t for t in ticks if low <= t <= high)], minor=False)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.minorticks_off()
    ax.set_xlabel("elpd by leave-one-out (nats), with two standard errors; grey: no matter in practice")
    ax.legend(loc="best")
    ax.set_title("Which parameters differ between groups")
    return ax


@style.styled
def doublings(
    exponents: "Exponents",
    *,
    group: str | None = None,
    prob: float = 0.9,
    figure: "Figure | SubFigure | None" = None,
) -> np.ndarray:
    """Exponents, the intrinsic dimension read off them, and what a doubling buys.

    Parameters
    ----------
    exponents : Exponents
    group : str, optional
        Default: the first.
    prob : float
        Probability of the intervals.
    figure : Figure or SubFigure, optional

    Returns
    -------
    ndarray of Axes, shape (3,)
    """
    canvas = figure if figure is not None else style.new_figure((10, 2.9))
    panels = canvas.subplots(1, 3)
    nouns = {"params": "N", "tokens": "D", "flops": "C"}
    point = " and ".join(
        f"{format_quantity(value)} {noun}"
        for value, noun in zip(exponents.at.values(), ("parameters", "tokens"), strict=False)
    )
    share = f"median and {style.percent(prob)} interval"
    first = exponents.exponents
    groups = [str(name) for name in first["group"].to_numpy()] if "group" in first.dims else []
    of = f" ({group or groups[0]})" if len(groups) > 1 else ""
    parts = (
        (first, f"exponent of the reducible loss,\n{share}", f"Exponents{of}"),
        (exponents.dimension, f"4 / exponent,\n{share}", "Intrinsic dimension"),
        (exponents.doubling, f"nats per token saved at\n{point}", "What a doubling buys"),
    )
    for ax, (part, label, title) in zip(panels, parts, strict=True):
        names = list(part.data_vars)
        for i, name in enumerate(names):
            low, middle, high = one_group(quantiles(part[name], tails(prob)), group).to_numpy()
            ax.hlines(-i, low, high, color=style.COLOURS[i], alpha=0.45, lw=7)
            ax.plot(middle, -i, "o", color=style.COLOURS[i], mec="white", ms=7)
        ax.set_yticks([-i for i in range(len(names))], [nouns[str(name)] for name in names])
        ax.set_ylim(-len(names) + 0.4, 0.6)
        ax.set_xlabel(label)
        ax.set_title(title)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.grid(axis="x", color=style.BEYOND)
    return panels
