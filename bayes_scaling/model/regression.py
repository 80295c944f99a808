"""Bayesian linear regression: what rows say of the weights of a basis, and the density that is left of them."""

from typing import NamedTuple

from bayes_scaling.laws.elementwise import Computed


class Regression(NamedTuple):
    """What y ~ N(x u, I) says of u ~ N(0, I), for each group.

    It is found from u's precision P = I + x'x, or, where the rows are fewer than the weights, from the covariance
    V = I + x x' of y: P^-1 x' = x' V^-1.
    """

    x: Computed  # (groups, rows, rank)
    log_density: Computed  # (groups,): of y, but for the normal's constant
    mean: Computed  # (groups, rank): of u
    misses: Computed  # (groups, rows): y - x mean
    lower: Computed  # (groups, size, size): Cholesky factor of P, or of V
    by_rows: bool  # whether it is that of V

    def drawn(self, normal: Computed) -> Computed:
        """Weights drawn by standard normals, both (groups, rank)."""
        import pytensor.tensor as pt

        z = normal[..., None]
        if not self.by_rows:
            return self.mean + solve(self.lower, z, transposed=True)[..., 0]
        # A root of u's covariance I - x'V^-1 x, of triangles: I - x' L'^-1 (L + I)^-1 x for V = L L'.
        more = self.lower + pt.eye(self.lower.shape[1])
        less = self.x.mT @ solve(self.lower, solve(more, self.x @ z), transposed=True)
        return self.mean + (z - less)[..., 0]

    def precision(self, box: tuple[int, int]) -> Computed:
        """The blocks of V^-1 of each cluster, (groups, clusters, rows of a cluster, the same), for rows in boxes."""
        import pytensor.tensor as pt

        root = solve(self.lower, pt.eye(self.lower.shape[1]) if self.by_rows else self.x.mT)
        of_cluster = root.reshape((root.shape[0], root.shape[1], *box)).transpose(0, 2, 1, 3)
        square = of_cluster.mT @ of_cluster
        return square if self.by_rows else pt.eye(box[1]) - square


def regression(x: Computed, y: Computed) -> Regression:
    """Of x, shape (groups, rows, rank), and y, shape (groups, rows).

    Notes
    -----
    With m the mean of u and e = y - x m = V^-1 y, -2 log density is |e|^2 + |m|^2 + log det P. The first two are least
    at m, so that m is as good as constant in their slope: that of the log density is e m' - V^-1 x by x, and -e by y.
    So nothing is differentiated through a factorisation.
    """
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad as constant

    rows, rank = x.type.shape[1:]
    by_rows = rows is not None and rows <= rank
    square = constant(x) @ x.mT if by_rows else constant(x.mT) @ x
    lower = constant(pt.linalg.cholesky(pt.eye(rows if by_rows else rank) + square))
    inverse = solve(lower, pt.eye(lower.shape[1]) + pt.zeros_like(lower))
    inverse = inverse.mT @ inverse
    if by_rows:
        mean = constant((x.mT @ (inverse @ y[..., None]))[..., 0])
        seen = inverse @ x
    else:
        mean = constant((inverse @ (x.mT @ y[..., None]))[..., 0])
        seen = x @ inverse
    misses = y - (x @ mean[..., None])[..., 0]
    log_det = 2 * pt.log(pt.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    least = (misses**2).sum(axis=1) + (mean**2).sum(axis=1)
    by_x = constant(misses[..., None] * mean[:, None] - seen)
    sloping = (by_x * x).sum(axis=(1, 2)) - (constant(misses) * y).sum(axis=1)
    log_density = constant(-0.5 * (least + log_det) - sloping) + sloping
    return Regression(x, log_density, mean, misses, lower, by_rows)


def solve(lower: Computed, b: Computed, transposed: bool = False) -> Computed:
    """Solves with a lower triangle, or with its transpose."""
    import pytensor.tensor as pt

    return pt.linalg.solve_triangular(lower.mT if transposed else lower, b, lower=not transposed)
