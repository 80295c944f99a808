"""What is computed of draws that were made elsewhere: their log likelihoods, and the weights of a joint noise."""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from bayes_scaling.model.structure import ModelData, Structure
from bayes_scaling.sampling.jax_model import Array, program
from bayes_scaling.sampling.padding import cluster_places, padded_data, padded_structure


class Elsewhere:
    """Draws that were made elsewhere.

    Parameters
    ----------
    s, data
        As `bayes_scaling.model.build.build_structure` takes them.
    theta : ndarray, shape (chain, draw, group, parameter)
        On the free scale.
    shared : ndarray, shape (chain, draw, parameter)
        Of the noise, as standard normals.
    mixing : ndarray, shape (chain, draw, cluster)
        Mixing variables of a noise that has some; of no clusters else.
    """

    def __init__(
        self, s: Structure, data: ModelData, theta: np.ndarray, shared: np.ndarray, mixing: np.ndarray
    ):
        wide = padded_structure(s)
        self._shape, self._structure = theta.shape[:2], wide
        self._program, self._places = program(wide), cluster_places(data, wide)
        self._data = padded_data(data, wide)
        every = np.ones((*self._shape, wide.n_clusters))
        every[..., self._places[: mixing.shape[-1]]] = mixing
        self._draws = [values.reshape(-1, *values.shape[2:]) for values in (theta, shared, every)]

    def scores(self) -> np.ndarray:
        """Log likelihoods, shape (chain, draw, cluster)."""
        return self._of_each(self._program.score)[..., self._places]

    def weights(self, seed: int) -> np.ndarray | None:
        """Weights of a joint noise's process, (chain, draw, group, weight); None of other noises."""
        if self._program.weights is None:
            return None
        shape = (len(self._draws[0]), self._structure.n_groups, self._structure.noise.rank)
        return self._of_each(self._program.weights, np.random.default_rng([seed, 909]).standard_normal(shape))

    def _of_each(self, function: Callable[..., Array], *more: np.ndarray) -> np.ndarray:
        def of_one(draw: Sequence[Array]) -> Array:
            *given, mixing = draw
            own = {"mixing": mixing[self._data["cluster_index"]]} if self._structure.noise.mixed else {}
            return function(*given, {**self._data, **own})

        found = np.asarray(jax.jit(lambda draws: jax.lax.map(of_one, draws))([*more, *self._draws]))
        return found.reshape(*self._shape, *found.shape[1:])
