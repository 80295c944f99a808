"""The compute-optimal frontier of each draw: the best N and D of a budget, and the least budget for a loss."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.data.cost import Cost
from bayes_scaling.data.units import format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.laws.elementwise import Computed, exp, log, maximum, minimum
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.planning.optimise import closed_form, minimise, root

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.planning.optimise import Labelled

BELOW, ABOVE = 1e-6, 1e12
"""How far below the smallest and above the largest budget of the data a target is looked for, as factors."""


AROUND = np.log(30.0)
"""How far from the law's own optimum that of a path is looked for, in log N."""


@dataclass(frozen=True)
class Limits:
    """What a plan may not change: a given N or D, dim ``point``, and caps; `InputError` for a contradiction."""

    params: "xr.DataArray | None" = None
    tokens: "xr.DataArray | None" = None
    max_params: float = np.inf
    max_tokens: float = np.inf

    def __post_init__(self) -> None:
        for noun, own, cap in self.each():
            noun = noun.replace("parameters", "params")
            if cap < 1:
                raise InputError(f"max_{noun} is {cap:g}: a cap below one leaves no configuration at all")
            if own is not None and float(own.max()) > cap:
                raise InputError(
                    f"{noun} {format_quantity(float(own.max()))} is above max_{noun} {format_quantity(cap)}"
                )

    def each(self) -> "Iterator[tuple[str, xr.DataArray | None, float]]":
        """Parameters and tokens: the noun, what is given, and the cap."""
        yield "parameters", self.params, self.max_params
        yield "tokens", self.tokens, self.max_tokens


FREE = Limits()
"""No limits."""


class Path(NamedTuple):
    """Best splits from far below the data to far above, along the dim ``step``: log N and log C, and C of N and D."""

    log_n: "xr.DataArray"
    log_c: "xr.DataArray"
    cost: Cost


def split(
    surface: LossSurface, flops: "Labelled", limits: Limits = FREE, *, polished: bool = True
) -> "tuple[xr.DataArray, xr.DataArray]":
    """The N and D of the least loss that a budget affords within limits, for each draw.

    The budget is spent in full unless caps on both N and D forbid it. NaN where a draw has no optimum: its loss falls
    all the way to the smallest or the largest model. Under a discrepancy, and unless it is ``polished``, a size may be
    some percent off.
    """
    # Here and below: xarray loads when there are draws, and not on import.
    import xarray as xr

    budget, cost = xr.DataArray(flops), surface.cost
    most_n, most_d = limits.max_params, limits.max_tokens
    if limits.params is not None:
        tokens = minimum(cost.tokens(budget, limits.params), most_d)
        return limits.params + 0 * tokens, tokens
    if limits.tokens is not None:
        params = minimum(cost.params(budget, limits.tokens), most_n)
        return params, limits.tokens + 0 * params
    capped = cost.params(budget, most_d) > most_n  # both caps bind before the budget is spent
    low, high = maximum(cost.params(budget, most_d), 1.0), minimum(cost.params(budget, 1.0), most_n)
    high = maximum(high, low)
    # A cap is an answer; one parameter and one token are not.
    lower, upper = low > 1, high < cost.params(budget, 1.0)
    first, last, given = log(low), log(high), (budget, *surface.given)
    if surface.closed_form:
        log_n, inside = _by_law(surface, budget, (low, high), (lower, upper))
        if surface.departs:
            # A path goes on where nobody has looked: the valley is looked for around the law's own.
            around = (log_n - AROUND).clip(first, last), (log_n + AROUND).clip(first, last)
            points = 33 if polished else 17
            log_n = minimise(
                _spent(surface), *around, given, closed=(True, True), points=points, polished=polished
            )
        log_n = log_n.where(inside)
    else:
        log_n = minimise(_spent(surface), first, last, given, closed=(lower, upper))
    params = exp(log_n).where(~capped, most_n)
    return params, minimum(cost.tokens(budget, params), most_d)


def _by_law(
    surface: LossSurface,
    budget: "xr.DataArray",
    ends: "tuple[xr.DataArray, xr.DataArray]",
    closed: "tuple[xr.DataArray, xr.DataArray]",
) -> "tuple[xr.DataArray, xr.DataArray]":
    """log N of the law's own closed form, kept between the ends, and whether that is an answer."""
    fit = surface.fit
    cost = surface.cost
    product = budget / cost.flops(fit.reference["params"], fit.reference["tokens"])
    parameters = {name: surface.posterior[name] for name in fit.law.parameters}
    best = closed_form(fit.law, parameters, product, cost.p) + np.log(fit.reference["params"])
    inside = ((exp(best) > 1) | closed[0]) & ((exp(best) < cost.params(budget, 1.0)) | closed[1])
    return best.clip(*map(log, ends)), inside


def _spent(surface: LossSurface) -> Callable[..., Computed]:
    """The loss of a budget that is spent in full, as a function of log N."""

    def loss(log_n: np.ndarray, budget: np.ndarray, *given: np.ndarray) -> Computed:
        n = exp(log_n)
        return surface.loss(n, surface.cost.tokens(budget, n), *given)

    return loss


def path(surface: LossSurface, limits: Limits = FREE) -> Path:
    """The best splits of budgets from far below the data to far above."""
    import xarray as xr

    first, last = surface.fit.runs.extent["flops"]
    first, last = first * BELOW, last * ABOVE
    count = (
        int(np.ceil(np.log10(last / first) * (5 if surface.closed_form and not surface.departs else 1))) + 1
    )
    flops = xr.DataArray(np.exp(np.linspace(np.log(first), np.log(last), count)), dims="step")
    # Of a path between budgets a decade apart the loss counts, which is flat at the best size.
    n, d = split(surface, flops, limits, polished=False)
    return Path(log(n), log(surface.cost.flops(n, d)), surface.cost)


def least(
    surface: LossSurface,
    target: "Labelled",
    limits: Limits = FREE,
    *,
    along: Path | None = None,
    drift: bool = True,
) -> "xr.DataArray":
    """The least budget at which the law, with its drift or without, reaches a loss; inf where none does."""
    loss = surface.drifted if drift else surface.loss

    def excess(n: np.ndarray, d: np.ndarray, target: np.ndarray, *given: np.ndarray) -> Computed:
        return loss(n, d, *given) - target

    return crossing(excess, along or path(surface, limits), (target, *surface.given))


def crossing(excess: Callable[..., Computed], along: Path, given: "Sequence[Labelled]") -> "xr.DataArray":
    """The budget of the path at which ``excess(N, D, *given)`` is first no longer positive; inf where it stays so.

    The first, because drift can make loss rise again far beyond the data.
    """
    log_n, log_c, cost = along
    reached = excess(exp(log_n), cost.tokens(exp(log_c), exp(log_n)), *given) <= 0
    k = reached.argmax("step")
    ends = [x.isel(step=i) for x in (log_n, log_c) for i in ((k - 1).clip(0), k)]

    def between(share: np.ndarray, *at: np.ndarray) -> Computed:
        n_a, n_b, c_a, c_b, *given = at
        n, c = exp(n_a + share * (n_b - n_a)), exp(c_a + share * (c_b - c_a))
        return excess(n, cost.tokens(c, n), *given)

    # Where the path begins beyond it, its beginning is the answer.
    share = root(between, 0.0, 1.0, (*ends, *given)).fillna(1.0)
    return exp(ends[2] + share * (ends[3] - ends[2])).where(reached.any("step"), np.inf)


def matched(
    surface: LossSurface, *, params: "Labelled | None" = None, tokens: "Labelled | None" = None
) -> "xr.DataArray":
    """The D for which a given N is the compute-optimal one, or the N for a given D; NaN where there is none."""
    step = 1e-3

    def rise(n: np.ndarray, d: np.ndarray, *given: np.ndarray) -> Computed:
        """How much more loss a slightly larger model on less data has than a smaller one on more."""
        up, down = np.exp(step), np.exp(-step)
        return surface.loss(n * up, d * down, *given) - surface.loss(n * down, d * up, *given)

    def at_params(log_d: np.ndarray, params: np.ndarray, *given: np.ndarray) -> Computed:
        return rise(params, exp(log_d), *given)

    def at_tokens(log_n: np.ndarray, tokens: np.ndarray, *given: np.ndarray) -> Computed:
        return rise(exp(log_n), tokens, *given)

    known, function = (tokens, at_tokens) if params is None else (params, at_params)
    assert known is not None
    return exp(root(function, 0.0, np.log(1e30), (known, *surface.given)))
