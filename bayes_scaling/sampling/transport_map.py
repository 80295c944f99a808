"""The arrays of a transport map, what they do to coordinates, and how they are fitted to draws.

    xi -> affine part, of all coordinates -> blocks, bent: each group's parameters and what all groups share

Of many groups, the population that they are drawn from is mapped before they are bent.
"""

from typing import NamedTuple

import numpy as np

from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.sampling.affine import Arrow, Dense
from bayes_scaling.sampling.blocks import Blocks, fitted
from bayes_scaling.sampling.jax_model import Array
from bayes_scaling.sampling.population_map import PopulationMap


class Anchor(NamedTuple):
    """The linearised residuals of a curve at the mode, by which its law's M parameters are measured."""

    means: Array  # (M,)
    residual: Array  # (rows,)
    slopes: Array  # (rows, M)
    pull: Array  # (M,)
    root: Array  # (M, M), Cholesky factor of the precision there


class TransportMap(NamedTuple):
    """The arrays that define one map of n coordinates: those that groups share, first, and those of each group."""

    center: Array  # (n,)
    factor: Dense | Arrow
    shared: Blocks  # one
    groups: Blocks  # one for each group
    log_det: Array | float
    anchor: Anchor | None = None
    population: PopulationMap | None = None

    def affine(self, xi: Array) -> tuple[Computed, Computed]:
        """The outermost part: (..., p) and (..., groups, k)."""
        shared, own = self.factor.forward(*self._parts(xi))
        of_shared, of_own = self._parts(self.center)
        return of_shared + shared, of_own + own

    def _parts(self, x: Array) -> tuple[Array, Array]:
        p = self.shared.location.shape[1]
        return x[..., :p], x[..., p:].reshape(*x.shape[:-1], *self.groups.location.shape)

    def forward(self, xi: Array) -> tuple[Computed, Computed, Computed]:
        """What groups share, (..., p), each group's own, (..., groups, k), and the log determinant, (...)."""
        shared, own = self.affine(xi)
        moved, of_shared = self.shared.forward(shared[..., None, :])
        shared, log_det = moved[..., 0, :], self.log_det + of_shared
        if self.population is not None:
            shared, own, of_population = self.population.forward(shared, own, self.groups)
            log_det += of_population
        own, of_groups = self.groups.forward(own)
        return shared, own, log_det + of_groups

    def inverse(self, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Inverse of `forward`."""
        own = self.groups.inverse(own)
        if self.population is not None:
            shared, own = self.population.inverse(shared, own, self.groups)
        shared = self.shared.inverse(shared[..., None, :])[..., 0, :]
        of_shared, of_own = self._parts(np.asarray(self.center))
        shared, own = self.factor.inverse(shared - of_shared, own - of_own)
        return np.concatenate([shared, own.reshape(*shared.shape[:-1], -1)], axis=-1)


def identity(shared: int, groups: int, own: int, dense: bool = True) -> TransportMap:
    """The map that leaves everything as it is."""
    # Zero as an array: of another type than a map's that is found, it would have every gradient compiled twice.
    return TransportMap(
        np.zeros(shared + groups * own),
        (Dense if dense else Arrow).identity(shared, groups, own),
        Blocks.identity(1, shared),
        Blocks.identity(groups, own),
        np.zeros(()),
    )


def adapted(transport: TransportMap, xi: np.ndarray, bends: bool) -> TransportMap:
    """The map fitted to draws in its coordinates, (draws, n): its affine part, and its blocks if wanted."""
    if bends:
        shared, own, _ = transport.forward(xi)
        groups = fitted(own)
        own, population = groups.inverse(own), transport.population
        if population is not None:
            population = population.fitted(shared, own, groups)
            shared, own = population.inverse(shared, own, groups)
        of_shared = fitted(shared[:, None])
        shared = of_shared.inverse(shared[:, None])[:, 0]
        transport = transport._replace(groups=groups, population=population, shared=of_shared)
    else:
        shared, own = transport.affine(xi)
    center = np.concatenate([shared.mean(0), own.mean(0).ravel()])
    factor = transport.factor.fitted(shared - shared.mean(0), own - own.mean(0))
    log_det = factor.log_det + transport.shared.log_det
    if transport.population is None:
        log_det += transport.groups.log_det
    return transport._replace(center=center, factor=factor, log_det=log_det)
