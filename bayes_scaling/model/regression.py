"""Bayesian linear regression: what rows say of the weights of a basis, and the density that is left of them.

Rows lie in groups. The first columns of a basis may be ``tied``: their weights are the same in all groups, which are
then one regression, whose precision is an arrow.
"""

from typing import NamedTuple

import numpy as np

from bayes_scaling.laws.elementwise import Computed

_FEW = 48
"""So many rows of tied groups are solved at once: a third power of them costs less than the arrow of their weights."""


class ByRows(NamedTuple):
    """Found from the covariance V = I + x x' of y: P^-1 x' = x' V^-1, for the precision P of the weights."""

    lower: Computed  # (batches, rows, rows): Cholesky factor of V

    def root(self, x: Computed) -> Computed:
        """R of V^-1 = R'R, (batches, rows, rows)."""
        import pytensor.tensor as pt

        return solve(self.lower, pt.eye(self.lower.shape[1]))

    def off(self, x: Computed, normal: Computed, tied: int) -> Computed:
        """How far weights drawn by standard normals lie from their mean, both (groups, rank)."""
        import pytensor.tensor as pt

        # A root of the covariance I - x'V^-1 x, of triangles: I - x' L'^-1 (L + I)^-1 x for V = L L'.
        batches, rows = self.lower.type.shape[:2]
        more = self.lower + pt.eye(rows)
        seen = (x @ normal[..., None]).reshape((batches, rows, 1))
        back = solve(self.lower, solve(more, seen), transposed=True).reshape((*x.shape[:2], 1))
        return normal - _summed((x.mT @ back)[..., 0], tied)


class ByWeights(NamedTuple):
    """Found from the precision P = I + x'x of each group's weights."""

    lower: Computed  # (groups, rank, rank): Cholesky factor of P

    def root(self, x: Computed) -> Computed:
        """R of I - V^-1 = R'R, (groups, rank, rows)."""
        return solve(self.lower, x.mT)

    def off(self, x: Computed, normal: Computed, tied: int) -> Computed:
        """As `ByRows.off`."""
        return solve(self.lower, normal[..., None], transposed=True)[..., 0]


class Arrow(NamedTuple):
    """Found from the precision P of each group's own weights, and then from that of the tied ones, Q."""

    lower: Computed  # (groups, own, own): Cholesky factor of P
    lower_tied: Computed  # (1, tied, tied): Cholesky factor of Q
    through: Computed  # (groups, own, tied): what own weights give way by to tied ones
    own: Computed  # (groups, rows, own): columns of x
    left: Computed  # (groups, rows, tied): what own weights leave of the tied columns

    def root(self, x: Computed) -> Computed:
        """R of I - V^-1 = R'R, (groups, own + tied, rows)."""
        import pytensor.tensor as pt

        parts = solve(self.lower, self.own.mT), solve(_each(self.lower_tied, x), self.left.mT)
        return pt.concatenate(parts, axis=1)

    def off(self, x: Computed, normal: Computed, tied: int) -> Computed:
        """As `ByRows.off`."""
        import pytensor.tensor as pt

        common = solve(self.lower_tied, normal[:1, :tied, None], transposed=True)
        own = solve(self.lower, normal[:, tied:, None], transposed=True) - self.through @ common
        return pt.concatenate([_each(common, x)[..., 0], own[..., 0]], axis=1)


class Regression(NamedTuple):
    """What y ~ N(x u, I) says of u ~ N(0, I), for each group."""

    x: Computed  # (groups, rows, rank)
    y: Computed  # (groups, rows)
    log_density: Computed  # (groups,): of y, but for the normal's constant; if tied, parts of one
    mean: Computed  # (groups, rank): of u
    tied: int
    solved: ByRows | ByWeights | Arrow

    def misses(self, weights: Computed) -> Computed:
        """What such weights, (groups, rank), leave of y, (groups, rows)."""
        return self.y - (self.x @ weights[..., None])[..., 0]

    def drawn(self, normal: Computed) -> Computed:
        """Weights drawn by standard normals, both (groups, rank); those of the first group draw the tied ones."""
        import pytensor.tensor as pt

        if self.tied:
            common = _each(normal[:1, : self.tied], self.x)
            normal = pt.concatenate([common, normal[:, self.tied :]], axis=1)
        return self.mean + self.solved.off(self.x, normal, self.tied)

    def precision(self, box: tuple[int, int]) -> Computed:
        """The blocks of V^-1 of each cluster, (groups, clusters, rows of a cluster, the same), for rows in boxes."""
        import pytensor.tensor as pt

        groups, rows = self.x.type.shape[:2]
        root = self.solved.root(self.x)
        columns = groups * rows // root.type.shape[0]
        of_cluster = root.reshape((root.type.shape[0], -1, columns // box[1], box[1])).transpose(0, 2, 1, 3)
        square = (of_cluster.mT @ of_cluster).reshape((groups, *box, box[1]))
        return square if isinstance(self.solved, ByRows) else pt.eye(box[1]) - square


def regression(
    basis: Computed, scale: Computed, spread: Computed, y: Computed, *, tied: int = 0, sloping: bool = False
) -> Regression:
    """The regression on rows x = scale * basis * spread.

    Parameters
    ----------
    basis : array, shape (groups, rows, rank)
    scale : array, shape (groups, rows)
    spread : array, shape (rank,)
    y : array, shape (groups, rows)
    tied : int
        How many of the columns have the same weights in all groups.
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

    groups, rows, rank = basis.type.shape
    wide = constant(basis * spread)
    x, seen_y = constant(scale)[..., None] * wide, constant(y)
    if rows is not None and (groups * rows <= _FEW if tied else rows <= rank):
        found = _by_rows(x, seen_y, tied)
    else:
        found = _by_arrow(x, seen_y, tied) if tied else _by_weights(x, seen_y)
    solved, mean, seen, log_det = found
    mean, seen, log_det = constant(mean), constant(seen), constant(log_det)
    misses = seen_y - (x @ mean[..., None])[..., 0]
    # Each group has its part of what tied weights are.
    squares = mean**2 / pt.where(pt.arange(mean.shape[1]) < tied, mean.shape[0], 1)
    least = (misses**2).sum(axis=1) + squares.sum(axis=1)

    by_scale = misses * (wide @ mean[..., None])[..., 0] - (seen * wide).sum(axis=2)
    by_spread = (squares - (seen * x).sum(axis=1)) / spread
    slope = (constant(by_scale) * scale - misses * y).sum(axis=1) + (constant(by_spread) * spread).sum(axis=1)
    if sloping:
        by_basis = scale[..., None] * spread * (misses[..., None] * mean[:, None] - seen)
        slope = slope + (constant(by_basis) * basis).sum(axis=(1, 2))
    log_density = constant(-0.5 * (least + log_det) - slope) + slope
    return Regression(x, y, log_density, mean, tied, solved)


type _Found = tuple[ByRows | ByWeights | Arrow, Computed, Computed, Computed]
"""With it: the mean of u, (groups, rank); V^-1 x, (groups, rows, rank), of each group; log det P, (groups,)."""


def _by_rows(x: Computed, y: Computed, tied: int) -> _Found:
    import pytensor.tensor as pt

    groups, rows, rank = x.type.shape
    if not tied:
        lower, inverse, log_det = _inverted(x @ x.mT)
        return ByRows(lower), (x.mT @ (inverse @ y[..., None]))[..., 0], inverse @ x, log_det
    flat = x.reshape((groups * rows, rank))
    common, own = flat[:, :tied], flat[:, tied:]
    same = _same(groups, rows)
    lower, inverse, log_det = _inverted((common @ common.T + same * (own @ own.T))[None])
    seen = pt.concatenate([inverse[0] @ common, (same * inverse[0]) @ own], axis=1)
    back = (inverse[0] @ y.reshape((groups * rows, 1))).reshape((groups, rows, 1))
    mean = _summed((x.mT @ back)[..., 0], tied)
    return ByRows(lower), mean, seen.reshape((groups, rows, rank)), log_det / groups


def _by_weights(x: Computed, y: Computed) -> _Found:
    def one(x: Computed, y: Computed) -> tuple[Computed, ...]:
        lower, inverse, log_det = _inverted(x.mT @ x)
        return lower, (inverse @ (x.mT @ y[..., None]))[..., 0], x @ inverse, log_det

    lower, mean, seen, log_det = _of_each(one, x, y)
    return ByWeights(lower), mean, seen, log_det


def _by_arrow(x: Computed, y: Computed, tied: int) -> _Found:
    import pytensor.tensor as pt

    groups = x.shape[0]

    def one(x: Computed, y: Computed) -> tuple[Computed, ...]:
        common, own = x[..., :tied], x[..., tied:]
        lower, inverse, log_det = _inverted(own.mT @ own)
        through = inverse @ (own.mT @ common)
        left = common - own @ through
        alone = (inverse @ (own.mT @ y[..., None]))[..., 0]
        pull = (left.mT @ y[..., None])[..., 0]
        return lower, through, left, common.mT @ left, pull, alone, own @ inverse, log_det

    lower, through, left, square, pull, alone, seen_own, log_det = _of_each(one, x, y)
    lower_tied, inverse, log_det_tied = _inverted(square.sum(axis=0, keepdims=True))
    common = (inverse @ pull.sum(axis=0)[None, :, None])[..., 0]
    mean = pt.concatenate([_each(common, x), alone - (through @ common[..., None])[..., 0]], axis=1)
    seen = (left.reshape((-1, tied)) @ inverse[0]).reshape(left.shape)
    seen = pt.concatenate([seen, seen_own - seen @ through.mT], axis=2)
    return (
        Arrow(lower, lower_tied, through, x[..., tied:], left),
        mean, seen, log_det + log_det_tied / groups,
    )  # fmt: skip


def _inverted(square: Computed) -> tuple[Computed, Computed, Computed]:
    """The Cholesky factor, the inverse and the log determinant of I plus this."""
    import pytensor.tensor as pt

    unit = pt.eye(square.shape[-1])
    lower = pt.linalg.cholesky(unit + square)
    root = solve(lower, unit + 0 * lower)
    return lower, root.mT @ root, 2 * pt.log(pt.diagonal(lower, axis1=-2, axis2=-1)).sum(axis=-1)


def _of_each(one: Computed, x: Computed, y: Computed) -> list[Computed]:
    """Large matrices one after the other, which takes half as long as all at once."""
    import pytensor

    if x.type.shape[0] == 1:
        return list(one(x, y))
    found: list[Computed] = pytensor.scan(one, sequences=[x, y], return_updates=False)
    return found


def _summed(weights: Computed, tied: int) -> Computed:
    """Each group's share in the weights, (groups, rank), summed over the groups where weights are tied."""
    import pytensor.tensor as pt

    if not tied:
        return weights
    common = weights[:, :tied].sum(axis=0, keepdims=True)
    return pt.concatenate([_each(common, weights), weights[:, tied:]], axis=1)


def _each(common: Computed, like: Computed) -> Computed:
    """What groups have in common, (1, ...), for each of them, (groups, ...)."""
    import pytensor.tensor as pt

    # Indices are constants where they can be: JAX wants shapes that are known.
    groups = like.type.shape[0]
    return common[np.zeros(groups, int) if groups is not None else pt.zeros(like.shape[0], dtype="int64")]


def _same(groups: int, rows: int) -> np.ndarray:
    """1 where two rows of all are of one group, else 0."""
    return np.kron(np.eye(groups), np.ones((rows, rows)))


def solve(lower: Computed, b: Computed, transposed: bool = False) -> Computed:
    """Solves with a lower triangle, or with its transpose."""
    import pytensor.tensor as pt

    return pt.linalg.solve_triangular(lower.mT if transposed else lower, b, lower=not transposed)
