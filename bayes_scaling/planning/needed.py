"""The inverse question of a law of one input: how many samples, tokens or FLOPs reach a target."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.forecast import drifted
from bayes_scaling.forecast.new_run import drift_slopes
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.inference.intervals import median
from bayes_scaling.planning.loss_surface import ordered, over_points
from bayes_scaling.planning.optimise import first_crossing
from bayes_scaling.planning.results.needed import Needed

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.drift import Drift

BELOW, ABOVE, PER_DECADE = 1e-4, 1e12, 12
"""How far below and above the data a target is looked for, as factors, and steps of a tenfold."""


def needed(
    fit: "Posterior",
    target: Quantities,
    *,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
) -> Needed:
    """How much of the law's one input reaches a target, for each draw; arguments as for `plan`.

    Raises
    ------
    InputError
        For a law of several inputs.
    """
    import xarray as xr  # loads when there are draws, and not on import

    law = fit.law
    if len(law.columns) != 1:
        raise InputError(
            f"law {law.name!r} takes {', '.join(law.columns)}: a target alone does not say how much of each"
        )
    (column,) = law.columns
    goal, draws = over_points(target, "target"), fit.draws(group)
    low, high = fit.runs.extent[column]
    steps = int(np.ceil(np.log10(high / low * ABOVE / BELOW) * PER_DECADE)) + 1
    x = xr.DataArray(np.geomspace(low * BELOW, high * ABOVE, steps), dims="step")
    alone = fit.law_at({column: x}, draws)
    away = drift_slopes(fit, drift) * decades_beyond(fit.runs, column, x)
    # A loss that falls is to be as low as the target; a score, a share or a loss that rises, as high.
    sign = 1 if law.response == "loss" and not law.rises else -1
    with_drift, by_law = (
        first_crossing(x, sign * (value - goal)) for value in (drifted(alone, away, law.response), alone)
    )
    middle = median(with_drift)
    beyond = decades_beyond(fit.runs, column, middle.where(np.isfinite(middle)))
    return Needed(
        column=column,
        response=law.response,
        target=goal,
        needed=ordered(with_drift).rename(column),
        by_law=ordered(by_law).rename(column),
        beyond=xr.DataArray(beyond).rename(None),
    )
