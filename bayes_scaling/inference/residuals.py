"""How far runs lie from the law of a posterior."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.inference.departures import at_runs

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior


class Residuals(NamedTuple):
    """Log loss less the law's, and what a discrepancy accounts for: medians over the draws, shape (runs,)."""

    of_loss: np.ndarray
    scaled: np.ndarray  # in units of a run's noise


def residuals(fit: "Posterior") -> Residuals:
    """Residuals of a fit of losses whose noise has a scale for each run."""
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    runs, draws = fit.runs, fit.draws()
    group = xr.DataArray(runs.group_index, dims="run")
    of_rows = draws.isel(group=group, drop=True) if "group" in draws.dims else draws
    at = {c: xr.DataArray(runs.column(c) / fit.reference[c], dims="run") for c in fit.law.columns}
    law = fit.law(*at.values(), **{name: of_rows[name] for name in fit.law.parameters})
    covariates = {
        name: xr.DataArray(np.log(runs.column(column) / fit.reference[column]), dims="run")
        for name, column in fit.noise.covariates.items()
    }
    residual = xr.DataArray(runs.log_loss, dims="run") - np.log(law) - at_runs(fit)
    scale = (
        fit.noise.new_run_scale(of_rows, covariates) ** 2 + xr.DataArray(runs.measurement_sd**2, dims="run")
    ) ** 0.5
    medians = (values.median(("chain", "draw")).to_numpy() for values in (residual, residual / scale))
    return Residuals(*medians)
