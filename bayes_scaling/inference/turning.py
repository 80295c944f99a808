"""Runs whose loss rises again at the end of the data, where the law goes on falling."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.left_out import mode
from bayes_scaling.inference.residuals import have_residuals, residuals
from bayes_scaling.laws.derivatives import local_slope

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

SURE = 3.0
"""Standard errors above 0 from which on a slope rises."""

RISES = 0.01
"""A slope of log loss in the logarithm of an input, at most which a rise is too small to matter (.7% per doubling)."""

LAST = 1 / 3
"""The share of the runs that is the end of the data: the law's own slope is taken there."""

FREE = 6
"""Configurations beyond its coefficients that a parabola must have."""


def turning(fit: "Posterior") -> Iterator[str]:
    """A sentence for each group and resource at whose upper end losses rise; for laws of losses that fall.

    The slope there is that of the law and of its residuals, on which a parabola in the logarithm of each input is
    fitted by least squares: what bends as the law does leaves no residual.
    """
    if not have_residuals(fit) or fit.law.rises:
        return
    unit = fit.runs.group_index if fit.hierarchical else np.zeros(len(fit.runs), int)
    for i in np.unique(unit):
        for column, slope, error in _rises(fit, unit == i):
            where = f" of {fit.groups[i]}" if fit.hierarchical else ""
            yield (
                f"the response{where} turns and rises with {column} at the end of the data "
                f"({np.expm1(slope * np.log(2)):+.1%} per doubling, {slope / error:.1f} standard errors), where law "
                f"{fit.law.name!r} falls: its forecasts go the other way; look whether these runs were tuned and had "
                "data enough (epochs), and leave them out or take a law that can turn"
            )


def _rises(fit: "Posterior", own: np.ndarray) -> Iterator[tuple[str, float, float]]:
    """Columns whose slope at the upper end is above 0, that slope, and its standard error; of these runs."""
    law, runs = fit.law, fit.runs
    logs = {column: np.log(runs.column(column)[own]) for column in law.columns}
    logs = {column: x - x.max() for column, x in logs.items() if np.ptp(x) > 1e-9}
    design = np.column_stack([np.ones(own.sum()), *(term for x in logs.values() for term in (x, x**2))])
    left = len(np.unique(runs.configurations[own])) - design.shape[1]
    if left < FREE or np.linalg.matrix_rank(design) < design.shape[1]:
        return
    of_loss = residuals(fit).of_loss[own]
    weights = np.linalg.lstsq(design, of_loss)[0]
    rest = of_loss - design @ weights
    errors = np.sqrt(np.mean(rest**2) * own.sum() / left * np.diag(np.linalg.inv(design.T @ design)))
    for letter, column in zip(law.inputs, law.columns, strict=True):
        if letter not in law.resources or column not in logs:
            continue
        at = 1 + 2 * [*logs].index(column)  # inputs are 0 at their upper ends
        least = max(RISES, SURE * errors[at])
        if weights[at] > least:  # or no slope that falls can be outweighed
            end = np.flatnonzero(own)[logs[column] >= np.quantile(logs[column], 1 - LAST)]
            there = {
                a: runs.column(c)[end] / fit.reference[c]
                for a, c in zip(law.inputs, law.columns, strict=True)
            }
            falls = float(np.median(local_slope(law, there, mode(fit, own).parameters, letter)))
            if falls + weights[at] > least:
                yield column, float(falls + weights[at]), float(errors[at])
