"""Curves of one input: what rises, floors below 0, and grids that do not enclose the optimum."""

import re

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.inference.edges import optimum_at_edge
from bayes_scaling.inference.floors import floor_at_zero
from bayes_scaling.inference.identifiability import wrong_way
from bayes_scaling.laws import get_law


def curve(loss, x):
    return bs.load_runs(pd.DataFrame({"r": x, "loss": loss}), inputs=["r"], loss_unit="other")


@pytest.mark.parametrize(("floor", "seed"), [(-3.0, 1), (-3.2, 2)])
def test_a_floor_below_zero_presses_against_it(at_the_mode, floor, seed):
    x = np.geomspace(0.015, 0.275, 13)
    loss = (floor + 9.2 * (x / 0.015) ** -0.35) * np.exp(0.005 * np.random.default_rng(seed).normal(size=13))
    (said,) = floor_at_zero(at_the_mode(curve(loss, x), "power_floor:r"))
    assert said.startswith("E presses against 0: with a floor of -")


def test_the_case_of_a_negative_floor(at_the_mode, read, case):
    runs = read(case("negative-floor.csv"), inputs=["r"], loss_unit="other")
    (said,) = floor_at_zero(at_the_mode(runs, "power_floor:r"))
    floor = float(re.search(r"with a floor of (\S+) ", said)[1])
    assert floor == pytest.approx(-3.47, abs=1.5)
    assert "response='score', law pow3" in said


@pytest.mark.seconds
@pytest.mark.parametrize("seed", range(3))
def test_a_floor_above_zero_does_not(at_the_mode, seed):
    x = np.geomspace(10, 1e4, 12)
    loss = (0.2 + 2 * x**-0.5) * np.exp(0.05 * np.random.default_rng(seed).normal(size=12))
    assert floor_at_zero(at_the_mode(curve(loss, x), "power_floor:r")) == []


def test_running_time_is_fitted_by_what_rises(at_the_mode, read, case):
    runs = read(case("rising-curve.csv"), inputs=["n"], loss_unit="other")
    (said,) = wrong_way(runs, get_law("power_law:n"))
    assert "power_rise" in said
    assert wrong_way(runs, get_law("power_rise:n")) == []
    fit = at_the_mode(runs, "power_rise:n")
    assert float(fit.posterior["alpha"].median()) == pytest.approx(1.24, abs=0.25)


def test_what_falls_is_asked_about_under_a_law_that_rises():
    x = np.geomspace(10, 1e4, 12)
    (said,) = wrong_way(curve(3 * x**-0.2, x), get_law("power_rise:r"))
    assert said.startswith("the response falls with scale")


def test_a_share_that_rises_is_asked_about(read, case):
    runs = read(case("rising-share.csv"), loss="pass_at_100")
    (said,) = wrong_way(runs, get_law("skaling"))
    assert "is it a share, an accuracy or a score?" in said
    assert "task_of_compute" in said


def test_of_the_inverse_of_a_share_the_unit_is_asked_for_and_again_by_forecasts(at_the_mode, case):
    with pytest.warns(bs.DoubtfulInputWarning, match="or with 'other' if it is a percentage, an inverse"):
        runs = bs.load_runs(case("rising-share.csv"), loss="inverse")
    fit = at_the_mode(runs)
    for answer in (fit.predict(1e10, 1e12), fit.allocate(1e22), fit.plan(1e22)):
        assert [s for s in answer.warnings if "loss_unit='perplexity'" in s]


@pytest.mark.seconds
def test_the_case_of_small_units_has_the_answer_of_any_unit(at_the_mode, read, case):
    runs = read(case("small-units.csv"))
    larger = bs.load_runs(runs.table.assign(loss=100 * runs.table["loss"]))
    small, large = (at_the_mode(x) for x in (runs, larger))
    for name, times in (("E", 100), ("A", 100), ("B", 100), ("alpha", 1), ("beta", 1)):
        values = [float(fit.posterior[name].median()) for fit in (small, large)]
        assert values[1] == pytest.approx(times * values[0], rel=1e-3)
    assert float(small.posterior["E"].median()) == pytest.approx(0.017, rel=0.1)
    assert "loss 0.022-0.053" in repr(runs)


def test_the_case_of_semicolons_and_decimal_commas_is_read(case):
    with pytest.warns(bs.DoubtfulInputWarning, match="are read with a decimal comma"):
        runs = bs.load_runs(case("semicolons.csv"))
    assert (len(runs), runs.params[0], runs.tokens[0], runs.loss[0]) == (20, 2e7, 1.2e8, 5.26733)


def test_the_case_of_errors_and_samples(at_the_mode, read, case):
    """An error of .06 + 1.13 n^-.5, of which .08 takes 3,192 samples."""
    fit = at_the_mode(read(case("error-and-samples.csv"), inputs=["n"], loss_unit="other"), "power_floor:n")
    found = fit.plan(target=0.08, drift=False)
    assert float(found.median()) == pytest.approx((1.13 / 0.02) ** 2, rel=0.15)
    assert fit.plan(target=0.02, drift=False).out_of_reach.item() == 1


def profiles(best, edge):
    """isoFLOP profiles of four budgets whose optima are in the grid or below it."""
    rows = []
    for c in np.geomspace(1e18, 1e21, 4):
        middle = np.sqrt(c / 120)
        for n in middle * np.geomspace(0.2, 5, 6) * (edge or 1):
            rows.append({"params": n, "tokens": c / 6 / n, "loss": 3 + 0.05 * np.log(n / middle / best) ** 2})
    return bs.load_runs(pd.DataFrame(rows))


def test_an_optimum_at_the_edge_of_the_grid_is_said():
    assert optimum_at_edge(profiles(1.0, None)) == []
    (said,) = optimum_at_edge(profiles(0.05, None))
    assert said.startswith("the best run of 4 of 4 budgets is the smallest model")
    (said,) = optimum_at_edge(profiles(20.0, None))
    assert "is the largest model" in said
