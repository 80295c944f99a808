"""Scores that rise: the families of Kolachina et al. 2012 as printed, priors in the table's own unit, and fits."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, quiet_fit

import bayes_scaling as bs
from bayes_scaling import InputError, LogNormal, Normal, OfRange
from bayes_scaling.cli.main import main
from bayes_scaling.data.response import SEVERAL
from bayes_scaling.inference.spec import make_spec

LAWS = bs.LAWS
X, REFERENCE = np.geomspace(1e4, 1e7, 9), 3e5
D = X / REFERENCE

PRINTED = {
    "pow3": (
        lambda c, a, alpha: c - a * X**-alpha,
        lambda c, a, alpha: {"c": c, "A": a * REFERENCE**-alpha, "alpha": alpha},
        (0.4, 2.5, 0.2),
    ),
    "pow4": (
        lambda c, a, b, alpha: c - (a * X + b) ** -alpha,
        lambda c, a, b, alpha: {
            "c": c, "A": (a * REFERENCE + b) ** -alpha, "alpha": alpha, "b": b / a / REFERENCE,
        },
        (0.4, 1e-3, 20.0, 0.3),
    ),
    "exp3": (
        lambda c, a, b: c - np.exp(-a * X + b),
        lambda c, a, b: {"c": c, "A": np.exp(b - a * REFERENCE), "a": a * REFERENCE},
        (0.4, 1e-6, -1.5),
    ),
    "exp4": (
        lambda c, a, b, alpha: c - np.exp(-a * X**alpha + b),
        lambda c, a, b, alpha: {
            "c": c, "A": np.exp(b - a * REFERENCE**alpha), "a": a * REFERENCE**alpha, "alpha": alpha,
        },
        (0.4, 0.02, -1.0, 0.3),
    ),
    "ilog2": (
        lambda c, a: c - a / np.log(X),
        lambda c, a: {"c": c, "A": a / np.log(REFERENCE), "l": np.log(REFERENCE)},
        (0.9, 7.0),
    ),
}  # fmt: skip
"""Law: the paper's formula, what its parameters are here, and some values of them."""


@pytest.mark.parametrize("name", PRINTED)
def test_is_the_printed_family(name):
    formula, here, values = PRINTED[name]
    np.testing.assert_allclose(LAWS[name](D, **here(*values)), formula(*values), rtol=1e-12)


def test_the_larger_families_hold_the_smaller_ones():
    p = {"c": 40.0, "A": 12.0}
    np.testing.assert_allclose(
        LAWS["pow4"](D, **p, alpha=0.3, b=0.0), LAWS["pow3"](D, **p, alpha=0.3), rtol=1e-14
    )
    np.testing.assert_allclose(
        LAWS["exp4"](D, **p, a=0.3, alpha=1.0), LAWS["exp3"](D, **p, a=0.3), rtol=1e-14
    )


def test_each_doubling_adds_the_same_score():
    steps = np.diff(LAWS["log_score"](2.0 ** np.arange(-3, 4), A=-5.0, b=60.0))
    np.testing.assert_allclose(steps, 60 * np.log(2), rtol=1e-13)


def bleu(unit=1.0, zero=0.0):
    noise = 0.3 * np.random.default_rng(2).standard_normal(len(X))
    return pd.DataFrame({"tokens": X, "loss": zero + unit * (35 - 9 * D**-0.25 + noise)})


def spec_of(table, **options):
    return make_spec(bs.load_runs(table, inputs="tokens", response="score"), "pow3", **options)


class TestPriorsInTheUnitOfTheTable:
    def test_a_location_lies_above_the_highest_score_and_a_distance_is_a_share_of_the_range(self):
        assert OfRange(Normal(0.5, 2.0, between=0.1)).within(10, 30) == Normal(40, 40, 2)
        assert OfRange(LogNormal(0.5, 1.0)).within(10, 30) == LogNormal(10, 1.0)
        assert OfRange(LogNormal(0.5, 1.0)).within(7, 7) == LogNormal(3.5, 1.0)

    def test_priors_of_ones_own_stay_as_they_are(self):
        assert spec_of(bleu(), priors={"c": Normal(38, 1)}).law.priors["c"] == Normal(38, 1)

    def test_a_law_that_has_been_fitted_is_not_scaled_again(self):
        spec = spec_of(bleu())
        again = make_spec(spec.runs, spec.law, noise=spec.noise)
        assert (again.law, again.noise) == (spec.law, spec.noise)

    @pytest.mark.seconds
    def test_the_density_is_the_same_in_any_unit(self):
        """But for the Jacobian: nothing of the model knows whether BLEU is given in percent."""
        models = [spec_of(t).model for t in (bleu(), bleu(100.0, -2000.0))]
        densities = [model.compile_logp(mode="FAST_COMPILE") for model in models]
        rng, start = np.random.default_rng(4), models[0].initial_point()
        for _ in range(3):
            point = {name: rng.standard_normal(value.shape) for name, value in start.items()}
            one, other = (float(density(point)) for density in densities)
            assert other == pytest.approx(one - len(X) * np.log(100), rel=1e-9)

    def test_forecasts_and_their_drift_are_in_the_unit_of_the_table(self):
        one, other = (
            instant_fit(bs.load_runs(t, inputs="tokens", response="score"), "pow3").predict(tokens=1e9)
            for t in (bleu(), bleu(100.0, -2000.0))
        )
        np.testing.assert_allclose(other.new_run, 100 * one.new_run - 2000, rtol=1e-9)
        assert float(other.drift.std()) == pytest.approx(100 * float(one.drift.std()), rel=1e-9)
        assert one.sentences()[0].startswith("tokens 1B: score ")


@pytest.mark.sampling
def test_a_curve_is_followed_beyond_its_data():
    fit = quiet_fit(bs.load_runs(bleu(), inputs="tokens", response="score"), "pow3", draws=200, seed=1)
    assert fit.diagnose().wrong_way == ()
    low, high = fit.predict(tokens=1e8).interval(0.9)
    truth = 35 - 9 * (1e8 / REFERENCE) ** -0.25
    assert low.item() < truth < high.item()
    assert high.item() - low.item() < 0.5 * np.ptp(bleu()["loss"])


class TestDeclared:
    def test_a_score_may_have_either_sign(self):
        table = bleu(1.0, -30.0)
        assert table["loss"].min() < 0
        runs = bs.load_runs(table, inputs="tokens", response="score")
        np.testing.assert_array_equal(runs.loss, table["loss"])
        with pytest.raises(
            InputError, match=r"column 'loss', row 1: -.* is negative; expected a positive loss"
        ):
            bs.load_runs(table, inputs="tokens")

    def test_a_share_of_more_than_one_is_refused(self):
        table = pd.DataFrame({"flops": [1e20, 1e21], "loss": [0.5, 61.0]})
        runs = bs.load_runs(table, inputs="flops", response="share")
        with pytest.raises(
            InputError, match=r"gives a share between 0 and 1, but the table reaches 61; divide percent"
        ):
            make_spec(runs, "task_of_compute")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"response": "elo"}, "response is 'elo'; expected one of loss, share, score"),
            ({"response": "score", "loss_unit": "bits"}, "loss_unit is 'bits', and a score has no such unit"),
        ],
    )
    def test_what_cannot_be_declared(self, options, message):
        with pytest.raises(InputError, match=message):
            bs.load_runs(bleu(), inputs="tokens", **options)

    @pytest.mark.parametrize(
        ("response", "law"), [("score", "power_law"), ("loss", "pow3"), ("share", "pow3")]
    )
    def test_a_law_of_something_else_is_refused(self, response, law):
        table = bleu(0.01)
        silence = "accuracies" if response == "loss" else ()
        runs = bs.load_runs(table, inputs="tokens", response=response, name="bleu", silence=silence)
        given = LAWS[law].response
        message = f"bleu was declared a table of {SEVERAL[response]}, and law '{law}' gives a {given}; choose a law of"
        with pytest.raises(InputError, match=message) as refused:
            make_spec(runs, law)
        example = {"score": "pow3", "loss": "chinchilla", "share": "task_of_compute"}[response]
        assert re.search(rf"\(.*\b{example}\b.*\)", str(refused.value)), "the laws that would do are named"

    @pytest.mark.seconds
    def test_it_is_kept_in_the_file(self, tmp_path):
        fit = instant_fit(bs.load_runs(bleu(), inputs="tokens", response="score"), "pow3")
        assert bs.open_fit(fit.save(tmp_path / "fit.nc")).runs.response == "score"

    def test_a_law_of_scores_reads_its_table_as_such(self):
        assert make_spec(bleu(1.0, -30.0), "pow3").runs.response == "score"


def test_what_is_about_losses_alone_says_so():
    fit = instant_fit(bs.load_runs(bleu(), inputs="tokens", response="score"), "pow3")
    with pytest.raises(InputError, match="law 'pow3' gives a score; back-tests score forecasts of log loss"):
        bs.backtest(fit.runs, "pow3")
    with pytest.raises(InputError, match="law 'pow3' gives a score, not a loss that falls with scale"):
        fit.exponents()


def test_residuals_of_scores_are_drawn_as_they_are(tmp_path):
    fit = instant_fit(bs.load_runs(bleu(1.0, -30.0), inputs="tokens", response="score"), "pow3")
    assert bs.plot.residuals(fit, "tokens").get_ylabel() == "score minus law"


def test_the_command_line_takes_the_response(tmp_path, capsys):
    bleu(1.0, -30.0).rename(columns={"loss": "bleu"}).to_csv(tmp_path / "bleu.csv", index=False)
    read = [str(tmp_path / "bleu.csv"), "--column", "loss=bleu", "--inputs", "tokens"]
    assert (
        main(["fit", *read, "--law", "power_law", "-o", str(tmp_path / "fit.nc"), "--response", "score"]) == 2
    )
    assert (
        "bleu.csv was declared a table of scores, and law 'power_law' gives a loss" in capsys.readouterr().err
    )
