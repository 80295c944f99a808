"""The verb that brings runs together: on the command line what Python answers, its table and its picture."""

import pandas as pd
import pytest
from training_logs import CONFIG, lines, write_run

import bayes_scaling as bs
from bayes_scaling.inference.result import as_json


@pytest.fixture
def folder(tmp_path):
    write_run(tmp_path / "logs", "small")
    write_run(tmp_path / "logs", "large", lines(above=-0.2), CONFIG | {"n_embd": 128, "batch_size": 16})
    return write_run(tmp_path / "logs", "short", lines(end=300, above=0.3))


@pytest.mark.seconds
def test_it_agrees_with_python_and_writes_the_table(run, answers, folder, tmp_path):
    expected = bs.collect(folder)
    document = answers("collect", "logs", "-o", "made.csv", "--picture", "curves.svg")
    rows = as_json(bs.collect("logs").rows.to_dict("records"))
    assert [{k: row[k] for k in rows[0]} for row in document["table"]] == rows
    assert document["sentences"] == expected.sentences()
    assert [left["run"] for left in document["left_out"]] == ["short"]
    assert list(pd.read_csv("made.csv")["loss"]) == list(expected.rows["loss"])
    assert "3 runs" in (tmp_path / "curves.svg").read_text()
    runs = bs.load_runs("made.csv")
    assert (runs.n, runs.warnings) == (2, expected.runs.warnings)
    code, out, err = run("collect", "logs", "-o", "made.csv")
    assert (code, out) == (2, "")
    assert "made.csv exists and is kept" in err


def test_it_says_what_it_took_and_what_not(run, folder):
    code, out, err = run("collect", "logs", "--group", "seed", "--inputs", "n_layer")
    assert (code, err) == (0, "")
    said, table, wrote, further = out.split("\n\n")
    assert said.splitlines() == [
        "2 of 3 runs are taken, by their evaluation loss 'eval/loss': the last value.",
        "short stopped early, or still runs: at step 300 of 1000.",
    ]
    assert table.splitlines()[0].split() == ["run", "params", "tokens", "loss", "group", "seed", "n", "layer"]
    assert wrote == "Wrote runs.csv."
    assert further == "Next: bayes-scaling fit runs.csv\n"


def test_what_is_kept_on_request_is_a_warning(run, answers, folder):
    document = answers("collect", "logs", "--keep", "stopped,diverged")
    assert len(document["table"]) == 3
    assert document["warnings"] == [
        "short: kept on request, though it stopped early, or still runs: at step 300 of 1000"
    ]


def test_nothing_to_take_is_bad_input(run, tmp_path):
    write_run(tmp_path / "logs", "a", config=None)
    code, out, err = run("collect", "logs")
    assert (code, out) == (2, "")
    assert "none of 1 runs can be taken: a has no config" in err
