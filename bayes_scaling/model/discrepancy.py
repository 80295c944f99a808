"""Model discrepancy of a curve: what a law of one variable misses, as a Gaussian process along its input.

The runs of one learning curve do not scatter around a law independently: neighbours err together. Their log losses are
jointly normal around the law with covariance

    s^2 K + sigma^2 I,   K_ij = Matern(|log x_i - log x_j| / length),

so the law answers for the trend, the process for slow departures from it, and sigma for the noise of a run. The
amplitude s is sampled and may shrink to nothing; the length is summed over a short grid, exactly. For each length, K is
diagonal in a basis that does not depend on any parameter (`spectra`), so that a likelihood costs one product of a
matrix and a vector however correlated the runs are.

Beyond the data the process forgets what it saw within a length or two, and what is left of it is its amplitude.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.laws.priors import LogNormal, Prior
from bayes_scaling.model.likelihood import curve_log_likelihood
from bayes_scaling.model.structure import QUIETEST, Density, Design, ModelData, NoiseModel, Rows, Structure

_SMOOTHNESS: dict[float, Callable[[np.ndarray], np.ndarray]] = {
    0.5: lambda d: np.exp(-d),
    1.5: lambda d: (1 + np.sqrt(3) * d) * np.exp(-np.sqrt(3) * d),
    2.5: lambda d: (1 + np.sqrt(5) * d + 5 / 3 * d**2) * np.exp(-np.sqrt(5) * d),
}


@dataclass(frozen=True)
class Discrepancy(NoiseModel):
    """A Matern process of log loss along the logarithm of a law's one input, and normal noise around it.

    The runs of a group are one curve and err together along it.

    Attributes
    ----------
    amplitude : Prior
        Of s, the standard deviation of log loss; its left tail is a curve on which the law is right.
    lengths : tuple of float
        Correlation lengths in e-folds of the input, equally likely beforehand.
    smoothness : {0.5, 1.5, 2.5}
        nu of the Matern family: how often the process can be differentiated, plus a half.
    sigma : Prior
        Standard deviation of one run's noise on log loss.
    """

    amplitude: Prior = LogNormal(0.02, 1.0)
    lengths: tuple[float, ...] = (0.75, 1.5, 3.0)
    smoothness: float = 2.5
    sigma: Prior = LogNormal(0.01, 1.2, between=0.7, above=QUIETEST)

    by_group = True
    funnel = True
    sigma_is_misfit = False

    def __post_init__(self) -> None:
        if self.smoothness not in _SMOOTHNESS:
            raise InputError(
                f"the smoothness of a discrepancy is {self.smoothness!r}; expected 0.5, 1.5 or 2.5"
            )
        if not self.lengths or not all(0 < length < np.inf for length in self.lengths):
            raise InputError(
                f"the lengths of a discrepancy are {self.lengths!r}; expected e-folds of the input, as (0.75, 1.5, 3)"
            )

    def correlation(self, log_x: np.ndarray, log_y: np.ndarray, length: float) -> np.ndarray:
        """K between two sets of inputs, shape (len(log_x), len(log_y))."""
        return _SMOOTHNESS[self.smoothness](np.abs(log_x[:, None] - log_y) / length)

    def spectra(self, log_x: np.ndarray, group_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The basis in which the process of each group is independent.

        Parameters
        ----------
        log_x : ndarray, shape (n,)
        group_index : ndarray of int, shape (n,)
            Groups have processes of their own; a group's basis vectors stand in the rows of its runs.

        Returns
        -------
        rotation : ndarray, shape (n, lengths, n)
            Basis vector, length, run.
        spectrum : ndarray, shape (n, lengths)
            Variance of the process along each basis vector, for s = 1.
        """
        n = len(log_x)
        rotation, spectrum = np.zeros((n, len(self.lengths), n)), np.zeros((n, len(self.lengths)))
        for g in np.unique(group_index):
            own = np.flatnonzero(group_index == g)
            for k, length in enumerate(self.lengths):
                values, vectors = np.linalg.eigh(self.correlation(log_x[own], log_x[own], length))
                rotation[np.ix_(own, [k], own)] = vectors.T[:, None, :]
                spectrum[own, k] = np.maximum(values, 0.0)
        return rotation, spectrum

    @property
    def name(self) -> str:
        return "curve"

    @property
    def description(self) -> str:
        return "normal on log loss, around a Gaussian process along the curve"

    def meanings(self, clustered: bool) -> dict[str, str]:
        return {
            "sigma": "noise of log loss around the curve",
            "discrepancy": "slow departures of the curve from the law, sd of log loss",
        }

    def shared_priors(self, clustered: bool, along: bool = False) -> dict[str, Prior]:
        return {"discrepancy": self.amplitude}

    def check(self, runs: Runs, law: Law) -> None:
        if len(law.inputs) != 1:
            raise InputError(
                f"noise 'curve' is for laws of one input; {law.name!r} takes {', '.join(law.columns)}. "
                "Forecasts of such laws cover a drift beyond the data instead"
            )
        if np.any(runs.measurement_sd > 0):
            raise InputError("noise 'curve' takes no column of standard errors (loss_se); leave it out")

    def clusters(self, runs: Runs) -> np.ndarray:
        return runs.group_index

    def data(self, runs: Runs, inputs: Mapping[str, np.ndarray]) -> ModelData:
        (x,) = inputs.values()
        rotation, spectrum = self.spectra(np.log(x), runs.group_index)
        return super().data(runs, inputs) | {"rotation": rotation, "spectrum": spectrum}

    def blank(self, s: Structure) -> ModelData:
        n, lengths = s.n_rows, len(self.lengths)
        return super().blank(s) | {
            "rotation": np.zeros((n, lengths, n)), "spectrum": np.zeros((n, lengths)),
        }  # fmt: skip

    def density(self, rows: Rows) -> Density:
        """The residuals are those of the middle length, which are independent."""
        import pytensor.tensor as pt

        s, d, amplitude = rows.structure, rows.data, rows.shared["discrepancy"]
        residual = d["log_loss"] - pt.log(rows.law)
        lengths = len(self.lengths)
        flat = d["rotation"].reshape((s.n_rows * lengths, s.n_rows))
        rotated = (flat @ residual).reshape((s.n_rows, lengths))
        middle, variance = lengths // 2, rows.sigma**2 + pt.zeros(s.n_rows)

        def total(x: Computed) -> Computed:
            if s.n_groups == 1:
                return x.sum(axis=0, keepdims=True)
            return pt.inc_subtensor(pt.zeros((s.n_groups, lengths))[d["group_index"]], x)

        def over_lengths(x: Computed) -> Computed:
            return pt.logsumexp(x, axis=1) - np.log(lengths)

        curves = curve_log_likelihood(
            over_lengths, total, rotated, d["spectrum"], amplitude, variance[:, None], d["weight"][:, None]
        )
        return Density(curves, rotated[:, middle], amplitude**2 * d["spectrum"][:, middle] + variance)

    def draw(self, rng: np.random.Generator, design: Design) -> np.ndarray:
        data = design.data
        own = np.sqrt(design.sigma**2 + design.measurement_sd**2) * rng.standard_normal(len(design.law))
        own += design.shared.get("discrepancy", 0.0) * paths(
            rng, data["rotation"], data["spectrum"], data["group_index"]
        )
        with np.errstate(all="ignore"):
            losses: np.ndarray = design.law * np.exp(own)
        return losses


def paths(
    rng: np.random.Generator, rotation: np.ndarray, spectrum: np.ndarray, group_index: np.ndarray
) -> np.ndarray:
    """One draw of the process of each group for s = 1, its length drawn too, shape (n,), from its `spectra`."""
    path = np.zeros(len(spectrum))
    for g in np.unique(group_index):
        own, k = group_index == g, rng.integers(spectrum.shape[1])
        weights = np.sqrt(spectrum[own, k]) * rng.standard_normal(own.sum())
        path[own] = weights @ rotation[own][:, k, own]
    return path


@dataclass(frozen=True, eq=False)
class Ahead:
    """Log loss minus log law at new points, given a curve, for each posterior draw.

    Attributes
    ----------
    center, spread : ndarray, shape (draws, points)
        Mean and standard deviation of the process there.
    paths : ndarray, shape (draws, points)
        One path of the process for each draw: points of a draw go together.
    """

    center: np.ndarray
    spread: np.ndarray
    paths: np.ndarray


def ahead(
    discrepancy: Discrepancy,
    rng: np.random.Generator,
    log_x: np.ndarray,
    residual: np.ndarray,
    log_new: np.ndarray,
    *,
    amplitude: np.ndarray,
    sigma: np.ndarray,
) -> Ahead:
    """What a curve says of its process at other inputs.

    Parameters
    ----------
    log_x : ndarray, shape (n,)
        Where the curve was seen; none for a curve not seen yet.
    residual : ndarray, shape (draws, n)
        Log loss minus log law there.
    log_new : ndarray, shape (points,)
    amplitude, sigma : ndarray, shape (draws,)
    """
    from scipy.special import softmax

    n, m, draws = len(log_x), len(log_new), len(sigma)
    rotation, spectrum = discrepancy.spectra(log_x, np.zeros(n, int))
    rotated = np.einsum("ikj,sj->ski", rotation, residual)  # (draws, lengths, n)
    variance = amplitude[:, None, None] ** 2 * spectrum.T + (sigma**2)[:, None, None]
    share = softmax(-0.5 * np.sum(np.log(variance) + rotated**2 / variance, axis=2), axis=1)
    picked = (share.cumsum(1) < rng.random((draws, 1))).sum(1).clip(max=len(discrepancy.lengths) - 1)
    center, spread, paths = np.zeros((draws, m)), np.zeros((draws, m)), np.zeros((draws, m))
    everywhere = np.concatenate([log_x, log_new])
    for k, length in enumerate(discrepancy.lengths):
        own = np.flatnonzero(picked == k)
        s, gain = amplitude[own, None], amplitude[own, None] ** 2 / variance[own, k]
        across = discrepancy.correlation(log_new, log_x, length) @ rotation[:, k].T  # (points, n)
        center[own] = (gain * rotated[own, k]) @ across.T
        spread[own] = s * np.sqrt(np.maximum(1 - gain @ (across**2).T, 0.0))
        # Matheron's rule: a path drawn before the data, moved by what the data say of it.
        values, vectors = np.linalg.eigh(discrepancy.correlation(everywhere, everywhere, length))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        before = s * (rng.standard_normal((len(own), n + m)) @ root.T)
        seen = before[:, :n] @ rotation[:, k].T + sigma[own, None] * rng.standard_normal((len(own), n))
        paths[own] = center[own] + before[:, n:] - (gain * seen) @ across.T
    return Ahead(center, spread, paths)
