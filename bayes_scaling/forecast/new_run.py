"""What stands between the law and one more run: the drift beyond the data, the discrepancy of a curve, the noise."""

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from bayes_scaling.forecast.departure import Departure, departed
from bayes_scaling.laws.derivatives import endless
from bayes_scaling.laws.elementwise import log
from bayes_scaling.model.discrepancy import Ahead, Discrepancy, ahead
from bayes_scaling.model.drift import Drift, as_drift
from bayes_scaling.model.shares import drawn_shares

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


def drift_slopes(fit: "Posterior", drift: Drift | float | bool | None = None) -> "xr.DataArray":
    """Draws of the drift per power of ten beyond the data, dims (chain, draw); the same whatever is forecast."""
    draws = fit.one_per_draw
    rng = np.random.default_rng([fit.seed, 404])
    return draws.copy(data=as_drift(drift, fit.drift).slopes(rng, draws.shape)).rename("drift")


def curve_ahead(fit: "Posterior", group: str | None, points: "xr.Dataset") -> list[Ahead]:
    """The discrepancy of a fit at new points, of each of its groups or of the one that is named.

    Draws are those of the posterior, chains after one another.
    """
    assert isinstance(fit.noise, Discrepancy)
    runs, law = fit.runs, fit.law
    answers: list[Ahead] = []
    (column,) = law.columns
    log_new = np.log(points[column].to_numpy() / fit.reference[column])
    for name in fit.groups if group is None else [group]:
        number = fit.groups.index(name) if name in fit.groups else len(fit.groups)
        posterior = fit.draws(name).stack(draws=("chain", "draw"))
        own = np.isin(np.array(runs.groups)[runs.group_index], [name])
        at = runs.column(column)[own] / fit.reference[column]
        law_at = law(at, **{p: posterior[p].to_numpy()[:, None] for p in law.parameters})
        answers.append(
            ahead(
                fit.noise,
                np.random.default_rng([fit.seed, 606, number]),
                np.log(at),
                runs.log_loss[own] - np.log(law_at),
                log_new,
                amplitude=posterior["discrepancy"].to_numpy(),
                sigma=posterior["sigma"].to_numpy(),
            )
        )
    return answers


def discrepancy_paths(
    fit: "Posterior", group: str | None, points: "xr.Dataset", mean: "xr.DataArray"
) -> "xr.DataArray":
    """Draws of what a discrepancy adds to log loss, dims ([group,] chain, draw, point) as ``mean``, the law, has them.

    0 where the noise has none.
    """
    # xarray loads when a forecast is asked for, and not on import.
    import xarray as xr

    if fit.noise.joint:
        return _departure(fit, group, points, mean)
    if not isinstance(fit.noise, Discrepancy):
        return 0.0 * mean
    shape = (mean.sizes["chain"], mean.sizes["draw"], -1)
    stacked = np.stack([answer.paths.reshape(shape) for answer in curve_ahead(fit, group, points)])
    paths = xr.DataArray(stacked, dims=("group", "chain", "draw", "point"))
    return paths.assign_coords(group=fit.groups) if "group" in mean.dims else paths.isel(group=0)


def _departure(
    fit: "Posterior", group: str | None, points: "xr.Dataset", mean: "xr.DataArray"
) -> "xr.DataArray":
    """The reducible loss times exp(delta), as a change of log loss."""
    away, n, d = Departure(fit, group), points["params"], points["tokens"]
    delta = away.delta(n, d, away.draw) + away.slope * away.beyond(n, d, away.draw)
    posterior, law = fit.draws(group), fit.law
    floor = endless(law, fit.scaled(points), {name: posterior[name] for name in law.parameters})
    moved: xr.DataArray = log(departed(mean, floor, delta) / mean)
    return moved


def new_run_scale(fit: "Posterior", posterior: "xr.Dataset", points: "xr.Dataset") -> "xr.DataArray":
    """Scale of log loss around the law for a new run of a new configuration."""
    covariates = {}
    for name, column in fit.noise.covariates.items():
        seen = fit.runs.column(column)
        # Frozen at the edge of the data: beyond it nobody has seen how noise goes on.
        covariates[name] = log(points[column].clip(seen.min(), seen.max()) / fit.reference[column])
    return fit.noise.new_run_scale(posterior, covariates)


def streams(
    fit: "Posterior",
    like: "xr.DataArray",
    at: "Mapping[str, xr.DataArray]",
    group: str | None = None,
    *,
    alike: bool = False,
) -> "Iterator[tuple[dict[Hashable, int], np.random.Generator]]":
    """Random numbers of the noise of new runs: for each place of an array, its index and a generator of its own.

    A group and a point have the same in every verb and beside any others. Points whose inputs agree within two percent
    share it, so that a rounded optimum is forecast as the optimum is.

    Parameters
    ----------
    fit : Posterior
    like : xarray.DataArray
        Dims chain, draw and those of the points and groups.
    at : mapping of str to xarray.DataArray
        The law's inputs at the points, by column.
    group : str, optional
        Whose draws ``like`` has; where all groups are there, their labels are a coordinate.
    alike : bool
        One noise for all points, so that a band does not jitter along an axis.
    """
    one = like.isel(chain=0, draw=0, drop=True)
    # Where an input differs between draws, the point is that of their median.
    known = (at[c].median(("chain", "draw")) if "chain" in at[c].dims else at[c] for c in fit.law.columns)
    places = [np.log10(x.broadcast_like(one).transpose(*one.dims).to_numpy()) for x in known]
    bins = np.nan_to_num(np.round((0 if alike else 100) * np.array(places))).astype(int)
    labels = one["group"].broadcast_like(one).to_numpy() if "group" in one.dims else None
    for i in np.ndindex(one.shape):
        label = labels[i] if labels is not None else group if fit.hierarchical and group else fit.groups[0]
        key = crc32(repr((str(label), *bins[:, *i].tolist())).encode())
        yield dict(zip(one.dims, i, strict=True)), np.random.default_rng([fit.seed, 202, key])


def standard_noise(
    fit: "Posterior",
    posterior: "xr.Dataset",
    like: "xr.DataArray",
    at: "Mapping[str, xr.DataArray]",
    group: str | None = None,
    *,
    alike: bool = False,
) -> "xr.DataArray":
    """Noise of new runs in units of its scale, dims as ``like``; ``posterior`` has the draws, the rest as `streams`."""
    noise = like.copy(deep=True)
    for here, rng in streams(fit, like, at, group, alike=alike):
        own = posterior.isel({dim: place for dim, place in here.items() if dim in posterior.dims})
        noise[here] = fit.noise.standard(rng, own, like.isel(here, drop=True))
    return noise


def share_of_items(
    fit: "Posterior", rng: np.random.Generator, expected: "xr.DataArray", sigma: "xr.DataArray"
) -> "xr.DataArray":
    """One run's share of test items around what is expected, dims as there: of as many items as the data had."""
    items = None if fit.runs.items is None else int(np.median(fit.runs.items))
    return expected.copy(data=drawn_shares(rng, expected.to_numpy(), sigma.to_numpy(), items))
