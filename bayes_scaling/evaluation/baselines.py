"""Two common answers to stand beside a back-test: the bootstrap of a Huber fit, and Laplace's approximation.

Both fit each group alone on log loss, and neither knows any drift.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.laws.base import Law

HUBER = 1e-3
"""Where the loss of log residuals turns linear (Hoffmann et al. 2022, section 3.3)."""

RIDGE = 5e-4
"""Log loss by which a residual weighs as much as one prior sd of a parameter: a weak prior keeps directions that the
data do not identify from running away, and moves no other."""

BOOTSTRAPS, DRAWS = 100, 1000


type Answer = Callable[[list[np.ndarray], np.ndarray, list[np.ndarray]], np.ndarray]
"""From scaled inputs and log losses to draws of log loss at other inputs, shape (draws, points)."""


def huber_bootstrap(law: "Law", train: "Runs", test: "Runs", seed: int = 0) -> np.ndarray:
    """Draws of log loss of new runs, shape (draws, runs): resampled Huber fits and resampled residuals."""
    rng = np.random.default_rng(seed)

    def answer(x: list[np.ndarray], y: np.ndarray, at: list[np.ndarray]) -> np.ndarray:
        best = _fit(law, x, y, np.zeros(len(law.parameters)), RIDGE, HUBER)
        residual = y - _log(law, x, best)
        draws = []
        for _ in range(BOOTSTRAPS):
            pick = rng.integers(len(y), size=len(y))
            theta = _fit(law, [v[pick] for v in x], y[pick], best, RIDGE, HUBER)
            middle = _log(law, at, theta)
            draws += [middle + rng.choice(residual, len(middle)) for _ in range(DRAWS // BOOTSTRAPS)]
        return np.array(draws)

    return _by_group(law, train, test, answer)


def laplace(law: "Law", train: "Runs", test: "Runs", seed: int = 0) -> np.ndarray:
    """Draws of log loss of new runs, shape (draws, runs): a normal around the mode, and normal noise."""
    rng = np.random.default_rng(seed)

    def answer(x: list[np.ndarray], y: np.ndarray, at: list[np.ndarray]) -> np.ndarray:
        best, sigma = np.zeros(len(law.parameters)), 0.05
        for _ in range(5):  # the mode for a noise, the noise at the mode
            best = _fit(law, x, y, best, sigma, None)
            residual = y - _log(law, x, best)
            sigma = float(np.sqrt(np.sum(residual**2) / max(len(y) - len(best), 1)))
        step = 1e-5 * np.eye(len(best))
        slopes = np.array([(_log(law, x, best + e) - _log(law, x, best - e)) / 2e-5 for e in step]).T
        covariance = np.linalg.inv(slopes.T @ slopes / sigma**2 + np.eye(len(best)))
        thetas = rng.multivariate_normal(best, covariance, size=DRAWS)
        middle = np.array([_log(law, at, theta) for theta in thetas])
        return middle + sigma * rng.standard_normal(middle.shape)

    return _by_group(law, train, test, answer)


def _by_group(law: "Law", train: "Runs", test: "Runs", answer: Answer) -> np.ndarray:
    """The answers of each group's own runs, shape (draws, runs)."""
    draws = np.full((DRAWS, len(test)), np.nan)
    labels = [np.array(runs.groups)[runs.group_index] for runs in (train, test)]
    for group in np.unique(labels[1]) if len(train.groups) > 1 else [None]:
        own, asked = (np.ones(len(x), bool) if group is None else x == group for x in labels)
        x, at = (
            [runs.column(name)[mask] / train.reference[name] for name in law.columns]
            for runs, mask in ((train, own), (test, asked))
        )
        with np.errstate(all="ignore"):
            draws[:, asked] = answer(x, train.log_loss[own], at)
    return draws


def _log(law: "Law", x: list[np.ndarray], theta: np.ndarray) -> np.ndarray:
    """Log of the law at parameters in standard deviations of their priors."""
    values = {name: prior.at(z) for (name, prior), z in zip(law.priors.items(), theta, strict=True)}
    loss: np.ndarray = law(*x, **values)
    return np.nan_to_num(np.log(loss), nan=50.0, posinf=50.0, neginf=-50.0)


def _fit(
    law: "Law", x: list[np.ndarray], y: np.ndarray, start: np.ndarray, sigma: float, huber: float | None
) -> np.ndarray:
    """The mode under the law's priors, with normal noise or Huber's loss of log residuals."""
    from scipy.optimize import least_squares

    # Huber's loss for the data alone, written into the residuals so that the prior stays quadratic.
    def residuals(theta: np.ndarray) -> np.ndarray:
        r = y - _log(law, x, theta)
        if huber is not None:
            size = np.abs(r)
            r = np.sign(r) * np.where(
                size <= huber, size, np.sqrt(np.maximum(2 * huber * size - huber**2, 0))
            )
        return np.concatenate([r / sigma, theta])

    best: np.ndarray = least_squares(residuals, start, method="trf", max_nfev=200).x
    return best
