"""What a user meets: `fit`, `Fit` and every verb. The only module that knows every folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bayes_scaling.data.load import RunsLike
from bayes_scaling.data.notebook import notebook_html
from bayes_scaling.evaluation.approaches import approaches
from bayes_scaling.evaluation.backtest import Backtest, backtest
from bayes_scaling.evaluation.compare import compare
from bayes_scaling.evaluation.compare_pooling import PoolingComparison, compare_pooling
from bayes_scaling.evaluation.ledger import ledger
from bayes_scaling.evaluation.outcome import score
from bayes_scaling.evaluation.simulate import simulate
from bayes_scaling.forecast.card import open_card
from bayes_scaling.forecast.follow import follow
from bayes_scaling.forecast.predict import predict
from bayes_scaling.forecast.two_step import two_step
from bayes_scaling.inference.arviz import to_arviz
from bayes_scaling.inference.collection import collect
from bayes_scaling.inference.diagnostics import diagnose, verdict
from bayes_scaling.inference.from_draws import from_draws
from bayes_scaling.inference.netcdf import open_posterior, save_posterior
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.prior_sensitivity import prior_sensitivity
from bayes_scaling.inference.sample_many import BatchSettings, FitOutcome, Tables, sample_many
from bayes_scaling.inference.sample_posterior import sample_posterior
from bayes_scaling.inference.spec import NEW_GROUP, ModelSettings, make_spec
from bayes_scaling.inference.summary import summary, without_convergence
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.build import Model
from bayes_scaling.model.noise import NoiseModel
from bayes_scaling.model.structure import Pooling
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.contrast import contrast
from bayes_scaling.planning.design.candidates import isoflop_grid
from bayes_scaling.planning.design.design import design
from bayes_scaling.planning.exponents import exponents
from bayes_scaling.planning.gate import gate
from bayes_scaling.planning.plan import plan
from bayes_scaling.planning.risk import chances, risk
from bayes_scaling.planning.serving import serve
from bayes_scaling.planning.transfer import transfer
from bayes_scaling.planning.variants import for_variants
from bayes_scaling.reporting import plot
from bayes_scaling.reporting.register import register
from bayes_scaling.sampling.progress import Report
from bayes_scaling.sampling.settings import Sampler, SamplerSettings

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Fit", "approaches", "backtest", "build_model", "collect", "compare", "compare_pooling", "design", "fit",
    "fit_many", "follow", "for_variants", "gate", "isoflop_grid", "ledger", "open_card", "open_fit",
    "prior_sensitivity", "score", "simulate", "two_step",
]  # fmt: skip

plot.register()


class Fit(Posterior):
    """A law fitted to a table of runs: a `Posterior` whose verbs are methods, and document themselves."""

    # What was learnt, and whether to believe it
    summary = summary
    diagnose = diagnose
    prior_sensitivity = prior_sensitivity
    # What larger runs reach, and what to train
    predict = predict
    allocate = allocate
    plan = plan
    risk = risk
    chances = chances
    serve = serve
    # Written down before a run starts, for `score` and `ledger`
    register = register
    # What the literature asks of exponents, where groups differ, and whether the best recipe moves with scale
    exponents = exponents
    approaches = approaches
    contrast = contrast
    gate = gate
    transfer = transfer
    # Which runs to train next
    design = design
    # A picture of it all; `bayes_scaling.plot` has the others
    plot = plot.overview
    # For the functions of ArviZ
    to_arviz = to_arviz
    # One netCDF file, which `open_fit` reads
    save = save_posterior

    @classmethod
    def from_draws(cls, model: "Model | Posterior", tree: "xr.DataTree") -> "Fit":
        """A fit from draws of one's own; see `bayes_scaling.inference.from_draws`."""
        return _fit_of(from_draws(model, tree))

    def __getitem__(self, group: str) -> "xr.Dataset":
        """The draws of one group's parameters, as `draws`; a notebook completes the labels after ``fit["``."""
        return self.draws(group)

    def _repr_html_(self) -> str:
        said = f"{self.law.name}, {self.law.formula}, fitted to {self.runs!r}"
        known = verdict(self)
        table = without_convergence(summary(self)).rename_axis("quantity")
        return notebook_html([said, *known.sentences()[:1]], known.problems, table)

    def _ipython_key_completions_(self) -> list[str]:
        return [*self.groups, *([NEW_GROUP] if self.hierarchical else [])]

    def backtest(self, *, progress: bool | Report = False, **settings: Unpack[SamplerSettings]) -> Backtest:
        """What its law, fitted to the smaller runs of its table, said of the larger; see `bayes_scaling.backtest`.

        ``**settings`` are fields of `Sampler`. Default: those of the fit, with 400 draws at most, and no other methods
        beside it.
        """
        asked: SamplerSettings = {**self.sampler.settings, "draws": min(self.sampler.draws, 400), **settings}
        return backtest(
            self.runs,
            self.law,
            baselines=False,
            noise=self.noise,
            pooling=self.pooling,
            progress=progress,
            **asked,
        )

    def compare_pooling(
        self, *, refit: bool = True, progress: bool | Report = False, **settings: Unpack[SamplerSettings]
    ) -> PoolingComparison:
        """Which parameters differ between groups; see `bayes_scaling.compare_pooling`."""
        asked: SamplerSettings = {**self.sampler.settings, **settings}
        return compare_pooling(self.runs, self.law, noise=self.noise, refit=refit, progress=progress, **asked)


def fit(
    runs: RunsLike,
    law: str | Law | None = None,
    *,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | NoiseModel | None = None,
    priors: Mapping[str, Prior | float] | None = None,
    progress: bool | Report = False,
    **settings: Unpack[SamplerSettings],
) -> Fit:
    """Fit a scaling law to a table of training runs.

    Parameters
    ----------
    runs : Runs, DataFrame or path
        Anything that `load_runs` takes.
    law : str or Law, optional
        A family of the catalogue (``bayes_scaling.LAWS``), by name; ``"m4:flops"`` reads its input from the
        column flops. Default: ``"chinchilla"``, or ``"chinchilla+ceiling"`` where the largest losses bend towards one.
    group : str, optional
        The column that names each run's group (corpus, architecture, recipe). Default: the column ``group``
        where the table has one.
    pooling : {"partial", "complete", "none"} or mapping of parameter name to one of them, optional
        How groups share parameters. Default: partial for all.
    noise : {"constant", "curve", "discrepancy", "shared_discrepancy", "flops", "params", ...} or Noise, optional
        How log loss scatters around the law: independently; together along a curve (`Discrepancy`, for laws of
        one input); around processes of the reducible loss over compute and D/N (`Surface`, for laws of N and D),
        of each group alone or with one of all groups; with a sigma that changes with a column (also ``"tokens"``);
        or further above the law than below it (``"undertuned"``).
    priors : mapping of parameter name to Prior or number, optional
        Replaces the law's priors for these parameters; a number pins one, which is then not sampled.
    progress : bool or callable
        Show a progress bar on stderr, or call ``progress(phase, done, total)``.
    **settings
        Fields of `Sampler`: draws, chains, max_warmup, seed, target_accept, parallel.

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


def build_model(
    runs: RunsLike,
    law: str | Law | None = None,
    *,
    group: str | None = None,
    **settings: Unpack[ModelSettings],
) -> Model:
    """The PyMC model that `fit` samples, for PyMC's own functions; see `bayes_scaling.model.build.build_model`.

    Arguments and errors are those of `fit`; ``**settings`` are pooling, noise and priors.
    """
    return make_spec(runs, law, group=group, **settings).model


def open_fit(path: str | Path) -> Fit:
    """Opens a fit saved by `Fit.save`; errors as for `bayes_scaling.inference.netcdf.open_posterior`."""
    return _fit_of(open_posterior(path))


def fit_many(
    tables: Tables,
    law: str | Law | None = None,
    *,
    group: str | None = None,
    **options: Unpack[BatchSettings],
) -> Iterator[FitOutcome[Fit]]:
    """Fit a law to many tables, together and resumable.

    Takes pooling, noise, priors, progress and fields of `Sampler` as `fit` does, and folder, client and at_once: see
    `bayes_scaling.inference.sample_many.sample_many`.
    """
    outcomes = sample_many(tables, law, group=group, **options)
    return (FitOutcome(o.name, _fit_of(o.fit) if o.fit else None, o.error, o.resumed) for o in outcomes)


def _fit_of(posterior: Posterior) -> Fit:
    fit = Fit(posterior.law, posterior.runs, posterior.noise, posterior.pooling, posterior.tree)
    fit.known.update(posterior.known)
    return fit
