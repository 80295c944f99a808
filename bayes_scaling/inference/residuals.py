"""How far runs lie from the law of a posterior.

A discrepancy takes up what the law misses, and so would hide it. Then the law alone is looked at: at its mode under
independent noise, that of each group that has runs enough.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.inference.departures import at_runs
from bayes_scaling.inference.left_out import SPARE, mode

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior


FAR_OFF = 6.0
"""Scales of the noise from which on a run lies far from the law."""

LARGE = 0.03
"""Share of the loss from which on a run that the noise covers does so too, if it is far from where the others lie."""


class Residuals(NamedTuple):
    """Log loss less the law's, medians over the draws or at the mode of the law alone, shape (runs,)."""

    of_loss: np.ndarray
    scaled: np.ndarray  # in units of a run's noise

    @property
    def far(self) -> np.ndarray:
        """Rows of the runs that lie far from the law that fits the others."""
        usual = 1.5 * np.median(np.abs(self.of_loss))
        resisted = np.abs(self.of_loss) > max(FAR_OFF * usual, LARGE)
        return np.flatnonzero((np.abs(self.scaled) > FAR_OFF) | resisted)


def residuals(fit: "Posterior") -> Residuals:
    """Residuals of a fit of losses whose noise has a scale for each run."""
    if "scaled" not in fit.known:
        found = of_law_alone(fit) if fit.noise.joint else of_draws(fit)
        fit.known.update(found._asdict())
    return Residuals(*(fit.known[name] for name in Residuals._fields))


def have_residuals(fit: "Posterior") -> bool:
    """Whether a fit is of losses, each with a noise of its own."""
    return fit.law.response == "loss" and not fit.noise.by_group


def of_draws(fit: "Posterior") -> Residuals:
    """Medians over the draws, what a discrepancy accounts for taken off."""
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    runs, draws = fit.runs, fit.draws()
    group = xr.DataArray(runs.group_index, dims="run")
    of_rows = draws.isel(group=group, drop=True) if "group" in draws.dims else draws
    at = {column: xr.DataArray(runs.column(column), dims="run") for column in fit.law.columns}
    covariates = {
        name: xr.DataArray(np.log(runs.column(column) / fit.reference[column]), dims="run")
        for name, column in fit.noise.covariates.items()
    }
    residual = xr.DataArray(runs.log_loss, dims="run") - np.log(fit.law_at(at, of_rows)) - at_runs(fit)
    scale = (
        fit.noise.new_run_scale(of_rows, covariates) ** 2 + xr.DataArray(runs.measurement_sd**2, dims="run")
    ) ** 0.5
    medians = (values.median(("chain", "draw")).to_numpy() for values in (residual, residual / scale))
    return Residuals(*medians)


def of_law_alone(fit: "Posterior") -> Residuals:
    """Residuals of the law at its mode; of the draws, where a group has too few runs for one."""
    runs = fit.runs
    unit = runs.group_index if fit.hierarchical else np.zeros(len(runs), int)
    at = [runs.column(c) / fit.reference[c] for c in fit.law.columns]
    units = [unit == i for i in np.unique(unit)]
    enough = [own for own in units if own.sum() >= len(fit.law.parameters) + SPARE]
    # Those of the draws take the longest.
    of_loss, scaled = np.zeros((2, len(runs))) if len(enough) == len(units) else np.array(of_draws(fit))
    for own in enough:
        best = mode(fit, own)
        of_loss[own] = runs.log_loss[own] - np.log(fit.law(*(x[own] for x in at), **best.parameters))
        scaled[own] = of_loss[own] / np.hypot(best.sigma, runs.measurement_sd[own])
    return Residuals(of_loss, scaled)
