"""What a run costs: 6ND, or a power law of the table's own FLOPs."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.data.cost import SIX, cost_of

N, D = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 4)))


def runs(flops=None):
    table = pd.DataFrame({"params": N, "tokens": D, "loss": 3.0})
    return bs.load_runs(table if flops is None else table.assign(flops=flops), silence=bs_names())


def bs_names():
    from bayes_scaling.data.questions import NAMES

    return NAMES


@pytest.mark.parametrize("flops", [None, 6 * N * D, 6.3 * N * D])
def test_six_n_d_where_the_table_says_no_other(flops):
    assert cost_of(runs(flops)) == SIX


@pytest.mark.parametrize(("c", "p"), [(15.0, 1.0), (90.0, 0.85), (2.0, 1.1)])
def test_a_power_law_of_the_tables_own_flops(c, p):
    cost = cost_of(runs(c * N**p * D))
    assert cost.own
    assert cost.flops(N, D) == pytest.approx(c * N**p * D, rel=0.01)
    assert cost.tokens(cost.flops(N, D), N) == pytest.approx(D)
    assert cost.params(cost.flops(N, D), D) == pytest.approx(N)
    n = cost.at_ratio(1e21, 20.0)
    assert cost.flops(n, 20 * n) == pytest.approx(1e21)


def test_one_size_leaves_its_exponent_at_one():
    table = pd.DataFrame({"params": 1e9, "tokens": np.geomspace(1e9, 1e11, 5), "loss": 3.0})
    cost = cost_of(bs.load_runs(table.assign(flops=12e9 * table["tokens"]), silence=bs_names()))
    assert (cost.p, cost.c) == pytest.approx((1.0, 12.0))


@pytest.mark.parametrize("c", [6.0, 15.0])
def test_one_slip_does_not_change_what_runs_cost(c):
    flops = c * N * D
    flops[5] *= 1e3
    table = pd.DataFrame({"params": N, "tokens": D, "flops": flops, "loss": 3.0})
    with pytest.warns(
        bs.errors.DoubtfulInputWarning, match=r"flops of row 6 is \S+ times .* \(1 such row in all\)"
    ):
        found = cost_of(bs.load_runs(table, silence=["one_loss"]))
    assert found.flops(N, D) == pytest.approx(c * N * D, rel=0.01)
    assert "groups differ" not in found.words(1e9, 1e10)


def test_words_give_both():
    said = cost_of(runs(15 * N * D)).words(1e9, 1e10)
    assert said == (
        "FLOPs are the table's own, fitted as C = 15 N^1 D: 1.5e20 for this answer, 2.5 times 6ND (6e19)"
    )


def test_groups_that_cost_otherwise_are_named_and_each_has_its_own():
    """As mixtures of experts beside dense models: three FLOPs a parameter and token, and nine."""
    groups = np.arange(N.size) % 2
    table = pd.DataFrame({"params": N, "tokens": D, "loss": 3.0, "group": np.where(groups, "moe", "dense")})
    both = bs.load_runs(table.assign(flops=np.where(groups, 3, 9) * N * D), silence=bs_names())
    for group, c in (("moe", 3.0), ("dense", 9.0)):
        own = cost_of(both, group)
        assert own.flops(N, D) == pytest.approx(c * N * D, rel=0.01)
        assert "groups differ" not in own.words(1e9, 1e10)
    said = cost_of(both).words(1e9, 1e10)
    assert "; groups differ: runs of " in said
    assert said.endswith(" times that, so ask with group=... (--group)")
    alike = bs.load_runs(table.assign(flops=9 * N * D), silence=bs_names())
    assert "groups differ" not in cost_of(alike).words(1e9, 1e10)
