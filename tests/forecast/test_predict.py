"""Forecasts by hand from the draws."""

import dataclasses
import re

import numpy as np
import pytest
from helpers import instant_fit, quiet_fit, simulated_runs

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.forecast.new_run import new_run_scale
from bayes_scaling.forecast.points import decades_beyond


@pytest.fixture(scope="module")
def slope_fit(truth):
    """Noise that depends on compute; few draws, because only arithmetic is asked of them."""
    return quiet_fit(
        simulated_runs(truth, n=12), "chinchilla", noise="flops", draws=60, chains=2, max_warmup=100, seed=2
    )


@pytest.fixture
def forecast(single_fit):
    return single_fit.predict(params=["1B", "100B"], tokens="2T")


class TestMean:
    def test_is_the_law_of_every_draw(self, single_fit):
        mean = single_fit.predict(params="100B", tokens="2T").mean
        p, at = single_fit.posterior, single_fit.reference
        n, d = 1e11 / at["params"], 2e12 / at["tokens"]
        by_hand = p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"]
        assert mean.dims == ("chain", "draw", "point")
        np.testing.assert_allclose(mean.isel(point=0), by_hand, rtol=1e-12)

    def test_of_a_group_is_the_law_of_its_parameters(self, pile_fit):
        every = pile_fit.predict(params="3B", tokens="300B").mean
        assert every.dims == ("chain", "draw", "group", "point")
        p, at = pile_fit.posterior.sel(group="pythia"), pile_fit.reference
        n, d = 3e9 / at["params"], 3e11 / at["tokens"]
        by_hand = p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"]
        np.testing.assert_allclose(every.sel(group="pythia").isel(point=0), by_hand, rtol=1e-12)
        alone = pile_fit.predict(params="3B", tokens="300B", group="pythia").mean
        assert alone.dims == ("chain", "draw", "point")
        np.testing.assert_array_equal(alone, every.sel(group="pythia"))


class TestNewRun:
    def test_scatters_around_the_mean_as_the_noise_says(self, single_fit):
        forecast = single_fit.predict(params=np.geomspace(1e8, 1e10, 50), tokens="10B")
        z = np.log(forecast.new_run / forecast.mean) / single_fit.posterior["sigma"]
        # Student-t: half of it lies within its quartiles, whatever the degrees of freedom of a draw.
        from scipy import stats

        within = np.abs(z) < stats.t.ppf(0.75, single_fit.posterior["nu"].to_numpy())[..., None]
        assert float(within.mean()) == pytest.approx(0.5, abs=0.01)
        assert float((z < 0).mean()) == pytest.approx(0.5, abs=0.01)

    def test_is_wider_than_the_mean(self, forecast):
        mean, new_run = (forecast.interval(0.9, kind) for kind in ("mean", "new_run"))
        assert np.all(new_run.lower < mean.lower)
        assert np.all(new_run.upper > mean.upper)

    def test_is_the_same_each_time_it_is_asked(self, single_fit, forecast):
        again = single_fit.predict(params=["1B", "100B"], tokens="2T")
        np.testing.assert_array_equal(again.new_run, forecast.new_run)

    def test_noise_that_depends_on_compute_is_frozen_at_the_edge_of_the_data(self, slope_fit):
        flops = slope_fit.runs.flops
        ends = {
            "below": flops.min() / 1e6,
            "low": flops.min(),
            "high": flops.max(),
            "beyond": flops.max() * 1e6,
        }
        tokens = 1e10
        points = slope_fit.predict([c / 6 / tokens for c in ends.values()], tokens).inputs
        scale = new_run_scale(slope_fit, slope_fit.draws(), points)
        below, low, high, beyond = (scale.isel(point=i).to_numpy() for i in range(4))
        np.testing.assert_allclose(below, low, rtol=1e-12)
        np.testing.assert_allclose(beyond, high, rtol=1e-12)
        p = slope_fit.posterior
        by_hand = p["sigma"] * (flops.max() / slope_fit.reference["flops"]) ** p["slope"]
        np.testing.assert_allclose(high, by_hand, rtol=1e-12)
        assert np.all(high != low)

    def test_a_new_configuration_has_lack_of_fit_too(self, single_fit):
        draws = single_fit.draws().assign(lack_of_fit=2 * single_fit.posterior["sigma"])
        scale = new_run_scale(single_fit, draws, single_fit.predict(1e9, 1e10).inputs)
        np.testing.assert_allclose(scale, np.sqrt(5) * single_fit.posterior["sigma"], rtol=1e-12)


class TestInterval:
    def test_holds_the_quantiles_of_its_probability(self, forecast):
        low, high = forecast.interval(0.5, "mean")
        middle = forecast.median("mean")
        assert low.dims == high.dims == middle.dims == ("point",)
        by_hand = np.quantile(forecast.mean.isel(point=1), [0.25, 0.5, 0.75])
        np.testing.assert_allclose([low[1], middle[1], high[1]], by_hand, rtol=1e-12)

    def test_of_one_point_is_two_numbers(self, single_fit):
        low, high = map(float, single_fit.predict("100B", "2T").interval(0.9))
        assert low < high

    def test_is_ordered_and_grows_with_its_probability(self, forecast):
        narrow, wide = forecast.interval(0.5), forecast.interval(0.95)
        assert np.all(wide.lower < narrow.lower)
        assert np.all(narrow.lower < forecast.median())
        assert np.all(forecast.median() < narrow.upper)
        assert np.all(narrow.upper < wide.upper)

    @pytest.mark.parametrize("prob", [0, 1, 90, -0.1])
    def test_a_probability_lies_between_0_and_1(self, forecast, prob):
        message = f"the probability of an interval lies between 0 and 1; got {prob!r}"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            forecast.interval(prob)

    def test_an_unknown_kind_is_refused(self, forecast):
        message = "a Forecast has no quantity 'best'; it has new_run, drifted, mean"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            forecast.interval(0.9, "best")


class TestProbBelow:
    def test_rises_from_zero_to_one(self, forecast):
        losses = np.linspace(1.0, 3.0, 31)
        probabilities = np.array([forecast.prob_below(x) for x in losses])
        assert np.all(np.diff(probabilities, axis=0) >= 0)
        assert probabilities[0].tolist() == [0, 0]
        assert probabilities[-1].tolist() == [1, 1]

    def test_is_the_share_of_the_draws(self, forecast):
        draws = forecast.new_run.isel(point=0).to_numpy()
        assert float(forecast.prob_below("2.1")[0]) == np.mean(draws <= 2.1)

    def test_the_median_is_as_likely_as_not(self, forecast):
        median = float(forecast.median()[0])
        assert float(forecast.prob_below(median)[0]) == pytest.approx(0.5, abs=0.01)


class TestDecadesBeyond:
    def test_is_zero_inside_and_counts_powers_of_ten_outside(self, single_fit):
        runs = single_fit.runs
        low, high = runs.extent["tokens"]
        values = np.array([low / 1000, low, np.sqrt(low * high), high, high * 10**1.5])
        np.testing.assert_allclose(decades_beyond(runs, "tokens", values), [3, 0, 0, 0, 1.5], atol=1e-12)

    def test_is_told_of_every_input_and_of_the_compute(self, single_fit):
        high = single_fit.runs.extent["params"][1]
        beyond = single_fit.predict(params=[high, 100 * high], tokens=1e10).decades_beyond
        assert list(beyond) == ["params", "tokens", "flops"]
        np.testing.assert_allclose(beyond["params"], [0, 2], atol=1e-12)
        np.testing.assert_array_equal(beyond["tokens"], [0, 0])


class TestGroups:
    def test_a_new_group_is_less_certain_than_any_known_one(self, pile_fit):
        at = {"params": "3B", "tokens": "300B"}
        width = lambda mean: float(np.log(mean).std())  # noqa: E731
        new = pile_fit.predict(**at, group="new").mean
        assert new.dims == ("chain", "draw", "point")
        assert all(width(new) > width(pile_fit.predict(**at, group=g).mean) for g in pile_fit.groups)

    def test_a_new_group_scatters_around_the_population_by_tau(self, pile_fit):
        p = pile_fit.posterior
        z = np.log(pile_fit.draws("new")["A"] / p["A_population"]) / p["A_tau"]
        assert float(z.mean()) == pytest.approx(0, abs=0.12)
        assert float(z.std()) == pytest.approx(1, abs=0.08)

    def test_an_unknown_group_is_refused(self, pile_fit):
        message = "no group 'llama' in this fit; its groups are cerebras, pythia, pythia_dedup, or 'new'"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            pile_fit.predict(1e9, 1e11, group="llama")

    def test_a_single_group_answers_to_its_name_and_as_a_new_one(self, single_fit):
        everything = single_fit.predict(1e9, 1e11).mean
        for group in ("all", "new"):
            np.testing.assert_array_equal(single_fit.predict(1e9, 1e11, group=group).mean, everything)


class TestTable:
    def test_has_a_row_for_every_point(self, forecast):
        table = forecast.table(0.8)
        assert list(table.columns) == [
            "params", "tokens", "flops", "new_run", "new_run 80% lower", "new_run 80% upper",
            "drifted", "drifted 80% lower", "drifted 80% upper", "mean", "mean 80% lower", "mean 80% upper",
            "decades beyond (params)", "decades beyond (tokens)", "decades beyond (flops)",
        ]  # fmt: skip
        assert table["params"].tolist() == [1e9, 1e11]
        assert table["tokens"].tolist() == [2e12, 2e12]
        np.testing.assert_allclose(table["flops"], [6 * 1e9 * 2e12, 6 * 1e11 * 2e12])
        by_hand = np.quantile(forecast.new_run.isel(point=1), [0.1, 0.5, 0.9])
        names = ["new_run 80% lower", "new_run", "new_run 80% upper"]
        np.testing.assert_allclose(table.loc[1, names].astype(float), by_hand)

    def test_has_a_row_for_every_group_and_point(self, pile_fit):
        table = pile_fit.predict(["1B", "2B"], "300B").table()
        assert table["group"].tolist() == [g for g in pile_fit.groups for _ in range(2)]
        assert table["params"].tolist() == [1e9, 2e9] * 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"params": 1e9}, "law 'chinchilla' needs 'tokens'; its inputs are params, tokens"),
        ({}, "law 'chinchilla' needs 'params'; its inputs are params, tokens"),
        (
            {"params": 1e9, "tokens": 1e11, "epochs": 3},
            "law 'chinchilla' has no input 'epochs'; its inputs are params, tokens",
        ),
        (
            {"params": [1e9, 2e9], "tokens": [1e11, 2e11, 3e11]},
            "inputs of unequal length: params has 2, tokens has 3; give one value, or as many of each",
        ),
        (
            {"params": -1, "tokens": 1e11},
            "params is -1; expected a positive number such as 7e10, or '70B'.",
        ),
        (
            {"params": ["70B", "seventy"], "tokens": 1e11},
            "params[1] is 'seventy'; expected a positive number such as 7e10, or '70B'.",
        ),
    ],
)
def test_inputs_that_cannot_be_used_are_refused(single_fit, given, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        single_fit.predict(**given)


def test_groups_that_share_all_but_the_floor_or_the_noise():
    """The optimum then has no group, the loss or its noise has: forecasts and allocations carry the group."""
    runs = bs.datasets.load("pile")
    for varying in ("E", "sigma"):
        pooling = {
            name: "partial" if name == varying else "complete"
            for name in (*bs.LAWS["chinchilla"].parameters, "sigma")
        }
        fit = quiet_fit(runs, "chinchilla", pooling=pooling, draws=50, chains=2, seed=1)
        forecast = fit.predict("10B", "1T")
        assert forecast.mean.dims == forecast.new_run.dims == ("chain", "draw", "group", "point")
        assert list(forecast.table()["group"]) == runs.groups
        allocation = fit.allocate("1e24").table()
        if varying == "E":
            assert list(allocation["group"]) == runs.groups
            assert allocation["params"].nunique() == 1
            assert allocation["loss"].nunique() == 3


class TestSentences:
    def test_the_answer_is_the_new_run_and_its_distance_from_the_data(self, single_fit, forecast):
        first, second = forecast.sentences(0.8)
        assert first.startswith("1B parameters on 2T tokens: loss ")
        low, high = forecast.interval(0.8)
        middle = forecast.median()
        assert f"100B parameters on 2T tokens: loss {middle[1]:.2f} " in second
        assert f"(80% of new runs: {low[1]:.2f} to {high[1]:.2f}), " in second
        assert second.endswith(f", {float(forecast.decades_beyond['flops'][1]):.1f} decades beyond the data")
        inside = single_fit.predict("500M", "10B")
        assert inside.sentences()[0].endswith("within the range of the data")

    def test_each_group_is_named(self, pile_fit):
        said = pile_fit.predict("1B", ["300B", "400B"]).sentences()
        assert [sentence.split(",")[0] for sentence in said] == [g for g in pile_fit.groups for _ in range(2)]

    def test_a_narrow_interval_has_more_decimals(self, forecast):
        narrow = dataclasses.replace(forecast, new_run=2 + (forecast.new_run - 2) / 1000)
        assert re.search(r"loss \d\.\d{5,6} ", narrow.sentences()[0])

    def test_other_inputs_go_by_their_names(self, forecast):
        inputs = forecast.inputs[["flops"]]
        other = dataclasses.replace(forecast, inputs=inputs, response="share")
        assert other.sentences()[1].startswith("flops 1.2e24: share of test items ")


class TestWarnings:
    def test_points_far_beyond_the_data(self, single_fit):
        assert single_fit.predict("1B", "20B").warnings == []
        (one,) = single_fit.predict("100B", "2T").warnings
        assert one.startswith("the point lies more than 2 decades beyond the data (2.4 in flops): ")
        (some,) = single_fit.predict(["1B", "100B"], ["20B", "2T"]).warnings
        assert some.startswith("1 of 2 points lie more than 2 decades beyond")

    def test_no_drift_beyond_the_data(self, single_fit):
        assert "no drift" in single_fit.predict("30B", "100B", drift=False).warnings[0]
        assert single_fit.predict("1B", "20B", drift=False).warnings == []

    def test_draws_without_a_loss(self, forecast):
        lost = dataclasses.replace(forecast, new_run=forecast.new_run.where(forecast.new_run > 1.9))
        share = float((forecast.new_run <= 1.9).mean())
        assert lost.warnings[-1] == f"{share:.1%} of the draws have no finite loss"


@pytest.fixture(scope="module", params=["constant", "discrepancy"])
def groups(request):
    return instant_fit(bs.datasets.load("pile"), "chinchilla", draws=200, noise=request.param)


@pytest.fixture(scope="module")
def alone(groups):
    return groups.predict("100B", "2T", group="pythia").new_run


class TestOneRunOneNumber:
    """A run's noise is the same in every verb, whatever else is asked for."""

    @pytest.mark.seconds
    def test_beside_other_groups(self, groups, alone):
        beside = groups.predict("100B", "2T").new_run.sel(group="pythia")
        np.testing.assert_allclose(beside, alone, rtol=1e-12)

    def test_beside_other_points(self, groups, alone):
        beside = groups.predict(["1B", "100B"], ["1T", "2T"], group="pythia").new_run
        np.testing.assert_allclose(beside.isel(point=[1]), alone, rtol=1e-12)

    def test_in_a_plan(self, groups, alone):
        plan = groups.plan(params="100B", tokens="2T", group="pythia")
        there = plan.forecast["new_run"]
        np.testing.assert_allclose(np.sort(there, None), np.sort(alone, None), rtol=1e-9)

    def test_two_runs_scatter_apart(self, groups):
        two = groups.predict(["100B", "200B"], "2T", group="pythia")
        noise = (
            np.log(two.new_run / two.drifted).transpose("point", "chain", "draw").to_numpy().reshape(2, -1)
        )
        assert abs(np.corrcoef(noise)[0, 1]) < 0.3

    @pytest.mark.seconds
    def test_chances_of_a_target(self, groups):
        """Of the median plan: each draw's Student-t averaged in `risk`, counted in `predict`."""
        n = float(groups.allocate("1e24", group="pythia").params.median())
        target = float(groups.predict(n, 1e24 / 6 / n, group="pythia").median())
        risk = groups.risk("1e24", target=target, group="pythia", drift=False)
        counted = groups.predict(n, 1e24 / 6 / n, group="pythia", drift=False).prob_below(target)
        chance = float(risk.prob_target.sel(choice="median N_opt").squeeze())
        assert chance == pytest.approx(float(counted.squeeze()), abs=0.05)
