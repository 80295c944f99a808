"""Model discrepancy of a law of N and D: what it misses of its reducible loss, as a process over compute and D/N.

A law is wrong by an amount that is small where the runs are and grows with the distance from them. What it says of the
reducible loss R (the loss above its limit for endless resources) is off by a factor exp(delta),

    log L_i = log f_i + w_i delta_i + noise,   w = d log f / d log R = R / f,
    delta   = a_C W_C(c) + a_M W_M(m) + a_S S(log N, log D),   c = log10 C,  m = log10(D / N),

with W integrated Brownian motions from the middle of a group's runs (cubic splines, which go on straight), S a process
of short range, and amplitudes a that all groups share. Forecasts replace R by R exp(delta), so that no draw falls below
its own limit. Beyond the largest compute of the runs R falls by some more per decade than the law says (`Slope`).

Given the parameters all is normal. Each group's process is a linear model in a fixed basis (`processes`), whose weights
are integrated out: the likelihood is that of a Bayesian linear regression (Rasmussen and Williams 2006, 2.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.laws.priors import LogNormal, Normal, Prior
from bayes_scaling.model.likelihood import of_trajectory
from bayes_scaling.model.processes import Basis, Places, integrated_brownian, squared_exponential
from bayes_scaling.model.structure import Density, Design, ModelData, Rows, Structure
from bayes_scaling.model.student import Noise

if TYPE_CHECKING:
    import xarray as xr

AMPLITUDES = ("amplitude_flops", "amplitude_ratio", "amplitude_local")

TAIL = 5.0
"""Degrees of freedom of the noise of one more run: those that go wrong are rarer among runs that were kept."""


@dataclass(frozen=True)
class Surface(Noise):
    """Processes of the reducible loss over compute and D/N, and normal noise around them.

    Attributes
    ----------
    slope_in, sigma, slope, lack_of_fit, persistence
        As for `Noise`; ``nu`` has no part: rows are normal given the process.
    amplitude_flops, amplitude_ratio : Prior
        Of a_C and a_M, how far the slope of log R departs from the law's at one decade from the middle of the runs.
    amplitude_local : Prior
        Of a_S, the standard deviation of log R that a short-range process adds.
    length : float
        Of the short-range process, in decades of N and D.
    beyond : Normal
        Change of log R per decade beyond the largest compute.
    ranks : tuple of int
        How many functions of each of the three processes a group's runs see.
    """

    # Learnt on held-out larger runs of eleven families of tables: benchmarks/results/discrepancy.md.
    amplitude_flops: Prior = LogNormal(0.02, 0.9)
    amplitude_ratio: Prior = LogNormal(0.10, 0.6)
    amplitude_local: Prior = LogNormal(0.05, 0.6)
    length: float = 0.7
    beyond: Normal = Normal(-0.05, 0.02)
    ranks: tuple[int, int, int] = (6, 6, 16)

    joint = True
    reads_floor = True
    sigma_is_misfit = False

    @property
    def name(self) -> str:
        return "discrepancy"

    @property
    def description(self) -> str:
        return "normal on log loss, around processes of the reducible loss over compute and D/N"

    @property
    def _own_meanings(self) -> dict[str, str]:
        return super()._own_meanings | {
            "amplitude_flops": "slope of log reducible loss beside the law's, sd at one decade of compute",
            "amplitude_ratio": "slope of log reducible loss beside the law's, sd at one decade of D/N",
            "amplitude_local": "local departures from the law, sd of log reducible loss",
        }

    def shared_priors(self, clustered: bool, along: bool = False) -> dict[str, Prior]:
        rest = super().shared_priors(clustered, along)
        del rest["nu"]
        return {name: getattr(self, name) for name in AMPLITUDES} | rest

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

    def places(self, runs: Runs, group: int, params: np.ndarray, tokens: np.ndarray) -> Places:
        """Coordinates of each process at some N and D, (n, 1), (n, 1), (n, 2)."""
        n, d = np.log10(params), np.log10(tokens)
        of_compute, of_ratio = self.middle(runs, group)
        return (n + d - of_compute)[:, None], (d - n - of_ratio)[:, None], np.stack([n, d], axis=1)

    def basis(self, runs: Runs, group: int) -> Basis:
        """The processes as the runs of a group see them; -1 for a group without runs."""
        own = runs.group_index == group
        kernels = (integrated_brownian, integrated_brownian, squared_exponential(self.length))
        return Basis(kernels, self.places(runs, group, runs.params[own], runs.tokens[own]), self.ranks)

    def data(self, runs: Runs, inputs: Mapping[str, np.ndarray]) -> ModelData:
        basis = np.zeros((len(runs), self.rank))
        for g in range(len(runs.groups)):
            own = self.basis(runs, g)
            basis[runs.group_index == g] = own.at(own.places)
        return super().data(runs, inputs) | {"basis": basis}

    def blank(self, s: Structure) -> ModelData:
        return super().blank(s) | {"basis": np.zeros((s.n_rows, self.rank))}

    def density(self, rows: Rows) -> Density:
        import pytensor.tensor as pt

        s = rows.structure
        white = self._whitened(rows)
        x, y = rows.by_group(white.basis, self.rank), rows.by_group(white.residual)
        known = _regression(x, y)
        of_group = known.log_density - 0.5 * rows.by_group(white.log_norm).sum(axis=1)
        given_others = None
        if s.boxed:
            seen = _solve(known.lower, x.mT).reshape((s.n_groups, self.rank, *s.box))
            given_others = _given_others(seen, known.misses.reshape((s.n_groups, *s.box)), s.box[1])
            given_others = given_others - 0.5 * white.log_norm.reshape((s.n_groups, *s.box)).sum(axis=2)
        return Density(of_group, white.residual, white.variance, given_others)

    def weights(self, rows: Rows, normal: Computed) -> Computed:
        white = self._whitened(rows)
        known = _regression(rows.by_group(white.basis, self.rank), rows.by_group(white.residual))
        return known.mean + _solve(known.lower, normal[..., None], transposed=True)[..., 0]

    @property
    def rank(self) -> int:
        """Of the processes together."""
        return sum(self.ranks)

    @property
    def weight_shape(self) -> tuple[int, int]:
        return self.rank, self.rank

    def _spread(self, amplitudes: Computed) -> Computed:
        """The amplitude of each weight, (..., weights), of those of the processes, (..., 3)."""
        return amplitudes @ np.repeat(np.eye(len(self.ranks)), self.ranks, axis=1)

    def _whitened(self, rows: Rows) -> "_White":
        """Rows whose own noise is standard.

        What a cluster shares is taken out by the symmetric root of its precision, (I + s^2 e e')^(-1/2).
        """
        import pytensor.tensor as pt

        s, d, shared = rows.structure, rows.data, rows.shared
        residual = d["log_loss"] - pt.log(rows.law)
        variance = self._scale(d, rows.sigma, shared) ** 2 + d["measurement_variance"] + 0 * residual
        basis = (1 - rows.floor / rows.law + 0 * residual)[..., None] * d["basis"]
        basis = basis * self._spread(pt.stack([shared[name] for name in AMPLITUDES]))
        effect: Array = pt.ones_like(residual)
        if s.along:
            residual, variance, effect = of_trajectory(
                rows.before, residual, variance, d["gap"], shared["persistence"]
            )
            basis = basis - (1 - effect)[..., None] * rows.before(basis)
        root = pt.sqrt(d["weight"]) / pt.sqrt(variance)  # no slope at a weight of 0
        log_norm = d["weight"] * (np.log(2 * np.pi) + pt.log(variance))
        if s.summarised:
            log_norm = log_norm + d["weight"] * d["scatter"] / variance
        y, x = root * residual, root[..., None] * basis
        if s.clustered:
            spread, e = shared["lack_of_fit"], root * effect
            known = rows.total(e**2)
            inflation = (1 + spread**2 * known) ** 0.5
            shrunk = spread**2 / (inflation * (inflation + 1))
            y = y - e * rows.of_cluster(shrunk * rows.total(e * y))
            x = x - e[..., None] * rows.of_cluster(shrunk[..., None] * rows.total(e[..., None] * x))
            share = e**2 / rows.of_cluster(pt.switch(known > 0, known, 1.0))
            log_norm = log_norm + share * rows.of_cluster(2 * pt.log(inflation))
            variance = variance + spread**2
        return _White(y, x, log_norm, variance)

    def at_rows(self, data: ModelData, weights: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
        """Delta at the rows of `data`, (draws, rows), of weights (draws, groups, weights) and amplitudes (draws, 3)."""
        of_rows = (weights * self._spread(amplitudes)[:, None])[:, data["group_index"]]
        delta: np.ndarray = np.einsum("nr,snr->sn", data["basis"], of_rows)
        return delta

    def draw(self, rng: np.random.Generator, design: Design) -> np.ndarray:
        losses = super().draw(rng, design)
        amplitudes = np.array([[float(design.shared.get(name, 0.0)) for name in AMPLITUDES]])
        weights = rng.standard_normal((1, int(design.data["group_index"].max()) + 1, self.rank))
        (delta,) = self.at_rows(dict(design.data), weights, amplitudes)
        share = 1 - (0.0 if design.floor is None else design.floor) / design.law
        with np.errstate(all="ignore"):
            moved: np.ndarray = losses * np.exp(share * delta)
        return moved

    def new_run_scale(
        self, posterior: "xr.Dataset", covariates: "Mapping[str, xr.DataArray | float]"
    ) -> "xr.DataArray":
        # A Student-t of the standard deviation that was fitted.
        scale: xr.DataArray = super().new_run_scale(posterior, covariates) * np.sqrt((TAIL - 2) / TAIL)
        return scale

    def degrees_of_freedom(self, posterior: "xr.Dataset") -> "xr.DataArray":
        return 0 * posterior["sigma"] + TAIL

    def standard(
        self, rng: np.random.Generator, posterior: "xr.Dataset", like: "xr.DataArray"
    ) -> "xr.DataArray":
        return like.copy(data=rng.standard_t(TAIL, like.shape))


class _White(NamedTuple):
    residual: Computed  # (rows,)
    basis: Computed  # (rows, rank)
    log_norm: Computed  # (rows,): -2 log density of a row whose residual is 0
    variance: Computed  # (rows,): of the noise before


class _Regression(NamedTuple):
    """What y ~ N(x u, I) says of u ~ N(0, I), for each group."""

    log_density: Computed  # (groups,): of y, but for the normal's constant
    mean: Computed  # (groups, rank): of u
    lower: Computed  # (groups, rank, rank): Cholesky factor of u's precision
    misses: Computed  # (groups, rows): y - x mean


def _regression(x: Computed, y: Computed) -> _Regression:
    """Of x, shape (groups, rows, rank), and y, shape (groups, rows).

    Notes
    -----
    With P = I + x'x and m the mean of u, -2 log density is |y - x m|^2 + |m|^2 + log det P. The first two are least at
    m, so that m is as good as constant in their slope; that of log det P by x is 2 x P^-1. So nothing is differentiated
    through a factorisation.
    """
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad as constant

    rank = x.shape[2]
    lower = constant(pt.linalg.cholesky(pt.eye(rank) + x.mT @ x))
    inverse = _solve(lower, pt.eye(rank) + pt.zeros_like(lower))
    covariance = constant(inverse.mT @ inverse)
    mean = constant((covariance @ (x.mT @ y[..., None]))[..., 0])
    misses = y - (x @ mean[..., None])[..., 0]
    log_det = 2 * pt.log(pt.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    slope = (constant(x @ covariance) * x).sum(axis=(1, 2))
    log_det = constant(log_det - 2 * slope) + 2 * slope
    least = (misses**2).sum(axis=1) + (mean**2).sum(axis=1)
    return _Regression(-0.5 * (least + log_det), mean, lower, misses)


def _solve(lower: Computed, b: Computed, transposed: bool = False) -> Computed:
    import pytensor.tensor as pt

    return pt.linalg.solve_triangular(lower.mT if transposed else lower, b, lower=not transposed)


def _given_others(known: Computed, misses: Computed, size: int) -> Computed:
    """Log density of each cluster given all others of its group, but for its own noise's norm, (groups, clusters).

    Parameters
    ----------
    known : array, shape (groups, basis, clusters, rows of a cluster)
        The basis in coordinates in which the weights' posterior is standard.
    misses : array, shape (groups, clusters, rows of a cluster)
        What the group's own posterior misses of each row.

    Notes
    -----
    Of y ~ N(0, V): y_c given the others has precision [V^-1]_cc = I - known_c' known_c and misses by its inverse
    times [V^-1 y]_c (Buerkner, Gabry and Vehtari 2021, doi:10.1007/s00180-020-01045-4).
    """
    import pytensor.tensor as pt

    if size == 1:
        precision = 1 - (known**2).sum(axis=1)[..., 0]
        return 0.5 * pt.log(precision) - 0.5 * misses[..., 0] ** 2 / precision
    across = known.transpose(0, 2, 1, 3)
    lower = pt.linalg.cholesky(pt.eye(size) - across.mT @ across)
    standard = _solve(lower, misses[..., None])[..., 0]
    return pt.log(pt.diagonal(lower, axis1=-2, axis2=-1)).sum(axis=-1) - 0.5 * (standard**2).sum(axis=-1)
