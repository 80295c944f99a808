"""How every picture looks: colours, fonts, figures and their panels, axes with units.

Matplotlib loads with the first picture and not on import: in this folder every import of it stands inside a function.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal
from warnings import catch_warnings, simplefilter
from weakref import WeakKeyDictionary

import numpy as np

from bayes_scaling.data.loss_unit import Unit
from bayes_scaling.data.response import WORDS, Response
from bayes_scaling.data.units import Quantity, format_quantity, parse_quantity
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import SubFigure

# Okabe and Ito's colours, without yellow: distinct for all kinds of colour vision. The marker says it twice.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

BUDGETS = 17
"""Whose best sizes a path is drawn through: it is smooth, and each takes a search for every draw."""
INK, GREY, FAINT, BEYOND = "#222222", "#6b6b6b", "#8f8f8f", "#f1f1ef"

STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 15,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
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
    "legend.facecolor": "white",
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

_POWER = re.compile(r"\$(\\mathdefault\{|10\^\{-?\d+\}\$)")

LABELS = {
    "params": "model size N (parameters)",
    "tokens": "training data D (tokens)",
    "tokens_per_param": "tokens per parameter D/N",
    "flops": "training compute C (FLOPs)",
}

Size = tuple[float, float]

_WITH_PYPLOT = ContextVar("_WITH_PYPLOT", default=True)
_PANELS: "WeakKeyDictionary[Axes, list[Axes]]" = WeakKeyDictionary()


def styled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Draws in this package's style and leaves matplotlib's own settings as they were."""

    @wraps(function)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        from matplotlib import rcParams

        # Not rc_context: it would also undo what a notebook's backend sets as it starts inside.
        before = {key: rcParams[key] for key in STYLE}
        rcParams.update(STYLE)
        try:
            picture = function(*args, **kwargs)
            _without_formulas(picture)
            return picture
        finally:
            rcParams.update(before)

    return drawn


def _without_formulas(picture: Any) -> None:
    """A dollar in a name, as of a group, is a dollar; formulas are powers of ten alone."""
    from matplotlib.text import Text

    figure = picture.get_figure(root=True) if hasattr(picture, "get_figure") else None
    with catch_warnings():
        simplefilter("ignore", RuntimeWarning)  # a second axis has no limits yet
        found = figure.findobj(Text) if figure else []
    for text in found:
        if "$" in text.get_text() and not _POWER.match(text.get_text()):
            text.set_parse_math(False)


@contextmanager
def without_pyplot() -> Iterator[None]:
    """Figures that are made inside are not pyplot's, so that no notebook shows them and none has to be closed."""
    token = _WITH_PYPLOT.set(False)
    try:
        yield
    finally:
        _WITH_PYPLOT.reset(token)


def axes(ax: "Axes | None", size: Size = (7.2, 4.6)) -> "Axes":
    """The Axes given, or those of a new figure: pyplot's, so that notebooks show it."""
    if ax is not None:
        return ax
    if not _WITH_PYPLOT.get():
        from matplotlib.figure import Figure

        return Figure(figsize=size, layout="constrained").subplots()
    import matplotlib.pyplot as plt

    return plt.figure(figsize=size, layout="constrained").subplots()


def split(
    ax: "Axes", rows: int, columns: int, *, sharey: bool = False, widths: Sequence[float] | None = None
) -> "tuple[SubFigure, list[Axes]]":
    """Panels instead of these Axes, which stay as an invisible frame, and the part of the figure that has them.

    Raises
    ------
    InputError
        If the Axes are not of a grid, as those of ``Figure.subplots`` are.
    """
    cell = ax.get_subplotspec()
    if cell is None:
        raise InputError("a picture of several panels needs Axes of a grid, as those of Figure.subplots")
    ax.set_axis_off()
    part = ax.get_figure(root=False).add_subfigure(cell)  # type: ignore[union-attr]
    part.set_facecolor("none")
    panels = part.subplots(rows, columns, squeeze=False, sharey=sharey, width_ratios=widths)
    _PANELS[ax] = list(panels.ravel())
    return part, _PANELS[ax]


def panels(ax: "Axes") -> "list[Axes]":
    """The panels of a picture, given what drew it returned; itself where it has but one."""
    return [panel for panel in _PANELS.get(ax, [ax]) if panel.get_figure() is not None]


def log_axis(ax: "Axes", which: Literal["x", "y"], column: str, low: float, high: float) -> None:
    """A logarithmic axis from low to high, with its unit and ticks that people read: 70M, 1B, 10²⁴."""
    from matplotlib.ticker import LogFormatterMathtext, LogLocator, NullFormatter

    label = LABELS.get(column, column)
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high), f"{which}label": label})
    axis: Axis = {"x": ax.xaxis, "y": ax.yaxis}[which]
    subs = (1.0, 2.0, 5.0) if np.log10(high / low) < 2 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axis.set_major_formatter(
        LogFormatterMathtext() if column == "flops" else lambda value, _: format_quantity(value)
    )
    axis.set_minor_formatter(NullFormatter())


def response_axis(ax: "Axes", which: Literal["x", "y"], response: Response, unit: Unit) -> None:
    """Labels the axis of losses, shares or scores; losses in another unit of the table get a second axis in that."""
    ax.set(**{f"{which}label": unit.axis if response == "loss" else WORDS[response]})
    if response == "loss" and unit.other:

        def nats(given: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):  # matplotlib asks for 0 too
                return unit.nats(given)

        beside: Any = ax.secondary_xaxis if which == "x" else ax.secondary_yaxis
        second = beside("top" if which == "x" else "right", functions=(unit.given, nats))
        second.set(**{f"{which}label": f"loss ({unit.other})"})


def percent_axis(axis: "Axis") -> None:
    """Ticks of a share, as percent."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1))


def few_ticks(axis: "Axis", count: int) -> None:
    """At most so many intervals between ticks."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(count))


def horizon(end: float, to: Quantity | None, decades: float = 3) -> float:
    """Where an axis ends: as asked, or at the first power of ten so many decades beyond the data."""
    return 10.0 ** np.ceil(np.log10(end) + decades) if to is None else parse_quantity(to, "to")


def budgets_until(first: float, end: float, to: Quantity | None) -> np.ndarray:
    """Budgets from the first to beyond the end of the data, which is one of them."""
    return np.unique([*np.geomspace(first, max(horizon(end, to), end), BUDGETS), end])


def percent(prob: float) -> str:
    """A probability as text: 0.9 -> "90%"."""
    return f"{100 * prob:g}%"
