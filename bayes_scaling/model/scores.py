"""Noise of scores that rise and have any unit (BLEU, Elo, accuracy in percent): added to the law."""

from dataclasses import dataclass

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.laws.priors import LogNormal, OfRange, Prior
from bayes_scaling.model.structure import Rows
from bayes_scaling.model.student import Noise


@dataclass(frozen=True)
class Scores(Noise):
    """Student-t noise that is added to the score, where that of a loss is added to its logarithm.

    A score may be of either sign and has no known ceiling, so that neither a logarithm nor log odds exist. Attributes
    are those of `Noise`; those on the scale of the score have priors in units of the table's range.
    """

    sigma: Prior = OfRange(LogNormal(0.03, 1.2, between=0.7))
    lack_of_fit: Prior = OfRange(LogNormal(0.03, 1.5))

    response = "score"
    sigma_is_misfit = False

    @property
    def name(self) -> str:
        return "scores"

    @property
    def description(self) -> str:
        return super().description.replace("log loss", "the score")

    def meanings(self, clustered: bool) -> dict[str, str]:
        return {
            name: words.replace("log loss", "the score")
            for name, words in super().meanings(clustered).items()
        }

    def measured(self, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
        return runs.loss, runs.loss_se

    def _residual(self, rows: Rows) -> Computed:
        return rows.data[self.observed] - rows.law

    def _above(self, law: np.ndarray, residual: np.ndarray) -> np.ndarray:
        return np.asarray(law + residual)
