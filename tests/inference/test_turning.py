"""Losses that rise at the end of the data; the law is at its mode, and nothing is sampled."""

import numpy as np
import pytest
from helpers import instant_fit, table

import bayes_scaling as bs
from bayes_scaling.inference.turning import turning

TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}


def said(runs, **options):
    return [*turning(instant_fit(bs.load_runs(runs), "chinchilla", noise="discrepancy", **options))]


@pytest.mark.parametrize("seed", range(4))
def test_runs_of_the_law_do_not_turn(seed):
    assert said(table(TRUTH, n=24, seed=seed)) == []


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_a_turn_is_found_of_which_the_law_takes_up_a_part(seed):
    runs = table(TRUTH, n=24, seed=seed)
    runs["loss"] += 0.035 * np.log(runs["tokens"] / runs["tokens"].median()) ** 2
    assert len(said(runs)) == 1


def test_a_run_that_diverged_at_the_end_is_no_turn():
    runs = table(TRUTH, n=24)
    runs.loc[runs["params"].idxmax(), "loss"] *= 2.5
    assert said(runs) == []


@pytest.mark.seconds
def test_a_fit_of_losses_that_turn_is_not_ok():
    runs = table(TRUTH, n=24)
    x = np.log(runs["tokens"])
    runs["loss"] += 0.05 * (x - x.mean()) ** 2
    diagnosis = instant_fit(bs.load_runs(runs), "chinchilla", noise="discrepancy").diagnose()
    (said,) = diagnosis.turns
    assert said.startswith("the response turns and rises with tokens")
    assert said in diagnosis.problems
    assert not diagnosis.ok


@pytest.mark.parametrize("column", ["params", "tokens"])
def test_a_rise_at_the_end_is_said_with_its_input(column):
    runs = table(TRUTH, n=24)
    x = np.log(runs[column])
    runs["loss"] += 0.05 * (x - x.mean()) ** 2
    (sentence,) = said(runs)
    assert sentence.startswith(f"the response turns and rises with {column} at the end of the data (+")


def test_the_group_that_turns_is_named():
    runs = table(TRUTH, n=48)
    runs["group"] = np.resize(["a", "b"], len(runs))
    x = np.log(runs["tokens"])
    runs["loss"] += np.where(runs["group"] == "b", 0.05 * (x - x.mean()) ** 2, 0)
    (sentence,) = said(runs)
    assert sentence.startswith("the response of b turns and rises with tokens")


def test_few_configurations_say_nothing_however_often_they_were_run():
    runs = table(TRUTH, n=10)
    runs["loss"] += 0.1 * np.log(runs["tokens"] / runs["tokens"].median()) ** 2
    assert said(runs.loc[np.tile(runs.index, 3)].assign(seed=np.repeat([1, 2, 3], len(runs)))) == []
