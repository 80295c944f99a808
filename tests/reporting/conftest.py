"""Fits that the tests of pages and of pictures share."""

import dataclasses
import json
from pathlib import Path

import pytest
from helpers import HOSTILE

import bayes_scaling as bs

GOLDEN = Path(__file__).parents[1] / "inference" / "golden" / "version_2_groups.nc"


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


@pytest.fixture(scope="module")
def golden_fit():
    """A saved fit of three groups, the same draws always."""
    return bs.open_fit(GOLDEN)


@pytest.fixture(scope="module")
def hostile_fit(tmp_path_factory, golden_fit):
    """Three groups by the first hostile names, in a table that is one too; as it comes from a file."""
    fit = golden_fit
    names = dict(zip(fit.groups, sorted(HOSTILE[:3]), strict=True))
    table = fit.runs.table.assign(group=fit.runs.table["group"].map(names))
    tree = fit.tree.map_over_datasets(
        lambda part: part.assign_coords(group=[*names.values()]) if "group" in part.coords else part
    )
    tree["constant_data"] = (
        tree["constant_data"].to_dataset().assign(group=("run", table["group"].to_numpy(object)))
    )
    runs = dataclasses.replace(fit.runs, table=table, name=HOSTILE[0])
    about = fit.provenance["runs"] | {"name": HOSTILE[0]}
    tree.attrs = {"provenance": json.dumps(fit.provenance | {"runs": about})}
    named = dataclasses.replace(fit, runs=runs, tree=tree)
    return bs.open_fit(named.save(tmp_path_factory.mktemp("hostile") / "fit.nc"))
