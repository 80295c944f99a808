"""Which parameters differ between groups, and what sharing one costs."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_scaling as bs
from bayes_scaling import InputError, api
from bayes_scaling.evaluation.compare_pooling import judged, structures


def test_structures_share_or_free_one_at_a_time():
    poolings = structures(bs.LAWS["chinchilla"])
    assert len(poolings) == 2 + 2 + 5 + 5
    assert {k for k, v in poolings["offsets differ"].items() if v == "partial"} == {
        "E",
        "A",
        "B",
        "sigma",
    }
    assert {k for k, v in poolings["all but E"].items() if v == "complete"} == {"E"}
    assert {pooling["sigma"] for pooling in poolings.values()} == {"partial"}


def test_verdicts_follow_the_differences():
    """Only E matters: whatever frees it wins a nat a configuration, and slopes cost a little."""
    rng = np.random.default_rng(1)
    law = bs.LAWS["chinchilla"]
    columns = {}
    for name, pools in structures(law).items():
        gain = 1.0 * (pools["E"] == "partial") - 0.01 * (pools["alpha"] == "partial")
        columns[name] = gain + 0.05 * rng.standard_normal(60)
    comparison = SimpleNamespace(pointwise=pd.DataFrame(columns), fits=dict.fromkeys(columns))
    found = judged(comparison, law)
    assert found.parameters["verdict"].to_dict() == {
        "E": "differs", **dict.fromkeys(("A", "B", "alpha", "beta"), "no sign that it differs"),
    }  # fmt: skip
    assert found.parameters.loc["E", "needed"] == pytest.approx(60, abs=1)
    gap = columns["all differ"] - columns["all but E"]
    assert found.parameters.loc["E", "needed se"] == pytest.approx(np.std(gap, ddof=1) * np.sqrt(60))
    assert found.sentences()[0].startswith("the groups differ")
    assert "show no difference of slopes" in found.sentences()[1]
    assert "need different offsets too" in found.sentences()[2]


def test_a_difference_is_said_with_its_interval_and_what_counts_as_none():
    """Of groups whose exponents are .30 and .33 in half of the draws, and .30 and .36 in the other half."""
    law = bs.LAWS["chinchilla"]
    second = np.where(np.arange(100) < 50, 0.318, 0.36)
    draws = np.stack([np.full(100, 0.3), second], -1)[None]
    posterior = xr.Dataset(
        {"alpha": (("chain", "draw", "group"), draws), "E": (("chain", "draw"), draws[..., 0])}
    )
    names = list(structures(law))
    fits = dict.fromkeys(names) | {
        "all differ": SimpleNamespace(posterior=posterior.assign(A=posterior["E"]))
    }
    for name in ("A", "B", "beta"):
        fits["all differ"].posterior[name] = posterior["E"]
    pointwise = pd.DataFrame(np.zeros((20, len(names))), columns=names)
    found = judged(SimpleNamespace(pointwise=pointwise, fits=fits), law)
    (said,) = [sentence for sentence in found.sentences() if sentence.startswith("alpha ")]
    assert said.endswith(
        "; the farthest two groups are apart by 13% of it (90%: 6% to 20%), and with a probability of 0.50 by less "
        "than 10%, which counts as the same"
    )
    assert not any("can share" in sentence for sentence in found.sentences())


def test_where_parameters_take_each_others_place_neither_is_cleared():
    rng = np.random.default_rng(2)
    law = bs.LAWS["chinchilla"]
    columns = {
        name: ("partial" in (pools["A"], pools["B"])) + 0.02 * rng.standard_normal(60)
        for name, pools in structures(law).items()
    }
    verdicts = judged(
        SimpleNamespace(pointwise=pd.DataFrame(columns), fits=dict.fromkeys(columns)), law
    ).parameters["verdict"]
    assert verdicts["A"] == verdicts["B"] == "differs, or another in its place"
    assert verdicts["E"] == "no sign that it differs"


def test_a_fit_asks_it_of_its_own_runs_and_law(pile_fit, monkeypatch):
    asked = {}
    monkeypatch.setattr(api, "compare_pooling", lambda runs, law, **options: asked.update(options, law=law))
    pile_fit.compare_pooling(draws=50)
    assert (asked["law"], asked["draws"], asked["seed"], asked["chains"]) == (
        pile_fit.law,
        50,
        pile_fit.seed,
        pile_fit.provenance["chains"],
    )


def test_one_group_is_refused(single_fit):
    with pytest.raises(InputError, match="has one group; differences between groups need two or more"):
        bs.compare_pooling(single_fit.runs)


def test_a_difference_of_either_sign_is_in_units_of_the_prior():
    """Of slopes of -.02 and .04 under a prior of sd .2: .3 sd apart."""
    law = bs.LAWS["covariate"]
    draws = np.tile([-0.02, 0.04], (1, 100, 1))
    posterior = xr.Dataset({"alpha_x": (("chain", "draw", "group"), draws)})
    names = list(structures(law))
    one = SimpleNamespace(posterior=posterior, law=law)
    columns = pd.DataFrame(np.zeros((5, len(names))), columns=names)
    found = judged(SimpleNamespace(pointwise=columns, fits=dict.fromkeys(names) | {"all differ": one}), law)
    apart = 0.06 / law.priors["alpha_x"].spread
    assert found.gap("alpha_x") is None
    assert f"are apart by {apart:.2g} sd of its prior (90%: {apart:.2g} to" in found._gap("alpha_x", 0.9)
    assert "with a probability of 0.00 by less than 0.1 sd, which counts as the same" in found._gap(
        "alpha_x", 0.9
    )
