"""Plans that pay for inference too: why small models are trained long.

Over its life a model costs 6 N D FLOPs to train and 2 N for every token served (Sardana et al. 2023, arXiv:2401.00448).
For the same quality, or the same total, a smaller model on more data is the cheaper the more is served. All of it is
the law's own, per draw: drift would bend training and serving alike. `predict` gives the forecast of a choice.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity, parse_quantities, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import long_table
from bayes_scaling.planning import wording
from bayes_scaling.planning.allocate import minimise
from bayes_scaling.planning.loss_surface import Limits, Outlook, bounds

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

_FURTHER = np.log(1e15)
"""How many more tokens than the compute-optimal model a smaller one may take, in logarithms."""


@dataclass(frozen=True, eq=False)
class Serving:
    """The cheapest model for some demand, as posterior draws.

    Attributes
    ----------
    question : str
    served : xarray.DataArray
        Tokens served over the model's life, dim ``point``.
    params, tokens : xarray.DataArray
        The N and D of each draw, dims (chain, draw, [group,] point); NaN where a draw has no answer.
    loss : xarray.DataArray
        The law's loss there.
    total : xarray.DataArray
        FLOPs of training and serving.
    saved : xarray.DataArray
        Share of the total that the plan without inference in mind (the compute-optimal model of the same quality)
        would cost more: its total over this one's, less 1. At a given total: the loss that it would give up, in nats.
    beyond : xarray.DataArray
        Powers of ten of the medians' N and D beyond the data, dims ([group,] point).
    quality : bool
        Whether the quality was given, rather than the total.
    warnings : list of str
    """

    question: str
    served: "xr.DataArray"
    params: "xr.DataArray"
    tokens: "xr.DataArray"
    loss: "xr.DataArray"
    total: "xr.DataArray"
    saved: "xr.DataArray"
    beyond: "xr.DataArray"
    quality: bool
    warnings: list[str]

    @property
    def tokens_per_param(self) -> "xr.DataArray":
        """D / N of each draw."""
        return self.tokens / self.params

    def interval(self, what: str, prob: float = 0.9) -> "xr.DataArray":
        """Equal-tailed interval of params, tokens, tokens_per_param, loss, total or saved; dims (..., bound)."""
        names = ("params", "tokens", "tokens_per_param", "loss", "total", "saved")
        if what not in names:
            raise InputError(f"unknown quantity {what!r}; expected {', '.join(names)}")
        return bounds(getattr(self, what), prob)

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per demand (and group): medians and intervals."""
        percent = f"{100 * prob:g}%"
        columns: dict[str, Any] = {"served": self.served}
        for what in ("params", "tokens", "tokens_per_param", "loss", "total", "saved"):
            interval = self.interval(what, prob)
            columns[what] = interval.sel(bound="median", drop=True)
            columns[f"{what} {percent} lower"] = interval.sel(bound="lower", drop=True)
            columns[f"{what} {percent} upper"] = interval.sel(bound="upper", drop=True)
        columns["answered"] = self.params.notnull().mean(("chain", "draw"))
        return long_table(columns)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """One sentence per demand and group."""
        return list(wording.of_serving(self, prob))

    def __str__(self) -> str:
        return "\n".join([f"{self.question}:", *self.sentences(), *(f"Note: {d}." for d in self.warnings)])


def serve(
    fit: "Posterior",
    served: Any,
    *,
    flops: Any = None,
    target: Any = None,
    like: tuple[Any, Any] | None = None,
    group: str | None = None,
    **inputs: Any,
) -> Serving:
    """The best model when inference is paid for too.

    Parameters
    ----------
    fit : Posterior
    served : number, str or sequence of them
        Tokens served over the model's life, prompts included.
    flops : number or str, optional
        The total of training and serving: the least loss that it affords.
    target : number, optional
        A loss of the law (without drift) instead: the least total that reaches it.
    like : (params, tokens), optional
        The quality of this model instead of a loss; each draw has its own, so that E cancels.
    group, **inputs
        As for `plan`.

    Returns
    -------
    Serving

    Raises
    ------
    InputError
        If not exactly one of flops, target and like is given.
    """
    import xarray as xr

    if sum(x is not None for x in (flops, target, like)) != 1:
        raise InputError(
            "give one of flops (the total), target (a loss) and like (a model's params and tokens)"
        )
    look = Outlook(fit, group, False, inputs)
    demand = xr.DataArray(
        np.atleast_1d(parse_quantities(served, "served")).astype(float), dims="point", name="served"
    )
    doubts: list[str] = []
    if flops is not None:
        budget = parse_quantity(flops, "flops")
        n, d, saved = _at_total(look, budget, demand)
        question = f"The least loss for {format_flops(budget)} FLOPs of training and serving"
    else:
        if like is not None:
            size, data = parse_quantity(like[0], "params"), parse_quantity(like[1], "tokens")
            goal: Any = look.law(size, data)
            what = f"the quality of {format_quantity(size)} parameters on {format_quantity(data)} tokens"
        else:
            goal = parse_quantity(target, "target")
            what = f"a loss of {goal:g}"
        n, d, saved = _at_quality(look, goal, demand)
        question = f"The least FLOPs of training and serving for {what}"
    n, d, saved, loss = xr.broadcast(n, d, saved, look.law(n, d))
    leading = [x for x in ("chain", "draw", "group", "point") if x in loss.dims]
    none = float(n.isnull().mean())
    if none:
        why = (
            "the total is spent, or all but spent, on serving: there is no interior optimum"
            if flops is not None
            else "no model of any size reaches the loss"
        )
        doubts.append(f"{question}: no answer in {none:.1%} of the draws ({why}); they are left out")
    params, tokens = n.transpose(*leading), d.transpose(*leading)
    return Serving(
        question,
        demand,
        params.rename("params"),
        tokens.rename("tokens"),
        loss.transpose(*leading).rename("loss"),
        (6 * params * tokens + 2 * params * demand).rename("total"),
        saved.transpose(*leading).rename("saved"),
        xr.DataArray(look.beyond(*(bounds(x).sel(bound="median", drop=True) for x in (params, tokens)))),
        flops is None,
        doubts,
    )


def _at_total(look: Outlook, budget: float, served: Any) -> tuple[Any, Any, Any]:
    """N, D and the loss that the training-optimal ratio would give up, for a total budget."""
    # What is left for training must buy at least one token.
    most = budget / (6 + 2 * served)

    def data(n: Any) -> Any:
        return (budget / n - 2 * served) / 6

    def loss(log_n: Any) -> Any:
        n = np.exp(log_n)
        return look.law(n, data(n))

    # From the ends inward: at the largest N not one token is left to train on.
    log_n = minimise(loss, 0.0 * most, np.log(most) - 1e-9, points=129)
    n = np.exp(log_n)
    d = data(n)
    blind = _blind(look, budget, served)
    return n, d, look.law(blind, data(blind)) - look.law(n, d)


def _blind(look: Outlook, budget: float, served: Any) -> Any:
    """The model that is compute-optimal for its own training, and that the total can train and serve."""
    low, high = 0.0 * look.slope, 0.0 * look.slope + np.log(budget)
    low, high = low + 0 * served, high + 0 * served
    for _ in range(60):
        middle = (low + high) / 2
        n, d = look.split(np.exp(middle))
        affordable = 6 * n * d + 2 * n * served <= budget
        low, high = middle.where(affordable, low), high.where(affordable, middle)
    return look.split(np.exp(low))[0]


def _at_quality(look: Outlook, goal: Any, served: Any) -> tuple[Any, Any, Any]:
    """N, D and how much more the compute-optimal model costs in total, for a loss."""
    import xarray as xr

    optimal = look.least(goal, Limits())
    best_n, best_d = look.split(optimal.where(np.isfinite(optimal)))

    start: Any = np.log(best_d)

    def data(n: Any) -> Any:
        """The least D that reaches the goal with N, by bisection; inf where none does."""
        low, high = start - 4, start + _FURTHER
        for _ in range(36):
            middle = (low + high) / 2
            enough = look.law(n, np.exp(middle)) <= goal
            low, high = low.where(enough, middle), middle.where(enough, high)
        return np.exp(high).where(look.law(n, np.exp(high)) <= goal, np.inf)

    # Inference asks for a smaller model than training alone, never for a larger one. Demands one by one bound the
    # memory of all candidates at once, which saves most of the time.
    each = []
    for demand in served.to_numpy():

        def total(log_n: Any, demand: float = demand) -> Any:
            n = np.exp(log_n)
            return 6 * n * data(n) + 2 * n * demand

        each.append(_finest(total, np.log(best_n) - 9, np.log(best_n) + 1))
    n = np.exp(xr.concat(each, dim="point"))
    d = data(n)
    blind = 6 * best_n * best_d + 2 * best_n * served
    return n, d, blind / (6 * n * d + 2 * n * served) - 1


def _finest(objective: Any, low: Any, high: Any, rounds: tuple[int, ...] = (41, 17, 17, 17, 17)) -> Any:
    """The x of an objective's minimum, by grids each inside the last; NaN where it lies on an end of the first."""
    import xarray as xr

    inside: Any = True
    for points in rounds:
        grid = low + (high - low) * xr.DataArray(np.linspace(0, 1, points), dims="candidate")
        k = objective(grid).fillna(np.inf).argmin("candidate")
        inside = inside & (k > 0) & (k < points - 1) if points == rounds[0] else inside
        low, high = (grid.isel(candidate=(k + i).clip(0, points - 1)) for i in (-1, 1))
    return ((low + high) / 2).where(inside)
