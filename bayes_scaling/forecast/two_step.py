"""A task through the loss: compute -> loss -> share of test items, with the uncertainty of both steps."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.forecast import Forecast, drifted
from bayes_scaling.forecast.new_run import share_of_items
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.intervals import median
from bayes_scaling.laws.elementwise import log
from bayes_scaling.model.drift import Drift, as_drift, distance

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


def two_step(
    loss: "Posterior",
    task: "Posterior",
    params: Quantities | None = None,
    tokens: Quantities | None = None,
    *,
    group: str | None = None,
    task_group: str | None = None,
    drift: Drift | float | bool | None = None,
    task_drift: Drift | float | bool | None = None,
    **inputs: Quantities,
) -> Forecast:
    """Forecast a downstream task from compute: first the loss, then the task at that loss.

    Each draw of the loss, its drift and its noise go through a draw of the second law, and that law's own drift and
    noise come on top: the intervals cover the uncertainty of both steps (Grattafiori et al. 2024, arXiv:2407.21783,
    section 3.2.1, take points).

    Parameters
    ----------
    loss : Posterior
        Loss as a function of params and tokens, or of other inputs.
    task : Posterior
        A law of one input, the loss, whose response is a share, as `task_of_loss`.
    params, tokens, **inputs
        Where to forecast, as for `predict` of ``loss``.
    group, task_group : str, optional
        A group of each fit, where it has several; "new" for one not seen yet.
    drift, task_drift : Drift, number or bool, optional
        Of the first step, in log loss, and of the second, in log odds, per power of ten beyond the data of the first.
        Default: the fits' own.

    Returns
    -------
    Forecast
        Of shares; ``mean`` puts the first law through the second, ``new_run`` is what one more run would score.

    Raises
    ------
    InputError
        If the second fit is not a law of the loss alone with a share as response, or a group is wanted.
    """
    law = task.law
    if law.response != "share" or len(law.columns) != 1 or loss.law.response != "loss":
        raise InputError(
            f"two_step goes from a loss to a share: {loss.law.name!r} gives a {loss.law.response}, and {law.name!r} "
            f"gives a {law.response} of {', '.join(law.columns)}; expected a loss, then a law as 'task_of_loss'"
        )
    for fit, name, given in ((loss, "group", group), (task, "task_group", task_group)):
        if fit.hierarchical and given is None:
            raise InputError(
                f"{fit!r} has several groups: name one with {name}=..., of {', '.join(fit.groups)}, or 'new'"
            )
    first = predict(loss, params, tokens, group=group or loss.groups[0], drift=drift, **inputs)
    rng = np.random.default_rng([loss.seed, task.seed, 808])
    draws = _paired(rng, task.draws(task_group or task.groups[0]), first.mean)
    (column,) = law.columns

    def at(value: "xr.DataArray") -> "xr.DataArray":
        return task.law_at({column: value}, draws)

    slopes = as_drift(task_drift, task.drift).slopes(rng, first.drift.isel(point=0).shape)
    own = first.mean.isel(point=0, drop=True).copy(data=slopes) * distance(first.decades_beyond)
    mean = at(first.mean).transpose("chain", "draw", "point").rename("share")
    moved = drifted(at(first.drifted), own, "share").transpose(*mean.dims)
    reached = drifted(at(first.new_run), own, "share").transpose(*mean.dims)
    new_run = share_of_items(task, rng, reached, draws["sigma"].broadcast_like(mean).transpose(*mean.dims))
    beyond = decades_beyond(task.runs, column, median(first.mean).to_numpy())
    log_odds = log(moved / (1 - moved)) - log(mean / (1 - mean))
    return Forecast(
        first.inputs,
        mean,
        log_odds.rename("drift"),
        new_run.rename("share"),
        first.decades_beyond.assign({column: ("point", beyond)}),
        "share",
    )


def _paired(rng: np.random.Generator, draws: "xr.Dataset", like: "xr.DataArray") -> "xr.Dataset":
    """Draws of the second step beside those of the first, in random order: the two were made independently."""
    import xarray as xr

    shape = (like.sizes["chain"], like.sizes["draw"])
    flat = draws.stack(every=("chain", "draw"))
    order = rng.permutation(np.resize(np.arange(flat.sizes["every"]), shape[0] * shape[1]))
    return xr.Dataset(
        {name: (("chain", "draw"), flat[name].to_numpy()[order].reshape(shape)) for name in draws.data_vars},
        coords={dim: like[dim] for dim in ("chain", "draw")},
    )
