"""Finding the map to round coordinates for given data: its point, its curvatures, its bends.

Approximations all of them: they decide how round the coordinates are, and the map stays exact (`rounding`).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from bayes_scaling.sampling.jax_model import Program
from bayes_scaling.sampling.modes import Density, climb, root_of_covariance
from bayes_scaling.sampling.transport_map import DENSE_LIMIT, Data, Map, Rounding

_STEP, _STRONGEST = 0.5, 10.0
"""In sd: the step of the differences that find bends, and the largest coefficient of a bend."""

_THIN = 0.05
"""In prior sd: a direction of the population means narrower than this follows the wider ones."""


class Geometry(Map):
    """The map of one program, and how it is found for given data."""

    def __init__(self, program: Program, follow: bool):
        super().__init__(program, follow)
        # One compiled gradient serves every search below: what differs is in the arrays of the map.
        self.value_and_grad = jax.jit(jax.value_and_grad(self.log_density))
        self._local = jax.jit(self._local_quadratic)
        self._flat = jax.jit(self._flat_free)
        self._slopes = jax.jit(jax.jacfwd(self._flat_free))

    def density(self, data: Data, rounding: Rounding | None = None) -> Density:
        """The log density and its gradient in round coordinates; without a map, in free variables."""
        rounding = rounding or self._identity()
        return lambda xi: self.value_and_grad(xi, rounding, data)

    def find(self, data: Data, mode: np.ndarray | None = None) -> Rounding:
        """The map for these data: joint mode, groups' curvature, the globals' Laplace approximation, bends.

        The mode is climbed to from the prior's middle, unless it is given.
        """
        layout = self.layout
        p, n = layout.n_globals, layout.n
        rounding = self._identity()
        eta = climb(self.density(data), np.zeros(n), np.arange(n)) if mode is None else mode
        for _ in range(2 if self.follow else 0):
            local = jax.device_get(self._local(eta, rounding, data))
            rounding = self._identity() | self._expansion(local)
            # With the groups integrated out (zeta at 0), the globals' marginal alone is climbed.
            start = [local["free"][name] * (name != "mean") for name in layout.sizes]
            marginal = self.density(data, rounding)
            eta = climb(marginal, np.concatenate([*start, np.zeros(n - p)]), np.arange(p))
        if self.funnel:
            rounding |= self._anchor(eta, data)
        laplace = root_of_covariance(self.density(data, rounding), eta, np.arange(p))
        rounding |= {
            "mode": eta[:p],
            "laplace": laplace,
            "log_det": rounding["log_det"] + np.linalg.slogdet(laplace)[1],
        }
        return rounding | {"bend": self._bend_of(rounding, data)}

    def position(self, free: np.ndarray, rounding: Rounding, data: Data) -> np.ndarray | None:
        """Round coordinates of free variables, for a single group; None where the map does not reach them."""
        wanted = self._flat(free, self._identity(), data)
        found = least_squares(
            lambda xi: np.asarray(self._flat(xi, rounding, data) - wanted),
            np.zeros(self.layout.n),
            jac=lambda xi: np.asarray(self._slopes(xi, rounding, data)),
        )
        return found.x if np.max(np.abs(found.fun)) < 1e-6 else None

    def _identity(self) -> Rounding:
        """The map that leaves the free variables as they are."""
        layout = self.layout
        p, n, groups = layout.n_globals, layout.n, layout.offset[0]
        k, means = len(self.program.structure.pooling), layout.sizes.get("mean", 0)
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
            "center_mean": np.zeros(means),
            "axes": np.eye(means),
            "thin": np.zeros(means),
            "gain": np.zeros((groups, k, k)),
            "target": np.zeros((groups, k)),
            "row_weight": np.zeros(self.program.structure.n_rows),
        } | self._no_anchor(max(means - 1, 0))

    def _no_anchor(self, count: int) -> Rounding:
        """Before the mode is known, the noise moves nothing."""
        if not self.funnel:
            return {}
        rows = self.program.structure.n_rows
        return {
            "anchor": np.zeros(count),
            "slopes": np.zeros((rows, count)),
            "residual": np.zeros(rows),
            "pull": np.zeros(count),
            "anchored": np.eye(count),
        }

    def _expansion(self, local: dict[str, Any]) -> Rounding:
        """Where groups and population means go along the tangent at the mode, tau held: the point of the later step."""
        base, t, theta, score, weight = (local[k] for k in ("base", "scale", "theta", "score", "row_weight"))
        values, vectors = np.linalg.eigh(
            0.5 * (local["information"] + np.swapaxes(local["information"], 1, 2))
        )
        # Outliers bend a Student-t the wrong way; a direction without information is left to the prior.
        info = (vectors * np.maximum(values, 0.0)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        # A hair of information everywhere lets H be inverted where the data say nothing.
        target = theta + np.linalg.solve(info + 1e-6 * np.eye(len(t)), score[..., None])[..., 0]
        marginal = np.linalg.inv(np.eye(len(t)) + info * t**2) @ info  # (H^-1 + T^2)^-1
        found: Rounding = {"theta": theta, "score": score, "information": info, "row_weight": weight}
        found |= {"target": target, "gain": t[:, None] ** 2 * marginal}
        if len(self.spread):
            precision = np.eye(len(self.spread)) + self.spread @ marginal.sum(0) @ self.spread.T
            pull = self.spread @ np.einsum("gij,gj->i", marginal, target - base)
            values, vectors = np.linalg.eigh(0.5 * (precision + precision.T))
            found["center_mean"] = np.linalg.solve(precision, pull)
            found["axes"] = vectors / np.sqrt(values)
            found["thin"] = (values > _THIN**-2).astype(float)
            found["log_det"] = -0.5 * np.sum(np.log(values))
        return found

    def _bend_of(self, rounding: Rounding, data: Data) -> np.ndarray:
        """How thin directions of the globals bend along wide ones: second differences of the gradient at the mode."""
        p, n = self.layout.n_globals, self.layout.n

        def gradient(eta: np.ndarray) -> np.ndarray:
            full = np.concatenate([eta, np.zeros(n - p)])
            return np.nan_to_num(np.asarray(self.value_and_grad(full, rounding, data)[1]))[:p]

        bend = np.zeros((p, p, p))
        step = _STEP * np.eye(p)
        middle, ahead, behind = (
            gradient(np.zeros(p)),
            [gradient(e) for e in step],
            [gradient(-e) for e in step],
        )
        for j in range(p):
            bend[:, j, j] = (ahead[j] - 2 * middle + behind[j]) / _STEP**2
            for k in range(j):
                same = gradient(step[j] + step[k]) + gradient(-step[j] - step[k])
                opposite = gradient(step[j] - step[k]) + gradient(step[k] - step[j])
                bend[:, j, k] = bend[:, k, j] = (same - opposite) / (4 * _STEP**2)
        # Moved by wider coordinates only, so that the shear has unit Jacobian.
        moved, by, and_by = np.ogrid[:p, :p, :p]
        return np.clip(np.where((by < moved) & (and_by < moved), bend, 0.0), -_STRONGEST, _STRONGEST)

    def _anchor(self, eta: np.ndarray, data: Data) -> Rounding:
        """What `_told_noise` needs of the mode: the law's means there, the residuals, their slopes and their pull."""
        free = self.layout.split(jnp.asarray(eta[: self.layout.n_globals]))

        def at(means: Any) -> tuple[Any, Any]:
            moved, _ = self.straightened(free | {"mean": jnp.append(means, free["mean"][-1])})
            mu, _ = self.program.location_and_scale(moved)
            return self.program.residual_and_variance(mu[None, :], free["shared"], data)

        anchor = free["mean"][:-1]
        residual, variance = at(anchor)
        slopes = jax.jacfwd(lambda means: at(means)[0])(anchor)
        weighted = (data["weight"] / variance)[:, None] * slopes
        found = {
            "anchor": anchor,
            "slopes": slopes,
            "residual": residual,
            "pull": weighted.T @ residual,
            "anchored": jnp.linalg.cholesky(jnp.eye(len(anchor)) + slopes.T @ weighted),
        }
        return {name: np.asarray(value) for name, value in found.items()}

    def _flat_free(self, xi: Any, rounding: Rounding, data: Data) -> Any:
        free = self.to_free(xi, rounding, data)
        return jnp.concatenate([free[name] for name in self.layout.sizes])

    def _local_quadratic(self, eta: Any, rounding: Rounding, data: Data) -> dict[str, Any]:
        """What the expansion at a point needs: theta and score (G, K), information (G, K, K), and the rest."""
        free, theta, _ = self.place(eta, rounding, data)
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
        return {
            "free": free,
            "base": base,
            "scale": scale,
            "theta": theta,
            "score": score(theta),
            "information": -jnp.moveaxis(columns, 0, 2),
            "row_weight": data["weight"] * trust,  # 0 for a row that is left out
        }
