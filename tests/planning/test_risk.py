"""Regret, the valley, and the chance of a target."""

import re

import numpy as np
import pytest

from bayes_scaling import PUBLISHED, Drift, InputError, kaplan_split, published_split, rule_of_thumb
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.planning.risk import chances


def test_nobody_beats_a_draws_own_optimum(single_fit):
    found = single_fit.risk(["1e21", "1e24"])
    assert float(found.regret.min()) > -1e-12
    assert set(found.regret["choice"].to_numpy()) == {
        "median N_opt", "least expected loss", "least 90% quantile", "20 tokens per parameter", "Kaplan et al. 2020",
    }  # fmt: skip


def test_the_regret_of_a_given_model_is_what_the_law_says(single_fit):
    found = single_fit.risk(params="70B", tokens="1.4T")
    assert float(found.flops[0]) == pytest.approx(5.88e23)
    surface = LossSurface(single_fit)
    by_hand = surface.law(7e10, 1.4e12) - surface.law(*split(surface, 5.88e23))
    np.testing.assert_allclose(found.regret.sel(choice="as given").squeeze("point"), by_hand, atol=1e-12)


def test_the_choices_are_best_at_what_they_are_named_after(single_fit):
    found = single_fit.risk("1e25")
    expected, upper = found.expected.squeeze("point"), found.quantile.squeeze("point")
    for loss, name in ((expected, "least expected loss"), (upper, "least 90% quantile")):
        assert float(loss.sel(choice=name)) <= float(loss.min()) * (1 + 1e-8)
    # Draws differ in how steep the loss rises towards small models, so that caution and the median are not the same.
    params = found.choices["params"].squeeze("point")
    assert float(params.sel(choice="least 90% quantile")) != float(params.sel(choice="median N_opt"))


def test_the_ends_of_the_valley_cost_a_tenth_of_a_percent(single_fit):
    found = single_fit.risk("1e22")
    surface = LossSurface(single_fit)
    least = surface.law(*split(surface, 1e22))
    for end in ("lower", "upper"):
        n = found.valley.sel(end=end).squeeze("point")
        np.testing.assert_allclose(surface.law(n, 1e22 / (6 * n)) / least, 1.001, rtol=1e-6)
    low, high = (float(found.safe[end][0]) for end in ("lower", "upper"))
    assert low < float(found.choices["params"].sel(choice="median N_opt")[0]) < high


def test_regret_does_not_know_the_drift_and_quantiles_do(single_fit):
    drifting, still = (single_fit.risk("1e26", drift=drift) for drift in (0.05, False))
    np.testing.assert_allclose(
        drifting.regret.sel(choice="median N_opt"), still.regret.sel(choice="median N_opt")
    )
    wide, narrow = (
        float(found.quantile.isel(point=0).sel(choice="median N_opt"))
        - float(found.expected.isel(point=0).sel(choice="median N_opt"))
        for found in (drifting, still)
    )
    assert wide > 2 * narrow


@pytest.mark.parametrize("drift", [None, Drift(0.05, 5.0), Drift(0.05, -5.0)], ids=["own", "below", "above"])
def test_a_drift_to_one_side_does_not_move_the_choice(pile_fit, drift):
    """Larger models lie further beyond the data in N: a truth below the law there is no reason to train one."""
    lopsided, without = (pile_fit.risk("1e23", drift=d) for d in (drift, False))
    assert abs(lopsided.expected / without.expected - 1).min() > 0.005
    for name in ("least expected loss", "median N_opt"):
        chosen, own = (found.choices["params"].sel(choice=name) for found in (lopsided, without))
        np.testing.assert_allclose(chosen, own, rtol=1e-12)
    for end in ("lower", "upper"):
        np.testing.assert_allclose(lopsided.safe[end], without.safe[end], rtol=1e-12)


def test_choices_of_a_budget_drift_together(single_fit):
    """However far beyond the data each is in N or D."""
    lopsided, without = (single_fit.risk("1e24", drift=d) for d in (Drift(0.05, 5.0), False))
    names = ["median N_opt", "least expected loss", "20 tokens per parameter", "Kaplan et al. 2020"]
    moved = (lopsided.expected / without.expected).sel(choice=names).to_numpy()
    np.testing.assert_allclose(moved, np.full_like(moved, moved[0]), rtol=1e-12)


def test_chances_rise_with_the_budget_where_drift_is_left_out(single_fit):
    found = chances(single_fit, 2.05, np.geomspace(1e20, 1e27, 8), drift=False)
    assert (np.diff(found) >= 0).all()
    assert float(found[0]) < 0.01
    assert float(found[-1]) > 0.99
    one = single_fit.risk("1e22", target=2.05, drift=False).prob_target.sel(choice="median N_opt")
    at = chances(single_fit, 2.05, "1e22", drift=False)
    assert float(one[0]) == pytest.approx(float(at[0]), abs=1e-12)


def test_rules(single_fit):
    n, d = rule_of_thumb(1.2e22)
    assert (n, d) == (pytest.approx(1e10), pytest.approx(2e11))
    n, d = kaplan_split(8.64e19)
    assert n == pytest.approx(1.3e9)
    assert 6 * n * d == pytest.approx(8.64e19)


def test_published_lines_give_what_their_papers_print():
    assert published_split("Kaplan 2020", 1e24) == pytest.approx(kaplan_split(1e24))
    printed = {
        1: ((1.23e22, 205.1e9, 0.50), (9.90e24, 5.9e12, 0.50)),
        2: ((1.32e22, 219.5e9, 0.49), (1.18e25, 7.1e12, 0.49)),
    }
    for approach, rows in printed.items():
        for flops, tokens, exponent in rows:
            line = f"Hoffmann 2022, approach {approach}"
            assert published_split(line, flops)[1] == pytest.approx(tokens, rel=0.04)
            assert round(PUBLISHED[line].exponent, 2) == exponent
    ratios = {"Besiroglu 2024": 18.4, "Hoffmann 2022, approach 3": 59.0}  # at Chinchilla's own budget
    for name, ratio in ratios.items():
        n, d = published_split(name, 5.88e23)
        assert d / n == pytest.approx(ratio, rel=5e-3)
    assert published_split("Llama 3", 3.8e25)[1] == pytest.approx(10.5e12, rel=0.03)
    for name, line in PUBLISHED.items():
        n, d = published_split(name, 1e22)
        assert 6 * n * d == pytest.approx(1e22)
        assert published_split(name, 1e24)[0] / n == pytest.approx(100**line.exponent)
        assert "arXiv:" in line.cite
    with pytest.raises(InputError, match="no published line 'Gopher'; there are Kaplan 2020, "):
        published_split("Gopher", 1e22)


def test_its_table_and_sentences_name_the_choices(pile_fit):
    found = pile_fit.risk(["1e22", "1e23"], target=2.0)
    table = found.table(0.8)
    assert len(table) == 5 * 2 * 3
    assert {"regret 80% lower", "prob target", "group"} <= set(table)
    lines = found.sentences()
    assert len(lines) == 6 * 2 * 3
    assert "within 0.1% of the least expected loss" in lines[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a risk needs a budget: flops, or params and tokens"),
        (
            {"flops": 1e22, "params": 1e9, "tokens": 1e9},
            "1B parameters on 1B tokens take 6e18 FLOPs, not 1e22",
        ),
        ({"flops": 1e22, "level": 90}, "the level of a quantile lies between 0 and 1; got 90"),
    ],
)
def test_requests_that_make_no_sense(single_fit, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        single_fit.risk(**options)
