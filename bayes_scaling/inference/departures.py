"""What a posterior's discrepancy makes of its own runs."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.laws.derivatives import endless
from bayes_scaling.model.data import model_data
from bayes_scaling.model.surface import Surface

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


def at_runs(fit: "Posterior") -> "xr.DataArray | float":
    """Log loss less log law that the discrepancy accounts for, dims (chain, draw, run); 0 for a noise without one."""
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    noise, runs = fit.noise, fit.runs
    if not isinstance(noise, Surface):
        return 0.0
    data = model_data(runs, fit.law, noise)
    weights = np.stack([fit.weights(g) for g in range(len(fit.groups))], axis=1)
    amplitudes = np.stack([fit.posterior[name].to_numpy().ravel() for name in noise.amplitudes], axis=1)
    delta = noise.at_rows(data, weights, amplitudes).reshape(*fit.one_per_draw.shape, len(runs))
    group = xr.DataArray(runs.group_index, dims="run")
    draws = fit.draws()
    of_rows = draws.isel(group=group, drop=True) if "group" in draws.dims else draws
    at = {letter: xr.DataArray(data[letter], dims="run") for letter in fit.law.inputs}
    parameters = {name: of_rows[name] for name in fit.law.parameters}
    share = 1 - endless(fit.law, at, parameters) / fit.law(*at.values(), **parameters)
    moved: xr.DataArray = share * xr.DataArray(delta, dims=("chain", "draw", "run"))
    return moved
