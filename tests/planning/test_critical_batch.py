"""What follows from Kaplan's constants, against what the paper prints and against a search."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bayes_scaling import LAWS
from bayes_scaling.planning.compute import critical_batch as batch


def test_steps_and_tokens_trade_along_a_hyperbola():
    """(S/S_min - 1)(E/E_min - 1) = 1, with E = B S."""
    size, critical, steps = np.array([1e4, 2e5, 7e6]), 3e5, 1e4
    least_steps = batch.min_steps(steps, size, critical)
    least_tokens = batch.min_tokens(size * steps, size, critical)
    np.testing.assert_allclose((steps / least_steps - 1) * (size * steps / least_tokens - 1), 1.0)
    np.testing.assert_allclose(least_tokens / least_steps, critical)
    # At the critical batch both are twice the least.
    assert batch.min_steps(1e4, critical, critical) == 5e3
    assert batch.min_flops(1e20, critical, critical) == 5e19


def test_critical_batch():
    assert batch.critical_batch(1.0) == 2e8
    assert batch.critical_batch(3.0) / batch.critical_batch(2.0) == pytest.approx(1.5 ** (-1 / 0.21))
    assert batch.critical_batch_by_noise(6.0, 2.0) == 3.0


def test_data_that_avoid_overfitting():
    """D of about 5e3 N^.74 keeps the excess at 2%."""
    sizes = np.array([1e6, 1e8, 1e10])
    tokens = batch.tokens_without_overfitting(sizes)
    np.testing.assert_allclose(batch.overfitting(sizes, tokens), 0.02, rtol=1e-9)
    slope = np.diff(np.log(tokens)) / np.diff(np.log(sizes))
    np.testing.assert_allclose(slope, 0.74, atol=0.005)
    assert tokens[1] / 1e8**0.74 == pytest.approx(5e3, rel=0.1)


def test_overfitting_is_that_of_the_joint_law():
    p = {"E": 0.0, "A": 6.4e13**0.076, "B": 1.8e13**0.103, "alpha": 0.076, "beta": 0.103}
    with_data, without_end = LAWS["kaplan"](1e9, 2e9, **p), LAWS["kaplan"](1e9, 1e40, **p)
    assert batch.overfitting(1e9, 2e9) == pytest.approx(with_data / without_end - 1, rel=1e-6)


def test_exponents_add_up_and_are_near_the_papers_fit():
    e = batch.exponents()
    assert e["params"] + e["batch"] + e["steps"] == pytest.approx(1.0)
    assert (e["params"], e["batch"], e["steps"]) == pytest.approx((0.73, 0.24, 0.03), abs=0.05)
    assert e["loss"] == pytest.approx(0.050, abs=0.005)


def test_the_optimum_is_where_a_search_finds_it():
    c = {"N_c": 6.5e13, "alpha_N": 0.077, "S_c": 2.1e3, "alpha_S": 0.76, "B_star": 2e8, "alpha_B": 0.21}
    budget = 1e21

    def loss(log_n):
        """L with S_min = C_min / (6 N B_crit(L)), by iteration."""
        value = 2.0
        for _ in range(200):
            steps = budget / (6 * np.exp(log_n) * batch.critical_batch(value))
            value = (c["N_c"] / np.exp(log_n)) ** c["alpha_N"] + (c["S_c"] / steps) ** c["alpha_S"]
        return value

    found = minimize_scalar(
        loss, bounds=(np.log(1e7), np.log(1e12)), method="bounded", options={"xatol": 1e-8}
    )
    best = batch.optimum(budget, **c)
    assert best.loss == pytest.approx(found.fun, rel=1e-9)
    assert best.params == pytest.approx(np.exp(found.x), rel=1e-3)
    # Trained at the critical batch: twice the least steps and tokens, and twice C_min.
    assert 6 * best.params * best.tokens == pytest.approx(2 * budget, rel=1e-9)
    assert best.tokens == pytest.approx(best.batch * best.steps)


def test_the_optimum_grows_by_the_exponents():
    low, high = batch.optimum(1e20), batch.optimum(1e22)
    for name, exponent in batch.exponents().items():
        grown = getattr(high, name) / getattr(low, name)
        assert grown == pytest.approx(100 ** (-exponent if name == "loss" else exponent), rel=1e-9)
