"""Plans that pay for inference too: why small models are trained long.

Over its life a model costs 6 N D FLOPs to train and 2 N for every token served (Sardana et al. 2023, arXiv:2401.00448).
For the same quality, or the same total, a smaller model on more data is the cheaper the more is served. All of it is
the law's own, per draw: drift would bend training and serving alike. What the choice reaches is a forecast, with drift.
"""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import Cost
from bayes_scaling.data.units import (
    Quantities,
    Quantity,
    format_flops,
    format_quantity,
    parse_quantity,
)  # fmt: skip
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import median
from bayes_scaling.laws.elementwise import Array, Computed, exp, log, maximum, minimum
from bayes_scaling.planning.frontier import AROUND, crossing, least, path, split
from bayes_scaling.planning.loss_surface import LossSurface, about, ordered, over_points
from bayes_scaling.planning.optimise import minimise, root
from bayes_scaling.planning.results.serving import Serving

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.planning.optimise import Labelled

    type Served = tuple[xr.DataArray, xr.DataArray, xr.DataArray]  # N, D, and what is saved

_LESS, _MORE = 4.0, np.log(1e15)
"""How many fewer and more tokens than the compute-optimal model another may take, in logarithms."""
_TOO_MANY = 600.0
"""Logarithm of the tokens of a model that no data bring to the quality."""


def serve(
    fit: "Posterior",
    served: Quantities,
    *,
    flops: Quantity | None = None,
    target: Quantity | None = None,
    like: tuple[Quantity, Quantity] | None = None,
    group: str | None = None,
    **inputs: Quantity,
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

    Raises
    ------
    InputError
        If not exactly one of flops, target and like is given.
    """
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    if sum(x is not None for x in (flops, target, like)) != 1:
        raise InputError(
            "give one of flops (the total), target (a loss) and like (a model's params and tokens)"
        )
    surface = LossSurface(fit, group, False, inputs)
    demand = over_points(served, "served")
    if flops is not None:
        budget = parse_quantity(flops, "flops")
        n, d, saved = _at_total(surface, budget, demand)
        question = f"The least loss for {format_flops(budget)} FLOPs of training and serving"
        why = "the total is spent, or all but spent, on serving: there is no interior optimum"
    else:
        goal, what = _goal(surface, target, like)
        n, d, saved = _at_quality(surface, goal, demand)
        question = f"The least FLOPs of training and serving for {what}"
        why = "no model of any size reaches the loss"
    params, tokens, saved, loss = map(ordered, xr.broadcast(n, d, saved, surface.loss(n, d)))
    chosen, none = (median(params), median(tokens)), float(params.isnull().mean())
    new_run = ordered(LossSurface(fit, group, None, inputs).new_run(*chosen))
    return Serving(
        question=question,
        served=demand,
        params=params.rename("params"),
        tokens=tokens.rename("tokens"),
        loss=loss.rename("loss"),
        new_run=new_run.rename("loss"),
        total=_total(surface.cost, params, tokens, demand).rename("total"),
        saved=saved.rename("saved"),
        beyond=surface.beyond(*chosen),
        quality=flops is None,
        warnings=[
            *about(surface, *chosen),
            *(
                [f"{question}: no answer in {none:.1%} of the draws ({why}); they are left out"]
                if none
                else []
            ),
        ],
    )


def _goal(
    surface: LossSurface, target: Quantity | None, like: tuple[Quantity, Quantity] | None
) -> "tuple[Labelled, str]":
    """The loss to reach, and the quality in words."""
    if like is None:
        assert target is not None
        goal = parse_quantity(target, "target")
        return goal, f"a loss of {goal:g} by the law"
    size, data = parse_quantity(like[0], "params"), parse_quantity(like[1], "tokens")
    words = f"the quality of {format_quantity(size)} parameters on {format_quantity(data)} tokens"
    return surface.loss(size, data), words


def _total(cost: Cost, params: Array, tokens: Array, served: Array) -> Computed:
    """FLOPs of training and serving: a token served costs a third of one trained on."""
    return cost.flops(params, tokens) + cost.flops(params, 1.0) / 3 * served


def _at_total(surface: LossSurface, budget: float, served: "xr.DataArray") -> "Served":
    """N, D and the loss that the training-optimal ratio would give up, for a total budget."""
    cost = surface.cost

    def data(n: Array, served: Array) -> Computed:
        return cost.tokens(budget, n) - served / 3

    def loss(log_n: np.ndarray, served: np.ndarray, *given: np.ndarray) -> Computed:
        n = exp(log_n)
        return surface.loss(n, data(n, served), *given)

    # At the largest N one token is left to train on: from there inward, so that rounding leaves as much.
    most = log(cost.params(budget, 1 + served / 3)) - 1e-9

    def left(n: np.ndarray, d: np.ndarray, served: np.ndarray, *_: np.ndarray) -> Computed:
        return budget - _total(cost, n, d, served)

    # The compute-optimal model that the total can train and serve.
    blind, _ = split(surface, crossing(left, path(surface), (served, *surface.given)))
    low, high, ends = 0.0, most, (False, False)
    if surface.departs:  # as in `frontier.split`
        low, high, ends = maximum(log(blind) - AROUND, 0.0), minimum(log(blind) + AROUND, most), (True, True)
    n = exp(minimise(loss, low, high, (served, *surface.given), closed=ends, points=129))
    d = data(n, served)
    given_up = surface.loss(blind, data(blind, served)) - surface.loss(n, d)
    return n, d, given_up


def _at_quality(surface: LossSurface, goal: "Labelled", served: "xr.DataArray") -> "Served":
    """N, D and how much more the compute-optimal model costs in total, for a loss."""
    optimal = least(surface, goal, drift=False)
    best_n, best_d = split(surface, optimal.where(optimal < np.inf))

    def excess(log_d: np.ndarray, log_n: np.ndarray, goal: np.ndarray, *given: np.ndarray) -> Computed:
        return surface.loss(exp(log_n), exp(log_d), *given) - goal

    def log_tokens(log_n: Computed, start: Computed, *rest: Computed) -> "xr.DataArray":
        """Logarithm of the least data that reach the goal; NaN where none do."""
        more = min(_MORE, 2 * AROUND) if surface.departs else _MORE
        return root(excess, start - _LESS, start + more, (log_n, *rest))

    def log_total(log_n: np.ndarray, served: np.ndarray, *rest: np.ndarray) -> Computed:
        log_d = log_tokens(log_n, *rest).fillna(_TOO_MANY).to_numpy()
        return log(_total(surface.cost, exp(log_n), exp(log_d), served))

    # Inference asks for a smaller model than training alone, never for a larger one.
    middle, rest = log(best_n), (log(best_d), goal, *surface.given)
    less, edge = (AROUND, True) if surface.departs else (9.0, False)
    log_n = minimise(log_total, middle - less, middle + 1, (served, *rest), closed=(edge, False), points=41)
    n, d = exp(log_n), exp(log_tokens(log_n, *rest))
    return n, d, _total(surface.cost, best_n, best_d, served) / _total(surface.cost, n, d, served) - 1
