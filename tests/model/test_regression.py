"""Bayesian linear regression, from the side of the weights and from that of the rows, against dense normals."""

import jax
import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.stats import multivariate_normal

from bayes_scaling.model.regression import regression
from bayes_scaling.sampling import jax_model

pytestmark = pytest.mark.sampling  # of nothing, but what is compiled takes long

SIZES = {"more rows": (2, 9, 5), "one group": (1, 9, 5), "fewer rows": (2, 5, 9), "as many": (2, 6, 6)}


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def given(request):
    groups, rows, rank = request.param
    rng = np.random.default_rng(3)
    return (
        rng.standard_normal((groups, rows, rank)),
        rng.lognormal(size=(groups, rows)),
        rng.lognormal(size=rank),
        3 * rng.standard_normal((groups, rows)),
    )


def asked(given, ask, *more):
    """What is asked of a regression of arrays of known shapes, as a function of JAX arrays."""
    arrays = [pt.tensor(shape=x.shape, dtype="float64") for x in (*given, *more)]
    known = regression(*arrays[:4], sloping=True)
    found = ask(known, *arrays[4:])
    return jax.jit(jax_model._to_jax(arrays, [found]))


def dense(basis, scale, spread, y):
    """Log density of the rows of all groups."""
    x = scale[..., None] * basis * spread
    return sum(
        multivariate_normal.logpdf(miss, cov=np.eye(len(miss)) + rows @ rows.T)
        for rows, miss in zip(x, y, strict=True)
    )


def test_the_density_and_its_slopes(given):
    constant = 0.5 * given[3].size * np.log(2 * np.pi)
    density = asked(given, lambda known: known.log_density.sum())
    found, slopes = jax.jit(jax.value_and_grad(lambda *x: density(*x)[0], argnums=(0, 1, 2, 3)))(*given)
    assert found - constant == pytest.approx(dense(*given), rel=1e-10)
    for i, slope in enumerate(slopes):
        for at in [(0,) * slope.ndim, tuple(n - 1 for n in slope.shape)]:
            step = np.zeros(slope.shape)
            step[at] = 1e-5
            ahead, behind = ([*given[:i], given[i] + s * step, *given[i + 1 :]] for s in (1, -1))
            assert slope[at] == pytest.approx((dense(*ahead) - dense(*behind)) / 2e-5, rel=1e-5, abs=1e-6)


def test_weights_have_the_mean_and_the_covariance_of_their_posterior(given):
    basis, scale, spread, y = given
    groups, rank = len(basis), len(spread)
    x = scale[..., None] * basis * spread
    covariance = np.linalg.inv(np.eye(rank) + x.mT @ x)
    mean = (covariance @ x.mT @ y[..., None])[..., 0]
    drawn = asked(given, lambda known, z: known.drawn(z), np.zeros((groups, rank)))
    np.testing.assert_allclose(drawn(*given, np.zeros((groups, rank)))[0], mean, atol=1e-10)
    # Weights are linear in the normals: what each of them does is a column of a root of the covariance.
    root = np.stack([drawn(*given, np.tile(z, (groups, 1)))[0] - mean for z in np.eye(rank)], axis=-1)
    np.testing.assert_allclose(root @ root.mT, covariance, atol=1e-10)


def test_the_precision_of_clusters_given_all_other_rows():
    rng = np.random.default_rng(4)
    for groups, rows, rank in ((2, 6, 3), (2, 6, 8)):
        given = (
            rng.standard_normal((groups, rows, rank)),
            np.ones((groups, rows)),
            np.ones(rank),
            np.ones((groups, rows)),
        )
        blocks = asked(given, lambda known: known.precision((3, 2)))
        found = np.asarray(blocks(*given)[0])
        whole = np.linalg.inv(np.eye(rows) + given[0] @ given[0].mT)
        for c in range(3):
            own = slice(2 * c, 2 * c + 2)
            np.testing.assert_allclose(found[:, c], whole[:, own, own], atol=1e-10)
