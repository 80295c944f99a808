"""Stores of MLflow, written by its own client."""

import re
import sys

import pytest
from training_logs import CONFIG, lines

import bayes_scaling as bs


def write_store(address, **runs):
    """A store of one experiment: each run by its name, with its lines and its last state."""
    from mlflow import MlflowClient  # takes seconds to load, which quick tests do without
    from mlflow.entities import Metric, Param

    client = MlflowClient(tracking_uri=address)
    experiment = client.create_experiment("ladder")
    for name, (found, state) in runs.items():
        run = client.create_run(experiment, run_name=name).info.run_id
        logged = [
            Metric(key, value, i, line["step"])
            for i, line in enumerate(found)
            for key, value in line.items()
            if key != "step"
        ]
        for start in range(0, len(logged), 1000):
            client.log_batch(run, logged[start : start + 1000])
        client.log_batch(run, params=[Param(key, str(value)) for key, value in CONFIG.items()])
        if state:
            client.set_terminated(run, state)


def agrees(found, write):
    plain = bs.collect(write("b", lines()) / "b").rows.iloc[0]
    row = found.rows.iloc[0]
    same = ["params", "tokens", "loss", "flops", "metric", "step", "params_from", "tokens_from"]
    assert list(row[same]) == list(plain[same])
    assert (row["seed"], row["reader"]) == ("3", "MLflow")
    assert re.fullmatch(r"well \(\w{8}\)", row["run"])
    assert [re.sub(r" \(\w{8}\)", "", sentence) for sentence in found.left_out()["sentence"]] == [
        "broken stopped early at step 300 of 1000, as its state is 'failed'",
        "open still runs at step 500 of 1000, as its state is 'running'",
    ]


RUNS = {"well": (lines(), "FINISHED"), "broken": (lines(end=300), "FAILED"), "open": (lines(end=500), None)}


@pytest.mark.seconds
@pytest.mark.filterwarnings(
    "ignore:The filesystem tracking backend:FutureWarning"
)  # of older MLflow, to its users
def test_a_folder(tmp_path, write, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    write_store(str(tmp_path / "mlruns"), **RUNS)
    agrees(bs.collect(tmp_path / "mlruns"), write)
    agrees(bs.collect(f"{tmp_path / 'mlruns'}#ladder"), write)
    with pytest.raises(bs.InputError, match="has no experiment 'heap'"):
        bs.collect(f"{tmp_path / 'mlruns'}#heap")


@pytest.mark.seconds
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # in MLflow's own queries
def test_a_database(tmp_path, write):
    write_store(f"sqlite:///{tmp_path / 'mlflow.db'}", **RUNS)
    agrees(bs.collect(tmp_path / "mlflow.db"), write)
    agrees(bs.collect(f"sqlite:///{tmp_path / 'mlflow.db'}#ladder"), write)


def test_what_is_not_there(tmp_path):
    with pytest.raises(bs.InputError, match=r"there is no MLflow store 'nothing\.db'"):
        bs.collect("nothing.db")


def test_without_mlflow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(bs.InputError, match=r"pip install 'bayes-scaling\[mlflow\]'"):
        bs.collect(tmp_path / "mlflow.db")
