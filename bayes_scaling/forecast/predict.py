"""The loss at inputs that nobody has trained yet: the law, its drift beyond the data, and one more run."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities
from bayes_scaling.forecast.forecast import Forecast, drifted
from bayes_scaling.forecast.near_runs import asked_of_the_table, beside_missed_runs
from bayes_scaling.forecast.new_run import (
    discrepancy_paths,
    drift_slopes,
    new_run_scale,
    share_of_items,
    standard_noise,
    streams,
)
from bayes_scaling.forecast.points import all_decades_beyond, read_points
from bayes_scaling.model.drift import Drift, distance

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior


def predict(
    fit: "Posterior",
    params: Quantities | None = None,
    tokens: Quantities | None = None,
    *,
    group: str | None = None,
    drift: Drift | float | bool | None = None,
    **inputs: Quantities,
) -> Forecast:
    """The loss at other inputs, as posterior draws.

    Parameters
    ----------
    fit : Posterior
    params, tokens : number, string such as "100B", or sequence of them
        Parameters N and training tokens D; scalars and equal lengths broadcast together.
    group : str, optional
        One group's label, or "new" for a group not seen yet. Default: every group, along the dim ``group``.
    drift : Drift, number or bool, optional
        How far the truth may drift from the law beyond the data: a `Drift`, its spread in log loss per power of
        ten, or False for none. Default: the fit's own (`Posterior.drift`).
    **inputs
        Further inputs of the law, by column name.

    Raises
    ------
    InputError
        If an input of the law is missing, or one is given that it does not have.
    """
    return forecast(fit, {"params": params, "tokens": tokens, **inputs}, group=group, drift=drift)


def at_own_runs(fit: "Posterior") -> "Iterator[tuple[str, np.ndarray, Forecast]]":
    """Each group, which runs are its own, a mask of shape (runs,), and what is forecast where they lie."""
    for i, name in enumerate(fit.groups):
        own = fit.runs.group_index == i
        yield name, own, forecast(fit, {c: fit.runs.column(c)[own] for c in fit.law.columns}, group=name)


def forecast(
    fit: "Posterior",
    inputs: Mapping[str, Quantities | None],
    *,
    group: str | None = None,
    drift: Drift | float | bool | None = None,
    alike: bool = False,
) -> Forecast:
    """As `predict`, of inputs by column name; ``alike`` gives all points one noise, for a band along an axis."""
    # xarray loads when a forecast is asked for, and not on import.
    import xarray as xr

    law, points = fit.law, read_points(fit, inputs)
    posterior = fit.draws(group)
    # Where groups share the law, they may still differ in noise: one group dim for both.
    mean, scale = xr.broadcast(fit.law_at(points, posterior), new_run_scale(fit, posterior, points))
    paths = discrepancy_paths(fit, group, points, mean)
    mean, scale, paths = xr.broadcast(mean, scale, paths)
    dims = [dim for dim in ("chain", "draw", "group", "point") if dim in mean.dims]
    mean, scale = mean.transpose(*dims).rename(law.response), scale.transpose(*dims)
    beyond = all_decades_beyond(fit.runs, points)
    drift_there = drift_slopes(fit, drift) * distance(beyond)
    drift_there = (drift_there + paths).rename("drift")
    noise_at = {c: points[c] for c in law.columns}
    if law.response == "share":
        new_run = drifted(mean, drift_there, "share").transpose(*dims)
        for here, rng in streams(fit, mean, noise_at, group, alike=alike):
            new_run[here] = share_of_items(fit, rng, new_run[here], scale[here])
    else:
        noise = scale * standard_noise(fit, posterior, mean, noise_at, group, alike=alike)
        new_run = drifted(mean, drift_there + noise, law.response).transpose(*dims)
    at_points = {name: points[name].to_numpy() for name in law.columns}
    return Forecast(
        points, mean, drift_there, new_run.rename(law.response), beyond, law.response, fit.runs.unit,
        (*asked_of_the_table(fit), *beside_missed_runs(fit, at_points, group)),
    )  # fmt: skip
