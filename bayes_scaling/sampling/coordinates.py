"""Coordinates in which the posterior is close to a standard normal, so that short trajectories suffice.

What is sampled is theta, each group's own parameters as they are (centred), beside what groups share. Few groups say
little of their population, whose means and spreads are integrated out (`population`): what is left ties the groups
together smoothly, so there is no funnel. Many groups know theirs, and it is sampled with them (`population_map`). A
`TransportMap`, of the mode's curvature at first and then fitted to draws, does the rest. It is exact: its Jacobian is
part of the density.

Along a learning curve with a discrepancy, the law's parameters are as wide as the discrepancy is large: a funnel. Given
the noise they are nearly normal, with precision I + J' V^-1 J (J the slopes of the residuals at the mode, V their
variance), so they are measured by it (`_given_noise`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.jax_model import Array, Data, Free, Program
from bayes_scaling.sampling.population import Population
from bayes_scaling.sampling.transport_map import Anchor, TransportMap

MANY_GROUPS = 12
"""From so many groups on, their population is sampled."""

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Layout:
    """How many coordinates there are of each kind, in order."""

    complete: int  # parameters of the law that are alike in all groups
    noise: int  # parameters of the noise that are
    groups: int
    own: int  # parameters of each group
    partial: int  # of these, parameters whose groups are drawn from a population

    @classmethod
    def of(cls, structure: Structure) -> "Layout":
        return cls(
            len(structure.pooled("complete")),
            len(structure.global_priors),
            structure.n_groups,
            len(structure.pooled("partial", "none")),
            len(structure.pooled("partial")),
        )

    @property
    def population(self) -> int:
        """Parameters of a population that is sampled with its groups."""
        return self.partial if self.many else 0

    @property
    def shared(self) -> int:
        return self.complete + self.noise + 2 * self.population

    @property
    def many(self) -> bool:
        """Whether groups are so many that none is mapped along with another."""
        return self.own > 0 and self.groups >= MANY_GROUPS

    @property
    def n(self) -> int:
        return self.shared + self.groups * self.own


class Point(NamedTuple):
    """A point of the model, parameters in units of their priors' spread and from their location."""

    complete: Array  # (C,)
    noise: Array  # (S,)
    tau: Array  # (P,), standard normal offsets; none where the population is integrated out
    mean: Array  # (P,)
    own: Array  # (groups, V)


class Coordinates:
    """The coordinates of one program."""

    def __init__(self, program: Program):
        self.program, structure = program, program.structure
        self.layout = Layout.of(structure)
        self.population = Population(structure)
        names, varying = list(structure.priors), structure.pooled("partial", "none")
        priors = structure.priors.values()
        self.location = np.array([prior.location for prior in priors])
        self.spread = np.array([prior.spread for prior in priors])
        self._of_complete, self._of_own = (
            np.array([[float(name == one) for name in names] for one in chosen]).reshape(-1, len(names))
            for chosen in (structure.pooled("complete"), varying)
        )
        self.partial = [varying.index(name) for name in structure.pooled("partial")]
        self.unpooled = [varying.index(name) for name in structure.pooled("none")]
        self.funnel = structure.noise.funnel and not varying
        self.clusters = structure.n_clusters if structure.noise.mixed else 0

    def log_density(self, xi: Array, transport: TransportMap, data: Data) -> jax.Array:
        """The model's log density, a population of few groups integrated out, in these coordinates, shape (n,)."""
        at, log_det = self.point(xi, transport, data)
        plain = [at.complete, at.noise, at.tau, at.mean, at.own[:, self.unpooled]]
        of_groups = at.own if len(self.partial) == self.layout.own else at.own[:, self.partial]
        if self.layout.population:
            tau = self._spreads(at)
            plain.append((of_groups - at.mean) / tau)
            log_det -= self.layout.groups * jnp.sum(jnp.log(tau))
        elif self.partial:
            log_det += self.population.log_density(of_groups)
        log_prior = sum(-0.5 * jnp.sum(x**2) - x.size * _LOG_ROOT_TWO_PI for x in plain)
        log_likelihood = self.program.log_likelihood(self.theta(at), at.noise, data)
        total: jax.Array = jnp.sum(log_likelihood) + log_prior + log_det
        return total

    def point(self, xi: Array, transport: TransportMap, data: Data) -> tuple[Point, Array | float]:
        """The point at some coordinates, and the log determinant of the Jacobian."""
        shared, own, log_det = transport.forward(xi)
        sizes = (self.layout.complete, self.layout.noise, self.layout.population)
        complete, noise, tau, mean = jnp.split(shared, np.cumsum(sizes))
        at = Point(complete, noise, tau, mean, own)
        at, narrowed = self._given_noise(at, transport.anchor, data)
        at, bent = self.reparametrised(at)
        return at, log_det + narrowed + bent

    def given(self, mixing: Array, data: Data) -> Data:
        """The data under the mixing variables of clusters, (clusters,); as they are where the noise has none."""
        return {**data, "mixing": mixing[data["cluster_index"]]} if self.clusters else data

    def draw_mixing(
        self, key: jax.Array, mixing: Array, xi: Array, transport: TransportMap, data: Data
    ) -> Array:
        """Mixing variables of clusters given the rest, (clusters,), from those before."""
        assert self.program.mixing is not None
        s = self.program.structure
        of_weights, of_mixing = jax.random.split(key)
        normal = jax.random.normal(of_weights, (s.n_groups, s.noise.rank))
        data = self.given(mixing, data)
        at, _ = self.point(xi, transport, data)
        shape, rate = self.program.mixing(normal, self.theta(at), at.noise, data)
        drawn, accepted = gamma_try(of_mixing, shape)
        return jnp.where(accepted, drawn / rate, mixing)

    def theta(self, at: Point) -> jax.Array:
        """Parameters of each group on the free scale, (groups, parameters)."""
        # Products with 0-1 matrices: the gradient of an assignment is a slow scattered sum.
        standard = at.complete @ self._of_complete + at.own @ self._of_own
        theta: jax.Array = self.location + self.spread * standard
        return theta

    @property
    def drawn(self) -> int:
        """Parameters whose population is drawn given its groups."""
        return 0 if self.layout.population else len(self.partial)

    def free(self, at: Point, uniform: Array, normal: Array) -> Free:
        """The model's free variables there; a population that is `drawn` is so by numbers of shape (drawn,) each."""
        structure, found, offset = self.program.structure, Free(shared=at.noise), at.own
        names = structure.pooled("complete", "partial")
        mean = dict(zip(structure.pooled("complete"), at.complete, strict=True))
        if self.partial:
            of_groups = at.own[:, np.array(self.partial)]
            if self.layout.population:
                middle, found["tau_offset"], tau = at.mean, at.tau, self._spreads(at)
            else:
                middle, found["tau_offset"], tau = self.population.draw(of_groups, uniform, normal)
            mean |= dict(zip(structure.pooled("partial"), middle, strict=True))
            offset = jnp.asarray(offset).at[:, np.array(self.partial)].set((of_groups - middle) / tau)
        if names:
            found["mean"] = jnp.stack([mean[name] for name in names])
        if self.layout.own:
            found["offset"] = offset
        return found

    def _spreads(self, at: Point) -> jax.Array:
        """Spreads between groups in units of the prior's, (P,)."""
        priors = self.population.priors
        return jnp.stack([p.tau(at.tau[i]) / p.spread for i, p in enumerate(priors)])

    def reparametrised(self, at: Point) -> tuple[Point, Array | float]:
        """The point from the law's own coordinates, and the log determinant of the Jacobian."""
        law, priors = self.program.structure.law, self.program.structure.priors
        if law.reparametrise is None or self.layout.own:
            return at, 0.0
        means = dict(zip(self.program.structure.pooled("complete"), at.complete, strict=True))
        natural = {name: priors[name].location + priors[name].spread * means[name] for name in law.parameters}
        moved, log_det = law.reparametrise(**natural)
        for name, value in moved.items():
            means[name] = (value - priors[name].location) / priors[name].spread
        return at._replace(complete=jnp.stack(list(means.values()))), log_det

    def _given_noise(self, at: Point, anchor: Anchor | None, data: Data) -> tuple[Point, Array | float]:
        """The law's parameters as wide, and where, as the noise lets them be; and the log determinant."""
        if anchor is None:
            return at, 0.0
        _, variance = self.program.residual_and_variance(self.theta(at), at.noise, data)
        weighted = (data["weight"] / variance)[:, None] * anchor.slopes
        lower = jnp.linalg.cholesky(jnp.eye(len(anchor.means)) + anchor.slopes.T @ weighted)
        shift = solve_triangular(lower, anchor.pull - weighted.T @ anchor.residual, lower=True)
        away = shift + anchor.root.T @ (at.complete[:-1] - anchor.means)
        means = anchor.means + solve_triangular(lower, away, lower=True, trans=1)
        log_det = _sum_log_diagonal(anchor.root) - _sum_log_diagonal(lower)
        return at._replace(complete=jnp.append(means, at.complete[-1])), log_det


def gamma_try(key: jax.Array, shape: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One try each at gamma variables of shapes from 1 on, and which of them are accepted: 98% at a shape of 3.

    Marsaglia and Tsang 2000, doi:10.1145/358407.358414. Whether one is accepted does not depend on the state of a
    chain, which may stay where it is when none is: `jax.random.gamma` tries on, at ten times the cost.
    """
    of_normal, of_uniform = jax.random.split(key)
    z, u = jax.random.normal(of_normal, shape.shape), jax.random.uniform(of_uniform, shape.shape)
    most = shape - 1 / 3
    cube = (1 + z / jnp.sqrt(9 * most)) ** 3
    accepted = jnp.log(u) < 0.5 * z**2 + most * (1 - cube + jnp.log(jnp.where(cube > 0, cube, 1.0)))
    return most * cube, accepted & (cube > 0)


def _sum_log_diagonal(lower: Array) -> jax.Array:
    return jnp.sum(jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)))
