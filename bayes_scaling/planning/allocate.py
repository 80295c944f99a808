"""Compute-optimal N and D for any law, one answer per posterior draw."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, parse_quantities
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.inference.intervals import long_table
from bayes_scaling.laws.base import Law

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

_GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True, eq=False)
class Allocation:
    """Posterior draws of the compute-optimal model and data for some budgets.

    Attributes
    ----------
    flops : xarray.DataArray
        The budgets C = 6 N D in FLOPs, dim ``point``.
    params, tokens : xarray.DataArray
        The optimal N and D of each draw, dims (chain, draw, [group,] point); NaN where a draw has no interior
        optimum.
    loss : xarray.DataArray
        The law's loss there, in nats per token; same dims.
    decades_beyond : xarray.DataArray
        How many powers of ten the budget lies outside of the data, dim point.
    """

    flops: "xr.DataArray"
    params: "xr.DataArray"
    tokens: "xr.DataArray"
    loss: "xr.DataArray"
    decades_beyond: "xr.DataArray"

    @property
    def tokens_per_param(self) -> "xr.DataArray":
        """D / N of each draw."""
        return self.tokens / self.params

    @property
    def interior(self) -> "xr.DataArray":
        """Share of the draws that have an optimum inside 1 <= N <= C/6, dims ([group,] point)."""
        return self.params.notnull().mean(("chain", "draw"))

    @property
    def warnings(self) -> list[str]:
        """What to know before believing these numbers, one sentence each."""
        sentences = []
        share = self.interior
        for i, budget in enumerate(self.flops.to_numpy()):
            worst = float(share.isel(point=i).min())
            if worst < 1:
                sentences.append(
                    f"at {format_flops(budget)} FLOPs, {1 - worst:.1%} of the draws have no interior optimum "
                    "(the loss falls all the way to the smallest or the largest model); they are left out"
                )
        return sentences

    def interval(self, what: str, prob: float = 0.9) -> "xr.DataArray":
        """Equal-tailed interval of params, tokens, tokens_per_param or loss; dims ([group,] point, bound)."""
        if what not in ("params", "tokens", "tokens_per_param", "loss"):
            raise InputError(f"unknown quantity {what!r}; expected params, tokens, tokens_per_param or loss")
        tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
        with warnings.catch_warnings():
            # Where no draw has an optimum there is no interval either: NaN, and a sentence in `doubts`.
            warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
            quantiles = getattr(self, what).quantile(tails, dim=("chain", "draw"), skipna=True)
        named = quantiles.rename(quantile="bound").assign_coords(bound=["lower", "median", "upper"])
        return named.transpose(..., "bound")

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per budget (and group): median and interval of N, D, D/N and the loss."""
        percent = f"{100 * prob:g}%"
        columns: dict[str, Any] = {"flops": self.flops}
        for what in ("params", "tokens", "tokens_per_param", "loss"):
            bounds = self.interval(what, prob)
            columns[what] = bounds.sel(bound="median", drop=True)
            columns[f"{what} {percent} lower"] = bounds.sel(bound="lower", drop=True)
            columns[f"{what} {percent} upper"] = bounds.sel(bound="upper", drop=True)
        columns["decades beyond (flops)"] = self.decades_beyond
        columns["interior"] = self.interior
        return long_table(columns)


def allocate(fit: "Posterior", flops: Any, *, group: str | None = None, **inputs: Any) -> Allocation:
    """Compute-optimal N and D, as posterior draws.

    For each draw the law is minimised along N D = C/6: in closed form where the law names its additive power
    terms (Hoffmann et al. 2022, equation 4), else by a one-dimensional search over log N between 1 and C/6.

    Parameters
    ----------
    fit : Posterior
    flops : number, string such as "1e24", or sequence of them
        Training budgets C in FLOPs.
    group : str, optional
        As for `predict`.
    **inputs
        The law's inputs beside N and D, by column name, such as ``unique_tokens="100B"``: one value, or one for
        each budget.

    Raises
    ------
    InputError
        If the law has no N and D to split a budget into, or one of its other inputs is not given.
    """
    import xarray as xr

    law = fit.law
    if not law.allocates:
        raise InputError(
            f"law {law.name!r} takes {', '.join(law.columns)}: "
            "a budget cannot be split into params and tokens"
        )
    budgets = xr.DataArray(
        np.atleast_1d(parse_quantities(flops, "flops")).astype(float), dims="point", name="flops"
    )
    loss_at = _along_n_and_d(fit, inputs, budgets)
    draws = fit.draws(group)
    parameters = {name: draws[name] for name in law.parameters}
    # The product N D in multiples of the reference, and N = 1, D = 1 on that scale.
    product = budgets / (6 * fit.reference["params"] * fit.reference["tokens"])
    smallest, largest = 1 / fit.reference["params"], product * fit.reference["tokens"]
    if law.power_terms and len(law.columns) == 2:
        log_n = closed_form(law, parameters, product)
    else:
        log_n = search(loss_at, parameters, product, smallest, largest)
    log_n = log_n.where((log_n > np.log(smallest)) & (log_n < np.log(largest)))
    n = np.exp(log_n)
    # Groups may share the optimum and still differ in loss: one set of dims for all three.
    n, loss = xr.broadcast(n, loss_at(n, product / n, **parameters))
    leading = [dim for dim in ("chain", "draw", "group", "point") if dim in loss.dims]
    params = n.transpose(*leading) * fit.reference["params"]
    tokens = (budgets / (6 * params)).transpose(*leading)
    beyond = xr.DataArray(decades_beyond(fit.runs, "flops", budgets.to_numpy()), dims="point")
    return Allocation(
        budgets,
        params.rename("params"),
        tokens.rename("tokens"),
        loss.transpose(*leading).rename("loss"),
        beyond,
    )


def _along_n_and_d(fit: "Posterior", given: dict[str, Any], budgets: "xr.DataArray") -> Callable[..., Any]:
    """The law as a function of N and D alone, in multiples of the reference, its other inputs held."""
    law = fit.law
    others = [column for column in law.columns if column not in ("params", "tokens")]
    for name in given:
        if name not in others:
            takes = (
                f"beside params and tokens it takes {', '.join(others)}" if others else "it takes no other"
            )
            raise InputError(f"law {law.name!r} has no input {name!r} to hold; {takes}")
    held = {}
    for name in others:
        if given.get(name) is None:
            raise InputError(f"law {law.name!r} needs {name!r} to split a budget; give {name}=...")
        values = np.atleast_1d(parse_quantities(given[name], name))
        if values.size not in (1, budgets.size):
            raise InputError(
                f"{name} has {values.size} values for {budgets.size} budgets; give one, or as many"
            )
        held[name] = budgets.copy(data=np.broadcast_to(values, budgets.shape)) / fit.reference[name]

    def loss(n: Any, d: Any, **parameters: Any) -> Any:
        at = {"params": n, "tokens": d, **held}
        return law(*(at[column] for column in law.columns), **parameters)

    return loss


def closed_form(law: Law, parameters: dict[str, Any], product: Any) -> Any:
    """log N at the minimum of A N^-alpha + B D^-beta along N D = product, in multiples of the reference."""
    assert law.power_terms is not None
    A, alpha, B, beta = law.power_terms(**parameters)
    return (np.log(alpha * A) - np.log(beta * B) + beta * np.log(product)) / (alpha + beta)


def search(
    law: Callable[..., Any],
    parameters: dict[str, Any],
    product: Any,
    smallest: Any,
    largest: Any,
    points: int = 65,
) -> Any:
    """log N at the minimum of any law along N D = product, all draws at once; NaN without an interior optimum."""

    def loss(log_n: Any) -> Any:
        n = np.exp(log_n)
        return law(n, product / n, **parameters)

    return minimise(loss, np.log(smallest), np.log(largest), points)


def minimise(
    objective: Callable[[Any], Any],
    low: Any,
    high: Any,
    points: int = 65,
    *,
    closed: Any = (False, False),
    sections: int = 40,
) -> Any:
    """The x between low and high at which an objective is smallest, all draws at once: a grid, then golden sections.

    NaN where the smallest value of the grid lies on an end, unless that end is ``closed`` (lower, upper): there it is
    the answer.
    """
    import xarray as xr

    low, high = xr.broadcast(xr.DataArray(low), xr.DataArray(high))
    step = (high - low) / (points - 1)
    best = objective(low)
    at = xr.zeros_like(best)
    for i in range(1, points):
        value = objective(low + i * step)
        at = xr.where(value < best, i, at)
        best = np.minimum(best, value)
    interior = ((at > 0) | closed[0]) & ((at < points - 1) | closed[1])
    a, b = low + np.maximum(at - 1, 0) * step, low + np.minimum(at + 1, points - 1) * step
    # 40 sections shrink the bracket by 4e-9: below that the loss itself has no digits left.
    for _ in range(sections):
        c, d = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
        left = objective(c) < objective(d)
        a, b = a.where(left, c), b.where(~left, d)
    return ((a + b) / 2).where(interior)
