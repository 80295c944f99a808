"""Variants of one recipe: how their runs share a law, and what a table of them leaves open."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_quantity, format_range
from bayes_scaling.errors import InputError
from bayes_scaling.inference.residuals import have_residuals, residuals
from bayes_scaling.inference.spec import ModelSettings
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.names import get_law
from bayes_scaling.laws.pinned import with_pins
from bayes_scaling.laws.priors import LogNormal, Prior
from bayes_scaling.laws.roles import Kind

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

USUAL = "gpt4"
"""The curve of a variant where none is named: three or four rungs can tell no more."""

BETWEEN = 0.04
"""Scale of the spread of log amplitudes between variants: with an exponent of .15, speedups that differ by a sixth."""

SAME = 0.1
"""Budgets whose logarithms differ by less are one rung."""

APART = 0.3
"""Tokens per parameter of one rung whose logarithms spread by more are no ladder."""

CHANCE = 0.001
"""Of curves that look as little parallel as these where all are."""

RISES = 3.0
"""Scales of the noise by which a larger rung's loss lies above a smaller one's before it is said."""


def for_variants(law: str | Law = USUAL, priors: Mapping[str, Prior | float] | None = None) -> ModelSettings:
    """How `fit` should treat variants of one recipe: ``fit(runs, "gpt4", group="variant", **for_variants("gpt4"))``.

    Floor, exponents and noise are shared. Amplitudes differ by a few percent, `BETWEEN`, and come from one population
    whose spread is learnt. The noise is constant: so few rungs can tell no discrepancy from seeds.

    Parameters
    ----------
    law : str or Law
        The curve of each variant; gpt4 is E + A C^-alpha.
    priors : mapping of parameter name to Prior or number, optional
        Replaces the law's; a number pins a parameter, which is then not sampled.

    Raises
    ------
    InputError
        For a law without an amplitude, or priors that `fit` refuses.
    """
    family, given = with_pins(get_law(law), priors or {})
    family = family.with_priors(given)
    if not (own := family.with_kind(Kind.AMPLITUDE)):
        raise InputError(
            f"law {family.name!r} has no amplitude that is not pinned, in which variants could differ; pin "
            f"others, or take another law: {usual_in_words()}"
        )
    spread = {
        name: replace(prior, between=BETWEEN)
        for name in own
        if isinstance(prior := family.priors[name], LogNormal)
        and (name not in given or prior.between is None)
    }
    return {
        "pooling": {name: "partial" if name in own else "complete" for name in (*family.parameters, "sigma")},
        "priors": {**(priors or {}), **spread},
        "noise": "constant",
    }


def usual_in_words() -> str:
    """The usual curve, with its formula."""
    return f"{USUAL} is {get_law(USUAL).formula}"


def questions(fit: "Posterior", baseline: str, column: str) -> Iterator[str]:
    """What to know of a table of variants before believing their speedups; ``column`` is what budgets are in."""
    law, runs = fit.law, fit.runs
    budgets = {name: runs.column(column)[runs.group_index == i] for i, name in enumerate(fit.groups)}
    if len(fit.groups) > 2 and "partial" not in {fit.pooling[name] for name in law.parameters}:
        yield (
            "variants are not pooled partially, so that the best-looking one is overrated: fit with the settings of "
            "for_variants"
        )
    bends = [name for name in law.parameters if law.roles[name].bends]
    if bends and len(rungs(runs.column(column))) < 2:
        yield (
            f"all runs are of one rung, which says nothing of {' and '.join(bends)}: speedups rest on the prior there; "
            f"train another rung, or pin it (--prior {bends[0]}=...)"
        )
    low, high = budgets[baseline].min(), budgets[baseline].max()
    margin = np.exp(SAME)
    for name, own in budgets.items():
        if own.min() > high * margin or own.max() * margin < low:
            yield (
                f"no run of {name} ({column} {format_range(own, ' to ')}) has a budget among those of {baseline} "
                f"({format_range(budgets[baseline], ' to ')}): they are compared by the law alone"
            )
    yield from _rising(fit, column)
    yield from _ratios(fit, column)
    if bends and all(fit.pooling[name] == "complete" for name in bends):
        yield from _crossing(fit, column)


def rungs(budgets: np.ndarray) -> np.ndarray:
    """The rungs of some budgets, in order; those that are nearly alike are one."""
    ordered = np.sort(budgets)
    parts = np.split(ordered, np.flatnonzero(np.diff(np.log(ordered)) > SAME) + 1)
    # Equal ones to the last digit, so that tables can be joined on them.
    return np.array([x[0] if x[0] == x[-1] else np.exp(np.log(x).mean()) for x in parts])


def _rising(fit: "Posterior", column: str) -> Iterator[str]:
    """Variants whose loss is higher at a larger rung."""
    runs, noise = fit.runs, float(fit.posterior["sigma"].median())
    for i, name in enumerate(fit.groups):
        own = runs.group_index == i
        x, y = runs.column(column)[own], runs.log_loss[own]
        at = rungs(x)
        nearest = np.abs(np.log(x)[:, None] - np.log(at)).argmin(axis=1)
        mean = np.array([y[nearest == j].mean() for j in range(len(at))])
        for j in np.flatnonzero(np.diff(mean) > RISES * noise)[:1]:
            yield (
                f"the loss of {name} rises from {np.exp(mean[j]):.4g} at {column} {format_quantity(at[j])} to "
                f"{np.exp(mean[j + 1]):.4g} at {format_quantity(at[j + 1])}: look whether that run diverged or "
                "stopped early"
            )


def _ratios(fit: "Posterior", column: str) -> Iterator[str]:
    """Rungs whose runs differ in tokens per parameter, under a law that knows compute alone."""
    runs = fit.runs
    if column != "flops" or fit.law.allocates or not {"params", "tokens"} <= set(runs.table.columns):
        return
    ratio, x = np.log(runs.tokens / runs.params), np.log(runs.flops)
    at = np.log(rungs(runs.flops))
    nearest = np.abs(x[:, None] - at).argmin(axis=1)
    if max(np.ptp(ratio[nearest == j]) for j in range(len(at))) > APART:
        yield (
            f"runs of one rung differ in tokens per parameter, and law {fit.law.name!r} knows compute alone: their "
            "differences count as noise; take the law chinchilla, or one size at each rung"
        )


def _crossing(fit: "Posterior", column: str) -> Iterator[str]:
    """Whether curves that share floor and exponents are as parallel as that says, by an analysis of covariance.

    The variance of the slopes of residuals between variants, against what is left around these slopes: their ratio is
    F-distributed where all are parallel.
    """
    from scipy.special import fdtrc  # loads when a gate is asked for, and not on import

    runs = fit.runs
    if not have_residuals(fit):
        return
    moments = []
    for i in range(len(fit.groups)):
        own = runs.group_index == i
        if len(rungs(runs.column(column)[own])) > 1:
            x, y = np.log(runs.column(column)[own]), residuals(fit).of_loss[own]
            x, y = x - x.mean(), y - y.mean()
            moments.append((x @ x, x @ y, y @ y, own.sum() - 2))
    if len(moments) < 2:
        return
    xx, xy, yy, left = np.array(moments).T
    free, rest = len(xx) - 1, np.sum(yy - xy**2 / xx)
    if not left.sum() or not rest > 0:
        return
    ratio = (np.sum(xy**2 / xx) - xy.sum() ** 2 / xx.sum()) / free / (rest / left.sum())
    if fdtrc(free, left.sum(), ratio) < CHANCE:
        bends = [name for name in fit.law.parameters if fit.law.roles[name].bends]
        yield (
            f"the curves of the variants are not parallel, as the law has them (F = {ratio:.1f}): their speedups "
            f"change with the budget; let {' and '.join(bends)} differ (pooling {bends[0]}=partial)"
        )
