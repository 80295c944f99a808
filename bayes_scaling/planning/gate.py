"""Is a change of the recipe worth a larger rung? Effective speedups of variants over a baseline, from small rungs.

Runs are grouped by variant, and `bayes_scaling.planning.variants.for_variants` pools them: floor and exponents are
shared, and amplitudes are drawn from one population whose spread is learnt. So three rungs with one seed each give an
interval, and the best-looking of forty variants is drawn towards the others by as much as chance made it look better.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import cost_of
from bayes_scaling.data.units import Quantities, Quantity, parse_quantities, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.forecast import drifted
from bayes_scaling.forecast.new_run import discrepancy_paths, new_run_scale
from bayes_scaling.forecast.points import decades_beyond, read_points
from bayes_scaling.forecast.predict import forecast
from bayes_scaling.inference.intervals import median
from bayes_scaling.laws.elementwise import log
from bayes_scaling.planning.results.gate import PROMOTE, Gate
from bayes_scaling.planning.speedups import baseline_budget, settled
from bayes_scaling.planning.variants import questions, usual_in_words
from bayes_scaling.planning.variants import rungs as rungs_of

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

FAR = 0.5
"""Decades beyond the runs from which on a target is far."""


def gate(
    fit: "Posterior",
    baseline: str,
    *,
    at: Quantity | None = None,
    rungs: Quantities | None = None,
    threshold: float = 1.05,
    tokens_per_param: Quantity | None = None,
) -> Gate:
    """Effective speedups of all groups over a baseline: the compute that it needs for their loss, over theirs.

    Under a law of N and D both grow together at fixed tokens per parameter, as the rungs of a ladder do: what the best
    split of a budget would be, such rungs do not show. Under a law of one input, budgets are in that input. Losses are
    the law's, with the discrepancy of the noise where it has one.

    Parameters
    ----------
    fit : Posterior
        Of runs grouped by variant, best with the settings of `for_variants`.
    baseline : str
        The group that others are compared with.
    at : number or str, optional
        The budget that the decision is for, in FLOPs (or the law's only input). Default: the largest rung.
    rungs : number, str or sequence of them, optional
        Budgets of the ladder. Default: those of the baseline's runs.
    threshold : float
        The speedup that is worth a change.
    tokens_per_param : number or str, optional
        For a law of N and D. Default: the geometric mean of the table.

    Raises
    ------
    InputError
        For a baseline that is no group, groups that share the whole law, or a law of other inputs or of no loss.
    """
    import xarray as xr  # loads when there are draws, and not on import

    variants = _variants(fit, baseline)
    column = "flops" if fit.law.allocates else fit.law.columns[0]
    own = fit.runs.column(column)[fit.runs.group_index == fit.groups.index(baseline)]
    ladder = rungs_of(own if rungs is None else np.atleast_1d(parse_quantities(rungs, "rungs")))
    if not threshold > 0:
        raise InputError(f"threshold is {threshold!r}; expected a speedup, as 1.05")
    budgets = np.array([*ladder, *([] if at is None else [parse_quantity(at, "at")])])
    along = partial(_points, fit, _ratio(fit, tokens_per_param))

    points = xr.DataArray(budgets, dims="point", name=column)
    loss = _losses(fit, along(budgets)).sel(group=variants).transpose("chain", "draw", "group", "point")

    def curve(at: np.ndarray) -> "xr.DataArray":
        return _losses(fit, along(at), baseline)

    budget = baseline_budget(fit, baseline, curve, budgets, loss)
    speedup = budget / points
    further = np.array([*ladder, ladder[-1] * (ladder[-1] / ladder[-2] if len(ladder) > 1 else 4.0)])
    last = along(further[-1:])
    new = forecast(fit, {name: last[name].to_numpy() for name in fit.law.columns}, drift=False).new_run
    new = new.isel(point=0)
    return Gate(
        baseline=baseline,
        column=column,
        budgets=points,
        speedup=speedup.rename("speedup"),
        threshold=float(threshold),
        rungs=xr.DataArray(further, dims="rung", name=column),
        settles=_settles(fit, baseline, along(further), speedup.isel(point=-1), threshold),
        confirmed=(new.sel(group=variants) < new.sel(group=baseline, drop=True)).mean(("chain", "draw")),
        warnings=[
            *questions(fit, baseline, column),
            *_apart(fit, baseline, column, budget.isel(point=slice(len(ladder)))),
            *_far(fit, column, budgets),
        ],
    )


def check_variants(groups: Sequence[str], baseline: str) -> None:
    """Whether there are groups of a law of their own to compare, the baseline among them: known before a fit.

    Raises
    ------
    InputError
        If not.
    """
    if len(groups) < 2:
        raise InputError(
            "the runs of this fit share one law: there are no variants to compare; fit a table grouped by variant "
            '(group="variant", command line: --group variant) whose amplitudes differ, as for_variants has it'
        )
    if baseline not in groups:
        raise InputError(
            f"no group {baseline!r} to be the baseline; the groups of this fit are {', '.join(groups)}"
        )


def _variants(fit: "Posterior", baseline: str) -> list[str]:
    """All groups but the baseline, of a fit that can be asked."""
    law = fit.law
    groups = [] if all(fit.pooling[name] == "complete" for name in law.parameters) else fit.groups
    check_variants(groups, baseline)
    if law.response != "loss" or law.rises or not (law.of_n_and_d or len(law.columns) == 1):
        raise InputError(
            f"law {law.name!r} takes {', '.join(law.columns)} and gives a {law.response}; a gate compares losses that "
            f"fall, under a law of N and D or of one input: {usual_in_words()}"
        )
    return [name for name in fit.groups if name != baseline]


def _ratio(fit: "Posterior", given: Quantity | None) -> float:
    """Tokens per parameter of the ladder; NaN where the law does not take both."""
    if not fit.law.allocates:
        if given is not None:
            raise InputError(
                f"law {fit.law.name!r} takes {fit.law.columns[0]} alone, and no tokens_per_param"
            )
        return np.nan
    if given is not None:
        return parse_quantity(given, "tokens_per_param")
    return float(np.exp(np.log(fit.runs.tokens / fit.runs.params).mean()))


def _points(fit: "Posterior", ratio: float, budgets: np.ndarray) -> "xr.Dataset":
    """The law's inputs along the ladder."""
    if not fit.law.allocates:
        return read_points(fit, {fit.law.columns[0]: budgets})
    params = cost_of(fit.runs).at_ratio(budgets, ratio)
    return read_points(fit, {"params": params, "tokens": params * ratio})


def _losses(fit: "Posterior", points: "xr.Dataset", group: str | None = None) -> "xr.DataArray":
    """The losses there, with a discrepancy and without drift, which is alike for all groups."""
    law = fit.law_at(points, fit.draws(group)) + fit.one_per_draw
    return drifted(law, discrepancy_paths(fit, group, points, law), "loss")


def _settles(
    fit: "Posterior", baseline: str, points: "xr.Dataset", speedup: "xr.DataArray", threshold: float
) -> "xr.DataArray":
    """The chance that a run of variant and baseline at each rung settles the verdict, dims (group, rung).

    The noise's variance is that of a normal with the information of the Student-t about its centre.
    """
    import xarray as xr

    draws, variants = fit.draws(), speedup["group"].to_numpy()
    nu = fit.noise.degrees_of_freedom(draws)
    shown = log(_losses(fit, points))
    variance = new_run_scale(fit, draws, points) ** 2 * (nu + 3) / (nu + 1)
    spread = (variance + 0 * shown).mean(("chain", "draw"))
    shown = shown.sel(group=variants) - shown.sel(group=baseline, drop=True)
    noise = (spread.sel(group=variants) + spread.sel(group=baseline, drop=True)).transpose("group", "point")
    chance = settled(
        speedup.transpose("chain", "draw", "group").to_numpy().reshape(-1, len(variants)),
        shown.transpose("chain", "draw", "group", "point").to_numpy().reshape(-1, *noise.shape),
        noise.to_numpy(),
        threshold,
        PROMOTE,
    )
    return xr.DataArray(chance, {"group": variants}, ("group", "rung"))


def _apart(fit: "Posterior", baseline: str, column: str, budget: "xr.DataArray") -> Iterator[str]:
    """Variants whose losses at the rungs the baseline has far beyond the runs, where nobody has seen it."""
    largest = median(budget).max("point")
    for name, most in zip(largest["group"].to_numpy(), largest.to_numpy(), strict=True):
        if (far := float(decades_beyond(fit.runs, column, most))) > FAR:
            beyond = f"{far:.1f} decades beyond the runs" if np.isfinite(far) else "at no budget"
            yield (
                f"{baseline} has the losses of {name} {beyond}, by its law: that speedup rests on a curve that nobody "
                "has seen there; a baseline that is nearer to it says more"
            )


def _far(fit: "Posterior", column: str, budgets: np.ndarray) -> list[str]:
    """A target far beyond the runs."""
    if (far := float(decades_beyond(fit.runs, column, budgets).max())) <= FAR:
        return []
    return [
        f"the decision is for {far:.1f} decades beyond the runs; how far variants drift apart there is not in these "
        "numbers"
    ]
