import dataclasses
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data.load import load_runs
from bayes_scaling.data.reference import Reference
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import DoubtfulInputWarning, InputError


def frame(**columns):
    """Four runs in good order, with some columns replaced or added (None drops one)."""
    base = {"params": [1e8, 1e8, 1e9, 1e9], "tokens": [2e9, 2e10, 2e9, 2e10], "loss": [3.4, 3.1, 3.0, 2.6]}
    return pd.DataFrame({k: v for k, v in (base | columns).items() if v is not None})


def write(tmp_path, text, name="runs.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


# ---- reading ----


def test_load_keeps_every_column(tmp_path):
    path = write(tmp_path, "lr,N,tokens,loss,corpus\n1e-3,70M,2B,3.5,007\n\n2e-3,1.3B,2.6e10,2.9,c4\n\n")
    runs = load_runs(path, params="N", group="corpus")
    assert list(runs.table.columns) == ["params", "tokens", "loss", "group", "lr", "N", "corpus"]
    assert runs.table.index.tolist() == [0, 1]
    np.testing.assert_array_equal(runs.params, [7e7, 1.3e9])
    np.testing.assert_array_equal(runs.tokens, [2e9, 2.6e10])
    assert runs.table["N"].tolist() == ["70M", "1.3B"]
    assert runs.groups == ["007", "c4"]
    assert runs.name == "runs.csv"
    assert len(runs) == runs.n == 2


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_formats_agree(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        frame().to_parquet(path)
    else:
        frame().to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    pd.testing.assert_frame_equal(load_runs(str(path)).table, frame())


def test_frames_are_copied_and_runs_pass_through():
    source = frame(group=["b", "b", "a", "a"]).set_index(pd.Index([7, 8, 9, 10]))
    before = source.copy()
    runs = load_runs(source, name="mine")
    pd.testing.assert_frame_equal(source, before)
    assert load_runs(runs) is runs
    assert load_runs(runs, name="other").name == "other"
    with_epochs = load_runs(frame(epochs=[1, 2, 3, 4], corpus="c4"), inputs=("epochs",), name="mine")
    mapped = load_runs(with_epochs, group="corpus")
    assert mapped.groups == ["c4"]
    assert (mapped.name, mapped.inputs) == ("mine", ("epochs",))


def test_optional_columns_are_found_by_name():
    runs = load_runs(
        frame(group=list("aabb"), seed=[1, 2, 1, 2], loss_se=[0, 0.01, 0.02, 0.03], trajectory=list("xyxy"))
    )
    assert list(runs.table.columns) == ["params", "tokens", "loss", "group", "seed", "loss_se", "trajectory"]
    assert load_runs(frame(seed=list("aabb")), group="seed").groups == ["a", "b"]


@pytest.mark.parametrize("missing", ["params", "tokens"])
def test_missing_params_or_tokens_come_from_flops(missing):
    flops = 6 * frame()["params"] * frame()["tokens"]
    runs = load_runs(frame(C=flops, **{missing: None}), flops="C")
    np.testing.assert_allclose(runs.table[missing], frame()[missing])
    np.testing.assert_allclose(
        load_runs(frame(flops=flops, **{missing: None})).table[missing], frame()[missing]
    )
    np.testing.assert_array_equal(runs.flops, flops)


# ---- what a table says ----


def test_arrays():
    runs = load_runs(frame(loss_se=[0.34, 0, 0, 0.26], epochs=[1, 2, 3, 4]))
    np.testing.assert_allclose(runs.flops, 6 * runs.params * runs.tokens)
    np.testing.assert_allclose(runs.log_loss, np.log(runs.loss))
    np.testing.assert_allclose(runs.measurement_sd, [0.1, 0, 0, 0.1])
    np.testing.assert_array_equal(load_runs(frame()).measurement_sd, np.zeros(4))
    np.testing.assert_array_equal(runs.column("epochs"), [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(runs.column("flops"), runs.flops)
    np.testing.assert_array_equal(
        load_runs(frame(flops=[2e18, 2e19, 2e19, 2e20])).flops, [2e18, 2e19, 2e19, 2e20]
    )


def test_column_errors():
    runs = load_runs(frame(note=list("abcd"), lr=[1, 2, 0, 4]), name="mine")
    with pytest.raises(InputError) as error:
        runs.column("epochs")
    assert (
        str(error.value)
        == "mine has no column 'epochs'; choose one of params, tokens, flops, loss, note, lr."
    )
    with pytest.raises(InputError) as error:
        runs.column("note")
    assert str(error.value) == (
        "mine, column 'note', row 1: 'a' is not a number; expected a positive number, such as 7e10 or '70B'. "
        "Correct the cell or remove the row."
    )
    with pytest.raises(InputError, match="mine, column 'lr', row 3: 0 is zero; expected a positive number"):
        runs.column("lr")


def test_groups():
    assert load_runs(frame()).groups == ["all"]
    assert load_runs(frame()).group_index.tolist() == [0, 0, 0, 0]
    runs = load_runs(frame(group=[2, 1, 2, 10]))
    assert runs.groups == ["1", "10", "2"]
    assert runs.group_index.tolist() == [2, 0, 2, 1]


def test_replicates_share_a_configuration():
    table = frame(params=[1e8] * 4, tokens=[2e9, 2e10, 2e9, 2e9], group=list("abab"), epochs=[1, 1, 2, 1])
    with pytest.warns(DoubtfulInputWarning, match="share one params value"):
        runs = load_runs(table)
    with pytest.warns(DoubtfulInputWarning, match="share one params value"):
        by_epochs = load_runs(table, inputs=["epochs"])
    assert runs.configurations.tolist() == [0, 1, 0, 2]
    assert runs.n_configurations == 3
    assert runs.has_replicates
    assert by_epochs.configurations.tolist() == [0, 1, 2, 3]
    assert not by_epochs.has_replicates
    assert by_epochs.table["epochs"].dtype == np.float64


def test_checkpoints_belong_to_their_trajectory():
    runs = load_runs(frame(trajectory=["x", "x", None, "y"]))
    assert runs.configurations.tolist() == [0, 1, 2, 3]
    assert runs.clusters.tolist() == [0, 0, 1, 2]
    assert load_runs(frame(trajectory=["x", "x", "x", "y"], group=list("abbb"))).clusters.tolist() == [
        0,
        1,
        1,
        2,
    ]
    assert load_runs(frame()).clusters.tolist() == [0, 1, 2, 3]


def test_reference_and_extent():
    runs = load_runs(frame(epochs=[1, 10, 10, 100]), inputs=("epochs",))
    assert runs.reference.values == pytest.approx(
        {"params": 10**8.5, "tokens": 2 * 10**9.5, "flops": 1.2e19, "epochs": 10.0}
    )
    assert runs.reference["epochs"] == pytest.approx(10)
    assert runs.extent == {
        "params": (1e8, 1e9), "tokens": (2e9, 2e10), "flops": (1.2e18, 1.2e20), "epochs": (1.0, 100.0)
    }  # fmt: skip
    with pytest.raises(InputError) as error:
        Reference({"params": 1.0})["epochs"]
    assert str(error.value) == "the reference point has no 'epochs'; it has params."


def test_runs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_runs(frame()).name = "other"


def test_words():
    runs = load_runs(frame(group=list("aaab")), name="mine")
    assert repr(runs) == (
        "Runs(mine: 4 runs, 4 configurations, 2 groups, params 100M-1B, tokens 2B-20B, loss 2.60-3.40)"
    )
    assert runs.describe().to_dict("index") == {
        "a": {
            "runs": "3",
            "configurations": "3",
            "params": "100M-1B",
            "tokens": "2B-20B",
            "loss": "3.000-3.400",
        },
        "b": {"runs": "1", "configurations": "1", "params": "1B", "tokens": "20B", "loss": "2.600-2.600"},
    }
    assert repr(runs.select([3])).startswith(
        "Runs(mine: 1 run, 1 configuration, 1 group, params 1B, tokens 20B"
    )


# ---- choosing ----


def test_select():
    runs = Runs(table=frame(), name="mine", warnings=("hm.",), inputs=())
    part = runs.select(runs.loss < 3.2)
    assert part.loss.tolist() == [3.1, 3.0, 2.6]
    assert part.table.index.tolist() == [0, 1, 2]
    assert (part.name, part.warnings) == ("mine", ("hm.",))
    assert runs.select(np.array([3, 0, 0])).loss.tolist() == [2.6, 3.4, 3.4]


def test_select_errors():
    runs = load_runs(frame(), name="mine")
    for nothing in ([], np.zeros(4, dtype=bool)):
        with pytest.raises(InputError) as error:
            runs.select(nothing)
        assert str(error.value) == "the selection keeps none of the 4 runs of mine."
    for mask, kind, shape in (
        (np.array([True]), "bool", "(1,)"),
        (np.array([4]), "int64", "(1,)"),
        (np.array([0.0]), "float64", "(1,)"),
        (np.ones((4, 1), dtype=bool), "bool", "(4, 1)"),
    ):
        with pytest.raises(InputError) as error:
            runs.select(mask)
        assert str(error.value) == (
            f"cannot select from mine with an array of {kind} and shape {shape}; "
            "expected 4 booleans, or row numbers from 0 to 3."
        )


def test_grouped_by():
    runs = load_runs(frame(corpus=["c4", "web", "c4", "web"], note=["x", None, "x", "y"]), name="mine")
    assert runs.grouped_by("corpus").groups == ["c4", "web"]
    assert runs.groups == ["all"]
    with pytest.raises(InputError) as error:
        runs.grouped_by("dataset")
    assert str(error.value) == (
        "cannot group mine by 'dataset': there is no such column; "
        "choose one of params, tokens, loss, corpus, note."
    )
    with pytest.raises(InputError) as error:
        runs.grouped_by("note")
    assert str(error.value) == (
        "mine, column 'note', row 2: the cell is empty; expected the label of the run's group. "
        "Fill in the label or remove the row."
    )


def test_split():
    runs = load_runs(frame(), name="mine")
    train, held_out = runs.split("1.2e19")
    assert train.loss.tolist() == [3.4, 3.1, 3.0]
    assert held_out.loss.tolist() == [2.6]
    for threshold, side in (("1e25", "hold out"), ("1e3", "train on")):
        with pytest.raises(InputError) as error:
            runs.split(threshold)
        assert str(error.value) == (
            f"holdout_above={threshold} leaves no run to {side}: "
            "flops runs from 1.2e18 to 1.2e20 in mine. Choose a value between."
        )
    with pytest.raises(InputError, match="holdout_above is 'big'; expected a positive number"):
        runs.split("big")


# ---- errors ----


def test_file_errors(tmp_path):
    for path, message in (
        ("none.csv", f"there is no file 'none.csv'; check the path (relative to {Path.cwd()})."),
        (
            "runs.docx",
            "cannot tell the format of 'runs.docx' from its suffix '.docx'; expected .csv, .tsv, .txt, .json, .jsonl, "
            ".parquet, .feather, .orc or .xlsx. Rename or convert the file.",
        ),
    ):
        with pytest.raises(InputError) as error:
            load_runs(path)
        assert str(error.value) == message
    path = write(tmp_path, "")
    with pytest.raises(InputError) as error:
        load_runs(path)
    assert str(error.value) == (
        f"'{path}' is empty; expected a header line with the columns' names, then runs."
    )
    with pytest.raises(InputError) as error:
        load_runs(write(tmp_path, "params,tokens,loss\n"))
    assert str(error.value) == "runs.csv has columns but no rows; expected one row per training run."
    with pytest.raises(InputError) as error:
        load_runs(write(tmp_path, "params,loss,loss\n1e9,2,3\n"))
    assert str(error.value) == "runs.csv has two columns named 'loss'; rename one of them."
    with pytest.raises(InputError, match=r"'.*bad\.parquet' cannot be read as Parquet: "):
        load_runs(write(tmp_path, "no parquet", "bad.parquet"))
    with pytest.raises(InputError) as error:
        load_runs([1, 2])
    assert str(error.value) == (
        "cannot read runs from list; "
        "expected the path of a .csv, .tsv, .txt, .json, .jsonl, .parquet, .feather, .orc or .xlsx file, a pandas "
        "DataFrame, or Runs."
    )


@pytest.mark.parametrize(
    ("table", "mapping", "message"),
    [
        (
            frame().rename(columns={"params": "par_count"}),
            {},
            "t has no column 'params' to read params from; its columns are 'par_count', 'tokens', 'loss'. "
            "Did you mean 'par_count'? Map it with params='par_count' (command line: --column params=par_count).",
        ),
        (
            frame().rename(columns={"tokens": "Tokns"}),
            {},
            "t has no column 'tokens' to read tokens from; its columns are 'params', 'Tokns', 'loss'. "
            "Did you mean 'Tokns'? Map it with tokens='Tokns' (command line: --column tokens=Tokns).",
        ),
        (
            frame().rename(columns={"loss": "y"}),
            {},
            "t has no column 'loss' to read loss from; its columns are 'params', 'tokens', 'y'. "
            "Map the column that holds loss with loss='...' (command line: --column loss=...).",
        ),
        (
            frame(val_loss=1.0),
            {"loss": "valloss"},
            "t has no column 'valloss' to read loss from; "
            "its columns are 'params', 'tokens', 'loss', 'val_loss'. "
            "Did you mean 'val_loss'? Map it with loss='val_loss' (command line: --column loss=val_loss).",
        ),
        (
            frame(corpus="c4"),
            {"group": "group"},
            "t has no column 'group' to read group from; "
            "its columns are 'params', 'tokens', 'loss', 'corpus'. "
            "Did you mean 'corpus'? Map it with group='corpus' (command line: --column group=corpus).",
        ),
        (
            load_runs(frame()),
            {"group": "group"},
            "t has no column 'group' to read group from; its columns are 'params', 'tokens', 'loss'. "
            "Map the column that holds group with group='...' (command line: --column group=...).",
        ),
        (
            pd.concat([frame(), frame()[["loss"]]], axis=1),
            {},
            "t has two columns named 'loss'; rename one of them.",
        ),
        (
            frame(),
            {"inputs": ("epochs",)},
            "t has no column 'epochs', named in inputs; its columns are 'params', 'tokens', 'loss'.",
        ),
        (
            frame(),
            {"inputs": "seed"},
            "inputs names 'seed', which is no input of a law; map this column with seed='...'.",
        ),
        (
            frame(N=1e9),
            {"params": "N", "tokens": "N"},
            "params and tokens both name the column 'N'; map each to a column of its own.",
        ),
        (
            frame(U=1e9),
            {"group": "U", "inputs": ("U",)},
            "inputs and group both name the column 'U'; map each to a column of its own.",
        ),
        (
            frame(group=["a", None, "b", "b"]),
            {},
            "t, column 'group', row 2: the cell is empty; expected the label of the run's group. "
            "Fill in the label or remove the row.",
        ),
    ],
)
def test_column_mapping_errors(table, mapping, message):
    with pytest.raises(InputError) as error:
        load_runs(table, name="t", **mapping)
    assert str(error.value) == message


EXPECTED = {
    "params": "a positive number of parameters, such as 7e10 or '70B'",
    "tokens": "a positive number of tokens, such as 2e12 or '2T'",
    "flops": "a positive number of FLOPs, such as 1e21",
    "loss": "a positive loss in nats per token, such as 2.31",
    "loss_se": "a standard error of the loss in nats per token, zero or more",
}


@pytest.mark.parametrize("column", list(EXPECTED))
@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("oops", "'oops' is not a number"),
        (True, "True is not a number"),
        (None, "the cell is empty or NaN"),
        (np.nan, "the cell is empty or NaN"),
        (np.inf, "inf is not finite"),
        (-1.0, "-1.0 is negative"),
        ("-2", "-2 is negative"),
        (0.0, "0.0 is zero"),
    ],
)
def test_cell_errors(column, cell, problem):
    if column == "loss_se" and cell == 0.0:
        return
    cells = pd.Series([2.0, 2.0, cell, 2.0], dtype=object)
    with pytest.raises(InputError) as error:
        load_runs(frame(**{column: cells}), name="t")
    assert str(error.value) == (
        f"t, column '{column}', row 3: {problem}; expected {EXPECTED[column]}. "
        "Correct the cell or remove the row."
    )


def test_cell_errors_name_the_line_of_the_file(tmp_path):
    with pytest.raises(InputError) as error:
        load_runs(write(tmp_path, "N,tokens,loss\n70M,2B,3.5\n\n1e9,2B,\n"), params="N")
    assert str(error.value) == (
        "runs.csv, column 'loss', row 2 (line 4 of the file): the cell is empty or NaN; "
        "expected a positive loss in nats per token, such as 2.31. Correct the cell or remove the row."
    )


# ---- warnings ----


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"params": [0.07, 1, 6.9, 12]},
            "params runs from 0.07 to 12: these look like billions; "
            "multiply by 1e9, because params is a plain count.",
        ),
        (
            {"params": [70, 1000, 6900, 12000]},
            "params runs from 70 to 12000: these look like millions; "
            "multiply by 1e6, because params is a plain count.",
        ),
        (
            {"params": [7, 13, 33, 70]},
            "params runs from 7 to 70: these look like billions or millions; "
            "multiply by 1e9 or 1e6, because params is a plain count.",
        ),
        (
            {"params": [7.3, 8.1, 9.2, 10.4]},
            "params runs from 7.3 to 10.4: these look like billions or millions; "
            "multiply by 1e9 or 1e6, or 10**params if these are logarithms, because params is a plain count.",
        ),
        (
            {"tokens": [0.3, 26, 133, 300]},
            "tokens runs from 0.3 to 300: these look like billions; "
            "multiply by 1e9, because tokens is a plain count.",
        ),
        (
            {"tokens": [2220, 26000, 133000, 300000]},
            "tokens runs from 2220 to 300000: these look like millions; "
            "multiply by 1e6, because tokens is a plain count.",
        ),
        (
            {"loss": [30, 22, 20, 13.5]},
            "the median loss is 21: this looks like perplexity; "
            "name its unit with loss_unit='perplexity' (command line: --loss-unit perplexity), or with 'other' if it "
            "is a percentage, an inverse or anything else.",
        ),
        (
            {"flops": [1.2e9, 1.2e10, 1.2e10, 1.2e11]},
            "flops is 1e-09 times 6 * params * tokens in the median run: it looks like a unit of 1e9 FLOPs.",
        ),
        (
            {"flops": [6e18, 6e19, 6e19, 6e20]},
            "flops is 5 times 6 * params * tokens in the median run: "
            "check the unit of flops, and how params and tokens were counted.",
        ),
        (
            {"tokens": [3e11] * 4},
            "all runs share one tokens value (300B): "
            "how the loss depends on tokens is known only from the prior.",
        ),
        (
            {"params": [1e9] * 4},
            "all runs share one params value (1B): how the loss depends on params is known only from the prior.",
        ),
        (
            {"params": [1e8, 1e9, 1e9, 1e9], "tokens": [2e9, 2e10, 2e9, 2e10], "loss": [3.4, 2.6, 3.0, 2.6]},
            "rows 2 and 4 are the same in params, tokens, loss (1 repeated row in all): they are kept, "
            "as replicates without noise; remove them if they are copies of one run.",
        ),
        (
            {"params": [1e8, 1e9, 1e9, 1e9], "tokens": [2e9, 2e10, 2e10, 2e10], "loss": [3.4, 2.6, 2.6, 2.6],
             "seed": [1, None, None, None], "group": ["a"] * 4},
            "rows 2 and 3 are the same in group, params, tokens, loss, seed (2 repeated rows in all): "
            "they are kept, as replicates without noise; remove them if they are copies of one run.",
        ),
    ],
)  # fmt: skip
def test_warnings(columns, sentence):
    with pytest.warns(DoubtfulInputWarning) as warned:
        runs = load_runs(frame(**columns), name="t", trust_units=True)
    assert runs.warnings == (sentence,)
    (message,) = [str(w.message) for w in warned]
    assert message.startswith(f"t: {sentence} [")
    kind = message.rpartition("[")[2].rstrip("]")
    assert load_runs(frame(**columns), trust_units=True, silence=kind).warnings == ()
    assert warned[0].filename == __file__
    assert runs.n == 4


class TestUnits:
    def test_counts_that_look_like_billions_are_refused_with_the_remedy(self):
        table = frame(params=[0.07, 1, 6.9, 12])
        message = (
            "t: params runs from 0.07 to 12: these look like billions; multiply by 1e9, because params is a plain "
            "count. Map it with params='params*1e9' (command line: --column 'params=params*1e9'), or take it as it is "
            "with trust_units=True (--trust-units)."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            load_runs(table, name="t")
        np.testing.assert_allclose(load_runs(table, params="params*1e9").params, [7e7, 1e9, 6.9e9, 1.2e10])
        both = frame(params=[0.07, 1, 6.9, 12], tokens=frame()["tokens"] / 1e9)
        with pytest.raises(
            InputError, match=re.escape("Map them with params='params*1e9', tokens='tokens*1e9'")
        ):
            load_runs(both)
        own = table.rename(columns={"params": "N_big"})
        with pytest.raises(InputError, match=re.escape("(command line: --column 'params=N_big*1e9')")):
            load_runs(own, params="N_big")
        assert load_runs(own, params="N_big*1e9").params.max() == 1.2e10
        with pytest.warns(DoubtfulInputWarning, match="look like billions"):
            load_runs(table.assign(flops=6 * table["params"] * table["tokens"]), inputs="flops")

    def test_a_factor_comes_before_what_is_derived(self):
        table = frame().rename(columns={"params": "N"}).assign(N=lambda t: t["N"] / 1e9)
        flops = 6e9 * table["N"] * table["tokens"]
        runs = load_runs(
            table.drop(columns="tokens").assign(C=flops / 1e18), params="N*1e9", flops="C * 1e18"
        )
        np.testing.assert_allclose(runs.tokens, frame()["tokens"])
        odd = table.rename(columns={"N": "N*1e9"})
        with pytest.raises(InputError, match="these look like"):
            load_runs(odd, params="N*1e9")
        with pytest.raises(InputError, match=r"^params='N\*many' multiplies by 'many'; expected a number"):
            load_runs(table, params="N*many")

    def test_losses_are_read_in_their_unit(self):
        nats = load_runs(frame().assign(loss_se=0.01))
        nats_table = frame()["loss"]
        given = {
            "bits": (nats_table / np.log(2), 0.01 / np.log(2), {}),
            "bits_per_byte": (nats_table / np.log(2) / 4.4, 0.01 / np.log(2) / 4.4, {"bytes_per_token": 4.4}),
            "perplexity": (np.exp(nats_table), 0.01 * np.exp(nats_table), {}),
        }
        for unit, (loss, error, options) in given.items():
            runs = load_runs(frame(loss=loss).assign(loss_se=error), loss_unit=unit, **options)
            np.testing.assert_allclose(runs.loss, nats.loss)
            np.testing.assert_allclose(runs.measurement_sd, nats.measurement_sd)
        with pytest.raises(InputError, match="by the bytes of a token"):
            load_runs(frame(), loss_unit="bits_per_byte")
        with pytest.raises(InputError, match="loss_unit is 'decibel'; expected one of nats, bits"):
            load_runs(frame(), loss_unit="decibel")
        with pytest.raises(InputError, match=r"row 2: a perplexity of 0\.5; expected more than 1"):
            load_runs(frame(loss=[3, 0.5, 3, 3]), loss_unit="perplexity")


def test_no_warning_without_cause():
    """Runs as small as published sweeps, replicates with seeds or other groups, FLOPs within a factor 2."""
    table = frame(params=[1e8, 1e9, 1e9, 1e9], tokens=[2e6, 2e9, 2e9, 2e9], loss=[10.0, 2.6, 2.6, 2.6])
    assert load_runs(table.assign(seed=[1, 1, 2, 3])).warnings == ()
    assert load_runs(table.assign(group=list("aabc"))).warnings == ()
    flops = 6 * frame()["params"] * frame()["tokens"]
    for factor in (0.55, 1.9):
        assert load_runs(frame(flops=factor * flops)).warnings == ()


def test_a_column_of_decimal_logarithms_is_read_as_counts():
    plain = load_runs(frame())
    logs = load_runs(frame().assign(tokens=np.log10(frame()["tokens"])), tokens="10**tokens")
    assert logs.tokens == pytest.approx(plain.tokens)
    both = frame().assign(params=np.log10(frame()["params"]), tokens=np.log10(frame()["tokens"]))
    with pytest.raises(
        InputError, match=r"decimal logarithms; .* Map them with params='10\*\*params', tokens='10"
    ):
        load_runs(both)
    natural = frame().assign(params=np.log(frame()["params"]))
    with pytest.raises(InputError, match=r"or e\*\*params if these are logarithms"):
        load_runs(natural)
    with pytest.raises(InputError, match=r"t: 10 to the power of 'tokens' is too large for tokens"):
        load_runs(frame(), tokens="10**tokens", name="t")
