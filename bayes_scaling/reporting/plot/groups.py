"""Which group a picture is about: the one asked for, or that of the largest run; and which laws it can show."""

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.reporting.plot.style import COLOURS, INK, MARKERS

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


class Look(TypedDict):
    """Colour and marker of a group."""

    color: str
    marker: str


def look(fit: "Posterior", group: str) -> Look:
    """The look of a group, the same in every picture of a fit; ink for a group not seen yet."""
    return look_of(fit.groups.index(group)) if group in fit.groups else {"color": INK, "marker": "o"}


def look_of(i: int) -> Look:
    """The look of the i-th group."""
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def largest_group(fit: "Posterior") -> str:
    """The group whose largest run took the most compute."""
    largest = int(np.argmax(fit.runs.scale))
    return fit.groups[int(fit.runs.group_index[largest])]


def of_group(fit: "Posterior", group: str) -> str:
    """The end of a title: which group, where there is more than one."""
    return f" ({group})" if len(fit.groups) > 1 else ""


def one_group(values: "xr.DataArray", group: str | None) -> "xr.DataArray":
    """Values of one group, where there are several: the one named, or else the first."""
    if "group" not in values.dims:
        return values
    names = [str(name) for name in values["group"].to_numpy()]
    if group is not None and group not in names:
        raise InputError(f"no group {group!r} in this result; its groups are {', '.join(names)}")
    return values.sel(group=group or names[0], drop=True)


def bounds(draws: "xr.DataArray", prob: float, group: str | None = None) -> np.ndarray:
    """Lower bound, median and upper bound of the draws of one group, shape (3, ...)."""
    return quantiles(one_group(draws, group), tails(prob)).to_numpy()


def titled(text: str, values: "xr.DataArray", group: str | None) -> str:
    """A title that says which group is shown, where a result has several."""
    several = "group" in values.dims and values.sizes["group"] > 1
    return f"{text} ({group or values['group'].to_numpy()[0]})" if several else text


def needs_plane(fit: "Posterior", picture: str) -> None:
    """`InputError` for a law that is not one of N and D alone."""
    if not fit.law.of_n_and_d:
        raise InputError(
            f"{picture} draws a law of params and tokens; law {fit.law.name!r} takes {', '.join(fit.law.columns)}"
        )
