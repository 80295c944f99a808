"""Every kind of source, as its writer writes it: the same run gives the same row."""

import csv
import json

import numpy as np
import pytest
import yaml
from training_logs import CONFIG, lines, loss, rate

import bayes_scaling as bs

LAYERS, EMBEDDINGS = 4 * 12 * 64**2, 64 * (1000 + 128)
EXPECTED = {
    "params": LAYERS + EMBEDDINGS,
    "tokens": 1000 * 2048,
    "loss": loss(1000),
    "flops": 6.0 * (LAYERS + EMBEDDINGS) * 1000 * 2048,
    "seed": 3,
    "step": 1000,
}


def only_row(found):
    assert len(found.rows) == 1, found
    return found.rows.iloc[0]


def agrees(row, **but):
    for name, value in (EXPECTED | but).items():
        if name == "loss":
            assert row[name] == pytest.approx(value, rel=1e-6), name
        else:
            assert float(row[name]) == value, name


def test_json_lines(write):
    found = bs.collect(write("a", lines()))
    row = only_row(found)
    agrees(row)
    assert (row["run"], row["reader"]) == ("a", "JSON lines")
    agrees(only_row(bs.collect(row["source"])))  # the file itself


def test_logs_of_one_folder_and_configs_by_their_names(tmp_path):
    for name, above, width in (("small", 0.2, 64), ("large", 0.0, 128)):
        log = (
            [{"config": CONFIG | {"n_embd": width, "train_tokens": 1e9, "step": 7}}, *lines(above=above)]
            if name == "large"
            else lines(above=above)
        )
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, log)))
    (tmp_path / "small.config.json").write_text(json.dumps(CONFIG))
    rows = bs.collect(tmp_path).rows.set_index("run")
    assert {name.rpartition("/")[2] for name in rows.index} == {"small", "large"}
    assert sorted(rows["params"]) == [LAYERS + EMBEDDINGS, 4 * LAYERS + 2 * EMBEDDINGS]


@pytest.mark.parametrize("name", ["a.config.yaml", "config.yml", "hparams.yaml", ".hydra/config.yaml"])
def test_a_config_may_be_yaml(tmp_path, name):
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines())))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(yaml.safe_dump({"model": CONFIG}))
    agrees(only_row(bs.collect(tmp_path)))


def test_a_config_makes_no_objects(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines())))
    (tmp_path / "config.yaml").write_text("n_embd: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(bs.InputError, match=r"config.yaml' is not plain YAML: could not determine"):
        bs.collect(tmp_path / "a.jsonl")


def trainer_state(steps, **more):
    """As `transformers.TrainerState.save_to_json` has it, with the summary that `Trainer.train` adds."""
    history = []
    for step in range(100, steps + 1, 100):
        at = {"epoch": step / 1000, "step": step}
        history.append({**at, "loss": loss(step) - 0.05, "learning_rate": rate(step), "grad_norm": 1.0})
        history.append({**at, "eval_loss": loss(step), "eval_runtime": 2.0, "eval_samples_per_second": 9.0})
    history.append(
        {"epoch": 1.0, "step": steps, "total_flos": 1e15, "train_loss": 4.4, "train_runtime": 60.0}
    )
    return {
        "best_metric": None, "epoch": 1.0, "global_step": steps, "max_steps": 1000, "num_train_epochs": 1,
        "is_world_process_zero": True, "train_batch_size": 8, "log_history": history, **more,
    }  # fmt: skip


GPT2 = {
    "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 4, "n_head": 4, "n_embd": 64,
    "n_inner": None, "n_positions": 128, "vocab_size": 1000, "activation_function": "gelu_new",
}  # fmt: skip


def test_trainer_state(tmp_path):
    for checkpoint in (500, 1000):
        folder = tmp_path / "gpt" / f"checkpoint-{checkpoint}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(GPT2))
        (folder / "trainer_state.json").write_text(json.dumps(trainer_state(checkpoint)))
    with pytest.raises(
        bs.InputError, match="gpt logs steps and no tokens, and its config has no sequence length"
    ):
        bs.collect(tmp_path)
    row = only_row(bs.collect(tmp_path, tokens_per_step=2048))  # of the last checkpoint, once
    agrees({**row, "seed": 3})  # which no file has
    assert (row["run"], row["metric"], row["reader"]) == ("gpt", "eval_loss", "Trainer state")
    arguments = {"gradient_accumulation_steps": 2, "world_size": 1, "max_seq_length": 128, "seed": 3}
    (folder.parent / "training_args.json").write_text(json.dumps(arguments | {"max_steps": -1}))
    agrees(only_row(bs.collect(tmp_path)))
    (folder / "trainer_state.json").write_text(
        json.dumps(trainer_state(1000, num_input_tokens_seen=1_900_000))
    )
    agrees(only_row(bs.collect(tmp_path)), tokens=1_900_000, flops=6.0 * (LAYERS + EMBEDDINGS) * 1_900_000)


@pytest.mark.parametrize("checkpoint", [500, 1000])
def test_a_checkpoint_that_is_named_is_read(tmp_path, checkpoint):
    for each in (500, 1000):
        folder = tmp_path / "gpt" / f"checkpoint-{each}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(GPT2))
        (folder / "trainer_state.json").write_text(json.dumps(trainer_state(each)))
    source = tmp_path / "gpt" / f"checkpoint-{checkpoint}"
    row = only_row(bs.collect(source, tokens_per_step=2048, keep=("stopped", "decaying")))
    assert (row["run"], row["step"]) == (source.name, checkpoint)


@pytest.mark.seconds
def test_a_state_and_a_config_as_the_trainer_itself_writes_them(tmp_path):
    from transformers import GPT2Config, GPTNeoXConfig
    from transformers.trainer_callback import TrainerState

    seen = {
        "num_input_tokens_seen": 1000 * 2048,
        "global_step": 1000,
        "max_steps": 1000,
        "train_batch_size": 8,
    }
    shape = {"vocab_size": 1000, "max_position_embeddings": 128, "bos_token_id": 0, "eos_token_id": 0}
    configs = {
        "gpt2": GPT2Config(**shape, n_embd=64, n_layer=4, n_head=4),
        "neox": GPTNeoXConfig(
            hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256, **shape
        ),
    }
    for above, (name, config) in zip((0.0, 0.5), configs.items(), strict=True):
        history = trainer_state(1000)["log_history"]
        history = [
            {key: value + above * (key == "eval_loss") for key, value in line.items()} for line in history
        ]
        folder = tmp_path / name / "checkpoint-1000"
        config.save_pretrained(folder)
        TrainerState(epoch=1.0, log_history=history, **seen).save_to_json(str(folder / "trainer_state.json"))
    rows = bs.collect(tmp_path).rows.set_index("run")
    assert set(rows["reader"]) == {"Trainer state"}
    agrees({**rows.loc["gpt2"], "seed": 3})  # which no file has
    untied = LAYERS + 2 * 64 * 1000  # rotary, so no embeddings of positions
    agrees(
        {**rows.loc["neox"], "seed": 3},
        params=untied,
        loss=loss(1000) + 0.5,
        flops=6.0 * untied * 1000 * 2048,
    )


def test_the_mean_loss_of_a_trainer_is_no_loss_of_its_end(tmp_path):
    state = trainer_state(1000)
    state["log_history"] = [entry for entry in state["log_history"] if "eval_loss" not in entry]
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    (tmp_path / "config.json").write_text(json.dumps(GPT2))
    with pytest.raises(
        bs.InputError, match=r"has 1 values of 'loss' in the last 5% of its steps, .* stretch=0.2"
    ):
        bs.collect(tmp_path / "trainer_state.json", tokens_per_step=2048)
    row = only_row(bs.collect(tmp_path / "trainer_state.json", tokens_per_step=2048, stretch=0.75))
    assert row["loss"] == pytest.approx(np.mean(loss(np.arange(300, 1001, 100))) - 0.05)


def test_a_training_loss_is_a_mean_with_its_error(write):
    trained = [{k: v for k, v in line.items() if k != "eval/loss"} for line in lines(every=2)]
    found = bs.collect(write("a", [line for line in trained if len(line) > 1]))
    row = only_row(found)
    last = np.array(
        [line["train/loss"] for line in trained if line.get("train/loss") and line["step"] >= 950]
    )
    assert row["loss"] == last.mean()
    assert row["loss_se"] == pytest.approx(0.02 / np.sqrt(len(last)), rel=0.5)
    assert (
        "by their training loss 'train/loss': the mean of the last 5% of steps, with its"
        in found.sentences()[0]
    )


@pytest.mark.seconds
@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_the_error_of_a_mean_knows_of_autocorrelation(phi, write):
    """Nearly nine tenths of the means lie within 1.64 standard errors, which 50 values themselves have to tell."""
    rng, n = np.random.default_rng(1), 60
    for i in range(n):
        noise = rng.normal(0, 0.01, 1100)
        for k in range(1, len(noise)):
            noise[k] += phi * noise[k - 1]
        folder = write(f"r{i}", [{"step": k, "loss": 3.0 + noise[100 + k - 1]} for k in range(900, 1001)])
    rows = bs.collect(folder).rows
    inside = ((rows["loss"] - 3.0).abs() < 1.64 * rows["loss_se"]).sum()
    assert 0.78 * n < inside < n


def as_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def of_the_table(name, **more):
    """A row of the table of runs, as W&B exports it."""
    config = {f"model.{key}" if key.startswith("n_") else key: value for key, value in CONFIG.items()}
    return {
        "Name": name, "State": "finished", "Notes": "-", "User": "me", "Tags": "", "Created": "2026-01-01T00:00:00Z",
        "Runtime": "60", "Sweep": "", **config, "_step": 1000, "eval/loss": loss(1000), "train/loss": 2.6, **more,
    }  # fmt: skip


def test_wandb_table_of_runs(tmp_path):
    rows = [
        of_the_table("a"),
        of_the_table("b", State="crashed", **{"_step": 300}),
        of_the_table("b", seed=4),
    ]
    found = bs.collect(as_csv(tmp_path / "runs.csv", rows))
    by_name = found.rows.set_index("run", drop=False)
    agrees(by_name.loc["a"])
    assert list(by_name.index) == ["a", "b (row 3)"]
    assert list(found.left_out()["sentence"]) == [
        "b (row 2) stopped early at step 300 of 1000, as its state is 'crashed'"
    ]


def test_wandb_charts_beside_their_table(tmp_path):
    table = as_csv(tmp_path / "runs.csv", [of_the_table("a"), of_the_table("b")])
    chart = as_csv(
        tmp_path / "chart.csv",
        [
            {
                "Step": step,
                "a - eval/loss": loss(step), "a - eval/loss__MIN": loss(step), "a - eval/loss__MAX": loss(step),
                "b - eval/loss": "NaN" if step > 500 else loss(step),
            }
            for step in range(100, 1001, 100)
        ],
    )  # fmt: skip
    found = bs.collect(table, chart)
    agrees(only_row(found))
    assert len(found.settled[0].history.curves["eval/loss"].steps) == 10
    assert list(found.left_out()["sentence"]) == [
        "b diverged: 'eval/loss' is NaN or infinite from step 600 on"
    ]
    with pytest.raises(
        bs.InputError, match="a has neither a number of parameters nor an architecture in its config"
    ):
        bs.collect(chart)


def test_a_chart_over_log_calls_is_refused(tmp_path):
    table = as_csv(tmp_path / "runs.csv", [of_the_table("a", _step=2000, **{"train/global_step": 1000})])
    agrees(only_row(bs.collect(table)))
    chart = as_csv(
        tmp_path / "chart.csv", [{"Step": s, "a - eval/loss": loss(s / 2)} for s in (500, 1000, 2000)]
    )
    with pytest.raises(
        bs.InputError, match=r"the chart of 'a' counts calls of wandb.log \(2000 at the end\)"
    ):
        bs.collect(table, chart)
    right = [{"train/global_step": s, "a - eval/loss": loss(s)} for s in (500, 1000)]
    agrees(only_row(bs.collect(table, as_csv(tmp_path / "chart.csv", right))))


def test_wandb_history_of_one_run(tmp_path):
    rows = [
        {"_step": i, "_runtime": i, "num_params": 1e5, "tokens": 5 * i, **line}
        for i, line in enumerate(lines())
    ]
    for row in rows:
        row["train/global_step"] = row.pop("step")
    path = as_csv(tmp_path / "history.csv", rows)
    row = only_row(bs.collect(path, params="num_params*10"))
    assert (row["step"], row["params"], row["loss"], row["tokens"]) == (
        1000,
        1e6,
        loss(1000),
        5 * (len(rows) - 1),
    )


def test_steps_of_the_optimiser_count_and_not_calls_of_log(tmp_path):
    """As nanoGPT logs, once in so many iterations."""
    assert (
        only_row(bs.collect(as_csv(tmp_path / "runs.csv", [of_the_table("a", _step=50, iter=1000)])))["step"]
        == 1000
    )


def test_a_table_that_needs_no_collecting_is_said(tmp_path):
    path = as_csv(tmp_path / "runs.csv", [{"params": 1e8, "tokens": 2e9, "loss": 3.1}])
    with pytest.raises(
        bs.InputError, match=r"it has the columns 'params', .* needs no collecting: bs.load_runs"
    ):
        bs.collect(path)


def results(step, arc=0.41, tasks=("arc_easy",)):
    """As the harness writes them since version .4.3."""
    return {
        "results": {
            task: {"alias": task, "acc,none": arc, "acc_stderr,none": 0.01, "acc_norm,none": arc - 0.02}
            for task in tasks
        },
        "n-samples": {task: {"original": 2376, "effective": 2376} for task in tasks},
        "config": {
            "model": "hf", "model_args": f"pretrained=EleutherAI/pythia-160m,revision=step{step}",
            "model_num_parameters": 162322944, "model_dtype": "torch.float16", "random_seed": 0,
        },
        "model_name": "EleutherAI/pythia-160m",
    }  # fmt: skip


def test_results_of_the_harness_are_shares(tmp_path):
    for step, share in ((1000, 0.31), (143000, 0.43)):
        folder = tmp_path / f"pythia-{step}"
        folder.mkdir()
        (folder / "results_2026-01-01T00-00-00.json").write_text(json.dumps(results(step, share)))
    asked = {"metric": "arc_easy/acc", "tokens_per_step": 2097152}
    found = bs.collect(tmp_path, **asked)
    rows = found.rows.set_index("run")
    assert list(rows["loss"]) == [0.31, 0.43]
    assert list(rows["items"]) == [2376, 2376]
    assert list(rows["params"]) == [162322944] * 2
    assert list(rows["tokens"]) == [1000 * 2097152, 143000 * 2097152]
    with pytest.warns(bs.DoubtfulInputWarning, match="one params value"):
        assert found.runs.response == "share"
    assert "share of test items 'arc_easy/acc'" in found.sentences()[0]
    with pytest.raises(
        bs.InputError, match="'arc_easy/acc', 'arc_easy/acc_norm', and each may be its share of test"
    ):
        bs.collect(tmp_path, tokens_per_step=2097152)


def test_results_without_a_step_take_their_tokens_from_the_config(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results("")))
    asked = {"metric": "arc_easy/acc"}
    with pytest.raises(bs.InputError, match=r"has no step to count its tokens by; name what has them with"):
        bs.collect(tmp_path, **asked)
    (tmp_path / "config.json").write_text(json.dumps({"trained_on": 3e11}))
    assert only_row(bs.collect(tmp_path, tokens="trained_on", **asked))["tokens"] == 3e11


def test_results_beside_a_log_are_of_its_run(write):
    folder = write("a", lines())
    (folder / "a" / "results.json").write_text(json.dumps(results("")))
    row = only_row(bs.collect(folder, metric="arc_easy/acc"))
    agrees(row, loss=0.41, params=162322944, flops=6.0 * 162322944 * 1000 * 2048)


def test_what_no_source_is(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(bs.InputError, match=r"cannot tell what .*; expected a folder of runs"):
        bs.collect(tmp_path / "notes.txt")
    with pytest.raises(bs.InputError, match="there are no runs in"):
        bs.collect(tmp_path)
    (tmp_path / "trainer_state.json").write_text("[]")
    with pytest.raises(bs.InputError, match="is no state of a Trainer"):
        bs.collect(tmp_path / "trainer_state.json")


def test_the_saved_table_says_where_each_row_is_from(write, tmp_path):
    write("b", lines(above=0.1), CONFIG | {"n_embd": 128, "batch_size": 16})
    found = bs.collect(write("a", lines()))
    found.save(tmp_path / "runs.csv")
    runs = bs.load_runs(tmp_path / "runs.csv")
    np.testing.assert_array_equal(runs.loss, found.runs.loss)
    np.testing.assert_array_equal(runs.params, found.runs.params)
    assert list(runs.table["metric"]) == ["eval/loss"] * 2
    assert runs.table["source"].str.endswith("log.jsonl").all()
    with pytest.raises(bs.InputError, match="exists and is kept"):
        found.save(tmp_path / "runs.csv")
    with pytest.raises(bs.InputError, match=r"written as \.csv"):
        found.save(tmp_path / "runs.parquet")
