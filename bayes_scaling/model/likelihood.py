"""Log densities of log losses and of shares around a law, on arrays of any library."""

from collections.abc import Callable
from math import log as scalar_log
from math import pi

from bayes_scaling.laws.elementwise import Array, Computed, exp, gammaln, log, log1p

type Total = Callable[[Computed], Computed]
type Rowwise = Callable[[Computed], Computed]


def run_scale(sigma: Array, slope: Array, log_covariate: Array) -> Computed:
    """Scale of one run's noise on log loss; ``log_covariate`` is centred at the reference, and clipped."""
    return sigma * exp(slope * log_covariate)


def single_log_likelihood(residual: Array, variance: Array, nu: Array, weight: Array) -> Computed:
    """Student-t log density of each row, times its weight (0 leaves a row out)."""
    return weight * (
        gammaln((nu + 1) / 2)
        - gammaln(nu / 2)
        - 0.5 * log(nu * pi * variance)
        - (nu + 1) / 2 * log1p(residual**2 / (nu * variance))
    )


def two_piece_log_likelihood(
    residual: Computed, below: Array, above: Array, nu: Array, weight: Array
) -> Computed:
    """Log density of each row, times its weight: a Student-t whose squared scale is ``below`` or ``above`` the law's.

    The two halves meet at the law, which is the mode.
    """
    variance = below + (above - below) * (residual > 0)
    share = log(2 / (1 + (above / below) ** 0.5)) + 0.5 * log(variance / below)
    return weight * share + single_log_likelihood(residual, variance, nu, weight)


def of_trajectory(
    before: Rowwise, residual: Computed, variance: Computed, gap: Array, persistence: Array
) -> tuple[Computed, Computed, Computed]:
    """What each row of a trajectory says that its predecessor does not.

    Parameters
    ----------
    before : callable
        What the row before each one has, of an array of rows; anything where there is none.
    residual, variance : array, shape (rows,)
    gap : array, shape (rows,)
        E-folds of compute since the row before; very many where there is none.
    persistence : scalar

    Returns
    -------
    residual, variance, effect : array, shape (rows,)
        Independent residuals, their squared scales, and how far an effect of 1 on the whole trajectory moves each.
    """
    correlation = exp(-gap / persistence)
    carried = correlation * (variance / before(variance)) ** 0.5
    return residual - carried * before(residual), variance * (1 - correlation**2), 1 - carried


def cluster_log_likelihood(
    total: Total,
    residual: Array,
    variance: Array,
    shared: Array,
    nu: Array,
    weight: Array,
    effect: Array = 1.0,
    scatter: Array = 0.0,
) -> Computed:
    """Multivariate Student-t log density of each cluster.

    Parameters
    ----------
    total : callable
        Sums an array of rows into an array of clusters.
    residual, variance : array, shape (rows,)
        Log loss minus log law, and squared scale of a row's own noise.
    shared : scalar
        Squared scale of the effect that a cluster's rows share.
    nu : scalar
    weight : array, shape (rows,)
        How many runs a row stands for: 1, or 0 where it is left out.
    effect : array, shape (rows,), or 1
        How far the shared effect moves each row.
    scatter : array, shape (rows,), or 0
        Variance of the log losses of the runs that a row stands for; its residual is their mean.

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
        total(precision * (residual**2 + scatter))
        - shared * total(precision * residual * effect) ** 2 / inflation
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
    share: Array, items: Array, expected: Array, sigma: Array, weight: Array, counted: bool
) -> Computed:
    """Log probability of each row's share of test items, times its weight.

    A run's own share is beta around the law with variance p (1 - p) sigma^2 / (1 + sigma^2); its items are drawn from
    that (beta-binomial), or the share is known as it is (beta) where their number is not.

    Parameters
    ----------
    share, items : array, shape (rows,)
        Observed share, and number of test items.
    expected, sigma : array, shape (rows,)
    weight : array, shape (rows,)
        1, or 0 for a row that is left out.
    counted : bool
        Whether the number of items is known.
    """

    def log_beta(x: Array, y: Array) -> Computed:
        return gammaln(x) + gammaln(y) - gammaln(x + y)

    a, b = expected / sigma**2, (1 - expected) / sigma**2
    if not counted:
        return weight * ((a - 1) * log(share) + (b - 1) * log(1 - share) - log_beta(a, b))
    hits, misses = share * items, (1 - share) * items
    ways = gammaln(items + 1) - gammaln(hits + 1) - gammaln(misses + 1)
    return weight * (ways + log_beta(hits + a, misses + b) - log_beta(a, b))


def curve_log_likelihood(
    over_lengths: Total,
    total: Total,
    rotated: Array,
    spectrum: Array,
    amplitude: Array,
    variance: Array,
    weight: Array,
) -> Computed:
    """Log density of each group's curve, averaged over the lengths of its process.

    Parameters
    ----------
    over_lengths : callable
        The logarithm of the mean of exponentials over the last axis.
    total : callable
        Sums an array of rows, shape (rows, lengths), into one of groups, shape (groups, lengths).
    rotated, spectrum : array, shape (rows, lengths)
        Log loss minus log law in the basis of `Discrepancy.spectra`, and the process's variance there.
    amplitude : scalar
    variance : array, shape (rows, 1)
        sigma^2 of the row's group.
    weight : array, shape (rows, 1)
        1, or 0 for rows that only pad the table.

    Returns
    -------
    array, shape (groups,)
    """
    scale = amplitude**2 * spectrum + variance
    return over_lengths(-0.5 * total(weight * (scalar_log(2 * pi) + log(scale) + rotated**2 / scale)))
