"""The sweep behind the embedded table: its source's entropy, its counts, its design, and its rows made again."""

import itertools
import json
from collections import Counter

import jax
import numpy as np
import pytest

import bayes_scaling as bs
from benchmarks.sweep import __main__ as command
from benchmarks.sweep import transformer
from benchmarks.sweep.corpora import CONTEXT
from benchmarks.sweep.design import CORPORA, SIZES, design
from benchmarks.sweep.language import Language, make_language
from benchmarks.sweep.training import (
    BATCH,
    TOKENS_PER_STEP,
    Run,
    architecture,
    order,
    peak_rate,
    schedule,
    train,
)


@pytest.fixture(scope="module")
def tiny():
    """Three words of two states over two letters, small enough to enumerate every text."""
    return Language(
        (b"a", b"ab", b"ba"),
        np.array([[0.9, 0.1], [0.3, 0.7]]),
        np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]),
    )


def every_text(first, length):
    return (bytes([first, *rest]) for rest in itertools.product(b"ab ", repeat=length - 1))


def probability(language, text):
    try:
        return np.exp(language.log_probability(text))
    except ValueError:
        return 0.0


@pytest.mark.parametrize("first", b"ab ")
def test_the_probabilities_of_all_texts_sum_to_one(tiny, first):
    assert sum(probability(tiny, text) for text in every_text(first, 7)) == pytest.approx(1)


def test_a_text_is_as_probable_as_its_continuations(tiny):
    for text in every_text(ord("a"), 4):
        longer = sum(probability(tiny, text + bytes([c])) for c in b"ab ")
        assert longer == pytest.approx(probability(tiny, text))


def test_samples_come_as_often_as_their_probability_says(tiny):
    sampled = tiny.sample(40_000, 5, np.random.default_rng(1))
    counts = Counter(row.tobytes() for row in sampled)
    starts = Counter(chr(c) for c in sampled[:, 0])
    for text, count in counts.most_common(12):
        n, p = starts[chr(text[0])], probability(tiny, text)
        assert abs(count / n - p) < 4.5 * np.sqrt(p * (1 - p) / n), text
    # One space a word: its share is one over the mean length of a word with its space.
    length = tiny.stationary @ tiny.emission @ [2, 3, 3]
    assert abs((sampled == ord(" ")).mean() - 1 / length) < 4.5 * np.sqrt(0.25 / sampled.size)


def test_no_reader_is_better_than_the_one_who_knows_the_source():
    source, other = make_language(seed=0, words=60), make_language(seed=0, words=60, stay=0.5)
    windows = source.sample(400, 65, np.random.default_rng(5))
    gain = other.oracle(windows) - source.oracle(windows)
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain)) > 0


@pytest.mark.parametrize("size", SIZES[:6])
def test_weights_are_counted_exactly(size):
    shape = architecture(*size)
    weights = jax.eval_shape(lambda key: transformer.initial(shape, key), jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(weights)) == shape.params
    assert shape.params - weights["embedding"].size == shape.non_embedding_params


@pytest.mark.sampling
def test_flops_are_those_that_the_compiler_counts():
    shape = architecture(64, 3)
    weights = transformer.initial(shape, jax.random.key(0))
    tokens = np.zeros((2, CONTEXT), np.int32)
    program = jax.jit(lambda w, t: transformer.logits(w, t, shape))
    counted = program.lower(weights, tokens).compile().cost_analysis()["flops"] / tokens.size
    # The embedding is looked up here and counted as a product there.
    assert counted == pytest.approx(shape.exact_forward_flops - 2 * shape.vocabulary * shape.width, rel=0.05)


@pytest.mark.sampling
def test_no_token_is_seen_before_its_time():
    shape = architecture(32, 2)
    weights = transformer.initial(shape, jax.random.key(1))
    text = np.random.default_rng(2).integers(0, 128, (1, CONTEXT))
    changed = text.copy()
    changed[0, 40:] += 1
    before, after = (np.asarray(transformer.logits(weights, t % 128, shape)) for t in (text, changed))
    np.testing.assert_array_equal(before[:, :40], after[:, :40])
    assert (before[:, 40:] != after[:, 40:]).any()


def test_the_schedule_fits_the_run():
    for steps in (36, 400, 6000):
        rates = schedule(steps, 0.01)
        assert len(rates) == steps
        assert rates.max() == pytest.approx(0.01)
        assert rates.argmax() == pytest.approx(0.1 * steps, abs=1)
        assert rates[-1] == pytest.approx(0.001)
    assert peak_rate(30_000, 400) > peak_rate(60_000, 400) > peak_rate(60_000, 800)


def test_the_order_of_the_data():
    starts = order(100_000, 150, 7)
    assert starts.shape == (150, BATCH)
    assert len(np.unique(starts)) == starts.size  # less than an epoch, so no window twice
    assert (np.diff(np.sort(starts.ravel())) >= CONTEXT).all()
    assert starts.max() + CONTEXT < 100_000
    assert (starts == order(100_000, 150, 7)).all()
    assert (starts != order(100_000, 150, 8)).any()
    assert order(1000, 100, 7).max() + CONTEXT < 1000  # more than an epoch


def test_the_design_is_what_the_datasheet_says():
    runs = design(1e12)
    assert len({run.name for run in runs}) == len(runs)
    for name in CORPORA:
        grid = [run for run in runs if (run.corpus, run.role) == (name, "grid")]
        ladder = [run for run in runs if (run.corpus, run.role) == (name, "holdout")]
        assert max(run.budget for run in grid) / min(run.budget for run in grid) == pytest.approx(10**2.5)
        assert max(run.budget for run in ladder) >= 10 * max(run.budget for run in grid)
        cells = Counter((run.shape.params, run.tokens) for run in grid)
        seeded = [cell for cell, seeds in cells.items() if seeds >= 5]
        assert len(seeded) >= 6
        assert max(n for n, _ in seeded) / min(n for n, _ in seeded) > 10
        assert max(d for _, d in seeded) / min(d for _, d in seeded) > 10
        keys = {run.key for run in runs if run.corpus == name and run.role != "bowl"}
        assert len(keys) == len(grid) + len(ladder)  # no two runs share weights or order
    # Cut short after its first runs, it holds every corpus.
    assert {run.corpus for run in runs[:30]} == set(CORPORA)
    assert sum(run.flops for run in design(1e10)) < 0.02 * sum(run.flops for run in runs)


def test_finished_runs_are_not_run_again(tmp_path, monkeypatch):
    out = tmp_path / "runs.jsonl"
    runs = design(1e12)[:2]
    for run in runs:
        command.append(out, {"row": {"run": run.name}, "trajectory": []})
    monkeypatch.setattr(command, "train", lambda run: pytest.fail(f"{run.name} was run again"))
    command.sweep(runs, out, 1, 1.0)
    with out.open("a") as file:
        file.write('{"row": {"run": "cut o')
    assert list(command.finished(out)) == [run.name for run in runs]
    command.append(out, {"row": {"run": "next"}, "trajectory": []})
    assert [json.loads(line)["row"]["run"] for line in out.read_text().splitlines()] == [
        *(run.name for run in runs), "next",
    ]  # fmt: skip


def test_the_rows_count_as_the_package_counts():
    table = bs.datasets.load("sweep").table
    for _, row in table.drop_duplicates(["params", "tokens"]).iterrows():
        shape = architecture(row["width"], row["layers"])
        assert (row["params"], row["non_embedding_params"]) == (shape.params, shape.non_embedding_params)
        assert row["tokens"] == row["steps"] * TOKENS_PER_STEP
        assert row["flops"] == bs.units.training_flops(row["params"], row["tokens"])
        assert row["exact_flops"] == pytest.approx(shape.training_flops(row["tokens"]))


@pytest.mark.slow
def test_the_smallest_slice_made_again_agrees_with_the_table():
    """All cells of the smallest budget on the synthetic corpus, which needs no package."""
    table = bs.datasets.load("sweep").table
    slice_ = table[(table["group"] == "words") & (table["budget"] == table["budget"].min())]
    assert len(slice_) == 20
    gaps = []  # in seed standard deviations of the cell
    for _, cell in slice_.groupby("params"):
        sd = np.log(cell["loss"]).std()
        for _, row in cell.iterrows():
            run = Run("grid", "words", row["budget"], row["width"], row["layers"], row["steps"], row["seed"])
            again, _ = train(run)
            # The same seed on another machine: the same run but for rounding, which training magnifies.
            gaps.append(np.log(again["loss"] / row["loss"]) / sd)
            assert abs(gaps[-1]) < 3, row["run"]
            assert again["eval_se"] == pytest.approx(row["eval_se"], rel=0.1)
    assert abs(np.mean(gaps)) < 3 * np.sqrt(2 / len(gaps))  # two tables of other seeds would differ by this
