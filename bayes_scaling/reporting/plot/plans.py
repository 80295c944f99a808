"""Plans and what could go wrong with them: constraints, the valley of a budget, the chance of a target, demand."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from bayes_scaling.data.units import format_flops, format_quantity, parse_quantities
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import median, quantiles, tails
from bayes_scaling.planning.compute.rules_of_thumb import TOKENS_PER_PARAM
from bayes_scaling.planning.results.risk import WITHIN
from bayes_scaling.reporting.plot import style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bayes_scaling.planning.results.plan import Plan
    from bayes_scaling.planning.results.risk import Risk
    from bayes_scaling.planning.results.serving import Serving

RULE = int(TOKENS_PER_PARAM)


def one_group(values: "xr.DataArray", group: str | None) -> "xr.DataArray":
    """Of one group, where there are several: the one named, or else the first."""
    if "group" not in values.dims:
        return values
    names = [str(name) for name in values["group"].to_numpy()]
    if group is not None and group not in names:
        raise InputError(f"no group {group!r} in this result; its groups are {', '.join(names)}")
    return values.sel(group=group or names[0], drop=True)


def _titled(text: str, values: "xr.DataArray", group: str | None) -> str:
    several = "group" in values.dims and values.sizes["group"] > 1
    return f"{text} ({group or values['group'].to_numpy()[0]})" if several else text


@style.styled
def plan(
    plan: "Plan", *, group: str | None = None, prob: float = 0.9, figure: "Figure | SubFigure | None" = None
) -> np.ndarray:
    """N, D, tokens per parameter and the loss of each question: medians with their intervals.

    Parameters
    ----------
    plan : Plan
    group : str, optional
        Default: the first.
    prob : float
        Probability of the intervals.
    figure : Figure or SubFigure, optional

    Returns
    -------
    ndarray of Axes, shape (4,)
        N, D, D/N, and the loss of a new run of the choice, with its drift.
    """
    count = len(plan.questions)
    canvas = figure if figure is not None else style.new_figure((11.5, 2.1 + 0.5 * count))
    panels = canvas.subplots(1, 4, sharey=True)
    y = np.arange(count)[::-1]
    beyond = one_group(plan.beyond, group).to_numpy() > 0
    answered = one_group(plan.choice["params"], group).notnull().to_numpy()
    labels = {
        "params": "model size N\n(parameters)",
        "tokens": "training data D\n(tokens)",
        "tokens_per_param": f"tokens per parameter\n(dotted: {RULE})",
        "new_run": "loss of a new run,\ndrift included\n(nats per token)",
    }
    for ax, (what, label) in zip(panels, labels.items(), strict=True):
        low, middle, high = one_group(quantiles(plan.draws(what), tails(prob)), group).to_numpy()
        finite = np.isfinite(np.r_[low, middle, high])
        if what != "new_run" and finite.any():
            values = np.r_[low, middle, high][finite]
            style.log_axis(ax, "x", what, values.min() / 2, values.max() * 2)
        known = np.isfinite(middle) & answered
        # What no budget reaches runs out of the picture, with an arrow.
        end = ax.get_xlim()[1] if what != "new_run" else np.nan
        top = np.where(np.isfinite(high), high, end)
        ax.hlines(y[known], low[known], top[known], color=style.COLOURS[0], alpha=0.45, lw=6)
        for row in y[known & ~np.isfinite(high)]:
            [arrow] = ax.plot(end, row, ">", color=style.COLOURS[0], ms=9, clip_on=False)
            arrow.set_in_layout(False)
        for mask, look in ((known & ~beyond, {"mec": "white"}), (known & beyond, {"mfc": "white"})):
            ax.plot(middle[mask], y[mask], "o", **{"color": style.COLOURS[0], "mew": 1.5, "ms": 7, **look})
        if what == "tokens_per_param":
            ax.axvline(RULE, color=style.INK, ls=":", lw=1.5)
        ax.set_xlabel(label)
        ax.grid(axis="x", color=style.BEYOND)
        ax.tick_params(axis="y", length=0)
    for row in y[~answered]:
        panels[0].annotate(
            "no answer",
            (0.03, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=style.GREY,
        ).set_in_layout(False)
    panels[0].set_yticks(y, [_wrapped(question) for question in plan.questions])
    panels[0].set_ylim(-0.7, count - 0.3)
    canvas.suptitle(
        _titled(
            f"What to train: medians and {style.percent(prob)} intervals (open: beyond the data)", plan.params, group
        ),
        x=0.01, ha="left", fontsize=11.5, fontweight="bold",
    )  # fmt: skip
    return panels


def _wrapped(question: str, width: int = 34) -> str:
    from textwrap import fill

    return fill(question, width)


@style.styled
def valley(risk: "Risk", point: int = 0, *, group: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """The loss given up against the model's size at one budget, with the choices marked; the band holds 90%.

    Parameters
    ----------
    risk : Risk
    point : int
        Which budget.
    group : str, optional
        Default: the first.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = style.axes(ax, (7.2, 5.0))
    curve = risk.curve.isel(point=point)
    n = one_group(curve["params"], group).to_numpy()
    regret = one_group(curve["regret"], group).transpose("candidate", "quantile").to_numpy()
    picks = one_group(risk.choices["params"].isel(point=point), group)
    lost = one_group(risk.regret.isel(point=point), group).median(("chain", "draw"))
    safe = [float(one_group(risk.safe[end].isel(point=point), group)) for end in ("lower", "upper")]
    # High enough for the floor and its banks; a choice that gives up more stands at the edge, with its figure.
    least = float(one_group(risk.expected.isel(point=point), group).min())
    top = 5 * WITHIN * least
    near = n[regret[:, 1] < top]
    inside = [float(x) for x in picks.to_numpy() if near.min() <= x <= near.max()]
    left, right = min(near.min(), safe[0], *inside) / 1.1, max(near.max(), safe[1], *inside) * 1.1
    style.log_axis(ax, "x", "params", left, right)
    color = style.COLOURS[0]
    beyond = one_group(curve["beyond"], group).to_numpy() > 0
    style.band(ax, n, regret[:, 0], regret[:, 2], beyond, color, style.LAW_ALPHA)
    style.line(ax, n, regret[:, 1], beyond, color)
    ax.axvspan(*safe, color=style.COLOURS[2], alpha=0.15, lw=0, zorder=0)
    ax.axhline(0, color=style.GREY, lw=0.8)
    names = picks["choice"].to_numpy()
    for i, name in enumerate(names):
        at, gives_up = float(picks.sel(choice=name)), float(lost.sel(choice=name))
        row = -0.075 * top * (i + 1)
        out = not left <= at <= right
        shown = float(np.clip(at, left, right))
        marker = (">" if at > right else "<") if out else style.MARKERS[i % len(style.MARKERS)]
        colour = style.COLOURS[(i + 1) % len(style.COLOURS)]
        style.points(ax, shown, row, color=colour, marker=marker, s=46, clip_on=False)
        text = f"{name}: {format_quantity(at)}, gives up {gives_up:.2g}"
        to_left = shown > np.sqrt(left * right) * 1.1
        ax.annotate(
            text, (shown, row), (-8 if to_left else 8, 0), textcoords="offset points", va="center",
            ha="right" if to_left else "left", fontsize=8.5,
        ).set_in_layout(False)  # fmt: skip
    ax.set_ylim(-0.075 * top * (len(names) + 1), top)
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
    ax.set_ylabel("loss given up (nats per token)", loc="top")
    handles = [
        style.key(
            color,
            "dashed" if beyond.any() else "line",
            "median" + (", beyond the data" if beyond.any() else ""),
        ),
        style.key(color, "law", "90% band"),
        style.key(style.COLOURS[2], "run", f"within {WITHIN:.1%} of the least expected loss"),
    ]
    ax.legend(handles=handles, loc="upper center")
    title = f"How flat the valley is at {format_flops(float(risk.flops[point]))} FLOPs"
    ax.set_title(_titled(title, risk.regret, group))
    return ax


@style.styled
def chances(
    fit: Any,
    target: Any,
    to: Any = None,
    *,
    group: str | None = None,
    drift: Any = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """The probability that a run reaches a loss, along the budget; each budget spent on its median N_opt.

    Parameters
    ----------
    fit : Posterior
    target : number or sequence of them
        Losses in nats per token.
    to : number or str, optional
        Where the axis ends, in FLOPs. Default: three decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    drift
        As for `predict`.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    from bayes_scaling.planning.risk import chances as along
    from bayes_scaling.reporting.plot.losses import largest_group

    ax = style.axes(ax)
    group = group or largest_group(fit)
    first, end = fit.runs.extent["flops"]
    budgets = np.geomspace(first, style.horizon(end, to), 160)
    losses = np.atleast_1d(parse_quantities(target, "target")).astype(float)
    odds = [along(fit, loss, budgets, group=group, drift=drift).to_numpy() for loss in losses]
    # From where the first of them has a chance at all, and some of the data for comparison.
    possible = np.max(odds, axis=0) > 0.005
    start = min(budgets[possible.argmax()] / 3 if possible.any() else first, end / 10)
    style.log_axis(ax, "x", "flops", max(start, first), budgets[-1] * 1.3)
    style.mark_beyond(ax, end)
    for i, (loss, found) in enumerate(zip(losses, odds, strict=True)):
        style.line(ax, budgets, found, budgets > end, style.COLOURS[i % len(style.COLOURS)])
        ax.plot([], [], color=style.COLOURS[i % len(style.COLOURS)], label=f"loss of at most {float(loss):g}")
    ax.set_ylim(-0.07, 1.02)  # room for the words along the foot
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylabel("probability, of a new run, with drift")
    ax.legend(loc="best")
    ax.set_title("The chance of a target" + style.of_group(fit, group))
    return ax


@style.styled
def serving(
    serving: "Serving", *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """Tokens per parameter as demand grows.

    Parameters
    ----------
    serving : Serving
        Of two demands or more.
    group : str, optional
        Default: the first.
    prob : float
        Probability of the band.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = style.axes(ax)
    x = serving.served.to_numpy()
    low, middle, high = one_group(quantiles(serving.tokens_per_param, tails(prob)), group).to_numpy()
    style.log_axis(ax, "x", "tokens served over the model's life", x.min() / 1.3, x.max() * 1.8)
    style.log_axis(ax, "y", "tokens per parameter D/N", np.nanmin([*low, RULE]) / 1.5, np.nanmax(high) * 1.5)
    color = style.COLOURS[0]
    beyond = one_group(serving.beyond, group).to_numpy() > 0
    style.band(ax, x, low, high, beyond, color, style.LAW_ALPHA)
    style.line(ax, x, middle, beyond, color)
    ax.axhline(RULE, color=style.INK, ls=":", lw=1.5)
    sizes = one_group(median(serving.params), group).to_numpy()
    for i in np.unique(np.linspace(0, len(x) - 1, 5).round().astype(int)):
        if np.isfinite(middle[i]):
            ax.plot(x[i], middle[i], "o", mfc="white", mec=color, mew=1.5, ms=5)
            ax.annotate(
                format_quantity(sizes[i], 2), (x[i], middle[i]), (5, -5), textcoords="offset points", ha="left",
                va="top", fontsize=8.5,
            )  # fmt: skip
    keys = [
        style.key(color, "line", "median; marked: parameters"),
        style.key(color, "law", f"{style.percent(prob)} band"),
        style.key(style.INK, "dotted", f"{RULE} tokens per parameter"),
    ]
    if beyond.any():
        keys.insert(1, style.key(color, "dashed", "models or data beyond those of the runs"))
    ax.legend(handles=keys, loc="upper left")
    ax.set_title(_titled(_wrapped(serving.question, 64), serving.params, group))
    return ax
