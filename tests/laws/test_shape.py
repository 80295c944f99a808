"""Depth against width: what the law's constants say is where its curves are lowest, and how flat they are there."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import bayes_scaling as bs

LAW = bs.LAWS["depth_width"]
P = {"E": 1.5, "A": 0.8, "alpha": 0.25, "k": 0.12, "m": 0.2, "p": 0.6}
REFERENCE = {"d_model": 1024.0, "n_layer": 16.0}


def best_depth(size, p=P):
    """log n_layer with the lowest loss at a given n_layer d_model^2, by minimising the law."""
    found = minimize_scalar(
        lambda log_l: LAW(np.exp((np.log(size) - log_l) / 2), np.exp(log_l), **p), (-1.0, 1.0), tol=1e-10
    )
    return found.x


def test_is_a_power_law_of_the_size_where_shape_does_not_matter():
    d, layers = np.exp(np.random.default_rng(1).uniform(-1, 1, (2, 20)))
    expected = P["E"] + P["A"] * (layers * d**2) ** -P["alpha"]
    np.testing.assert_allclose(LAW(d, layers, **P | {"k": 0.0}), expected, rtol=1e-13)


@pytest.mark.parametrize("p", [0.2, 0.6, 1.0])
def test_its_constants_are_the_best_shape_and_how_it_grows(p):
    values = P | {"p": p}
    constants = LAW.constants(REFERENCE, **values)
    log_l = best_depth(1.0, values)
    shape = REFERENCE["d_model"] * np.exp(-log_l / 2) / (REFERENCE["n_layer"] * np.exp(log_l))
    assert constants["aspect"] == pytest.approx(shape, rel=1e-5)
    grown = (best_depth(100.0, values) - best_depth(1.0, values)) / np.log(100)
    assert constants["depth_N"] == pytest.approx(grown, rel=1e-4)


def test_the_flat_factor_costs_one_percent_of_the_parameters():
    factor = LAW.constants(REFERENCE, **P)["flat"]
    log_l = best_depth(1.0)
    moved = log_l - 2 / 3 * np.log(factor)  # wider by the factor, at the same size
    loss = LAW(np.exp(-moved / 2), np.exp(moved), **P)
    best = LAW(np.exp(-log_l / 2), np.exp(log_l), **P)
    assert ((loss - P["E"]) / (best - P["E"])) ** (1 / P["alpha"]) == pytest.approx(1.01, rel=1e-5)


def test_at_p_one_the_best_aspect_ratio_is_the_same_at_every_size():
    """Kaplan et al.'s picture; below 1 the width outgrows the depth, as Levine et al. find."""
    for p, grows in ((1.0, 0.0), (0.4, 1.0)):
        aspect = [-1.5 * best_depth(size, P | {"p": p}) + np.log(size) / 2 for size in (1.0, 1e3)]
        assert np.sign(round(aspect[1] - aspect[0], 6)) == grows
