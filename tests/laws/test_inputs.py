"""A law's own inputs by column name, from the table to every verb: no N and D where a law takes none."""

import json

import matplotlib
import numpy as np
import pandas as pd
import pytest
from helpers import UNITS, instant_fit, table_of

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.cli.main import main
from bayes_scaling.laws import get_law
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import Noise
from bayes_scaling.model.structure import structure


def medians(law):
    return {name: prior.forward(prior.location) for name, prior in law.priors.items()}


def rows_of(name, **options):
    law = get_law(name)
    return table_of(law, medians(law), **options)


class TestOver:
    def test_reads_the_same_law_from_other_columns(self):
        law = get_law("m4:flops")
        assert (law.name, law.columns, law.inputs) == ("m4:flops", ("flops",), ("D",))
        assert law == bs.LAWS["m4"].over("flops")
        assert law(2.0, **medians(law)) == bs.LAWS["m4"](2.0, **medians(law))
        assert get_law("m1:steps").name == "power_law:steps"
        assert get_law("chinchilla:backbone+tokens").columns == ("backbone", "tokens")
        assert law.with_priors({}) == law

    def test_constants_are_those_of_the_columns(self):
        found = get_law("power_law:flops").constants({"flops": 1e20}, A=2.0, alpha=0.1)
        assert found["A_1"] == pytest.approx(2.0 * 1e2)

    @pytest.mark.parametrize("name", ["m4:", "m4:flops+steps", "chinchilla:tokens", "chinchilla:a+a"])
    def test_columns_that_do_not_fit_are_refused(self, name):
        with pytest.raises(InputError, match=r"takes \d different columns .*; got"):
            get_law(name)


class TestTables:
    @pytest.mark.parametrize("name", ["power_floor", "gpt4", "m4:steps", "kaplan_steps"])
    def test_hold_only_what_the_law_takes(self, name, tmp_path):
        law = get_law(name)
        rows_of(name).to_csv(tmp_path / "runs.csv", index=False)
        runs = bs.load_runs(tmp_path / "runs.csv", inputs=law.columns)
        assert runs.warnings == ()
        for column in law.columns:
            assert runs.reference[column] == pytest.approx(UNITS.get(column, 1.0))
            assert column in repr(runs)
            assert column in runs.describe()
        assert runs.n_configurations == 60
        data = model_data(runs, law, Noise())
        np.testing.assert_allclose(np.log(data[law.inputs[0]]).mean(), 0, atol=1e-12)

    def test_lack_what_the_law_takes(self, tmp_path):
        rows_of("gpt4").to_csv(tmp_path / "runs.csv", index=False)
        with pytest.raises(InputError, match=r"^runs.csv has no column 'tokens' to read tokens from"):
            bs.fit(tmp_path / "runs.csv", "m4")
        with pytest.raises(InputError, match=r"^runs.csv has no column 'lr', named in inputs"):
            bs.load_runs(tmp_path / "runs.csv", inputs=("lr", "batch"))
        runs = bs.load_runs(tmp_path / "runs.csv", inputs="flops")
        with pytest.raises(
            InputError, match=r"^runs.csv has no column 'min_flops'; choose one of flops, loss"
        ):
            bs.fit(runs, "kaplan_c_min")
        with pytest.raises(InputError, match=r"^runs.csv has no column 'params'"):
            bs.fit(runs, "chinchilla")

    @pytest.mark.parametrize(
        ("cell", "problem"), [("x", "'x' is not a number"), (0, "0 is zero"), (-1, "-1 is negative")]
    )
    def test_a_bad_cell_is_named(self, cell, problem):
        rows = rows_of("step_law").astype(object)
        rows.loc[4, "lr"] = cell
        with pytest.raises(InputError, match=f"the table, column 'lr', row 5: {problem}"):
            bs.load_runs(rows, inputs=bs.LAWS["step_law"].columns)

    def test_what_follows_from_n_and_d_need_not_be_there(self):
        rows = rows_of("chinchilla")
        runs = bs.load_runs(rows, inputs=bs.LAWS["gadre"].columns)
        np.testing.assert_allclose(runs.column("tokens_per_param"), rows["tokens"] / rows["params"])
        np.testing.assert_allclose(runs.column("flops"), 6 * rows["tokens"] * rows["params"])
        fit = instant_fit(bs.load_runs(rows), "gadre")
        assert fit.predict(flops="1e22", tokens_per_param=20).mean.sizes["point"] == 1
        assert list(bs.load_runs(rows, inputs="flops").extent) == ["params", "tokens", "flops"]

    def test_unique_tokens_are_measured_from_where_tokens_are(self):
        runs = bs.load_runs(rows_of("muennighoff"), inputs=bs.LAWS["muennighoff"].columns)
        assert runs.reference["unique_tokens"] == runs.reference["tokens"]
        data = model_data(runs, bs.LAWS["muennighoff"], Noise())
        np.testing.assert_allclose(data["D"] / data["U"], runs.tokens / runs.column("unique_tokens"))

    def test_a_curve_of_one_model_is_no_doubt(self):
        rows = rows_of("power_floor").assign(params=1e9)
        assert bs.load_runs(rows, inputs="tokens").warnings == ()

    def test_are_ranked_by_their_first_input_where_compute_is_not_known(self):
        rows = rows_of("power_floor")
        np.testing.assert_array_equal(bs.load_runs(rows, inputs="tokens").scale, rows["tokens"])
        both = rows_of("chinchilla")
        np.testing.assert_allclose(bs.load_runs(both).scale, 6 * both["params"] * both["tokens"])

    def test_fits_of_other_runs_are_not_compared(self):
        rows = rows_of("gpt4")
        one, other = (bs.load_runs(r, inputs="flops") for r in (rows, rows.assign(flops=rows["flops"] * 2)))
        assert one.same_as(bs.load_runs(rows, inputs="flops"))
        assert not one.same_as(other)


@pytest.fixture(scope="module")
def recipe():
    return instant_fit(bs.load_runs(rows_of("step_law"), inputs=bs.LAWS["step_law"].columns), "step_law")


@pytest.fixture(scope="module")
def repeated():
    law = "muennighoff"
    return instant_fit(bs.load_runs(rows_of(law), inputs=bs.LAWS[law].columns), law)


class TestVerbs:
    def test_predict_takes_them_by_name(self, recipe):
        at = {"params": "1B", "tokens": "20B", "batch": 1.0}
        forecast = recipe.predict(**at, lr=[0.5, 1.0, 30.0])
        assert forecast.table()["lr"].tolist() == [0.5, 1.0, 30.0]
        assert forecast.decades_beyond["lr"][2] > 0
        with pytest.raises(
            InputError, match="law 'step_law' needs 'lr'; its inputs are params, tokens, lr, batch"
        ):
            recipe.predict(**at)

    def test_allocate_holds_the_others(self, repeated):
        """With data to spare the optimum is Chinchilla's; where they are scarce, compute buys less."""
        plenty = repeated.allocate(["1e21", "1e22"], unique_tokens=["1T", "2T"])
        law, draws = repeated.law, repeated.draws()
        scarce = repeated.allocate("1e22", unique_tokens="1B")
        p = {name: draws[name] for name in ("A", "B", "alpha", "beta")}
        product = 1e22 / 6 / (repeated.reference["params"] * repeated.reference["tokens"])
        exact = (p["alpha"] * p["A"] / (p["beta"] * p["B"]) * product ** p["beta"]) ** (
            1 / (p["alpha"] + p["beta"])
        )
        found = plenty.params.isel(point=1) / repeated.reference["params"]
        np.testing.assert_allclose(found, exact, rtol=1e-3)
        assert np.all(scarce.loss.isel(point=0) > plenty.loss.isel(point=1))
        assert law.allocates

    @pytest.mark.seconds
    def test_allocate_says_what_it_cannot_do(self, repeated, recipe):
        with pytest.raises(InputError, match="'muennighoff' needs 'unique_tokens' to split a budget"):
            repeated.allocate("1e22")
        with pytest.raises(InputError, match="no input 'lr'; beside params and tokens it takes unique_tok"):
            repeated.allocate("1e22", lr=1.0)
        with pytest.raises(InputError, match="unique_tokens has 2 values for 1 budgets"):
            repeated.allocate("1e22", unique_tokens=[1e9, 1e10])
        curve = instant_fit(bs.load_runs(rows_of("m4"), inputs="tokens"), "m4")
        with pytest.raises(InputError, match="law 'm4' takes tokens: a budget cannot be split"):
            curve.allocate("1e22")
        for picture in (bs.plot.isoloss, bs.plot.allocation):
            with pytest.raises(InputError, match="draws a law of params and tokens; law 'm4' takes tokens"):
                picture(curve)

    @pytest.mark.seconds
    def test_pictures_and_the_report_are_drawn(self, recipe):
        matplotlib.use("agg")
        ax = bs.plot.extrapolation(recipe, along="lr", to=100)
        assert ax.get_title(loc="left") == "Loss along lr, the rest at its mean"
        assert bs.plot.residuals(recipe, "lr").get_xlabel() == "lr"
        with pytest.raises(InputError, match="law 'step_law' has no input 'flops'"):
            bs.plot.extrapolation(recipe, along="flops")
        curve = instant_fit(bs.load_runs(rows_of("hestness:steps"), inputs="steps"), "hestness:steps")
        assert bs.plot.extrapolation(curve).get_title(loc="left") == "Loss along steps"
        page = bs.report(curve)
        assert "hestness:steps" in page


@pytest.mark.seconds
@pytest.mark.parametrize("name", ["m4", "muennighoff", "log_linear", "step_law"])
def test_the_sampled_model_has_the_laws_values(name):
    """Through PyTensor to JAX, as sampling sees it: the functions of `elementwise` included."""
    import jax

    from bayes_scaling.sampling.jax_model import program

    law = get_law(name)
    runs = bs.load_runs(rows_of(name, sigma=0.0), inputs=law.columns)
    shape, data = structure(runs, law, Noise()), model_data(runs, law, Noise())
    made = program(shape)
    with jax.enable_x64(True):
        theta = np.array([[prior.location for prior in shape.priors.values()]])
        residual, _ = made.residual_and_variance(theta, np.zeros(1), data)
        slopes = jax.grad(lambda t: made.log_likelihood(t, np.zeros(1), data).sum())(theta)
    np.testing.assert_allclose(residual, 0, atol=1e-12)
    assert np.all(np.isfinite(slopes))


@pytest.mark.sampling
def test_the_command_line_takes_them_by_name(tmp_path, monkeypatch, capsys):
    """A short fit in earnest: a power law of steps, from a table that holds nothing else."""
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    rows_of("power_law:steps", n=25).to_csv("curve.csv", index=False)
    sampling = ("--draws", "100", "--chains", "2", "--max-warmup", "200")
    assert main(["fit", "curve.csv", "--law", "m1:steps", "-o", "fit.nc", *sampling]) in (0, 1)
    assert "power_law:steps" in capsys.readouterr().out
    main(["predict", "fit.nc", "--input", "steps=1k", "--json"])
    [row] = json.loads(capsys.readouterr().out)["table"]
    truth = bs.LAWS["power_law"](1000.0, **medians(bs.LAWS["power_law"]))
    assert row["steps"] == 1000
    assert row["new_run 90% lower"] < truth < row["new_run 90% upper"]
    assert main(["allocate", "fit.nc", "--flops", "1e22"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: law 'power_law:steps' takes steps: a budget cannot be split"
    )
    assert main(["plot", "fit.nc", "--along", "steps", "-o", "curve.png"]) in (0, 1)
    capsys.readouterr()
    assert main(["fit", "curve.csv", "--law", "chinchilla", "-o", "other.nc"]) == 2
    assert "has no column 'params' to read params from" in capsys.readouterr().err
    assert pd.read_csv("curve.csv").columns.tolist() == ["steps", "loss"]
