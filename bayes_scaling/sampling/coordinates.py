"""Coordinates in which the posterior is close to a standard normal, so that short trajectories suffice.

The free variables split into globals phi = (mean, tau_offset, shared) and the groups' offsets z. Near a point the log
likelihood of group g is quadratic in its parameters theta_g = mu(phi) + T(phi) z_g, with score s_g and information
H_g. Given phi, z_g is then nearly normal with precision P = I + T' H_g T and mean P^-1 T' (s_g + H_g (theta*_g - mu)),
so that

    z_g = mean + L^-T zeta_g,   P = L L'

makes zeta_g nearly standard normal whatever tau is: neither the funnel of centred groups nor the ridge of non-centred
ones. The point is the joint mode first; from the mean found there, one Gauss-Newton step moves along the group's own
ridge as far as phi has moved it.

The population means are treated likewise: given tau, and with the groups integrated out, they are nearly normal
too. What is left of phi is whitened by the Laplace approximation of its own marginal (zeta at 0). Scaling laws
bend: where E is hardly identified, it trades against A and alpha along a thin banana. Second differences of the
gradient say how, and a shear of unit Jacobian undoes it: each coordinate, widest first, is moved by a quadratic in the
wider ones (`_bend`). Last comes an affine map that the warm-up fits to draws.

Along a learning curve with a discrepancy, the law's parameters are as wide as the discrepancy is large: a funnel. Given
the noise they are nearly normal, with precision I + J' V^-1 J (J the slopes of the residuals at the mode, V their
variance), so they are measured by it (`_given_noise`).

The whole map is exact (its Jacobian is part of the density); the approximations that find it (`find_map`)
decide only how close to normal the result is.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from bayes_scaling.sampling.jax_model import Array, Data, Free, Program
from bayes_scaling.sampling.transport_map import Anchor, Expansion, TransportMap, affine

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2 * np.pi))

_REACH = 4.0
"""In sd: where a bend is damped."""

_ONE_HOT_LIMIT = 100_000
"""Groups times rows up to which groups are summed by a product with their indicators; it grows as the square."""

_GLOBALS = ("mean", "tau_offset", "shared")


@dataclass(frozen=True)
class Layout:
    """How a flat vector of coordinates is cut into the free variables."""

    sizes: dict[str, int]  # of the globals
    offset: tuple[int, int]  # groups, varying parameters

    @classmethod
    def of(cls, program: Program) -> "Layout":
        groups, varying = program.shapes.get("offset", (program.structure.n_groups, 0))
        return cls(
            {name: program.shapes[name][0] for name in _GLOBALS if name in program.shapes},
            (groups, varying),
        )

    @property
    def n_globals(self) -> int:
        return sum(self.sizes.values())

    @property
    def n(self) -> int:
        return self.n_globals + self.offset[0] * self.offset[1]

    def split(self, phi: Array) -> Free:
        """The globals by name."""
        free, start = {}, 0
        for name, size in self.sizes.items():
            free[name] = phi[start : start + size]
            start += size
        return free


class Coordinates:
    """The coordinates of one program.

    ``gauss_newton`` says whether groups and narrow directions move along their ridge by a Gauss-Newton step. With
    groups they must; a single group seldom needs it, and is sampled several times faster without.
    """

    def __init__(self, program: Program, gauss_newton: bool):
        self.program, self.gauss_newton = program, gauss_newton
        self.layout = Layout.of(program)
        priors = program.structure.priors
        names, varying = list(priors), program.structure.pooled("partial", "none")
        self.sigma = names.index("sigma")
        self.funnel = program.structure.noise.funnel and not gauss_newton
        self.columns = [names.index(name) for name in varying]
        self.select = np.array([[float(i == j) for j in range(len(names))] for i in self.columns])
        means = program.structure.pooled("complete", "partial")
        # d mu / d mean, shape (means, parameters)
        self.spread = np.array([[priors[m].spread * (m == name) for name in names] for m in means]).reshape(
            -1, len(names)
        )

    def to_free(self, xi: Array, transport: TransportMap, data: Data) -> Free:
        """Coordinates, shape (n,), to free variables."""
        return self.evaluate(xi, transport, data)[0]

    def log_density(self, xi: Array, transport: TransportMap, data: Data) -> Array:
        """The model's log density in these coordinates."""
        free, theta, log_det = self.evaluate(xi, transport, data)
        squares = sum(jnp.sum(value**2) for value in free.values())
        log_prior = -0.5 * squares - self.layout.n * _LOG_ROOT_TWO_PI
        return jnp.sum(self.program.log_likelihood(theta, free["shared"], data)) + log_prior + log_det

    def evaluate(self, xi: Array, transport: TransportMap, data: Data) -> tuple[Free, Array, Array | float]:
        """Free variables, theta (n_groups, parameters) and the log determinant of the Jacobian."""
        layout = self.layout
        p, groups = layout.n_globals, layout.offset[0]
        eta = affine(xi, transport)
        free = layout.split(transport.mode + transport.laplace @ _bend(eta[:p], transport.bend))
        if not self.gauss_newton:
            free, narrowed = self._given_noise(free, transport.anchor, data)
            free, bent = self.reparametrised(free)
            mu, _ = self.program.location_and_scale(free)
            return free, mu[None, :] + jnp.zeros((groups, 1)), transport.log_det + narrowed + bent

        # Where the groups would be if phi were here and their likelihoods quadratic; then a Gauss-Newton step.
        at = transport.expansion
        along, narrow, axes = free.get("mean", jnp.zeros(0)), at.narrow, at.axes
        base, t = self.program.location_and_scale(free | {"mean": jnp.zeros(len(along))})
        tangent = at.center_mean + axes @ ((1 - narrow) * along)
        mu = base + tangent @ self.spread
        around = mu + jnp.einsum("gij,gj->gi", at.gain, at.target - mu)
        score, info = self._score_and_information(around, free["shared"], at, data)
        lower = jnp.linalg.cholesky(jnp.eye(len(t)) + t[:, None] * info * t)
        log_det = transport.log_det - _sum_log_diagonal(lower)

        if len(along):
            # theta_g + H^-1 s scatters around mu with covariance H^-1 + T^2: the larger tau, the wider the means.
            pull = score + jnp.einsum("gij,gj->gi", info, around - mu)
            both = jnp.concatenate([info, pull[..., None]], axis=2)
            half = solve_triangular(lower, t[:, None] * both, lower=True)
            total = both.sum(0) - jnp.einsum("gki,gkj->ij", half[..., :-1], half)
            toward = axes.T * narrow[:, None] @ self.spread
            precision = (
                toward @ total[:, :-1] @ toward.T
                + axes.T * narrow[:, None] @ axes * narrow
                + jnp.diag(1 - narrow)
            )
            corner = jnp.linalg.cholesky(precision)
            step = toward @ total[:, -1] - narrow * (axes.T @ tangent)
            step = solve_triangular(corner, step, lower=True) + narrow * along
            free["mean"] = tangent + axes @ (narrow * solve_triangular(corner, step, lower=True, trans=1))
            log_det -= _sum_log_diagonal(corner)
            mu = base + free["mean"] @ self.spread

        pull = t * (score + jnp.einsum("gij,gj->gi", info, around - mu))
        if not layout.offset[1]:
            return free, mu[None, :] + jnp.zeros((groups, 1)), log_det
        zeta = eta[p:].reshape(layout.offset) @ self.select
        half = solve_triangular(lower, pull[..., None], lower=True)[..., 0] + zeta
        z = solve_triangular(lower, half[..., None], lower=True, trans=1)[..., 0]
        return free | {"offset": z[:, self.columns]}, mu + t * z, log_det

    def _given_noise(self, free: Free, anchor: Anchor | None, data: Data) -> tuple[Free, Array | float]:
        """The law's parameters as wide, and where, as the noise lets them be; and the log determinant."""
        if anchor is None:
            return free, 0.0
        mu, _ = self.program.location_and_scale(free)
        theta = jnp.broadcast_to(mu, (self.layout.offset[0], len(mu)))
        _, variance = self.program.residual_and_variance(theta, free["shared"], data)
        weighted = (data["weight"] / variance)[:, None] * anchor.slopes
        lower = jnp.linalg.cholesky(jnp.eye(len(anchor.means)) + anchor.slopes.T @ weighted)
        shift = solve_triangular(lower, anchor.pull - weighted.T @ anchor.residual, lower=True)
        away = shift + anchor.root.T @ (free["mean"][:-1] - anchor.means)
        means = anchor.means + solve_triangular(lower, away, lower=True, trans=1)
        log_det = _sum_log_diagonal(anchor.root) - _sum_log_diagonal(lower)
        return free | {"mean": jnp.append(means, free["mean"][-1])}, log_det

    def reparametrised(self, free: Free) -> tuple[Free, Array | float]:
        """Free variables from the law's own coordinates, and the log determinant of the Jacobian."""
        law, priors = self.program.structure.law, self.program.structure.priors
        if law.reparametrise is None or self.columns:
            return free, 0.0
        means = dict(zip(self.program.structure.pooled("complete"), free["mean"], strict=True))
        at = {name: priors[name].location + priors[name].spread * means[name] for name in law.parameters}
        moved, log_det = law.reparametrise(**at)
        for name, value in moved.items():
            means[name] = (value - priors[name].location) / priors[name].spread
        return free | {"mean": jnp.stack(list(means.values()))}, log_det

    def _score_and_information(
        self, theta: Array, shared: Array, at: Expansion, data: Data
    ) -> tuple[Array, Array]:
        """Score and information of each group's parameters: (G, K), (G, K, K); those of sigma as at the mode."""

        def residual(theta: Array) -> tuple[jax.Array, jax.Array]:
            return self.program.residual_and_variance(theta, shared, data)

        groups, s = theta.shape[0], self.sigma
        # A row depends on its own group's parameters alone, so one tangent serves all groups at once.
        (value, variance), (slopes, _) = jax.vmap(
            lambda e: jax.jvp(residual, (theta,), (jnp.zeros_like(theta) + e,)),
            out_axes=((None, None), (1, 0)),
        )(jnp.eye(theta.shape[1]))
        slopes = slopes.at[:, s].set(0.0)
        weighted = (at.row_weight / variance)[:, None] * slopes
        both = jnp.concatenate([slopes, -value[:, None]], axis=1)
        if groups * len(value) <= _ONE_HOT_LIMIT:
            # A product with the groups' indicators is several times faster than scattered sums.
            own = (data["group_index"] == jnp.arange(groups)[:, None]).astype(float)
            sums = jnp.swapaxes(own[:, :, None] * weighted, 1, 2) @ both
        else:
            terms = weighted[:, :, None] * both[:, None, :]
            sums = jax.ops.segment_sum(terms, data["group_index"], groups)
        info, score = sums[..., :-1], sums[..., -1]
        gap = at.theta[:, s] - theta[:, s]
        return (
            score.at[:, s].set(at.score[:, s] + at.information[:, s, s] * gap),
            info.at[:, s, s].set(at.information[:, s, s]),
        )


def _bend(x: Array, coefficients: Array) -> Array:
    """x_i + 1/2 sum_{j, k < i} coefficients_ijk w_j w_k, where w is x, damped beyond a few sd."""
    w = x / jnp.sqrt(1 + (x / _REACH) ** 2)
    return x + 0.5 * jnp.einsum("ijk,j,k->i", coefficients, w, w)


def _sum_log_diagonal(lower: Array) -> jax.Array:
    return jnp.sum(jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)))
