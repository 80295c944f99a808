"""Floors that cannot be: above a loss that was reached, or pressed against 0 by losses whose unit has another zero."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.left_out import mode
from bayes_scaling.laws.derivatives import endless, evaluate
from bayes_scaling.laws.names import get_law
from bayes_scaling.laws.roles import Kind

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

POOR, BETTER = 0.03, 0.6
"""Noise from which on a floor below 0 is tried, and the share of it that a better fit leaves at most."""


def floor_at_zero(fit: "Posterior") -> list[str]:
    """A sentence where a floor below 0 fits a curve of one input much better than any above it."""
    law, runs = fit.law, fit.runs
    floors = law.with_kind(Kind.IRREDUCIBLE)
    if (
        law.response != "loss"
        or law.rises
        or len(law.columns) != 1
        or len(floors) != 1
        or len(runs.groups) > 1
    ):
        return []
    if (
        float(fit.posterior["sigma"].median()) < POOR
        or float(fit.posterior[floors[0]].median()) > runs.loss.min()
    ):
        return []
    everything = np.ones(len(runs), bool)
    # The catalogue's priors: those of the fit may be in units of losses that come near 0.
    plain = law.with_priors(dict(get_law(law.name).priors))
    found = []
    for shift in (0.0, float(np.ptp(runs.loss))):
        # A constant is added to losses and floor alike; the residuals are of the losses themselves.
        table = runs.table.assign(loss=runs.loss + shift)
        moved = replace(fit, law=plain if shift else law, runs=replace(runs, table=table))
        best = mode(moved, everything)
        (column,) = law.columns
        there = law(runs.column(column) / fit.reference[column], **best.parameters) - shift
        found.append((best.parameters[floors[0]] - shift, float(np.sqrt(np.mean((runs.loss - there) ** 2)))))
    (_, above), (floor, below) = found
    if floor > 0 or below > BETTER * above:
        return []
    return [
        f"{floors[0]} presses against 0: with a floor of {floor:.3g} the law would miss the runs by {below:.2g} "
        f"instead of {above:.2g}. Responses that may fall below 0 are no losses: fit their negative as a score "
        "(response='score', law pow3, whose ceiling may be any number), or take a law without a floor, as power_law"
    ]


def floor_above_runs(fit: "Posterior") -> list[str]:
    """Groups whose irreducible loss lies above a loss that one of their runs has reached."""
    law = fit.law
    if not law.with_kind(Kind.IRREDUCIBLE):
        return []
    sentences = []
    for i, group in enumerate(fit.groups):
        own = np.flatnonzero(fit.runs.group_index == i)
        lowest = own[fit.runs.loss[own].argmin()]
        at = {
            letter: float(fit.runs.column(column)[lowest] / fit.reference[column])
            for letter, column in zip(law.inputs, law.columns, strict=True)
            if letter not in law.resources and letter not in law.chosen
        }
        floor = float(_floor(fit, group, at).quantile(0.05))
        reached = float(fit.runs.loss[lowest])
        if floor > reached:
            sentences.append(
                f"the irreducible loss of {group} (95% of it above {floor:.3g}) lies above a loss that a run has "
                f"reached ({reached:.3g}): the law does not fit there, and no band of it can be believed"
            )
    return sentences


def _floor(fit: "Posterior", group: str | None, at: Mapping[str, float]) -> "xr.DataArray":
    """Draws of the law as scale grows without end; 0 where it rises.

    ``at`` are the inputs that are no resource, as a covariate; what a run may choose, as its recipe, is at its best.
    """
    draws = fit.draws(group)
    parameters = {name: draws[name] for name in fit.law.parameters}
    limit: xr.DataArray = endless(fit.law, at, parameters)
    return limit.where(limit <= evaluate(fit.law, at, parameters), 0.0)
