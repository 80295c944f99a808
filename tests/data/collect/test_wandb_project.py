"""Runs of a Weights & Biases project, with a stand-in for the client: the real one needs their server."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.data.collect.read import read_sources


class ClientError(Exception):
    pass


def logged(steps, **more):
    """What `scan_history` gives: calls of log with a step of the optimiser, and a loss at every second one."""
    for call, step in enumerate(steps):
        loss = {"eval/loss": 3.0 - 0.01 * step / 10} if call % 2 else {"train/loss": 3.1}
        yield {"_step": call, "_timestamp": 1.7e9, "train/global_step": step, **loss, **more}


RUNS = {
    "lab/grid/a1": SimpleNamespace(
        id="a1",
        name="small",
        state="finished",
        config={"n_params": 1e8, "model": {"seed": 3}, "tokens_per_step": 1e6, "max_steps": 100},
        scan_history=lambda: logged(range(10, 101, 10), note="text", done=True),
    ),
    "lab/grid/b2": SimpleNamespace(
        id="b2",
        name="broken",
        state="crashed",
        config={"n_params": 2e8, "tokens_per_step": 1e6, "max_steps": 100},
        scan_history=lambda: logged(range(10, 51, 10), **{"eval/loss": "NaN"}),
    ),
}


class Api:
    def runs(self, path):
        if path != "lab/grid":
            raise ValueError(f"Could not find project {path}")
        return list(RUNS.values())

    def run(self, path):
        if path not in RUNS:
            raise ClientError(f"Could not find run {path}")
        return RUNS[path]


@pytest.fixture(autouse=True)
def client(monkeypatch):
    stand_in = SimpleNamespace(Api=Api, errors=SimpleNamespace(Error=ClientError))
    monkeypatch.setitem(sys.modules, "wandb", stand_in)


def test_a_project_is_read_as_it_was_logged():
    broken, small = read_sources(["wandb:lab/grid"])
    assert (small.name, small.state, small.reader) == ("small (a1)", "finished", "W&B")
    assert small.config == {"n_params": 1e8, "model/seed": 3, "tokens_per_step": 1e6, "max_steps": 100}
    assert set(small.curves) == {"train/loss", "eval/loss"}
    assert small.curves["eval/loss"].steps.tolist() == [20, 40, 60, 80, 100]
    assert np.isnan(broken.curves["eval/loss"].values).all()


@pytest.mark.filterwarnings("ignore::bayes_scaling.DoubtfulInputWarning")  # one run is no table
def test_it_becomes_a_table_and_says_what_it_left_out():
    found = bs.collect("wandb:lab/grid")
    (row,) = found.runs.table.to_dict("records")
    assert (row["params"], row["tokens"], row["loss"]) == (1e8, 1e8, pytest.approx(2.9))
    assert "broken" in str(found)


def test_one_run_is_read_by_its_id():
    (run,) = read_sources(["wandb:lab/grid/a1"])
    assert run.name == "small (a1)"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("wandb:grid", "'wandb:grid' names no project; expected wandb:ENTITY/PROJECT, or"),
        (
            "wandb:lab/other",
            "Weights & Biases cannot read 'wandb:lab/other': Could not find project lab/other",
        ),
        ("wandb:lab/grid/zz", "Weights & Biases cannot read 'wandb:lab/grid/zz': Could not find run"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(source, message):
    with pytest.raises(bs.InputError, match=message):
        bs.collect(source)


def test_without_the_client_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(bs.InputError, match=r"which its client reads: pip install 'bayes-scaling\[wandb\]'"):
        bs.collect("wandb:lab/grid")
