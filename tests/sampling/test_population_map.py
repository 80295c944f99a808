"""The population's part of a map: what it undoes, its Jacobian, and that groups whose runs are normal are so in it."""

import jax
import numpy as np
import pytest

from bayes_scaling.sampling.blocks import Blocks
from bayes_scaling.sampling.population_map import PopulationMap

GROUPS, POOLED = 4, np.eye(3)[:2]


def a_map(rng):
    root = rng.standard_normal((GROUPS, 3, 3))
    axes = rng.standard_normal((GROUPS, 3, 3))
    return PopulationMap(
        POOLED, np.array([[-1.0, 0.2], [0.5, 0.5]]), root @ root.transpose(0, 2, 1), rng.standard_normal((GROUPS, 3)),
        np.linalg.inv(axes),
    ), Blocks.identity(GROUPS, 3)._replace(location=rng.standard_normal((GROUPS, 3)), axes=axes)  # fmt: skip


@pytest.mark.seconds
def test_the_inverse_undoes_the_map_and_its_jacobian_is_known():
    rng = np.random.default_rng(0)
    of_population, frame = a_map(rng)
    shared, own = rng.standard_normal((7, 5)), rng.standard_normal((7, GROUPS, 3))
    again = of_population.inverse(*of_population.forward(shared, own, frame)[:2], frame)
    np.testing.assert_allclose(again[0], shared, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(again[1], own, rtol=1e-8, atol=1e-8)

    def flat(x):
        found = of_population.forward(x[:5], x[5:].reshape(GROUPS, 3), frame)
        return jax.numpy.concatenate([found[0], found[1].ravel()])

    x = np.concatenate([shared[0], own[0].ravel()])
    log_det = of_population.forward(shared, own, frame)[2][0] - np.linalg.slogdet(frame.axes)[1].sum()
    assert log_det == pytest.approx(np.linalg.slogdet(jax.jacfwd(flat)(x))[1], abs=1e-8)


def test_groups_whose_runs_are_normal_are_so_with_their_means_whatever_the_spreads():
    """Of the density in these coordinates nothing but a function of tau is left beside a standard normal."""
    rng = np.random.default_rng(1)
    of_population, frame = a_map(rng)
    likely = np.linalg.solve(of_population.precision, of_population.pull[..., None])[..., 0]

    def left(offset, z, own):
        shared, moved, log_det = of_population.forward(np.concatenate([[0.3], offset, z]), own, frame)
        y = frame.location + np.einsum("gij,gj->gi", frame.axes, moved)
        away = y - shared[-2:] @ POOLED
        tau = np.exp(np.append(of_population.log_tau[0] + of_population.log_tau[1] * offset, 0.0))
        prior = -0.5 * np.sum(shared[-2:] ** 2) - 0.5 * np.sum((away / tau) ** 2) - GROUPS * np.log(tau).sum()
        runs = -0.5 * np.einsum("gi,gij,gj->", y - likely, of_population.precision, y - likely)
        return prior + runs + log_det + 0.5 * np.sum(z**2) + 0.5 * np.sum(own**2)

    for offset in rng.standard_normal((3, 2)):
        found = [left(offset, rng.standard_normal(2), rng.standard_normal((GROUPS, 3))) for _ in range(4)]
        np.testing.assert_allclose(found, found[0], rtol=1e-9)
    assert left(np.zeros(2), np.zeros(2), np.zeros((GROUPS, 3))) != pytest.approx(found[0], rel=1e-3)
