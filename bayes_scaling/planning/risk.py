"""What could go wrong with a budget: the chance of a target, the loss given up by a choice, how flat the valley is.

Regret is the law's loss at (N, D) less that of each draw's own optimum for the same compute, per draw. Drift is left
out of it: what bends the truth away from the law beyond the data bends both alike. Probabilities of a target hold all:
the posterior, the drift and the noise of a new run. Expected loss and its quantile hold the drift and no run's noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity, parse_quantities, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import long_table
from bayes_scaling.planning import wording
from bayes_scaling.planning.compute.rules_of_thumb import kaplan_split, rule_of_thumb
from bayes_scaling.planning.loss_surface import Outlook, bounds
from bayes_scaling.planning.wording import WITHIN

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.drift import Drift

_CANDIDATES = 161
_REACH = np.log(1000.0)
"""The valley's ends are looked for up to a thousandfold from each draw's optimum."""


@dataclass(frozen=True, eq=False)
class Risk:
    """Choices of N and D for some budgets, and what each may cost.

    Attributes
    ----------
    flops : xarray.DataArray
        The budgets, dim ``point``.
    choices : xarray.Dataset
        params and tokens of each choice, dims (choice, [group,] point): "median N_opt", "least expected loss", "least
        90% quantile" (of the loss: the risk-averse one), "20 tokens per parameter", "Kaplan et al. 2020" and, where it
        was given, "as given".
    regret : xarray.DataArray
        Loss given up against each draw's own optimum, in nats per token, dims (chain, draw, choice, [group,] point).
    expected, quantile : xarray.DataArray
        Mean and upper quantile of the loss with its drift, dims (choice, [group,] point).
    curve : xarray.Dataset
        Along candidates for N (dim ``candidate``): params, tokens, the expected loss, the 90% interval of the regret,
        and the powers of ten beyond the data.
    valley : xarray.DataArray
        The smallest and the largest N within 0.1% of a draw's least loss, dims (chain, draw, [group,] point, end).
    safe : xarray.Dataset
        The smallest and the largest N whose expected loss is within 0.1% of the least, dims ([group,] point).
    level : float
        Of the quantile.
    target : float or None
    prob_target : xarray.DataArray or None
        Probability that a new run of a choice reaches the target, dims (choice, [group,] point).
    warnings : list of str
    """

    flops: "xr.DataArray"
    choices: "xr.Dataset"
    regret: "xr.DataArray"
    expected: "xr.DataArray"
    quantile: "xr.DataArray"
    curve: "xr.Dataset"
    valley: "xr.DataArray"
    safe: "xr.Dataset"
    level: float
    target: float | None
    prob_target: "xr.DataArray | None"
    warnings: list[str]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per budget (and group) and choice: N, D, regret with its interval, expected loss, quantile."""
        import pandas as pd

        percent = f"{100 * prob:g}%"
        interval = bounds(self.regret, prob)
        frames = []
        for name in self.choices["choice"].to_numpy():
            at = {"choice": name}
            columns: dict[str, Any] = {
                "flops": self.flops,
                "params": self.choices["params"].sel(at, drop=True),
                "tokens": self.choices["tokens"].sel(at, drop=True),
                "regret": interval.sel(**at, bound="median", drop=True),
                f"regret {percent} lower": interval.sel(**at, bound="lower", drop=True),
                f"regret {percent} upper": interval.sel(**at, bound="upper", drop=True),
                "expected regret": self.regret.mean(("chain", "draw")).sel(at, drop=True),
                "expected loss": self.expected.sel(at, drop=True),
                f"loss {100 * self.level:g}% quantile": self.quantile.sel(at, drop=True),
            }
            if self.prob_target is not None:
                columns["prob target"] = self.prob_target.sel(at, drop=True)
            frame = long_table(columns)
            frame.insert(int("group" in frame), "choice", name)
            frames.append(frame)
        merged = pd.concat(frames, ignore_index=True)
        keys = [*(["group"] if "group" in merged else []), "flops"]
        return merged.sort_values(keys, kind="stable", ignore_index=True)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """What the table says, for each budget and group."""
        return list(wording.of_risk(self, prob))

    def __str__(self) -> str:
        return "\n".join([*self.sentences(), *(f"Note: {doubt}." for doubt in self.warnings)])


def risk(
    fit: "Posterior",
    flops: Any = None,
    *,
    params: Any = None,
    tokens: Any = None,
    target: Any = None,
    level: float = 0.9,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Any,
) -> Risk:
    """What a choice of N and D may cost.

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

    Returns
    -------
    Risk

    Raises
    ------
    InputError
        Without a budget, or with params and tokens that do not spend it.
    """
    import xarray as xr

    if not 0 < level < 1:
        raise InputError(f"the level of a quantile lies between 0 and 1; got {level!r}")
    look = Outlook(fit, group, drift, inputs)
    budget, given = _budgets(flops, params, tokens)
    own, _ = look.split(budget)
    least = look.law(own, budget / (6 * own))
    least, own = xr.broadcast(least, own)
    wanted = None if target is None else parse_quantity(target, "target")

    ends = own.min(("chain", "draw")), own.max(("chain", "draw"))
    doubts = []
    share = float(own.isnull().mean())
    if share:
        doubts.append(
            f"{share:.1%} of the draws have no interior optimum (the loss falls all the way to the smallest or the "
            "largest model); they are left out"
        )
    rules = {
        "20 tokens per parameter": rule_of_thumb(budget)[0],
        "Kaplan et al. 2020": kaplan_split(budget)[0],
    }
    middle = bounds(own).sel(bound="median", drop=True)
    low: Any = ends[0]
    high: Any = ends[1]
    for rule in rules.values():
        low, high = np.minimum(low, rule), np.maximum(high, rule)
    low, high = np.log(low) - 1, np.log(high) + 1
    steps = xr.DataArray(np.linspace(0, 1, _CANDIDATES), dims="candidate")
    n: Any = np.exp(low + (high - low) * steps)

    def mean(n: Any) -> Any:
        return look.drifted(n, budget / (6 * n)).where(own.notnull()).mean(("chain", "draw"))

    def high_quantile(n: Any) -> Any:
        loss = look.drifted(n, budget / (6 * n)).where(own.notnull())
        return loss.quantile(level, ("chain", "draw"), skipna=True).drop_vars("quantile")

    expected = mean(n)
    far = xr.DataArray(look.beyond(n, budget / (6 * n)))
    lost = bounds(look.law(n, budget / (6 * n)) - least)
    picks = {
        "median N_opt": middle,
        "least expected loss": _lowest(mean, n),
        f"least {100 * level:g}% quantile": _lowest(high_quantile, n),
        **rules,
        **({} if given is None else {"as given": given}),
    }
    broad = [x.broadcast_like(middle) for x in picks.values()]
    chosen = xr.concat(broad, dim=xr.DataArray(list(picks), dims="choice", name="choice"))
    chosen = chosen.drop_vars("candidate", errors="ignore")
    data = budget / (6 * chosen)
    leading = [d for d in ("chain", "draw", "choice", "group", "point") if d in {*chosen.dims, *least.dims}]
    regret = (look.law(chosen, data) - least).transpose(*leading)
    within = expected <= (1 + WITHIN) * expected.min("candidate")
    return Risk(
        flops=budget,
        choices=xr.Dataset({"params": chosen, "tokens": data}),
        regret=regret.rename("regret"),
        expected=mean(chosen),
        quantile=high_quantile(chosen),
        curve=xr.Dataset(
            {"params": n, "tokens": budget / (6 * n), "expected": expected, "regret": lost, "beyond": far}
        ),
        valley=_valley(look, budget, own, least),
        safe=xr.Dataset(
            {"lower": n.where(within).min("candidate"), "upper": n.where(within).max("candidate")}
        ),
        level=level,
        target=wanted,
        prob_target=None if wanted is None else look.prob_below(wanted, chosen, data),
        warnings=doubts,
    )


def chances(
    fit: "Posterior",
    target: Any,
    flops: Any,
    *,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Any,
) -> "xr.DataArray":
    """Probability that a new run reaches a loss along a budget, each spent on its median N_opt.

    Returns
    -------
    xarray.DataArray
        Dims ([group,] point), with the budgets as the coordinate ``flops``.
    """
    import xarray as xr

    look = Outlook(fit, group, drift, inputs)
    budget = xr.DataArray(np.atleast_1d(parse_quantities(flops, "flops")).astype(float), dims="point")
    n = bounds(look.split(budget)[0]).sel(bound="median", drop=True)
    found = look.prob_below(parse_quantity(target, "target"), n, budget / (6 * n))
    return found.assign_coords(flops=budget).transpose(..., "point").rename("probability")


def _budgets(flops: Any, params: Any, tokens: Any) -> tuple[Any, Any]:
    """The budgets over ``point``, and the N that was given, if one was."""
    import xarray as xr

    n = None if params is None else parse_quantity(params, "params")
    d = None if tokens is None else parse_quantity(tokens, "tokens")
    if flops is None:
        if n is None or d is None:
            raise InputError("a risk needs a budget: flops, or params and tokens")
        return xr.DataArray([6 * n * d], dims="point"), xr.DataArray([n], dims="point")
    values = np.atleast_1d(parse_quantities(flops, "flops")).astype(float)
    budget = xr.DataArray(values, dims="point")
    if n is None and d is None:
        return budget, None
    if n is None:
        assert d is not None
        return budget, budget / (6 * d)
    if d is not None and not np.allclose(6 * n * d, values):
        raise InputError(
            f"{format_quantity(n)} parameters on {format_quantity(d)} tokens take {format_flops(6 * n * d)} FLOPs, not "
            f"{', '.join(map(format_flops, values))}; give two of flops, params and tokens"
        )
    return budget, n + 0 * budget


def _lowest(loss: Callable[[Any], Any], n: Any) -> "xr.DataArray":
    """Of candidates for N that with the lowest loss, and then of as many between its neighbours."""
    import xarray as xr

    for _ in range(2):
        k = loss(n).fillna(np.inf).argmin("candidate")
        best = n.isel(candidate=k)
        size = n.sizes["candidate"]
        low, high = (np.log(n.isel(candidate=(k + i).clip(0, size - 1))) for i in (-1, 1))
        n = np.exp(low + (high - low) * xr.DataArray(np.linspace(0, 1, size), dims="candidate"))
    return best


def _valley(look: Outlook, budget: Any, own: Any, least: Any) -> "xr.DataArray":
    """The ends of each draw's valley floor: where the law's loss has risen by 0.1%, found by bisection."""
    import xarray as xr

    ends = []
    for sign in (-1.0, 1.0):
        low, high = xr.zeros_like(own), xr.zeros_like(own) + _REACH
        for _ in range(30):
            middle = (low + high) / 2
            n = own * np.exp(sign * middle)
            inside = look.law(n, budget / (6 * n)) <= (1 + WITHIN) * least
            low, high = middle.where(inside, low), high.where(inside, middle)
        ends.append(own * np.exp(sign * low))
    return xr.concat(ends, dim=xr.DataArray(["lower", "upper"], dims="end", name="end"))
