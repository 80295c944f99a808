"""Noise of runs whose recipe was not tuned: they lie above the law, never below it.

A Student-t in two pieces, with scale sigma below the law and sigma + excess above it (Fernandez and Steel 1998,
doi:10.2307/2669632).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.laws.priors import LogNormal, Prior
from bayes_scaling.model.likelihood import two_piece_log_likelihood
from bayes_scaling.model.structure import Density, Structure
from bayes_scaling.model.student import StudentT, scattered


@dataclass(frozen=True)
class Undertuned(StudentT):
    """Noise that is wider above the law than below it; the law is that of well-tuned runs, and so are its forecasts.

    Attributes
    ----------
    slope_in, sigma, nu, slope
        As for `StudentT`; sigma is the scale below the law.
    excess : Prior
        How much wider log loss scatters above the law.
    """

    excess: Prior = LogNormal(0.02, 1.2)

    joins_checkpoints = False

    @property
    def name(self) -> str:
        return "undertuned"

    @property
    def description(self) -> str:
        return f"{super().description}, wider above the law than below it"

    @property
    def _own_meanings(self) -> dict[str, str]:
        return {"excess": "how much wider log loss scatters above the law than below it"}

    def _own_priors(self, clustered: bool, along: bool) -> dict[str, Prior]:
        return {"excess": self.excess}

    def density(
        self,
        s: Structure,
        d: Mapping[str, Computed],
        law_at: Array,
        sigma: Array,
        shared: Mapping[str, Array],
    ) -> Density:
        import pytensor.tensor as pt

        residual = d["log_loss"] - pt.log(law_at)
        scale = self._scale(d, sigma, shared)
        below = scale**2 + d["measurement_variance"]
        above = (scale + shared["excess"]) ** 2 + d["measurement_variance"]
        rows = two_piece_log_likelihood(residual, below, above, shared["nu"], d["weight"])
        if s.clustered:
            rows = pt.inc_subtensor(pt.zeros(s.n_clusters)[d["cluster_index"]], rows)
        return Density(rows, residual, (below * above) ** 0.5)

    def draw(
        self,
        rng: np.random.Generator,
        runs: Runs,
        data: Mapping[str, np.ndarray],
        mean: np.ndarray,
        sigma: np.ndarray,
        values: Mapping[str, float],
        measurement_sd: np.ndarray,
    ) -> np.ndarray:
        scale, z = self._scale(data, sigma, {"slope": 0.0, **values}), rng.standard_normal(len(runs))
        below = np.sqrt(scale**2 + measurement_sd**2)
        above = np.sqrt((scale + values.get("excess", 0.0)) ** 2 + measurement_sd**2)
        over = rng.uniform(size=len(runs)) < above / (above + below)
        own = np.where(over, above, -below) * np.sign(z) * z
        return scattered(rng, mean, own, np.arange(len(runs)), values)
