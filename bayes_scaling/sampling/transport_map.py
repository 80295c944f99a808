"""The arrays of a transport map, what they do to coordinates, and how they are fitted to draws.

    xi -> eta = center + factor xi -> x = location + axes (exp(width w) eta + slope w + 1/2 bend(w, w))

The affine part is an arrow, as groups depend on each other through what they share alone; the rest acts on blocks of
coordinates, each group's parameters and what all groups share.
A block's axes are its principal axes, widest first. Scaling laws bend: where E is hardly identified, it trades against
A and alpha along a thin banana, which is the thinner the less noise there is. So each axis is moved by a quadratic in
the wider ones, and stretched by them; w is eta, damped far out.
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.sampling.blocks import Blocks, fitted
from bayes_scaling.sampling.jax_model import Array
from bayes_scaling.sampling.population import PopulationMap


class Anchor(NamedTuple):
    """The linearised residuals of a curve at the mode, by which its law's M parameters are measured."""

    means: Array  # (M,)
    residual: Array  # (rows,)
    slopes: Array  # (rows, M)
    pull: Array  # (M,)
    root: Array  # (M, M), Cholesky factor of the precision there


class Arrow(NamedTuple):
    """A linear map of p coordinates that are shared, and of groups' own given these."""

    shared: Array  # (p, p)
    coupling: Array  # (groups, k, p)
    own: Array  # (groups, k, k)

    def forward(self, shared: Array, own: Array) -> tuple[Computed, Computed]:
        """Of arrays (..., p) and (..., groups, k)."""
        einsum = partial(np.einsum, optimize=True) if isinstance(shared, np.ndarray) else jnp.einsum
        moved = einsum("gij,...gj->...gi", self.own, own) + einsum("gip,...p->...gi", self.coupling, shared)
        return shared @ self.shared.T, moved

    def inverse(self, shared: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of `forward`."""
        shared = np.linalg.solve(self.shared, shared[..., None])[..., 0]
        own = own - np.einsum("gip,...p->...gi", self.coupling, shared)
        return shared, np.linalg.solve(self.own, own[..., None])[..., 0]

    @property
    def log_det(self) -> float:
        return float(np.linalg.slogdet(self.shared)[1] + np.linalg.slogdet(self.own)[1].sum())

    @classmethod
    def identity(cls, shared: int, groups: int, own: int) -> "Arrow":
        """The map that leaves everything as it is."""
        return cls(
            np.eye(shared), np.zeros((groups, own, shared)), np.broadcast_to(np.eye(own), (groups, own, own))
        )


class TransportMap(NamedTuple):
    """The arrays that define one map of n coordinates: those that groups share, first, and those of each group."""

    center: Array  # (n,)
    factor: Arrow
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
            shared, own, of_population = self.population.forward(shared, own)
            log_det += of_population
        own, of_groups = self.groups.forward(own)
        return shared, own, log_det + of_groups

    def inverse(self, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Inverse of `forward`."""
        shared, own = self._bent(shared, own)
        of_shared, of_own = self._parts(np.asarray(self.center))
        shared, own = self.factor.inverse(shared - of_shared, own - of_own)
        return np.concatenate([shared, own.reshape(*shared.shape[:-1], -1)], axis=-1)

    def _bent(self, shared: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = self.groups.inverse(own)
        if self.population is not None:
            shared, own = self.population.inverse(shared, own)
        return self.shared.inverse(shared[..., None, :])[..., 0, :], own


def identity(shared: int, groups: int, own: int) -> TransportMap:
    """The map that leaves everything as it is."""
    # Zero as an array: of another type than a map's that is found, it would have every gradient compiled twice.
    return TransportMap(
        np.zeros(shared + groups * own),
        Arrow.identity(shared, groups, own),
        Blocks.identity(1, shared),
        Blocks.identity(groups, own),
        np.zeros(()),
    )


def adapted(transport: TransportMap, xi: np.ndarray, bends: bool) -> TransportMap:
    """The map fitted to draws in its coordinates, (draws, n): its affine part, and its blocks if wanted."""
    if bends:
        shared, own, _ = transport.forward(xi)
        groups = fitted(own)
        transport = transport._replace(groups=groups, shared=Blocks.identity(1, shared.shape[1]))
        if transport.population is not None:
            known = transport.population.fitted(shared, groups.inverse(own), groups)
            transport = transport._replace(population=known)
        before, _ = transport._bent(shared, own)
        transport = transport._replace(shared=fitted(before[:, None]))
        shared, own = transport._bent(shared, own)
    else:
        shared, own = transport.affine(xi)
    center = np.concatenate([shared.mean(0), own.mean(0).ravel()])
    shared, own = shared - shared.mean(0), own - own.mean(0)
    root = np.linalg.cholesky(shrunk(shared))
    white = np.linalg.solve(root, shared.T).T
    coupling = np.einsum("ngi,np->gip", own, white, optimize=True) / (len(xi) + 2 * white.shape[1])
    own = own - np.einsum("gip,np->ngi", coupling, white, optimize=True)
    of_own = [np.linalg.cholesky(shrunk(own[:, g])) for g in range(own.shape[1])]
    factor = Arrow(root, coupling, np.array(of_own).reshape(transport.groups.axes.shape))
    log_det = factor.log_det + transport.shared.log_det
    if transport.population is None:
        log_det += transport.groups.log_det
    return transport._replace(center=center, factor=factor, log_det=log_det)


def shrunk(x: np.ndarray) -> np.ndarray:
    """Covariance of draws, (draws, n), drawn towards the identity as far as their number asks for."""
    count, n = x.shape
    pull = 2 * n / (count + 2 * n)
    covariance: np.ndarray = (1 - pull) * np.cov(x.T).reshape(n, n) + pull * np.eye(n)
    return covariance
