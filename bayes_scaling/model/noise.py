"""How log loss scatters around the law.

Rows that share something (replicates of one configuration, checkpoints of one trajectory) form a cluster. The
log losses of a cluster are jointly Student-t around the law with scale matrix

    lack_of_fit^2 * 11' + diag(sigma_i^2 + measurement_i^2)

so seed variance (sigma) stands apart from what the law misses of a configuration (lack_of_fit), and a hundred
checkpoints never count as a hundred runs. Nothing but the scale is sampled: the shared effect is integrated
out in closed form (Sherman-Morrison). Where every cluster is a single row, lack of fit and seed cannot be
told apart; there is one sigma, and the likelihood is a Student-t in each row.

Neighbouring checkpoints of a trajectory err together beyond the effect that all share: their own noise is an
Ornstein-Uhlenbeck process in log compute, whose correlation falls by 1/e over `persistence` e-folds. As that is
Markov, each row less what its predecessor foretells is independent of the rows before.

Runs whose recipe was not tuned lie above the law, never below it: noise "undertuned" is a Student-t in two pieces,
with scale sigma below the law and sigma + excess above it (Fernandez and Steel 1998, doi:10.2307/2669632).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log as scalar_log
from math import pi
from typing import Any, Literal

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Response
from bayes_scaling.laws.elementwise import exp, log, log1p
from bayes_scaling.laws.priors import LogNormal, Normal, Prior, prior_from_dict
from bayes_scaling.model.discrepancy import Discrepancy

SLOPES = ("flops", "params", "tokens")
"""Columns along which sigma may change."""

_PRIORS = ("sigma", "nu", "lack_of_fit", "persistence", "slope", "share")


@dataclass(frozen=True)
class Noise:
    """The noise layer of a model.

    Attributes
    ----------
    slope_in : {None, "flops", "params", "tokens"}
        None: sigma is constant. Otherwise log sigma is linear in the logarithm of that column, and frozen at
        the edge of the training data: extrapolated freely, it shrinks sigma exactly where nobody has looked.
    sigma : Prior
        Noise of one run on log loss (at the reference point); pooled by group like a parameter of the law.
    nu : Prior
        Degrees of freedom of the Student-t.
    lack_of_fit : Prior
        What the law misses of a configuration, shared by its replicates, or of a trajectory, shared by its
        checkpoints; used only where there are clusters.
    persistence : Prior
        E-folds of compute over which the correlation of neighbouring checkpoints falls by 1/e; used only where
        there are trajectories.
    slope : Prior
        Change of log sigma per e-fold of ``slope_in``.
    share : Prior
        Takes the place of ``sigma`` where a law gives a share of test items: how far runs scatter beyond what the
        number of items makes them, in units of sqrt(p (1 - p)).
    excess : Prior, optional
        For runs that were not all tuned: how much wider log loss scatters above the law than below it. The law is
        then that of the well-tuned runs, and so are its forecasts. In place of ``lack_of_fit``.
    discrepancy : Discrepancy, optional
        For a law of one input: the runs of a group are one curve and err together along it, normally; in place of
        ``nu`` and ``lack_of_fit``.
    """

    slope_in: Literal["flops", "params", "tokens"] | None = None
    sigma: Prior = LogNormal(0.01, 1.2, between=0.7)
    nu: Prior = LogNormal(7.0, 0.8, above=1.0)
    lack_of_fit: Prior = LogNormal(0.01, 1.5)
    persistence: Prior = LogNormal(0.3, 1.0)
    slope: Prior = Normal(0.0, 0.2)
    share: Prior = LogNormal(0.05, 1.0, between=0.5)
    excess: Prior | None = None
    discrepancy: Discrepancy | None = None

    def __post_init__(self) -> None:
        if self.slope_in not in (None, *SLOPES):
            raise InputError(
                f"noise slope_in must be None, 'flops', 'params' or 'tokens', not {self.slope_in!r}"
            )
        if self.slope_in and self.discrepancy:
            raise InputError(
                "a noise has a slope or a discrepancy, not both: the latter needs a constant sigma"
            )
        if self.excess and self.discrepancy:
            raise InputError("a noise has an excess or a discrepancy, not both: the latter is normal")

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, for the provenance."""
        return {
            "slope_in": self.slope_in,
            **{name: getattr(self, name).to_dict() for name in _PRIORS},
            "excess": self.excess and self.excess.to_dict(),
            "discrepancy": self.discrepancy and self.discrepancy.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Noise":
        """Inverse of `to_dict`; what an older file does not name has its default."""
        excess, curve = values.get("excess"), values.get("discrepancy")
        return cls(
            slope_in=values["slope_in"],
            excess=prior_from_dict(excess) if excess else None,
            discrepancy=Discrepancy.from_dict(curve) if curve else None,
            **{name: prior_from_dict(values[name]) for name in _PRIORS if name in values},
        )

    def scale_prior(self, response: Response) -> Prior:
        """The prior of sigma for what a law gives."""
        return self.share if response == "share" else self.sigma

    def global_priors(self, clustered: bool, along: bool = False) -> dict[str, Prior]:
        """Priors of the noise parameters that all groups share; ``along``: some clusters are trajectories."""
        if self.discrepancy:
            return {"discrepancy": self.discrepancy.amplitude}
        priors = {"nu": self.nu}
        if self.excess:
            priors["excess"] = self.excess
        elif clustered:
            priors["lack_of_fit"] = self.lack_of_fit
            if along:
                priors["persistence"] = self.persistence
        if self.slope_in:
            priors["slope"] = self.slope
        return priors


def as_noise(noise: "str | Noise | None") -> Noise:
    """A `Noise` from its short name: None or "constant", "curve", "flops", "params", "tokens", "undertuned"."""
    if isinstance(noise, Noise):
        return noise
    if noise in (None, "constant"):
        return Noise()
    if noise == "curve":
        return Noise(discrepancy=Discrepancy())
    if noise == "undertuned":
        return Noise(excess=LogNormal(0.02, 1.2))
    if noise in SLOPES:
        return Noise(slope_in=noise)  # type: ignore[arg-type]
    raise InputError(
        f"unknown noise {noise!r}; expected 'constant', 'curve', 'flops', 'params', 'tokens', 'undertuned' or a "
        "Noise"
    )


def run_scale(sigma: Any, slope: Any, log_covariate: Any) -> Any:
    """Scale of one run's noise on log loss; ``log_covariate`` is centred at the reference, and clipped."""
    return sigma * exp(slope * log_covariate)


def single_log_likelihood(gammaln: Any, residual: Any, variance: Any, nu: Any, weight: Any) -> Any:
    """Student-t log density of each row, times its weight (0 leaves a row out)."""
    return weight * (
        gammaln((nu + 1) / 2)
        - gammaln(nu / 2)
        - 0.5 * log(nu * pi * variance)
        - (nu + 1) / 2 * log1p(residual**2 / (nu * variance))
    )


def two_piece_log_likelihood(
    gammaln: Any, residual: Any, below: Any, above: Any, nu: Any, weight: Any
) -> Any:
    """Log density of each row, times its weight: a Student-t whose squared scale is ``below`` or ``above`` the law's.

    The two halves meet at the law, which is the mode.
    """
    variance = below + (above - below) * (residual > 0)
    share = log(2 / (1 + (above / below) ** 0.5)) + 0.5 * log(variance / below)
    return weight * share + single_log_likelihood(gammaln, residual, variance, nu, weight)


def of_trajectory(
    residual: Any, variance: Any, previous: Any, gap: Any, persistence: Any
) -> tuple[Any, Any, Any]:
    """What each row of a trajectory says that its predecessor does not.

    Parameters
    ----------
    residual, variance : array, shape (rows,)
    previous : array of int, shape (rows,)
        The row before, or the row itself where it is the first.
    gap : array, shape (rows,)
        E-folds of compute since the row before; very many where there is none.
    persistence : scalar

    Returns
    -------
    residual, variance, effect : array, shape (rows,)
        Independent residuals, their squared scales, and how far an effect of 1 on the whole trajectory moves each.
    """
    correlation = exp(-gap / persistence)
    carried = correlation * (variance / variance[previous]) ** 0.5
    return residual - carried * residual[previous], variance * (1 - correlation**2), 1 - carried


def cluster_log_likelihood(
    gammaln: Any,
    total: Any,
    residual: Any,
    variance: Any,
    shared: Any,
    nu: Any,
    weight: Any,
    effect: Any = 1.0,
) -> Any:
    """Multivariate Student-t log density of each cluster.

    Parameters
    ----------
    gammaln : callable
        Log-gamma in the arrays' library.
    total : callable
        Sums an array of rows into an array of clusters.
    residual, variance : array, shape (rows,)
        Log loss minus log law, and squared scale of a row's own noise.
    shared : scalar
        Squared scale of the effect that a cluster's rows share.
    nu : scalar
    weight : array, shape (rows,)
        1, or 0 for a row that is left out.
    effect : array, shape (rows,), or 1
        How far the shared effect moves each row.

    Returns
    -------
    array, shape (clusters,)
        0 for a cluster whose rows are all left out.
    """
    precision = weight / variance
    size = total(weight)
    sum_precision = total(precision * effect**2)
    inflation = 1 + shared * sum_precision
    # Sherman-Morrison: quadratic form and determinant of a diagonal plus a rank-one matrix.
    quadratic = (
        total(precision * residual**2) - shared * total(precision * residual * effect) ** 2 / inflation
    )
    log_determinant = total(weight * log(variance)) + log(inflation)
    return (
        gammaln((nu + size) / 2)
        - gammaln(nu / 2)
        - 0.5 * size * (log(nu) + scalar_log(pi))
        - 0.5 * log_determinant
        - (nu + size) / 2 * log1p(quadratic / nu)
    )


def share_log_likelihood(
    gammaln: Any, share: Any, items: Any, expected: Any, sigma: Any, weight: Any, counted: bool
) -> Any:
    """Log probability of each row's share of test items, times its weight.

    A run's own share is beta around the law with variance p (1 - p) sigma^2 / (1 + sigma^2); its items are drawn from
    that (beta-binomial), or the share is known as it is (beta) where their number is not.

    Parameters
    ----------
    gammaln : callable
        Log-gamma in the arrays' library.
    share, items : array, shape (rows,)
        Observed share, and number of test items.
    expected, sigma : array, shape (rows,)
    weight : array, shape (rows,)
        1, or 0 for a row that is left out.
    counted : bool
        Whether the number of items is known.
    """

    def log_beta(x: Any, y: Any) -> Any:
        return gammaln(x) + gammaln(y) - gammaln(x + y)

    a, b = expected / sigma**2, (1 - expected) / sigma**2
    if not counted:
        return weight * ((a - 1) * log(share) + (b - 1) * log(1 - share) - log_beta(a, b))
    hits, misses = share * items, (1 - share) * items
    ways = gammaln(items + 1) - gammaln(hits + 1) - gammaln(misses + 1)
    return weight * (ways + log_beta(hits + a, misses + b) - log_beta(a, b))


def drawn_shares(
    rng: np.random.Generator, expected: np.ndarray, sigma: np.ndarray, items: np.ndarray | int | None
) -> np.ndarray:
    """Shares of test items drawn as `share_log_likelihood` has them; items is None where they are not counted."""
    p, precision = np.clip(expected, 1e-9, 1 - 1e-9), np.asarray(sigma) ** -2
    share = rng.beta(p * precision, (1 - p) * precision)
    return share if items is None else rng.binomial(items, share) / items
