"""Forecasts beside runs that the law misses, or from checkpoints: where the law failed already, bands say nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_value
from bayes_scaling.inference.apart import unfinished
from bayes_scaling.inference.residuals import have_residuals, residuals

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior


def beside_missed_runs(fit: "Posterior", at: Mapping[str, np.ndarray], group: str | None = None) -> list[str]:
    """A sentence where the run nearest to a point lies far from the law.

    Parameters
    ----------
    fit : Posterior
    at : mapping of str to ndarray, shape (points,)
        The law's inputs, by column.
    group : str, optional
        Whose runs count. Default: all.
    """
    if not have_residuals(fit) or not (far := residuals(fit).far).size:
        return []
    runs = fit.runs
    own = np.arange(len(runs))
    if group in runs.groups:
        own = np.flatnonzero(runs.group_index == runs.groups.index(group))
    square = np.zeros((np.size(next(iter(at.values()))), own.size))
    for name in fit.law.columns:
        seen = np.log(runs.column(name)[own])
        if (scale := seen.std()) > 1e-9:
            square = square + ((np.log(np.ravel(at[name]))[:, None] - seen) / scale) ** 2
    known = np.isfinite(square).all(axis=1)
    nearest = own[square[known].argmin(axis=1)]
    rows = [row for row in dict.fromkeys(nearest.tolist()) if row in far]
    if not rows:
        return []
    row = rows[0]
    where = ", ".join(f"{name} {format_value(name, runs.column(name)[row])}" for name in fit.law.columns)
    off = np.expm1(residuals(fit).of_loss[row])
    return [
        f"the run nearest to this answer, row {row + 1} ({where}), lies {abs(off):.1%} "
        f"{'above' if off > 0 else 'below'} the law, which does not fit there: take no band of it for granted"
    ]


def asked_of_the_table(fit: "Posterior") -> list[str]:
    """What any answer rests on: a unit that was asked for, and checkpoints that were fitted as finished runs."""
    units = [said.removesuffix(".") for said in fit.runs.warnings if "loss_unit=" in said]
    if not unfinished(fit).any():
        return units
    return [
        *units,
        "checkpoints in the middle of a schedule are taken for finished runs (see diagnose), which biases exponents "
        "and all beyond the data: fit with finished=True (--finished)",
    ]
