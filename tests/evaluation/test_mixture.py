"""Draws of several laws as one, and what they say of the irreducible loss together."""

import re

import numpy as np
import pytest
import xarray as xr
from helpers import instant_fit, simulated_runs, table, with_posterior

import bayes_scaling as bs
from bayes_scaling.evaluation.mixture import about_the_floor, irreducible, mixed


def draws(value, **dims):
    return xr.DataArray(np.full((2, 500, *dims.values()), value), dims=("chain", "draw", *dims))


def test_each_law_has_its_share_of_the_draws():
    found = mixed({"a": draws(1.0), "b": draws(2.0)}, {"a": 0.2, "b": 0.8}, [1])
    assert found.mean() == pytest.approx(1.8, abs=0.05)


def test_the_same_seeds_pick_the_same_laws():
    share = {"a": 0.5, "b": 0.5}
    one = mixed({"a": draws(1.0), "b": draws(2.0)}, share, [1])
    other = mixed({"a": draws(10.0), "b": draws(20.0)}, share, [1])
    np.testing.assert_array_equal(10 * one, other)


def test_the_shortest_fit_and_the_one_with_groups_decide_the_dims():
    short = draws(2.0, group=3).isel(draw=slice(100))
    assert dict(mixed({"a": draws(1.0), "b": short}, {"a": 0.5, "b": 0.5}, [1]).sizes) == {
        "chain": 2, "draw": 100, "group": 3,
    }  # fmt: skip


@pytest.fixture(scope="module")
def fits(truth):
    runs = simulated_runs(truth, n=30)
    return {name: instant_fit(runs, name, draws=200) for name in ("chinchilla", "skaling", "kaplan_c")}


def with_floor(fit, value):
    """The fit with draws of E about a value."""
    spread = 0.01 * np.random.default_rng(0).standard_normal(fit.posterior["E"].shape)
    return with_posterior(fit, E=value + spread + 0 * fit.posterior["E"])


def test_laws_without_a_floor_have_no_part(fits):
    weights = dict.fromkeys(fits, 1 / 3)
    one = with_floor(fits["chinchilla"], 1.7), with_floor(fits["skaling"], 1.71)
    both = dict(zip(("chinchilla", "skaling"), one, strict=True))
    assert list(irreducible(both | {"kaplan_c": fits["kaplan_c"]})) == ["chinchilla", "skaling"]
    assert [*about_the_floor({"kaplan_c": fits["kaplan_c"]} | {"chinchilla": one[0]}, weights, [], 0.9)] == []


def test_laws_that_fit_alike_and_disagree_are_named(fits):
    weights = {"chinchilla": 0.5, "skaling": 0.5}
    apart = {"chinchilla": with_floor(fits["chinchilla"], 1.7), "skaling": with_floor(fits["skaling"], 1.9)}
    (said,) = about_the_floor(apart, weights, [*apart], 0.9)
    assert said.startswith("irreducible loss over laws: ")
    assert "chinchilla and skaling fit alike and disagree about it" in said
    (said,) = about_the_floor(apart, weights, ["chinchilla"], 0.9)  # one of them fits worse
    assert "disagree" not in said
    near = apart | {"skaling": with_floor(fits["skaling"], 1.705)}
    (said,) = about_the_floor(near, weights, [*near], 0.9)
    assert "disagree" not in said
    assert re.search(r"; 1\.(69|70)\d \(1\.68\d to 1\.71\d\) under chinchilla", said)


def test_of_groups_it_is_that_of_the_largest_run(truth):
    runs = table(truth, n=24)
    largest = (runs["params"] * runs["tokens"]).rank() > 22
    runs["group"] = np.where(largest | (np.arange(24) % 2 == 0), "b", "a")
    runs = bs.load_runs(runs)
    fits = {name: instant_fit(runs, name, draws=50) for name in ("chinchilla", "skaling")}
    (said,) = about_the_floor(fits, {"chinchilla": 0.5, "skaling": 0.5}, [*fits], 0.9)
    assert said.startswith("irreducible loss of b over laws: ")


def test_a_comparison_says_it(fits):
    laws = {name: fits[name] for name in ("chinchilla", "skaling")}
    found = bs.compare(laws, refit=False, ahead=False)
    assert any(sentence.startswith("irreducible loss over laws: ") for sentence in found.sentences())
