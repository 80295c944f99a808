"""Where a budget is best spent: N and D against compute, and the plane of N and D."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import Cost, cost_of
from bayes_scaling.data.units import Quantity
from bayes_scaling.planning.allocate import allocate, roughly_optimal
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, largest_group, look, needs_plane, of_group
from bayes_scaling.reporting.plot.results.allocations import drawn_split

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet

    from bayes_scaling.inference.posterior import Posterior

ENOUGH = 0.12
"""Shares of the axes that a label wants between itself and what else is drawn."""


@style.styled
def allocation(
    fit: "Posterior",
    to: Quantity | None = None,
    *,
    group: str | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """Compute-optimal N and D against the budget, beside the rule of 20 tokens per parameter: two panels.

    Parameters
    ----------
    fit : Posterior
    to : number or str, optional
        The largest budget, in FLOPs. Default: three decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the bands.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its panels (`bayes_scaling.plot.panels`) are N and D.
    """
    needs_plane(fit, "allocation")
    group = group or largest_group(fit)
    first, end = fit.runs.extent["flops"]
    budgets = style.budgets_until(first, end, to)
    found = allocate(fit, budgets, group=group)
    ax = drawn_split(found, group, prob, look(fit, group)["color"], of_group(fit, group), ax)
    for panel in style.panels(ax):
        marks.mark_beyond(panel, end)
    return ax


@style.styled
def isoloss(
    fit: "Posterior",
    to: Quantity | None = None,
    *,
    group: str | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
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
    """
    from matplotlib.patches import Rectangle

    needs_plane(fit, "isoloss")
    group = group or largest_group(fit)
    ax = style.axes(ax, (7.2, 5.8))
    color = look(fit, group)["color"]
    (n_first, n_end), (d_first, d_end) = fit.runs.extent["params"], fit.runs.extent["tokens"]
    c_first, c_end = fit.runs.extent["flops"]
    budgets = np.geomspace(c_first, max(style.horizon(c_end, to), c_end), style.BUDGETS)
    cost = cost_of(fit.runs)
    low, middle, high = bounds(roughly_optimal(fit, budgets, group), prob)
    least, data, most = (cost.tokens(budgets, n) for n in (low, middle, high))
    style.log_axis(ax, "x", "params", min(n_first, middle[0]) / 2, max(n_end, middle[-1]) * 4)
    style.log_axis(ax, "y", "tokens", min(d_first, data[0]) / 2, max(d_end, data[-1]) * 3)

    ax.set_facecolor(style.BEYOND)
    seen = Rectangle((n_first, d_first), n_end - n_first, d_end - d_first, ls=marks.DOTTED, zorder=0)
    seen.set(facecolor="white", edgecolor=style.GREY)
    ax.add_patch(seen)
    runs = fit.runs.params, fit.runs.tokens
    _contours(ax, fit, group, np.c_[np.r_[middle, runs[0]], np.r_[data, runs[1]]])
    ax.fill(np.r_[low, high[::-1]], np.r_[least, most[::-1]], color=color, alpha=marks.RUN_ALPHA, lw=0)
    beyond = (middle < n_first) | (middle > n_end) | (data < d_first) | (data > d_end)
    marks.line(ax, middle, data, beyond, color)
    _budget_marks(ax, cost, budgets, middle, color)
    for i, name in enumerate(fit.groups):
        mask = fit.runs.group_index == i
        marks.points(ax, fit.runs.params[mask], fit.runs.tokens[mask], **look(fit, name), which=mask)
    keys = [
        *(marks.key(**look(fit, g), kind="points", label="runs" + of_group(fit, g)) for g in fit.groups),
        marks.key(color, "line", "compute-optimal, median" + of_group(fit, group)),
        marks.key(color, "run", f"{style.percent(prob)} band of the optimum"),
        marks.key(style.GREY, "dotted", "range of the data"),
    ]
    marks.legend_below(ax, keys)
    ax.set_title("Lines of equal loss, nats per token" + of_group(fit, group))
    return ax


def _contours(
    ax: "Axes", fit: "Posterior", group: str, drawn: np.ndarray, points: int = 50, draws: int = 400
) -> None:
    """Contours of the posterior median of the law over the axes' whole plane, labelled away from what is ``drawn``."""
    n, d = (np.geomspace(*limits, points) for limits in (ax.get_xlim(), ax.get_ylim()))
    posterior = fit.draws(group)[list(fit.law.parameters)].stack(sample=("chain", "draw"))
    thin = posterior.isel(sample=slice(None, None, max(1, posterior.sizes["sample"] // draws)))
    parameters = {name: thin[name].to_numpy()[:, None, None] for name in fit.law.parameters}
    at = n[None, None, :] / fit.reference["params"], d[None, :, None] / fit.reference["tokens"]
    loss = np.median(fit.law(*at, **parameters), axis=0)
    # Levels at even shares of the plane, so that they are spread over it evenly.
    levels = np.unique(np.round(np.quantile(loss, np.linspace(0.03, 0.97, 11)), 2))
    lines = ax.contour(n, d, loss, levels=levels, colors=style.GREY, linewidths=0.8, zorder=1)
    ax.clabel(lines, fmt="%.2f", fontsize=8, manual=_free_places(ax, lines, drawn))


def _free_places(ax: "Axes", lines: "ContourSet", drawn: np.ndarray) -> list[tuple[float, float]]:
    """For each line, the vertex that lies furthest from what is drawn, shape (points, 2), and from other labels."""
    to_axes = ax.transScale + ax.transLimits
    taken = to_axes.transform(drawn)
    # The names of budgets stand to the right of the path.
    taken = np.concatenate([taken + np.array([right, -right / 5]) for right in (0.0, 0.06, 0.12)])
    places = []
    for path in lines.get_paths():
        vertices = np.asarray(path.vertices)
        at = to_axes.transform(vertices)
        inside = (np.abs(at - 0.5) < 0.46).all(axis=1)
        if not inside.any():
            continue
        clear = np.linalg.norm(at[:, None] - taken, axis=2).min(axis=1)
        best = int(np.argmax(np.where(inside, np.minimum(clear, ENOUGH), -1.0)))
        taken = np.r_[taken, at[[best]]]
        places.append((float(vertices[best, 0]), float(vertices[best, 1])))
    return places


def _budget_marks(ax: "Axes", cost: Cost, budgets: np.ndarray, optimum: np.ndarray, color: str) -> None:
    """Every second power of ten of the budget, on the compute-optimal path."""
    decades = np.arange(np.ceil(np.log10(budgets[0])), np.floor(np.log10(budgets[-1]) + 1e-9) + 1)
    for decade in decades[::-2]:
        n = np.exp(np.interp(decade, np.log10(budgets), np.log(optimum)))
        d = cost.tokens(10**decade, n)
        ax.plot(n, d, marker="o", ms=4.5, mfc="white", mec=color, mew=1.5, zorder=5)
        ax.annotate(
            f"$10^{{{decade:.0f}}}$ FLOPs", (n, d), (7, -4), textcoords="offset points", fontsize=8, va="top",
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}, zorder=5,
        )  # fmt: skip
