"""Noise of runs whose recipe was not tuned: they lie above the law, never below it.

A Student-t in two pieces, with scale sigma below the law and sigma + excess above it (Fernandez and Steel 1998,
doi:10.2307/2669632).
"""

from dataclasses import dataclass

import numpy as np

from bayes_scaling.laws.priors import LogNormal, Prior
from bayes_scaling.model.likelihood import two_piece_log_likelihood
from bayes_scaling.model.structure import Density, Design, Rows
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

    def density(self, rows: Rows) -> Density:
        s, d, shared = rows.structure, rows.data, rows.shared
        residual = self._residual(rows)
        scale = self._scale(d, rows.sigma, shared)
        below = scale**2 + d["measurement_variance"]
        above = (scale + shared["excess"]) ** 2 + d["measurement_variance"]
        density = two_piece_log_likelihood(residual, below, above, shared["nu"], d["weight"])
        if s.clustered:
            density = rows.total(density)
        return Density(density, residual, (below * above) ** 0.5)

    def draw(self, rng: np.random.Generator, design: Design) -> np.ndarray:
        rows, scale = np.arange(len(design.law)), self._drawn_scale(design)
        z = rng.standard_normal(len(rows))
        below = np.sqrt(scale**2 + design.measurement_sd**2)
        above = np.sqrt((scale + design.shared.get("excess", 0.0)) ** 2 + design.measurement_sd**2)
        over = rng.uniform(size=len(rows)) < above / (above + below)
        own = np.where(over, above, -below) * np.sign(z) * z
        return self._above(design.law, scattered(rng, design, own, rows))
