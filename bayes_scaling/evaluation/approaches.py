"""Chinchilla's three approaches to the compute-optimal model size, side by side, each as posterior draws.

1. *envelope*: which model size is best at a budget, read off training curves (or off final runs, in windows of
   compute, where a table has no curves), then a line of log N in log C (see `envelope`).
2. *isoFLOP*: the minima of profiles at one budget each, and the line through them (see `isoflop`).
3. *law*: the optimum of the law that was fitted to all runs (see `allocate`).

Hoffmann et al. 2022, arXiv:2203.15556, section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.units import Quantities, format_flops, format_quantity, parse_quantities
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.envelope import Line, envelope
from bayes_scaling.evaluation.isoflop import PROFILES, WINDOW, isoflop_runs, optima, optimum, profiles
from bayes_scaling.inference.diagnostics import verdict
from bayes_scaling.inference.intervals import columns, long_table, quantiles, tails
from bayes_scaling.inference.result import Result
from bayes_scaling.laws.elementwise import log
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.sampling.progress import Report

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior


@dataclass(frozen=True, eq=False, repr=False)
class Approaches(Result):
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
    fits : dict of str to Posterior
        The fit behind each approach that has one; `bayes_scaling.plot.isoflop_profiles` draws those of profiles.
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
    lines: "dict[str, Callable[[np.ndarray], xr.DataArray]]"

    quantities: ClassVar = ("exponent", "params")

    @property
    def names(self) -> list[str]:
        """The approaches that this table allows."""
        return [str(name) for name in self.exponent["approach"].to_numpy()]

    def along(self, approach: str, flops: Quantities) -> "xr.DataArray":
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
        a = columns("a", self.exponent, prob)
        n = columns("params", self.params, prob)
        return long_table(a | {"flops": self.flops} | n, ("approach", "point"))

    def differences(self, prob: float = 0.9) -> "pd.DataFrame":
        """The exponent of each approach less that of each later one: median, interval, and whether it leaves 0 out.

        The approaches read the same runs, so their errors go together; draws are paired at random, as if they did
        not, and the intervals are rather too wide than too narrow.
        """
        # Here and below: pandas and xarray load when approaches are compared, and not on import.
        import pandas as pd

        rng = np.random.default_rng(606)
        every = {name: self.exponent.sel(approach=name).to_numpy().ravel() for name in self.names}
        flat = {name: rng.permutation(a[np.isfinite(a)]) for name, a in every.items()}
        rows = []
        for one, other in combinations(self.names, 2):
            fewest = min(len(flat[one]), len(flat[other]))
            gap = flat[one][:fewest] - flat[other][:fewest]
            low, middle, high = np.quantile(gap, tails(prob))
            rows.append((one, other, middle, low, high, low > 0 or high < 0))
        return pd.DataFrame(rows, columns=["one", "other", "difference", "lower", "upper", "disagree"])

    def sentences(self, prob: float = 0.9) -> list[str]:
        """Whether the approaches agree; then the exponent by each, and N_opt at the largest budget."""
        exponent = quantiles(self.exponent, tails(prob))
        params = quantiles(self.params.isel(point=-1), tails(prob))
        budget = format_flops(float(self.flops[-1]))
        found = [self._agreement(prob)]
        for name in self.names:
            low, a, high = exponent.sel(approach=name).to_numpy()
            fewest, n, most = map(format_quantity, params.sel(approach=name).to_numpy())
            found.append(
                f"{name}: N_opt goes as C^{a:.2f} ({100 * prob:g}%: {low:.2f} to {high:.2f}), at {budget} FLOPs "
                f"{n} parameters ({fewest} to {most})"
            )
        return found

    def _agreement(self, prob: float) -> str:
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
                f"{100 * prob:g}% interval of a difference covers 0); {spread}"
            )
        worst = max(apart, key=lambda row: abs(row["difference"]))
        more = f" (and {len(apart) - 1} more pairs differ)" if len(apart) > 1 else ""
        return (
            f"the approaches disagree: a of {worst['one']} less that of {worst['other']} is "
            f"{worst['difference']:+.3f} [{worst['lower']:+.3f}, {worst['upper']:+.3f}]{more}; {spread}"
        )


def approaches(
    fit: "Posterior",
    flops: Quantities | None = None,
    *,
    group: str | None = None,
    budgets: Quantities | None = None,
    window: float = WINDOW,
    progress: bool | Report = False,
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
    progress : bool or callable
        As for `fit`: each shape of the profiles is sampled, a minute or two in all.

    Returns
    -------
    Approaches
        With the approaches that the table allows; what it does not allow is said in ``warnings``.

    Raises
    ------
    InputError
        For a law without N and D alone, a group that is not named or not there, or a window that is not positive.
    """
    import pandas as pd
    import xarray as xr

    if not fit.law.of_n_and_d:
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
    own = group or fit.groups[0]
    runs = fit.runs.select(fit.runs.group_index == fit.groups.index(own))
    largest = float(runs.flops.max())
    wanted = np.atleast_1d(parse_quantities([largest, 100 * largest] if flops is None else flops, "flops"))

    lines: dict[str, Line] = {}
    fits: dict[str, Posterior] = {}
    warnings: list[str] = []
    try:
        lines["envelope"] = envelope(runs, fit.draws(own)["sigma"], window, fit.seed)
    except InputError as error:
        warnings.append(f"no envelope: {error}")
    else:
        if "trajectory" not in runs.table:
            warnings.append(
                "the envelope is over final runs, in windows of compute: the table has no training curves "
                "(no column trajectory)"
            )
    try:
        grouped = isoflop_runs(runs, budgets, window)
    except InputError as error:
        warnings.append(f"no isoFLOP profiles: {error}")
    else:
        for shape in PROFILES:
            name = f"isoFLOP {shape}"
            fits[name] = made = profiles(grouped, shape, fit, progress)
            warnings += [f"{name}: {sentence}" for sentence in verdict(made).failures]
            lines[name] = Line(made.posterior["a"], partial(optimum, made), optima(made, name))
    fits["law"] = fit
    lines["law"] = _of_law(fit, group, runs)

    index = xr.DataArray(list(lines), dims="approach", name="approach")
    return Approaches(
        xr.concat([_bare(line.exponent) for line in lines.values()], index).rename("a"),
        xr.DataArray(wanted, dims="point", name="flops"),
        xr.concat([_bare(line.along(wanted)) for line in lines.values()], index).rename("params"),
        pd.concat([line.points for line in lines.values()], ignore_index=True),
        fits,
        tuple(warnings),
        {name: line.along for name, line in lines.items()},
    )


def _of_law(fit: "Posterior", group: str | None, runs: "Runs") -> Line:
    """The law's own optimum; its exponent is that between the smallest and the largest run's compute."""
    import pandas as pd

    def along(flops: np.ndarray) -> "xr.DataArray":
        found = allocate(fit, flops, group=group).params
        return found.isel(group=0, drop=True) if "group" in found.dims else found

    first, last = float(runs.flops.min()), float(runs.flops.max())
    log_n = log(along(np.array([first, last])))
    exponent = (log_n.isel(point=1) - log_n.isel(point=0)) / np.log(last / first)
    return Line(exponent, along, pd.DataFrame())


def _bare(values: "xr.DataArray") -> "xr.DataArray":
    """Draws in one order of dims, without coordinates that would have to agree."""
    return values.transpose("chain", "draw", ...).drop_vars(list(values.coords))
