"""The population's part of a map: what it undoes, its Jacobian, and that groups whose runs are normal are so in it."""

import jax
import numpy as np
import pytest

from bayes_scaling.sampling.population_map import PopulationMap

GROUPS, POOLED = 4, np.eye(3)[:2]


def a_map(rng):
    root = rng.standard_normal((GROUPS, 3, 3))
    axes = rng.standard_normal((GROUPS, 3, 3))
    return PopulationMap(
        POOLED, np.array([[-1.0, 0.2], [0.5, 0.5]]), root @ root.transpose(0, 2, 1), rng.standard_normal((GROUPS, 3)),
        rng.standard_normal((GROUPS, 3)), axes, np.linalg.inv(axes),
    )  # fmt: skip


@pytest.mark.sampling  # of nothing, but it compiles
def test_the_inverse_undoes_the_map_and_its_jacobian_is_known():
    rng = np.random.default_rng(0)
    of_population = a_map(rng)
    shared, own = rng.standard_normal((7, 5)), rng.standard_normal((7, GROUPS, 3))
    again = of_population.inverse(*of_population.forward(shared, own)[:2])
    np.testing.assert_allclose(again[0], shared, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(again[1], own, rtol=1e-8, atol=1e-8)

    def flat(x):
        found = of_population.forward(x[:5], x[5:].reshape(GROUPS, 3))
        return jax.numpy.concatenate([found[0], found[1].ravel()])

    x = np.concatenate([shared[0], own[0].ravel()])
    log_det = of_population.forward(shared, own)[2][0] - np.linalg.slogdet(of_population.axes)[1].sum()
    assert log_det == pytest.approx(np.linalg.slogdet(jax.jacfwd(flat)(x))[1], abs=1e-8)
