"""Columns by their usual names: what is taken, what is asked about, and what is left alone."""

import pandas as pd
import pytest

from bayes_scaling import InputError, load_runs
from bayes_scaling.data.aliases import ALIASES, TAKEN
from bayes_scaling.errors import DoubtfulInputWarning

N, D, L = [1e8, 2e8, 4e8], [2e9, 4e9, 8e9], [3.4, 3.1, 2.9]


@pytest.mark.parametrize(
    ("role", "name"),
    [(role, name) for role in ("params", "tokens", "loss") for name in ALIASES[role].split()],
)
def test_every_usual_name_is_found_in_any_case(role, name):
    columns = {"params": N, "tokens": D, "loss": L}
    columns[name.upper()] = columns.pop(role)
    runs = load_runs(pd.DataFrame(columns))
    assert runs.renamed == {role: name.upper()}
    assert (runs.params.tolist(), runs.tokens.tolist(), runs.loss.tolist()) == (N, D, L)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("params_b", 1e9),
        ("N (M)", 1e6),
        ("num_params_millions", 1e6),
        ("Params [B]", 1e9),
        ("Parameter (Mio.)", 1e6),
        ("n_params_mrd", 1e9),
        ("model.n_params_b", 1e9),
    ],
)
def test_a_unit_in_a_name_is_multiplied(name, factor):
    runs = load_runs(pd.DataFrame({name: [n / factor for n in N], "tokens": D, "loss": L}))
    assert runs.params == pytest.approx(N)
    assert runs.renamed == {"params": f"{name}*{factor:g}".replace("e+0", "e").replace("+0", "")}


def test_counts_that_are_plain_already_stay_so():
    runs = load_runs(pd.DataFrame({"params_b": N, "tokens": D, "loss": L}))
    assert runs.params.tolist() == N


def test_compute_stands_for_what_is_not_there():
    runs = load_runs(pd.DataFrame({"N": N, "C": [6 * n * d for n, d in zip(N, D, strict=True)], "L": L}))
    assert runs.tokens == pytest.approx(D)
    assert runs.renamed == {"params": "N", "loss": "L", "flops": "C"}


def test_a_column_that_is_there_or_named_is_not_looked_for():
    table = pd.DataFrame({"params": N, "n": D, "tokens": D, "loss": L, "val_loss": [1.2, 1.1, 1.0], "C": N})
    assert load_runs(table).renamed == {}
    assert "flops" not in load_runs(table).table
    assert load_runs(table, loss="val_loss").loss.tolist() == [1.2, 1.1, 1.0]


def test_two_that_may_be_meant_are_asked_about():
    table = pd.DataFrame({"params": N, "tokens": D, "val_loss": L, "test_loss": L})
    with pytest.raises(
        InputError, match="'val_loss', 'test_loss' may each hold it; say which with loss='val_loss'"
    ):
        load_runs(table)
    assert load_runs(table, loss="test_loss").renamed == {}


def test_all_that_is_missing_is_named_with_what_is_near():
    with pytest.raises(InputError) as error:
        load_runs(pd.DataFrame({"parameter_cnt": N, "toks_seen": D, "y": L}))
    for said in ("'params'", "'tokens'", "'loss'", "params='parameter_cnt', tokens='toks_seen', loss='...'"):
        assert said in str(error.value)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["log10_params", "lgD", "loss"], "Map them with params='10**log10_params', tokens='10**lgD' ("),
        (["params", "tokens", "metrics.val_loss"], "Map it with loss='metrics.val_loss' ("),
        (["non_embedding_params", "tokens", "loss"], "Map it with params='non_embedding_params' ("),
        (["params", "tokens", "val_ppl"], "loss='val_ppl', loss_unit='perplexity' ("),
        (["params", "tokens", "bpb"], "--column loss=bpb --loss-unit bits_per_byte --bytes-per-token ...)"),
        (["params", "unique_tokens", "loss"], "Map the column that holds tokens with tokens='...'"),
        (["a", "b", "loss"], "Map the columns that hold them with params='...', tokens='...'"),
    ],
)
def test_what_is_near_by_its_last_words_its_logarithm_or_its_unit(columns, said):
    with pytest.raises(InputError) as error:
        load_runs(pd.DataFrame(dict(zip(columns, (N, D, L), strict=True))))
    assert said in str(error.value)


@pytest.mark.parametrize(
    "names",
    [
        ("Modellgröße", "Token", "Verlust"),
        ("Paramètres", "Jetons", "Perte"),
        ("N", "D", "Perte de validation"),
    ],
)
def test_names_in_german_and_french_are_found_whatever_their_accents(names):
    runs = load_runs(pd.DataFrame(dict(zip(names, (N, D, L), strict=True))))
    assert runs.renamed == dict(zip(("params", "tokens", "loss"), names, strict=True))


def test_a_name_with_a_unit_is_not_read_as_nats_in_silence():
    table = pd.DataFrame({"params": N, "tokens": D, "val_bpb": [0.9, 0.85, 0.8]})
    with pytest.warns(
        DoubtfulInputWarning, match="'val_bpb' is read as nats .* like bits per byte: name its"
    ):
        load_runs(table, loss="val_bpb")
    assert load_runs(table, loss="val_bpb", loss_unit="other").warnings == ()


def test_a_name_stands_for_one_role():
    names = [name for role in TAKEN for name in ALIASES[role].split()]
    assert len(names) == len(set(names))


def test_the_end_of_a_path_is_a_name_but_for_losses():
    table = {
        "config.model.n_params": N,
        "summary/tokens_seen": D,
        "train/loss": [1.0, 1.0, 1.0],
        "eval/loss": L,
    }
    runs = load_runs(pd.DataFrame(table))
    assert runs.renamed == dict(zip(("params", "tokens", "loss"), [*[*table][:2], "eval/loss"], strict=True))
    with pytest.raises(InputError, match="no column 'tokens'"):
        load_runs(pd.DataFrame({"params": N, "config.data": D, "loss": L}))


def test_a_command_in_a_message_is_quoted_as_a_shell_wants_it():
    with pytest.raises(InputError) as error:
        load_runs(pd.DataFrame({"params": N, "tok count (all)": D, "loss": L}))
    assert "--column 'tokens=tok count (all)'" in str(error.value)


def test_an_export_of_a_tracker_is_sent_to_its_reader():
    table = pd.DataFrame({"Name": list("abc"), "State": "finished", "eval/loss": L})
    whole = table.assign(n_params=N, tokens=D)
    whole.loc[1, "eval/loss"] = None  # of a run that never got there
    for unread in (table, whole):
        with pytest.raises(InputError, match=r"`bayes-scaling collect wandb\.csv -o runs\.csv`"):
            load_runs(unread, name="wandb.csv")
