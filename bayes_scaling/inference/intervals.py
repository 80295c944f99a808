"""Medians and equal-tailed intervals of posterior draws: the one place where draws become bounds.

Every folder below takes its bounds from here, so that NaN and infinity mean the same everywhere: a draw that is NaN has
no answer and is left out; one that is infinite counts, so that an upper bound may be infinite; where no draw has an
answer the bound is NaN.

>>> low, high = equal_tailed(draws, 0.9)       # dims of the draws without chain and draw, none dropped
>>> low, middle, high = quantiles(draws, tails(0.9))
>>> columns("loss", draws, 0.9)                # of a table: "loss", "loss 90% lower", "loss 90% upper"
>>> long_table({"flops": flops} | columns("loss", draws, 0.9))   # one row for each group and point
>>> low, high = np.quantile(values, tails(0.9)[::2])   # plain arrays of finite numbers need no more
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

DRAWS = ("chain", "draw")
"""The dims over which bounds are taken."""

_LARGE = 1e300
"""Stands for infinity while quantiles interpolate; whatever is within 1e90 of it is infinite."""


class Interval(NamedTuple):
    """The bounds of an equal-tailed interval, dims as those of the draws without chain and draw."""

    lower: "xr.DataArray"
    upper: "xr.DataArray"


def tails(prob: float) -> tuple[float, float, float]:
    """The quantiles of an equal-tailed interval: lower, median, upper.

    Raises
    ------
    InputError
        For a probability that does not lie between 0 and 1.
    """
    if not 0 < prob < 1:
        raise InputError(f"the probability of an interval lies between 0 and 1; got {prob!r}")
    return (1 - prob) / 2, 0.5, (1 + prob) / 2


def quantiles(draws: "xr.DataArray", at: Sequence[float], dims: Iterable[Hashable] = DRAWS) -> "xr.DataArray":
    """Quantiles over the draws, dims (quantile, ...), to be unpacked along the first."""
    # Here and below: xarray loads when there are draws, and not on import.
    import xarray as xr

    over = tuple(dims)
    ordered = draws.transpose(..., *over)
    kept = ordered.dims[: ordered.ndim - len(over)]
    flat = ordered.to_numpy().astype(float, copy=False)
    flat = np.clip(flat.reshape(*flat.shape[: len(kept)], -1), -_LARGE, _LARGE)
    missing = np.isnan(flat)
    if not missing.any():
        found = np.quantile(flat, at, axis=-1)
    else:
        none = missing.all(-1)
        found = np.nanquantile(np.where(none[..., None], 0.0, flat), at, axis=-1)
        found = np.where(none, np.nan, found)
    found = np.where(np.abs(found) > _LARGE / 1e90, np.sign(found) * np.inf, found)
    coords = {name: c for name, c in draws.coords.items() if not set(c.dims) & set(over)}
    return xr.DataArray(found, coords, ("quantile", *kept), draws.name)


def equal_tailed(draws: "xr.DataArray", prob: float = 0.9) -> Interval:
    """The equal-tailed interval over the draws; `InputError` for a probability outside of 0 to 1."""
    lower, upper = quantiles(draws, tails(prob)[::2])
    return Interval(lower, upper)


def median(draws: "xr.DataArray") -> "xr.DataArray":
    """The median over the draws."""
    return quantiles(draws, [0.5])[0]


def bound_names(name: str, prob: float) -> tuple[str, str]:
    """What a table calls the bounds of a quantity: ``"loss 90% lower"``, ``"loss 90% upper"``."""
    return f"{name} {100 * prob:g}% lower", f"{name} {100 * prob:g}% upper"


def columns(name: str, draws: "xr.DataArray", prob: float = 0.9) -> "dict[str, xr.DataArray]":
    """The columns of a table for one quantity: its median, under its own name, and its bounds."""
    lower, middle, upper = quantiles(draws, tails(prob))
    return dict(zip((name, *bound_names(name, prob)), (middle, lower, upper), strict=True))


def long_table(
    values: "Mapping[str, xr.DataArray]", dims: Sequence[str] = ("group", "point")
) -> "pd.DataFrame":
    """Columns as a table with one row for each label of these dims, the last running fastest.

    Dims that no column has are passed over; those that have labels become columns, before the others.
    """
    import xarray as xr

    filled = dict(zip(values, xr.broadcast(*values.values()), strict=True))
    there = [dim for dim in dims if any(dim in column.dims for column in filled.values())]
    table = xr.Dataset(filled)
    labels = [dim for dim in there if dim in table.coords]
    table = table.reset_coords(drop=True)
    frame = (table if there else table.expand_dims("row")).to_dataframe(dim_order=there or ["row"])
    return frame.reset_index()[[*labels, *values]]
