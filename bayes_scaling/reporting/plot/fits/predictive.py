"""Whether runs drawn from the fitted model look like those that are there, one at a time and left out."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.evaluation.loo import BAD_K, psis_loo
from bayes_scaling.inference.arviz import to_arviz
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import look

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior


@style.styled
def predictive_check(fit: "Posterior", *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """Each run among runs drawn from the posterior, and how uniform their places are: two panels.

    Right, the probability integral transform of each run (its share of drawn runs below it), leaving it out where that
    can be done by importance sampling; inside of the grey lens its scatter is that of independent runs.

    Parameters
    ----------
    fit : Posterior
    prob : float
        Probability of the intervals, and of the lens at each point.
    ax : Axes, optional
    """
    tree, name = to_arviz(fit), fit.noise.observed
    drawn = tree["posterior_predictive"].to_dataset()[name].to_numpy().reshape(-1, len(fit.runs))
    seen = fit.runs.log_loss if fit.law.response == "loss" else fit.runs.loss
    ax = style.axes(ax, (9.6, 4.4))
    _, (left, right) = style.split(ax, 1, 2, widths=(1.7, 1))
    _runs(left, fit, drawn, seen, prob)
    _transform(right, *_places(tree, name, drawn, seen), prob)
    return ax


def _runs(ax: "Axes", fit: "Posterior", drawn: np.ndarray, seen: np.ndarray, prob: float) -> None:
    order = np.argsort(fit.runs.scale, kind="stable")
    low, middle, high = np.quantile(drawn, ((1 - prob) / 2, 0.5, (1 + prob) / 2), axis=0)[:, order]
    quarter = np.quantile(drawn, (0.25, 0.75), axis=0)[:, order]
    x, times = np.arange(len(order)), 100 if fit.law.response == "loss" else 1
    ax.vlines(x, times * (low - middle), times * (high - middle), color=style.GREY, alpha=0.45, lw=1.2)
    ax.vlines(
        x, times * (quarter[0] - middle), times * (quarter[1] - middle), color=style.GREY, alpha=0.6, lw=3
    )
    for i, group in enumerate(fit.groups):
        at = fit.runs.group_index[order] == i
        marks.points(ax, x[at], times * (seen[order] - middle)[at], size=26, **look(fit, group))
    ax.axhline(0, color=style.GREY, lw=0.8)
    ax.set_xlabel("runs, from the smallest to the largest")
    ax.set_ylabel("measured minus predicted" + (" (% of loss)" if times == 100 else ""))
    groups = [marks.key(**look(fit, g), kind="points", label=g) for g in fit.groups if len(fit.groups) > 1]
    marks.legend_below(
        ax, [*groups, marks.key(style.GREY, "run", f"{style.percent(prob)} and 50% of drawn runs")]
    )
    ax.set_title("Each run among runs drawn from the fit")


def _places(tree: "xr.DataTree", name: str, drawn: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, str]:
    """The transform of each run, and what it is called."""
    if "run" not in tree["log_likelihood"].to_dataset()[name].dims:  # clusters err together
        return (drawn < seen).mean(axis=0), "PIT"
    import arviz_stats  # slow to load

    loo_pit: Any = getattr(arviz_stats, "loo_pit")  # noqa: B009 (a name that it exports without a type)
    return loo_pit(tree, var_names=name)[name].to_numpy(), "LOO-PIT"


def _transform(ax: "Axes", places: np.ndarray, title: str, prob: float) -> None:
    from scipy.stats import binom  # slow to load

    x, n = np.linspace(0, 1, 201), len(places)
    low, high = (binom.ppf(q, n, x) / n - x for q in ((1 - prob) / 2, (1 + prob) / 2))
    ax.fill_between(x, low, high, color=style.BEYOND, lw=0)
    ax.step(
        x, np.searchsorted(np.sort(places), x, side="right") / n - x, color=style.COLOURS[0], where="post"
    )
    ax.axhline(0, color=style.GREY, lw=0.8)
    ax.set(xlim=(0, 1), xlabel="share of drawn runs below the run", ylabel="share of runs, from uniform")
    marks.legend_below(ax, [marks.key(style.GREY, "run", f"{style.percent(prob)} if the fit is right")])
    ax.set_title(title)


@style.styled
def pareto_k(fit: "Posterior", *, ax: "Axes | None" = None) -> "Axes":
    """How much each configuration moves the posterior: Pareto-k of leaving it out; above 0.7 only a refit can say.

    Parameters
    ----------
    fit : Posterior
    ax : Axes, optional
    """
    _, k = psis_loo(fit.log_likelihood)
    clusters = np.asarray(fit.runs.clusters)
    first = np.array([int(np.flatnonzero(clusters == c)[0]) for c in range(len(k))])
    ax = style.axes(ax, (7.2, 4.0))
    for i, group in enumerate(fit.groups):
        at = fit.runs.group_index[first] == i
        marks.points(ax, first[at] + 1, k[at], **look(fit, group))
    top = max(1.0, float(np.nanmax(k)) + 0.1)
    ax.axhspan(BAD_K, top, color=style.BEYOND, lw=0, zorder=0)
    ax.axhline(BAD_K, color=style.GREY, lw=1, ls=marks.DOTTED)
    for c in np.argsort(-k)[:3]:
        if k[c] > BAD_K:
            ax.annotate(
                f"row {first[c] + 1}",
                (first[c] + 1, k[c]),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
            )
    ax.set(xlabel="row of the table (first of a configuration)", ylabel="Pareto-k", ylim=(None, top))
    groups = [marks.key(**look(fit, g), kind="points", label=g) for g in fit.groups if len(fit.groups) > 1]
    if groups:
        marks.legend_below(ax, groups, columns=4)
    many = int((k > BAD_K).sum())
    ax.set_title(f"What single runs do to the fit: {many} of {len(k)} above {BAD_K:g}")
    return ax
