import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data import datasets
from bayes_scaling.errors import InputError


def test_pile_is_what_the_paper_prints():
    runs = datasets.load("pile")
    assert repr(runs) == (
        "Runs(pile: 23 runs, 23 configurations, 3 groups, params 70M-13B, tokens 2.22B-300B, loss 1.57-2.61)"
    )
    assert runs.warnings == ()
    assert runs.groups == ["cerebras", "pythia", "pythia_dedup"]
    assert np.bincount(runs.group_index).tolist() == [7, 8, 8]
    by_model = runs.table.set_index("model")
    assert by_model.loc["Cerebras-GPT-111M", ["params", "tokens", "loss"]].tolist() == [1.11e8, 2.22e9, 2.608]
    assert by_model.loc["Cerebras-GPT-13B", ["params", "tokens", "loss"]].tolist() == [1.3e10, 2.57e11, 1.572]
    assert by_model.loc["Pythia-1.4B-deduped", ["params", "tokens", "loss"]].tolist() == [1.4e9, 3e11, 1.889]


@pytest.mark.external_data
def test_pile_is_typed_without_slips():
    source = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "cerebras_pythia" / "pile_test_loss.csv")
    table = datasets.load("pile").table
    for ours, theirs in (
        ("group", "family"),
        ("params", "N_nominal"),
        ("tokens", "D"),
        ("loss", "loss_paper"),
    ):
        assert table[ours].tolist() == source[theirs].tolist()


def test_the_sweep_is_a_design_with_replicates_and_a_ladder():
    runs = datasets.load("sweep")
    assert runs.warnings == ()
    assert runs.groups == ["prose", "python", "words"]
    table = runs.table
    grid, ladder = table[table["role"] == "grid"], table[table["role"] == "holdout"]
    assert len(grid) + len(ladder) == len(runs) >= 300
    assert ladder["flops"].max() > 10 * grid["flops"].max()
    seeds = grid.groupby(["group", "params", "tokens"])["seed"].nunique()
    assert ((seeds >= 5).groupby("group").sum() >= 6).all()
    # Nobody is better than who knows the source, but for the luck of the windows, which both sides share.
    words = table[table["group"] == "words"]
    assert words["oracle_loss"].nunique() == 1
    assert (words["loss"] > words["oracle_loss"]).all()
    assert table["oracle_loss"].isna().equals(table["group"] != "words")
    np.testing.assert_allclose(table["bits_per_byte"], table["loss"] / np.log(2), rtol=1e-5)


def test_the_trajectories_belong_to_the_sweep():
    runs, checkpoints = datasets.load("sweep").table, datasets.load("sweep_trajectories")
    table = checkpoints.table
    assert set(table["trajectory"]) == set(runs["run"])
    last = table[table["share"] == 1].set_index("trajectory").loc[runs["run"]]
    assert last["tokens"].tolist() == runs["tokens"].tolist()
    # On an eighth of the windows.
    np.testing.assert_allclose(last["loss"], runs["loss"], rtol=0.03)
    assert (table.groupby("trajectory")["share"].nunique() >= 6).all()


def test_every_embedded_table_is_described():
    assert datasets.names() == list(datasets.DATASETS)
    for name in datasets.names():
        entry = datasets.DATASETS[name]
        assert entry.name == name
        assert all((entry.title, entry.citation, entry.terms, entry.source, entry.flaws))
        assert set(entry.columns) == set(datasets.load(name).table.columns)


def test_unknown_name():
    with pytest.raises(InputError) as error:
        datasets.load("c4")
    assert (
        str(error.value) == "there is no embedded table 'c4'; choose one of sweep, sweep_trajectories, pile."
    )


@pytest.mark.external_data
@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("chinchilla_epoch", "240 runs, 240 configurations, 1 group, params 57.3M-16.2B, tokens 819M-318B"),
        ("gadre", "104 runs, 104 configurations, 3 groups, params 10.6M-6.89B, tokens 52.8M-921B"),
        ("gzip_pcfg", "150 runs, 150 configurations, 5 groups, params 4.18M-1.39B, tokens 99.7k-9.5M"),
        ("datablations", "308 runs, 230 configurations, 1 group, params 7.1M-8.67B, tokens 100M-900B"),
        ("xlstm", "427 runs, 419 configurations, 5 groups, params 83.6M-3.25B, tokens 1.47B-53.7B"),
        ("okar_sweep", "59 runs, 41 configurations, 2 groups, params 1.44M-29.4M, tokens 25M-800M"),
        ("misfitting", "81 runs, 81 configurations, 1 group, params 57.2M-1.18B, tokens 105M-21B"),
        ("steplaw", "17 runs, 17 configurations, 1 group, params 215M-1.07B, tokens 4B-100B"),
    ],
)
def test_external_tables_load_without_doubts(name, summary):
    runs = datasets.external(name)
    assert f"{name}: {summary}" in repr(runs)
    assert runs.warnings == ()


@pytest.mark.external_data
def test_external_filters():
    assert "flops" not in datasets.external("chinchilla_epoch").table
    assert datasets.external("xlstm").groups == [
        "llama-16384", "llama-2048", "llama-8192", "mlstm-16384", "mlstm-8192"
    ]  # fmt: skip
    muennighoff = datasets.external("datablations")
    assert muennighoff.inputs == ("unique_tokens",)
    assert muennighoff.has_replicates
    okar = datasets.external("okar_sweep").table
    own = np.where(okar["group"] == "edu", okar["loss_edu"], okar["loss_web"])
    np.testing.assert_array_equal(okar["loss"], own)
    steplaw = datasets.external("steplaw").table
    np.testing.assert_array_equal(steplaw["loss"], steplaw["smooth_loss"])


@pytest.mark.external_data
def test_gadre_standard_errors_on_request():
    assert not datasets.external("gadre").measurement_sd.any()
    sd = datasets.external("gadre", loss_se=True).measurement_sd
    assert sd[0] == pytest.approx((3.5305328 - 3.5252834) / (2 * 1.96) / 3.5279493)


def test_external_errors(monkeypatch, tmp_path):
    monkeypatch.delenv("BAYES_SCALING_DATA", raising=False)
    with pytest.raises(InputError) as error:
        datasets.external("gadre")
    assert str(error.value) == (
        "the table 'gadre' is not shipped with the package: set the environment variable BAYES_SCALING_DATA "
        "to the folder that holds it."
    )
    with pytest.raises(InputError) as error:
        datasets.external("c4")
    assert str(error.value) == (
        "there is no third-party table 'c4'; choose one of chinchilla_epoch, gadre, gzip_pcfg, datablations, "
        "xlstm, okar_sweep, misfitting, steplaw."
    )
    with pytest.raises(InputError) as error:
        datasets.external("xlstm", loss_se=True)
    assert (
        str(error.value)
        == "the table 'xlstm' has no standard errors of the loss; only 'gadre' takes loss_se."
    )
    monkeypatch.setenv("BAYES_SCALING_DATA", str(tmp_path))
    with pytest.raises(InputError) as error:
        datasets.external("gadre")
    path = tmp_path / "gadre" / "runs.csv"
    assert str(error.value) == (
        f"there is no file '{path}'; BAYES_SCALING_DATA points to '{tmp_path}', which must hold it."
    )
