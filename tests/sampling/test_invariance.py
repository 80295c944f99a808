"""The density does not change with the order of rows, the names and order of groups, or the unit of an input.

Priors are of the parameters at the reference point, which moves with the unit; so what is the same here has the same
posterior, and chains differ by Monte-Carlo error alone.
"""

import numpy as np
import pytest
from helpers import small_table

import bayes_scaling as bs
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.model.data import model_data
from bayes_scaling.sampling.elsewhere import Elsewhere

pytestmark = pytest.mark.seconds

CASES = [
    ("chinchilla", "constant"), ("chinchilla", "discrepancy"), ("skaling", "constant"), ("kaplan", "tokens"),
    ("rosenfeld", "undertuned"), ("power_floor:flops", "curve"),
]  # fmt: skip


@pytest.fixture(scope="module")
def table():
    """Three groups, each configuration twice."""
    return small_table("abc", replicates=2).table.drop(columns="seed")


def density(table, law, noise, names="abc"):
    """The log likelihood at some parameters of each group, the first of ``names`` having those of a; and the priors."""
    runs = bs.load_runs(
        table, name="mine", inputs=bs.LAWS[law].columns if law in bs.LAWS else ("params", "tokens")
    )
    spec = make_spec(runs, law, noise=noise)
    s, rng = spec.structure, np.random.default_rng(1)
    normal = dict(zip(names, rng.normal(size=(len(names), len(s.priors))), strict=True))
    location, spread = (
        np.array([getattr(p, what) for p in s.priors.values()]) for what in ("location", "spread")
    )
    theta = np.array([location + 0.5 * spread * normal[name] for name in runs.groups])[None, None]
    shared = np.full((1, 1, len(s.global_priors)), 0.1)
    mixing = np.ones((1, 1, s.n_clusters if s.noise.mixed else 0))
    found = Elsewhere(s, model_data(runs, spec.law, spec.noise), theta, shared, mixing).scores()
    return float(found.sum()), dict(s.priors) | s.global_priors


@pytest.mark.parametrize(("law", "noise"), CASES)
def test_same_density(table, law, noise):
    at, priors = density(table, law, noise)
    shuffled = table.sample(frac=1.0, random_state=3).reset_index(drop=True)
    renamed = table.assign(group=table["group"].map({"a": "z", "b": "y", "c": "x"}))
    in_thousands = table.assign(params=table["params"] / 1e3, tokens=table["tokens"] * 7)
    for other, names in ((shuffled, "abc"), (renamed, "zyx"), (in_thousands, "abc")):
        there, same = density(other, law, noise, names)
        assert there == pytest.approx(at, rel=1e-9)
        assert same == priors


def test_a_loss_that_differs_changes_it(table):
    other = table.assign(loss=table["loss"] * np.where(table.index == 3, 1.001, 1.0))
    here, there = (density(each, "chinchilla", "constant")[0] for each in (table, other))
    assert there != pytest.approx(here, rel=1e-6)
