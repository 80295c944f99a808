"""The predictive density of runs that a fit has not seen, in parts, so that any drift can be put in and scored."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.evaluation.scores import Scores, scores_of_draws
from bayes_scaling.forecast.new_run import curve_ahead, new_run_scale
from bayes_scaling.forecast.predict import predict
from bayes_scaling.model.discrepancy import Discrepancy
from bayes_scaling.model.drift import Drift, distance
from bayes_scaling.model.likelihood import two_piece_log_likelihood

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Predictive:
    """A mixture over posterior draws: a Student-t of log loss around the law, in two pieces where runs are undertuned.

    Attributes
    ----------
    y : ndarray, shape (runs,)
        Log loss that was reached.
    middle, scale, nu, excess : ndarray, shape (runs, draws)
        Log of the law, scale of a new run below it, degrees of freedom, and how much wider the scale is above the law.
    decades : ndarray, shape (runs,)
        Distance beyond the data, in powers of ten.
    seed : int
    """

    y: np.ndarray
    middle: np.ndarray
    scale: np.ndarray
    nu: np.ndarray
    excess: np.ndarray
    decades: np.ndarray
    seed: int

    def log_density(self, drift: Drift, s: float | None = None) -> np.ndarray:
        """Log predictive density of each run under a drift, or under one whose s is known; shape (runs,)."""
        return self._log_density(self._drifted(drift, np.random.default_rng([self.seed, 505]), s))

    def scores(self, drift: Drift) -> Scores:
        """Scores of the forecast under a drift."""
        # SciPy's distributions load when something is scored, and not on import.
        from scipy.stats import t

        rng = np.random.default_rng([self.seed, 505])
        middle = self._drifted(drift, rng)
        # What is held out was tuned no better than what was fitted.
        residual, wide = self.y[:, None] - middle, self.scale + self.excess
        over, share = residual > 0, self.scale / (self.scale + wide)
        tail = t.cdf(residual / np.where(over, wide, self.scale), self.nu)
        pit = np.where(over, share + (1 - share) * (2 * tail - 1), 2 * share * tail).mean(1)
        drawn = np.abs(rng.standard_t(self.nu))
        below = rng.uniform(size=drawn.shape) < share
        draws = (middle + np.where(below, -self.scale, wide) * drawn).T
        return replace(scores_of_draws(draws, self.y), log_density=self._log_density(middle), pit=pit)

    def _drifted(self, drift: Drift, rng: np.random.Generator, s: float | None = None) -> np.ndarray:
        """`middle` with a draw of the drift for each draw of the posterior."""
        moved: np.ndarray = self.middle + self.decades[:, None] * drift.slopes(
            rng, (self.middle.shape[1],), s
        )
        return moved

    def _log_density(self, middle: np.ndarray) -> np.ndarray:
        from scipy.special import logsumexp

        below, above = self.scale**2, (self.scale + self.excess) ** 2
        density = two_piece_log_likelihood(self.y[:, None] - middle, below, above, self.nu, 1.0)
        mixed: np.ndarray = logsumexp(density, axis=1) - np.log(middle.shape[1])
        return mixed


def predictive(fit: "Posterior", test: Runs) -> Predictive:
    """The predictive density of runs, each under its own group of a fit."""
    parts = list(_by_group(fit, test))
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    joined = {
        field.name: np.concatenate([getattr(part, field.name) for _, part in parts])[order]
        for field in fields(Predictive)
        if field.name != "seed"
    }
    return Predictive(**joined, seed=fit.seed)


def _by_group(fit: "Posterior", test: Runs) -> Iterator[tuple[np.ndarray, Predictive]]:
    """For each group, which rows of the table are its own, and their predictive density."""
    labels = np.array(test.groups)[test.group_index]
    asked = fit.noise.covariates.values()
    names = dict.fromkeys((*fit.law.columns, *(column for column in asked if column != "flops")))
    for group in dict.fromkeys(labels) if len(fit.groups) > 1 else [None]:
        rows = np.flatnonzero(labels == group) if group is not None else np.arange(len(test))
        forecast = predict(fit, group=group, drift=False, **{name: test.column(name)[rows] for name in names})
        posterior, mean = fit.draws(group), forecast.mean
        middle, scale, nu, excess = (
            x.broadcast_like(mean).transpose("point", "chain", "draw").to_numpy().reshape(len(rows), -1)
            for x in (
                mean,
                new_run_scale(fit, posterior, forecast.inputs),
                fit.noise.degrees_of_freedom(posterior),
                posterior.get("excess", 0 * posterior["sigma"]),
            )
        )
        middle = np.log(middle)
        if fit.noise.joint:
            middle += forecast.drift.transpose("point", "chain", "draw").to_numpy().reshape(middle.shape)
        elif isinstance(fit.noise, Discrepancy):
            (curve,) = curve_ahead(fit, group, forecast.inputs)
            middle, scale = middle + curve.center.T, np.hypot(scale, curve.spread.T)
        decades = distance(forecast.decades_beyond).to_numpy()
        yield rows, Predictive(test.log_loss[rows], middle, scale, nu, excess, decades, fit.seed)
