"""How every picture looks: colours, axes with units, and the marks of what lies beyond the data."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rcParams
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogFormatterMathtext, LogLocator, NullFormatter

from bayes_scaling.data.units import format_quantity, parse_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_scaling.inference.posterior import Posterior

# Okabe and Ito's colours, without yellow: told apart by all kinds of colour vision. The marker says it twice.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, GREY, FAINT, BEYOND = "#222222", "#6b6b6b", "#8f8f8f", "#f1f1ef"
DASHED = (0, (3.5, 2))
LAW_ALPHA, RUN_ALPHA = 0.42, 0.17

STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.ymargin": 0.07,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.fontsize": 8.5,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "legend.borderaxespad": 0.6,
    "legend.handlelength": 1.8,
    "lines.linewidth": 2.0,
    "hatch.linewidth": 0.6,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "bayes_scaling",
}

LABELS = {
    "params": "model size N (parameters)",
    "tokens": "training data D (tokens)",
    "flops": "training compute C (FLOPs)",
    "loss": "loss (nats per token)",
}


def styled[F: Callable[..., Any]](function: F) -> F:
    """Draws in this package's style and leaves matplotlib's own settings as they were."""

    @wraps(function)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        # Not rc_context: it would also undo what a notebook's backend sets as it starts inside.
        before = {key: rcParams[key] for key in STYLE}
        rcParams.update(STYLE)
        try:
            return function(*args, **kwargs)
        finally:
            rcParams.update(before)

    return drawn  # type: ignore[return-value]


def axes(ax: "Axes | None", size: tuple[float, float] = (7.2, 4.6)) -> "Axes":
    """The Axes given, or those of a new pyplot figure."""
    return ax if ax is not None else new_figure(size).subplots()


def new_figure(size: tuple[float, float]) -> "Figure":
    """A new pyplot figure, so that notebooks show it."""
    import matplotlib.pyplot as plt

    return plt.figure(figsize=size, layout="constrained")


def look(fit: "Posterior", group: str | None) -> dict[str, Any]:
    """Colour and marker of a group, the same in every picture of a fit; ink for a group not seen yet."""
    if group not in fit.groups:
        return {"color": INK, "marker": "o"}
    i = fit.groups.index(group)
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def log_axis(ax: "Axes", which: str, column: str, low: float, high: float) -> None:
    """A logarithmic axis from low to high, with its unit and ticks that people read: 70M, 1B, 10²⁴."""
    axis = getattr(ax, f"{which}axis")
    getattr(ax, f"set_{which}scale")("log")
    getattr(ax, f"set_{which}lim")(low, high)
    getattr(ax, f"set_{which}label")(LABELS.get(column, column))
    subs = (1.0, 2.0, 5.0) if np.log10(high / low) < 2 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    plain = FuncFormatter(lambda value, _: format_quantity(value))
    axis.set_major_formatter(LogFormatterMathtext() if column == "flops" else plain)
    axis.set_minor_formatter(NullFormatter())


def horizon(end: float, to: Any, decades: float = 3) -> float:
    """Where an axis ends: as asked, or at the first power of ten so many decades beyond the data."""
    return 10.0 ** np.ceil(np.log10(end) + decades) if to is None else parse_quantity(to, "to")


def mark_beyond(ax: "Axes", end: float) -> None:
    """Greys what lies right of the end of the data, and says so along the line."""
    if end >= ax.get_xlim()[1]:
        return
    ax.axvspan(end, ax.get_xlim()[1], color=BEYOND, zorder=0, lw=0)
    ax.axvline(end, color=GREY, lw=1, ls=(0, (1, 2)), zorder=1)
    ax.annotate(
        "← data end here", (end, 0), (3, 4), xycoords=("data", "axes fraction"), textcoords="offset points",
        fontsize=8, color=GREY,
    )  # fmt: skip


def band(ax: "Axes", x: Any, low: Any, high: Any, beyond: Any, color: str, alpha: float) -> None:
    """A band: filled within the data, lighter and hatched where ``beyond``."""
    inside, outside = pieces(beyond)
    hatched: dict[str, Any] = {"facecolor": "none", "edgecolor": color, "hatch": "////"}
    ax.fill_between(x, low, high, where=inside, color=color, alpha=alpha, lw=0)
    ax.fill_between(x, low, high, where=outside, color=color, alpha=alpha * 0.6, lw=0)
    ax.fill_between(x, low, high, where=outside, alpha=alpha, lw=0, **hatched)


def line(ax: "Axes", x: Any, y: Any, beyond: Any, color: str) -> None:
    """A line: solid within the data, dashed where ``beyond``."""
    inside, outside = pieces(beyond)
    ax.plot(np.where(inside, x, np.nan), y, color=color)
    ax.plot(np.where(outside, x, np.nan), y, color=color, ls=DASHED)


def points(ax: "Axes", x: Any, y: Any, **look: Any) -> None:
    """Runs as points with a white rim, so that crowded ones stay apart."""
    ax.scatter(x, y, **{"s": 32, "zorder": 4, "linewidths": 0.6, "edgecolors": "white", **look})


def pieces(beyond: Any) -> tuple[np.ndarray, np.ndarray]:
    """Which points the parts within and beyond the data hold; they meet in the last point within."""
    outside = np.asarray(beyond, bool)
    joint = outside.copy()
    joint[:-1] |= outside[1:]
    joint[1:] |= outside[:-1]
    return ~outside, joint


def key(color: str, kind: str, label: str, marker: str = "o") -> Any:
    """A legend entry of one kind: line, dashed, law, run (the two bands) or points."""
    if kind in ("law", "run"):
        alpha = LAW_ALPHA + RUN_ALPHA if kind == "law" else RUN_ALPHA
        return Patch(facecolor=color, alpha=alpha, label=label)
    if kind == "points":
        return Line2D([], [], color=color, marker=marker, ls="", ms=5.5, mec="white", mew=0.6, label=label)
    dashes: dict[str, Any] = {"line": "-", "dashed": DASHED, "dotted": ":"}
    return Line2D([], [], color=color, ls=dashes[kind], label=label)


def of_group(fit: "Posterior", group: str) -> str:
    """The end of a title: which group, where there is more than one."""
    return f" ({group})" if len(fit.groups) > 1 else ""


def percent(prob: float) -> str:
    """A probability as text: 0.9 -> "90%"."""
    return f"{100 * prob:g}%"
