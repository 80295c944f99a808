"""What could go wrong with a budget: the chance of a target, the loss given up by a choice, how flat the valley is.

Regret is the law's loss at (N, D) less that of each draw's own optimum for the same compute. It has no drift: what
bends the truth away from the law beyond the data bends both alike.

Expected losses, quantiles and probabilities do have drift, and choices of one budget are compared by them. There the
drift, and what a discrepancy falls by beyond the data, are functions of compute alone: they widen what is known of a
budget, and move all its choices together. With a
distance in N or D as well, a drift that is expected below the law would reward leaving the data. `predict` gives the
forecast of one choice with the whole of its distance.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import Cost
from bayes_scaling.data.units import Quantities, Quantity, format_flops, format_quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import DRAWS, median, quantiles, tails
from bayes_scaling.laws.elementwise import Computed, exp, log, maximum, minimum
from bayes_scaling.planning.compute.rules_of_thumb import kaplan_split
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import LossSurface, about, ordered, over_points
from bayes_scaling.planning.optimise import root
from bayes_scaling.planning.results.risk import WITHIN, Risk
from bayes_scaling.planning.results.wording import without_optimum

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.drift import Drift

_CANDIDATES = 161
_REACH = np.log(1000.0)
"""The valley's ends are looked for up to a thousandfold from each draw's optimum."""


def risk(
    fit: "Posterior",
    flops: Quantities | None = None,
    *,
    params: Quantity | None = None,
    tokens: Quantity | None = None,
    target: Quantity | None = None,
    level: float = 0.9,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Quantity,
) -> Risk:
    """What a choice of N and D may cost.

    Choices of one budget are compared under a drift that is a function of compute alone.

    Parameters
    ----------
    fit : Posterior
    flops : number, str or sequence of them, optional
        Budgets C = 6ND. Default: those of the given N and D.
    params, tokens : number or str, optional
        A model and its data, whose regret is wanted; with one budget, either of the two is enough.
    target : number, optional
        A loss whose probability is wanted.
    level : float
        Of the quantile that the risk-averse choice makes smallest.
    group, drift, **inputs
        As for `plan`.

    Raises
    ------
    InputError
        Without a budget, or with params and tokens that do not spend it.
    """
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    if not 0 < level < 1:
        raise InputError(f"the level of a quantile lies between 0 and 1; got {level!r}")
    surface = LossSurface(fit, group, drift, inputs)
    tokens_for = surface.cost.tokens
    budget, given = _budgets(surface.cost, flops, params, tokens)
    wanted = None if target is None else parse_quantity(target, "target")
    own, _ = split(surface, budget)
    least, own = xr.broadcast(surface.loss(own, tokens_for(budget, own)), own)
    drifting, middle = surface.drift_at(budget), median(own)
    fallen = surface.fallen(middle, tokens_for(budget, middle))

    def law(n: "xr.DataArray") -> "xr.DataArray":
        loss: xr.DataArray = surface.loss(n, tokens_for(budget, n)).where(own.notnull())
        return loss

    def beyond(n: "xr.DataArray") -> "xr.DataArray":
        return surface.at_budget(n, tokens_for(budget, n), fallen).where(own.notnull())

    def expected(n: "xr.DataArray") -> "xr.DataArray":
        # The drift is drawn apart from the law: the mean of the product is the product of the means.
        return beyond(n).mean(DRAWS) * exp(drifting).mean(DRAWS)

    def quantile(n: "xr.DataArray") -> "xr.DataArray":
        return quantiles(beyond(n) * exp(drifting), [level])[0]

    rules = {
        "20 tokens per parameter": surface.cost.at_ratio(budget, 20.0),
        "Kaplan et al. 2020": kaplan_split(budget)[0],
    }
    n = _candidates(own, *rules.values())
    along = expected(n)
    picks = {
        "median N_opt": middle,
        "least expected loss": _lowest(expected, n),
        f"least {100 * level:g}% quantile": _lowest(quantile, n),
        **rules,
        **({} if given is None else {"as given": given}),
    }
    names = xr.DataArray(list(picks), dims="choice", name="choice")
    chosen = xr.concat([x.broadcast_like(middle) for x in picks.values()], dim=names)
    data = tokens_for(budget, chosen)
    floor = n.where(along <= (1 + WITHIN) * along.min("candidate"))
    return Risk(
        flops=budget,
        choices=xr.Dataset({"params": chosen, "tokens": data}),
        regret=ordered(surface.loss(chosen, data) - least).rename("regret"),
        expected=expected(chosen),
        quantile=quantile(chosen),
        curve=xr.Dataset(
            {
                "params": n,
                "tokens": tokens_for(budget, n),
                "expected": along,
                "regret": quantiles(law(n) - least, tails(0.9)),
                "beyond": surface.beyond(n, tokens_for(budget, n)),
            }
        ),
        valley=_valley(surface, budget, own, least),
        safe=xr.Dataset({"lower": floor.min("candidate"), "upper": floor.max("candidate")}),
        level=level,
        target=wanted,
        prob_target=None
        if wanted is None
        else surface.prob_below(wanted, beyond(chosen) * exp(drifting), chosen, data),
        warnings=[
            *about(surface, middle, tokens_for(budget, middle)),
            *(fit.runs.unit.target(wanted) if wanted is not None else []),
            *([without_optimum(none)] if (none := float(own.isnull().mean())) else []),
        ],
    )


def chances(
    fit: "Posterior",
    target: Quantity,
    flops: Quantities,
    *,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Quantity,
) -> "xr.DataArray":
    """Probability that a new run reaches a loss along a budget, each spent on its median N_opt.

    Returns
    -------
    xarray.DataArray
        Dims ([group,] point), with the budgets as the coordinate ``flops``.
    """
    surface = LossSurface(fit, group, drift, inputs)
    budget = over_points(flops, "flops")
    n = median(split(surface, budget)[0])
    d = surface.cost.tokens(budget, n)
    found = surface.prob_below(parse_quantity(target, "target"), surface.drifted(n, d), n, d)
    return found.assign_coords(flops=budget).transpose(..., "point").rename("probability")


def _budgets(
    cost: Cost, flops: Quantities | None, params: Quantity | None, tokens: Quantity | None
) -> "tuple[xr.DataArray, xr.DataArray | None]":
    """The budgets over ``point``, and the N that was given, if one was."""
    n = None if params is None else parse_quantity(params, "params")
    d = None if tokens is None else parse_quantity(tokens, "tokens")
    if flops is None:
        if n is None or d is None:
            raise InputError("a risk needs a budget: flops, or params and tokens")
        return over_points(cost.flops(n, d), "flops"), over_points(n, "params")
    budget = over_points(flops, "flops")
    if n is None:
        return budget, None if d is None else cost.params(budget, d)
    if d is not None and not np.allclose(cost.flops(n, d), budget):
        raise InputError(
            f"{format_quantity(n)} parameters on {format_quantity(d)} tokens take "
            f"{format_flops(cost.flops(n, d))} FLOPs, not {', '.join(map(format_flops, budget.to_numpy()))}; "
            "give two of flops, params and tokens"
        )
    return budget, n + 0 * budget


def _candidates(own: "xr.DataArray", *rules: "xr.DataArray") -> "xr.DataArray":
    """Sizes along the dim ``candidate`` that go beyond every draw's optimum and every rule."""
    low, high = own.min(DRAWS), own.max(DRAWS)
    for rule in rules:
        low, high = minimum(low, rule), maximum(high, rule)
    return _spaced(log(low) - 1, log(high) + 1, _CANDIDATES)


def _spaced(low: "xr.DataArray", high: "xr.DataArray", count: int) -> "xr.DataArray":
    """Numbers whose logarithms are evenly spaced, along the dim ``candidate``."""
    import xarray as xr

    steps = xr.DataArray(np.linspace(0, 1, count), dims="candidate")
    return exp(low + (high - low) * steps)


def _lowest(loss: "Callable[[xr.DataArray], xr.DataArray]", n: "xr.DataArray") -> "xr.DataArray":
    """The candidate for N with the lowest loss, and then the best of as many between its neighbours."""
    size = n.sizes["candidate"]
    for _ in range(2):
        k = loss(n).fillna(np.inf).argmin("candidate")
        best = n.isel(candidate=k)
        low, high = (log(n.isel(candidate=(k + i).clip(0, size - 1))) for i in (-1, 1))
        n = _spaced(low, high, size)
    return best


def _valley(
    surface: LossSurface, budget: "xr.DataArray", own: "xr.DataArray", least: "xr.DataArray"
) -> "xr.DataArray":
    """The ends of each draw's valley floor: where the law's loss has risen by 0.1%."""
    import xarray as xr

    def rise(away: np.ndarray, sign: float, own: np.ndarray, *rest: np.ndarray) -> Computed:
        n, (budget, least, *given) = own * exp(sign * away), rest
        return surface.loss(n, surface.cost.tokens(budget, n), *given) - (1 + WITHIN) * least

    ends = []
    for sign in (-1.0, 1.0):
        away = root(rise, 0.0, _REACH, (sign, own, budget, least, *surface.given))
        ends.append(own * exp(sign * away.fillna(_REACH)))
    return ordered(xr.concat(ends, dim=xr.DataArray(["lower", "upper"], dims="end", name="end")))
