"""A posterior that passes every check, for tests that spoil one thing."""

import numpy as np
import pytest
from helpers import change, with_posterior


@pytest.fixture(scope="module")
def calm(single_fit):
    """A posterior of independent draws: no chain disagrees, and nothing diverges."""
    rng = np.random.default_rng(0)
    p = single_fit.posterior
    independent = {
        name: float(p[name].median()) * np.exp(float(np.log(p[name]).std()) * rng.standard_normal((4, 250)))
        for name in p.data_vars
    }
    energy = rng.standard_normal((4, 250))
    stats = {"diverging": np.zeros((4, 250), bool), "energy": energy, "energy_change": change(energy)}
    return with_posterior(single_fit, stats, **independent)
