"""What to look at before believing a band: parameters beside their priors, and residuals."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.forecast.predict import at_own_runs
from bayes_scaling.inference.intervals import tails
from bayes_scaling.inference.summary import meaning
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior

HEIGHT = 0.85
"""Of the tallest density in a panel; rows are 1 apart."""

MANY = 60
"""Runs from which on the bands of single ones are thin lines."""

SHARED = "#4d5f73"
"""Colour of what all groups share."""


@style.styled
def posterior(fit: "Posterior", *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """Posterior density of each parameter by group, over its prior in grey: a panel for each parameter.

    Densities of one panel share one scale: a posterior as flat as its prior learnt nothing from the data.

    Parameters
    ----------
    fit : Posterior
    prob : float
        Probability of the intervals.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its panels (`bayes_scaling.plot.panels`) are the parameters of the law and of the noise, in that order.
    """
    names = [*fit.law.parameters, "sigma", *fit.structure.global_priors]
    rows = max(fit.posterior[name].sizes.get("group", 1) for name in names)
    columns = 4 if len(names) > 6 else 3
    lines = -(-len(names) // columns)
    ax = style.axes(ax, (9.2, lines * (1.5 + 0.45 * rows)))
    part, panels = style.split(ax, lines, columns)
    for panel, name in zip(panels, names, strict=False):
        _densities(panel, fit, name, prob)
    for spare in panels[len(names) :]:
        spare.remove()
    by_group = fit.groups if rows > 1 else ()
    keys = [
        *(marks.key(look(fit, g)["color"], "law", g) for g in by_group),
        *([] if by_group else [marks.key(SHARED, "law", "posterior")]),
        marks.key(style.GREY, "run", "prior"),
        marks.key(style.INK, "line", f"{style.percent(prob)} interval and median"),
    ]
    marks.legend_of_panels(part, keys, 1.8)
    return ax


def _densities(ax: "Axes", fit: "Posterior", name: str, prob: float) -> None:
    values = fit.posterior[name].stack(sample=("chain", "draw"))
    each = np.atleast_2d(values.transpose(..., "sample").to_numpy())
    before = fit.prior[name]
    prior = (before.isel(group=0) if "group" in before.dims else before).to_numpy().ravel()
    low, high = np.quantile(each, [0.002, 0.998])
    margin = 0.25 * (high - low)
    x = np.linspace(max(low - margin, low * 0.5) if low > 0 else low - margin, high + margin, 240)
    curves = [density(row, x) for row in each]
    unit = HEIGHT / max(curve.max() for curve in curves)
    shared = np.minimum(density(prior, x) * unit, HEIGHT)
    for i, (row, curve) in enumerate(zip(each, curves, strict=True)):
        base = len(each) - 1 - i
        color = look(fit, fit.groups[i])["color"] if len(each) > 1 else SHARED
        ax.fill_between(x, base, base + shared, color=style.GREY, alpha=marks.RUN_ALPHA, lw=0)
        ax.fill_between(x, base, base + curve * unit, color=color, alpha=0.5, lw=0)
        ax.plot(x, base + curve * unit, color=color, lw=1.2)
        lower, median, upper = np.quantile(row, tails(prob))
        ax.plot([lower, upper], [base, base], color=style.INK, lw=1.6, solid_capstyle="butt")
        ax.plot(median, base, "o", color=style.INK, ms=4)
    ax.set(xlim=(x[0], x[-1]), ylim=(-0.15, len(each)), yticks=[], title=name)
    ax.spines["left"].set_visible(False)
    style.few_ticks(ax.xaxis, 3)
    ax.set_xlabel(fill(meaning(fit, name), 30), fontsize=8.5)


def density(draws: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Kernel density of draws at x; where all are positive on the log scale, so that none leaks below 0."""
    from scipy.stats import gaussian_kde  # slow to load

    draws = draws[:: max(1, len(draws) // 1500)]
    if draws.min() <= 0:
        return np.asarray(gaussian_kde(draws)(x))
    return np.asarray(gaussian_kde(np.log(draws))(np.log(x)) / x)


@style.styled
def measured_against_law(fit: "Posterior", *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """The loss of each run against that which the law gives it, with the band of its noise.

    Parameters
    ----------
    fit : Posterior
    prob : float
        Probability of the band.
    ax : Axes, optional
    """
    ax = style.axes(ax, (5.4, 4.8))
    both = []
    for name, mask, at in at_own_runs(fit):
        low, law, high = bounds(at.drifted, prob), bounds(at.mean, prob)[1], bounds(at.new_run, prob)
        order, color = np.argsort(law), look(fit, name)["color"]
        ax.fill_between(law[order], high[0][order], high[2][order], color=color, alpha=0.1, lw=0)
        marks.points(ax, law, fit.runs.loss[mask], **look(fit, name), which=mask)
        both += [low[1].min(), low[1].max()]
    ends = [min(both), max(both)]
    ax.plot(ends, ends, color=style.GREY, lw=1, zorder=1)
    style.response_axis(ax, "x", fit.law.response, fit.runs.unit)
    style.response_axis(ax, "y", fit.law.response, fit.runs.unit)
    ax.set_xlabel(f"{ax.get_xlabel()}, by the law")
    ax.set_ylabel(f"{ax.get_ylabel()}, measured")
    groups = [marks.key(**look(fit, g), kind="points", label=g) for g in fit.groups if len(fit.groups) > 1]
    ax.legend(
        handles=[*groups, marks.key(style.GREY, "run", f"{style.percent(prob)} band, new run")],
        loc="upper left",
    )
    ax.set_title("Each run beside its law")
    return ax


@style.styled
def residuals(
    fit: "Posterior", against: str = "params", *, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """How far each run lies from the law against one of its inputs: losses in percent, shares and scores as they are.

    Each run stands beside its own band: where its discrepancy and noise should put it; outside of that it is ringed.
    Runs that would cover each other are moved apart along the axis, by less than a tenth of it.

    Parameters
    ----------
    fit : Posterior
    against : str
        params, tokens, flops or another numeric column of the runs.
    prob : float
        Probability of the band.
    ax : Axes, optional
    """
    ax = style.axes(ax, (7.2, 4.4))
    x, relative = fit.runs.column(against), fit.law.response == "loss"
    on_scale, shown = (np.log, _as_percent) if relative else (np.asarray, np.asarray)
    measured = on_scale(fit.runs.loss)
    outer = tails(prob)[::2]
    outside, first, last = 0, x.min() / 1.3, x.max() * 1.3
    places = _apart(x, np.log(last / first))
    for name, mask, at in at_own_runs(fit):
        mean, new_run = (
            on_scale(values.transpose(..., "point").to_numpy()) for values in (at.mean, at.new_run)
        )
        center = np.median(mean.reshape(-1, mask.sum()), axis=0)
        noise = (new_run - mean).reshape(-1, mask.sum())
        low, high = np.quantile(noise, outer, axis=0)
        residual = measured[mask] - center
        ring = (residual < low) | (residual > high)
        outside += int(ring.sum())
        own, edges = look(fit, name)["color"], shown(np.array([low, high]))
        wide = 3.5 if len(x) <= MANY else 1.5
        ax.vlines(places[mask], *edges, color=own, alpha=0.3, lw=wide, zorder=2)
        for edge in edges:
            ax.plot(places[mask], edge, ls="", marker="_", ms=1.4 * wide, color=own, zorder=2)
        marks.points(ax, places[mask], shown(residual), **look(fit, name), which=mask)
        ringed = places[mask][ring], shown(residual[ring])
        ax.scatter(*ringed, s=110, facecolors="none", edgecolors=style.INK, lw=1, zorder=5)
    style.log_axis(ax, "x", against, first, last)
    ax.axhline(0, color=style.GREY, lw=1, zorder=1)
    unit = "%" if relative else ""
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:+g}{unit}" if value else "0")
    ax.set_ylabel(f"{fit.law.response} minus law{' (% of loss)' if relative else ''}")
    ax.set_title(f"Residuals: {outside} of {len(x)} runs outside of their {style.percent(prob)} band")
    groups = [marks.key(**look(fit, g), kind="points", label=g) for g in fit.groups if len(fit.groups) > 1]
    band_key = marks.key(
        style.GREY, "run", f"{style.percent(prob)} band of each run; ringed: outside of its own"
    )
    marks.legend_below(ax, [*groups, band_key], columns=4)
    return ax


@style.styled
def residual_trends(fit: "Posterior", *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """Residuals against N, D, C and D/N, or against each input of another law: a panel each.

    Parameters
    ----------
    fit : Posterior
    prob : float
        Probability of the bands.
    ax : Axes, optional
    """
    plane = {"params", "tokens"} <= set(fit.law.columns)
    others = [c for c in fit.law.columns if not plane or c not in ("params", "tokens")]
    columns = [*(("params", "tokens", "flops", "tokens_per_param") if plane else ()), *others]
    across = min(2, len(columns))
    lines = -(-len(columns) // across)
    ax = style.axes(ax, (5.2 * across, 3.1 * lines + 0.5))
    part, panels = style.split(ax, lines, across)
    for panel, column in zip(panels, columns, strict=False):
        residuals(fit, column, prob=prob, ax=panel)
        legend = panel.get_legend()
        keys = list(legend.legend_handles) if legend else []
        if legend:
            legend.remove()
        panel.set_title("")
    for spare in panels[len(columns) :]:
        spare.remove()
    panels[0].set_title("Residuals: scatter is noise, a pattern is a law that is wrong")
    marks.legend_of_panels(part, [key for key in keys if key is not None])
    return ax


def _apart(x: np.ndarray, length: float) -> np.ndarray:
    """Places along a logarithmic axis, those closer than a hundredth of its length beside each other."""
    places = np.log(x)
    order = np.argsort(places, kind="stable")
    clusters = np.cumsum(np.diff(places[order], prepend=-np.inf) > 0.01 * length)
    for cluster in np.unique(clusters):
        own = order[clusters == cluster]
        step = length * min(0.011, 0.08 / len(own))
        if len(own) * step > np.ptp(places[own]):
            places[own] = places[own].mean() + step * (np.arange(len(own)) - (len(own) - 1) / 2)
    return np.exp(places)


def _as_percent(log_ratio: np.ndarray) -> np.ndarray:
    return 100 * np.expm1(log_ratio)
