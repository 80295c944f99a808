"""Maps: what they undo, and that they are fitted to what they are shown."""

import jax
import numpy as np
import pytest

from bayes_scaling.sampling.affine import Arrow, Dense
from bayes_scaling.sampling.transport_map import adapted, fitted, identity


def bananas(count, blocks=3, size=4, seed=0):
    """Normal draws, bent and stretched by their first coordinate, shape (count, blocks, size)."""
    z = np.random.default_rng(seed).standard_normal((count, blocks, size)) * [1.0, 0.3, 0.1, 0.03]
    wide = z[..., :1].copy()
    z[..., 1:] *= np.exp(0.3 * wide)
    z[..., 1:] += np.array([0.3, -0.2, 0.1])[: size - 1] * wide**2
    return z


@pytest.mark.seconds
@pytest.mark.parametrize(("shared", "groups", "own"), [(4, 3, 4), (5, 1, 0), (1, 2, 3), (2, 60, 4)])
def test_the_inverse_undoes_the_map_and_its_jacobian_is_known(shared, groups, own):
    dense = groups < 60
    n = shared + groups * own
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((500, n)) @ rng.standard_normal((n, n)) / np.sqrt(n)
    draws += 0.3 * draws[:, :1] ** 2
    transport = adapted(identity(shared, groups, own, dense), draws, bends=True)
    assert isinstance(transport.factor, Dense if dense else Arrow)
    xi = rng.standard_normal(n)
    at = transport.forward(xi)
    np.testing.assert_allclose(transport.inverse(*at[:2]), xi, rtol=1e-6, atol=1e-8)
    traced = jax.jacfwd(lambda xi: jax.numpy.concatenate([x.ravel() for x in transport.forward(xi)[:2]]))
    assert float(at[2]) == pytest.approx(np.linalg.slogdet(traced(xi))[1], rel=1e-8, abs=1e-8)


def test_a_fitted_map_straightens_bananas():
    blocks, fresh = fitted(bananas(4000)), bananas(4000, seed=1)
    eta = blocks.inverse(fresh)
    straight = np.linalg.solve(blocks.axes, (fresh - blocks.location)[..., None])[..., 0]

    def bends(x):
        """Worst correlation of a coordinate, and of its width, with the first one."""
        pairs = [(x[:, b, 0], x[:, b, i]) for b in range(3) for i in range(1, 4)]
        return (
            max(abs(np.corrcoef(wide**2, narrow)[0, 1]) for wide, narrow in pairs),
            max(
                abs(np.corrcoef(wide, np.log(np.abs(narrow - narrow.mean())))[0, 1]) for wide, narrow in pairs
            ),
        )

    assert min(bends(straight)) > 0.15
    assert max(bends(eta)) < 0.15


def test_draws_that_are_white_already_are_left_as_they_are():
    draws = np.random.default_rng(2).standard_normal((20_000, 6))
    transport = adapted(identity(2, 2, 2), draws, bends=True)
    np.testing.assert_allclose(transport.shared.bend, 0.0, atol=0.1)
    np.testing.assert_allclose(transport.groups.width, 0.0, atol=0.1)
