"""Law families compared by what they predict for configurations left out and for larger runs, and mixed by weight."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.backtest import backtest
from bayes_scaling.forecast.forecast import Forecast
from bayes_scaling.forecast.predict import predict
from bayes_scaling.model.data import model_data
from bayes_scaling.sampling.progress import progress_bar

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior

BAD_K = 0.7
"""Pareto-k above which importance sampling is not trusted (Vehtari et al. 2024, arXiv:1507.02646)."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Fits of several laws to one table, ranked.

    Attributes
    ----------
    fits : dict of str to Fit
    table : DataFrame
        By falling elpd: elpd (expected log predictive density of a configuration left out, summed), its
        standard error, the difference to the best and its standard error, the effective number of parameters
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
    table: "pd.DataFrame"
    pointwise: "pd.DataFrame"
    pareto_k: "pd.DataFrame"
    ahead: "pd.DataFrame"

    def __str__(self) -> str:
        return f"{self.table.to_string(float_format=lambda x: f'{x:.3g}')}\n\n{self.verdict}"

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
        names = list(map(str, self.table.index))
        by = by or ("ahead" if len(self.ahead) else "equal")
        if by == "ahead" and len(self.ahead):
            total = self.ahead[names].sum().to_numpy()
            share = np.exp(total - total.max())
        elif by == "equal":
            share = np.ones(len(names))
        elif by == "loo":
            share = self.table["weight"].to_numpy()
        elif by == "ahead":
            raise InputError(
                "no cut of this table leaves runs to fit and larger ones to forecast; mix by 'equal' or 'loo'"
            )
        else:
            raise InputError(f"laws are mixed by {by!r}; expected 'ahead', 'equal' or 'loo'")
        return {name: float(weight) for name, weight in zip(names, share / share.sum(), strict=True)}

    @property
    def verdict(self) -> str:
        """Which law interpolates best, which forecasts larger runs best, and what follows where they differ."""
        near = str(self.table.index[0])
        if not len(self.ahead):
            return f"{near} predicts configurations left out best; no larger runs were held out"
        far = str(self.table["ahead"].idxmax())
        cuts = ", ".join(map(str, self.ahead.index))
        if near == far:
            return f"{near} predicts both configurations left out and held-out larger runs best (cuts {cuts})"
        gain = float(self.table["ahead"][far]) - float(self.table["ahead"][near])
        return (
            f"{near} predicts configurations left out best, but {far} held-out larger runs (by {gain:.2f} nats a "
            f"run, cuts {cuts}): beyond the data go by {far} or by the mixture"
        )

    def predict(
        self,
        params: Any = None,
        tokens: Any = None,
        *,
        group: str | None = None,
        by: str | None = None,
        **inputs: Any,
    ) -> Forecast:
        """A forecast that mixes the laws' draws by their `weights`; other arguments as for `predict`."""
        import xarray as xr

        names = list(self.fits)
        forecasts = [predict(self.fits[name], params, tokens, group=group, **inputs) for name in names]
        # As many draws as the shortest fit has.
        shape = {dim: min(f.mean.sizes[dim] for f in forecasts) for dim in ("chain", "draw")}
        first = {dim: slice(size) for dim, size in shape.items()}
        rng = np.random.default_rng([*(fit.seed for fit in self.fits.values()), 303])
        share = self.weights(by)
        pick = rng.choice(len(names), size=tuple(shape.values()), p=[share[name] for name in names])
        chosen = xr.DataArray(pick, dims=tuple(shape))

        def mixed(kind: str) -> Any:
            # Broadcast, because one fit may tell groups apart where another does not.
            draws = xr.broadcast(*(getattr(forecast, kind).isel(first) for forecast in forecasts))
            stacked = xr.concat(draws, dim="law").isel(law=chosen)
            return stacked.transpose("chain", "draw", ..., "point")

        first_of = forecasts[0]
        return Forecast(
            first_of.inputs,
            mixed("mean"),
            mixed("drift"),
            mixed("new_run"),
            first_of.decades_beyond,
            first_of.response,
        )


def compare(
    fits: "Mapping[str, Posterior]", *, refit: bool = True, ahead: bool = True, progress: Any = False
) -> Comparison:
    """Rank laws by PSIS-LOO over configurations, beside how they forecast larger runs held out.

    A configuration with all its replicates is left out at once. Where Pareto-k says that importance sampling
    cannot be trusted, the configuration is left out in truth and the law refitted.

    Parameters
    ----------
    fits : mapping of str to Fit
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
        For fewer than two fits, or fits of different tables.
    """
    import pandas as pd

    _same_runs(fits)
    pointwise, pareto, p_eff, refitted = {}, {}, {}, {}
    for name, fit in fits.items():
        log_likelihood = fit.tree["log_likelihood"]["log_likelihood"]
        values, k = _psis_loo(log_likelihood)
        bad = np.flatnonzero(~(k <= BAD_K)) if refit else np.array([], int)
        with progress_bar(progress if len(bad) else False, f"{name}: exact leave-one-out") as report:
            for i, (cluster, value) in enumerate(left_out(fit, bad)):
                values[cluster] = value
                if report:
                    report("refits", i + 1, len(bad))
        flat = log_likelihood.to_numpy().reshape(-1, len(values))
        pointwise[name], pareto[name], refitted[name] = values, k, len(bad)
        p_eff[name] = float(np.sum(_log_mean_exp(flat) - values))
    elpd = pd.DataFrame(pointwise)
    total = elpd.sum().sort_values(ascending=False)
    best = elpd[total.index[0]]
    n = len(elpd)
    weights = stacking_weights(elpd.to_numpy())
    table = pd.DataFrame(
        {
            "elpd": total,
            "se": elpd.std(ddof=1) * np.sqrt(n),
            "elpd_diff": total - best.sum(),
            "dse": elpd.sub(best, axis=0).std(ddof=1) * np.sqrt(n),
            "p": pd.Series(p_eff),
            "weight": pd.Series(weights, index=elpd.columns),
            "worst_k": pd.Series({name: float(np.max(k)) for name, k in pareto.items()}),
            "refits": pd.Series(refitted),
        }
    ).loc[total.index]
    table.index.name = "law"
    forecasts = pd.DataFrame(
        {name: _ahead(fit, progress) if ahead else pd.Series(dtype=float) for name, fit in fits.items()}
    ).dropna()
    table["ahead"] = forecasts.mean()
    return Comparison(dict(fits), table, elpd, pd.DataFrame(pareto), forecasts)


def _ahead(fit: "Posterior", progress: Any) -> "pd.Series[float]":
    """The mean log predictive density of the larger runs beyond each rolling cut; empty where none can be made."""
    import pandas as pd

    pooling = fit.provenance["pooling"]
    try:
        found = backtest(
            fit.runs,
            fit.law,
            noise=fit.noise,
            pooling=pooling,
            baselines=False,
            progress=progress,
            sampler=fit.sampler,
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


def _psis_loo(log_likelihood: Any) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out log densities and Pareto-k of each cluster."""
    import arviz_stats as azs
    import xarray as xr

    # ArviZ wants a posterior beside the log likelihood, and reads only its shape.
    tree = xr.DataTree.from_dict(
        {
            "log_likelihood": log_likelihood.to_dataset(name="log_loss"),
            "posterior": log_likelihood.isel(cluster=0, drop=True).to_dataset(name="any"),
        }
    )
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Estimated shape parameter of Pareto", UserWarning
        )  # told by worst_k
        loo = azs.loo(tree, pointwise=True)
    return loo.elpd_i.to_numpy().copy(), loo.pareto_k.to_numpy().copy()


def left_out(fit: "Posterior", clusters: Iterable[int]) -> Iterator[tuple[int, float]]:
    """Each configuration, and its log predictive density under the law fitted to all the others; as they come."""
    # JAX and PyMC load when something is sampled, and not on import.
    from bayes_scaling.sampling.job import Job
    from bayes_scaling.sampling.sample import sample_many

    data = model_data(fit.runs, fit.law, fit.noise)

    def jobs() -> Iterator[Job]:
        for cluster in map(int, clusters):
            left = fit.runs.clusters == cluster
            # Weight 0 leaves a row out of the likelihood; the same compiled program serves every refit.
            kept = data | {"weight": np.where(left, 0.0, 1.0)}
            score = {"weight": np.where(left, 1.0, 0.0)}
            sampler = replace(fit.sampler, seed=fit.seed + 1 + cluster)
            yield Job(cluster, fit.structure, kept, sampler, score=score)

    for cluster, came in sample_many(jobs()):
        if isinstance(came, Exception):
            raise came
        log_density = came.log_likelihood[..., cluster]  # type: ignore[index]
        yield cluster, float(_log_mean_exp(log_density.ravel()))  # type: ignore[misc]


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Logarithm of the mean of exponentials over the first axis."""
    from scipy.special import logsumexp

    return logsumexp(values, axis=0) - np.log(len(values))


def stacking_weights(log_density: np.ndarray) -> np.ndarray:
    """Weights of the mixture with the largest summed log density (Yao et al. 2018, arXiv:1704.02030).

    Parameters
    ----------
    log_density : ndarray, shape (configurations, laws)

    Returns
    -------
    ndarray, shape (laws,)
    """
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights = np.full(density.shape[1], 1 / density.shape[1])
    # Expectation-maximisation of the mixing proportions: monotone, and the problem is concave.
    for _ in range(20_000):
        share = weights * density
        updated = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.max(np.abs(updated - weights)) < 1e-10:
            break
        weights = updated
    return weights
