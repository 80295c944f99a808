"""fit() and Fit: a law, a table of runs and the posterior; saved to and opened from one netCDF file."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.discrepancy import Discrepancy
from bayes_scaling.drift import Drift
from bayes_scaling.errors import DoubtfulFitWarning, InputError
from bayes_scaling.laws.core import DEFAULT, Law, get_law
from bayes_scaling.model import Pooling, Structure, structure
from bayes_scaling.noise import Noise
from bayes_scaling.priors import Prior, prior_from_dict
from bayes_scaling.progress import shown
from bayes_scaling.request import NEW_GROUP, Request, request
from bayes_scaling.runs import Reference, Runs
from bayes_scaling.store import make_tree, read_tree, runs_of, write_tree

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.allocate import Allocation
    from bayes_scaling.approaches import Approaches
    from bayes_scaling.design import Design
    from bayes_scaling.diagnose import Diagnosis
    from bayes_scaling.exponents import Exponents
    from bayes_scaling.groups import Contrast
    from bayes_scaling.plan import Plan
    from bayes_scaling.pooling import PoolingComparison
    from bayes_scaling.predict import Forecast
    from bayes_scaling.risk import Risk
    from bayes_scaling.sampling import Draws, Parallel
    from bayes_scaling.serving import Serving


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A law fitted to a table of runs.

    Attributes
    ----------
    law : Law
        With the priors that were used.
    runs : Runs
    noise : Noise
    pooling : dict of str to {"complete", "partial", "none"}
        For every parameter of the law and for sigma.
    tree : xarray.DataTree
        Groups posterior, sample_stats, log_likelihood, prior, observed_data and constant_data (dims chain,
        draw, run, group, cluster), with the provenance in its attributes.
    """

    law: Law
    runs: Runs
    noise: Noise
    pooling: dict[str, Pooling]
    tree: "xr.DataTree"

    def __repr__(self) -> str:
        return f"Fit({self.law.name} on {self.runs!r})"

    @property
    def provenance(self) -> dict[str, Any]:
        """How this posterior was made: seed, draws, device, versions, time, and the sampler's own numbers."""
        return json.loads(self.tree.attrs["provenance"])

    @property
    def drift(self) -> Drift:
        """How far forecasts let the truth drift from the law beyond the data."""
        chosen = self.provenance.get("drift")
        return Drift.from_dict(chosen) if chosen else Drift.of(self.law)

    def with_drift(self, drift: Drift) -> "Fit":
        """The same fit, whose forecasts hold another drift: one's own, or that of a back-test of its table."""
        tree = self.tree.copy()
        tree.attrs = {"provenance": json.dumps(self.provenance | {"drift": drift.to_dict()})}
        return replace(self, tree=tree)

    @property
    def reference(self) -> Reference:
        """The point that N and D are measured from."""
        return self.runs.reference

    @property
    def groups(self) -> list[str]:
        return self.runs.groups

    @property
    def hierarchical(self) -> bool:
        """Whether some parameter differs between groups."""
        return any(kind != "complete" for kind in self.pooling.values())

    @property
    def structure(self) -> Structure:
        """What shapes the model, for refits."""
        return structure(self.runs, self.law, self.noise, self.pooling)

    @cached_property
    def posterior(self) -> "xr.Dataset":
        """Draws of every named quantity, dims (chain, draw) and group where it differs between groups."""
        return self.tree["posterior"].to_dataset()

    @cached_property
    def prior(self) -> "xr.Dataset":
        """Prior draws of the same quantities."""
        return self.tree["prior"].to_dataset()

    @property
    def one_per_draw(self) -> "xr.DataArray":
        """Zeros of dims (chain, draw), in the shape of what there is one of for each draw."""
        return 0.0 * self.posterior["chain"] + 0.0 * self.posterior["draw"]

    def draws(self, group: str | None = None) -> "xr.Dataset":
        """Draws of the law's and the noise's parameters.

        Parameters
        ----------
        group : str, optional
            A group's label, or ``"new"`` for a group not seen yet (drawn from the population, one for each
            draw of the posterior). Default: all groups, along the dim ``group``.

        Raises
        ------
        InputError
            For a label that is not a group of this fit.
        """
        names = [*self.law.parameters, "sigma", *self.structure.global_priors]
        everything = self.posterior[names]
        if group is None or (group in self.groups and not self.hierarchical):
            return everything
        if group == NEW_GROUP:
            return self._new_group(everything)
        if group not in self.groups:
            raise InputError(
                f"no group {group!r} in this fit; its groups are {', '.join(self.groups)}, or 'new'"
            )
        return everything.sel(group=group, drop=True)

    def _new_group(self, everything: "xr.Dataset") -> "xr.Dataset":
        """One group per draw from the population that the draw describes."""
        rng = np.random.default_rng([self.provenance["seed"], 101])
        drawn = everything
        for name, prior in self.structure.priors.items():
            if self.pooling[name] == "complete":
                continue
            shape = self.one_per_draw
            normal = shape.copy(data=rng.standard_normal(shape.shape))
            if self.pooling[name] == "partial":
                free = (
                    prior.inverse(self.posterior[f"{name}_population"])
                    + self.posterior[f"{name}_tau"] * normal
                )
            else:
                free = prior.location + prior.spread * normal
            drawn = drawn.assign({name: prior.forward(free)})
        return drawn

    # -- verbs, each in its own room
    # --------------------------------------------------------------------------

    def summary(self, prob: float = 0.9) -> "pd.DataFrame":
        """Median and interval of every parameter, R-hat and ESS; see `bayes_scaling.diagnose.summary`."""
        from bayes_scaling.diagnose import summary

        return summary(self, prob)

    def diagnose(self) -> "Diagnosis":
        """Convergence and identifiability, in sentences; see `bayes_scaling.diagnose.diagnose`."""
        from bayes_scaling.diagnose import diagnose

        return diagnose(self)

    def predict(
        self,
        params: Any = None,
        tokens: Any = None,
        *,
        group: str | None = None,
        drift: Drift | float | bool | None = None,
        **inputs: Any,
    ) -> "Forecast":
        """The loss at other inputs; see `bayes_scaling.predict.predict`."""
        from bayes_scaling.predict import predict

        return predict(self, params, tokens, group=group, drift=drift, **inputs)

    def allocate(self, flops: Any, *, group: str | None = None, **inputs: Any) -> "Allocation":
        """Compute-optimal N and D; see `bayes_scaling.allocate.allocate`."""
        from bayes_scaling.allocate import allocate

        return allocate(self, flops, group=group, **inputs)

    def approaches(self, flops: Any = None, **options: Any) -> "Approaches":
        """N_opt by Chinchilla's three approaches; see `bayes_scaling.approaches.approaches`."""
        from bayes_scaling.approaches import approaches

        return approaches(self, flops, **options)

    def design(self, budget: Any, **goal: Any) -> "Design":
        """Which runs to train next; see `bayes_scaling.design.design`."""
        from bayes_scaling.design import design

        return design(self, budget, **goal)

    def plan(self, flops: Any = None, **constraints: Any) -> "Plan":
        """What to train under real constraints; see `bayes_scaling.plan.plan`."""
        from bayes_scaling.plan import plan

        return plan(self, flops, **constraints)

    def risk(self, flops: Any = None, **choice: Any) -> "Risk":
        """What a choice of N and D may cost; see `bayes_scaling.risk.risk`."""
        from bayes_scaling.risk import risk

        return risk(self, flops, **choice)

    def chances(self, target: Any, flops: Any, **options: Any) -> "xr.DataArray":
        """The probability of a target loss along a budget; see `bayes_scaling.risk.chances`."""
        from bayes_scaling.risk import chances

        return chances(self, target, flops, **options)

    def serve(self, served: Any, **demand: Any) -> "Serving":
        """The best model when inference is paid for too; see `bayes_scaling.serving.serve`."""
        from bayes_scaling.serving import serve

        return serve(self, served, **demand)

    def contrast(self, flops: Any, **options: Any) -> "Contrast":
        """Groups against groups at some budgets; see `bayes_scaling.groups.contrast`."""
        from bayes_scaling.groups import contrast

        return contrast(self, flops, **options)

    def compare_pooling(self, **options: Any) -> "PoolingComparison":
        """Which parameters of this law differ between groups; see `bayes_scaling.pooling.compare_pooling`."""
        from bayes_scaling.pooling import compare_pooling

        sampling = {name: self.provenance[name] for name in ("draws", "chains", "max_warmup", "seed")}
        return compare_pooling(self.runs, self.law, noise=self.noise, **{**sampling, **options})

    def exponents(self, params: Any = None, tokens: Any = None, **options: Any) -> "Exponents":
        """What the literature reads off exponents; see `bayes_scaling.exponents.exponents`."""
        from bayes_scaling.exponents import exponents

        return exponents(self, params, tokens, **options)

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Writes the fit to one netCDF file, whole or not at all.

        Raises
        ------
        InputError
            If the file exists and ``force`` is false, or the folder cannot be written.
        """
        path = Path(path)
        write_tree(self.tree, path, force)
        return path


def fit(
    runs: Any,
    law: str | Law = DEFAULT,
    *,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    draws: int = 1000,
    chains: int = 4,
    max_warmup: int = 1500,
    seed: int = 0,
    parallel: "Parallel | None" = None,
    progress: bool | Callable[[str, int, int], None] = False,
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
    draws, chains, max_warmup : int
        Draws kept per chain; chains; the longest warm-up (it ends by itself when it can).
    seed : int
        One seed reproduces a fit.
    parallel : {"threads", "vectorised"}, optional
        Chains over CPU threads, or side by side in one program. Default: threads on a CPU, vectorised on a GPU;
        the provenance says which.
    progress : bool or callable
        Show a progress bar on stderr, or call ``progress(phase, done, total)``.

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
    from time import perf_counter

    from bayes_scaling.diagnose import diagnose, doubts_about

    asked = request(
        runs,
        law,
        group=group,
        pooling=pooling,
        noise=noise,
        priors=priors,
        draws=draws,
        chains=chains,
        max_warmup=max_warmup,
        seed=seed,
    )
    for doubt in doubts_about(asked.runs, asked.law, asked.noise):
        warnings.warn(doubt, DoubtfulFitWarning, stacklevel=2)
    with shown(progress, asked.law.name) as report:
        # JAX, PyMC and xarray load here, when something is sampled, and not on import.
        from bayes_scaling.sampling import sample

        began = perf_counter()
        job = asked.job(progress=report)
        sampled = sample(job.structure, job.data, parallel=parallel, **job.options)
        result = made(asked, sampled, perf_counter() - began)
    for sentence in diagnose(result).failures:
        warnings.warn(sentence, DoubtfulFitWarning, stacklevel=2)
    return result


def made(asked: Request, sampled: "Draws", seconds: float) -> Fit:
    """The fit that these draws make of a request."""
    tree = make_tree(asked.runs, asked.structure, sampled, asked.provenance(sampled, seconds))
    return Fit(asked.law, asked.runs, asked.noise, dict(asked.structure.pooling), tree)


def open_fit(path: str | Path) -> Fit:
    """Opens a fit saved by `Fit.save`.

    Raises
    ------
    InputError
        If there is no such file, it is not a netCDF file, it was not written by this package, or its law is
        not in the catalogue (define it with `@law` before opening).
    """
    path = Path(path)
    tree, provenance = read_tree(path)
    try:
        family = get_law(provenance["law"])
    except InputError as error:
        raise InputError(f"{path}: {error}; define it with @law before opening the file") from None
    law = family.with_priors({k: prior_from_dict(v) for k, v in provenance["priors"].items()})
    noise_values = dict(provenance["noise"])
    slope_in, curve, excess = (noise_values.pop(name, None) for name in ("slope_in", "discrepancy", "excess"))
    noise = Noise(
        slope_in=slope_in,
        discrepancy=Discrepancy.from_dict(curve) if curve else None,
        excess=prior_from_dict(excess) if excess else None,
        **{k: prior_from_dict(v) for k, v in noise_values.items()},
    )
    runs = runs_of(tree, provenance["runs"])
    return Fit(law, runs, noise, provenance["pooling"], tree)
