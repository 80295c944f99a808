"""Round coordinates: where the posterior is close to a standard normal, so that short trajectories suffice.

The free variables split into globals phi = (mean, tau_offset, shared) and the groups' offsets z. Near a mode the log
likelihood of group g is quadratic in its parameters theta_g = mu(phi) + T(phi) z_g, with score s_g and information
H_g. Given phi, z_g is then nearly normal with precision P = I + T' H_g T and mean P^-1 T' (s_g + H_g (theta*_g - mu)),
so that

    z_g = mean + L^-T zeta_g,   P = L L'

makes zeta_g nearly standard normal whatever tau is: neither the funnel of centred groups nor the ridge of non-centred
ones. phi is whitened by the Laplace approximation of its own marginal (zeta at 0). The map is exact (its Jacobian is
part of the density); the approximations decide only how round the result is.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from bayes_scaling.sampling.program import Free, Program

Data = dict[str, Any]
Rounding = dict[str, Any]
"""The arrays that define one map: center, factor, and per group theta, score and information."""

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

    def split(self, phi: Any, z: Any) -> Free:
        """Free variables from flat globals and the groups' offsets."""
        free, start = {}, 0
        for name, size in self.sizes.items():
            free[name] = phi[start : start + size]
            start += size
        if self.offset[1]:
            free["offset"] = z
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
        self._value_and_grad = jax.jit(jax.value_and_grad(self._negative_flat))
        self._marginal = jax.jit(jax.value_and_grad(self._negative_marginal))
        self._marginal_hessian = jax.jit(jax.hessian(self._negative_marginal))
        self._local = jax.jit(self._local_quadratic)

    # -- the map ---------------------------------------------------------------------------------------------

    def to_free(self, xi: Any, rounding: Rounding, data: Data) -> tuple[Free, Any]:
        """Round coordinates, shape (n,), to free variables and the log determinant of the Jacobian."""
        layout = self.layout
        p = layout.n_globals
        phi = rounding["center"] + rounding["factor"] @ xi[:p]
        z, log_det = self._offsets(phi, xi[p:].reshape(layout.offset), rounding, data)
        return layout.split(phi, z), log_det + rounding["log_det_factor"]

    def log_density(self, xi: Any, rounding: Rounding, data: Data) -> Any:
        """The model's log density in round coordinates."""
        free, log_det = self.to_free(xi, rounding, data)
        return self.program.log_density(free, data) + log_det

    def _offsets(self, phi: Any, zeta: Any, rounding: Rounding, data: Data) -> tuple[Any, Any]:
        """The groups' offsets z given phi, and the log determinant of dz/dzeta."""
        layout = self.layout
        if not layout.offset[1]:
            return zeta, 0.0
        mu = self.program.theta(layout.split(phi, jnp.zeros(layout.offset)), data)
        scale = self.program.theta(layout.split(phi, jnp.ones(layout.offset)), data) - mu
        gap, score, info = rounding["theta"] - mu, rounding["score"], rounding["information"]

        # sigma first: the information on the law's parameters is in proportion to 1 / sigma^2.
        s, log_det, precision_ratio = self.sigma, 0.0, jnp.ones(layout.offset[0])
        z = dict.fromkeys(self.columns)
        if s in self.columns:
            t = scale[:, s]
            precision = 1 + t * info[:, s, s] * t
            mean = t * (score[:, s] + info[:, s, s] * gap[:, s]) / precision
            z[s] = mean + zeta[:, self.columns.index(s)] / jnp.sqrt(precision)
            precision_ratio = jnp.exp(-2 * (t * z[s] - gap[:, s]))
            log_det -= 0.5 * jnp.sum(jnp.log(precision))
        if self.law:
            k = self.law
            t = [scale[:, i] for i in k]
            pull = precision_ratio[:, None] * (score + jnp.einsum("gij,gj->gi", info, gap.at[:, s].set(0.0)))
            lower = _cholesky(
                [
                    [(i == j) * 1.0 + t[a] * info[:, i, j] * precision_ratio * t[b] for b, j in enumerate(k[: a + 1])]
                    for a, i in enumerate(k)
                ]
            )
            half = _solve_lower(lower, [t[a] * pull[:, i] for a, i in enumerate(k)])
            at = [self.columns.index(i) for i in k]
            # P z = r + L zeta  <=>  L' z = L^-1 r + zeta
            for i, value in zip(k, _solve_upper(lower, [h + zeta[:, c] for h, c in zip(half, at, strict=True)]), strict=True):
                z[i] = value
            log_det -= sum(jnp.sum(jnp.log(lower[a][a])) for a in range(len(k)))
        return jnp.stack([z[i] for i in self.columns], axis=1), log_det

    # -- how it is found -------------------------------------------------------------------------------------

    def find(self, data: Data) -> Rounding:
        """The map for these data: joint mode, groups' curvature there, then the globals' own Laplace approximation."""
        layout = self.layout
        p = layout.n_globals
        start = np.zeros(layout.n)
        found = minimize(self._value_and_grad, start, args=(data,), jac=True, method="L-BFGS-B", options={"maxiter": 500, "maxcor": 30})
        phi, z = found.x[:p], found.x[p:].reshape(layout.offset)
        rounding: Rounding = {}
        for _ in range(2 if layout.offset[1] else 1):
            rounding = dict(zip(("theta", "score", "information"), self._local(phi, z, data), strict=True))
            values, vectors = np.linalg.eigh(np.asarray(rounding["information"]))
            # Outliers bend a Student-t the wrong way; a direction without information is left to the prior.
            rounding["information"] = (vectors * np.maximum(values, 0.0)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
            if layout.offset[1]:
                found = minimize(self._marginal, phi, args=(rounding, data), jac=True, method="L-BFGS-B", options={"maxiter": 200, "maxcor": 30})
                phi = found.x
                z, _ = self._offsets(phi, jnp.zeros(layout.offset), rounding, data)
        hessian = np.asarray(self._marginal_hessian(phi, rounding, data))
        values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
        # The prior alone has curvature 1; less than a quarter of it means that the quadratic is no guide here.
        factor = vectors / np.sqrt(np.maximum(values, 0.25))
        return recentred(rounding, phi, factor)

    def _negative_flat(self, flat: Any, data: Data) -> Any:
        p = self.layout.n_globals
        return -self.program.log_density(self.layout.split(flat[:p], flat[p:].reshape(self.layout.offset)), data)

    def _negative_marginal(self, phi: Any, rounding: Rounding, data: Data) -> Any:
        """Minus the approximate log marginal of phi: the density at zeta = 0."""
        z, log_det = self._offsets(phi, jnp.zeros(self.layout.offset), rounding, data)
        return -self.program.log_density(self.layout.split(phi, z), data) - log_det

    def _local_quadratic(self, phi: Any, z: Any, data: Data) -> tuple[Any, Any, Any]:
        """Groups' parameters, score and information: (G, K), (G, K), (G, K, K)."""
        free = self.layout.split(phi, z)
        theta = self.program.theta(free, data)
        score = jax.grad(lambda t: jnp.sum(self.program.log_likelihood(t, free["shared"], data)))
        # A row speaks only of its own group's parameters, so one product per parameter gives every block.
        columns = [
            jax.jvp(score, (theta,), (jnp.zeros_like(theta).at[:, i].set(1.0),))[1] for i in range(theta.shape[1])
        ]
        return theta, score(theta), -jnp.stack(columns, axis=2)


def recentred(rounding: Rounding, center: Any, factor: Any) -> Rounding:
    """The same map with another center and scale of its globals."""
    log_det = float(np.linalg.slogdet(factor)[1])
    return {**rounding, "center": np.asarray(center), "factor": np.asarray(factor), "log_det_factor": log_det}


def _cholesky(rows: list[list[Any]]) -> list[list[Any]]:
    """Cholesky factor of small matrices, unrolled: entries are arrays over groups, which fuse into plain loops."""
    lower: list[list[Any]] = []
    for i, row in enumerate(rows):
        lower.append([])
        for j in range(i + 1):
            rest = row[j] - sum(lower[i][m] * lower[j][m] for m in range(j))
            lower[i].append(jnp.sqrt(rest) if i == j else rest / lower[j][j])
    return lower


def _solve_lower(lower: list[list[Any]], right: list[Any]) -> list[Any]:
    x: list[Any] = []
    for i, row in enumerate(lower):
        x.append((right[i] - sum(row[j] * x[j] for j in range(i))) / row[i])
    return x


def _solve_upper(lower: list[list[Any]], right: list[Any]) -> list[Any]:
    """Solves L' x = right."""
    n = len(lower)
    x: list[Any] = [None] * n
    for i in reversed(range(n)):
        x[i] = (right[i] - sum(lower[j][i] * x[j] for j in range(i + 1, n))) / lower[i][i]
    return x
