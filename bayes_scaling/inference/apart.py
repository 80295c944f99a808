"""The runs without which a law fits the others best, where its residuals have a pattern; files keep which they are."""

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from bayes_scaling.inference.left_out import without
from bayes_scaling.inference.residuals import have_residuals, residuals
from bayes_scaling.inference.structured import findings

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

_KNOWN: "WeakKeyDictionary[Posterior, np.ndarray]" = WeakKeyDictionary()


def apart(fit: "Posterior") -> np.ndarray:
    """A mask of shape (runs,): the level to leave out of the clearest pattern; none where there is no pattern."""
    if "residuals" in fit.tree and "apart" in fit.tree["residuals"]:
        return fit.tree["residuals"]["apart"].to_numpy() > 0
    if fit not in _KNOWN:
        _KNOWN[fit] = _found(fit)
    return _KNOWN[fit]


def _found(fit: "Posterior") -> np.ndarray:
    found = findings(fit, residuals(fit).scaled) if have_residuals(fit) else []
    left = without(fit, found[0].level) if found else None
    return np.zeros(len(fit.runs), bool) if left is None else found[0].level == left[0]
