"""Loss against what is spent: along the compute-optimal path, or along N or D alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from bayes_scaling.data.cost import cost_of
from bayes_scaling.data.units import Quantity, format_quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.predict import forecast
from bayes_scaling.inference.intervals import median
from bayes_scaling.planning.allocate import roughly_optimal
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, largest_group, look, of_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior

NEAR = 1.25
"""Runs within this factor of a fixed input are drawn beside the law at that input."""


@style.styled
def extrapolation(
    fit: "Posterior",
    to: Quantity | None = None,
    *,
    along: str | None = None,
    group: str | Sequence[str] | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """Loss against compute along the compute-optimal path, within the data and beyond.

    At each budget the loss is that of one plan, the median N_opt and its D, under every draw; bands show what the
    draws disagree about. Runs that were not compute-optimal lie above the line. A law of other inputs is drawn along
    one of them, the others at their geometric means.

    Parameters
    ----------
    fit : Posterior
    to : number or str, optional
        Where the axis ends: FLOPs, or the law's own input. Default: three decades beyond the data, rounded up.
    along : str, optional
        The input on the axis, by column name. Default: compute for a law of params and tokens, else the law's first
        input.
    group : str or sequence of str, optional
        Default: the group with the largest run. ``"new"`` is a group not seen yet.
    prob : float
        Probability of the bands.
    ax : Axes, optional
    """
    chosen = [group] if isinstance(group, str) else list(group or [largest_group(fit)])
    columns = fit.law.columns
    if along is not None and along not in columns:
        raise InputError(f"law {fit.law.name!r} has no input {along!r}; its inputs are {', '.join(columns)}")
    optimal = along is None and fit.law.of_n_and_d
    column = "flops" if optimal else along or columns[0]
    x = _grid(fit, column, to, 3)
    paths = {}
    for name in chosen:
        if optimal:
            few = np.geomspace(x[0], x[-1], style.BUDGETS)
            best = median(roughly_optimal(fit, few, name)).to_numpy()
            n = np.exp(np.interp(np.log(x), np.log(few), np.log(best)))
            paths[name] = {"params": n, "tokens": cost_of(fit.runs).tokens(x, n)}
        else:
            paths[name] = {c: np.full_like(x, fit.reference[c]) for c in columns} | {column: x}
    beyond = x > fit.runs.extent[column][1]
    what = "runs (above the line: not compute-optimal)" if optimal else "runs"
    ax = _drawn(style.axes(ax), fit, column, x, paths, beyond, prob, np.ones(len(fit.runs), bool), what)
    rest = ", the rest at its mean" if len(columns) > 1 else ""
    path = "at the compute-optimal N and D" if optimal else f"along {column}{rest}"
    ax.set_title(f"Loss {path}" + (of_group(fit, chosen[0]) if len(chosen) == 1 else ""))
    return ax


@style.styled
def loss_band(
    fit: "Posterior",
    at: Quantity,
    *,
    along: Literal["tokens", "params"] = "tokens",
    to: Quantity | None = None,
    group: str | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """Loss along D for a model of one size, or along N for one amount of data.

    Parameters
    ----------
    fit : Posterior
    at : number or str
        The input that stays: parameters where ``along`` is tokens, and tokens where it is params.
    along : {"tokens", "params"}
        The input on the axis.
    to : number or str, optional
        Where the axis ends. Default: one and a half decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the bands.
    ax : Axes, optional
    """
    if along not in ("tokens", "params") or not fit.law.of_n_and_d:
        raise InputError(
            f"loss_band draws a law of params and tokens along one of the two; law {fit.law.name!r} takes "
            f"{', '.join(fit.law.columns)}, and along is {along!r}"
        )
    fixed, noun = ("params", "parameters") if along == "tokens" else ("tokens", "tokens")
    group = group or largest_group(fit)
    value = parse_quantity(at, "at")
    name, (smallest, largest) = f"{format_quantity(value)} {noun}", fit.runs.extent[fixed]
    x = _grid(fit, along, to, 1.5)
    outside = not smallest <= value <= largest
    beyond = (x > fit.runs.extent[along][1]) | outside
    near = np.abs(np.log(fit.runs.column(fixed) / value)) <= np.log(NEAR)
    path = {group: {along: x, fixed: np.full_like(x, value)}}
    ax = _drawn(style.axes(ax), fit, along, x, path, beyond, prob, near, f"runs near {name}")
    ax.set_title(f"Loss band at {name}" + of_group(fit, group))
    if outside:
        seen = f"{format_quantity(smallest)} to {format_quantity(largest)} {noun}"
        ax.annotate(
            f"all of this is beyond the data: runs have {seen}", (0, 0), (6, 6),
            xycoords="axes fraction", textcoords="offset points", fontsize=8, color=style.GREY,
        )  # fmt: skip
    return ax


def _grid(fit: "Posterior", column: str, to: Quantity | None, decades: float, points: int = 50) -> np.ndarray:
    """Even on the log axis from the first run on; the end of the data is one of the points."""
    first, end = fit.runs.extent[column]
    last = max(style.horizon(end, to, decades), first * 1.01)
    return np.unique([*np.geomspace(first, last, points), min(end, last)])


def _drawn(
    ax: "Axes",
    fit: "Posterior",
    column: str,
    x: np.ndarray,
    paths: Mapping[str, dict[str, np.ndarray]],
    beyond: np.ndarray,
    prob: float,
    near: np.ndarray,
    what: str,
) -> "Axes":
    """The law along each group's path, beside the runs of a mask; its own band only where there is one group."""
    end, share, several = fit.runs.extent[column][1], style.percent(prob), len(paths) > 1
    style.log_axis(ax, "x", column, x[0] / 1.3, max(x[-1], end * 1.3))
    style.response_axis(ax, "y", fit.law.response, fit.runs.unit)
    if beyond.all():
        ax.set_facecolor(style.BEYOND)
    else:
        marks.mark_beyond(ax, end)
    for group, path in paths.items():
        _law_along(ax, fit, group, x, path, beyond, prob, bands=not several)
    members = np.array([fit.groups[i] in paths for i in fit.runs.group_index])
    for group in sorted(fit.groups, key=paths.__contains__):  # the others below
        at = near & (fit.runs.group_index == fit.groups.index(group))
        runs = fit.runs.column(column)[at], fit.runs.loss[at]
        if group in paths:
            marks.points(ax, *runs, **look(fit, group), which=at)
        else:
            marks.points(ax, *runs, style.FAINT, size=12, which=at)

    tone = style.GREY if several else look(fit, next(iter(paths)))["color"]
    own_runs = several or near[members].any()
    keys = [
        *(marks.key(**look(fit, g), kind="points", label=g if several else what) for g in paths if own_runs),
        *([marks.key(style.FAINT, "points", "runs of other groups")] if near[~members].any() else []),
        *([] if beyond.all() else [marks.key(tone, "line", "law, median")]),
        *([marks.key(tone, "dashed", "law, beyond the data")] if beyond.any() else []),
    ]
    if not several:
        keys.append(marks.key(tone, "law", f"{share} band, law"))
        if fit.noise.joint or (beyond.any() and fit.drift.sd):
            keys.append(
                marks.key(
                    tone,
                    "dotted",
                    f"{share} band, law and its {'discrepancy' if fit.noise.joint else 'drift'}",
                )
            )
    keys.append(marks.key(tone, "run", f"{share} band, new run"))
    ax.legend(handles=keys, loc="upper right")
    return ax


def _law_along(
    ax: "Axes",
    fit: "Posterior",
    group: str,
    x: np.ndarray,
    path: dict[str, np.ndarray],
    beyond: np.ndarray,
    prob: float,
    *,
    bands: bool,
) -> None:
    """The law's median and the band of a new run; if wanted, those of the law and of the law with its drift."""
    found = forecast(fit, path, group=group, alike=True)
    run, law, drifted = (bounds(found.draws(kind), prob) for kind in ("new_run", "mean", "drifted"))
    color = look(fit, group)["color"]
    marks.band(ax, x, run[0], run[2], beyond, color, marks.RUN_ALPHA)
    if bands:
        marks.band(ax, x, law[0], law[2], beyond, color, marks.LAW_ALPHA)
        if fit.noise.joint or (beyond.any() and fit.drift.sd):
            shown = np.ones_like(beyond) if fit.noise.joint else marks.pieces(beyond)[1]
            edges = np.where(shown, drifted[[0, 2]], np.nan)
            ax.plot(x, edges.T, color=color, ls=":", lw=1.2)
    marks.line(ax, x, law[1], beyond, color)
