"""The transport map before there are draws: from the mode, its curvature and its bends.

Approximations all of them: they decide how close to normal the coordinates are, and the map stays exact.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import least_squares

from bayes_scaling.sampling.affine import Arrow, Dense
from bayes_scaling.sampling.coordinates import Coordinates, Point
from bayes_scaling.sampling.jax_model import Array, Data, Program
from bayes_scaling.sampling.modes import Density, climb, hessian, root_of, slope_along
from bayes_scaling.sampling.population_map import PopulationMap
from bayes_scaling.sampling.transport_map import Anchor, TransportMap, identity

_STEP, _STRONGEST = 0.5, 10.0
"""In sd: the step of the differences that find bends, and the largest coefficient of a bend."""


class Geometry(Coordinates):
    """The coordinates of one program, and how their map is found for given data."""

    def __init__(self, program: Program):
        super().__init__(program)
        # One compiled gradient serves every search below: what differs is in the arrays of the map.
        self.value_and_grad = jax.jit(jax.value_and_grad(self.log_density))
        self._shared = jax.jit(self._shared_at)
        self._slopes = jax.jit(jax.jacfwd(self._shared_at))

    def density(self, data: Data, transport: TransportMap | None = None) -> Density:
        """The log density and its gradient in mapped coordinates; without a map, in units of the priors."""
        chosen = transport or self._identity()
        return lambda xi: self.value_and_grad(xi, chosen, data)

    def find(self, data: Data, mode: np.ndarray | None = None) -> TransportMap:
        """The map for these data: mode, curvature, and bends of what all groups share.

        The mode is climbed to from the prior's middle, unless it is given.
        """
        layout, transport, start = self.layout, self._identity(), np.zeros(self.layout.n)
        if layout.population:
            # Many groups of few runs are met to the last digit at the mode, so noise and spreads stay at their priors.
            at = climb(self.density(data), start, self._of_law())
            transport = transport._replace(population=self._population(at, data))
            at = np.concatenate([at[: layout.complete], start[layout.complete :]])
        else:
            at = climb(self.density(data), start, np.arange(layout.n)) if mode is None else mode
        if self.funnel:
            transport = transport._replace(anchor=self._anchor(at, data))
        transport = (self._arrow if layout.many else self._dense)(at, transport, data)
        if layout.own:
            return transport
        shared = transport.shared._replace(bend=self._bend_of(transport, data)[None])
        return transport._replace(shared=shared)

    def position(self, wanted: np.ndarray, transport: TransportMap, data: Data) -> np.ndarray | None:
        """Coordinates of a point of a single group, in units of the priors; None where the map misses it."""
        target = self._shared(wanted, self._identity(), data)
        found = least_squares(
            lambda xi: np.asarray(self._shared(xi, transport, data) - target),
            np.zeros(self.layout.n),
            jac=lambda xi: np.asarray(self._slopes(xi, transport, data)),
        )
        return found.x if np.max(np.abs(found.fun)) < 1e-6 else None

    def _dense(self, at: np.ndarray, transport: TransportMap, data: Data) -> TransportMap:
        """The map with the mode's curvature."""
        n, p, k = self.layout.n, self.layout.shared, self.layout.own
        curvature = -hessian(self.density(data, transport), at, np.arange(n))
        blocks = [root_of(curvature[i : i + k, i : i + k]) for i in range(p, n, max(k, 1))]
        shared = transport.shared._replace(location=at[None, :p], axes=root_of(curvature[:p, :p])[None])
        groups = transport.groups._replace(
            location=at[p:].reshape(transport.groups.location.shape),
            axes=np.array(blocks).reshape(transport.groups.axes.shape),
        )
        factor = transport.factor
        if k:
            whole = root_of(curvature)
            factor = Dense(np.linalg.solve(block_diag(shared.axes[0], *groups.axes), whole))
        log_det = factor.log_det + shared.log_det + groups.log_det
        return transport._replace(factor=factor, shared=shared, groups=groups, log_det=log_det)

    def _arrow(self, at: np.ndarray, transport: TransportMap, data: Data) -> TransportMap:
        """The map with the mode's curvature, within each group and of what is shared as each group follows."""
        p, shape = self.layout.shared, transport.groups.location.shape
        curvature, coupling, of_own = self._curvature(at, transport, data)
        axes = np.array([root_of(block) for block in of_own]).reshape(transport.groups.axes.shape)
        moved = np.einsum("gji,gjp->gip", axes, coupling)
        root = root_of(curvature - np.einsum("gip,giq->pq", moved, moved))
        factor = Arrow(np.eye(p), -axes @ moved @ root, axes)
        shared = transport.shared._replace(location=at[None, :p], axes=root[None])
        center = np.concatenate([np.zeros(p), at[p:].reshape(shape).ravel()])
        log_det = factor.log_det + shared.log_det
        return transport._replace(center=center, factor=factor, shared=shared, log_det=log_det)

    def _of_law(self) -> np.ndarray:
        """Coordinates of the law's parameters: neither of the noise nor of spreads between groups."""
        layout, structure = self.layout, self.program.structure
        ours = structure.law.parameters
        means = [name in ours for name in structure.pooled("partial")]
        own = [name in ours for name in structure.pooled("partial", "none")]
        complete = [name in ours for name in structure.pooled("complete")]
        fixed = [False] * (layout.noise + layout.population)
        return np.flatnonzero([*complete, *fixed, *means, *own * layout.groups])

    def _population(self, at: np.ndarray, data: Data) -> PopulationMap:
        """The population's map, with the precision of groups' runs at a point of the coordinates of the prior."""
        p, prior = self.layout.shared, self._prior_of_groups()
        _, _, curvature = self._curvature(at, self._identity(), data)
        shared, own, _ = self._identity().forward(at)
        tau = np.exp(prior.log_tau[0] @ prior.pooled)
        count = len(prior.pooled)
        return prior.with_precision(curvature / tau[:, None] / tau, own, shared[p - count :], np.zeros(count))

    def _prior_of_groups(self) -> PopulationMap:
        """The population's map where groups' runs say nothing."""
        g, k, priors = self.layout.groups, self.layout.own, self.population.priors
        pooled = np.eye(k)[self.partial]
        middle, at_one = (np.log([p.tau(x) / p.spread for p in priors]) for x in (0.0, 1.0))
        axes = np.broadcast_to(np.eye(k), (g, k, k))
        return PopulationMap(pooled, np.array([middle, at_one - middle]), 0.0 * axes, np.zeros((g, k)), axes)

    def _identity(self) -> TransportMap:
        layout = self.layout
        plain = identity(layout.shared, layout.groups, layout.own, dense=not layout.many)
        if layout.population:
            plain = plain._replace(population=self._prior_of_groups())
        if not self.funnel:
            return plain
        return plain._replace(anchor=_no_anchor(self.layout.complete - 1, self.program.structure.n_rows))

    def _curvature(
        self, at: np.ndarray, transport: TransportMap, data: Data
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Minus the second derivatives: of what is shared, (p, p), of that and groups, (groups, k, p), and of each
        group, (groups, k, k).
        """
        density, layout, p = self.density(data, transport), self.layout, self.layout.shared
        every = np.array([-slope_along(density, at, i) for i in range(p)]).reshape(p, layout.n)
        coupling = every[:, p:].T.reshape(layout.groups, layout.own, p)
        own = np.zeros((layout.groups, layout.own, layout.own))
        for j in range(layout.own):
            # All groups at once: given what is shared, none depends on another.
            slopes = -slope_along(density, at, np.arange(p + j, layout.n, layout.own))
            own[:, :, j] = slopes[p:].reshape(layout.groups, layout.own)
        shared = every[:, :p]
        return 0.5 * (shared + shared.T), coupling, 0.5 * (own + own.transpose(0, 2, 1))

    def _bend_of(self, transport: TransportMap, data: Data) -> np.ndarray:
        """How narrow directions bend along wide ones: second differences of the gradient at the mode."""
        p = self.layout.shared

        def gradient(eta: np.ndarray) -> np.ndarray:
            return np.nan_to_num(np.asarray(self.value_and_grad(eta, transport, data)[1]))

        bend = np.zeros((p, p, p))
        step = _STEP * np.eye(p)
        middle = gradient(np.zeros(p))
        ahead, behind = [gradient(e) for e in step], [gradient(-e) for e in step]
        for j in range(p):
            bend[:, j, j] = (ahead[j] - 2 * middle + behind[j]) / _STEP**2
            for k in range(j):
                same = gradient(step[j] + step[k]) + gradient(-step[j] - step[k])
                opposite = gradient(step[j] - step[k]) + gradient(step[k] - step[j])
                bend[:, j, k] = bend[:, k, j] = (same - opposite) / (4 * _STEP**2)
        # Moved by wider coordinates only, so that the shear has unit Jacobian.
        moved, by, and_by = np.ogrid[:p, :p, :p]
        return np.clip(np.where((by < moved) & (and_by < moved), bend, 0.0), -_STRONGEST, _STRONGEST)

    def _anchor(self, eta: np.ndarray, data: Data) -> Anchor:
        """The law's means at the mode, the residuals there, their slopes and their pull."""
        c = self.layout.complete
        none = jnp.zeros(0)
        mode = Point(
            jnp.asarray(eta[:c]), jnp.asarray(eta[c:]), none, none, jnp.zeros((self.layout.groups, 0))
        )

        def at(means: Array) -> tuple[Array, Array]:
            moved, _ = self.reparametrised(mode._replace(complete=jnp.append(means, mode.complete[-1])))
            residual, variance = self.program.residual_and_variance(self.theta(moved), moved.noise, data)
            return residual, variance

        means = mode.complete[:-1]
        residual, variance = at(means)
        slopes = jax.jacfwd(lambda means: at(means)[0])(means)
        weighted = (data["weight"] / variance)[:, None] * slopes
        root = jnp.linalg.cholesky(jnp.eye(len(means)) + slopes.T @ weighted)
        return Anchor(*map(np.asarray, (means, residual, slopes, weighted.T @ residual, root)))

    def _shared_at(self, xi: Array, transport: TransportMap, data: Data) -> Array:
        at, _ = self.point(xi, transport, data)
        return jnp.concatenate([at.complete, at.noise])


def _no_anchor(count: int, rows: int) -> Anchor:
    """Before the mode is known, the noise moves nothing."""
    return Anchor(
        means=np.zeros(count),
        residual=np.zeros(rows),
        slopes=np.zeros((rows, count)),
        pull=np.zeros(count),
        root=np.eye(count),
    )
