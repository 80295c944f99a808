"""Laws that miss their runs: by more than seeds make, or by a multiple of what any smooth curve leaves."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.residuals import have_residuals, residuals

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior

POOR_FIT = 0.03
"""Noise of log loss above this (3%) is far more than seeds make: the law itself misses something."""

MISSED = 0.03
"""Scatter of log loss around a law (3%) below which nothing is refused: bands are as wide as that."""

TIMES = 3.0
"""From how many times the scatter around a smooth surface on a law does not fit."""

FREE = 6
"""Runs beyond its coefficients that a surface must have: with fewer it may pass through all of them by chance."""


def too_noisy(fit: "Posterior") -> list[str]:
    """Noise that is too large to be noise, by group."""
    if not fit.noise.sigma_is_misfit:
        return []
    scale = fit.posterior["sigma"].median(("chain", "draw"))
    groups = fit.groups if scale.dims else [""]
    return [
        f"the law misses the runs{f' of {group}' if group else ''} by {float(value):.1%} of their loss: "
        "seeds make about 0.3%, so the rest is lack of fit; look at the residuals before believing a band"
        for group, value in zip(groups, np.atleast_1d(scale.to_numpy()), strict=True)
        if value > POOR_FIT
    ]


def unbelievable(fit: "Posterior") -> list[str]:
    """One sentence where a law misses its runs by a multiple of what any smooth law would; for laws of losses."""
    if not have_residuals(fit):
        return []
    missed = float(np.sqrt(np.mean(residuals(fit).of_loss ** 2)))
    smooth = min(_scatter(fit.runs, fit.law.columns), default=np.inf)
    if missed < max(MISSED, TIMES * smooth):
        return []
    return [
        f"law {fit.law.name!r} misses its runs by {missed:.1%} of their loss, where a smooth surface leaves "
        f"{smooth:.1%}: it does not fit, and no band of it can be believed; look at the unit of the losses and at "
        "which way they go, or take another law"
    ]


def _scatter(runs: "Runs", columns: tuple[str, ...]) -> Iterator[float]:
    """Standard deviations of log loss around a constant, a plane and a paraboloid in the logarithms of the inputs.

    Each group has a constant of its own.
    """
    x = np.column_stack([np.log(runs.column(name)) for name in columns])
    x = x - x.mean(axis=0)
    x = x[:, x.std(axis=0) > 1e-9]
    x = x / x.std(axis=0)
    products = [x[:, i] * x[:, j] for i in range(x.shape[1]) for j in range(i + 1)]
    constant = (runs.group_index[:, None] == np.arange(len(runs.groups))).astype(float)
    for terms in ([], [*x.T], [*x.T, *products]):
        design = np.column_stack([constant, *terms])
        left = len(runs) - np.linalg.matrix_rank(design)
        if left >= FREE:
            rest = runs.log_loss - design @ np.linalg.lstsq(design, runs.log_loss)[0]
            yield float(np.sqrt(rest @ rest / left))
