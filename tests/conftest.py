"""Fits that many tests share, and marks: which tests sample, and which need more than the repository holds."""

import os
import sys
from unittest import mock

import pytest

import bayes_scaling as bs

# `helpers` load NumPy and pandas, which the process that hands tests to workers does without.

SAMPLERS = {"quiet_fit", "fit_many", "backtest"}
"""What samples, as tests and fixtures call it; `getfixturevalue` asks for one of the fits below."""


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(
        reason="needs third-party tables: set BAYES_SCALING_DATA to the folder that holds them"
    )
    for item in items:
        if item.get_closest_marker("external_data") and not os.environ.get("BAYES_SCALING_DATA"):
            item.add_marker(skip)
        samples = any(names_in(code) & {*SAMPLERS, "getfixturevalue"} for code in codes_of(item))
        if samples or item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.sampling)
        elif not any(map(item.get_closest_marker, ("sampling", "seconds"))):
            item.add_marker(pytest.mark.quick)


def codes_of(item):
    """The code of a test and of the fixtures that it uses."""
    fixtures = [found[-1] for found in item._fixtureinfo.name2fixturedefs.values()]  # not those overridden
    functions = [item.function, *(f.func for f in fixtures)]
    return [function.__code__ for function in functions if hasattr(function, "__code__")]


def names_in(code):
    """Global names and attributes that a function uses, those of functions inside it too."""
    inner = (names_in(c) for c in code.co_consts if hasattr(c, "co_names"))
    return set(code.co_names).union(*inner)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Nothing is drawn from a posterior in a test without the mark, so that the others stay quick."""
    module = "bayes_scaling.sampling.sample"
    # Loaded where it may be used anyway: quick tests by themselves are to say so too.
    asked = item.config.option.markexpr
    if item.get_closest_marker("sampling") or not (asked or module in sys.modules):
        return (yield)
    with mock.patch(f"{module}.sample_many", _refuse):
        return (yield)


def _refuse(*_, **__):
    pytest.fail("this test samples: give it @pytest.mark.sampling, or use instant_fit")


@pytest.fixture(autouse=True)
def no_figure_left_open():
    """Pyplot keeps figures until they are closed, and warns of more than twenty: those of the whole process count."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(scope="session")
def truth():
    """The parameters behind `single_fit`, at its reference point."""
    return {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}


@pytest.fixture(scope="session")
def single_fit(truth):
    """Chinchilla fitted to 60 runs that it generated, without groups."""
    from helpers import quiet_fit, simulated_runs

    return quiet_fit(simulated_runs(truth), "chinchilla", seed=3, draws=250)


@pytest.fixture(scope="session")
def pile_fit():
    """The hierarchical fit to the embedded table: three groups, 23 runs."""
    from helpers import quiet_fit

    return quiet_fit(bs.datasets.load("pile"), "chinchilla", seed=1, draws=250)
