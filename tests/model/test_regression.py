"""Bayesian linear regression, from the side of the weights and from that of the rows, against dense normals."""

import jax
import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.stats import multivariate_normal

from bayes_scaling.model.regression import regression
from bayes_scaling.sampling import jax_model

pytestmark = pytest.mark.seconds

# Groups, rows of each, columns, and how many of these are tied.
SIZES = {
    "more rows": (2, 9, 5, 0),
    "one group": (1, 9, 5, 0),
    "fewer rows": (2, 5, 9, 0),
    "as many": (2, 6, 6, 0),
    "tied, few rows": (3, 5, 7, 4),
    "tied, an arrow": (3, 18, 7, 4),
    "all tied": (2, 30, 4, 4),
}


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def given(request):
    groups, rows, rank, tied = request.param
    rng = np.random.default_rng(3)
    return (
        rng.standard_normal((groups, rows, rank)),
        rng.lognormal(size=(groups, rows)),
        rng.lognormal(size=rank),
        3 * rng.standard_normal((groups, rows)),
    ), tied


def asked(given, tied, ask, *more):
    """What is asked of a regression of arrays of known shapes, as a function of JAX arrays."""
    arrays = [pt.tensor(shape=x.shape, dtype="float64") for x in (*given, *more)]
    known = regression(*arrays[:4], tied=tied, sloping=True)
    found = ask(known, *arrays[4:])
    return jax.jit(jax_model._to_jax({"found": (arrays, [found])})["found"])


def whole(x, tied):
    """The columns of all weights, each once, for the rows of all groups: (groups * rows, weights)."""
    groups, rows, rank = x.shape
    own = np.zeros((groups, rows, groups, rank - tied))
    own[np.arange(groups), :, np.arange(groups)] = x[..., tied:]
    own = own.reshape(groups * rows, -1)
    return np.hstack([x[..., :tied].reshape(groups * rows, tied), own])


def spread_out(weights, groups, tied):
    """Weights of the columns of `whole`, as each group has them, (groups, rank)."""
    own = weights[tied:].reshape(groups, -1)
    return np.hstack([np.tile(weights[:tied], (groups, 1)), own])


def dense(tied, basis, scale, spread, y):
    """Log density of all rows."""
    x = whole(scale[..., None] * basis * spread, tied)
    return multivariate_normal.logpdf(y.ravel(), cov=np.eye(y.size) + x @ x.T)


def test_the_density_and_its_slopes(given):
    given, tied = given
    constant = 0.5 * given[3].size * np.log(2 * np.pi)
    density = asked(given, tied, lambda known: known.log_density.sum())
    found, slopes = jax.jit(jax.value_and_grad(lambda *x: density(*x)[0], argnums=(0, 1, 2, 3)))(*given)
    assert found - constant == pytest.approx(dense(tied, *given), rel=1e-10)
    for i, slope in enumerate(slopes):
        for at in [(0,) * slope.ndim, tuple(n - 1 for n in slope.shape)]:
            step = np.zeros(slope.shape)
            step[at] = 1e-5
            ahead, behind = ([*given[:i], given[i] + s * step, *given[i + 1 :]] for s in (1, -1))
            numeric = (dense(tied, *ahead) - dense(tied, *behind)) / 2e-5
            assert slope[at] == pytest.approx(numeric, rel=1e-5, abs=1e-6)


def test_weights_have_the_mean_and_the_covariance_of_their_posterior(given):
    (basis, scale, spread, y), tied = given
    groups, rank = len(basis), len(spread)
    x = whole(scale[..., None] * basis * spread, tied)
    covariance = np.linalg.inv(np.eye(x.shape[1]) + x.T @ x)
    mean = spread_out(covariance @ x.T @ y.ravel(), groups, tied)
    drawn = asked(given[0], tied, lambda known, z: known.drawn(z), np.zeros((groups, rank)))
    np.testing.assert_allclose(drawn(*given[0], np.zeros((groups, rank)))[0], mean, atol=1e-10)
    # Weights are linear in the normals: what each of them does is a column of a root of the covariance.
    root = []
    for i in range(groups * rank):
        z = np.zeros(groups * rank)
        z[i] = 1
        root.append((drawn(*given[0], z.reshape(groups, rank))[0] - mean).ravel())
    across = np.array([spread_out(w, groups, tied).ravel() for w in np.eye(x.shape[1])]).T
    np.testing.assert_allclose(
        np.transpose(root) @ np.array(root), across @ covariance @ across.T, atol=1e-10
    )


@pytest.mark.parametrize(
    ("groups", "rows", "rank", "tied"), [(2, 6, 3, 0), (2, 6, 8, 0), (2, 6, 8, 5), (3, 18, 5, 3)]
)
def test_the_precision_of_clusters_given_all_other_rows(groups, rows, rank, tied):
    x = np.random.default_rng(4).standard_normal((groups, rows, rank))
    given = x, np.ones((groups, rows)), np.ones(rank), np.ones((groups, rows))
    blocks = asked(given, tied, lambda known: known.precision((rows // 2, 2)))
    found = np.asarray(blocks(*given)[0])
    flat = whole(x, tied)
    inverse = np.linalg.inv(np.eye(groups * rows) + flat @ flat.T)
    for g in range(groups):
        for c in range(rows // 2):
            own = slice(g * rows + 2 * c, g * rows + 2 * c + 2)
            np.testing.assert_allclose(found[g, c], inverse[own, own], atol=1e-10)
