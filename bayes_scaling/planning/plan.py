"""From real constraints to what should be trained, what it will reach, and what stands in the way.

A `Plan` holds two things. What each posterior draw would do (``flops``, ``params``, ``tokens``): their spread is what
the runs leave open. And one choice, the median of these, with the loss that it will reach under every draw: the law's
mean, the same with its drift, and one new run.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import long_table
from bayes_scaling.planning import wording
from bayes_scaling.planning.compute.hardware import Hardware
from bayes_scaling.planning.constraints import question, request
from bayes_scaling.planning.loss_surface import Limits, Outlook, bounds

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.drift import Drift

QUANTITIES = ("flops", "params", "tokens", "tokens_per_param")
KINDS = ("mean", "drifted", "new_run")


@dataclass(frozen=True, eq=False)
class Plan:
    """What to train under some constraints, as posterior draws, and one choice with its forecast.

    Attributes
    ----------
    questions : list of str
        What each point asked, in words.
    flops, params, tokens : xarray.DataArray
        What each draw would do, dims (chain, draw, [group,] point). Infinite where no budget reaches the target; NaN
        where a draw has no optimum.
    choice : xarray.Dataset
        params, tokens and flops of one plan: the medians, dims ([group,] point). Where the budget is uncertain the
        model is chosen before it is known, and its tokens and flops keep their draws.
    forecast : xarray.Dataset
        The loss of the choice under each draw, dims (chain, draw, [group,] point): ``mean`` (the law), ``drifted``
        (with its drift beyond the data) and ``new_run`` (with the noise of a run too).
    beyond : xarray.DataArray
        Powers of ten of the choice beyond the data, in compute, N or D, dims ([group,] point).
    target : float array or None
        The loss asked for, of each point.
    by_law : xarray.DataArray or None
        Where a loss was asked for and no budget: the least compute by the law alone, without its drift; dims as flops.
    warnings : list of str
        Why a request cannot be met, or only in part, and what the answer assumes; one sentence each.
    """

    questions: list[str]
    flops: "xr.DataArray"
    params: "xr.DataArray"
    tokens: "xr.DataArray"
    choice: "xr.Dataset"
    forecast: "xr.Dataset"
    beyond: "xr.DataArray"
    target: np.ndarray | None
    by_law: "xr.DataArray | None"
    warnings: list[str]

    @property
    def tokens_per_param(self) -> "xr.DataArray":
        """D / N of each draw; NaN where it has no finite answer."""
        return (self.tokens / self.params).where(self.flops < np.inf)

    @property
    def answered(self) -> "xr.DataArray":
        """Share of the draws with an answer, dims ([group,] point)."""
        return (self.flops < np.inf).mean(("chain", "draw"))

    @property
    def prob_target(self) -> "xr.DataArray":
        """Probability that a run of the choice reaches the target, dims ([group,] point)."""
        if self.target is None:
            raise InputError("this plan has no target loss; ask for one: plan(..., target=2.0)")
        run = self.forecast["new_run"]
        return (run <= self._target).mean(("chain", "draw"))

    @property
    def _target(self) -> Any:
        import xarray as xr

        return xr.DataArray(self.target, dims="point")

    def gain(self, of: int = -1, over: int = 0) -> "xr.DataArray":
        """Loss that one point saves over another, drift included, paired by draw: dims (chain, draw, [group])."""
        loss = self.forecast["drifted"]
        return loss.isel(point=over, drop=True) - loss.isel(point=of, drop=True)

    def interval(self, what: str, prob: float = 0.9) -> "xr.DataArray":
        """Equal-tailed interval of a quantity of the plan or of its forecast; dims ([group,] point, bound)."""
        if what not in (*QUANTITIES, *KINDS):
            raise InputError(f"unknown quantity {what!r}; expected {', '.join((*QUANTITIES, *KINDS))}")
        return bounds(self.forecast[what] if what in KINDS else getattr(self, what), prob)

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per question (and group): the choice, medians and intervals of the draws, and the forecast."""
        import xarray as xr

        percent = f"{100 * prob:g}%"
        columns: dict[str, Any] = {"question": xr.DataArray(self.questions, dims="point")}
        for what in (*QUANTITIES, *KINDS):
            interval = self.interval(what, prob)
            columns[what] = interval.sel(bound="median", drop=True)
            columns[f"{what} {percent} lower"] = interval.sel(bound="lower", drop=True)
            columns[f"{what} {percent} upper"] = interval.sel(bound="upper", drop=True)
        if self.by_law is not None:
            columns["flops by law"] = bounds(self.by_law, prob).sel(bound="median", drop=True)
        if self.target is not None:
            columns["target"] = self._target
            columns["prob target"] = self.prob_target
        columns["decades beyond"] = self.beyond
        columns["answered"] = self.answered
        return long_table(columns)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """The answers, one sentence per question and group."""
        return list(wording.of_plan(self, prob))

    def __str__(self) -> str:
        return "\n".join([*self.sentences(), *(f"Note: {doubt}." for doubt in self.warnings)])


def plan(
    fit: "Posterior",
    flops: Any = None,
    *,
    hardware: Hardware | None = None,
    params: Any = None,
    tokens: Any = None,
    max_params: Any = None,
    max_tokens: Any = None,
    unique_tokens: Any = None,
    target: Any = None,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Any,
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
        is no error: the plan's ``doubts`` say why.
    """
    import xarray as xr

    doubts: list[str] = []
    if unique_tokens is not None:
        if "unique_tokens" in fit.law.columns:
            inputs["unique_tokens"] = unique_tokens
        else:
            caps = [parse_quantity(x, "tokens at hand") for x in (unique_tokens, max_tokens) if x is not None]
            max_tokens = min(caps)
            doubts.append(
                f"law {fit.law.name!r} does not know what repeated tokens are worth, so each is used once at most; "
                "fit the law 'muennighoff' to runs with repeated data for more"
            )
    look = Outlook(fit, group, drift, inputs)
    if look.fresh:
        doubts.append("no token is taken to be repeated; give unique_tokens=... where they are limited")
    asked = request(flops, hardware, params, tokens, max_params, max_tokens, target)
    point = {k: v for k, v in asked.items() if isinstance(v, xr.DataArray)}
    limits = Limits(*(asked[name] for name in ("params", "tokens", "max_params", "max_tokens")))
    budget, wanted = asked["flops"], asked["target"]
    by_law = None
    if hardware is not None:
        rng = np.random.default_rng([fit.seed, 606])
        shape = look.slope.shape
        budget = (
            look.slope.copy(data=hardware.draws(rng, shape)).rename("flops").expand_dims(point=1, axis=-1)
        )
    if budget is not None:
        n, d = look.split(budget, limits)
        d = d.where(n.notnull())
    elif wanted is not None:
        path = look.path(limits)
        c, by_law = (look.least(wanted, limits, path=path, drift=drifts) for drifts in (True, False))
        n, d = look.split(c.where(np.isfinite(c), 1e30), limits)
        out = c == np.inf
        # Out of reach: more than any budget. What was given stays as it is.
        n = n.where(~out, np.inf) if limits.params is None else n
        d = d.where(~out, np.inf) if limits.tokens is None else d
    elif limits.params is not None and limits.tokens is not None:
        n, d = xr.broadcast(limits.params, limits.tokens)
    elif limits.params is not None:
        n, d = limits.params, look.matched(params=limits.params)
    else:
        n, d = look.matched(tokens=limits.tokens), limits.tokens
    everything = look.law(1e9, 1e9) if not point else look.law(1e9, 1e9) + 0 * next(iter(point.values()))
    n, d, like = xr.broadcast(n, d, everything if budget is None else everything + 0 * budget)
    leading = [dim for dim in ("chain", "draw", "group", "point") if dim in like.dims]
    n, d = n.transpose(*leading), d.transpose(*leading)
    spent = 6 * n * d

    def middle(x: Any) -> Any:
        return bounds(x).sel(bound="median", drop=True)

    chosen = middle(n)
    chosen = chosen.where(np.isfinite(chosen))
    if budget is not None:
        # The model is chosen before an uncertain budget is known; what is left of it goes into tokens.
        given = Limits(params=chosen, max_tokens=limits.max_tokens)
        data = limits.tokens + 0 * chosen if limits.tokens is not None else look.split(budget, given)[1]
    elif wanted is not None:
        data = limits.tokens + 0 * chosen if limits.tokens is not None else middle(spent) / (6 * chosen)
        data = data.where(np.isfinite(data))
    else:
        data = middle(d)
    if "draw" in data.dims:
        data = data.transpose(*leading, missing_dims="ignore")
    choice = xr.Dataset({"params": chosen, "tokens": data, "flops": 6 * chosen * data})
    forecast = xr.Dataset(
        {
            kind: getattr(look, name)(chosen, data).transpose(*leading, missing_dims="ignore")
            for kind, name in (("mean", "law"), ("drifted", "drifted"), ("new_run", "new_run"))
        }
    )
    beyond = xr.DataArray(look.beyond(chosen, data)).where(chosen.notnull())
    if "draw" in beyond.dims:
        beyond = beyond.median(("chain", "draw"))
    size = n.sizes["point"]
    found = Plan(
        [question(asked, hardware, i) for i in range(size)],
        spent.rename("flops"), n.rename("params"), d.rename("tokens"),
        choice, forecast, beyond,
        None if wanted is None else np.broadcast_to(wanted.to_numpy(), size),
        None if by_law is None else by_law.transpose(*leading).rename("flops"),
        doubts,
    )  # fmt: skip
    doubts += wording.doubts_of_plan(found, look, budget, wanted, limits)
    return found
