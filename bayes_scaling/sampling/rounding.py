"""Round coordinates: where the posterior is close to a standard normal, so that short trajectories suffice.

The free variables split into globals phi = (mean, tau_offset, shared) and the groups' offsets z. Near a mode the log
likelihood of group g is quadratic in its parameters theta_g = mu(phi) + T(phi) z_g, with score s_g and information
H_g. Given phi, z_g is then nearly normal with precision P = I + T' H_g T and mean P^-1 T' (s_g + H_g (theta*_g - mu)),
so that

    z_g = mean + L^-T zeta_g,   P = L L'

makes zeta_g nearly standard normal whatever tau is: neither the funnel of centred groups nor the ridge of non-centred
ones. phi is whitened by the Laplace approximation of its own marginal (zeta at 0).

Scaling laws bend: where E is hardly told, E trades against A and alpha along a thin banana. Third derivatives of the
log density say how, and a shear of unit Jacobian undoes it: each coordinate, widest first, is moved by a quadratic in
the wider ones (`_bend`). Last comes an affine map that the warm-up fits to draws.

The whole map is exact (its Jacobian is part of the density); the approximations decide only how round the result is.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from scipy.optimize import minimize

from bayes_scaling.sampling.program import Free, Program

Data = dict[str, Any]
Rounding = dict[str, Any]
"""The arrays that define one map: center, factor, and per group theta, score and information."""

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2 * np.pi))

DENSE_LIMIT = 200
"""Up to this many dimensions the map's linear part is a full matrix."""

_STEP, _REACH, _STRONGEST = 1.0, 4.0, 2.0
"""In sd: the step of the differences, where a bend is held back, and the largest coefficient."""

_GLOBALS = ("mean", "tau_offset", "shared")


@dataclass(frozen=True)
class Layout:
    """How a flat vector of round coordinates is cut into the free variables."""

    sizes: dict[str, int]  # of the globals
    offset: tuple[int, int]  # groups, varying parameters

    @classmethod
    def of(cls, program: Program) -> "Layout":
        return cls(
            {name: program.shapes[name][0] for name in _GLOBALS if name in program.shapes},
            program.shapes.get("offset", (program.structure.n_groups, 0)),  # type: ignore[arg-type]
        )

    @property
    def n_globals(self) -> int:
        return sum(self.sizes.values())

    @property
    def n(self) -> int:
        return self.n_globals + self.offset[0] * self.offset[1]

    def split(self, phi: Any) -> Free:
        """The globals by name."""
        free, start = {}, 0
        for name, size in self.sizes.items():
            free[name] = phi[start : start + size]
            start += size
        return free


class Geometry:
    """The map from round coordinates for one program, and how it is found for given data."""

    def __init__(self, program: Program):
        self.program = program
        self.layout = Layout.of(program)
        names = [name for name, _ in program.structure.pooling]
        varying = program.structure.pooled("partial", "none")
        self.sigma = names.index("sigma")
        self.law = [i for i, name in enumerate(names) if name in varying and i != self.sigma]
        self.columns = [names.index(name) for name in varying]
        self.at = np.array([self.columns.index(i) for i in self.law], int)
        self.select = np.array([[float(i == j) for j in range(len(names))] for i in self.columns])
        # One compiled gradient serves every search below: what differs is in the arrays of the map.
        self.value_and_grad = jax.jit(jax.value_and_grad(self.log_density))
        self._local = jax.jit(self._local_quadratic)

    # -- the map ---------------------------------------------------------------------------------------------

    def to_free(self, xi: Any, rounding: Rounding) -> Free:
        """Round coordinates, shape (n,), to free variables."""
        return self.place(xi, rounding)[0]

    def log_density(self, xi: Any, rounding: Rounding, data: Data) -> Any:
        """The model's log density in round coordinates."""
        free, theta, log_det = self.place(xi, rounding)
        log_prior = -0.5 * sum(jnp.sum(value**2) for value in free.values()) - self.layout.n * _LOG_ROOT_TWO_PI
        return jnp.sum(self.program.log_likelihood(theta, free["shared"], data)) + log_prior + log_det

    def place(self, xi: Any, rounding: Rounding) -> tuple[Free, Any, Any]:
        """Free variables, theta and the log determinant of the Jacobian."""
        layout = self.layout
        p = layout.n_globals
        eta = affine(xi, rounding)
        free = layout.split(rounding["mode"] + rounding["laplace"] @ _bend(eta[:p], rounding["bend"]))
        mu, scale = self.program.location_and_scale(free)
        if not layout.offset[1]:
            return free, mu[None, :] + jnp.zeros((layout.offset[0], 1)), rounding["log_det"]
        z, log_det = self._offsets(mu, scale, eta[p:].reshape(layout.offset), rounding)
        theta = mu + z @ (scale * self.select)
        return free | {"offset": z}, theta, log_det + rounding["log_det"]

    def _offsets(self, mu: Any, scale: Any, zeta: Any, rounding: Rounding) -> tuple[Any, Any]:
        """The groups' offsets z, shape (groups, varying), and the log determinant of dz/dzeta."""
        gap, score, info = rounding["theta"] - mu, rounding["score"], rounding["information"]
        s, log_det, ratio = self.sigma, 0.0, jnp.ones(len(gap))
        z = [zeta[:, i] for i in range(len(self.columns))]
        # sigma first: the information on the law's parameters is in proportion to 1 / sigma^2.
        if s in self.columns:
            i, t = self.columns.index(s), scale[s]
            precision = 1 + t**2 * info[:, s, s]
            z[i] = t * (score[:, s] + info[:, s, s] * gap[:, s]) / precision + zeta[:, i] / jnp.sqrt(precision)
            ratio = jnp.exp(2 * (gap[:, s] - t * z[i]))
            log_det -= 0.5 * jnp.sum(jnp.log(precision))
        if self.law:
            k, at = np.array(self.law), self.at
            bent = jnp.einsum("gij,gj->gi", rounding["rotation"], jax.vmap(_bend)(zeta[:, at], rounding["group_bend"]))
            t, gap = scale[k], gap.at[:, s].set(0.0)
            pull = ratio[:, None] * (score + jnp.einsum("gij,gj->gi", info, gap))[:, k] * t
            precision = jnp.eye(len(k)) + ratio[:, None, None] * info[:, k][:, :, k] * jnp.outer(t, t)
            lower = jnp.linalg.cholesky(precision)
            # P z = r + L zeta  <=>  L' z = L^-1 r + zeta
            half = solve_triangular(lower, pull[..., None], lower=True) + bent[..., None]
            solved = solve_triangular(lower, half, lower=True, trans=1)
            for j, i in enumerate(at):
                z[i] = solved[:, j, 0]
            log_det -= jnp.sum(jnp.log(jnp.diagonal(lower, axis1=1, axis2=2)))
        return jnp.stack(z, axis=1), log_det

    # -- how it is found -------------------------------------------------------------------------------------

    def find(self, data: Data) -> Rounding:
        """The map for these data: joint mode, the groups' curvature there, the globals' Laplace approximation, bends."""
        layout = self.layout
        p, n = layout.n_globals, layout.n
        rounding = self._identity()
        eta = self._maximise(np.zeros(n), np.arange(n), rounding, data)
        if layout.offset[1]:
            for _ in range(2):
                rounding = self._identity() | self._curvature(eta, rounding, data)
                # With the groups integrated out (zeta at 0), the globals' marginal alone is climbed.
                eta = self._maximise(np.concatenate([eta[:p], np.zeros(n - p)]), np.arange(p), rounding, data)
        values, vectors = np.linalg.eigh(-self._hessian(eta, np.arange(p), rounding, data))
        # The prior alone has curvature 1; less than a quarter of it means that the quadratic is no guide here.
        laplace = vectors / np.sqrt(np.maximum(values, 0.25))
        rounding |= {"mode": eta[:p], "laplace": laplace, "log_det": np.linalg.slogdet(laplace)[1]}
        if self.law:
            rounding["rotation"] = self._widest_first(rounding)
        return rounding | self._bends(rounding, data)

    def _identity(self) -> Rounding:
        """The map that leaves the free variables as they are."""
        layout = self.layout
        p, n, groups = layout.n_globals, layout.n, layout.offset[0]
        k, law = len(self.program.structure.pooling), len(self.law)
        return {
            "center": np.zeros(n),
            "factor": np.eye(n) if n <= DENSE_LIMIT else (np.eye(p), np.ones(n - p)),
            "mode": np.zeros(p),
            "laplace": np.eye(p),
            "log_det": 0.0,
            "bend": np.zeros((p, p, p)),
            "theta": np.zeros((groups, k)),
            "score": np.zeros((groups, k)),
            "information": np.zeros((groups, k, k)),
            "rotation": np.broadcast_to(np.eye(law), (groups, law, law)),
            "group_bend": np.zeros((groups, law, law, law)),
        }

    def _widest_first(self, rounding: Rounding) -> np.ndarray:
        """Rotations of the groups' coordinates that put the directions told least by the data first."""
        _, scale = self.program.location_and_scale(self.layout.split(rounding["mode"]))
        t = np.asarray(scale)[self.law]
        information = rounding["information"][:, self.law][:, :, self.law]
        precision = np.eye(len(t)) + information * np.outer(t, t)
        values, vectors = np.linalg.eigh(precision)
        return np.swapaxes(np.linalg.cholesky(precision), 1, 2) @ (vectors / np.sqrt(values)[:, None, :])

    def _bends(self, rounding: Rounding, data: Data) -> Rounding:
        """Second differences of the gradient at the mode, one sd apart: how thin directions bend along wide ones."""
        p, n = self.layout.n_globals, self.layout.n
        globals_at = [np.arange(n) == i for i in range(p)]
        # Given the globals, groups do not speak to each other: one coordinate is moved in all of them at once.
        columns = np.arange(n - p) % max(self.layout.offset[1], 1)
        law_at = [np.concatenate([np.zeros(p, bool), columns == c]) for c in self.at]

        def gradient(eta: np.ndarray) -> np.ndarray:
            return np.nan_to_num(np.asarray(self.value_and_grad(eta, rounding, data)[1]), posinf=0.0, neginf=0.0)

        bend = np.zeros((p, p, p))
        for (j, k), difference in _second_differences(gradient, globals_at, n):
            bend[:, j, k] = bend[:, k, j] = difference[:p]
        law = len(self.at)
        group_bend = np.zeros((self.layout.offset[0], law, law, law))
        for (j, k), difference in _second_differences(gradient, law_at, n):
            of_groups = difference[p:].reshape(self.layout.offset)[:, self.at]
            group_bend[:, :, j, k] = group_bend[:, :, k, j] = of_groups
        return {"bend": _triangular(bend), "group_bend": _triangular(group_bend)}

    def _maximise(self, start: np.ndarray, free: np.ndarray, rounding: Rounding, data: Data) -> np.ndarray:
        """Climbs the density along some coordinates from a start."""

        def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
            at = start.copy()
            at[free] = x
            value, gradient = self.value_and_grad(at, rounding, data)
            if not np.isfinite(value):
                return 1e10, np.zeros(len(free))
            return -float(value), -np.asarray(gradient)[free]

        found = minimize(objective, start[free], jac=True, method="L-BFGS-B", options={"maxiter": 500, "maxcor": 30})
        best = start.copy()
        best[free] = found.x
        return best

    def _hessian(self, at: np.ndarray, free: np.ndarray, rounding: Rounding, data: Data) -> np.ndarray:
        """Second derivatives by differences of the gradient, which is compiled already; a metric needs no more."""
        step = 1e-4
        rows = []
        for i in free:
            ahead, behind = at.copy(), at.copy()
            ahead[i] += step
            behind[i] -= step
            up, down = (self.value_and_grad(x, rounding, data)[1] for x in (ahead, behind))
            rows.append((np.asarray(up) - np.asarray(down))[free] / (2 * step))
        hessian = np.array(rows)
        return 0.5 * (hessian + hessian.T)

    def _curvature(self, inner: np.ndarray, rounding: Rounding, data: Data) -> Rounding:
        theta, score, information = (np.asarray(x) for x in self._local(inner, rounding, data))
        values, vectors = np.linalg.eigh(0.5 * (information + np.swapaxes(information, 1, 2)))
        # Outliers bend a Student-t the wrong way; a direction without information is left to the prior.
        information = (vectors * np.maximum(values, 0.0)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        return {"theta": theta, "score": score, "information": information}

    def _local_quadratic(self, inner: Any, rounding: Rounding, data: Data) -> tuple[Any, Any, Any]:
        """Groups' parameters, score and information: (G, K), (G, K), (G, K, K)."""
        free, theta, _ = self.place(inner, rounding)
        score = jax.grad(lambda t: jnp.sum(self.program.log_likelihood(t, free["shared"], data)))
        # A row speaks only of its own group's parameters, so one product per parameter gives every block.
        columns = jax.vmap(lambda e: jax.jvp(score, (theta,), (jnp.zeros_like(theta) + e,))[1])(jnp.eye(theta.shape[1]))
        return theta, score(theta), -jnp.moveaxis(columns, 0, 2)


def affine(xi: Any, rounding: Rounding) -> Any:
    """The outermost, affine part of the map, which the warm-up fits."""
    factor = rounding["factor"]
    if isinstance(factor, tuple):
        p = factor[0].shape[0]
        return rounding["center"] + jnp.concatenate([factor[0] @ xi[:p], factor[1] * xi[p:]])
    return rounding["center"] + factor @ xi


def inverse_affine(eta: Any, rounding: Rounding) -> np.ndarray:
    """Inverse of `affine`."""
    gap = np.asarray(eta) - np.asarray(rounding["center"])
    factor = rounding["factor"]
    if not isinstance(factor, tuple):
        return np.linalg.solve(factor, gap)
    p = factor[0].shape[0]
    return np.concatenate([np.linalg.solve(factor[0], gap[:p]), gap[p:] / np.asarray(factor[1])])


def adapted(rounding: Rounding, mean: np.ndarray, covariance: np.ndarray) -> Rounding:
    """The map with its affine part fitted to the mean and covariance of draws in its present coordinates."""
    factor: Any = rounding["factor"]
    if isinstance(factor, tuple):
        p = factor[0].shape[0]
        lower, spread = np.linalg.cholesky(covariance[:p, :p]), np.sqrt(np.diag(covariance)[p:])
        factor = (np.asarray(factor[0]) @ lower, np.asarray(factor[1]) * spread)
        widened = np.linalg.slogdet(lower)[1] + np.sum(np.log(spread))
    else:
        lower = np.linalg.cholesky(covariance)
        factor = np.asarray(factor) @ lower
        widened = np.linalg.slogdet(lower)[1]
    center = np.asarray(affine(mean, rounding))
    return {**rounding, "center": center, "factor": factor, "log_det": rounding["log_det"] + widened}


def _bend(x: Any, coefficients: Any) -> Any:
    """x_i + 1/2 sum_{j, k < i} coefficients_ijk w_j w_k, where w is x, held back beyond a few sd."""
    w = x / jnp.sqrt(1 + (x / _REACH) ** 2)
    return x + 0.5 * jnp.einsum("ijk,j,k->i", coefficients, w, w)


def _triangular(bend: np.ndarray) -> np.ndarray:
    """Keeps what moves a coordinate by wider ones only, so that the shear has unit Jacobian; bounded."""
    n = bend.shape[-1]
    i, j, k = np.ogrid[:n, :n, :n]
    return np.clip(np.where((j < i) & (k < i), bend, 0.0), -_STRONGEST, _STRONGEST)


def _second_differences(gradient: Any, directions: list[np.ndarray], n: int) -> Any:
    """Yields ((j, k), second difference of the gradient along directions j and k), j <= k."""
    zero = np.zeros(n)
    single = [[gradient(zero + sign * _STEP * d) for sign in (1, -1)] for d in directions]
    middle = gradient(zero)
    for j, a in enumerate(directions):
        yield (j, j), (single[j][0] - 2 * middle + single[j][1]) / _STEP**2
        for k in range(j):
            b = directions[k]
            corners = [s * t * gradient(zero + _STEP * (s * a + t * b)) for s in (1, -1) for t in (1, -1)]
            yield (k, j), sum(corners) / (4 * _STEP**2)
