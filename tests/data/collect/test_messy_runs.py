"""Runs as they lie about: each has the right row, or a sentence that says why it has none."""

import json

import numpy as np
import pytest
from training_logs import CONFIG, lines, loss, rate

import bayes_scaling as bs

LAYERS, EMBEDDINGS = 4 * 12 * 64**2, 64 * (1000 + 128)
TOKENS = 8 * 2 * 128


def row(found, name):
    rows = found.rows.set_index("run")
    return rows.loc[name]


def reason(found, name):
    left_out = found.left_out().set_index("run")
    return left_out.loc[name, "reason"], left_out.loc[name, "sentence"]


@pytest.fixture
def beside(write):
    """Collects a run that is well, and another one beside it."""

    def collected(found, config=CONFIG, **asked):
        write("well", lines(above=0.1), {**CONFIG, "n_embd": 128, "batch_size": 16})
        return bs.collect(write("other", found, config), **asked)

    return collected


def test_a_run_that_is_well(beside):
    found = beside(lines())
    cells = row(found, "other")
    assert cells["loss"] == loss(1000)
    assert (cells["params"], cells["params_without_embeddings"]) == (LAYERS + EMBEDDINGS, LAYERS)
    assert (cells["tokens"], cells["flops"]) == (1000 * TOKENS, 6 * cells["params"] * 1000 * TOKENS)
    assert (cells["metric"], cells["step"], cells["seed"]) == ("eval/loss", 1000, 3)
    assert cells["tokens_from"] == "1000 steps x 8 sequences x 2 accumulated x 128 tokens"
    assert found.sentences() == [
        "2 of 2 runs are taken, by their evaluation loss 'eval/loss': the last value"
    ]
    assert found.warnings == ()
    assert found.runs.n == 2
    np.testing.assert_array_equal(found.runs.params, [LAYERS + EMBEDDINGS, 4 * LAYERS + 2 * EMBEDDINGS])


def test_diverged(beside):
    spoilt = lines()
    for line in spoilt:
        if line["step"] > 600 and "eval/loss" in line:
            line["eval/loss"] = 7.5
    found = beside(spoilt)
    kind, sentence = reason(found, "other")
    assert kind == "diverged"
    assert sentence == f"other diverged: 'eval/loss' ends at 7.5, after a lowest value of {loss(600):.4g}"
    kept = beside(spoilt, keep="diverged")
    assert row(kept, "other")["loss"] == 7.5  # the last, not the lowest
    assert kept.warnings == (f"other: kept on request, though it {sentence.removeprefix('other ')}",)


def test_a_loss_that_rises_a_little_is_read_at_the_end(beside):
    spoilt = lines()
    spoilt[-1]["eval/loss"] = loss(1000) + 0.1
    assert row(beside(spoilt), "other")["loss"] == loss(1000) + 0.1


def test_resumed_with_overlapping_steps(beside):
    lost = [{**line, **({"eval/loss": 9.0} if "eval/loss" in line else {})} for line in lines(end=700)]
    again = [line for line in lines() if line["step"] > 450]
    found = beside([*lost[:-20], *lost[-20:], *again])
    history = found.settled[0].history
    curve = history.curves["eval/loss"]
    np.testing.assert_array_equal(curve.steps, np.arange(100, 1001, 100))
    np.testing.assert_array_equal(curve.values, [9, 9, 9, 9, *loss(np.arange(500, 1001, 100))])
    np.testing.assert_array_equal(history.curves["train/loss"].steps, np.arange(10, 1001, 10))
    assert row(found, "other")["tokens"] == 1000 * TOKENS  # not those of both parts


def test_what_a_lost_part_evaluated_is_gone(beside):
    """The second part ends before the step at which the first was last evaluated."""
    again = [line for line in lines() if 450 < line["step"] <= 650]
    found = beside([*lines(end=700), *again], {**CONFIG, "max_steps": 650}, keep=["decaying"])
    assert row(found, "other")["step"] == 600


def test_missing_config(beside):
    kind, sentence = reason(beside(lines(), None), "other")
    assert kind == "no counts"
    assert sentence.startswith(
        "other has no config, so that its parameters are unknown; put a config.json beside it"
    )


def test_missing_batch(beside):
    short = {key: value for key, value in CONFIG.items() if key != "batch_size"}
    _, sentence = reason(beside(lines(), short), "other")
    assert sentence.startswith(
        "other logs steps and no tokens, and its config has no batch size; give tokens_per_step"
    )
    assert row(beside(lines(), short, tokens_per_step="2048"), "other")["tokens"] == 1000 * TOKENS
    assert row(beside(lines(), short, tokens_per_step="block_size*16"), "other")["tokens"] == 1000 * TOKENS


def test_renamed_metric(beside):
    renamed = json.loads(json.dumps(lines()).replace("eval/loss", "validation_loss"))
    found = beside(renamed)
    assert row(found, "other")["loss"] == loss(1000)
    assert found.warnings == (
        "the metric goes by several names, which are taken as one: 'validation_loss' (1 runs), 'eval/loss' (1 runs)",
    )
    _, sentence = reason(beside(renamed, metric="eval/loss"), "other")
    assert (
        sentence
        == "other has no metric 'eval/loss'; it has 'validation_loss', under which name it may have gone on"
    )


def test_training_loss_beside_evaluations_of_others(beside):
    trained = [line for line in lines() if "eval/loss" not in line]
    _, sentence = reason(beside(trained), "other")
    assert sentence == (
        "other has 'train/loss' and no evaluation loss, as others have; name one metric that all have with metric='...'"
    )


def test_two_metrics_alike(beside):
    two = [
        {**line, **({"val_loss": line["eval/loss"] + 0.1} if "eval/loss" in line else {})} for line in lines()
    ]
    kind, sentence = reason(beside(two), "other")
    assert kind == "no metric"
    assert sentence == (
        "other has 'eval/loss', 'val_loss', and each may be its evaluation loss; say which with metric='eval/loss'"
    )
    same = [{**line, **({"val_loss": line["eval/loss"]} if "eval/loss" in line else {})} for line in lines()]
    assert row(beside(same), "other")["metric"] == "eval/loss"


def test_losses_of_parts_are_no_loss_of_the_whole(beside):
    parts = [
        {**line, **({"eval/c4/loss": 9.0, "eval/code/loss": 1.0} if "eval/loss" in line else {})}
        for line in lines()
    ]
    assert row(beside(parts), "other")["loss"] == loss(1000)


@pytest.mark.parametrize(
    ("batch", "tokens"),
    [
        ({"batch_size": 8, "gradient_accumulation_steps": 4}, 8 * 4 * 128),
        ({"global_batch_size": 64, "gradient_accumulation_steps": 4}, 64 * 128),
        (
            {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4, "world_size": 2},
            4 * 4 * 2 * 128,
        ),
        ({"tokens_per_step": 5000, "gradient_accumulation_steps": 4}, 5000),
    ],
)
def test_gradient_accumulation(beside, batch, tokens):
    config = {
        k: v for k, v in CONFIG.items() if k not in ("batch_size", "gradient_accumulation_steps")
    } | batch
    assert row(beside(lines(), config), "other")["tokens"] == 1000 * tokens


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (
            {"per_device_train_batch_size": 4},
            "4 in its config, and no number of devices",
        ),
        (
            {"batch_size": 4, "num_gpus": 8},
            "has batch_size 4 and 8 devices in its config, which does not say whether",
        ),
    ],
)
def test_a_batch_of_unknown_size_is_not_guessed(beside, batch, said):
    config = {
        k: v for k, v in CONFIG.items() if k not in ("batch_size", "gradient_accumulation_steps")
    } | batch
    assert said in reason(beside(lines(), config), "other")[1]


def test_mid_decay(beside):
    no_plan = {key: value for key, value in CONFIG.items() if key != "max_steps"}
    kind, sentence = reason(beside(lines(end=600), no_plan), "other")
    share = rate(600) / rate(10)
    assert kind == "decaying"
    assert (
        sentence
        == f"other ends in the middle of a decay: its learning rate is {share:.0%} of its peak, and falls"
    )


def test_last_evaluated_in_the_middle_of_the_decay(beside):
    kind, sentence = reason(beside(lines(evaluated=400)), "other")
    assert (kind, sentence) == (
        "decaying",
        "other was last evaluated at step 800 of 1000, in the middle of the decay of its learning rate",
    )
    constant = [{**line, **({"lr": 1e-3} if "lr" in line else {})} for line in lines(evaluated=400)]
    cells = row(beside(constant), "other")
    assert (cells["loss"], cells["tokens"]) == (loss(800), 800 * TOKENS)


@pytest.mark.parametrize("metric", ["eval/loss", "train/loss"])
def test_nan_tail(beside, metric):
    spoilt = [
        {**line, **({metric: float("nan")} if line["step"] > 700 and metric in line else {})}
        for line in lines()
    ]
    first = 800 if metric == "eval/loss" else 710
    kind, sentence = reason(beside(spoilt), "other")
    assert (kind, sentence) == (
        "diverged",
        f"other diverged: {metric!r} is NaN or infinite from step {first} on",
    )
    kept = row(beside(spoilt, keep="diverged"), "other")
    assert kept["loss"] == loss(700 if metric == "eval/loss" else 1000)


def test_nan_in_between_is_passed_over(beside):
    spoilt = [{**line, **({"train/loss": float("nan")} if line["step"] == 500 else {})} for line in lines()]
    assert row(beside(spoilt), "other")["loss"] == loss(1000)


def test_unfinished(beside):
    kind, sentence = reason(beside(lines(end=700)), "other")
    assert (kind, sentence) == ("stopped", "other stopped early, or still runs: at step 700 of 1000")
    kind, sentence = reason(beside([{"state": "running"}, *lines(end=700)]), "other")
    assert (kind, sentence) == ("running", "other still runs at step 700 of 1000, as its state is 'running'")
    assert row(beside(lines(end=700), keep=["stopped"]), "other")["tokens"] == 700 * TOKENS


def test_the_last_line_may_break_off(write):
    write("well", lines(above=0.1))
    folder = write("other", lines())
    with (folder / "other" / "log.jsonl").open("a") as log:
        log.write('{"step": 1010, "train/l')
    assert row(bs.collect(folder), "other")["loss"] == loss(1000)


def test_a_broken_line_is_named(write):
    write("well", lines(above=0.1))
    folder = write("other", lines())
    log = folder / "other" / "log.jsonl"
    log.write_text("{]\n" + log.read_text())
    kind, sentence = reason(bs.collect(folder), "other")
    assert kind == "unreadable"
    assert "line 1 is not JSON" in sentence


def test_duplicate_upload(write):
    """Whole, in part, and without its config: the one that is whole counts."""
    no_plan = {key: value for key, value in CONFIG.items() if key != "max_steps"}
    constant = [{**line, **({"lr": 1e-3} if "lr" in line else {})} for line in lines()]
    write("a", constant, None)
    write("b", constant, no_plan)
    write("c", constant, no_plan | {"seed": 5})
    folder = write("d", [line for line in constant if line["step"] <= 400], no_plan)
    found = bs.collect(folder)
    assert list(found.rows["run"]) == ["b"]
    assert reason(found, "c") == ("duplicate", "c is a duplicate: its 'eval/loss' is that of 'b'")
    assert reason(found, "d") == ("duplicate", "d is a duplicate: its 'eval/loss' is that of 'b'")
    kept = bs.collect(folder, keep=["duplicate"])
    assert list(kept.rows["run"]) == ["b", "c", "d"]
    assert len(kept.warnings) == 2


LLAMA = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "vocab_size": 1000,
    "intermediate_size": 128, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 512,
    "tokens_per_step": 2048, "max_steps": 1000,
}  # fmt: skip


@pytest.mark.parametrize(("tied", "tables"), [(True, 1), (False, 2), (None, 1)])
def test_embeddings_tied(beside, tied, tables):
    config = LLAMA | ({} if tied is None else {"tie_word_embeddings": tied})
    layer = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128
    cells = row(beside(lines(), config), "other")
    assert cells["params"] == 4 * layer + tables * 64 * 1000
    assert cells["params_without_embeddings"] == 4 * layer
    assert f"{'untied' if tied is False else 'tied'} embeddings" in cells["params_from"]
    alone = row(beside(lines(), config, without_embeddings=True), "other")
    assert (alone["params"], alone["flops"]) == (4 * layer, 6 * 4 * layer * 1000 * 2048)


def test_that_a_config_does_not_say_whether_embeddings_are_tied_is_said(beside):
    plain = {"d_model": 64, "n_layers": 4, "n_heads": 4, "vocab_size": 1000, "tokens_per_step": 2048}
    found = beside(lines(), plain | {"max_steps": 1000})
    assert found.warnings == (
        "other: its config does not say whether embeddings are tied, and they are taken as tied",
    )


def test_a_count_that_is_not_that_of_the_architecture_is_said(beside):
    found = beside(lines(), CONFIG | {"num_params": 5e5})
    assert row(found, "other")["params"] == 5e5
    assert "its config says 500k parameters (num_params), and its architecture has 269k" in found.warnings[0]


def test_tokens_instead_of_steps(beside):
    """Steps of the log are tokens, or tokens are logged beside the steps."""
    by_tokens = [
        {"tokens": line["step"] * 1000, **{k: v for k, v in line.items() if k != "step"}} for line in lines()
    ]
    config = {key: value for key, value in CONFIG.items() if key not in ("batch_size", "max_steps")}
    assert row(beside(by_tokens, config), "other")["tokens"] == 1_000_000
    planned = [CONFIG | {"total_tokens": 5e9}, *lines()]  # in a line of settings
    assert row(beside(planned, {"name": "x"}), "other")["tokens"] == 1000 * TOKENS
    logged = [{**line, "train/tokens_seen": 3000 * line["step"]} for line in lines()]
    cells = row(beside(logged), "other")
    assert (cells["tokens"], cells["tokens_from"]) == (3_000_000, "train/tokens_seen as logged")


def test_group_seed_and_inputs_come_from_the_config(beside, write):
    config = CONFIG | {"data": {"mix": "code"}, "optimizer": {"lr": 3e-4}, "rng": "17"}
    asked = {"group": "data/mix", "seed": "rng", "inputs": ["optimizer/lr"]}
    found = beside(lines(), config, **asked)
    cells = row(found, "other")
    assert (cells["group"], cells["seed"], cells["lr"]) == ("code", "17", 3e-4)
    assert reason(found, "well")[1].startswith("well has no key 'data/mix' in its config; it has 'n_layer'")
    write("well", lines(above=0.1), {**config, "optimizer": {"lr": "6e-4"}, "n_embd": 128, "batch_size": 16})
    runs = bs.collect(write("other", lines(), config), **asked).runs
    assert runs.inputs == ("lr",)
    np.testing.assert_array_equal(runs.column("lr"), [3e-4, 6e-4])


def test_without_any_run_all_reasons_are_said(write):
    write("a", lines(), None)
    with pytest.raises(
        bs.InputError, match=r"none of 2 runs can be taken: a has no config.*; b stopped early"
    ):
        bs.collect(write("b", lines(end=400)))


def test_wrong_requests(write):
    folder = write("a", lines())
    with pytest.raises(bs.InputError, match="keep has 'broken'; expected some of diverged, running, stopped"):
        bs.collect(folder, keep="broken")
    with pytest.raises(bs.InputError, match=r"stretch is 5; expected a share"):
        bs.collect(folder, stretch=5)
    with pytest.raises(bs.InputError, match="there is no 'nowhere' to collect from"):
        bs.collect("nowhere")
    with pytest.raises(bs.InputError, match="name a folder"):
        bs.collect()
    with pytest.raises(bs.InputError, match=r"a source is \['a', 'b'\]; expected a path or an address"):
        bs.collect(["a", "b"])
