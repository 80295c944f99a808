"""What stands between the law and one more run: the drift beyond the data, the discrepancy of a curve, the noise."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.model.discrepancy import Ahead, ahead
from bayes_scaling.model.drift import Drift, as_drift
from bayes_scaling.model.noise import drawn_shares, run_scale

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
    assert fit.noise.discrepancy is not None
    runs, law = fit.runs, fit.law
    answers: list[Ahead] = []
    (column,) = law.columns
    log_new = np.log(points[column].to_numpy() / fit.reference[column])
    for name in fit.groups if group is None else [group]:
        posterior = fit.draws(name).stack(draws=("chain", "draw"))
        own = np.isin(np.array(runs.groups)[runs.group_index], [name])
        at = runs.column(column)[own] / fit.reference[column]
        law_at = law(at, **{p: posterior[p].to_numpy()[:, None] for p in law.parameters})
        answers.append(
            ahead(
                fit.noise.discrepancy,
                np.random.default_rng([fit.seed, 606, len(answers)]),
                np.log(at),
                runs.log_loss[own] - np.log(law_at),
                log_new,
                amplitude=posterior["discrepancy"].to_numpy(),
                sigma=posterior["sigma"].to_numpy(),
            )
        )
    return answers


def discrepancy_paths(
    fit: "Posterior", group: str | None, points: "xr.Dataset", like: "xr.DataArray"
) -> "xr.DataArray":
    """Draws of the discrepancy along each curve, dims ([group,] chain, draw, point) as ``like`` has them."""
    # xarray loads when a forecast is asked for, and not on import.
    import xarray as xr

    shape = (like.sizes["chain"], like.sizes["draw"], -1)
    stacked = np.stack([answer.paths.reshape(shape) for answer in curve_ahead(fit, group, points)])
    paths = xr.DataArray(stacked, dims=("group", "chain", "draw", "point"))
    return paths.assign_coords(group=fit.groups) if "group" in like.dims else paths.isel(group=0)


def new_run_scale(fit: "Posterior", posterior: "xr.Dataset", points: "xr.Dataset") -> "xr.DataArray":
    """Scale of log loss around the law for a new run of a new configuration."""
    noise = fit.noise
    scale = posterior["sigma"]
    if noise.slope_in:
        seen = fit.runs.column(noise.slope_in)
        # Frozen at the edge of the data: beyond it nobody has seen how noise goes on.
        at = points[noise.slope_in].clip(seen.min(), seen.max())
        scale = run_scale(scale, posterior["slope"], np.log(at / fit.reference[noise.slope_in]))
    if "lack_of_fit" in posterior:
        scale = (scale**2 + posterior["lack_of_fit"] ** 2) ** 0.5
    return scale


def standard_noise(fit: "Posterior", posterior: "xr.Dataset", like: "xr.DataArray") -> "xr.DataArray":
    """Noise of new runs in units of its scale, each point's its own, dims as ``like``: Student-t, or normal."""
    rng = np.random.default_rng([fit.seed, 202])
    if fit.noise.discrepancy:
        return like.copy(data=rng.standard_normal(like.shape))
    nu = posterior["nu"].broadcast_like(like).transpose(*like.dims)
    return like.copy(data=rng.standard_t(nu.to_numpy()))


def share_of_items(
    fit: "Posterior", rng: np.random.Generator, expected: "xr.DataArray", sigma: "xr.DataArray"
) -> "xr.DataArray":
    """One run's share of test items around what is expected, dims as there: of as many items as the data had."""
    items = None if fit.runs.items is None else int(np.median(fit.runs.items))
    return expected.copy(data=drawn_shares(rng, expected.to_numpy(), sigma.to_numpy(), items))
