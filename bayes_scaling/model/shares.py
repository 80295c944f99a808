"""Noise of shares of test items: beta around the law, binomial where the items are counted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.priors import LogNormal, Prior
from bayes_scaling.model.likelihood import share_log_likelihood
from bayes_scaling.model.structure import Density, Design, ModelData, NoiseModel, Rows, Structure


@dataclass(frozen=True)
class Shares(NoiseModel):
    """A run's share of test items around the law.

    Attributes
    ----------
    sigma : Prior
        How far runs scatter beyond what the number of items makes them, in units of sqrt(p (1 - p)).
    """

    sigma: Prior = LogNormal(0.05, 1.0, between=0.5)

    response = "share"
    by_row = True
    joins_checkpoints = False
    sigma_is_misfit = False

    @property
    def name(self) -> str:
        return "shares"

    @property
    def description(self) -> str:
        return "beta around the law, then binomial where test items are counted"

    def meanings(self, clustered: bool) -> dict[str, str]:
        return {"sigma": "scatter of a run's share beyond its items, in sqrt(p (1 - p))"}

    def shared_priors(self, clustered: bool, along: bool = False) -> dict[str, Prior]:
        return {}

    def check(self, runs: Runs, law: Law) -> None:
        if runs.loss.max() > 1:
            raise InputError(
                f"law {law.name!r} gives a share between 0 and 1, but {runs.name} reaches {runs.loss.max():.4g}; "
                "divide percentages by 100, or choose a law of losses"
            )
        if runs.items is None and runs.loss.max() == 1:
            raise InputError(
                f"{runs.name} has a share of 1; name the column that counts test items (items='...')"
            )

    def measured(self, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
        return runs.loss, np.zeros(len(runs))

    def clusters(self, runs: Runs) -> np.ndarray:
        return np.arange(len(runs))

    def data(self, runs: Runs, inputs: Mapping[str, np.ndarray]) -> ModelData:
        return {"share": runs.loss, "items": runs.items if runs.items is not None else np.ones(len(runs))}

    def blank(self, s: Structure) -> ModelData:
        return {name: np.zeros(s.n_rows) for name in ("share", "items")}

    def density(self, rows: Rows) -> Density:
        import pytensor.tensor as pt

        d, sigma, counted = rows.data, rows.sigma, rows.structure.counted
        expected = pt.clip(rows.law, 1e-9, 1 - 1e-9)
        own = sigma**2 / (1 + sigma**2)
        return Density(
            share_log_likelihood(d["share"], d["items"], expected, sigma, d["weight"], counted),
            d["share"] - expected,
            expected * (1 - expected) * (own + (1 - own) * float(counted) / d["items"]),
        )

    def draw(self, rng: np.random.Generator, design: Design) -> np.ndarray:
        items = design.data["items"].astype(int) if design.counted else None
        return drawn_shares(rng, design.law, design.sigma, items)


def drawn_shares(
    rng: np.random.Generator, expected: np.ndarray, sigma: np.ndarray, items: np.ndarray | int | None
) -> np.ndarray:
    """Shares of test items drawn as `share_log_likelihood` has them; items is None where they are not counted."""
    p, precision = np.clip(expected, 1e-9, 1 - 1e-9), np.asarray(sigma) ** -2
    share: np.ndarray = rng.beta(p * precision, (1 - p) * precision)
    return share if items is None else rng.binomial(items, share) / items
