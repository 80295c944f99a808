"""Losses in the units that people report: what is said of them, in sentences, tables, axes and files."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from helpers import REFERENCE, instant_fit, table

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.cli.main import main
from bayes_scaling.data.loss_unit import NATS, Unit
from bayes_scaling.inference.sample_many import _resumed
from bayes_scaling.inference.spec import make_spec

TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}
UNITS = {
    "bits": (Unit("bits"), lambda nats: nats / np.log(2), "bits per token"),
    "bits_per_byte": (Unit("bits_per_byte", 4.0), lambda nats: nats / np.log(2) / 4.0, "bits per byte"),
    "perplexity": (Unit("perplexity"), np.exp, "perplexity"),
}


def fit_of(unit, given):
    rows = table(TRUTH)
    rows["loss"] = given(rows["loss"])
    return instant_fit(
        bs.load_runs(rows, loss_unit=unit.name, bytes_per_token=unit.bytes_per_token, name="mine"),
        "chinchilla",
    )


@pytest.fixture(scope="module", params=UNITS)
def case(request):
    unit, given, label = UNITS[request.param]
    return fit_of(unit, given), unit, given, label


@pytest.fixture(scope="module")
def in_nats():
    return fit_of(NATS, np.asarray)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_and_its_inverse(name):
    unit, given, _ = UNITS[name]
    nats = np.array([0.5, 1.9, 3.0])
    np.testing.assert_allclose(unit.given(nats), given(nats), rtol=1e-13)
    np.testing.assert_allclose(unit.nats(unit.given(nats)), nats, rtol=1e-13)


def test_answers_are_the_same_in_nats_and_said_in_the_tables_unit_too(case, in_nats):
    fit, _, given, label = case
    here, there = (one.predict("100B", "2T") for one in (fit, in_nats))
    np.testing.assert_allclose(here.new_run, there.new_run, rtol=1e-9)
    rows, name = here.table(0.8), f"new_run ({label})"
    for end in ("", " 80% lower", " 80% upper"):
        np.testing.assert_allclose(rows[name + end], given(rows["new_run" + end]), rtol=1e-12)
    said = here.sentences()[0]
    middle = given(float(here.median()))
    assert f"nats per token, in {label} " in said
    assert float(said.partition(f"in {label} ")[2].split(" ")[0]) == pytest.approx(middle, rel=0.01)


@pytest.mark.seconds
def test_a_target_is_in_nats_and_says_so(case, in_nats):
    fit, _, given, label = case
    said = f"the target is 2 nats per token, {given(2.0):.4g} in the table's {label}"
    assert said in fit.plan(target=2.0).warnings
    assert said in fit.risk("1e22", target=2.0).warnings
    assert not [s for s in in_nats.plan(target=2.0).warnings if "nats" in s]


def test_nats_are_not_said_twice(in_nats):
    forecast = in_nats.predict("100B", "2T")
    assert "nats" not in forecast.sentences()[0]
    assert [name for name in forecast.table() if "new_run" in name] == [
        "new_run",
        "new_run 90% lower",
        "new_run 90% upper",
    ]


@pytest.mark.seconds
def test_the_axis_says_nats_and_has_the_tables_unit_beside_it(case, in_nats):
    fit, _, given, label = case
    for ax, which in ((bs.plot.extrapolation(fit), "y"), (fit.predict("100B", "2T").plot(), "x")):
        assert getattr(ax, f"get_{which}label")() == "loss (nats per token)"
        (second,) = ax.child_axes
        assert getattr(second, f"get_{which}label")() == f"loss ({label})"
        ax.figure.canvas.draw()
        low, high = getattr(ax, f"get_{which}lim")()
        np.testing.assert_allclose(
            getattr(second, f"get_{which}lim")(), given(np.array([low, high])), rtol=1e-9
        )
    assert bs.plot.extrapolation(in_nats).child_axes == []


@pytest.mark.seconds
def test_a_batch_knows_its_fit_again(case, tmp_path):
    fit = case[0]
    fit.save(tmp_path / "one.nc")
    assert _resumed(tmp_path, "one", fit.spec).runs.unit == fit.runs.unit
    with pytest.raises(InputError, match="is another fit"):
        _resumed(
            tmp_path, "one", make_spec(dataclasses.replace(fit.runs, unit=NATS), fit.law, sampler=fit.sampler)
        )


@pytest.mark.seconds
def test_it_is_kept_in_the_file_and_on_the_command_line(case, tmp_path, capsys):
    fit, unit, _, label = case
    path = fit.save(tmp_path / "fit.nc")
    assert bs.open_fit(path).runs.unit == unit
    main(["predict", str(path), "--params", "100B", "--tokens", "2T"])
    said = capsys.readouterr().out
    assert "Losses are in nats per token; " in said
    assert label.split(" ")[0] in said
    main(["allocate", str(path), "--flops", "1e23"])
    assert "Losses are in nats per token; " in capsys.readouterr().out


@pytest.mark.seconds
def test_the_command_line_says_nats(in_nats, tmp_path, capsys):
    path = str(in_nats.save(tmp_path / "fit.nc"))
    main(["predict", path, "--params", "100B", "--tokens", "2T"])
    assert "Losses are in nats per token.\n" in capsys.readouterr().out
    main(["exponents", path])
    assert "Losses are in" not in capsys.readouterr().out


@pytest.mark.seconds
def test_the_report_says_it(case, tmp_path):
    fit, _, _, label = case
    page = bs.report(fit, tmp_path / "page.html", targets=[("100B", "2T")]).read_text("utf-8")
    assert "Losses are in nats per token; " in page
    assert f"new run ({label})" in page


def test_runs_that_are_read_again_keep_their_unit():
    rows = table(TRUTH).assign(gzip=0.4)
    runs = bs.load_runs(rows, loss_unit="bits")
    again = bs.load_runs(runs, inputs=("params", "tokens", "gzip"))
    assert again.unit == Unit("bits")
    np.testing.assert_array_equal(again.loss, runs.loss)
    assert runs.select([0, 1, 2]).unit == Unit("bits")


def test_a_loss_of_another_kind_is_taken_as_it_is_and_not_called_nats():
    error = pd.DataFrame(
        {"tokens": REFERENCE["tokens"] * np.arange(1, 9), "loss": 60.0 * np.arange(1, 9) ** -0.3}
    )
    with pytest.warns(bs.DoubtfulInputWarning, match="this looks like perplexity"):
        bs.load_runs(error, inputs="tokens")
    runs = bs.load_runs(error, inputs="tokens", loss_unit="other")
    np.testing.assert_array_equal(runs.loss, error["loss"])
    assert bs.plot.extrapolation(instant_fit(runs, "power_law")).get_ylabel() == "loss"
    assert runs.unit.sentence == "Losses are in the unit of the table"


def test_an_unknown_unit_is_refused_by_name():
    with pytest.raises(
        InputError,
        match="loss_unit is 'decibel'; expected one of nats, bits, bits_per_byte, perplexity, other",
    ):
        bs.load_runs(table(TRUTH), loss_unit="decibel")
