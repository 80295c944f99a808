"""From real constraints to what should be trained, what it will reach, and what stands in the way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities, Quantity, format_flops, parse_quantity, training_flops
from bayes_scaling.inference.intervals import equal_tailed, median
from bayes_scaling.planning.compute.hardware import Hardware
from bayes_scaling.planning.frontier import ABOVE, BELOW, Limits, least, matched, path, split
from bayes_scaling.planning.loss_surface import FRESH, LossSurface, ordered
from bayes_scaling.planning.request import PlanRequest
from bayes_scaling.planning.results.plan import Plan

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.drift import Drift


def plan(
    fit: "Posterior",
    flops: Quantities | None = None,
    *,
    hardware: Hardware | None = None,
    params: Quantities | None = None,
    tokens: Quantities | None = None,
    max_params: Quantity | None = None,
    max_tokens: Quantity | None = None,
    unique_tokens: Quantity | None = None,
    target: Quantities | None = None,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Quantity,
) -> Plan:
    """What to train under real constraints.

    ===========================  =====================================================================
    given                        answered
    ===========================  =====================================================================
    flops or hardware            the best N and D (with a target: and the chance of reaching it)
    the same and params          the D that it buys; with tokens, the N
    target                       the least compute that reaches this loss, and its N and D
    target and params            the least data for that model; with tokens, the smallest model
    params                       the data for which this is the compute-optimal model
    tokens                       the model for which these are the compute-optimal data
    ===========================  =====================================================================

    Parameters
    ----------
    fit : Posterior
    flops : number, str or sequence of them, optional
        Training budgets C = 6ND.
    hardware : Hardware, optional
        Accelerators and time instead of a budget; its utilisation may be uncertain.
    params, tokens : number, str or sequence of them, optional
        A given model or given data.
    max_params, max_tokens : number or str, optional
        Caps.
    unique_tokens : number or str, optional
        Tokens at hand. A law that takes them (`muennighoff`) may repeat them; for others they are a cap.
    target : number or sequence of them, optional
        A loss in nats per token, to be reached by the law with its drift.
    group, drift
        As for `predict`. The drift enters the forecast and the compute for a target; the best split of a budget is
        the law's own.
    **inputs
        The law's other inputs, by column name, one number each.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If the request is not one of those above, or contradicts itself. A request that the posterior cannot meet
        is no error: the plan's ``warnings`` say why.
    """
    warnings: list[str] = []
    if unique_tokens is not None and FRESH in fit.law.columns:
        inputs[FRESH] = unique_tokens
    elif unique_tokens is not None:
        max_tokens = min(
            parse_quantity(x, "tokens at hand") for x in (unique_tokens, max_tokens) if x is not None
        )
        warnings.append(
            f"law {fit.law.name!r} does not know what repeated tokens are worth, so each is used once at most; "
            f"fit a law that takes {FRESH} to runs with repeated data for more"
        )
    surface = LossSurface(fit, group, drift, inputs)
    if surface.fresh:
        warnings.append(f"no token is taken to be repeated; give {FRESH}=... where they are limited")
    request = PlanRequest.read(
        flops=flops, params=params, tokens=tokens, target=target, hardware=hardware,
        max_params=max_params, max_tokens=max_tokens,
    )  # fmt: skip
    return _answered(surface, request, warnings)


def _answered(surface: LossSurface, request: PlanRequest, warnings: list[str]) -> Plan:
    """The plan for a request."""
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    budget = _budget(surface, request)
    n, d, by_law = _of_each_draw(surface, request, budget)
    like = surface.law(1e9, 1e9) + request.points + (0.0 if budget is None else 0 * budget)
    n, d, like = xr.broadcast(n, d, like)
    n, d = ordered(n), ordered(d)
    spent = training_flops(n, d)
    chosen = _finite(median(n))
    data = _chosen_data(surface, request, budget, chosen, median(spent), median(d))
    forecast = {
        "mean": surface.law(chosen, data), "drifted": surface.drifted(chosen, data),
        "new_run": surface.new_run(chosen, data),
    }  # fmt: skip
    beyond = xr.DataArray(surface.beyond(chosen, data)).where(chosen.notnull())
    found = Plan(
        questions=request.questions,
        flops=spent.rename("flops"),
        params=n.rename("params"),
        tokens=d.rename("tokens"),
        choice=xr.Dataset({"params": chosen, "tokens": data, "flops": training_flops(chosen, data)}),
        forecast=xr.Dataset({kind: ordered(loss) for kind, loss in forecast.items()}),
        beyond=median(beyond) if "draw" in beyond.dims else beyond,
        target=request.target,
        by_law=None if by_law is None else ordered(by_law).rename("flops"),
        warnings=warnings,
    )
    warnings += [*_unmet(found, surface, request, budget), *_partly_met(found, surface, request, budget)]
    return found


def _budget(surface: LossSurface, request: PlanRequest) -> "xr.DataArray | None":
    """The budget of each point: given, or drawn from the hardware's utilisation."""
    if request.hardware is None:
        return request.flops
    rng = np.random.default_rng([surface.fit.seed, 606])
    drawn = surface.slope.copy(data=request.hardware.draws(rng, surface.slope.shape))
    return drawn.rename("flops").expand_dims(point=1, axis=-1)


def _of_each_draw(
    surface: LossSurface, request: PlanRequest, budget: "xr.DataArray | None"
) -> "tuple[xr.DataArray, xr.DataArray, xr.DataArray | None]":
    """N and D of each draw, and for a target without a budget the least compute by the law alone."""
    limits = request.limits
    if budget is not None:
        n, d = split(surface, budget, limits)
        return n, d.where(n.notnull()), None
    if request.target is not None:
        along = path(surface, limits)
        c, by_law = (
            least(surface, request.target, limits, along=along, drift=drift) for drift in (True, False)
        )
        n, d = split(surface, c.where(np.isfinite(c), 1e30), limits)
        # Out of reach: more than any budget. What was given stays as it is.
        n = n if request.params is not None else n.where(c != np.inf, np.inf)
        d = d if request.tokens is not None else d.where(c != np.inf, np.inf)
        return n, d, by_law
    n = matched(surface, tokens=request.tokens) if request.params is None else request.params
    d = matched(surface, params=request.params) if request.tokens is None else request.tokens
    return n, d, None


def _chosen_data(
    surface: LossSurface,
    request: PlanRequest,
    budget: "xr.DataArray | None",
    chosen: "xr.DataArray",
    spent: "xr.DataArray",
    tokens: "xr.DataArray",
) -> "xr.DataArray":
    """The tokens of the chosen model; spent and tokens are the medians of the draws.

    The model is chosen before an uncertain budget is known, and what is left of the budget goes into tokens.
    """
    if request.tokens is not None and (budget is not None or request.target is not None):
        return request.tokens + 0 * chosen
    if budget is not None:
        return ordered(split(surface, budget, Limits(params=chosen, max_tokens=request.max_tokens))[1])
    return tokens if request.target is None else _finite(spent / (6 * chosen))


def _finite(values: "xr.DataArray") -> "xr.DataArray":
    return values.where(np.isfinite(values))


def _unmet(
    found: Plan, surface: LossSurface, request: PlanRequest, budget: "xr.DataArray | None"
) -> Iterator[str]:
    """Draws without an optimum, and targets out of reach or below all budgets."""
    first, last = (float(x) for x in surface.fit.runs.extent["flops"])
    groups = found.params["group"].to_numpy().tolist() if "group" in found.params.dims else [None]
    for group in groups:
        of = f" in group {group}" if group else ""
        for i, question in enumerate(found.questions):
            n, c = (_pick(x, group, i) for x in (found.params, found.flops))
            if none := float(n.isnull().mean()):
                yield (
                    f"{question}: {none:.1%} of the draws have no interior optimum{of} (the loss falls all the way to "
                    "the smallest or the largest model); they are left out"
                )
            if request.target is None or budget is not None:
                continue
            goal = f"a loss of {float(request.target[i]):g}"
            if never := float((c == np.inf).mean()):
                floor = equal_tailed(surface.law(*split(surface, last * ABOVE, request.limits)))
                low, high = (float(_pick(x, group, i)) for x in floor)
                yield (
                    f"{goal} is out of reach{of} in {never:.1%} of the draws: within these limits the law ends between "
                    f"{low:.3f} and {high:.3f} (90%) at {format_flops(last * ABOVE)} FLOPs"
                    + (", and drift may keep it from getting there" if bool(surface.slope.any()) else "")
                )
            elif float((c <= first * BELOW * 1.001).mean()):
                smallest = format_flops(float(c.min()))
                yield f"{goal} is reached{of} by the smallest budget looked at, {smallest} FLOPs"


def _pick(values: "xr.DataArray", group: str | None, point: int) -> "xr.DataArray":
    """One group and one point, where there are several."""
    own = values.sel(group=group) if group is not None and "group" in values.dims else values
    return own.isel(point=point) if "point" in own.dims else own


def _partly_met(
    found: Plan, surface: LossSurface, request: PlanRequest, budget: "xr.DataArray | None"
) -> Iterator[str]:
    """A budget that caps leave unspent, and choices far below the data."""
    if budget is not None and request.max_params is not None and request.max_tokens is not None:
        left = budget - found.flops
        if float((left / budget).max()) > 1e-6:
            yield (
                f"the caps on parameters and tokens let "
                f"{format_flops(training_flops(request.max_params, request.max_tokens))} FLOPs be spent at most, and "
                f"leave up to {format_flops(float(left.max()))} FLOPs of the budget unspent"
            )
    first, smallest = float(surface.fit.runs.extent["flops"][0]), float(found.choice["flops"].min())
    if smallest < first / 10:
        yield (
            f"{format_flops(smallest)} FLOPs are less than a tenth of the smallest run's ({format_flops(first)}): the "
            "law is evaluated below its data"
        )
