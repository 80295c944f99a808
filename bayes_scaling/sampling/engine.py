"""What is compiled for one structure: a chunk of a chain, and what is computed from its draws."""

from functools import lru_cache

import jax
import numpy as np

from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.find_map import Geometry
from bayes_scaling.sampling.jax_model import Array, Data, Free, program
from bayes_scaling.sampling.nuts import make_chunk
from bayes_scaling.sampling.transport_map import TransportMap

CHUNK = 50
"""Draws per call of the compiled chain: progress is shown, and the warm-up decided, between calls."""


class Engine:
    """The compiled functions of one structure."""

    def __init__(self, structure: Structure, gauss_newton: bool):
        self.program = program(structure)
        self.geometry = Geometry(self.program, gauss_newton)
        one = make_chunk(self.geometry, CHUNK)
        self.chunk = jax.jit(one)
        self.chunk_of_all = jax.jit(jax.vmap(one))
        over_draws = (0, None, None, None)
        self.parameters = jax.jit(jax.vmap(self._parameters, in_axes=(0, None, None)))
        self.log_likelihood = jax.jit(jax.vmap(self._log_likelihood, in_axes=over_draws))
        self.push_forward = jax.jit(jax.vmap(lambda flat: self.program.parameters(self.unflatten(flat))))
        # A batch of draws that are finished at once: large enough to be quick, small beside the memory.
        self.batch = int(np.clip(2**19 // max(structure.n_rows, self.geometry.layout.n), 8, 500))

    def unflatten(self, flat: Array) -> Free:
        """Free variables from one flat vector of standard normals."""
        layout = self.geometry.layout
        free = layout.split(flat[: layout.n_globals])
        if layout.offset[1]:
            free["offset"] = flat[layout.n_globals :].reshape(layout.offset)
        return free

    def _parameters(self, xi: Array, transport: TransportMap, data: Data) -> dict[str, jax.Array]:
        """Named quantities at one point in mapped coordinates."""
        return self.program.parameters(self.geometry.evaluate(xi, transport, data)[0])

    def _log_likelihood(self, xi: Array, transport: TransportMap, data: Data, scored: Data) -> Array:
        """Log likelihoods of the data scored at one point in mapped coordinates."""
        free, theta, _ = self.geometry.evaluate(xi, transport, data)
        return self.program.log_likelihood(theta, free["shared"], scored)


@lru_cache(maxsize=16)
def engine(structure: Structure, gauss_newton: bool) -> Engine:
    """The engine of a structure, compiled once a process."""
    return Engine(structure, gauss_newton)


def hierarchical(structure: Structure) -> bool:
    """Whether some parameter differs between groups."""
    return bool(structure.pooled("partial", "none"))


def prior_draws(parts: Engine, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Named quantities drawn from the prior, arrays of leading shape (draws,)."""
    normals = np.random.default_rng(seed).standard_normal((draws, parts.geometry.layout.n))
    return {name: np.asarray(value) for name, value in parts.push_forward(normals).items()}
