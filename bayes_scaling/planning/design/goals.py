"""What a batch of runs is to make known: N_opt, a loss, or which of two groups is better."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantity, format_flops, format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.predict import predict
from bayes_scaling.laws.elementwise import log
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.planning.results.allocation import Allocation

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Goal:
    """What is to be known.

    Attributes
    ----------
    words : str
    draws : ndarray of float64, shape (chains * draws,)
        In log loss or log parameters.
    regret : float
        Where it is N_opt: the expected relative loss given up by training its median now. NaN otherwise.
    """

    words: str
    draws: np.ndarray
    regret: float = float("nan")


def groups_of_goal(fit: "Posterior", group: str | None, groups: Sequence[str] | None, two: bool) -> list[str]:
    """The groups that the goal is about; `InputError` where they are not named, or not there."""
    known = ", ".join(fit.groups)
    if two:
        asked = list(groups or ())
        if len(asked) != 2 or asked[0] == asked[1]:
            raise InputError(f"name the two groups to tell apart, of {known}: groups=(one, other)")
    elif group is None and len(fit.groups) > 1:
        raise InputError(f"name one group: group=...; the groups are {known}")
    else:
        asked = [group or fit.groups[0]]
    for name in asked:
        if name not in fit.groups:
            raise InputError(f"no group {name!r} in this fit; its groups are {known}")
    return asked


def optimum(fit: "Posterior", group: str, flops: Quantity) -> Goal:
    """N_opt at a budget."""
    best = _allocated(fit, group, flops)
    log_n, budget = log(_single(best.params)), best.flops.item()
    middle = float(np.exp(log_n.median()))
    surface = LossSurface(fit, group, False)
    trained = surface.law(middle, surface.cost.tokens(budget, middle))
    regret = float((trained / _single(best.loss) - 1).mean())
    return Goal(f"log N_opt at {format_flops(budget)} FLOPs", log_n.to_numpy().ravel(), regret)


def loss(fit: "Posterior", group: str, at: tuple[Quantity, Quantity]) -> Goal:
    """The loss at some params and tokens, drift included."""
    try:
        params, tokens = at
    except (TypeError, ValueError):
        raise InputError(f"loss_at is {at!r}; expected params and tokens, as ('70B', '2T')") from None
    forecast = predict(fit, params, tokens, group=group)
    n, d = (format_quantity(float(forecast.inputs[c][0])) for c in ("params", "tokens"))
    return Goal(f"log loss at {n} and {d} tokens", log(_single(forecast.drifted)).to_numpy().ravel())


def winner(fit: "Posterior", groups: Sequence[str], flops: Quantity) -> Goal:
    """The difference in log loss between two groups at a budget, each at its own optimum."""
    first, second = (_allocated(fit, name, flops) for name in groups)
    words = f"the difference in log loss between {groups[0]} and {groups[1]} at "
    gap = log(_single(first.loss)) - log(_single(second.loss))
    return Goal(f"{words}{format_flops(first.flops.item())} FLOPs", gap.to_numpy().ravel())


def _allocated(fit: "Posterior", group: str, flops: Quantity) -> Allocation:
    """The optimum of every draw; `InputError` where one has none."""
    found = allocate(fit, flops, group=group)
    if float(found.interior.min()) < 1:
        raise InputError(
            f"some draws of {group!r} have no interior optimum at {format_flops(found.flops.item())} FLOPs; choose "
            "another budget"
        )
    return found


def _single(values: "xr.DataArray") -> "xr.DataArray":
    """One point of one group."""
    values = values.isel(point=0)
    return values.isel(group=0, drop=True) if "group" in values.dims else values
