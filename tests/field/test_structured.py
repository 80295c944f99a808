"""Residuals that go with size, checkpoints in the middle of a schedule, and what the answer would be without them."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import with_posterior

import bayes_scaling as bs
from bayes_scaling.inference.run_checks import run_checks

pytestmark = pytest.mark.seconds  # together: each takes a few tenths of one

NOISES = ("constant", "discrepancy")
"""A discrepancy takes up what a law misses, and must not hide it."""

LAW = {"E": 1.7, "A": 0.4, "B": 0.5, "alpha": 0.34, "beta": 0.28}


def grid(sizes, data, seed, sigma=0.002):
    """Runs of each size on each amount of data, around the law at their geometric means."""
    n, d = (x.ravel() for x in np.meshgrid(sizes, data, indexing="ij"))
    reference = [x / np.exp(np.log(x).mean()) for x in (n, d)]
    noise = np.exp(sigma * np.random.default_rng(seed).normal(size=n.size))
    loss = bs.LAWS["chinchilla"](*reference, **LAW) * noise
    return pd.DataFrame({"params": n, "tokens": d, "loss": loss})


@pytest.mark.parametrize(("sizes", "off", "seed"), [(5, 0.05, 1), (6, -0.04, 2)])
def test_a_size_trained_otherwise_is_named_with_the_answer_without_it(at_the_mode, sizes, off, seed):
    table = grid(np.geomspace(4e7, 9e9, sizes), np.geomspace(2e9, 2e11, 5), seed)
    largest = table["params"] == table["params"].max()
    table.loc[largest, "loss"] *= 1 + off
    (said,) = [s for s in run_checks(at_the_mode(bs.load_runs(table))) if "with params" in s]
    assert said.startswith("residuals change sign with params")
    rows = ", ".join(str(row + 1) for row in np.flatnonzero(largest))
    assert f"without params 9B (rows {rows}) " in said
    alpha = float(re.search(r"alpha is ([\d.]+) instead of", said)[1])
    assert alpha == pytest.approx(LAW["alpha"], abs=0.05)


@pytest.mark.parametrize("noise", NOISES)
def test_the_largest_size_differs(at_the_mode, read, case, noise):
    (said,) = run_checks(at_the_mode(read(case("largest-size-differs.csv")), noise=noise))
    assert said.startswith("residuals change sign with params")
    assert "without params 8.7B (rows 21, 22, 23, 24, 25)" in said
    assert float(re.search(r"alpha is ([\d.]+) instead of", said)[1]) == pytest.approx(0.34, abs=0.05)


@pytest.mark.parametrize("kept", [False, True])
def test_a_best_size_that_rests_on_the_largest_size_is_said_beside_that_of_the_others(
    at_the_mode, read, case, kept, tmp_path
):
    fit = at_the_mode(read(case("largest-size-differs.csv")))
    fit = bs.open_fit(fit.save(tmp_path / "fit.nc")) if kept else fit
    (said,) = [s for s in fit.allocate(1e23).warnings if "the best split of 1e23 FLOPs" in s]
    assert "rests on rows 21, 22, 23, 24, 25: from the others" in said
    alone, every = (float(x) for x in re.search(r"it is ([\d.]+)B .* instead of ([\d.]+)B", said).groups())
    assert alone == pytest.approx(14.6, rel=0.25)
    assert every == pytest.approx(float(fit.allocate(1e23).median("params")) / 1e9, rel=0.02)


def test_a_best_size_of_runs_of_the_law_is_said_alone(at_the_mode):
    fit = at_the_mode(bs.load_runs(grid(np.geomspace(4e7, 9e9, 5), np.geomspace(2e9, 2e11, 5), 1)))
    assert fit.allocate(1e23).warnings == []


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("seed", range(3))
def test_runs_of_the_law_are_not_complained_of(at_the_mode, seed, noise):
    table = grid(np.geomspace(4e7, 9e9, 5), np.geomspace(2e9, 2e11, 5), seed)
    assert run_checks(at_the_mode(bs.load_runs(table), noise=noise)) == []


def checkpoints(sizes, high, seed):
    """Trajectories of a schedule whose unfinished points lie above the law by ``high`` at their start."""
    share = np.array([0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0])
    tables = []
    for i, n in enumerate(sizes):
        run = grid([n], 80 * n * share, seed + i)
        run["loss"] = 1.6 + 0.9 * (n / 1e8) ** -0.3 + 0.9 * (run["tokens"] / 1e10) ** -0.3
        run["loss"] *= np.exp(0.001 * np.random.default_rng([seed, i]).normal(size=len(run)))
        run["loss"] *= 1 + high * np.cos(np.pi / 2 * share)
        tables.append(run.assign(trajectory=f"run{i}"))
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("sizes", "seed"), [(4, 1), (6, 2)])
def test_checkpoints_in_the_middle_of_a_schedule_are_named(at_the_mode, named, sizes, seed):
    table = checkpoints(np.geomspace(5e7, 1e9, sizes), 0.05, seed)
    if not named:
        table = table.drop(columns="trajectory")
    said = [s for s in run_checks(at_the_mode(bs.load_runs(table))) if "below their own trend" in s]
    assert len(said) == 1
    assert said[0].startswith(
        "trajectories end " if named else "runs of one size (one trajectory each?) end "
    )
    assert "--finished" in said[0]
    assert ("name them in a column 'trajectory' and keep the last" in said[0]) != named


@pytest.mark.parametrize("data", [None, 5e10])
def test_a_warm_up_does_not_cover_the_bend_of_a_schedule(at_the_mode, data):
    """As in routing/curves.csv: checkpoints from .03 of training on, of which the first lie high."""
    share = np.array([0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.48, 0.72, 1.0])
    tables = []
    for i, n in enumerate(np.geomspace(5e7, 1e9, 6)):
        table = pd.DataFrame({"params": n, "tokens": (data or 80 * n) * share, "trajectory": f"run{i}"})
        loss = 1.6 + 0.9 * (n / 1e8) ** -0.3 + 0.9 * (table["tokens"] / 1e10) ** -0.3
        off = 0.04 * np.clip(1 - share / 0.1, 0, None) + 0.03 * np.cos(np.pi / 2 * share)
        noise = 0.001 * np.random.default_rng([3, i]).normal(size=len(share))
        tables.append(table.assign(loss=loss * np.exp(off + noise)))
    said = run_checks(at_the_mode(bs.load_runs(pd.concat(tables, ignore_index=True))))
    (said,) = [s for s in said if "below their own trend" in s]
    assert ("these have about 50B tokens each, which leaves the exponent of tokens to its prior" in said) == (
        data is not None
    )


def test_checkpoints_far_off_at_the_start_of_training_are_said_to_lie_there(at_the_mode):
    table = checkpoints(np.geomspace(5e7, 1e9, 5), 0.0, 3)
    table.loc[table.index[::8][1:], "loss"] *= 1.15
    (said,) = [s for s in run_checks(at_the_mode(bs.load_runs(table))) if "far from the law" in s]
    assert said.startswith("rows 9, 17, 25, 33 of the table lie far")
    assert ", all in the first 25% of their training, where learning rates rise: look whether" in said


def test_too_few_trajectories_for_levels_show_none(at_the_mode):
    table = checkpoints(np.geomspace(5e7, 1e9, 9), 0.0, 3)
    table["loss"] = 1.02 ** table["params"].rank(method="dense") * table["tokens"] ** -0.1
    said = [s for s in run_checks(at_the_mode(bs.load_runs(table))) if "rank correlation" in s]
    assert said
    assert not [s for s in said if "medians" in s or "so few" in s]


@pytest.mark.external_data
@pytest.mark.parametrize(
    ("path", "group", "bent"),
    [("published_curves/gpt3", None, True), ("published_curves/opt", None, False)]
    + [("routing/curves", group, True) for group in ("Dense-1", "Hash-64", "S-Base-8", "RL-R-64")],
)
def test_published_curves_that_end_in_a_decay_are_known(at_the_mode, path, group, bent):
    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / f"{path}.csv")
    table = table[table["group"] == group].drop(columns="group") if group else table
    said = run_checks(at_the_mode(bs.load_runs(table, params="N", tokens="D")))
    said = [s for s in said if "below their own trend" in s]
    assert len(said) == bent
    assert not bent or "tokens each, which leaves the exponent of tokens to its prior" in said[0]


def test_finished_trajectories_are_not(at_the_mode):
    table = checkpoints(np.geomspace(5e7, 1e9, 6), 0.0, 3)
    assert not [s for s in run_checks(at_the_mode(bs.load_runs(table))) if "below their own trend" in s]


def test_outliers_at_one_place_of_each_size_are_no_schedule(at_the_mode):
    sizes = np.geomspace(1e7, 3e9, 6)
    n, ratio = (x.ravel() for x in np.meshgrid(sizes, [3, 10, 30, 100, 300], indexing="ij"))
    table = pd.DataFrame({"params": n, "tokens": ratio * n})
    reference = [table[c] / np.exp(np.log(table[c]).mean()) for c in ("params", "tokens")]
    scatter = np.exp(0.003 * np.random.default_rng(1).normal(size=30))
    table["loss"] = bs.LAWS["chinchilla"](*reference, **LAW) * scatter
    table.loc[3:24:5, "loss"] *= 1.37
    fit = at_the_mode(bs.load_runs(table))
    heavy = {name: np.full((1, 2), value) for name, value in (LAW | {"sigma": 0.003, "nu": 1.3}).items()}
    said = list(run_checks(with_posterior(fit, **heavy)))
    assert said[0].startswith("rows 4, 9, 14, 19, 24 of the table lie far from the law")
    assert not [s for s in said if "below their own trend" in s]


def test_the_case_of_checkpoints_says_what_the_finished_runs_give(at_the_mode, read, case):
    runs = read(case("mid-schedule.csv"))
    (said,) = [s for s in run_checks(at_the_mode(runs)) if "below their own trend" in s]
    exponent = float(re.search(r"from the 5 finished runs alone .* a is ([\d.]+) instead of", said)[1])
    assert exponent == pytest.approx(0.452, abs=0.08)
    finished = bs.load_runs(runs, finished=True)
    alone = read(case("mid-schedule-final.csv"))
    assert finished.loss.tolist() == alone.loss.tolist()


@pytest.mark.parametrize("kept", [False, True])
def test_answers_that_rest_on_checkpoints_say_so(at_the_mode, read, case, kept, tmp_path):
    runs = read(case("mid-schedule.csv"))
    finished = at_the_mode(bs.load_runs(runs, finished=True))
    fit = at_the_mode(runs)
    fit = bs.open_fit(fit.save(tmp_path / "fit.nc")) if kept else fit
    for of, times in ((fit, 1), (finished, 0)):
        for answer in (of.allocate(1e22), of.plan(1e22), of.predict(1e10, 1e12)):
            assert sum("checkpoints in the middle of a schedule" in s for s in answer.warnings) == times


def test_finished_runs_need_trajectories():
    table = grid([1e8], [1e9, 2e9], 1)
    with pytest.raises(bs.InputError, match=r"has no column 'trajectory'.*--column trajectory="):
        bs.load_runs(table, finished=True)


def test_repetition_that_hurts_is_named_by_row(at_the_mode, read, case):
    runs = read(case("repetition-that-hurts.csv"), inputs=("params", "tokens", "unique_tokens"))
    fit = at_the_mode(runs, "muennighoff")
    (said,) = [s for s in run_checks(fit) if "far from the law" in s]
    assert re.match(
        r"rows? (18, )?24 of the table lies? far from the law that fits the others \(up to \+1\d%", said
    )
    (beside,) = [s for s in fit.plan(3e19, unique_tokens=1e8).warnings if "nearest" in s]
    assert beside.startswith(
        "the run nearest to this answer, row 24 (params 600M, tokens 4B, unique_tokens 100M)"
    )


def test_runs_far_off_in_one_place_are_said_to_lie_there(at_the_mode):
    table = grid(np.geomspace(4e7, 9e9, 6), np.geomspace(2e9, 2e11, 6), 4)
    table.loc[[29, 35], "loss"] *= 1.1
    said = run_checks(at_the_mode(bs.load_runs(table)))[0]
    assert said.startswith("rows 30, 36 of the table lie far from the law")
    assert ", all at the largest tokens, 200B: look whether" in said


@pytest.mark.parametrize("seed", range(2))
def test_an_outlier_that_the_noise_resists_is_named(at_the_mode, seed):
    table = grid(np.geomspace(4e7, 9e9, 5), np.geomspace(2e9, 2e11, 5), seed)
    table.loc[7, "loss"] *= 1.1
    said = run_checks(at_the_mode(bs.load_runs(table)))
    assert said[0].startswith("row 8 of the table lies far from the law that fits the others (up to +1")
    assert "leave it out;" in said[0]


def near_guessing(seed):
    """Byte models from a loss near log 256 down."""
    table = grid(np.geomspace(3e3, 4e5, 6), np.geomspace(1e6, 3e8, 6), seed)
    t = bs.LAWS["chinchilla"](
        table["params"] / 3e4, table["tokens"] / 2e7, E=1.2, A=1.2, B=0.8, alpha=0.35, beta=0.4
    )
    noise = np.exp(0.01 * np.random.default_rng(seed).normal(size=len(table)))
    return table.assign(loss=noise * t / (1 + (t / 5.55) ** 2) ** 0.5)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_ceiling_is_offered_near_guessing(at_the_mode, seed):
    (said,) = [s for s in run_checks(at_the_mode(bs.load_runs(near_guessing(seed)))) if "ceiling" in s]
    assert "fit law='chinchilla+ceiling'" in said
    guessing = float(re.search(r"with one at ([\d.]+) ", said)[1])
    assert guessing == pytest.approx(5.55, rel=0.15)


@pytest.mark.parametrize("budgets", [3, 5])
def test_near_guessing_the_better_of_two_laws_is_offered(at_the_mode, budgets):
    """isoFLOP profiles of a law whose terms do not add, as in small_sweeps/byte_isoflop.csv."""
    c = np.repeat(np.geomspace(3e9, 3e11, 5)[:budgets], 7)
    n = np.tile(np.geomspace(3e3, 2e5, 7), budgets)
    t = bs.LAWS["skaling"](n / 3e4, c / 6 / n / 3e5, E=1.2, A=1.2, B=1.6, alpha=0.35, beta=0.5, k=0.4)
    noise = np.exp(0.01 * np.random.default_rng(2).normal(size=n.size))
    table = pd.DataFrame({"params": n, "tokens": c / 6 / n, "loss": noise * t / (1 + (t / 5.55) ** 2) ** 0.5})
    (said,) = [s for s in run_checks(at_the_mode(bs.load_runs(table))) if "ceiling" in s]
    assert said.endswith("fit law='skaling+ceiling'")
    assert float(re.search(r"with one at ([\d.]+) ", said)[1]) == pytest.approx(5.55, rel=0.1)


@pytest.mark.external_data
@pytest.mark.parametrize("factor", [1, 3, 10, 30])
def test_tiny_models_near_guessing_are_offered_a_ceiling(at_the_mode, factor):
    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "small_sweeps/byte_isoflop.csv")
    table = table[table["C"] <= table["C"].max() / factor]
    (said,) = [
        s for s in run_checks(at_the_mode(bs.load_runs(table, params="N", tokens="D"))) if "ceiling" in s
    ]
    assert float(re.search(r"with one at ([\d.]+) ", said)[1]) == pytest.approx(np.log(256), rel=0.1)
