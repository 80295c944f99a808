"""The population that groups are drawn from: integrated out of the density, and drawn again from what the groups say.

For a parameter that is pooled partially, in units of its prior's spread and from its location,

    x_g ~ N(mean, tau^2),   mean ~ N(0, 1),   log tau normal.

Given tau all is normal, so the mean goes in closed form; tau goes by the trapezoidal rule over its standard normal
offset, whose error falls exponentially with the number of nodes (Trefethen and Weideman 2014, doi:10.1137/130932132).
What is left is a smooth prior of the groups alone: no funnel is sampled. Given the groups, tau is drawn by inverting
its distribution on a fine grid, and then the mean: draws of the model's joint posterior.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.jax_model import Array

_REACH = 6.0
"""In sd of tau's offset: where the rule ends; the rest weighs two parts in a billion."""

_FINE = 1000
"""Nodes of the grid on which tau is drawn."""


class Population:
    """The means and spreads of the parameters that are pooled partially, P of them."""

    def __init__(self, structure: Structure):
        self.priors = [structure.priors[name] for name in structure.pooled("partial")]
        # The more groups, the better they know tau: three nodes to the sd of its offset, at the least.
        count = int(6 * _REACH * np.sqrt(1 + (structure.n_groups - 1) / 2)) + 1
        self._rule, self._fine = self._nodes(count), self._nodes(_FINE)

    def log_density(self, x: Array) -> jax.Array:
        """Log prior density of the groups, x of shape (groups, P)."""
        return jnp.sum(logsumexp(self._terms(x, *self._rule), axis=1)) - x.size * 0.5 * jnp.log(2 * jnp.pi)

    def draw(self, x: Array, uniform: Array, normal: Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Mean, offset of tau and tau of each parameter, (P,) each, from uniform and standard normal numbers."""
        offset = self._fine[0]
        terms = self._terms(x, *self._fine)
        density = jnp.exp(terms - terms.max(axis=1, keepdims=True))
        # The density is taken as linear between nodes, its integral as linear: an error of one part in a million.
        share = jnp.cumsum(0.5 * (density[:, 1:] + density[:, :-1]), axis=1)
        share = jnp.concatenate([jnp.zeros((len(x.T), 1)), share], axis=1) / share[:, -1:]
        drawn = jax.vmap(lambda u, s: jnp.interp(u, s, offset))(uniform, share)
        spread = jnp.stack([self._tau(i, drawn[i]) for i in range(len(self.priors))])
        precision = 1 + x.shape[0] / spread**2
        mean = jnp.sum(x, axis=0) / spread**2 / precision + normal / jnp.sqrt(precision)
        return mean, drawn, spread

    def _tau(self, i: int, offset: Computed) -> Computed:
        """Spread between groups in units of the prior's."""
        return self.priors[i].tau(offset) / self.priors[i].spread

    def _nodes(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offsets of tau, (count,), tau there, (P, count), and log weights, (count,)."""
        offset = np.linspace(-_REACH, _REACH, count)
        tau = np.array([self._tau(i, offset) for i in range(len(self.priors))]).reshape(-1, count)
        return offset, tau, -0.5 * offset**2 - np.log(np.sum(np.exp(-0.5 * offset**2)))

    def _terms(self, x: Array, offset: Array, tau: Array, log_weight: Array) -> jax.Array:
        """Log of weight times density of the groups at each node, (P, nodes), up to the normal's constant."""
        groups, center = x.shape[0], jnp.mean(x, axis=0)
        within = jnp.sum((x - center) ** 2, axis=0)[:, None]
        of_center = 1 + tau**2 / groups  # variance of the groups' average
        return (
            log_weight
            - (groups - 1) * np.log(tau)
            - 0.5 * np.log(groups * of_center)
            - within / (2 * tau**2)
            - center[:, None] ** 2 / (2 * of_center)
        )
