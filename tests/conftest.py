"""Fits that many tests share, and which tests need more than the repository holds."""

import os

import pytest
from helpers import quiet_fit, simulated_runs

import bayes_scaling as bs


def pytest_collection_modifyitems(items):
    if os.environ.get("BAYES_SCALING_DATA"):
        return
    skip = pytest.mark.skip(
        reason="needs third-party tables: set BAYES_SCALING_DATA to the folder that holds them"
    )
    for item in items:
        if "external_data" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def truth():
    """The parameters behind `single_fit`, at its reference point."""
    return {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}


@pytest.fixture(scope="session")
def single_fit(truth):
    """Chinchilla fitted to 60 runs that it generated, without groups."""
    return quiet_fit(simulated_runs(truth), "chinchilla", seed=3, draws=250)


@pytest.fixture(scope="session")
def pile_fit():
    """The hierarchical fit to the embedded table: three groups, 23 runs."""
    return quiet_fit(bs.datasets.load("pile"), "chinchilla", seed=1, draws=250)
