"""The population that groups are drawn from, as the part of a transport map in which it is no funnel.

For a parameter that is pooled partially, in units of its prior's spread and from its location,

    y_g ~ N(mean, tau^2),   mean ~ N(0, 1),   log tau normal.

If what each group's runs say of its parameters were normal, of precision L_g and mean m_g, then the means would be
normal given tau, and each group's parameters given both, with precision L_g + 1/tau^2. The coordinates are the standard
normals of these: centred for groups that know much, non-centred for those that know little, and in between
(Papaspiliopoulos, Roberts and Skoeld 2007, doi:10.1214/088342307000000014). Runs that say something else cost steps and
no correctness.
"""

from typing import NamedTuple

import numpy as np

from bayes_scaling.laws.elementwise import Computed, exp
from bayes_scaling.sampling.blocks import Blocks
from bayes_scaling.sampling.jax_model import Array
from bayes_scaling.sampling.matrices import concatenated, einsum, inverse_root

_LITTLE = 0.3
"""In units of the prior's precision: below it, what runs say of a direction is faded out."""


class PopulationMap(NamedTuple):
    """The arrays of the map of P parameters of a population and k of each group, P of which are drawn from it."""

    pooled: Array  # (P, k), 1 where a parameter of a group is drawn from that of the population
    log_tau: Array  # (2, P): log tau is the first and the second times its standard normal offset
    precision: Array  # (groups, k, k), of what each group's runs say
    pull: Array  # (groups, k), precision times mean
    to_axes: Array  # (groups, k, k), inverse of the axes along which groups are bent

    def forward(self, shared: Array, own: Array, frame: Blocks) -> tuple[Computed, Computed, Computed]:
        """What is shared, tau's offsets and the means last, groups along the frame's axes; the log determinant."""
        start = shared.shape[-1] - len(self.pooled)
        given = self._given(shared[..., start - len(self.pooled) : start])
        mean = einsum("...ji,...j->...i", given.of_mean, given.toward + shared[..., start:])
        own = given.pulled + einsum("...gij,...j->...gi", given.by_mean, mean @ self.pooled) + own
        y = einsum("...gji,...gj->...gi", given.root, own)
        moved = einsum("gij,...gj->...gi", self.to_axes, y - frame.location)
        return concatenated(shared[..., :start], mean), moved, given.log_det

    def inverse(self, shared: np.ndarray, own: np.ndarray, frame: Blocks) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of `forward`."""
        start = shared.shape[-1] - len(self.pooled)
        given, mean = self._given(shared[..., start - len(self.pooled) : start]), shared[..., start:]
        y = frame.location + einsum("gij,...gj->...gi", frame.axes, own)
        own = einsum("...gij,...gjk,...gk->...gi", given.root, given.precision, y)
        own = own - given.pulled - einsum("...gij,...j->...gi", given.by_mean, mean @ self.pooled)
        z = einsum("...ij,...jk,...k->...i", given.of_mean, given.precision_of_mean, mean) - given.toward
        return concatenated(shared[..., :start], z), own

    def fitted(self, shared: np.ndarray, own: np.ndarray, frame: Blocks) -> "PopulationMap":
        """The map with the precisions of draws, (draws, p) and, of groups in a frame, (draws, groups, k)."""
        count, p = len(self.pooled), shared.shape[1]
        mean, offset = shared[:, p - count :].mean(0), shared[:, p - 2 * count : p - count].mean(0)
        y = frame.location + einsum("gij,ngj->ngi", frame.axes, own)
        # What groups differ by when all that is shared is known.
        known, left = shared - shared.mean(0), (y - y.mean(0)).reshape(len(y), -1)
        left = (left - known @ np.linalg.lstsq(known, left, rcond=None)[0]).reshape(y.shape)
        covariance = einsum("ngi,ngj->gij", left, left) / (len(y) - p)
        found = self.with_precision(np.linalg.inv(covariance), y.mean(0), mean, offset)
        return found._replace(to_axes=np.linalg.inv(frame.axes))

    def with_precision(
        self, precision: np.ndarray, center: np.ndarray, mean: np.ndarray, offset: np.ndarray
    ) -> "PopulationMap":
        """The map where groups, (groups, k, k) and (groups, k), are normal given the means and offsets of tau, (P,)."""
        tau = self._of_prior(offset) ** -0.5
        values, vectors = np.linalg.eigh(tau[:, None] * precision * tau - np.eye(len(tau)))
        values = np.maximum(values, 0.0)
        y, gap = (np.einsum("gji,gj->gi", vectors, x / tau) for x in (center, center - mean @ self.pooled))
        # Runs that say nothing pull nowhere; where they would have to, they are not normal.
        pull = values * (y + gap / np.maximum(values, _LITTLE))
        return self._replace(
            precision=np.einsum("gij,gj,gkj->gik", vectors, values, vectors) / tau[:, None] / tau,
            pull=np.einsum("gij,gj->gi", vectors, pull) / tau,
        )

    def _of_prior(self, offset: Array) -> Computed:
        """Precision of the prior of each group's parameters, (..., k): 1 where there is no population."""
        return exp(-2 * ((self.log_tau[0] + self.log_tau[1] * offset) @ self.pooled))

    def _given(self, offset: Array) -> "_Given":
        """The normal distributions of means and groups given offsets of tau, (..., P)."""
        of_prior = self._of_prior(offset)
        k, groups = of_prior.shape[-1], self.precision.shape[0]
        precision = self.precision + (of_prior[..., None, :] * np.eye(k))[..., None, :, :]
        root, log_det = inverse_root(precision)
        pulled, by_mean = einsum("...gij,gj->...gi", root, self.pull), root * of_prior[..., None, None, :]
        learnt = groups * of_prior[..., None] * np.eye(k) - einsum("...gki,...gkj->...ij", by_mean, by_mean)
        of_means = np.eye(len(self.pooled)) + self.pooled @ learnt @ self.pooled.T
        of_mean, log_det_mean = inverse_root(of_means)
        toward = einsum(
            "...ij,...j->...i", of_mean, einsum("...gki,...gk->...i", by_mean, pulled) @ self.pooled.T
        )
        return _Given(
            precision, root, pulled, by_mean, of_means, of_mean, toward, log_det.sum(-1) + log_det_mean
        )


class _Given(NamedTuple):
    """Normal distributions given tau: precisions, the inverses of their Cholesky factors, and where they are."""

    precision: Array  # (..., groups, k, k)
    root: Array  # (..., groups, k, k)
    pulled: Array  # (..., groups, k)
    by_mean: Array  # (..., groups, k, k)
    precision_of_mean: Array  # (..., P, P)
    of_mean: Array  # (..., P, P)
    toward: Array  # (..., P)
    log_det: Array  # (...)
