"""Chinchilla's three approaches to the compute-optimal model size, side by side, each as posterior draws.

1. *envelope*: which model size is best at a budget, read off training curves (or off final runs, in windows of
   compute, where a table has no curves), then a straight line of log N in log C (see `envelope`).
2. *isoFLOP*: the minima of profiles at one budget each, and the line through them (see `isoflop`).
3. *law*: the optimum of the law that was fitted to all runs (see `allocate`).

Hoffmann et al. 2022, arXiv:2203.15556, section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity, parse_quantities
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.envelope import envelope
from bayes_scaling.evaluation.isoflop import PROFILES, WINDOW, isoflop_runs, optima, optimum, profiles
from bayes_scaling.inference.diagnostics import diagnose
from bayes_scaling.planning.allocate import allocate

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Approaches:
    """N_opt against compute by several approaches to one table.

    Attributes
    ----------
    exponent : xarray.DataArray
        a of N_opt ~ C^a, dims (approach, chain, draw); for a law without a fixed exponent, that between the smallest
        and the largest run's compute.
    flops : xarray.DataArray
        The budgets asked for, in FLOPs, dim ``point``.
    params : xarray.DataArray
        N_opt there, dims (approach, chain, draw, point).
    points : DataFrame
        What the lines of the first two approaches rest on: approach, flops, params (N_opt of one budget, or the best
        run of a stretch of compute), the bounds of its 90% interval, and how many runs it rests on.
    fits : dict of str to Fit
        The fit behind each approach that has one.
    warnings : tuple of str
        What an approach could not use, one sentence each.
    lines : dict of str to callable
        Of each approach, from budgets in FLOPs to draws of N_opt there; see `along`.
    """

    exponent: "xr.DataArray"
    flops: "xr.DataArray"
    params: "xr.DataArray"
    points: "pd.DataFrame"
    fits: "dict[str, Posterior]"
    warnings: tuple[str, ...]
    lines: "dict[str, Callable[[Any], xr.DataArray]]"

    @property
    def names(self) -> list[str]:
        """The approaches that this table allows."""
        return [str(name) for name in self.exponent["approach"].to_numpy()]

    def along(self, approach: str, flops: Any) -> "xr.DataArray":
        """N_opt by one approach at other budgets, dims (chain, draw, point).

        Raises
        ------
        InputError
            If the table does not allow this approach.
        """
        if approach not in self.lines:
            raise InputError(f"no approach {approach!r} to this table; there are {', '.join(self.lines)}")
        return _bare(self.lines[approach](np.atleast_1d(parse_quantities(flops, "flops"))))

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per approach and budget: a and N_opt, each with its interval."""
        import pandas as pd

        tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
        percent = f"{100 * prob:g}%"
        rows = []
        for name in self.names:
            a = self.exponent.sel(approach=name).quantile(tails, ("chain", "draw")).to_numpy()
            for i, budget in enumerate(self.flops.to_numpy()):
                n = self.params.sel(approach=name).isel(point=i).quantile(tails, ("chain", "draw")).to_numpy()
                rows.append(
                    {
                        "approach": name,
                        **dict(
                            zip(("a", f"a {percent} lower", f"a {percent} upper"), a[[1, 0, 2]], strict=True)
                        ),
                        "flops": float(budget),
                        **dict(
                            zip(
                                ("params", f"params {percent} lower", f"params {percent} upper"),
                                n[[1, 0, 2]],
                                strict=True,
                            )
                        ),
                    }
                )
        return pd.DataFrame(rows)

    def differences(self, prob: float = 0.9) -> "pd.DataFrame":
        """The exponent of each approach less that of each later one: median, interval, and whether it leaves 0 out.

        The approaches read the same runs, so their errors go together; draws are paired at random, as if they did
        not, and the intervals are rather too wide than too narrow.
        """
        import pandas as pd

        rng = np.random.default_rng(606)
        every = {name: self.exponent.sel(approach=name).to_numpy().ravel() for name in self.names}
        flat = {name: rng.permutation(a[np.isfinite(a)]) for name, a in every.items()}
        rows = []
        for i, one in enumerate(self.names):
            for other in self.names[i + 1 :]:
                fewest = min(len(flat[one]), len(flat[other]))
                gap = flat[one][:fewest] - flat[other][:fewest]
                low, middle, high = np.quantile(gap, [(1 - prob) / 2, 0.5, (1 + prob) / 2])
                rows.append(
                    {
                        "one": one,
                        "other": other,
                        "difference": middle,
                        "lower": low,
                        "upper": high,
                        "disagree": low > 0 or high < 0,
                    }
                )
        return pd.DataFrame(rows)

    def verdict(self, prob: float = 0.9) -> str:
        """Whether the approaches agree, in a sentence."""
        if len(self.names) == 1:
            return f"only the approach {self.names[0]!r} can use this table"
        medians = self.params.isel(point=-1).median(("chain", "draw")).to_numpy()
        low, high = map(format_quantity, (medians.min(), medians.max()))
        budget = format_flops(float(self.flops[-1]))
        spread = f"at {budget} FLOPs their medians lie between {low} and {high} parameters"
        apart = [row for row in self.differences(prob).to_dict("records") if row["disagree"]]
        if not apart:
            return (
                "the approaches agree on the exponent (every "
                f"{prob:.0%} interval of a difference holds 0); {spread}"
            )
        worst = max(apart, key=lambda row: abs(row["difference"]))
        more = f" (and {len(apart) - 1} more pairs differ)" if len(apart) > 1 else ""
        return (
            f"the approaches disagree: a of {worst['one']} less that of {worst['other']} is "
            f"{worst['difference']:+.3f} [{worst['lower']:+.3f}, {worst['upper']:+.3f}]{more}; {spread}"
        )

    def __str__(self) -> str:
        return f"{self.verdict()}\n\n{self.table().to_string(index=False, float_format=lambda x: f'{x:.4g}')}"


def approaches(
    fit: "Posterior",
    flops: Any = None,
    *,
    group: str | None = None,
    budgets: Any = None,
    window: float = WINDOW,
) -> Approaches:
    """Compute-optimal model sizes by the envelope, by isoFLOP profiles, and by the law of a fit.

    Parameters
    ----------
    fit : Posterior
        A law of N and D, fitted to the table; it is the third approach, and its noise serves the first.
    flops : number, string such as "1e24", or sequence of them, optional
        Budgets at which N_opt is wanted. Default: the largest run's compute, and a hundred times that.
    group : str, optional
        Which group's runs and optimum; needed where there is more than one.
    budgets : sequence of numbers or strings, optional
        The isoFLOP budgets of the table, in FLOPs. Default: wherever enough runs lie within one window.
    window : float
        Runs within so many powers of ten of compute count as one budget.

    Returns
    -------
    Approaches
        With the approaches that the table allows; what it does not allow is said in ``doubts``.

    Raises
    ------
    InputError
        For a law without N and D alone, a group that is not named or not there, or a window that is not positive.
    """
    import pandas as pd
    import xarray as xr

    if set(fit.law.columns) != {"params", "tokens"}:
        raise InputError(
            f"the three approaches split compute into params and tokens; law {fit.law.name!r} takes "
            f"{', '.join(fit.law.columns)}"
        )
    if not 0 < window < np.inf:
        raise InputError(f"window is {window!r}; expected a positive number of powers of ten, as 0.1")
    if group is None and len(fit.groups) > 1:
        raise InputError(f"name one group: group=...; the groups are {', '.join(fit.groups)}")
    if group is not None and group not in fit.groups:
        raise InputError(f"no group {group!r} in this fit; its groups are {', '.join(fit.groups)}")
    runs = fit.runs.select(fit.runs.group_index == fit.groups.index(group or fit.groups[0]))
    largest = float(runs.flops.max())
    wanted = np.atleast_1d(parse_quantities([largest, 100 * largest] if flops is None else flops, "flops"))

    own = group or fit.groups[0]
    exponents, lines, points, fits, doubts = {}, {}, [], {}, list[str]()
    try:
        exponents["envelope"], lines["envelope"], at = envelope(
            runs, fit.draws(own)["sigma"], window, fit.seed
        )
    except InputError as error:
        doubts.append(f"no envelope: {error}")
    else:
        points.append(at)
        if "trajectory" not in runs.table:
            doubts.append(
                "the envelope is over final runs, in windows of compute: the table has no training curves "
                "(no column trajectory)"
            )
    try:
        grouped = isoflop_runs(runs, budgets, window)
    except InputError as error:
        doubts.append(f"no isoFLOP profiles: {error}")
    else:
        for shape in PROFILES:
            name = f"isoFLOP {shape}"
            fits[name] = made = profiles(grouped, shape, fit)
            doubts += [f"{name}: {sentence}" for sentence in diagnose(made).failures]
            exponents[name], lines[name] = made.posterior["a"], partial(optimum, made)
            points.append(optima(made, name))
    fits["law"] = fit
    span = [float(runs.flops.min()), largest]
    ends = np.log(_alone(allocate(fit, span, group=group).params))
    exponents["law"] = (ends.isel(point=1) - ends.isel(point=0)) / np.log(span[1] / span[0])
    lines["law"] = lambda flops: _alone(allocate(fit, flops, group=group).params)

    index = xr.DataArray(list(exponents), dims="approach", name="approach")
    return Approaches(
        xr.concat([_bare(a) for a in exponents.values()], index).rename("a"),
        xr.DataArray(wanted, dims="point", name="flops"),
        xr.concat([_bare(line(wanted)) for line in lines.values()], index).rename("params"),
        pd.concat(points, ignore_index=True) if points else pd.DataFrame(),
        fits,
        tuple(doubts),
        lines,
    )


def _alone(values: Any) -> Any:
    """Without the dim of groups that share an optimum."""
    return values.isel(group=0, drop=True) if "group" in values.dims else values


def _bare(values: "xr.DataArray") -> "xr.DataArray":
    """Draws in one order of dims, without coordinates that would have to agree."""
    return values.transpose("chain", "draw", ...).drop_vars(list(values.coords))
