"""The affine part of a transport map: of what groups share, (..., p), and of their own, (..., groups, k)."""

from typing import NamedTuple, Self

import numpy as np

from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.sampling.jax_model import Array
from bayes_scaling.sampling.matrices import concatenated, einsum, shrunk


class Dense(NamedTuple):
    """A linear map of all coordinates."""

    matrix: Array  # (n, n)

    @classmethod
    def identity(cls, shared: int, groups: int, own: int) -> Self:
        """The map that leaves everything as it is."""
        return cls(np.eye(shared + groups * own))

    @classmethod
    def fitted(cls, shared: np.ndarray, own: np.ndarray) -> Self:
        """The map with the covariance of draws around their mean, (draws, p) and (draws, groups, k)."""
        return cls(np.linalg.cholesky(shrunk(np.concatenate([shared, own.reshape(len(own), -1)], axis=1))))

    def forward(self, shared: Array, own: Array) -> tuple[Computed, Computed]:
        """Coordinates through the map."""
        x = concatenated(shared, own.reshape(*own.shape[:-2], -1)) @ self.matrix.T
        return x[..., : shared.shape[-1]], x[..., shared.shape[-1] :].reshape(own.shape)

    def inverse(self, shared: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of `forward`."""
        x = concatenated(shared, own.reshape(*own.shape[:-2], -1))
        xi = np.linalg.solve(self.matrix, x[..., None])[..., 0]
        return xi[..., : shared.shape[-1]], xi[..., shared.shape[-1] :].reshape(own.shape)

    @property
    def log_det(self) -> float:
        return float(np.linalg.slogdet(self.matrix)[1])


class Arrow(NamedTuple):
    """A linear map of many groups, which depend on each other through what they share alone."""

    shared: Array  # (p, p)
    coupling: Array  # (groups, k, p)
    own: Array  # (groups, k, k)

    @classmethod
    def identity(cls, shared: int, groups: int, own: int) -> Self:
        """The map that leaves everything as it is."""
        coupling, alone = np.zeros((groups, own, shared)), np.broadcast_to(np.eye(own), (groups, own, own))
        return cls(np.eye(shared), coupling, alone)

    @classmethod
    def fitted(cls, shared: np.ndarray, own: np.ndarray) -> Self:
        """The map with the covariances of draws around their mean, (draws, p) and (draws, groups, k)."""
        root = np.linalg.cholesky(shrunk(shared))
        white = np.linalg.solve(root, shared.T).T
        # Drawn towards no coupling, as far as there are few draws for it.
        coupling = einsum("ngi,np->gip", own, white) / (len(own) + 2 * white.shape[1])
        left = own - einsum("gip,np->ngi", coupling, white)
        return cls(root, coupling, np.array([np.linalg.cholesky(shrunk(x)) for x in left.swapaxes(0, 1)]))

    def forward(self, shared: Array, own: Array) -> tuple[Computed, Computed]:
        """Coordinates through the map."""
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
