"""Law families compared by what they predict for configurations left out and for larger runs, and mixed by weight."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.backtest import backtest
from bayes_scaling.evaluation.loo import BAD_K, least_difference, leave_one_out
from bayes_scaling.evaluation.mixture import about_the_floor, mixed
from bayes_scaling.evaluation.stacking import stacking_weights
from bayes_scaling.forecast.forecast import Forecast
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.result import Result
from bayes_scaling.model.drift import Drift
from bayes_scaling.sampling.progress import Report

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

FEWEST = 3
"""Clusters of runs that leave-one-out needs at least."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Fits of several laws to one table, ranked.

    Attributes
    ----------
    fits : dict of str to Posterior
    ranking : DataFrame
        Indexed by law, by falling elpd: elpd (expected log predictive density of a configuration left out, summed),
        its standard error, the difference to the best and its standard error, the effective number of parameters
        p, the stacking weight, the worst Pareto-k, how many configurations were refitted exactly; and "ahead",
        the mean log predictive density of held-out larger runs (nats a run; NaN where none can be held out).
    pointwise : DataFrame
        The log predictive density of each configuration (rows) under each law (columns).
    pareto_k : DataFrame
        Likewise, before refits.
    ahead : DataFrame
        The mean log predictive density of the larger runs that each rolling cut holds out (rows, as `backtest`
        makes them, drift included) under each law (columns); no rows where the table allows no cut.
    """

    fits: "dict[str, Posterior]"
    ranking: "pd.DataFrame"
    pointwise: "pd.DataFrame"
    pareto_k: "pd.DataFrame"
    ahead: "pd.DataFrame"

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """The ranking; standard errors stand for intervals, so that ``prob`` changes nothing."""
        return self.ranking.copy()

    def sentences(self, prob: float = 0.9) -> list[str]:
        """Which law interpolates best and which forecasts larger runs best; the weights of a mixture."""
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in self.weights().items())
        stacked, share = max(self.weights("loo").items(), key=lambda item: item[1])
        return [
            self._winner(),
            f"weights in the mixture, {self.mixed_by}: {weights}; stacking by leave-one-out (LOO weight) would give "
            f"{stacked} {share:.2f}, but it rewards the fit to these runs",
            *about_the_floor(self.fits, self.weights(), self.alike, prob),
        ]

    @property
    def alike(self) -> list[str]:
        """The best law by leave-one-out, and those that it is not told apart from."""
        near = self.ranking["elpd_diff"].abs() < self.ranking["dse"].map(least_difference)
        return [str(name) for name in self.ranking.index[near]]

    @property
    def mixed_by(self) -> str:
        """What the weights of the mixture go by, in words."""
        return "by held-out larger runs" if len(self.ahead) else "equal for want of larger runs to hold out"

    def _winner(self) -> str:
        near = str(self.ranking.index[0])
        if not len(self.ahead):
            return f"{near} predicts configurations left out best; no larger runs were held out"
        far = str(self.ranking["ahead"].idxmax())
        cuts = ", ".join(map(str, self.ahead.index))
        if near == far:
            return f"{near} predicts both configurations left out and held-out larger runs best (cuts {cuts})"
        gain = float(self.ranking["ahead"][far]) - float(self.ranking["ahead"][near])
        return (
            f"{near} predicts configurations left out best, but {far} held-out larger runs (by {gain:.2f} nats a "
            f"run, cuts {cuts}): beyond the data go by {far} or by the mixture"
        )

    @property
    def warnings(self) -> list[str]:
        """Ranks within their error, and importance sampling that cannot be trusted."""
        return [*self.close, *self.untrusted]

    @property
    def close(self) -> list[str]:
        """The warning that the best two cannot be told apart, if so."""
        best, second = self.ranking.index[:2]
        gap, se = abs(self.ranking["elpd_diff"].iloc[1]), self.ranking["dse"].iloc[1]
        if gap >= least_difference(se):
            return []
        return [
            f"leave-one-out does not tell {best} from {second}: they differ by {gap:.1f} (se {se:.1f}) of elpd"
        ]

    @property
    def untrusted(self) -> list[str]:
        """Configurations that importance sampling cannot be trusted with, and that were not refitted."""
        bad = (self.pareto_k > BAD_K).sum() - self.ranking["refits"]
        laws = ", ".join(f"{count:.0f} under {name}" for name, count in bad.items() if count > 0)
        if not laws:
            return []
        return [
            f"configurations out of {len(self.pareto_k)} that weigh too much for importance sampling (Pareto-k above "
            f"{BAD_K:g}): {laws}; leave them out by refits, refit=True"
        ]

    def weights(self, by: str | None = None) -> dict[str, float]:
        """The weight of each law in a mixture; they sum to 1.

        Parameters
        ----------
        by : {"ahead", "equal", "loo"}, optional
            "ahead": in proportion to exp(sum over cuts of the mean log density of the larger runs): the runs
            beyond one cut share what the law misses there, so that a cut counts as one observation. "equal".
            "loo": stacking of PSIS-LOO, which rewards the fit to these runs. Default: "ahead" where the table
            allows cuts, else "equal".
        """
        names = list(map(str, self.ranking.index))
        by = by or ("ahead" if len(self.ahead) else "equal")
        if by == "ahead" and len(self.ahead):
            total = self.ahead[names].sum().to_numpy()
            share = np.exp(total - total.max())
        elif by == "equal":
            share = np.ones(len(names))
        elif by == "loo":
            share = self.ranking["weight"].to_numpy()
        elif by == "ahead":
            raise InputError(
                "no cut of this table leaves runs to fit and larger ones to forecast; mix by 'equal' or 'loo'"
            )
        else:
            raise InputError(f"laws are mixed by {by!r}; expected 'ahead', 'equal' or 'loo'")
        return {name: float(weight) for name, weight in zip(names, share / share.sum(), strict=True)}

    def predict(
        self,
        params: Quantities | None = None,
        tokens: Quantities | None = None,
        *,
        group: str | None = None,
        by: str | None = None,
        drift: Drift | float | bool | None = None,
        **inputs: Quantities,
    ) -> Forecast:
        """A forecast that mixes the laws' draws by their `weights`; other arguments as for `predict`."""
        forecasts = {
            name: predict(fit, params, tokens, group=group, drift=drift, **inputs)
            for name, fit in self.fits.items()
        }
        share, seeds = self.weights(by), [fit.seed for fit in self.fits.values()]

        def of_all(what: str) -> "xr.DataArray":
            draws = mixed({name: getattr(f, what) for name, f in forecasts.items()}, share, seeds)
            return draws.transpose(..., "point")

        return replace(
            next(iter(forecasts.values())),
            mean=of_all("mean"), drift=of_all("drift"), new_run=of_all("new_run"),
        )  # fmt: skip


def compare(
    fits: "Mapping[str, Posterior]",
    *,
    refit: bool = True,
    ahead: bool = True,
    progress: bool | Report = False,
) -> Comparison:
    """Rank laws by PSIS-LOO over configurations, beside how they forecast larger runs held out.

    A configuration with all its replicates is left out at once. Where Pareto-k says that importance sampling
    cannot be trusted, the configuration is left out in truth and the law refitted.

    Parameters
    ----------
    fits : mapping of str to Posterior
        Fits of the same table.
    refit : bool
        Refit where Pareto-k is above 0.7.
    ahead : bool
        Fit each law below rolling cuts too, and score its forecasts of the larger runs.
    progress : bool or callable
        As for `fit`.

    Raises
    ------
    InputError
        For fewer than two fits, fits of different tables, or densities that cannot be compared.
    """
    # pandas loads when there is a table to make, and not on import.
    import pandas as pd

    _same_runs(fits)
    loo = {name: leave_one_out(fit, name, refit=refit, progress=progress) for name, fit in fits.items()}
    elpd = pd.DataFrame({name: found.log_density for name, found in loo.items()})
    pareto_k = pd.DataFrame({name: found.pareto_k for name, found in loo.items()})
    forecasts = pd.DataFrame(
        {name: _ahead(fit, progress) if ahead else pd.Series(dtype=float) for name, fit in fits.items()}
    ).dropna()
    total = elpd.sum().sort_values(ascending=False)
    best = elpd[total.index[0]]
    root = np.sqrt(len(elpd))
    ranking = pd.DataFrame(
        {
            "elpd": total,
            "se": elpd.std(ddof=1) * root,
            "elpd_diff": total - best.sum(),
            "dse": elpd.sub(best, axis=0).std(ddof=1) * root,
            "p": pd.Series({name: found.p for name, found in loo.items()}),
            "weight": pd.Series(stacking_weights(elpd.to_numpy()), index=elpd.columns),
            "worst_k": pareto_k.max(skipna=False),
            "refits": pd.Series({name: found.refits for name, found in loo.items()}),
            "ahead": forecasts.mean(),
        }
    ).loc[total.index]
    return Comparison(dict(fits), ranking.rename_axis("law"), elpd, pareto_k, forecasts)


def _ahead(fit: "Posterior", progress: bool | Report) -> "pd.Series[float]":
    """The mean log predictive density of the larger runs beyond each rolling cut; empty where none can be made."""
    import pandas as pd

    settings = fit.sampler.settings
    try:
        found = backtest(
            fit.runs,
            fit.law,
            baselines=False,
            pooling=fit.pooling,
            noise=fit.noise,
            progress=progress,
            **settings,
        )
    except InputError:
        return pd.Series(dtype=float)
    return found.runs.groupby("cut")["log_density"].mean()


def _same_runs(fits: "Mapping[str, Posterior]") -> None:
    if len(fits) < 2:
        raise InputError("compare needs at least two fits of the same table")
    names = list(fits)
    first = fits[names[0]].runs
    for name in names[1:]:
        other = fits[name].runs
        if not first.same_as(other):
            raise InputError(
                f"{names[0]} and {name} were fitted to different runs; compare needs the same table"
            )
        if not np.array_equal(first.clusters, other.clusters):
            raise InputError(
                f"{names[0]} and {name} see different configurations in the same runs, because their groups "
                "differ; compare needs the same ones to leave out"
            )
        _same_measure(names[0], fits[names[0]], name, fits[name])
    clusters = int(fits[names[0]].noise.clusters(first).max()) + 1
    if clusters < FEWEST:
        raise InputError(
            f"{first.name} under noise {fits[names[0]].noise.name!r} is {clusters} cluster{'s'[: clusters > 1]} of "
            f"runs that err together, and leave-one-out needs {FEWEST} to leave one out of; compare how the laws "
            "forecast larger runs instead: bs.backtest(runs, law) for each"
        )


def _same_measure(name: str, fit: "Posterior", other_name: str, other: "Posterior") -> None:
    """`InputError` where two fits give densities of different things."""
    if fit.law.response != other.law.response:
        raise InputError(
            f"{name} gives the density of a {fit.law.response} and {other_name} of a {other.law.response}, whose "
            "sums do not measure the same; compare laws of one response"
        )
    if fit.law.response == "share":
        one, two = (x.noise.data(x.runs, {})["items"] for x in (fit, other))
        if not np.array_equal(one, two):
            raise InputError(f"{name} and {other_name} count test items differently; fit both to one table")
    if not np.array_equal(fit.noise.clusters(fit.runs), other.noise.clusters(other.runs)):
        kinds = " and ".join(
            f"{'whole groups' if x.noise.by_group else 'single configurations'} under noise {x.noise.name!r} ({key})"
            for key, x in ((name, fit), (other_name, other))
        )
        raise InputError(f"leave-one-out would leave out {kinds}; fit both with one kind of noise")
