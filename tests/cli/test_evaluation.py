"""The verbs that compare and back-test."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from helpers import instant_sampling

import bayes_scaling as bs
from bayes_scaling.inference.result import as_json


@pytest.fixture
def compared(monkeypatch):
    """Replaces the comparison, which refits, by a table; keeps the fits."""
    calls = []

    def fake(fits, *, refit=True, ahead=True, progress=False):
        calls.append((list(fits), refit))
        columns = ("elpd", "se", "elpd_diff", "dse", "p", "weight", "worst_k", "refits", "ahead")
        frame = pd.DataFrame(
            {name: np.arange(2.0) for name in columns}, index=pd.Index(["one", "two"], name="law")
        )
        frame.loc["two", "dse"] = np.nan
        ahead = pd.DataFrame({"one": [2.0], "two": [1.0]}, index=["3x"])
        of_rows = dict(zip(("one", "two"), fits.values(), strict=True))
        return bs.Comparison(of_rows, frame, frame, frame, ahead)

    monkeypatch.setattr(bs, "compare", fake)
    return calls


def test_compare_fits_each_law_to_the_table(answers, run, table, sampled, compared):
    document = answers("compare", table, "--laws", "chinchilla,kaplan", "--no-refit", "--seed", 3)
    assert compared == [(["chinchilla", "kaplan"], False)]
    assert [(call["law"], call["seed"]) for call in sampled] == [("chinchilla", 3), ("kaplan", 3)]
    assert [row["law"] for row in document["table"]] == ["one", "two"]
    assert document["table"][1]["dse"] is None
    assert document["weights"]["one"] / document["weights"]["two"] == pytest.approx(np.e)
    _, out, _ = run("compare", table, "--laws", "chinchilla", "--laws", "kaplan")
    assert out.startswith("one predicts configurations left out best")
    assert out.partition("\n\n")[2].startswith("law ")


def test_compare_opens_saved_fits(run, pile, single, compared):
    assert run("compare", pile, single)[0] == 0
    assert compared == [([pile, single], True)]  # two of one law go by their files


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["a.nc", "runs.csv"], "compare takes one table of runs, or saved fits (.nc); not both at once"),
        (["a.nc", "b.nc", "--seed", "3"], "--seed is for a table of runs; saved fits stay as they were made"),
        (
            ["a.nc", "b.nc", "--max-warmup", "3"],
            "--max-warmup is for a table of runs; saved fits stay as they were made",
        ),
        (["runs.csv", "more.csv"], "compare takes one table of runs, not 2; put them into one"),
    ],
)
def test_compare_refuses_a_mixture(run, argv, message):
    assert run("compare", *argv) == (2, "", f"error: {message}\n")


def test_compare_wants_two_known_laws(run, table, sampled):
    code, _, err = run("compare", table, "--laws", "kaplan")
    assert code == 2
    assert err.startswith("error: name two or more laws, as in --laws chinchilla,kaplan; the laws are ")
    code, _, err = run("compare", table, "--laws", "chinchilla,caplan")
    assert code == 2
    assert err.startswith("error: unknown law 'caplan': did you mean 'kaplan'?")
    assert sampled == []


@pytest.mark.seconds
def test_a_table_is_compared_backtested_and_its_poolings_compared_without_sampling(
    answers, run, judged, tmp_path
):
    """All that lies between the words of a command line and what is printed, but for the sampling."""
    runs = bs.datasets.load("pile").table
    runs.to_csv("pile.csv", index=False)
    options = ("pile.csv", "--group", "group", "--seed", 2)
    with instant_sampling():
        found = answers("compare", *options, "--laws", "chinchilla,skaling", "--no-refit")
        assert {row["law"] for row in found["table"]} == set(found["weights"]) == {"chinchilla", "skaling"}
        found = answers(
            "compare-pooling", *options, "--law", "power_law:flops", "--no-refit", "-o", "pooling.png"
        )
        assert {row["structure"] for row in found["structures"]} > {"all but A", "only alpha"}
        code, out, _ = run(
            "backtest", *options, "--holdout-above", "1e22", "--no-baselines", "-o", "coverage.png", "--json"
        )
    found = json.loads(out)
    larger = runs[6 * runs["params"] * runs["tokens"] > 1e22]
    assert sorted(row["loss"] for row in found["runs"]) == sorted(larger["loss"])
    assert found["drift"]
    assert (code, [row["ok"] for row in found["health"]]) == (1, [False]), "draws that nobody sampled"
    for name in ("pooling", "coverage"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_approaches_agree_with_python(answers, pile, pile_fit):
    found = answers("approaches", pile, "--group", "pythia", "--flops", "1e22,1e23", "--prob", 0.5)
    expected = pile_fit.approaches(["1e22", "1e23"], group="pythia")
    assert found["table"] == as_json(expected.table(0.5).to_dict("records"))
    assert found["differences"] == as_json(expected.differences(0.5).to_dict("records"))
    assert found["points"] == as_json(expected.points.to_dict("records"))


def test_approaches_point_to_the_picture_of_profiles_where_there_are_some(run, pile, pile_fit, monkeypatch):
    found = pile_fit.approaches("1e22", group="pythia")
    for fits, kind in (
        ({"law": pile_fit}, "isoflop"),
        (dict.fromkeys(("a", "law"), pile_fit), "isoflop_profiles --group pythia"),
    ):
        made = dataclasses.replace(found, fits=fits)
        monkeypatch.setattr(bs.Fit, "approaches", lambda *_, made=made, **__: made)
        _, out, _ = run("approaches", pile, "--group", "pythia")
        assert out.endswith(f"Next: bayes-scaling plot {pile} --kind {kind}\n")
