"""The runs that a law's answers should not rest on: apart by a pattern of residuals, or in the middle of a schedule."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.left_out import without
from bayes_scaling.inference.residuals import have_residuals, residuals
from bayes_scaling.inference.schedules import bend
from bayes_scaling.inference.structured import findings

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior


def apart(fit: "Posterior") -> np.ndarray:
    """A mask of shape (runs,): the level to leave out of the clearest pattern; none where there is no pattern."""
    if "apart" not in fit.known:
        found = findings(fit, residuals(fit).scaled) if have_residuals(fit) else []
        left = without(fit, found[0].level) if found else None
        fit.known["apart"] = np.zeros(len(fit.runs), bool) if left is None else found[0].level == left[0]
    return fit.known["apart"] > 0  # a file has numbers


def unfinished(fit: "Posterior") -> np.ndarray:
    """A mask of shape (runs,): the checkpoints before the ends of trajectories, where those bend down under the law."""
    if "unfinished" not in fit.known:
        found = residuals(fit) if have_residuals(fit) else None
        bent = None if found is None else bend(fit, found.of_loss, found.far)
        fit.known["unfinished"] = np.zeros(len(fit.runs), bool) if bent is None else ~bent.last
    return fit.known["unfinished"] > 0
