"""What a user meets: `fit`, `Fit` and the verbs that start from a table. The only module that knows every folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from bayes_scaling.evaluation import approaches as approaches_
from bayes_scaling.evaluation import backtest as backtest_
from bayes_scaling.evaluation import compare_pooling as compare_pooling_
from bayes_scaling.forecast import predict as predict_
from bayes_scaling.inference import diagnostics, netcdf
from bayes_scaling.inference import sample_many as sample_many_
from bayes_scaling.inference import summary as summary_
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.sample_posterior import sample_posterior
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.laws.base import DEFAULT, Law
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.build import Pooling
from bayes_scaling.model.drift import Drift
from bayes_scaling.model.noise import Noise
from bayes_scaling.planning import allocate as allocate_
from bayes_scaling.planning import contrast as contrast_
from bayes_scaling.planning import exponents as exponents_
from bayes_scaling.planning import plan as plan_
from bayes_scaling.planning import risk as risk_
from bayes_scaling.planning import serving
from bayes_scaling.planning.design import design as design_
from bayes_scaling.sampling.progress import Report
from bayes_scaling.sampling.settings import Sampler, SamplerSettings

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from distributed import Client


class Fit(Posterior):
    """A law fitted to a table of runs: a `Posterior` whose verbs are methods.

    Each method is one line that hands the posterior to the function of that name, which documents it.
    """

    def summary(self, prob: float = 0.9) -> "pd.DataFrame":
        """Median and interval of every quantity, R-hat and ESS; see `bayes_scaling.inference.summary`."""
        return summary_.summary(self, prob)

    def diagnose(self) -> diagnostics.Diagnosis:
        """Convergence and identifiability, in sentences; see `bayes_scaling.inference.diagnostics`."""
        return diagnostics.diagnose(self)

    def predict(
        self,
        params: Any = None,
        tokens: Any = None,
        *,
        group: str | None = None,
        drift: Drift | float | bool | None = None,
        **inputs: Any,
    ) -> predict_.Forecast:
        """The loss at other inputs; see `bayes_scaling.forecast.predict`."""
        return predict_.predict(self, params, tokens, group=group, drift=drift, **inputs)

    def allocate(self, flops: Any, *, group: str | None = None, **inputs: Any) -> allocate_.Allocation:
        """Compute-optimal N and D; see `bayes_scaling.planning.allocate`."""
        return allocate_.allocate(self, flops, group=group, **inputs)

    def approaches(self, flops: Any = None, **options: Any) -> approaches_.Approaches:
        """N_opt by Chinchilla's three approaches; see `bayes_scaling.evaluation.approaches`."""
        return approaches_.approaches(self, flops, **options)

    def design(self, budget: Any, **goal: Any) -> design_.Design:
        """Which runs to train next; see `bayes_scaling.planning.design`."""
        return design_.design(self, budget, **goal)

    def plan(self, flops: Any = None, **constraints: Any) -> plan_.Plan:
        """What to train under real constraints; see `bayes_scaling.planning.plan`."""
        return plan_.plan(self, flops, **constraints)

    def risk(self, flops: Any = None, **choice: Any) -> risk_.Risk:
        """What a choice of N and D may cost; see `bayes_scaling.planning.risk`."""
        return risk_.risk(self, flops, **choice)

    def chances(self, target: Any, flops: Any, **options: Any) -> "xr.DataArray":
        """The probability of a target loss along a budget; see `bayes_scaling.planning.risk`."""
        return risk_.chances(self, target, flops, **options)

    def serve(self, served: Any, **demand: Any) -> serving.Serving:
        """The best model when inference is paid for too; see `bayes_scaling.planning.serving`."""
        return serving.serve(self, served, **demand)

    def contrast(self, flops: Any, **options: Any) -> contrast_.Contrast:
        """Groups against groups at some budgets; see `bayes_scaling.planning.contrast`."""
        return contrast_.contrast(self, flops, **options)

    def compare_pooling(
        self, *, refit: bool = True, progress: bool | Report = False, **settings: Unpack[SamplerSettings]
    ) -> compare_pooling_.PoolingComparison:
        """Which parameters differ between groups; see `bayes_scaling.evaluation.compare_pooling`."""
        sampler = replace(self.sampler, **settings)
        return compare_pooling_.compare_pooling(
            self.runs, self.law, noise=self.noise, refit=refit, progress=progress, sampler=sampler
        )

    def exponents(self, params: Any = None, tokens: Any = None, **options: Any) -> exponents_.Exponents:
        """What the literature reads off exponents; see `bayes_scaling.planning.exponents`."""
        return exponents_.exponents(self, params, tokens, **options)

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Writes the fit to one netCDF file, whole or not at all; see `bayes_scaling.inference.netcdf`."""
        return netcdf.save_posterior(self, path, force=force)


def _fit_of(posterior: Posterior) -> Fit:
    return Fit(posterior.law, posterior.runs, posterior.noise, posterior.pooling, posterior.tree)


def fit(
    runs: Any,
    law: str | Law = DEFAULT,
    *,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    progress: bool | Report = False,
    **settings: Unpack[SamplerSettings],
) -> Fit:
    """Fit a scaling law to a table of training runs.

    Parameters
    ----------
    runs : Runs, DataFrame or path
        Anything that `load_runs` takes.
    law : str or Law
        A family of the catalogue (``bayes_scaling.LAWS``), by name; ``"m4:flops"`` reads its input from the
        column flops.
    group : str, optional
        The column that names each run's group (corpus, architecture, recipe). Default: the column ``group``
        where the table has one.
    pooling : {"partial", "complete", "none"} or mapping of parameter name to one of them, optional
        How groups share parameters. Default: partial for all.
    noise : {"constant", "curve", "flops", "params", "tokens", "undertuned"} or Noise, optional
        How log loss scatters around the law: independently; together along a curve (`Discrepancy`, for laws of
        one input); with a sigma that changes with that column; or further above the law than below it.
    priors : mapping of parameter name to Prior, optional
        Replaces the law's priors for these parameters.
    progress : bool or callable
        Show a progress bar on stderr, or call ``progress(phase, done, total)``.
    **settings
        Fields of `Sampler`: draws, chains, max_warmup, seed, parallel.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        For a table, law, pooling or noise that cannot be used.

    Warns
    -----
    DoubtfulFitWarning
        If the posterior did not converge.
    """
    spec = make_spec(
        runs, law, group=group, pooling=pooling, noise=noise, priors=priors, sampler=Sampler(**settings)
    )
    return _fit_of(sample_posterior(spec, progress))


def open_fit(path: str | Path) -> Fit:
    """Opens a fit saved by `Fit.save`; errors as for `bayes_scaling.inference.netcdf.open_posterior`."""
    return _fit_of(netcdf.open_posterior(path))


def fit_many(
    tables: Mapping[str, Any] | Sequence[str | Path],
    law: str | Law = DEFAULT,
    *,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    folder: str | Path | None = None,
    client: "Client | None" = None,
    at_once: int | None = None,
    progress: bool | Report = False,
    **settings: Unpack[SamplerSettings],
) -> Iterator[sample_many_.FitOutcome]:
    """Fit a law to many tables, together and resumable; see `bayes_scaling.inference.sample_many`.

    ``**settings`` are fields of `Sampler`, as for `fit`.
    """
    outcomes = sample_many_.sample_many(
        tables,
        law,
        group=group,
        pooling=pooling,
        noise=noise,
        priors=priors,
        sampler=Sampler(**settings),
        folder=folder,
        client=client,
        at_once=at_once,
        progress=progress,
    )
    return (replace(o, fit=_fit_of(o.fit)) if o.fit is not None else o for o in outcomes)


def backtest(
    runs: Any,
    law: str | Law = DEFAULT,
    *,
    splits: str | Mapping[str, Any] = "rolling",
    holdout_above: float | str | None = None,
    drift: Drift | float | bool | None = None,
    baselines: bool = True,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    folder: str | Path | None = None,
    client: "Client | None" = None,
    at_once: int | None = None,
    progress: bool | Report = False,
    **settings: Unpack[SamplerSettings],
) -> backtest_.Backtest:
    """Fit the smaller runs, forecast the larger, and compare; see `bayes_scaling.evaluation.backtest`.

    ``**settings`` are fields of `Sampler`, as for `fit`.
    """
    return backtest_.backtest(
        runs,
        law,
        splits=splits,
        holdout_above=holdout_above,
        drift=drift,
        baselines=baselines,
        group=group,
        pooling=pooling,
        noise=noise,
        priors=priors,
        sampler=Sampler(**settings),
        folder=folder,
        client=client,
        at_once=at_once,
        progress=progress,
    )


def compare_pooling(
    runs: Any,
    law: str | Law = "chinchilla",
    *,
    group: str | None = None,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    refit: bool = True,
    progress: bool | Report = False,
    **settings: Unpack[SamplerSettings],
) -> compare_pooling_.PoolingComparison:
    """Which parameters of a law differ between groups; see `bayes_scaling.evaluation.compare_pooling`.

    ``**settings`` are fields of `Sampler`, as for `fit`.
    """
    return compare_pooling_.compare_pooling(
        runs,
        law,
        group=group,
        noise=noise,
        priors=priors,
        refit=refit,
        progress=progress,
        sampler=Sampler(**settings),
    )
