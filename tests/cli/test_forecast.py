"""The verbs predict and two-step."""

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, table_of

import bayes_scaling as bs
from bayes_scaling.inference.result import as_json

TASK = {"chance": 0.25, "ceiling": 0.9, "k": 8.0, "m": -0.05}


@pytest.mark.seconds
def test_predict_agrees_with_python(answers, run, pile, pile_fit):
    argv = ("predict", pile, "--params", "1B,100B", "--tokens", "2T", "--prob", 0.8, "--below", "1.5")
    forecast = pile_fit.predict(["1B", "100B"], "2T")
    expected = forecast.table(0.8)
    expected["prob below 1.5"] = forecast.prob_below(1.5).to_numpy().ravel()
    document = answers(*argv)
    assert (document["law"], document["prob"]) == ("chinchilla", 0.8)
    assert document["table"] == as_json(expected.to_dict("records"))

    assert document["sentences"] == forecast.sentences(0.8)

    code, out, err = run(*argv)
    assert (code, err) == (0, "".join(f"warning: {said}\n" for said in forecast.warnings))
    said, _, table = out.partition("\n\n")
    assert said.splitlines() == [
        *(f"{sentence}." for sentence in document["sentences"]), "Losses are in nats per token.",
    ]  # fmt: skip
    shared, first, second, further = table.split("\n\n")
    assert shared.startswith("All rows: tokens 2T")
    heading, *rows = first.splitlines()
    assert heading.split()[:2] == ["group", "params"]
    assert "new run (80%)" in heading
    assert {"cerebras", "1B"} <= set(rows[0].split())
    assert len(rows) == len(second.splitlines()) - 1 == 6, "one line for each group and point"
    assert further == f"Next: bayes-scaling allocate {pile} --flops 1e24\n"
    assert max(map(len, "\n".join((shared, first, second)).splitlines())) <= 80


def test_repeated_options_are_values_with_commas(answers, pile):
    repeated = answers(
        "predict", pile, "--params", "1B", "--params", "2B", "--tokens", "1T,2T", "--group", "new"
    )
    listed = answers(
        "predict", pile, "--params", "1B,2B", "--tokens", "1T", "--tokens", "2T", "--group", "new"
    )
    assert repeated == listed
    assert [row["params"] for row in repeated["table"]] == [1e9, 2e9]


@pytest.mark.seconds
def test_a_law_of_one_input_is_asked_next_how_much_a_target_takes(run, tmp_path):
    x = np.geomspace(50, 1600, 6)
    table = pd.DataFrame({"n": x, "loss": 0.06 + 0.1 * (x / 300) ** -0.5})
    runs = bs.load_runs(table, inputs=["n"], loss_unit="other")
    instant_fit(runs, "power_floor:n").save(tmp_path / "fit.nc")
    _, out, _ = run("predict", "fit.nc", "--input", "n=2000")
    assert out.endswith("Next: bayes-scaling plan fit.nc --target LOSS\n")
    code, _, err = run("plan", "fit.nc", "--target", "0.08")
    assert "error" not in err
    assert code != 2


def test_inputs_go_by_name(run, pile):
    code, _, err = run("predict", pile, "--params", "1B", "--tokens", "1T", "--input", "unique_tokens=1B")
    assert (code, err) == (
        2,
        "error: law 'chinchilla' has no input 'unique_tokens'; its inputs are params, tokens\n",
    )
    code, _, err = run("predict", pile, "--input", "params=1B", "--tokens", "1T")
    assert (code, err) == (2, "error: --input params=... has an option of its own: --params\n")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--params", "1B"], "law 'chinchilla' needs 'tokens'; its inputs are params, tokens"),
        (
            ["--params", "huge", "--tokens", "1T"],
            "params is 'huge'; expected a positive number such as 7e10, or '70B'.",
        ),
        (
            ["--params", "1B,2B", "--tokens", "1T,2T,3T"],
            "inputs of unequal length: params has 2, tokens has 3; give one value, or as many of each",
        ),
        (
            ["--params", "1B", "--tokens", "1T", "--prob", "90"],
            "the probability of an interval lies between 0 and 1; got 90.0",
        ),
        (
            ["--params", "1B", "--tokens", "1T", "--group", "gpt"],
            "no group 'gpt' in this fit; its groups are cerebras, pythia, pythia_dedup, or 'new'",
        ),
    ],
)
def test_bad_points(run, pile, argv, message):
    assert run("predict", pile, *argv) == (2, "", f"error: {message}\n")


@pytest.mark.seconds
def test_two_steps_go_from_compute_to_a_task(answers, single, single_fit, tmp_path):
    task = instant_fit(table_of(bs.LAWS["task_of_loss"], TASK), "task_of_loss")
    task.save("task.nc")
    argv = ("--params", "1B", "--tokens", "20B", "--task-drift", 0, "--below", "0.5")
    found = answers("two-step", single, "task.nc", *argv)
    forecast = bs.two_step(single_fit, task, "1B", "20B", task_drift=0)
    assert (found["fit"], found["task"], found["law"]) == (single, "task.nc", "task_of_loss")
    assert found["table"][0].pop("prob below 0.5") == forecast.prob_below(0.5).item()
    assert found["table"] == as_json(forecast.table().to_dict("records"))
