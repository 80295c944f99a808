"""What pictures are made of: bands and lines that change where the data end, points, bars, and their legend."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

import numpy as np

from bayes_scaling.reporting.plot.style import BEYOND, COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike, NDArray

    type Bounds = NDArray[np.float64]  # shape (3, points): lower, median, upper
    type Mask = NDArray[np.bool_]  # shape (points,)

DASHED = (0, (3.5, 2))
DOTTED = (0, (1, 2))
LAW_ALPHA, RUN_ALPHA = 0.42, 0.17

FEW = 5
"""Up to so many points are drawn as bars beside their band."""

_RUNS: "WeakKeyDictionary[PathCollection, NDArray[np.int_]]" = WeakKeyDictionary()


def mark_beyond(ax: "Axes", end: float) -> None:
    """Greys what lies right of the end of the data, says so along the line, and marks how far away it lies."""
    last = ax.get_xlim()[1]
    if end >= last:
        return
    ax.axvspan(end, last, color=BEYOND, zorder=0, lw=0)
    ax.axvline(end, color=GREY, lw=1, ls=DOTTED, zorder=1)
    for decade in range(1, int(np.log10(last / end) + 0.05) + 1):
        ax.annotate(
            f"{10**decade:,}x", (end * 10**decade, 1), (0, 3), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=7.5, color=GREY, ha="center", annotation_clip=False,
        ).set_in_layout(False)  # fmt: skip
    ax.annotate(
        "← data end here", (end, 0), (3, 4), xycoords=("data", "axes fraction"), textcoords="offset points",
        fontsize=8, color=GREY,
    )  # fmt: skip


def curve(
    ax: "Axes", x: np.ndarray, bounds: "Bounds", beyond: "Mask", color: str, alpha: float = LAW_ALPHA
) -> None:
    """A median with its band; where it has few points, they are bars too."""
    low, middle, high = bounds
    band(ax, x, low, high, beyond, color, alpha)
    line(ax, x, middle, beyond, color)
    if len(x) <= FEW:
        ax.vlines(x, low, high, color=color, alpha=0.45, lw=6)
        dots(ax, x, middle, beyond, color)


def band(
    ax: "Axes", x: np.ndarray, low: np.ndarray, high: np.ndarray, beyond: "Mask", color: str, alpha: float
) -> None:
    """A band: filled within the data, lighter and hatched where ``beyond``."""
    inside, outside = pieces(beyond)
    ax.fill_between(x, low, high, where=inside, color=color, alpha=alpha, lw=0)
    ax.fill_between(x, low, high, where=outside, color=color, alpha=alpha * 0.6, lw=0)
    ax.fill_between(
        x, low, high, where=outside, alpha=alpha, lw=0, facecolor="none", edgecolor=color, hatch="////"
    )


def line(ax: "Axes", x: np.ndarray, y: np.ndarray, beyond: "Mask", color: str) -> None:
    """A line: solid within the data, dashed where ``beyond``."""
    inside, outside = pieces(beyond)
    ax.plot(np.where(inside, x, np.nan), y, color=color)
    ax.plot(np.where(outside, x, np.nan), y, color=color, ls=DASHED)


def dots(ax: "Axes", x: np.ndarray, y: np.ndarray, beyond: "Mask", color: str) -> None:
    """Medians: filled within the data, open where ``beyond``."""
    for mask, edge, face in ((~beyond, "white", color), (beyond, color, "white")):
        ax.plot(x[mask], y[mask], "o", color=color, mec=edge, mfc=face, mew=1.5, ms=7)


def bars(ax: "Axes", y: np.ndarray, found: np.ndarray, answered: np.ndarray, beyond: np.ndarray) -> None:
    """Intervals, shape (3, rows), with their medians; what is out of reach leaves the picture by an arrow."""
    low, middle, high = found
    known, end, color = np.isfinite(middle) & answered, ax.get_xlim()[1], COLOURS[0]
    ax.hlines(
        y[known], low[known], np.where(np.isfinite(high), high, end)[known], color=color, alpha=0.45, lw=6
    )
    for row in y[known & ~np.isfinite(high)]:
        [arrow] = ax.plot(end, row, ">", color=color, ms=9, clip_on=False)
        arrow.set_in_layout(False)
    dots(ax, middle[known], y[known], beyond[known], color)


def points(
    ax: "Axes",
    x: "ArrayLike",
    y: "ArrayLike",
    color: str,
    marker: str = "o",
    size: float = 32,
    *,
    clip: bool = True,
    which: "Mask | None" = None,
) -> None:
    """Runs as points with a white rim, so that crowded ones stay apart; ``size`` is their area in square points.

    ``which`` is the mask of the table's runs that they are, for `runs_in`.
    """
    drawn = ax.scatter(
        x, y, s=size, color=color, marker=marker, zorder=4, linewidths=0.6, edgecolors="white", clip_on=clip
    )
    if which is not None:
        _RUNS[drawn] = np.flatnonzero(which)


def runs_in(figure: "Figure") -> Iterator[tuple[int, float, float]]:
    """Rows of the runs that a figure shows, and where: shares of its width from the left, of its height from the top.

    Only once it was drawn: before, its panels have no place.
    """
    within = figure.transFigure.inverted()
    for ax in figure.axes:
        for drawn in ax.collections:
            if (rows := _RUNS.get(drawn)) is None:  # type: ignore[call-overload]
                continue
            places = ax.transData.transform(np.asarray(drawn.get_offsets()))
            for row, place in zip(rows, places, strict=True):
                if ax.bbox.contains(*place):
                    x, y = within.transform(place)
                    yield int(row), float(x), float(1 - y)


def pieces(beyond: "Mask") -> "tuple[Mask, Mask]":
    """Masks of the parts within and beyond the data; they meet in the last point within."""
    joint = beyond.copy()
    joint[:-1] |= beyond[1:]
    joint[1:] |= beyond[:-1]
    return ~beyond, joint


def key(
    color: str,
    kind: Literal["line", "dashed", "dotted", "law", "run", "points"],
    label: str,
    marker: str = "o",
) -> "Artist":
    """A legend entry of one kind; ``law`` and ``run`` are the dark and the light band."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if kind == "law" or kind == "run":
        alpha = LAW_ALPHA + RUN_ALPHA if kind == "law" else RUN_ALPHA
        return Patch(facecolor=color, alpha=alpha, label=label)
    if kind == "points":
        return Line2D([], [], color=color, marker=marker, ls="", ms=5.5, mec="white", mew=0.6, label=label)
    return Line2D([], [], color=color, ls={"line": "-", "dashed": DASHED, "dotted": ":"}[kind], label=label)


def legend_of_panels(part: "SubFigure", keys: "list[Artist]", inches: float = 2.0) -> None:
    """A legend under all panels, with as many columns as there is width for."""
    columns = max(1, min(len(keys), int(part.bbox.width / part.dpi / inches)))
    part.legend(handles=keys, loc="outside lower center", ncols=columns)


def legend_below(ax: "Axes", keys: "list[Artist]", columns: int = 3) -> None:
    """A legend under the label of the axis, where it covers nothing."""
    from matplotlib.transforms import ScaledTranslation

    scale = ax.get_figure(root=False).dpi_scale_trans  # type: ignore[union-attr]
    foot = ax.transAxes + ScaledTranslation(0, -0.55, scale)
    ax.legend(
        handles=keys, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=foot, ncols=columns,
        borderaxespad=0,
    )  # fmt: skip
