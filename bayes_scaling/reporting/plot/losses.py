"""Loss against what is spent: along the compute-optimal path, or along N or D alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.reporting.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.forecast.forecast import Forecast
    from bayes_scaling.inference.posterior import Posterior

NEAR = 1.25
"""Runs within this factor of a fixed input are drawn beside the law at that input."""


def largest_group(fit: "Posterior") -> str:
    """The group whose largest run took the most compute."""
    return fit.groups[fit.runs.group_index[np.argmax(fit.runs.scale)]]


@style.styled
def extrapolation(
    fit: "Posterior",
    to: Any = None,
    *,
    along: str | None = None,
    group: str | Sequence[str] | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """Loss against compute along the compute-optimal path, within the data and beyond.

    At each budget the loss is that of one plan, the median N_opt and its D, under every draw; bands hold
    what the draws disagree about. Runs that were not compute-optimal lie above the line. A law of other inputs
    is drawn along one of them, the others held at their geometric means.

    Parameters
    ----------
    fit : Posterior
    to : number or str, optional
        Where the axis ends: FLOPs, or the law's own input. Default: three decades beyond the data, rounded
        up.
    along : str, optional
        The input on the axis, by column name. Default: compute for a law of params and tokens, else the law's
        first input.
    group : str or sequence of str, optional
        Default: the group with the largest run. ``"new"`` is a group not seen yet.
    prob : float
        Probability of the bands.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    chosen = [group] if isinstance(group, str) else list(group or [largest_group(fit)])
    columns = fit.law.columns
    if along is not None and along not in columns:
        raise InputError(f"law {fit.law.name!r} has no input {along!r}; its inputs are {', '.join(columns)}")
    optimal = along is None and columns == ("params", "tokens")
    column = "flops" if optimal else along or columns[0]
    first, end = fit.runs.extent[column]
    x = _grid(first, end, style.horizon(end, to))
    ax = style.axes(ax)
    style.log_axis(ax, "x", column, x[0] / 1.3, max(x[-1], end * 1.3))
    style.mark_beyond(ax, end)
    ax.set_ylabel(style.LABELS["loss"])
    for name in chosen:
        if optimal:
            plan = allocate(fit, x, group=name).median("params").to_numpy()
            points = {"params": plan, "tokens": x / (6 * plan)}
        else:
            points = {c: np.full_like(x, fit.reference[c]) for c in columns} | {column: x}
        _loss_along(ax, fit, name, x, points, x > end, prob, law=len(chosen) == 1)
    _runs(ax, fit, column, chosen, np.ones(len(fit.runs), bool))
    held = ", the rest at its mean" if len(columns) > 1 else ""
    path = "at the compute-optimal N and D" if optimal else f"along {column}{held}"
    ax.set_title(f"Loss {path}" + (style.of_group(fit, chosen[0]) if len(chosen) == 1 else ""))
    members = "runs (above the line: not compute-optimal)" if optimal else "runs"
    _legend(ax, fit, chosen, prob, x > end, members, others=len(fit.groups) > len(chosen))
    return ax


@style.styled
def loss_band(
    fit: "Posterior",
    at: Any,
    *,
    along: str = "tokens",
    to: Any = None,
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
    to : number or str, optional
        Where the axis ends. Default: one and a half decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    prob : float
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    if along not in ("tokens", "params") or fit.law.columns != ("params", "tokens"):
        raise InputError(
            f"loss_band draws a law of params and tokens along one of the two; law {fit.law.name!r} takes "
            f"{', '.join(fit.law.columns)}, and along is {along!r}"
        )
    fixed = "params" if along == "tokens" else "tokens"
    group = group or largest_group(fit)
    value = parse_quantity(at, "at")
    (first, end), (smallest, largest) = fit.runs.extent[along], fit.runs.extent[fixed]
    x = _grid(first, end, style.horizon(end, to, 1.5))
    outside = not smallest <= value <= largest
    ax = style.axes(ax)
    style.log_axis(ax, "x", along, x[0] / 1.3, max(x[-1], end * 1.3))
    if outside:
        ax.set_facecolor(style.BEYOND)
    else:
        style.mark_beyond(ax, end)
    ax.set_ylabel(style.LABELS["loss"])
    beyond = (x > end) | outside
    _loss_along(ax, fit, group, x, {along: x, fixed: np.full_like(x, value)}, beyond, prob)
    near = np.abs(np.log(fit.runs.column(fixed) / value)) <= np.log(NEAR)
    _runs(ax, fit, along, [group], near)
    name = format_quantity(value)
    noun = "parameters" if fixed == "params" else "tokens"
    ax.set_title(f"Loss band at {name} {noun}" + style.of_group(fit, group))
    if outside:
        seen = f"{format_quantity(smallest)} to {format_quantity(largest)} {noun}"
        ax.annotate(
            f"all of this is beyond the data: runs have {seen}", (0, 0), (6, 6),
            xycoords="axes fraction", textcoords="offset points", fontsize=8, color=style.GREY,
        )  # fmt: skip
    members = _members(fit, group)
    shown = f"runs near {name} {noun}" if near[members].any() else None
    _legend(ax, fit, [group], prob, beyond, shown, others=bool(near[~members].any()))
    return ax


def _grid(first: float, end: float, to: float, points: int = 50) -> np.ndarray:
    """Even on the log axis from the first run on; the end of the data is one of the points."""
    last = max(to, first * 1.01)
    return np.unique([*np.geomspace(first, last, points), min(end, last)])


def _members(fit: "Posterior", group: str) -> np.ndarray:
    return np.array([fit.groups[i] == group for i in fit.runs.group_index])


def _loss_along(
    ax: "Axes",
    fit: "Posterior",
    group: str,
    x: np.ndarray,
    points: dict[str, np.ndarray],
    beyond: np.ndarray,
    prob: float,
    *,
    law: bool = True,
) -> None:
    """The median and the bands of a new run and, if wanted, of the law and with its drift, along a path of points."""
    # One forecast per point: each draws the same noise, so that the band does not jitter along the axis.
    forecasts = [predict(fit, group=group, **{k: v[i] for k, v in points.items()}) for i in range(len(x))]
    color = style.look(fit, group)["color"]
    for kind, alpha in (("new_run", style.RUN_ALPHA), ("mean", style.LAW_ALPHA)):
        low, middle, high = np.array([_bounds(f, prob, kind) for f in forecasts]).T
        if law or kind == "new_run":
            style.band(ax, x, low, high, beyond, color, alpha)
    style.line(ax, x, middle, beyond, color)
    if law and beyond.any() and fit.drift.sd:
        edges = np.array([_bounds(f, prob, "drifted")[[0, 2]] for f in forecasts])
        ax.plot(x, np.where(style.pieces(beyond)[1][:, None], edges, np.nan), color=color, ls=":", lw=1.2)


def _bounds(forecast: "Forecast", prob: float, what: str) -> np.ndarray:
    """Lower bound, median and upper bound of a forecast of one point."""
    return quantiles(forecast.draws(what), tails(prob)).to_numpy().ravel()


def _runs(ax: "Axes", fit: "Posterior", column: str, groups: list[str], keep: np.ndarray) -> None:
    """The runs as points: these groups in their colours, the others faint."""
    for group in fit.groups:
        mask = _members(fit, group) & keep
        own = style.look(fit, group) if group in groups else {"color": style.FAINT, "s": 12, "zorder": 3}
        style.points(ax, fit.runs.column(column)[mask], fit.runs.loss[mask], **own)


def _legend(
    ax: "Axes",
    fit: "Posterior",
    groups: list[str],
    prob: float,
    beyond: np.ndarray,
    points: str | None,
    others: bool,
) -> None:
    single = len(groups) == 1
    tone = style.look(fit, groups[0])["color"] if single else style.GREY
    keys = []
    if not single:
        keys += [style.key(**style.look(fit, g), kind="points", label=g) for g in groups]
    elif points:
        keys.append(style.key(**style.look(fit, groups[0]), kind="points", label=points))
    if others:
        keys.append(style.key(style.FAINT, "points", "runs of other groups"))
    share = style.percent(prob)
    if not beyond.all():
        keys.append(style.key(tone, "line", "law, median"))
    if beyond.any():
        keys.append(style.key(tone, "dashed", "law, beyond the data"))
    if single:
        keys.append(style.key(tone, "law", f"{share} band, law"))
    if single and beyond.any() and fit.drift.sd:
        keys.append(style.key(tone, "dotted", f"{share} band, law and its drift"))
    keys.append(style.key(tone, "run", f"{share} band, new run"))
    ax.legend(handles=keys, loc="upper right")
