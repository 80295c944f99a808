"""Whether what is best at one scale is best at another: muP's claim of the learning rate, for laws with a recipe."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.laws.derivatives import evaluate, slope
from bayes_scaling.laws.elementwise import Array, Computed, log
from bayes_scaling.planning.results.transfer import Transfer

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

_POINTS = 25
"""Values of the input at which the best choice is drawn."""


def transfer(
    fit: "Posterior", chosen: str = "lr", against: str | None = None, *, group: str | None = None
) -> Transfer:
    """Whether the best choice, as the learning rate, moves with scale, as the width.

    Parameters
    ----------
    fit : Posterior
        A law that knows the best of what a run may choose: `lr_transfer` of width and lr, `step_law`.
    chosen : str
        What a run may choose: lr, or batch.
    against : str, optional
        The column of the input that it may move with. Default: the law's first resource (width, or params).
    group : str, optional
        Default: every group whose parameters differ.

    Raises
    ------
    InputError
        For a law without a best choice, or a column that is no such input of it.
    """
    law, draws = fit.law, fit.draws(group)
    if law.at_best is None or not law.chosen:
        raise InputError(
            f"law {law.name!r} does not say what is best to choose; fit lr_transfer (width and lr), or step_law"
        )
    letters = dict(zip(law.columns, law.inputs, strict=True))
    choices = [column for column, letter in letters.items() if letter in law.chosen]
    scales = [column for column in letters if column not in choices]
    against = against or next(column for column, letter in letters.items() if letter in law.resources)
    for name, known in ((chosen, choices), (against, scales)):
        if name not in known:
            raise InputError(f"{name!r} is none of {', '.join(known)}, which law {law.name!r} has here")
    parameters = {name: draws[name] for name in law.parameters}
    x, choice = letters[against], letters[chosen]

    def best(value: Array) -> Computed:
        """The best choice at a value of the input, the others at the reference, all in multiples of it."""
        assert law.at_best is not None
        return law.at_best(**{**dict.fromkeys(law.inputs, 1.0), x: value}, **parameters)[choice]

    at = np.geomspace(*fit.runs.extent[against], _POINTS)
    values = _along(at / fit.reference[against])
    chosen_there = best(values)
    first, last = chosen_there.isel(point=0, drop=True), values.isel(point=-1, drop=True)
    kept = evaluate(law, {x: last, choice: first}, parameters) / evaluate(law, {x: last}, parameters) - 1
    return Transfer(
        exponent=slope(
            lambda value: log(best(value)), float(np.sqrt(at[0] * at[-1])) / fit.reference[against]
        ),
        factor=chosen_there.isel(point=-1, drop=True) / first,
        cost=kept,
        best=(chosen_there * fit.reference[chosen]).transpose("chain", "draw", ..., "point"),
        at=at,
        chosen=chosen,
        against=against,
    )


def _along(values: np.ndarray) -> "xr.DataArray":
    import xarray as xr  # loads when there are draws, and not on import

    return xr.DataArray(values, dims="point")
