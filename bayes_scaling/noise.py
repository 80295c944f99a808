"""How log loss scatters around the law.

Rows that share something (replicates of one configuration, checkpoints of one trajectory) form a cluster. The
log losses of a cluster are jointly Student-t around the law with scale matrix

    lack_of_fit^2 * 11' + diag(sigma_i^2 + measurement_i^2)

so seed variance (sigma) stands apart from what the law misses of a configuration (lack_of_fit), and a hundred
checkpoints never count as a hundred runs. Nothing but the scale is sampled: the shared effect is integrated
out in closed form (Sherman-Morrison). Where every cluster is a single row, lack of fit and seed cannot be
told apart; there is one sigma, and the likelihood is a Student-t in each row.
"""

from dataclasses import dataclass
from math import log as scalar_log
from math import pi
from typing import Any, Literal

from bayes_scaling.elementwise import exp, log, log1p
from bayes_scaling.errors import InputError
from bayes_scaling.priors import LogNormal, Normal, Prior


@dataclass(frozen=True)
class Noise:
    """The noise layer of a model.

    Attributes
    ----------
    slope_in : {None, "flops", "params"}
        None: sigma is constant. Otherwise log sigma is linear in the logarithm of that column, and frozen at
        the edge of the training data: extrapolated freely, it shrinks sigma exactly where nobody has looked.
    sigma : Prior
        Noise of one run on log loss (at the reference point); pooled by group like a parameter of the law.
    nu : Prior
        Degrees of freedom of the Student-t.
    lack_of_fit : Prior
        What the law misses of a configuration, shared by its replicates; used only where there are clusters.
    slope : Prior
        Change of log sigma per e-fold of ``slope_in``.
    """

    slope_in: Literal["flops", "params"] | None = None
    sigma: Prior = LogNormal(0.01, 1.2, between=0.7)
    nu: Prior = LogNormal(7.0, 0.8, above=1.0)
    lack_of_fit: Prior = LogNormal(0.01, 1.5)
    slope: Prior = Normal(0.0, 0.2)

    def __post_init__(self) -> None:
        if self.slope_in not in (None, "flops", "params"):
            raise InputError(f"noise slope_in must be None, 'flops' or 'params', not {self.slope_in!r}")

    def global_priors(self, clustered: bool) -> dict[str, Prior]:
        """Priors of the noise parameters that all groups share."""
        priors = {"nu": self.nu}
        if clustered:
            priors["lack_of_fit"] = self.lack_of_fit
        if self.slope_in:
            priors["slope"] = self.slope
        return priors


def as_noise(noise: "str | Noise | None") -> Noise:
    """A `Noise` from its short name: None or "constant", "flops", "params"."""
    if isinstance(noise, Noise):
        return noise
    if noise in (None, "constant"):
        return Noise()
    if noise in ("flops", "params"):
        return Noise(slope_in=noise)  # type: ignore[arg-type]
    raise InputError(f"unknown noise {noise!r}; expected 'constant', 'flops', 'params' or a Noise")


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


def cluster_log_likelihood(
    gammaln: Any, total: Any, residual: Any, variance: Any, shared: Any, nu: Any, weight: Any
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

    Returns
    -------
    array, shape (clusters,)
        0 for a cluster whose rows are all left out.
    """
    precision = weight / variance
    size = total(weight)
    sum_precision = total(precision)
    inflation = 1 + shared * sum_precision
    # Sherman-Morrison: quadratic form and determinant of a diagonal plus a rank-one matrix.
    quadratic = total(precision * residual**2) - shared * total(precision * residual) ** 2 / inflation
    log_determinant = total(weight * log(variance)) + log(inflation)
    return (
        gammaln((nu + size) / 2)
        - gammaln(nu / 2)
        - 0.5 * size * (log(nu) + scalar_log(pi))
        - 0.5 * log_determinant
        - (nu + size) / 2 * log1p(quadratic / nu)
    )
