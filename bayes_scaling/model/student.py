"""Student-t noise on log loss, alone, in clusters and along trajectories.

Rows that share something (replicates of one configuration, checkpoints of one trajectory) form a cluster. The
log losses of a cluster are jointly Student-t around the law with scale matrix

    lack_of_fit^2 * 11' + diag(sigma_i^2 + measurement_i^2)

so seed variance (sigma) stands apart from what the law misses of a configuration (lack_of_fit), and a hundred
checkpoints never count as a hundred runs. Nothing but the scale is sampled: the shared effect is integrated
out in closed form (Sherman-Morrison). Where every cluster is a single row, lack of fit and seed cannot be
separated; there is one sigma, and the likelihood is a Student-t in each row.

Neighbouring checkpoints of a trajectory err together beyond the effect that all share: their own noise is an
Ornstein-Uhlenbeck process in log compute, whose correlation falls by 1/e over `persistence` e-folds. As that is
Markov, each row less what its predecessor predicts is independent of the rows before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.laws.priors import LogNormal, Normal, Prior
from bayes_scaling.model.likelihood import (
    cluster_log_likelihood,
    of_trajectory,
    run_scale,
    single_log_likelihood,
)
from bayes_scaling.model.structure import QUIETEST, Density, Design, ModelData, NoiseModel, Rows, Structure

if TYPE_CHECKING:
    import xarray as xr

SLOPES = ("flops", "params", "tokens")
"""Columns along which sigma may change."""

FIRST = 1e4
"""E-folds since the checkpoint before, where there is none."""


@dataclass(frozen=True)
class StudentT(NoiseModel):
    """What all Student-t noises share.

    Attributes
    ----------
    slope_in : {None, "flops", "params", "tokens"}
        None: sigma is constant. Otherwise log sigma is linear in the logarithm of that column, and frozen at
        the edge of the training data: extrapolated freely, it shrinks sigma exactly where nobody has looked.
    sigma : Prior
        Scale of the noise of one run on log loss (at the reference point).
    nu : Prior
        Degrees of freedom of the Student-t.
    slope : Prior
        Change of log sigma per e-fold of ``slope_in``.
    """

    slope_in: Literal["flops", "params", "tokens"] | None = None
    sigma: Prior = LogNormal(0.01, 1.2, between=0.7, above=QUIETEST)
    nu: Prior = LogNormal(7.0, 0.8, above=1.0)
    slope: Prior = Normal(0.0, 0.2)

    by_row = True

    def __post_init__(self) -> None:
        if self.slope_in not in (None, *SLOPES):
            raise InputError(
                f"noise slope_in must be None, 'flops', 'params' or 'tokens', not {self.slope_in!r}"
            )

    @property
    def covariates(self) -> dict[str, str]:
        return {"noise_covariate": self.slope_in} if self.slope_in else {}

    @property
    def name(self) -> str:
        return self.slope_in or "constant"

    @property
    def description(self) -> str:
        along = f"log-linear in {self.slope_in}, frozen beyond the data" if self.slope_in else "constant"
        return f"Student-t on log loss, scale {along}"

    def meanings(self, clustered: bool) -> dict[str, str]:
        return {
            "sigma": "seed sd of log loss"
            if clustered
            else "noise of log loss: seed and lack of fit together",
            **self._own_meanings,
            "nu": "degrees of freedom of the noise",
            "slope": f"change of log sigma per e-fold of {self.slope_in}",
        }

    @property
    def _own_meanings(self) -> dict[str, str]:
        return {}

    def _own_priors(self, clustered: bool, along: bool) -> dict[str, Prior]:
        return {}

    def _residual(self, rows: Rows) -> Computed:
        """How far each row lies above the law."""
        import pytensor.tensor as pt

        return rows.data[self.observed] - pt.log(rows.law)

    def _above(self, law: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """What lies so far above the law: the inverse of `_residual`."""
        with np.errstate(all="ignore"):
            losses: np.ndarray = law * np.exp(residual)
        return losses

    def shared_priors(self, clustered: bool, along: bool = False) -> dict[str, Prior]:
        slope = {"slope": self.slope} if self.slope_in else {}
        return {"nu": self.nu} | self._own_priors(clustered, along) | slope

    def _scale(self, d: Mapping[str, Computed], sigma: Array, values: Mapping[str, Array]) -> Computed:
        """Scale of each row's own noise."""
        return run_scale(sigma, values["slope"], d["noise_covariate"]) if self.slope_in else sigma

    def _drawn_scale(self, design: Design) -> np.ndarray:
        scale: np.ndarray = self._scale(design.data, design.sigma, {"slope": 0.0, **design.shared})
        return scale

    def new_run_scale(
        self, posterior: "xr.Dataset", covariates: "Mapping[str, xr.DataArray | float]"
    ) -> "xr.DataArray":
        scale: xr.DataArray = self._scale(covariates, posterior["sigma"], posterior)  # type: ignore[arg-type]
        return scale

    def degrees_of_freedom(self, posterior: "xr.Dataset") -> "xr.DataArray":
        return posterior["nu"]

    def standard(
        self, rng: np.random.Generator, posterior: "xr.Dataset", like: "xr.DataArray"
    ) -> "xr.DataArray":
        nu = posterior["nu"].broadcast_like(like).transpose(*like.dims)
        return like.copy(data=rng.standard_t(nu.to_numpy()))

    def steady(self) -> Self:
        return replace(self, slope_in=None)


@dataclass(frozen=True)
class Noise(StudentT):
    """Student-t noise of runs that were tuned alike.

    Attributes
    ----------
    slope_in, sigma, nu, slope
        As for `StudentT`.
    lack_of_fit : Prior
        What the law misses of a configuration, shared by its replicates, or of a trajectory, shared by its
        checkpoints; used only where there are clusters.
    persistence : Prior
        E-folds of compute over which the correlation of neighbouring checkpoints falls by 1/e; used only where
        there are trajectories.
    """

    lack_of_fit: Prior = LogNormal(0.01, 1.5)
    persistence: Prior = LogNormal(0.3, 1.0)

    summarises = True

    @property
    def _own_meanings(self) -> dict[str, str]:
        return {
            "lack_of_fit": "lack of fit of a configuration, sd of log loss",
            "persistence": "e-folds of compute over which checkpoints err alike",
        }

    def _own_priors(self, clustered: bool, along: bool) -> dict[str, Prior]:
        lack = {"lack_of_fit": self.lack_of_fit} if clustered else {}
        return lack | ({"persistence": self.persistence} if clustered and along else {})

    def along(self, runs: Runs) -> bool:
        return bool(runs.clusters.max() + 1 < len(runs)) and "trajectory" in runs.table

    def data(self, runs: Runs, inputs: Mapping[str, np.ndarray]) -> ModelData:
        data = super().data(runs, inputs)
        if self.along(runs):
            data["previous"], data["gap"] = _steps(runs)
        return data

    def blank(self, s: Structure) -> ModelData:
        data = super().blank(s)
        if s.along:
            data["gap"] = np.ones(s.n_rows)
        if s.along and not s.boxed:
            data["previous"] = np.arange(s.n_rows, dtype=np.int32)
        return data

    def density(self, rows: Rows) -> Density:
        s, d, shared = rows.structure, rows.data, rows.shared
        residual = self._residual(rows)
        variance = self._scale(d, rows.sigma, shared) ** 2 + d["measurement_variance"]
        if not s.clustered:
            alone = single_log_likelihood(residual, variance, shared["nu"], d["weight"])
            return Density(alone, residual, variance)

        effect: Array = 1.0
        if s.along:
            residual, variance, effect = of_trajectory(
                rows.before, residual, variance, d["gap"], shared["persistence"]
            )
        spread, scatter = shared["lack_of_fit"] ** 2, d["scatter"] if s.summarised else 0.0
        together = cluster_log_likelihood(
            rows.total, residual, variance, spread, shared["nu"], d["weight"], effect, scatter
        )
        known = rows.total(d["weight"] * effect**2 / variance)
        return Density(together, residual, variance * (1 + spread * rows.of_cluster(known)))

    def draw(self, rng: np.random.Generator, design: Design) -> np.ndarray:
        data, z = design.data, rng.standard_normal(len(design.law))
        if "previous" in data and (persistence := float(design.shared.get("persistence", 0.0))):
            correlation = np.exp(-data["gap"] / persistence)
            depth = depths(data["previous"])
            for rows in (np.flatnonzero(depth == step) for step in range(1, depth.max() + 1)):
                own = np.sqrt(1 - correlation[rows] ** 2) * z[rows]
                z[rows] = correlation[rows] * z[data["previous"][rows]] + own
        own = np.sqrt(self._drawn_scale(design) ** 2 + design.measurement_sd**2) * z
        return self._above(design.law, scattered(rng, design, own, data["cluster_index"]))

    def new_run_scale(
        self, posterior: "xr.Dataset", covariates: "Mapping[str, xr.DataArray | float]"
    ) -> "xr.DataArray":
        scale = super().new_run_scale(posterior, covariates)
        if "lack_of_fit" in posterior:
            scale = (scale**2 + posterior["lack_of_fit"] ** 2) ** 0.5
        return scale


def scattered(rng: np.random.Generator, design: Design, own: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Residuals of rows, (rows,), from their own normal noise: a cluster shares an effect and a Student-t's scale."""
    count = int(clusters.max()) + 1
    shared = design.shared.get("lack_of_fit", 0.0) * rng.standard_normal(count)
    nu = float(design.shared.get("nu", np.inf))
    # A multivariate Student-t: normals, all of a cluster divided by one root of chi-squared over nu.
    inflation = np.sqrt(nu / rng.chisquare(nu, count)) if np.isfinite(nu) else np.ones(count)
    if "mixing" in design.data:
        inflation[clusters] = design.data["mixing"] ** -0.5
    residuals: np.ndarray = (own + shared[clusters]) * inflation[clusters]
    return residuals


def depths(previous: np.ndarray) -> np.ndarray:
    """How many checkpoints of its trajectory are before each one."""
    depth, at = np.zeros(len(previous), int), np.arange(len(previous))
    while (more := previous[at] != at).any():
        depth, at = depth + more, previous[at]
    return depth


def _steps(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """The checkpoint before each one of its trajectory (itself, if it is the first), and e-folds of compute since."""
    log_scale = np.log(runs.scale)
    order = np.lexsort((log_scale, runs.clusters))
    later = np.diff(runs.clusters[order], prepend=-1) == 0
    later &= runs.table["trajectory"].notna().to_numpy()[order]
    previous, gap = np.arange(len(runs), dtype=np.int32), np.full(len(runs), FIRST)
    previous[order[later]] = order[:-1][later[1:]]
    known = previous != np.arange(len(runs))
    # Two rows of one checkpoint are kept apart by a hair, or they would predict each other exactly.
    gap[known] = np.maximum((log_scale - log_scale[previous])[known], 1e-3)
    return previous, gap
