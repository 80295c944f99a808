"""What a chain draws outside of its trajectories."""

import jax
import numpy as np
import pytest
from scipy import stats

from bayes_scaling.sampling.coordinates import gamma_try


@pytest.mark.parametrize("shape", [1.0, 3.0, 27.5])
def test_tries_that_are_accepted_are_gamma_variables(shape):
    drawn, accepted = gamma_try(jax.random.key(1), np.full(20_000, shape))
    assert np.mean(accepted) > (0.95 if shape == 1 else 0.98)
    assert stats.kstest(np.asarray(drawn)[np.asarray(accepted)], stats.gamma(shape).cdf).pvalue > 0.001
