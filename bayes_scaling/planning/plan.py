"""From real constraints to what should be trained, what it will reach, and what stands in the way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities, Quantity, format_flops, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import DRAWS, equal_tailed, long_table, median
from bayes_scaling.planning.compute.hardware import Hardware
from bayes_scaling.planning.frontier import ABOVE, BELOW, Limits, least, matched, path, split
from bayes_scaling.planning.loss_surface import FRESH, LossSurface, about, ordered
from bayes_scaling.planning.needed import needed
from bayes_scaling.planning.request import PlanRequest
from bayes_scaling.planning.results.needed import Needed
from bayes_scaling.planning.results.plan import Plan
from bayes_scaling.planning.results.wording import without_optimum

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
) -> Plan | Needed:
    """What to train under real constraints; of a law of one input, how much of it reaches a target.

    ===========================  =====================================================================
    given                        answered
    ===========================  =====================================================================
    flops or hardware            the best N and D (with a target: and the chance of reaching it)
    the same and params          the D that it buys; with tokens, the N
    target                       the least compute that reaches this loss, and its N and D; for a law of one
                                 input, the least of it (`Needed`)
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

    Raises
    ------
    InputError
        If the request is not one of those above, or contradicts itself. A request that the posterior cannot meet
        is no error: the plan's ``warnings`` say why.
    """
    warnings: list[str] = []
    if target is not None and len(fit.law.columns) == 1:
        others = (flops, hardware, params, tokens, max_params, max_tokens, unique_tokens)
        if inputs or any(x is not None for x in others):
            raise InputError(f"a law of {fit.law.columns[0]} alone is asked for a target, and nothing else")
        return needed(fit, target, group=group, drift=drift)
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
    caps = {"max_params": max_params, "max_tokens": max_tokens}
    request = PlanRequest.read(hardware, caps, flops=flops, params=params, tokens=tokens, target=target)
    if request.target is not None:
        for wanted in dict.fromkeys(request.target.to_numpy().tolist()):
            warnings += fit.runs.unit.target(wanted)
    return _answered(surface, request.with_budget(surface.slope, fit.seed), warnings)


def _answered(surface: LossSurface, request: PlanRequest, warnings: list[str]) -> Plan:
    """The plan for a request."""
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    n, d, by_law = _of_each_draw(surface, request)
    n, d, _ = map(ordered, xr.broadcast(n, d, surface.law(1e9, 1e9) + request.points))
    spent = surface.cost.flops(n, d)
    chosen = median(n).where(median(n) < np.inf)
    data = _chosen_data(surface, request, chosen, median(spent), median(d))
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
        choice=xr.Dataset({"params": chosen, "tokens": data, "flops": surface.cost.flops(chosen, data)}),
        forecast=xr.Dataset({kind: ordered(loss) for kind, loss in forecast.items()}),
        beyond=median(beyond) if "draw" in beyond.dims else beyond,
        target=request.target,
        by_law=None if by_law is None else ordered(by_law).rename("flops"),
        warnings=warnings,
    )
    warnings += [
        *about(surface, chosen, data),
        *_unmet(found, surface, request),
        *_partly_met(found, surface, request),
    ]
    return found


def _of_each_draw(
    surface: LossSurface, request: PlanRequest
) -> "tuple[xr.DataArray, xr.DataArray, xr.DataArray | None]":
    """N and D of each draw, and for a target without a budget the least compute by the law alone."""
    limits, target = request.limits, request.target
    if request.flops is not None:
        n, d = split(surface, request.flops, limits)
        return n, d.where(n.notnull()), None
    if target is not None:
        along = path(surface, limits)
        c, by_law = (least(surface, target, limits, along=along, drift=drift) for drift in (True, False))
        n, d = split(surface, c.where(np.isfinite(c), 1e30), limits)
        # Out of reach: more than any budget. What was given stays as it is.
        n = n if limits.params is not None else n.where(c != np.inf, np.inf)
        d = d if limits.tokens is not None else d.where(c != np.inf, np.inf)
        return n, d, by_law
    n = matched(surface, tokens=limits.tokens) if limits.params is None else limits.params
    d = matched(surface, params=limits.params) if limits.tokens is None else limits.tokens
    return n, d, None


def _chosen_data(
    surface: LossSurface, request: PlanRequest, chosen: "xr.DataArray", *middle: "xr.DataArray"
) -> "xr.DataArray":
    """The tokens of the chosen model, given the medians of the compute and of the tokens of each draw.

    The model is chosen before an uncertain budget is known, and what is left of the budget goes into tokens.
    """
    (spent, tokens), limits = middle, request.limits
    if request.flops is None and request.target is None:
        return tokens
    if limits.tokens is not None:
        return limits.tokens + 0 * chosen
    if request.flops is not None:
        rest = Limits(params=chosen, max_tokens=limits.max_tokens)
        return ordered(split(surface, request.flops, rest)[1])
    data: xr.DataArray = surface.cost.tokens(spent, chosen)
    return data.where(data < np.inf)


def _unmet(found: Plan, surface: LossSurface, request: PlanRequest) -> Iterator[str]:
    """Draws without an optimum, and targets out of reach or below all budgets."""
    first, last = (float(x) for x in surface.fit.runs.extent["flops"])
    shares = {
        "none": found.params.isnull().mean(DRAWS),
        "never": (found.flops == np.inf).mean(DRAWS),
        "at_once": (found.flops <= first * BELOW * 1.001).mean(DRAWS),
        "smallest": found.flops.min(DRAWS),
    }
    target = request.target if request.flops is None else None
    if target is not None:
        low, high = equal_tailed(surface.law(*split(surface, last * ABOVE, request.limits)))
        shares |= {"target": target, "low": low, "high": high}
    drifts = ", and drift may keep it from getting there" if bool(surface.slope.any()) else ""
    table = long_table(shares).to_dict("records")
    questions = found.questions * (len(table) // len(found.questions))
    for question, row in zip(questions, table, strict=True):
        of = f" in group {row['group']}" if "group" in row else ""
        if row["none"]:
            yield f"{question}: {without_optimum(row['none'], of)}"
        if target is not None and row["never"]:
            yield (
                f"a loss of {row['target']:g} is out of reach{of} in {row['never']:.1%} of the draws: within these "
                f"limits the law ends between {row['low']:.3f} and {row['high']:.3f} (90%) at "
                f"{format_flops(last * ABOVE)} FLOPs{drifts}"
            )
        elif target is not None and row["at_once"]:
            yield (
                f"a loss of {row['target']:g} is reached{of} by the smallest budget of the search, "
                f"{format_flops(row['smallest'])} FLOPs"
            )


def _partly_met(found: Plan, surface: LossSurface, request: PlanRequest) -> Iterator[str]:
    """A budget that caps leave unspent, and choices far below the data."""
    most = surface.cost.flops(request.limits.max_params, request.limits.max_tokens)
    if request.flops is not None and most < np.inf:
        left = request.flops - found.flops
        if float((left / request.flops).max()) > 1e-6:
            yield (
                f"the caps on parameters and tokens let {format_flops(most)} FLOPs be spent at most, and leave up to "
                f"{format_flops(float(left.max()))} FLOPs of the budget unspent"
            )
    first, smallest = float(surface.fit.runs.extent["flops"][0]), float(found.choice["flops"].min())
    if smallest < first / 10:
        yield (
            f"{format_flops(smallest)} FLOPs are less than a tenth of the smallest run's ({format_flops(first)}): the "
            "law is evaluated below its data"
        )
