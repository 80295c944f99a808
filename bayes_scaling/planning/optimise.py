"""Minima and roots of many one-dimensional problems at once, one for each posterior draw.

SciPy's elementwise solvers drop every problem as soon as it is solved, and hand plain arrays of those that are left to
the function. So a function gets all in which the problems differ as arguments: ``function(x, *given)``, arrays of one
shape.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.laws.elementwise import Array, Computed, exp, log

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.laws.base import Law

    type Labelled = xr.DataArray | float


def closed_form(law: "Law", parameters: Mapping[str, Array], product: Array, power: float = 1.0) -> Computed:
    """log N at the minimum of A N^-alpha + B D^-beta along N^power D = product, in multiples of the reference.

    Hoffmann et al. 2022 (arXiv:2203.15556), equation 4, for a law that names its power terms.
    """
    assert law.power_terms is not None
    A, alpha, B, beta = law.power_terms(**parameters)
    return (log(alpha * A) - log(power * beta * B) + beta * log(product)) / (alpha + power * beta)


def minimise(
    function: Callable[..., Computed],
    low: "Labelled",
    high: "Labelled",
    given: "Sequence[Labelled]" = (),
    *,
    closed: "tuple[Labelled, Labelled]" = (False, False),
    points: int = 65,
    polished: bool = True,
) -> "xr.DataArray":
    """The x between low and high at which a function is smallest, dims as those of all arguments together.

    A grid of so many points finds the valley, and `scipy.optimize.elementwise.find_minimum` its floor; unless that is
    ``polished``, it is that of a parabola through the three lowest neighbours. NaN where the smallest value of the
    grid lies on an end, unless that end is ``closed`` (lower, upper): there it is an answer.
    """
    # Here and below: SciPy and xarray load when there is something to solve, and not on import.
    import xarray as xr
    from scipy.optimize import elementwise

    even = xr.broadcast(*map(xr.DataArray, (low, high, *closed, *given)))
    first, last, *ends = (x.to_numpy() for x in even[:4])
    args = [x.to_numpy() for x in even[4:]]
    step = (last - first) / (points - 1)

    def reflected(x: np.ndarray, first: np.ndarray, last: np.ndarray, *given: np.ndarray) -> Computed:
        return function(_inside(x, first, last), *given)

    best = function(first, *args)
    k = np.zeros(first.shape)
    for i in range(1, points):
        value = function(first + i * step, *args)
        k = np.where(value < best, i, k)
        best = np.minimum(best, value)
    at = first + k * step
    interior = ((k > 0) | ends[0]) & ((k < points - 1) | ends[1])
    if not polished:
        left, right = (reflected(x, first, last, *args) for x in (at - step, at + step))
        away, bend = left - right, left - 2 * best + right
        inside = (k > 0) & (k < points - 1) & (bend > 0)
        at = at + step * np.where(inside, 0.5 * away / np.where(inside, bend, 1.0), 0.0)
        return even[0].copy(data=np.where(interior, at, np.nan))
    # A bracket around a closed end needs a point beyond it: the function is continued there as its mirror image.
    bracket = at - step, at, at + step
    found = elementwise.find_minimum(reflected, bracket, args=(first, last, *args))
    solved = np.where(found.success, _inside(found.x, first, last), at)
    return even[0].copy(data=np.where(interior, solved, np.nan))


def _inside(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Points beyond an end, mirrored at it."""
    return np.where(x < low, 2 * low - x, np.where(x > high, 2 * high - x, x))


def root(
    function: Callable[..., Computed], low: "Labelled", high: "Labelled", given: "Sequence[Labelled]" = ()
) -> "xr.DataArray":
    """The x between low and high at which a function is zero, dims as those of all arguments together.

    NaN where the function has the same sign at both ends.
    """
    import xarray as xr
    from scipy.optimize import elementwise

    even = xr.broadcast(*map(xr.DataArray, (low, high, *given)))
    first, last, *args = (x.to_numpy().astype(float) for x in even)
    return even[0].copy(data=elementwise.find_root(function, (first, last), args=tuple(args)).x)


def first_crossing(x: "xr.DataArray", excess: "xr.DataArray") -> "xr.DataArray":
    """Where an excess is first no longer positive along ``step``; inf where it stays so."""
    k = (excess <= 0).argmax("step")
    before = (k - 1).clip(0)
    left, right = excess.isel(step=before), excess.isel(step=k)
    share = (left / (left - right)).where(k > 0, 0.0)
    log_x = log(x)
    at: xr.DataArray = exp(log_x.isel(step=before) + share * (log_x.isel(step=k) - log_x.isel(step=before)))
    return at.where((excess <= 0).any("step"), np.inf)
