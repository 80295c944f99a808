"""What is compiled for one structure: a chunk of a chain, and what is computed from its draws."""

from functools import lru_cache
from math import prod

import jax
import numpy as np

from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.find_map import Geometry
from bayes_scaling.sampling.jax_model import Array, Data, program
from bayes_scaling.sampling.nuts import make_chunk
from bayes_scaling.sampling.transport_map import TransportMap

CHUNK = 50
"""Draws per call of the compiled chain: progress is shown, and the warm-up decided, between calls."""


class Engine:
    """The compiled functions of one structure."""

    def __init__(self, structure: Structure):
        self.program = program(structure)
        self.geometry = Geometry(self.program)
        one = make_chunk(self.geometry, CHUNK)
        self.chunk = jax.jit(one)
        self.chunk_of_all = jax.jit(jax.vmap(one))
        over_draws = (0, None, None, None)
        self.parameters = jax.jit(jax.vmap(self._parameters, in_axes=(0, None, None)))
        self.log_likelihood = jax.jit(jax.vmap(self._log_likelihood, in_axes=over_draws))
        self.weights = jax.jit(jax.vmap(self._weights, in_axes=(0, None, None)))
        self.push_forward = jax.jit(jax.vmap(self.program.parameters, in_axes=(0, None)))
        # A batch of draws that are finished at once: large enough to be quick, small beside the memory.
        self.batch = int(np.clip(2**19 // max(structure.n_rows, self.geometry.layout.n), 8, 500))

    def _parameters(self, xi: Array, transport: TransportMap, data: Data) -> dict[str, jax.Array]:
        """Named quantities at one point; after its mapped coordinates come the numbers that draw the population."""
        n, drawn = self.geometry.layout.n, self.geometry.drawn
        at, _ = self.geometry.point(xi[:n], transport, data)
        return self.program.parameters(
            self.geometry.free(at, xi[n : n + drawn], xi[n + drawn :]), data["unit"]
        )

    def _log_likelihood(self, xi: Array, transport: TransportMap, data: Data, scored: Data) -> Array:
        """Log likelihoods of the data scored at one point; after its mapped coordinates come mixing variables."""
        n = self.geometry.layout.n
        at, _ = self.geometry.point(xi[:n], transport, data)
        return self.program.score(self.geometry.theta(at), at.noise, self.geometry.given(xi[n:], scored))

    @property
    def weight_normals(self) -> int:
        """How many standard normals draw the weights of a joint noise's process; 0 for other noises."""
        s = self.program.structure
        return s.n_groups * s.noise.rank if self.program.weights else 0

    def _weights(self, xi: Array, transport: TransportMap, data: Data) -> Array:
        """Weights of a joint noise's process at one point; mixing variables and standard normals come after it."""
        assert self.program.weights is not None
        n, groups = self.geometry.layout.n, self.program.structure.n_groups
        at, _ = self.geometry.point(xi[:n], transport, data)
        mixing, normal = xi[n : n + self.geometry.clusters], xi[n + self.geometry.clusters :]
        data = self.geometry.given(mixing, data)
        return self.program.weights(normal.reshape(groups, -1), self.geometry.theta(at), at.noise, data)


@lru_cache(maxsize=16)
def engine(structure: Structure) -> Engine:
    """The engine of a structure, compiled once a process."""
    return Engine(structure)


def prior_draws(parts: Engine, draws: int, seed: int, unit: Array | None = None) -> dict[str, np.ndarray]:
    """Named quantities drawn from the prior, arrays of leading shape (draws,); ``unit`` of each of theta's columns."""
    unit = np.ones(len(parts.program.structure.priors)) if unit is None else unit
    shapes = parts.program.shapes
    normals = np.random.default_rng(seed).standard_normal((draws, sum(map(prod, shapes.values()))))
    cuts = np.cumsum([prod(shape) for shape in shapes.values()])[:-1]
    pieces = zip(shapes.items(), np.split(normals, cuts, axis=1), strict=True)
    free = {name: piece.reshape(draws, *shape) for (name, shape), piece in pieces}
    return {name: np.asarray(value) for name, value in parts.push_forward(free, unit).items()}
