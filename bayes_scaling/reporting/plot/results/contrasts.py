"""Groups against groups, and what the exponents say."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.results.contrast import Contrast
from bayes_scaling.planning.results.exponents import Exponents
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGE = 1e300
"""Stands for no finite compute, which a band may reach and a line may not."""


@plot_of(Contrast)
@style.styled
def contrast(contrast: Contrast, *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """What the compute of one group is worth in another's, against the budget.

    Parameters
    ----------
    contrast : Contrast
    prob : float
        Probability of the bands.
    ax : Axes, optional
    """
    ax = style.axes(ax)
    x, found = _met(contrast.flops.to_numpy(), bounds(contrast.multiplier, prob), contrast.end)
    finite = found[np.isfinite(found)]
    if not finite.size:
        raise InputError("no group of this contrast matches another at any finite compute")
    top = min(finite.max() * 1.5, 1e4)
    style.log_axis(ax, "x", "flops", x.min() / 1.5, x.max() * 1.5)
    style.log_axis(ax, "y", "worth, in multiples of the compute", max(finite.min() / 1.5, 1e-4), top)
    ax.axhline(1, color=style.GREY, lw=1)
    marks.mark_beyond(ax, contrast.end)
    for i, (a, b) in enumerate(contrast.pairs):
        color = style.COLOURS[i % len(style.COLOURS)]
        low, middle, high = np.where(np.isfinite(found[:, i]), found[:, i], LARGE)
        middle = np.where(middle < LARGE, middle, np.nan)
        pair = np.array([low, middle, np.minimum(high, top * 10)])
        # Bars of few budgets stand side by side.
        apart = 1.1 ** (i - (len(contrast.pairs) - 1) / 2) if len(x) <= marks.FEW else 1.0
        marks.curve(ax, x * apart, pair, x > contrast.end, color, marks.RUN_ALPHA)
        ax.plot([], [], color=color, label=f"{a} over {b}")
    ax.legend(loc="best", title=f"median and {style.percent(prob)} band", title_fontsize=8.5)
    ax.set_title("Effective compute of one group over another")
    return ax


def _met(x: np.ndarray, found: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds, shape (3, pairs, points), with the end of the data among their budgets, so that lines change there."""
    order = np.argsort(x)
    x, found = x[order], found[..., order]
    k = int(np.searchsorted(x, end))
    if not 0 < k < len(x) or np.isclose(x[k], end) or np.isclose(x[k - 1], end):
        return x, found
    share = np.log(end / x[k - 1]) / np.log(x[k] / x[k - 1])
    between = found[..., k - 1] ** (1 - share) * found[..., k] ** share
    return np.insert(x, k, end), np.insert(found, k, between, axis=-1)


@plot_of(Exponents)
@style.styled
def doublings(
    exponents: Exponents, *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """Exponents, the intrinsic dimension read off them, and what a doubling buys: three panels.

    Parameters
    ----------
    exponents : Exponents
    group : str, optional
        Default: the first.
    prob : float
        Probability of the intervals.
    ax : Axes, optional
    """
    ax = style.axes(ax, (10, 2.9))
    _, panels = style.split(ax, 1, 3)
    nouns = {"params": "N", "tokens": "D", "flops": "C"}
    units = ("parameters", "tokens")
    point = " and ".join(
        f"{format_quantity(value)} {noun}" for value, noun in zip(exponents.at.values(), units, strict=False)
    )
    share = f"median and {style.percent(prob)} interval"
    first = next(iter(exponents.exponents.data_vars.values()))
    parts = (
        (exponents.exponents, f"exponent of the reducible loss,\n{share}", titled("Exponents", first, group)),
        (exponents.dimension, f"4 / exponent,\n{share}", "Intrinsic dimension"),
        (exponents.doubling, f"nats per token saved at\n{point}", "What a doubling buys"),
    )
    for panel, (found, label, title) in zip(panels, parts, strict=True):
        names = [str(name) for name in found.data_vars]
        for i, name in enumerate(names):
            low, middle, high = bounds(found[name], prob, group)
            panel.hlines(-i, low, high, color=style.COLOURS[i], alpha=0.45, lw=7)
            panel.plot(middle, -i, "o", color=style.COLOURS[i], mec="white", ms=7)
        panel.set_yticks([-i for i in range(len(names))], [nouns.get(name, name) for name in names])
        panel.set(ylim=(-len(names) + 0.4, 0.6), xlabel=label, title=title)
        style.few_ticks(panel.xaxis, 5)
        panel.grid(axis="x", color=style.BEYOND)
    return ax
