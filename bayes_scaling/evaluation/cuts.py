"""Cuts of a table into the smaller runs, which are fitted, and the larger ones, which are held out."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bayes_scaling.data.runs import Runs
from bayes_scaling.data.units import Quantity, parse_quantity
from bayes_scaling.errors import InputError

Splits = str | Mapping[str, ArrayLike]
"""The name of a scheme, or a mask for each cut."""

FACTORS = (3.0, 10.0, 30.0)
"""Rolling cuts: how many times more compute the largest run has than the largest that is fitted."""

FEWEST = 10
"""Runs that a cut must leave to fit."""


class Cut(NamedTuple):
    """The runs that are fitted, and those that are held out."""

    train: Runs
    test: Runs


def held_out(runs: Runs, splits: Splits = "rolling", above: Quantity | None = None) -> dict[str, np.ndarray]:
    """The runs held out by each cut, as masks of shape (runs,); arguments as for `backtest`."""
    if above is not None:
        return {f"above {above}": runs.flops > parse_quantity(above, "holdout_above")}
    if not isinstance(splits, str):
        return {name: np.asarray(mask, bool) for name, mask in splits.items()}
    own = [runs.group_index == g for g in range(len(runs.groups))]
    largest = np.array([runs.scale[mask].max() for mask in own])[runs.group_index]
    if splits == "rolling":
        return {f"{factor:g}x": runs.scale >= largest / factor for factor in FACTORS}
    if splits == "largest":
        return {"largest": runs.scale == largest}
    if splits == "groups":
        return {
            f"larger half of {group}": mask & (runs.scale > np.median(runs.scale[mask]))
            for group, mask in zip(runs.groups, own, strict=True)
        }
    raise InputError(f"splits is {splits!r}; expected 'rolling', 'largest', 'groups' or a mapping of masks")


def make_cuts(runs: Runs, masks: Mapping[str, np.ndarray]) -> tuple[dict[str, Cut], dict[str, str]]:
    """The cuts that can be made, and for each other one why it cannot.

    A training run is held out as a whole: its checkpoints that the mask leaves would give its end away.

    Raises
    ------
    InputError
        If none can.
    """
    cuts: dict[str, Cut] = {}
    left_out: dict[str, str] = {}
    whole = runs.clusters
    for name, out in masks.items():
        fitted = ~np.isin(whole, whole[out])
        # A group with nothing left to fit cannot be forecast from its own past.
        known = np.isin(runs.group_index, np.unique(runs.group_index[fitted]))
        if fitted.sum() < FEWEST or not (out & known).any():
            left_out[name] = f"{fitted.sum()} runs are left to fit and {(out & known).sum()} to forecast"
        else:
            cuts[name] = Cut(runs.select(fitted), runs.select(out & known))
    if not cuts:
        raise InputError(
            f"{runs.name} cannot be back-tested: {reasons(left_out)} (at least {FEWEST} and 1 wanted)"
        )
    return cuts, left_out


def reasons(left_out: Mapping[str, str]) -> str:
    """Why each cut was left out, in one line."""
    return "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
