"""What to look at before believing a band: parameters beside their priors, residuals, rival laws."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bayes_scaling.evaluation.loo import BAD_K
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.summary import meaning
from bayes_scaling.reporting.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from bayes_scaling.evaluation.compare import Comparison
    from bayes_scaling.inference.posterior import Posterior

HEIGHT = 0.85
"""Of the tallest density in a panel; rows are 1 apart."""

SHARED = "#4d5f73"
"""Colour of what all groups share."""


@style.styled
def posterior(
    fit: "Posterior", *, prob: float = 0.9, figure: "Figure | SubFigure | None" = None
) -> np.ndarray:
    """Posterior density of each parameter by group, over its prior in grey.

    Densities of one panel share one scale: a posterior as flat as its prior was told nothing by the data.

    Parameters
    ----------
    fit : Posterior
    prob : float
        Probability of the bar under each density; the dot is the median.
    figure : Figure or SubFigure, optional
        Where to put the panels; the height of a Figure is set to fit them.

    Returns
    -------
    ndarray of Axes
        One per parameter of the law and of the noise, in that order.
    """
    names = [*fit.law.parameters, "sigma", *fit.structure.global_priors]
    rows = max(fit.posterior[name].sizes.get("group", 1) for name in names)
    columns = 4 if len(names) > 6 else 3
    lines = -(-len(names) // columns)
    canvas = figure if figure is not None else style.new_figure((9.2, 0.4))
    if isinstance(canvas, Figure):
        canvas.set_figheight(lines * (1.5 + 0.45 * rows))
    panels = canvas.subplots(lines, columns, squeeze=False).ravel()
    for ax, name in zip(panels, names, strict=False):
        _densities(ax, fit, name, prob)
    for spare in panels[len(names) :]:
        spare.remove()
    by_group = [g for g in fit.groups if rows > 1]
    keys = [style.key(style.look(fit, g)["color"], "law", g) for g in by_group]
    keys += [] if by_group else [style.key(SHARED, "law", "posterior")]
    keys += [
        style.key(style.GREY, "run", "prior"),
        style.key(style.INK, "line", f"{style.percent(prob)} interval and median"),
    ]
    canvas.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 5))
    return panels[: len(names)]


def _densities(ax: "Axes", fit: "Posterior", name: str, prob: float) -> None:
    values = fit.posterior[name].stack(sample=("chain", "draw"))
    each = np.atleast_2d(values.transpose(..., "sample").to_numpy())
    before = fit.prior[name]
    prior = (before.isel(group=0) if "group" in before.dims else before).to_numpy().ravel()
    low, high = np.quantile(each, [0.002, 0.998])
    room = 0.25 * (high - low)
    x = np.linspace(max(low - room, low * 0.5) if low > 0 else low - room, high + room, 240)
    curves = [density(row, x) for row in each]
    unit = HEIGHT / max(curve.max() for curve in curves)
    shared = np.minimum(density(prior, x) * unit, HEIGHT)
    for i, (row, curve) in enumerate(zip(each, curves, strict=True)):
        base = len(each) - 1 - i
        color = style.look(fit, fit.groups[i])["color"] if len(each) > 1 else SHARED
        ax.fill_between(x, base, base + shared, color=style.GREY, alpha=style.RUN_ALPHA, lw=0)
        ax.fill_between(x, base, base + curve * unit, color=color, alpha=0.5, lw=0)
        ax.plot(x, base + curve * unit, color=color, lw=1.2)
        lower, median, upper = np.quantile(row, [(1 - prob) / 2, 0.5, (1 + prob) / 2])
        ax.plot([lower, upper], [base, base], color=style.INK, lw=1.6, solid_capstyle="butt")
        ax.plot(median, base, "o", color=style.INK, ms=4)
    ax.set(xlim=(x[0], x[-1]), ylim=(-0.15, len(each)), yticks=[], title=name)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.set_xlabel(fill(meaning(fit, name), 30), fontsize=8.5)


def density(draws: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Kernel density of draws at x; where all are positive on the log scale, so that none leaks below 0."""
    from scipy.stats import gaussian_kde

    draws = draws[:: max(1, len(draws) // 1500)]
    if draws.min() <= 0:
        return gaussian_kde(draws)(x)
    return gaussian_kde(np.log(draws))(np.log(x)) / x


@style.styled
def residuals(
    fit: "Posterior", against: str = "params", *, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """How far each run's loss lies from the law, in percent, against one of its inputs.

    The band is where the noise of a run of the table should fall; a run outside of its own group's band is
    ringed.

    Parameters
    ----------
    fit : Posterior
    against : str
        "params", "tokens", "flops" or another numeric column of the runs.
    prob : float
        Probability of the band.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = style.axes(ax, (7.2, 4.0))
    x, log_loss = fit.runs.column(against), fit.runs.log_loss
    tails = [(1 - prob) / 2, (1 + prob) / 2]
    outside, everything = 0, []
    for i, name in enumerate(fit.groups):
        mask = fit.runs.group_index == i
        at = predict(fit, group=name, **{column: fit.runs.column(column)[mask] for column in fit.law.columns})
        center = np.log(at.mean.median(("chain", "draw")).to_numpy())
        noise = np.log((at.new_run / at.mean).transpose(..., "point").to_numpy()).reshape(-1, mask.sum())
        low, high = np.quantile(noise, tails, axis=0)
        residual = log_loss[mask] - center
        ring = (residual < low) | (residual > high)
        outside += int(ring.sum())
        everything.append(noise.ravel())
        style.points(ax, x[mask], as_percent(residual), **style.look(fit, name))
        ringed = x[mask][ring], as_percent(residual[ring])
        ax.scatter(*ringed, s=110, facecolors="none", edgecolors=style.INK, lw=1, zorder=5)
    low, high = as_percent(np.quantile(np.concatenate(everything), tails))
    style.log_axis(ax, "x", against, x.min() / 1.3, x.max() * 1.3)
    ax.axhspan(low, high, color=style.GREY, alpha=0.13, lw=0, zorder=0)
    ax.axhline(0, color=style.GREY, lw=1, zorder=1)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}%" if value else "0"))
    ax.set_ylabel("loss minus law (% of loss)")
    ax.set_title(f"Residuals: {outside} of {len(x)} runs outside of their {style.percent(prob)} band")
    keys = [style.key(**style.look(fit, g), kind="points", label=g) for g in fit.groups]
    keys = keys if len(keys) > 1 else []
    keys.append(style.key(style.GREY, "run", f"{style.percent(prob)} band, noise of a run"))
    ax.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4)
    return ax


def as_percent(log_ratio: Any) -> Any:
    """A difference of logarithms as percent."""
    return 100 * np.expm1(log_ratio)


@style.styled
def comparison(comparison: "Comparison", *, ax: "Axes | None" = None) -> "Axes":
    """How much worse than the best law each one predicts configurations left out, and its stacking weight.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    table = comparison.ranking
    rows = np.arange(len(table))[::-1]
    ax = style.axes(ax, (7.2, 1.3 + 0.5 * len(table)))
    ax.errorbar(table["elpd_diff"], rows, xerr=table["dse"], fmt="o", color=style.COLOURS[0], ms=6.5, lw=1.8)
    ax.axvline(0, color=style.GREY, lw=1, ls=(0, (1, 2)), zorder=0)
    ax.set(yticks=rows, yticklabels=table.index, ylim=(-0.6, len(table) - 0.4))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("difference in elpd to the best law\n(nats, ± 1 standard error; right is better)")
    ax.set_title("Laws compared by leave-one-out prediction")
    right: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "textcoords": "offset points",
        "va": "center",
    }
    for y, (_, row) in zip(rows, table.iterrows(), strict=True):
        ax.annotate(f"weight {row['weight']:.2f}", (1, y), (8, 0), **right)
        if not row["worst_k"] <= BAD_K:
            exact = f"{row['refits']:.0f} refitted exactly" if row["refits"] else "not trusted: refit"
            flag = f"⚠ Pareto-k {row['worst_k']:.2f}, {exact}"
            ax.annotate(flag, (1, y), (8, -13), fontsize=8, color=style.COLOURS[1], **right)
    return ax
