"""What laws say together: draws mixed by the laws' weights, and the irreducible loss over laws."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_loss
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.laws.roles import Kind

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


def mixed(
    draws: "Mapping[str, xr.DataArray]", share: Mapping[str, float], seeds: Sequence[int]
) -> "xr.DataArray":
    """Draws of laws as one, each of a law picked by its share; the same picks for the same seeds and sizes.

    As many draws as the shortest has; their dims after chain and draw are those of all.
    """
    import xarray as xr

    shape = {dim: min(x.sizes[dim] for x in draws.values()) for dim in ("chain", "draw")}
    rng = np.random.default_rng([*seeds, 303])
    pick = rng.choice(len(draws), size=tuple(shape.values()), p=[share[name] for name in draws])
    # Broadcast, because one fit may tell groups apart where another does not.
    first = {dim: slice(size) for dim, size in shape.items()}
    alike = xr.broadcast(*(x.isel(first) for x in draws.values()))
    found: xr.DataArray = xr.concat(alike, dim="law").isel(law=xr.DataArray(pick, dims=tuple(shape)))
    return found.transpose("chain", "draw", ...)


def irreducible(fits: "Mapping[str, Posterior]") -> "dict[str, xr.DataArray]":
    """Draws of the irreducible loss, (chain, draw) and perhaps a group, of each law that has one."""
    kinds = {name: fit.law.with_kind(Kind.IRREDUCIBLE) for name, fit in fits.items()}
    return {name: fits[name].posterior[found[0]] for name, found in kinds.items() if len(found) == 1}


def about_the_floor(
    fits: "Mapping[str, Posterior]", weights: Mapping[str, float], alike: Sequence[str], prob: float
) -> Iterator[str]:
    """The irreducible loss over laws, beside that of each; and whether laws that fit alike agree about it.

    Of laws that have one, whose weights are scaled to sum to 1, and of the group with the largest run; nothing of fewer
    than two.
    """
    import xarray as xr

    floors = irreducible(fits)
    total = sum(weights[name] for name in floors)
    if len(floors) < 2 or total <= 0:
        return
    share = {name: weights[name] / total for name in floors}
    over = mixed(floors, share, [fit.seed for fit in fits.values()])
    of_all = xr.broadcast(*(quantiles(x, tails(prob)) for x in (over, *floors.values())))
    where = ""
    if "group" in over.dims:
        runs = next(iter(fits.values())).runs
        largest = runs.groups[runs.group_index[runs.scale.argmax()]]
        of_all, where = tuple(x.sel(group=largest) for x in of_all), f" of {largest}"
    whole, *own = (x.to_numpy() for x in of_all)
    found = dict(zip(floors, own, strict=True))
    each = ", ".join(f"{_in_words(values)} under {name}" for name, values in found.items())
    apart = _disagree({name: found[name] for name in alike if name in found})
    advice = f"; {apart} fit alike and disagree about it: take the interval over laws" if apart else ""
    yield f"irreducible loss{where} over laws: {_in_words(whole, f'{prob:.0%}: ')}; {each}{advice}"


def _in_words(bounds: np.ndarray, before: str = "") -> str:
    """A median and an interval, given as lower bound, median and upper bound."""
    low, middle, high = map(format_loss, bounds)
    return f"{middle} ({before}{low} to {high})"


def _disagree(found: Mapping[str, np.ndarray]) -> str:
    """The two laws of the lowest and the highest interval, where the median of neither lies in that of the other."""
    low, high = (pick(found, key=lambda name: found[name][1], default=None) for pick in (min, max))
    if low is None or high is None:
        return ""
    between = found[low][2] < found[high][1] and found[low][1] < found[high][0]
    return f"{low} and {high}" if between else ""
