"""Compute-optimal N and D for any law, one answer per posterior draw."""

from typing import TYPE_CHECKING

from bayes_scaling.data.cost import SIX
from bayes_scaling.data.units import Quantities, format_flops, format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.inference.intervals import median
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import FRESH, LossSurface, about, ordered, over_points
from bayes_scaling.planning.results.allocation import Allocation

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.drift import Drift


def allocate(
    fit: "Posterior",
    flops: Quantities,
    *,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Quantities,
) -> Allocation:
    """Compute-optimal N and D, as posterior draws.

    For each draw the law is minimised along N D = C/6: in closed form where the law names its additive power
    terms (Hoffmann et al. 2022, equation 4), else by a one-dimensional search over log N between 1 and C/6.

    Parameters
    ----------
    fit : Posterior
    flops : number, string such as "1e24", or sequence of them
        Training budgets C in FLOPs.
    group, drift
        As for `predict`. The drift enters the forecast of a new run; the best split of a budget is the law's own.
    **inputs
        The law's inputs beside N and D, by column name, such as ``unique_tokens="100B"``: one value, or one for
        each budget.

    Raises
    ------
    InputError
        If the law has no N and D to split a budget into, or one of its other inputs is not given.
    """
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    budgets = over_points(flops, "flops")
    surface = LossSurface(fit, group, drift, inputs, budgets.size)
    if surface.fresh:
        raise InputError(f"law {fit.law.name!r} needs {FRESH!r} to split a budget; give {FRESH}=...")
    n, _ = split(surface, budgets)
    tokens_for = (cost := surface.cost).tokens
    # Groups may share the optimum and still differ in loss: one set of dims for all.
    params, loss = map(ordered, xr.broadcast(n, surface.loss(n, tokens_for(budgets, n))))
    chosen = median(params)
    data = tokens_for(budgets, chosen)
    beyond = xr.DataArray(surface.beyond(chosen, data)).where(chosen.notnull())
    new_run = ordered(surface.new_run(chosen, data)).rename("loss")
    said = about(surface, chosen, data)
    if cost.own and said:  # the other answer too, for those who count in 6ND
        surface.cost = SIX
        by_six = median(split(surface, budgets)[0]).to_numpy().ravel()[-1]
        budget = float(budgets[-1])
        size, rest = format_quantity(by_six), format_quantity(SIX.tokens(budget, by_six))
        said[-1] += f"; by 6ND {format_flops(budget)} FLOPs would buy {size} parameters on {rest} tokens"
    return Allocation(
        flops=budgets,
        params=params.rename("params"),
        tokens=ordered(tokens_for(budgets, params)).rename("tokens"),
        loss=loss.rename("loss"),
        new_run=new_run,
        decades_beyond=decades_beyond(fit.runs, "flops", budgets).rename(None),
        beyond=beyond.rename(None),
        about=said,
        cost=cost,
    )


def roughly_optimal(fit: "Posterior", flops: Quantities, group: str) -> "xr.DataArray":
    """Compute-optimal N, one for each draw and budget, to some percent where a discrepancy bends the valley.

    For pictures, in a fraction of the time of `allocate`: its median is some percent off at the most.
    """
    budgets = over_points(flops, "flops")
    return split(LossSurface(fit, group, None, {}, budgets.size), budgets, polished=False)[0]
