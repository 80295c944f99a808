"""Model discrepancy of a law of N and D: what it misses of its reducible loss, as a process over compute and D/N.

A law is wrong by an amount that is small where the runs are and grows with the distance from them. What it says of the
reducible loss R (the loss above its limit for endless resources) is off by a factor exp(delta),

    log L_i = log f_i + w_i delta_i + noise,   w = d log f / d log R = R / f,
    delta   = a_C W_C(c) + a_M W_M(m) + a_S S(log N, log D),   c = log10 C,  m = log10(D / N),

with W integrated Brownian motions from the middle of the runs (cubic splines, which go on straight) and S a process of
short range. Each group has a path of its own; or, where what a law misses of one corpus is missed of others much alike
(`shared`), groups have one path together, and each another on top of it, of amplitudes in proportion. Forecasts replace
R by R exp(delta), so that no draw falls below its own limit. Beyond the largest compute of the runs R falls by some
more per decade than the law says (`beyond`).

Noise is a Student-t, a scale mixture of normals (West 1987, doi:10.1093/biomet/74.3.646): given the parameters and a
mixing variable for each cluster of rows, all is normal. Paths are linear models in fixed bases (`processes`), whose
weights are integrated out: the likelihood is that of a Bayesian linear regression (Rasmussen and Williams 2006, 2.1).
Given the weights in turn, mixing variables are gamma.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.laws.priors import LogNormal, Normal, Prior
from bayes_scaling.model.given_others import White, log_density_given_others
from bayes_scaling.model.likelihood import of_trajectory
from bayes_scaling.model.pooling import Pooling
from bayes_scaling.model.processes import Basis, Points, integrated_brownian, squared_exponential
from bayes_scaling.model.regression import Regression, regression
from bayes_scaling.model.structure import Density, Design, ModelData, Rows, Structure
from bayes_scaling.model.student import Noise

if TYPE_CHECKING:
    import xarray as xr

AMPLITUDES = ("amplitude_flops", "amplitude_ratio", "amplitude_local", "amplitude_own")


@dataclass(frozen=True)
class Surface(Noise):
    """Processes of the reducible loss over compute and D/N, and Student-t noise around them.

    Attributes
    ----------
    slope_in, sigma, slope, lack_of_fit, persistence
        As for `Noise`; ``nu`` has no part.
    degrees : float
        Degrees of freedom of the noise.
    amplitude_flops, amplitude_ratio : Prior
        Of a_C and a_M, how far the slope of log R departs from the law's at one decade from the middle of the runs.
    amplitude_local : Prior
        Of a_S, the standard deviation of log R that a short-range process adds.
    length : float
        Of the short-range process, in decades of N and D.
    beyond : Normal
        Change of log R per decade beyond the largest compute.
    ranks : tuple of int
        How many functions of each of the three processes the runs see.
    shared : bool
        Whether groups have a path together too; never where they share nothing else, or there is one (`among`).
    amplitude_own : Prior
        Of the amplitudes of a group's own path beside the common one, as a share of those.
    own_ranks : tuple of int
        As ``ranks``, of such a path.
    """

    # Learnt on held-out larger runs of eleven families of tables: benchmarks/results/discrepancy.md.
    amplitude_flops: Prior = LogNormal(0.02, 0.9)
    amplitude_ratio: Prior = LogNormal(0.10, 0.6)
    amplitude_local: Prior = LogNormal(0.05, 0.6)
    degrees: float = 5.0
    length: float = 0.7
    beyond: Normal = Normal(-0.035, 0.02)
    ranks: tuple[int, int, int] = (6, 6, 16)
    shared: bool = False
    amplitude_own: Prior = LogNormal(1.0, 0.5)
    own_ranks: tuple[int, int, int] = (3, 3, 8)

    joint = True
    mixed = True
    reads_floor = True
    sigma_is_misfit = False

    @property
    def name(self) -> str:
        return "shared_discrepancy" if self.shared else "discrepancy"

    @property
    def description(self) -> str:
        return "Student-t on log loss, around processes of the reducible loss over compute and D/N"

    @property
    def _own_meanings(self) -> dict[str, str]:
        return super()._own_meanings | {
            "amplitude_flops": "slope of log reducible loss beside the law's, sd at one decade of compute",
            "amplitude_ratio": "slope of log reducible loss beside the law's, sd at one decade of D/N",
            "amplitude_local": "local departures from the law, sd of log reducible loss",
            "amplitude_own": "departures of one group, as a share of those that all have",
        }

    def shared_priors(self, clustered: bool, along: bool = False) -> dict[str, Prior]:
        rest = super().shared_priors(clustered, along)
        del rest["nu"]
        return {name: getattr(self, name) for name in self.amplitudes} | rest

    @property
    def amplitudes(self) -> tuple[str, ...]:
        """The parameters that its processes are scaled by."""
        return AMPLITUDES if self.shared else AMPLITUDES[:3]

    @property
    def tied(self) -> int:
        """How many of the weights, the first, are those of the path that groups have together."""
        return sum(self.ranks) if self.shared else 0

    def among(self, groups: int, pooling: Mapping[str, Pooling]) -> Self:
        apart = groups == 1 or all(kind == "none" for name, kind in pooling.items() if name != "sigma")
        return replace(self, shared=self.shared and not apart)

    def check(self, runs: Runs, law: Law) -> None:
        if not law.allocates:
            raise InputError(
                f"noise 'discrepancy' is for laws of N and D; {law.name!r} takes {', '.join(law.columns)}. "
                "Take 'curve' for a law of one input, or 'constant'"
            )

    def middle(self, runs: Runs, group: int) -> tuple[float, float]:
        """Where the processes of compute and D/N are 0, log10: the means of a group's runs; of all, for group -1."""
        own = runs.group_index == group if group >= 0 else np.full(len(runs), True)
        n, d = np.log10(runs.params[own]), np.log10(runs.tokens[own])
        return float((n + d).mean()), float((d - n).mean())

    def points(self, runs: Runs, group: int, params: np.ndarray, tokens: np.ndarray) -> Points:
        """Coordinates of each process at some N and D, (n, 1), (n, 1), (n, 2)."""
        n, d = np.log10(params), np.log10(tokens)
        of_compute, of_ratio = self.middle(runs, group)
        return (n + d - of_compute)[:, None], (d - n - of_ratio)[:, None], np.stack([n, d], axis=1)

    def basis(self, runs: Runs, group: int) -> Basis:
        """A group's own processes as its runs see them; -1 for a group without runs."""
        own = runs.group_index == group
        points = self.points(runs, group, runs.params[own], runs.tokens[own])
        return self._basis(points, self.own_ranks if self.shared else self.ranks)

    def common_basis(self, runs: Runs) -> Basis:
        """The processes that groups have together, as all runs see them."""
        return self._basis(self.points(runs, -1, runs.params, runs.tokens), self.ranks)

    def _basis(self, points: Points, ranks: tuple[int, ...]) -> Basis:
        kernels = (integrated_brownian, integrated_brownian, squared_exponential(self.length))
        return Basis(kernels, points, ranks)

    def data(self, runs: Runs, inputs: Mapping[str, np.ndarray]) -> ModelData:
        basis = np.zeros((len(runs), self.rank))
        if self.shared:
            common = self.common_basis(runs)
            basis[:, : self.tied] = common.at(common.points)
        for g in range(len(runs.groups)):
            own = self.basis(runs, g)
            basis[runs.group_index == g, self.tied :] = own.at(own.points)
        return super().data(runs, inputs) | {"basis": basis}

    def blank(self, s: Structure) -> ModelData:
        return super().blank(s) | {"basis": np.zeros((s.n_rows, self.rank))}

    def density(self, rows: Rows) -> Density:
        import pytensor.tensor as pt

        s = rows.structure
        white, mixing = self._whitened(rows), rows.data["mixing"]
        known = self._known(rows, white)
        log_norm = white.log_norm - rows.data["weight"] * pt.log(mixing) + mixing * white.scatter
        of_group = known.log_density - 0.5 * rows.by_group(log_norm).sum(axis=1)
        given_others = None
        if s.boxed:
            misses = known.misses(known.mean).reshape((s.n_groups, *s.box))
            precision = known.precision(s.box)
            given_others = log_density_given_others(rows, self.degrees, white, precision, misses)
        return Density(of_group, white.residual, white.variance, given_others)

    def weights(self, rows: Rows, normal: Computed) -> Computed:
        return self._known(rows, self._whitened(rows)).drawn(normal)

    def mixing(self, rows: Rows, normal: Computed) -> tuple[Computed, Computed]:
        white, mixing = self._whitened(rows), rows.data["mixing"]
        known = self._known(rows, white)
        misses = known.misses(known.drawn(normal)).reshape(mixing.shape)
        runs, squares = rows.total(rows.data["weight"]), rows.total(misses**2 / mixing + white.scatter)
        return 0.5 * (self.degrees + runs), 0.5 * (self.degrees + squares)

    @property
    def rank(self) -> int:
        """The rank of all processes together, in one group."""
        return self.tied + sum(self.own_ranks if self.shared else self.ranks)

    def _spread(self, amplitudes: Computed) -> Computed:
        """The amplitude of each weight, (..., weights), of `amplitudes`, (..., 3 or 4)."""
        each = np.repeat(np.eye(3), self.ranks, axis=1)
        if not self.shared:
            return amplitudes @ each
        each = np.hstack([each, np.repeat(np.eye(3), self.own_ranks, axis=1)])
        own = np.arange(self.rank) >= self.tied
        return (amplitudes[..., :3] @ each) * (~own + own * amplitudes[..., 3:])

    def _known(self, rows: Rows, white: White) -> Regression:
        """What the rows of each group say of its weights, as their mixing variables weigh them."""
        import pytensor.tensor as pt

        root = rows.data["mixing"] ** 0.5
        return regression(
            rows.by_group(white.basis, self.rank),
            rows.by_group(root * white.scale),
            self._spread(pt.stack([rows.shared[name] for name in self.amplitudes])),
            rows.by_group(root * white.residual),
            tied=self.tied,
            sloping=_joined(rows.structure),
        )

    def _whitened(self, rows: Rows) -> White:
        """Rows whose own noise is standard, where their mixing variables are 1.

        What a cluster shares is taken out by the symmetric root of its precision, (I + s^2 e e')^(-1/2).
        """
        import pytensor.tensor as pt

        s, d, shared = rows.structure, rows.data, rows.shared
        residual = d["log_loss"] - pt.log(rows.law)
        variance = self._scale(d, rows.sigma, shared) ** 2 + d["measurement_variance"] + 0 * residual
        scale, x, effect = 1 - rows.floor / rows.law + 0 * residual, d["basis"], pt.ones_like(residual)
        if joined := _joined(s):
            scale, x = pt.ones_like(residual), scale[..., None] * x
        if s.along:
            residual, variance, effect = of_trajectory(
                rows.before, residual, variance, d["gap"], shared["persistence"]
            )
            x = x - (1 - effect)[..., None] * rows.before(x)
        root = pt.sqrt(d["weight"]) / pt.sqrt(variance)  # no slope at a weight of 0
        log_norm = d["weight"] * (np.log(2 * np.pi) + pt.log(variance))
        scatter = d["weight"] * d["scatter"] / variance if s.summarised else 0.0
        y = root * residual
        x, scale = (root[..., None] * x, scale) if joined else (x, root * scale)
        if s.clustered:
            spread, e = shared["lack_of_fit"], root * effect
            known = rows.total(e**2)
            inflation = (1 + spread**2 * known) ** 0.5
            shrunk = spread**2 / (inflation * (inflation + 1))
            y = y - e * rows.of_cluster(shrunk * rows.total(e * y))
            if joined:
                x = x - e[..., None] * rows.of_cluster(shrunk[..., None] * rows.total(e[..., None] * x))
            else:
                scale = scale * (1 - rows.of_cluster(shrunk) * e**2)
            part = e**2 / rows.of_cluster(pt.switch(known > 0, known, 1.0))
            log_norm = log_norm + part * rows.of_cluster(2 * pt.log(inflation))
            variance = variance + spread**2
        return White(y, x, scale, log_norm, variance, scatter)

    def at_rows(self, data: ModelData, weights: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
        """Delta at the rows of `data`, (draws, rows), of weights (draws, groups, weights) and `amplitudes`."""
        of_rows = (weights * self._spread(amplitudes)[:, None])[:, data["group_index"]]
        delta: np.ndarray = np.einsum("nr,snr->sn", data["basis"], of_rows)
        return delta

    def draw(self, rng: np.random.Generator, design: Design) -> np.ndarray:
        losses = super().draw(rng, design._replace(shared={**design.shared, "nu": self.degrees}))
        amplitudes = np.array([[float(design.shared.get(name, 0.0)) for name in self.amplitudes]])
        weights = rng.standard_normal((1, int(design.data["group_index"].max()) + 1, self.rank))
        weights[:, :, : self.tied] = weights[:, :1, : self.tied]
        (delta,) = self.at_rows(dict(design.data), weights, amplitudes)
        share = 1 - (0.0 if design.floor is None else design.floor) / design.law
        with np.errstate(all="ignore"):
            moved: np.ndarray = losses * np.exp(share * delta)
        return moved

    def degrees_of_freedom(self, posterior: "xr.Dataset") -> "xr.DataArray":
        return 0 * posterior["sigma"] + self.degrees

    def standard(
        self, rng: np.random.Generator, posterior: "xr.Dataset", like: "xr.DataArray"
    ) -> "xr.DataArray":
        return like.copy(data=rng.standard_t(self.degrees, like.shape))


def _joined(s: Structure) -> bool:
    """Whether some clusters have several rows, so that whitening mixes them."""
    return s.clustered and not (s.boxed and s.box[1] == 1)
