"""Where a forecast is asked for: inputs read and checked, and how far they lie beyond the data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.arrays import Computed
from bayes_scaling.data.cost import cost_of
from bayes_scaling.data.units import Quantities, parse_quantities
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior


def read_points(fit: "Posterior", given: Mapping[str, Quantities | None]) -> "xr.Dataset":
    """The points as a Dataset over the inputs, dim ``point``, with flops where N and D are among them.

    Raises
    ------
    InputError
        For an input that is missing, unknown or no quantity, or for inputs of unequal length.
    """
    # Here and below: xarray loads when a forecast is asked for, and not on import.
    import xarray as xr

    asked = {name: value for name, value in given.items() if value is not None}
    columns = fit.law.columns
    derived = {"flops"} if {"params", "tokens"} <= set(columns) else set()
    of_noise = (column for column in fit.noise.covariates.values() if column not in derived)
    columns = tuple(dict.fromkeys((*columns, *of_noise)))  # what the noise of a new run asks for too
    inputs = f"its inputs are {', '.join(columns)}"
    for name in asked:
        if name not in columns:
            raise InputError(f"law {fit.law.name!r} has no input {name!r}; {inputs}")
    for name in columns:
        if name not in asked:
            raise InputError(f"law {fit.law.name!r} needs {name!r}; {inputs}")
    arrays = {
        name: np.atleast_1d(parse_quantities(value, name)).astype(float) for name, value in asked.items()
    }
    try:
        even = dict(zip(arrays, np.broadcast_arrays(*arrays.values()), strict=True))
    except ValueError as error:
        lengths = ", ".join(f"{name} has {len(value)}" for name, value in arrays.items())
        raise InputError(
            f"inputs of unequal length: {lengths}; give one value, or as many of each"
        ) from error
    if derived - set(even):
        even["flops"] = cost_of(fit.runs).flops(even["params"], even["tokens"])
    return xr.Dataset({name: ("point", value) for name, value in even.items()})


def decades_beyond(runs: "Runs", column: str, values: Computed) -> Computed:
    """Powers of ten by which values lie outside of the range of a column of the data; 0 inside."""
    low, high = np.log10(runs.column(column).min()), np.log10(runs.column(column).max())
    x = np.log10(values)
    return np.maximum(np.maximum(x - high, low - x), 0.0)


def all_decades_beyond(runs: "Runs", points: "xr.Dataset") -> "xr.Dataset":
    """`decades_beyond` of each input of the points, dim ``point``."""
    import xarray as xr

    return xr.Dataset(
        {
            str(name): ("point", decades_beyond(runs, str(name), values.to_numpy()))
            for name, values in points.items()
        }
    )
