"""The verbs that compare and back-test."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs


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
        return bs.Comparison(dict(fits), frame, frame, frame, ahead)

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
