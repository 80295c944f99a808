"""Fits that the tests of pages and of pictures share."""

import dataclasses

import pytest

import bayes_scaling as bs


@pytest.fixture(scope="module")
def compute_fit(single_fit):
    """A fit of a law of compute alone, with the draws of another."""
    names = ("E", "A", "alpha")
    law = bs.Law(
        "compute",
        lambda C, *, E, A, alpha: E + A * C**-alpha,
        {name: single_fit.law.priors[name] for name in names},
        "E + A C^-alpha",
        "a test",
    )
    pooling = {name: single_fit.pooling[name] for name in (*names, "sigma")}
    return dataclasses.replace(single_fit, law=law, pooling=pooling)
