"""Tables that a law meets to their last digit: simulated without noise, or with hardly more runs than parameters."""

import numpy as np
import pandas as pd
import pytest
from helpers import quiet_fit

pytestmark = pytest.mark.sampling

SHORT = {"draws": 400, "chains": 4, "seed": 1}


def converged(fit):
    """R-hat of short chains, and no divergence."""
    found = fit.diagnose()
    assert found.divergences == 0
    return found.r_hat < 1.03


def test_runs_without_noise():
    rng = np.random.default_rng(0)
    n = 10 ** rng.uniform(7.5, 9.3, 24)
    d = n * 10 ** rng.uniform(0.7, 2.3, 24)
    runs = pd.DataFrame({"params": n, "tokens": d, "loss": 1.7 + 400 * n**-0.34 + 410 * d**-0.28})
    fit = quiet_fit(runs, "chinchilla", **SHORT)
    assert converged(fit)
    assert float(fit.posterior["E"].median()) == pytest.approx(1.7, abs=0.005)
    assert float(fit.posterior["sigma"].median()) < 3e-4


def two_recipes():
    flops = np.tile([2.2e17, 1.7e18, 9e18, 2.8e19], 2)
    loss = np.round(1.6 + np.repeat([95.18, 87.7], 4) * flops**-0.0941, 5)
    return pd.DataFrame({"flops": flops, "group": np.repeat(["baseline", "variant"], 4), "loss": loss})


@pytest.mark.parametrize("noise", [False, True])
def test_two_recipes_of_four_runs(case, noise):
    """A variant is worth 2.39 times the compute at every budget."""
    runs = pd.read_csv(case("two-recipes.csv")) if noise else two_recipes()
    # As a user's: of sigma 400 draws are few, by chance too few.
    fit = quiet_fit(runs, "gpt4", **SHORT | {"draws": 1000})
    assert fit.diagnose().converged if noise else converged(fit)
    at = fit.contrast("1e20").table().iloc[0]
    assert at["multiplier 90% lower"] < 1 / 2.39 < at["multiplier 90% upper"]
    assert at["multiplier 90% upper"] < 1.3 * at["multiplier 90% lower"]
