"""Bayesian linear regression: what rows say of the weights of a basis, and the density that is left of them."""

from typing import NamedTuple

from bayes_scaling.laws.elementwise import Computed


class Regression(NamedTuple):
    """What y ~ N(x u, I) says of u ~ N(0, I), for each group."""

    log_density: Computed  # (groups,): of y, but for the normal's constant
    mean: Computed  # (groups, rank): of u
    lower: Computed  # (groups, rank, rank): Cholesky factor of u's precision
    misses: Computed  # (groups, rows): y - x mean


def regression(x: Computed, y: Computed) -> Regression:
    """Of x, shape (groups, rows, rank), and y, shape (groups, rows).

    Notes
    -----
    With P = I + x'x and m the mean of u, -2 log density is |y - x m|^2 + |m|^2 + log det P. The first two are least at
    m, so that m is as good as constant in their slope. With misses e, the slope of the log density is e m' - x P^-1 by
    x, and -e by y. So nothing is differentiated through a factorisation.
    """
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad as constant

    rank = x.shape[2]
    lower = constant(pt.linalg.cholesky(pt.eye(rank) + constant(x.mT) @ x))
    inverse = solve(lower, pt.eye(rank) + pt.zeros_like(lower))
    covariance = inverse.mT @ inverse
    mean = constant((covariance @ (x.mT @ y[..., None]))[..., 0])
    misses = y - (x @ mean[..., None])[..., 0]
    log_det = 2 * pt.log(pt.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    least = (misses**2).sum(axis=1) + (mean**2).sum(axis=1)
    by_x = constant(misses[..., None] * mean[:, None] - x @ covariance)
    sloping = (by_x * x).sum(axis=(1, 2)) - (constant(misses) * y).sum(axis=1)
    return Regression(constant(-0.5 * (least + log_det) - sloping) + sloping, mean, lower, misses)


def solve(lower: Computed, b: Computed, transposed: bool = False) -> Computed:
    """Solves with a lower triangle, or with its transpose."""
    import pytensor.tensor as pt

    return pt.linalg.solve_triangular(lower.mT if transposed else lower, b, lower=not transposed)
