"""Fits no band of which can be believed."""

import dataclasses

import numpy as np
import pytest

from bayes_scaling.inference.diagnostics import verdict
from bayes_scaling.inference.misfit import unbelievable


def with_losses(fit, losses):
    """The fit with other losses in its runs; its draws stay those of the law."""
    table = fit.runs.table.assign(loss=losses)
    return dataclasses.replace(fit, runs=dataclasses.replace(fit.runs, table=table))


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.1])
def test_noise_around_the_law_is_believed_however_large(single_fit, sigma):
    rng = np.random.default_rng(1)
    assert (
        unbelievable(with_losses(single_fit, single_fit.runs.loss * np.exp(sigma * rng.normal(size=60))))
        == []
    )


def test_outliers_are_no_other_law(single_fit):
    factor = np.ones(60)
    factor[[3, 17, 29, 41, 50]] = 1.37
    assert unbelievable(with_losses(single_fit, single_fit.runs.loss * factor)) == []


@pytest.mark.parametrize(
    "change", [lambda loss: loss / 100, lambda loss: loss**3 / 20, lambda loss: 8 / loss]
)
def test_another_unit_and_losses_that_rise_are_refused_with_both_figures(single_fit, change):
    fit = with_losses(single_fit, change(single_fit.runs.loss))
    (said, *_) = unbelievable(fit)
    assert said.startswith("law 'chinchilla' misses its runs by ")
    assert "no band of it can be believed" in said
    found = verdict(fit)
    assert said in found.problems
    assert said in found.sentences()
    assert not found.ok
    assert found.converged == verdict(single_fit).converged
