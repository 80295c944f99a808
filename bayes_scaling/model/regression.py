"""Bayesian linear regression: what rows say of the weights of a basis, and the density that is left of them."""

from typing import NamedTuple

from bayes_scaling.laws.elementwise import Computed


class Regression(NamedTuple):
    """What y ~ N(x u, I) says of u ~ N(0, I), for each group.

    It is found from u's precision P = I + x'x, or, where the rows are fewer than the weights, from the covariance
    V = I + x x' of y: P^-1 x' = x' V^-1.
    """

    x: Computed  # (groups, rows, rank)
    y: Computed  # (groups, rows)
    log_density: Computed  # (groups,): of y, but for the normal's constant
    mean: Computed  # (groups, rank): of u
    lower: Computed  # (groups, size, size): Cholesky factor of P, or of V
    by_rows: bool  # whether it is that of V

    def misses(self, weights: Computed) -> Computed:
        """What such weights, (groups, rank), leave of y, (groups, rows)."""
        return self.y - (self.x @ weights[..., None])[..., 0]

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


def regression(
    basis: Computed, scale: Computed, spread: Computed, y: Computed, *, sloping: bool = False
) -> Regression:
    """Of rows x = scale * basis * spread.

    Parameters
    ----------
    basis : array, shape (groups, rows, rank)
    scale : array, shape (groups, rows)
    spread : array, shape (rank,)
    y : array, shape (groups, rows)
    sloping : bool
        Whether the basis has a slope too.

    Notes
    -----
    With m the mean of u and e = y - x m = V^-1 y, -2 log density is |e|^2 + |m|^2 + log det P. The first two are least
    at m, so that m is as good as constant in their slope: that of the log density is e m' - V^-1 x by x, and -e by y.
    So nothing is differentiated through a factorisation, nor, where a basis is known, through an array of its size.
    """
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad as constant

    rows, rank = basis.type.shape[1:]
    by_rows = rows is not None and rows <= rank
    wide = constant(basis * spread)
    x, seen_y = constant(scale)[..., None] * wide, constant(y)
    lower, mean, seen = (constant(found) for found in _of_each(x, seen_y, by_rows))
    misses = seen_y - (x @ mean[..., None])[..., 0]
    log_det = 2 * pt.log(pt.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    least = (misses**2).sum(axis=1) + (mean**2).sum(axis=1)

    by_scale = misses * (wide @ mean[..., None])[..., 0] - (seen * wide).sum(axis=2)
    by_spread = (mean**2 - (seen * x).sum(axis=1)) / spread
    slope = (constant(by_scale) * scale - misses * y).sum(axis=1) + (constant(by_spread) * spread).sum(axis=1)
    if sloping:
        by_basis = scale[..., None] * spread * (misses[..., None] * mean[:, None] - seen)
        slope = slope + (constant(by_basis) * basis).sum(axis=(1, 2))
    log_density = constant(-0.5 * (least + log_det) - slope) + slope
    return Regression(x, y, log_density, mean, lower, by_rows)


def _of_each(x: Computed, y: Computed, by_rows: bool) -> list[Computed]:
    """Cholesky factors of P or V, means of u, and V^-1 x, of each group."""
    import pytensor
    import pytensor.tensor as pt

    def one(x: Computed, y: Computed) -> tuple[Computed, ...]:
        square = x @ x.mT if by_rows else x.mT @ x
        unit = pt.eye(square.shape[-1])
        lower = pt.linalg.cholesky(unit + square)
        root = solve(lower, unit + 0 * lower)
        inverse = root.mT @ root
        if by_rows:
            return lower, (x.mT @ (inverse @ y[..., None]))[..., 0], inverse @ x
        return lower, (inverse @ (x.mT @ y[..., None]))[..., 0], x @ inverse

    # Of large matrices one after the other takes half as long as all at once.
    if by_rows or x.type.shape[0] == 1:
        return list(one(x, y))
    found: list[Computed] = pytensor.scan(one, sequences=[x, y], return_updates=False)
    return found


def solve(lower: Computed, b: Computed, transposed: bool = False) -> Computed:
    """Solves with a lower triangle, or with its transpose."""
    import pytensor.tensor as pt

    return pt.linalg.solve_triangular(lower.mT if transposed else lower, b, lower=not transposed)
