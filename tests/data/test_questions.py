"""What is said of replicates that are none, and of runs that never ended; `bad_files` has the other warnings."""

from contextlib import nullcontext

import pandas as pd
import pytest

from bayes_scaling import load_runs
from bayes_scaling.errors import DoubtfulInputWarning

SIZES = {"params": [1e8, 1e8, 2e8, 2e8, 4e8, 4e8], "tokens": [2e9, 2e9, 4e9, 4e9, 8e9, 8e9]}


def test_losses_of_one_configuration_are_alike_and_shares_need_not_be():
    table = pd.DataFrame({**SIZES, "loss": [0.3, 0.4, 0.4, 0.5, 0.5, 0.6]})
    assert load_runs(table, response="share").warnings == ()
    with pytest.warns(
        DoubtfulInputWarning, match="6 runs share their params, tokens with others, and the losses of"
    ):
        load_runs(table, silence="accuracies")


def test_the_column_that_may_tell_them_apart_is_named_and_used():
    table = pd.DataFrame({**SIZES, "loss": [3.4, 2.4, 3.1, 2.2, 2.9, 2.0], "corpus": list("abababab"[:6])})
    with pytest.warns(DoubtfulInputWarning, match=r"if 'corpus' tells them apart, .*--group corpus"):
        load_runs(table)
    assert load_runs(table, group="corpus").warnings == ()


@pytest.mark.parametrize(("apart", "asked"), [(0.03, True), (0.005, False)])
def test_corpora_a_little_apart_are_asked_about_and_seeds_are_not(apart, asked):
    loss = [3.4, 3.4 * (1 + apart), 3.1, 3.1 * (1 + apart), 2.9, 2.9 * (1 + apart)]
    table = pd.DataFrame({**SIZES, "loss": loss, "corpus": list("ababab")})
    with pytest.warns(DoubtfulInputWarning, match="--group corpus") if asked else nullcontext():
        load_runs(table)
    assert load_runs(table.drop(columns="corpus")).warnings == ()


@pytest.mark.parametrize("column", ["State", "run_state", "run.status"])
def test_a_run_that_did_not_end_is_named(column):
    states = ["finished", "finished", "crashed", "finished", "failed", "finished"]
    table = pd.DataFrame(
        {**SIZES, "loss": [3.4, 3.4, 3.1, 3.1, 2.9, 2.9], "seed": [1, 2] * 3, column: states}
    )
    with pytest.warns(
        DoubtfulInputWarning, match=rf"the {column} of row 3 is 'crashed' \(2 such rows in all\)"
    ):
        load_runs(table)
    assert load_runs(table[~table[column].isin(["crashed", "failed"])]).warnings == ()
