"""Tables after what people reported, and fits that stand at the mode, so that nothing is sampled."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from helpers import instant_fit, with_posterior

import bayes_scaling as bs
from bayes_scaling.inference.left_out import mode


@pytest.fixture(scope="session")
def case():
    """The path of a table of the field, beside the folder of BAYES_SCALING_DATA."""
    data = os.environ.get("BAYES_SCALING_DATA")
    folder = Path(os.environ.get("BAYES_SCALING_CASES") or (Path(data).parent / "cases" if data else "cases"))

    def path(name):
        if not (folder / name).is_file():
            pytest.skip(f"needs {name}: set BAYES_SCALING_CASES to the folder that holds it")
        return folder / name

    return path


@pytest.fixture(scope="session")
def at_the_mode():
    """A fit whose draws are all its mode."""

    def fitted(runs, law="chinchilla", **options):
        fit = instant_fit(runs, law, chains=1, draws=2, **options)
        found = mode(fit, np.ones(len(fit.runs), bool))
        values = found.parameters | {"sigma": found.sigma, "nu": 6.0}
        there = {name: value for name, value in values.items() if name in fit.posterior}
        return with_posterior(fit, **{name: np.full((1, 2), value) for name, value in there.items()})

    return fitted


@pytest.fixture(scope="session")
def read():
    """A case as runs, in quiet."""

    def runs(path, **options):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
            return bs.load_runs(path, **options)

    return runs


def with_table(fit, table):
    """The same draws on another table."""
    return dataclasses.replace(fit, runs=dataclasses.replace(fit.runs, table=table))
