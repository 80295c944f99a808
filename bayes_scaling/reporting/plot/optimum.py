"""Where a budget is best spent: N and D against compute, and the plane of N and D."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle

from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.reporting.plot import style
from bayes_scaling.reporting.plot.losses import largest_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bayes_scaling.inference.posterior import Posterior

RULE = 20
"""Tokens per parameter of the rule of thumb (Hoffmann et al. 2022)."""


def needs_plane(fit: "Posterior", picture: str) -> None:
    """`InputError` for a law that is not one of N and D alone."""
    if fit.law.columns != ("params", "tokens"):
        raise InputError(
            f"{picture} draws a law of params and tokens; law {fit.law.name!r} takes {', '.join(fit.law.columns)}"
        )


@style.styled
def allocation(
    fit: "Posterior",
    to: Any = None,
    *,
    group: str | None = None,
    prob: float = 0.9,
    figure: "Figure | SubFigure | None" = None,
) -> np.ndarray:
    """Compute-optimal N and D against the budget, beside the rule of 20 tokens per parameter.

    Parameters
    ----------
    fit : Posterior
    to : number or str, optional
        The largest budget, in FLOPs. Default: three decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the bands.
    figure : Figure or SubFigure, optional
        Where to put the two panels.

    Returns
    -------
    ndarray of Axes, shape (2,)
        N, then D.
    """
    needs_plane(fit, "allocation")
    group = group or largest_group(fit)
    first, end = fit.runs.extent["flops"]
    budgets = np.unique([*np.geomspace(first, max(style.horizon(end, to), end), 50), end])
    best = allocate(fit, budgets, group=group)
    canvas = figure if figure is not None else style.new_figure((9.2, 4.2))
    panels = canvas.subplots(1, 2)
    rule_n = np.sqrt(budgets / (6 * RULE))
    color = style.look(fit, group)["color"]
    for ax, what, rule in zip(panels, ("params", "tokens"), (rule_n, RULE * rule_n), strict=True):
        low, middle, high = quantiles(best.draws(what), tails(prob)).to_numpy()
        style.log_axis(ax, "x", "flops", first / 1.3, budgets[-1] * 1.3)
        style.log_axis(ax, "y", what, np.nanmin([low, rule]) / 1.5, np.nanmax([high, rule]) * 1.5)
        style.mark_beyond(ax, end)
        style.band(ax, budgets, low, high, budgets > end, color, style.LAW_ALPHA)
        style.line(ax, budgets, middle, budgets > end, color)
        ax.plot(budgets, rule, color=style.INK, ls=":", lw=1.5)
        ax.set_title("Optimal model size" if what == "params" else "Optimal training data")
    keys = [
        style.key(color, "line", "median" + style.of_group(fit, group)),
        style.key(color, "law", f"{style.percent(prob)} band"),
        style.key(color, "dashed", "beyond the data"),
        style.key(style.INK, "dotted", f"{RULE} tokens per parameter"),
    ]
    panels[0].legend(handles=keys, loc="upper left")
    return panels


@style.styled
def isoloss(
    fit: "Posterior", to: Any = None, *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """Lines of equal loss over N and D, the runs, and the compute-optimal path with its band.

    Parameters
    ----------
    fit : Posterior
    to : number or str, optional
        The budget, in FLOPs, at which the compute-optimal path ends; default as for `allocation`.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the band: of N_opt at a given budget, so along the diagonals of equal compute.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    needs_plane(fit, "isoloss")
    group = group or largest_group(fit)
    ax = style.axes(ax, (7.2, 5.4))
    color = style.look(fit, group)["color"]
    (n_first, n_end), (d_first, d_end) = fit.runs.extent["params"], fit.runs.extent["tokens"]
    c_first, c_end = fit.runs.extent["flops"]
    budgets = np.geomspace(c_first, max(style.horizon(c_end, to), c_end), 80)
    low, middle, high = quantiles(allocate(fit, budgets, group=group).params, tails(prob)).to_numpy()
    data = budgets / (6 * middle)
    style.log_axis(ax, "x", "params", min(n_first, middle[0]) / 2, max(n_end, middle[-1]) * 4)
    style.log_axis(ax, "y", "tokens", min(d_first, data[0]) / 2, max(d_end, data[-1]) * 3)

    ax.set_facecolor(style.BEYOND)
    sides = n_end - n_first, d_end - d_first
    seen = Rectangle(
        (n_first, d_first), *sides, facecolor="white", edgecolor=style.GREY, ls=(0, (1, 2)), zorder=0
    )
    ax.add_patch(seen)
    _contours(ax, fit, group)
    edge_n, edge_d = np.r_[low, high[::-1]], np.r_[budgets / (6 * low), (budgets / (6 * high))[::-1]]
    ax.fill(edge_n, edge_d, color=color, alpha=style.RUN_ALPHA, lw=0)
    beyond = (middle < n_first) | (middle > n_end) | (data < d_first) | (data > d_end)
    style.line(ax, middle, data, beyond, color)
    _budget_marks(ax, budgets, middle, color)
    for i, name in enumerate(fit.groups):
        mask = fit.runs.group_index == i
        style.points(ax, fit.runs.params[mask], fit.runs.tokens[mask], **style.look(fit, name))
    keys = [
        style.key(**style.look(fit, name), kind="points", label="runs" + style.of_group(fit, name))
        for name in fit.groups
    ]
    keys += [
        style.key(color, "line", "compute-optimal, median" + style.of_group(fit, group)),
        style.key(color, "run", f"{style.percent(prob)} band of the optimum"),
        style.key(style.GREY, "dotted", "range of the data"),
    ]
    ax.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    ax.set_title("Lines of equal loss, nats per token" + style.of_group(fit, group))
    return ax


def _contours(ax: "Axes", fit: "Posterior", group: str, points: int = 50, draws: int = 400) -> None:
    """Contours of the posterior median of the law over the axes' whole plane."""
    n, d = (np.geomspace(*limits, points) for limits in (ax.get_xlim(), ax.get_ylim()))
    posterior = fit.draws(group)[list(fit.law.parameters)].stack(sample=("chain", "draw"))
    thin = posterior.isel(sample=slice(None, None, max(1, posterior.sizes["sample"] // draws)))
    parameters = {name: thin[name].to_numpy()[:, None, None] for name in fit.law.parameters}
    at = n[None, None, :] / fit.reference["params"], d[None, :, None] / fit.reference["tokens"]
    loss = np.median(fit.law(*at, **parameters), axis=0)
    # Levels at even shares of the plane, so that they are spread over it evenly.
    levels = np.unique(np.round(np.quantile(loss, np.linspace(0.03, 0.97, 11)), 2))
    lines = ax.contour(n, d, loss, levels=levels, colors=style.GREY, linewidths=0.8, zorder=1)
    ax.clabel(lines, fmt="%.2f", fontsize=8)


def _budget_marks(ax: "Axes", budgets: np.ndarray, optimum: np.ndarray, color: str) -> None:
    """Every second power of ten of the budget, on the compute-optimal path."""
    decades = np.arange(np.ceil(np.log10(budgets[0])), np.floor(np.log10(budgets[-1]) + 1e-9) + 1)
    for decade in decades[::-2]:
        n = np.exp(np.interp(decade, np.log10(budgets), np.log(optimum)))
        d = 10**decade / (6 * n)
        ax.plot(n, d, marker="o", ms=4.5, mfc="white", mec=color, mew=1.5, zorder=5)
        ax.annotate(
            f"$10^{{{decade:.0f}}}$ FLOPs", (n, d), (7, -4), textcoords="offset points", fontsize=8, va="top",
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}, zorder=5,
        )  # fmt: skip
