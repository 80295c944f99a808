"""Finding the transport map for given data: its point, its curvatures, its bends.

Approximations all of them: they decide how close to normal the coordinates are, and the map stays exact.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from bayes_scaling.sampling.coordinates import Coordinates
from bayes_scaling.sampling.jax_model import Array, Data, Free, Program
from bayes_scaling.sampling.modes import Density, climb, root_of_covariance
from bayes_scaling.sampling.transport_map import DENSE_LIMIT, Anchor, Expansion, TransportMap

_STEP, _STRONGEST = 0.5, 10.0
"""In sd: the step of the differences that find bends, and the largest coefficient of a bend."""

_NARROW = 0.05
"""In prior sd: a direction of the population means narrower than this takes its Gauss-Newton step."""


class LocalQuadratic(NamedTuple):
    """The model's log density near a point, G groups of K parameters."""

    free: Free
    base: Array  # (K,), mu where the means are 0
    scale: Array  # (K,)
    theta: Array  # (G, K)
    score: Array  # (G, K)
    information: Array  # (G, K, K)
    row_weight: Array  # (rows,), 0 for a row that is left out


class Geometry(Coordinates):
    """The coordinates of one program, and how their map is found for given data."""

    def __init__(self, program: Program, gauss_newton: bool):
        super().__init__(program, gauss_newton)
        # One compiled gradient serves every search below: what differs is in the arrays of the map.
        self.value_and_grad = jax.jit(jax.value_and_grad(self.log_density))
        self._local = jax.jit(self._local_quadratic)
        self._flat = jax.jit(self._flat_free)
        self._slopes = jax.jit(jax.jacfwd(self._flat_free))

    def density(self, data: Data, transport: TransportMap | None = None) -> Density:
        """The log density and its gradient in mapped coordinates; without a map, in free variables."""
        chosen = transport or self._identity()
        return lambda xi: self.value_and_grad(xi, chosen, data)

    def find(self, data: Data, mode: np.ndarray | None = None) -> TransportMap:
        """The map for these data: joint mode, groups' curvature, the globals' Laplace approximation, bends.

        The mode is climbed to from the prior's middle, unless it is given.
        """
        layout = self.layout
        p, n = layout.n_globals, layout.n
        transport = self._identity()
        eta = climb(self.density(data), np.zeros(n), np.arange(n)) if mode is None else mode
        for _ in range(2 if self.gauss_newton else 0):
            local: LocalQuadratic = jax.device_get(self._local(eta, transport, data))
            transport = self._expanded(local)
            # With the groups integrated out (zeta at 0), the globals' marginal alone is climbed.
            start = [local.free[name] * (name != "mean") for name in layout.sizes]
            marginal = self.density(data, transport)
            eta = climb(marginal, np.concatenate([*start, np.zeros(n - p)]), np.arange(p))
        if self.funnel:
            transport = transport._replace(anchor=self._anchor(eta, data))
        laplace = root_of_covariance(self.density(data, transport), eta, np.arange(p))
        log_det = transport.log_det + np.linalg.slogdet(laplace)[1]
        transport = transport._replace(mode=eta[:p], laplace=laplace, log_det=log_det)
        return transport._replace(bend=self._bend_of(transport, data))

    def position(self, free: np.ndarray, transport: TransportMap, data: Data) -> np.ndarray | None:
        """Coordinates of free variables, for a single group; None where the map does not reach them."""
        wanted = self._flat(free, self._identity(), data)
        found = least_squares(
            lambda xi: np.asarray(self._flat(xi, transport, data) - wanted),
            np.zeros(self.layout.n),
            jac=lambda xi: np.asarray(self._slopes(xi, transport, data)),
        )
        return found.x if np.max(np.abs(found.fun)) < 1e-6 else None

    def _identity(self) -> TransportMap:
        """The map that leaves the free variables as they are."""
        layout = self.layout
        p, n, groups = layout.n_globals, layout.n, layout.offset[0]
        k, means, rows = (
            len(self.program.structure.pooling),
            layout.sizes.get("mean", 0),
            self.program.structure.n_rows,
        )
        return TransportMap(
            center=np.zeros(n),
            factor=np.eye(n) if n <= DENSE_LIMIT else (np.eye(p), np.ones(n - p)),
            bend=np.zeros((p, p, p)),
            mode=np.zeros(p),
            laplace=np.eye(p),
            log_det=0.0,
            expansion=Expansion(
                theta=np.zeros((groups, k)),
                score=np.zeros((groups, k)),
                information=np.zeros((groups, k, k)),
                target=np.zeros((groups, k)),
                gain=np.zeros((groups, k, k)),
                row_weight=np.zeros(rows),
                center_mean=np.zeros(means),
                axes=np.eye(means),
                narrow=np.zeros(means),
            ),
            anchor=_no_anchor(max(means - 1, 0), rows) if self.funnel else None,
        )

    def _expanded(self, local: LocalQuadratic) -> TransportMap:
        """Where groups and population means go along the tangent at a point, tau fixed: where the later step starts."""
        t, theta = local.scale, local.theta
        values, vectors = np.linalg.eigh(0.5 * (local.information + np.swapaxes(local.information, 1, 2)))
        # Outliers bend a Student-t the wrong way; a direction without information is left to the prior.
        info = (vectors * np.maximum(values, 0.0)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        # A hair of information everywhere lets H be inverted where the data say nothing.
        target = theta + np.linalg.solve(info + 1e-6 * np.eye(len(t)), local.score[..., None])[..., 0]
        marginal = np.linalg.inv(np.eye(len(t)) + info * t**2) @ info  # (H^-1 + T^2)^-1
        identity = self._identity()
        expansion = identity.expansion._replace(
            theta=theta,
            score=local.score,
            information=info,
            target=target,
            gain=t[:, None] ** 2 * marginal,
            row_weight=local.row_weight,
        )
        if not len(self.spread):
            return identity._replace(expansion=expansion)
        precision = np.eye(len(self.spread)) + self.spread @ marginal.sum(0) @ self.spread.T
        pull = self.spread @ np.einsum("gij,gj->i", marginal, target - local.base)
        values, vectors = np.linalg.eigh(0.5 * (precision + precision.T))
        expansion = expansion._replace(
            center_mean=np.linalg.solve(precision, pull),
            axes=vectors / np.sqrt(values),
            narrow=(values > _NARROW**-2).astype(float),
        )
        return identity._replace(expansion=expansion, log_det=-0.5 * np.sum(np.log(values)))

    def _bend_of(self, transport: TransportMap, data: Data) -> np.ndarray:
        """How narrow directions of the globals bend along wide ones: second differences of the gradient at the mode."""
        p, n = self.layout.n_globals, self.layout.n

        def gradient(eta: np.ndarray) -> np.ndarray:
            full = np.concatenate([eta, np.zeros(n - p)])
            return np.nan_to_num(np.asarray(self.value_and_grad(full, transport, data)[1]))[:p]

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
        free = self.layout.split(jnp.asarray(eta[: self.layout.n_globals]))

        def at(means: Array) -> tuple[Array, Array]:
            moved, _ = self.reparametrised(free | {"mean": jnp.append(means, free["mean"][-1])})
            mu, _ = self.program.location_and_scale(moved)
            theta = jnp.broadcast_to(mu, (self.layout.offset[0], len(mu)))
            return self.program.residual_and_variance(theta, free["shared"], data)

        means = free["mean"][:-1]
        residual, variance = at(means)
        slopes = jax.jacfwd(lambda means: at(means)[0])(means)
        weighted = (data["weight"] / variance)[:, None] * slopes
        root = jnp.linalg.cholesky(jnp.eye(len(means)) + slopes.T @ weighted)
        return Anchor(*map(np.asarray, (means, residual, slopes, weighted.T @ residual, root)))

    def _flat_free(self, xi: Array, transport: TransportMap, data: Data) -> Array:
        free = self.to_free(xi, transport, data)
        return jnp.concatenate([free[name] for name in self.layout.sizes])

    def _local_quadratic(self, eta: Array, transport: TransportMap, data: Data) -> LocalQuadratic:
        free, theta, _ = self.evaluate(eta, transport, data)
        base, scale = self.program.location_and_scale(free | {"mean": jnp.zeros(len(self.spread))})
        score = jax.grad(lambda t: jnp.sum(self.program.log_likelihood(t, free["shared"], data)))
        # A row speaks only of its own group's parameters, so one product per parameter gives every block.
        columns = jax.vmap(lambda e: jax.jvp(score, (theta,), (jnp.zeros_like(theta) + e,))[1])(
            jnp.eye(theta.shape[1])
        )
        residual, variance = self.program.residual_and_variance(theta, free["shared"], data)
        # A Student-t trusts a row less the further out it lies; a normal curve trusts all alike.
        named = self.program.parameters(free | {"offset": jnp.zeros(self.layout.offset)})
        trust = (named["nu"] + 1) / (named["nu"] + residual**2 / variance) if "nu" in named else 1.0
        information = -jnp.moveaxis(columns, 0, 2)
        return LocalQuadratic(free, base, scale, theta, score(theta), information, data["weight"] * trust)


def _no_anchor(count: int, rows: int) -> Anchor:
    """Before the mode is known, the noise moves nothing."""
    return Anchor(
        means=np.zeros(count),
        residual=np.zeros(rows),
        slopes=np.zeros((rows, count)),
        pull=np.zeros(count),
        root=np.eye(count),
    )
