"""What the residuals of a fit say of single runs, trends, large runs and groups."""

import dataclasses
import re

import numpy as np
import pytest
from helpers import with_posterior

import bayes_scaling as bs
from bayes_scaling.inference.residuals import residuals
from bayes_scaling.inference.run_checks import run_checks
from bayes_scaling.inference.structured import findings


def with_losses(fit, factor):
    """The fit with other losses in its runs; its draws stay those of the law."""
    table = fit.runs.table.assign(loss=fit.runs.loss * factor)
    return dataclasses.replace(fit, runs=dataclasses.replace(fit.runs, table=table))


def test_runs_of_the_law_are_not_complained_of(single_fit):
    assert run_checks(single_fit) == []


def test_five_runs_far_off_and_a_tail_without_variance_are_named(single_fit):
    factor = np.ones(60)
    rows = [3, 17, 29, 41, 50]
    factor[rows] = 1.37
    fit = with_posterior(with_losses(single_fit, factor), nu=np.full((4, 250), 1.75))
    far, heavy = run_checks(fit)
    assert far.startswith("rows 4, 18, 30, 42, 51 of the table lie far from the law that fits the others")
    assert re.search(r"\(up to \+3[5-9]% of the loss\)", far)
    assert heavy.startswith("the noise has nu 1.75: below 2 it has no variance")
    assert set(run_checks(fit)) <= set(fit.diagnose().warnings)


@pytest.mark.parametrize("column", ["params", "tokens", "tokens_per_param"])
def test_a_trend_of_residuals_is_said_with_its_column(single_fit, column):
    runs = single_fit.runs
    x = np.log(runs.tokens / runs.params if column == "tokens_per_param" else runs.column(column))
    x -= x.mean()
    rising, falling = (run_checks(with_losses(single_fit, np.exp(slope * x))) for slope in (0.01, -0.01))
    assert any(sentence.startswith(f"residuals rise with {column} ") for sentence in rising)
    assert any(sentence.startswith(f"residuals fall with {column} ") for sentence in falling)


def test_the_largest_runs_are_set_against_the_rest(single_fit):
    top = single_fit.runs.flops >= single_fit.runs.flops.max() / 10
    moved = with_losses(single_fit, np.where(top, 0.97, 1.0))
    assert "scale" in {pattern.of for pattern in findings(moved, residuals(moved).scaled)}
    assert any(said.startswith("residuals ") for said in run_checks(moved))


def test_a_group_that_misses_is_named(single_fit):
    group = np.array(["a", "b", "c"])[np.arange(60) % 3]
    moved = with_losses(single_fit, np.where(group == "b", 1.012, 1.0))
    runs = bs.load_runs(moved.runs.table.assign(group=group), name="grouped")
    fit = dataclasses.replace(moved, runs=runs, pooling=dict.fromkeys(moved.pooling, "complete"))
    (said,) = [s for s in run_checks(fit) if s.startswith("groups lie apart")]
    assert re.search(r"medians: a [+-]0\.\d%, b \+1\.\d%, c [+-]0\.\d%\): let its parameters differ", said)
    assert "without group b (rows 2, 5, 8, " in said
