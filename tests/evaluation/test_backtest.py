"""Held-out larger runs: cuts, scores, drift."""

import dataclasses
import warnings

import numpy as np
import pytest
from helpers import instant_sampling, simulated_runs
from scipy import stats

import bayes_scaling as bs
from bayes_scaling.evaluation.baselines import huber_bootstrap, laplace
from bayes_scaling.evaluation.cuts import make_cuts
from bayes_scaling.evaluation.predictive import predictive
from bayes_scaling.evaluation.scores import scores_of_draws


@pytest.fixture(scope="module")
def runs(truth):
    return simulated_runs(truth, n=80, seed=11)


@pytest.fixture(scope="module")
def found(runs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        return bs.backtest(
            runs, "chinchilla", splits="rolling", noise="constant", draws=250, chains=2, seed=4
        )


class TestDrift:
    def test_s_is_half_normal(self):
        drift = bs.Drift(0.03, bias=0.0)
        assert drift.sd == pytest.approx(0.03, rel=0.02)
        slopes = drift.slopes(np.random.default_rng(1), (20_000,))
        assert slopes.std() == pytest.approx(0.03, rel=0.03)
        assert stats.kurtosis(slopes) > 1.5  # heavier tails than a normal: s is not known

    def test_it_leans_by_so_many_s_below_the_law(self):
        drift = bs.Drift(0.03, bias=0.5)
        slopes = drift.slopes(np.random.default_rng(1), (200_000,))
        assert slopes.mean() == pytest.approx(drift.mean, rel=0.03)
        assert drift.mean == pytest.approx(-0.5 * 0.03 * np.sqrt(2 / np.pi), rel=0.01)
        # What a table's own past says of s moves the bias with it.
        shrunk = drift.updated([np.linspace(0, -9, 40)])
        assert drift.mean < shrunk.mean < 0

    def test_only_laws_of_n_and_d_lean(self):
        assert bs.Drift.of(bs.LAWS["skaling"]).bias == bs.Drift().bias > 0
        for name in ("power_law", "m4", "gpt4", "task_of_loss"):
            assert bs.Drift.of(bs.LAWS[name]).bias == 0

    def test_none_is_none(self):
        assert np.all(bs.Drift(0.0).slopes(np.random.default_rng(1), (10,)) == 0)

    def test_evidence_moves_it(self):
        prior = bs.Drift(0.02, bias=0.0)
        # One decade beyond, the law missed by 5% and by 6%; or by nothing at all.
        missed, right = (
            [stats.norm(0, np.hypot(s, 0.003)).logpdf(gap) for s in prior.scales] for gap in (0.055, 0.0)
        )
        assert prior.updated([missed]).sd > 1.3 * prior.sd
        assert prior.updated([right, right]).sd < 0.8 * prior.sd

    def test_it_is_saved_with_a_fit(self, single_fit, tmp_path):
        wider = single_fit.with_drift(bs.Drift(0.05).updated([np.linspace(0, 1, 40)]))
        assert single_fit.drift == bs.Drift()
        assert bs.open_fit(wider.save(tmp_path / "fit.nc")).drift == wider.drift

    @pytest.mark.parametrize("wrong", [-0.1, float("nan"), "wide"])
    def test_what_is_no_spread_is_refused(self, single_fit, wrong):
        with pytest.raises(bs.InputError, match="drift"):
            single_fit.predict("1B", "1T", drift=wrong)


class TestForecast:
    def test_inside_of_the_data_nothing_drifts(self, single_fit):
        inside = single_fit.predict("500M", "10B")
        assert np.all(inside.drift == 0)
        assert np.array_equal(inside.mean, inside.draws("drifted"))

    def test_the_band_is_the_law_the_drift_and_the_noise(self, single_fit):
        far, none = (single_fit.predict("100B", "2T", drift=d) for d in (bs.Drift(0.05, 0.0), False))
        decades = float(far.decades_beyond.to_dataarray().max())
        assert float(far.drift.std()) == pytest.approx(0.05 * decades, rel=0.15)
        assert np.array_equal(far.mean, none.mean)
        np.testing.assert_allclose(far.new_run, none.new_run * np.exp(far.drift))

    def test_all_points_of_a_draw_drift_together(self, single_fit):
        forecast = single_fit.predict(["50B", "100B"], "2T")
        ratio = forecast.drift.isel(point=1) / forecast.drift.isel(point=0)
        assert float(ratio.std()) < 1e-9


class TestCuts:
    def test_what_is_held_out_is_larger_than_what_is_fitted(self, runs, found):
        for cut, rows in found.runs[found.runs["method"] == "posterior"].groupby("cut"):
            factor = float(str(cut).removesuffix("x"))
            assert rows["flops"].min() >= runs.flops.max() / factor
            assert len(rows) == (runs.flops >= runs.flops.max() / factor).sum()
        assert (found.health["fitted"] + found.health["held_out"] == len(runs)).all()

    def test_every_method_scores_the_same_runs(self, found):
        sizes = found.table()["runs"]
        assert list(sizes.index) == ["posterior", "no drift", "Huber bootstrap", "Laplace"]
        assert sizes.nunique() == 1

    def test_where_the_law_is_true_bands_cover_what_they_say(self, found):
        assert found.table().loc["posterior", "coverage 90%"] >= 0.85
        assert found.drift.sd < bs.Drift().sd

    def test_a_group_with_no_past_is_not_forecast(self, runs):
        table = runs.table.assign(group=np.where(runs.flops > np.quantile(runs.flops, 0.8), "big", "small"))
        grouped = bs.load_runs(table)
        held = grouped.flops > np.quantile(grouped.flops, 0.7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
            back = bs.backtest(
                grouped,
                splits={"top": held},
                noise="constant",
                baselines=False,
                pooling="complete",
                draws=100,
                chains=2,
            )
        assert set(back.runs["group"]) == {"small"}

    def test_a_discrepancy_has_no_drift_to_go_without(self, runs):
        with warnings.catch_warnings(), instant_sampling():
            warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
            found = bs.backtest(runs, "chinchilla", noise="discrepancy", seed=4)
        assert set(found.runs["method"]) == {"posterior", "Huber bootstrap", "Laplace"}
        assert not any("drift" in said for said in found.sentences())

    def test_coverage_is_counted_by_distance(self, found):
        table = found.table(by=["distance", "method"])
        own = found.runs[found.runs["method"] == "posterior"]
        far = own[own["decades"].between(np.log10(3.0), 1.0, inclusive="right")]
        assert len(far)
        row = table.loc[("3-10x", "posterior")]
        assert row["runs"] == len(far)
        inside = np.abs(far["pit"] - 0.5) <= 0.45
        assert row["coverage 90%"] == pytest.approx(inside.mean())
        assert table["runs"].sum() == len(found.runs)
        assert list(found.table(by="distance").index) == [
            name
            for name in ("1-3x", "3-10x", "10-30x", "beyond 30x")
            if name in table.index.get_level_values(0)
        ]

    def test_a_fit_is_tested_on_its_own_table_as_it_was_fitted(self, runs, monkeypatch):
        with warnings.catch_warnings(), instant_sampling():
            warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
            fit = bs.fit(runs, "skaling", noise="discrepancy", priors={"E": 1.6}, seed=4)
            found, asked = fit.backtest(), []
            monkeypatch.setattr(
                "bayes_scaling.api.backtest", lambda *args, **options: asked.append((args, options))
            )
            fit.backtest(draws=7)
        assert set(found.runs["method"]) == {"posterior"}
        (((table, law), options),) = asked
        assert table is fit.runs
        assert (law, options["noise"], options["pooling"]) == (fit.law, fit.noise, fit.pooling)
        assert (options["seed"], options["draws"]) == (4, 7)

    def test_a_training_run_is_held_out_as_a_whole(self, runs):
        cells = np.arange(len(runs)) % 5
        table = runs.table.assign(trajectory=cells.astype(str))
        checkpoints = bs.load_runs(table)
        out = checkpoints.table["trajectory"].to_numpy() == "3"
        some = out & (checkpoints.tokens > np.median(checkpoints.tokens[out]))
        cut = make_cuts(checkpoints, {"top": some})[0]["top"]
        assert len(cut.test) == some.sum()
        assert len(cut.train) == (~out).sum()

    def test_too_few_runs_are_refused(self, runs):
        with pytest.raises(bs.InputError, match="cannot be back-tested: above 1: 0 runs are left to fit"):
            bs.backtest(runs, holdout_above=1)

    def test_runs_are_grouped_by_the_column_that_is_named(self, runs):
        table = runs.select(np.arange(len(runs)) < 8).table.assign(corpus=["a", "b"] * 4)
        for given in (table, bs.load_runs(table)):
            with pytest.raises(bs.InputError, match=r"larger half of a: .*larger half of b: "):
                bs.backtest(given, splits="groups", group="corpus")

    def test_an_unknown_split_is_refused(self, runs):
        with pytest.raises(bs.InputError, match="splits is 'random'; expected 'rolling'"):
            bs.backtest(runs, splits="random")


class TestScores:
    def test_of_draws_from_a_normal(self):
        draws = np.random.default_rng(0).normal(1.0, 0.2, (20_000, 1))
        scores = scores_of_draws(draws, np.array([1.1]))
        assert scores.log_density[0] == pytest.approx(stats.norm(1.0, 0.2).logpdf(1.1), abs=0.03)
        assert scores.pit[0] == pytest.approx(stats.norm(1.0, 0.2).cdf(1.1), abs=0.01)
        z = 0.5
        crps = 0.2 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
        assert scores.crps[0] == pytest.approx(crps, rel=0.03)
        assert scores.width[0] == pytest.approx(2 * 1.645 * 0.2, rel=0.03)

    def test_of_a_fit_agree_with_those_of_its_draws(self, single_fit, runs):
        test = runs.select(np.arange(80) < 5)
        ahead = predictive(single_fit, test).scores(bs.Drift(0.0))
        forecast = single_fit.predict(test.params, test.tokens, drift=False)
        draws = np.log(forecast.new_run.to_numpy().reshape(-1, 5))
        np.testing.assert_allclose(scores_of_draws(draws, test.log_loss).pit, ahead.pit, atol=0.06)

    @pytest.mark.parametrize("baseline", [pytest.param(huber_bootstrap, marks=pytest.mark.sampling), laplace])
    def test_baselines_find_the_truth_inside_of_the_data(self, baseline, runs, truth):
        rest, few = runs.select(np.arange(80) >= 10), runs.select(np.arange(80) < 10)
        draws = baseline(bs.LAWS["chinchilla"], rest, few, 1)
        assert np.abs(np.median(draws, 0) - few.log_loss).max() < 0.03


def test_groups_are_matched_by_name(pile_fit):
    """The held-out table lists its groups in another order."""
    runs = bs.datasets.load("pile")
    turned = bs.load_runs(runs.table.iloc[::-1].reset_index(drop=True))
    there, back = (predictive(pile_fit, table).middle.mean(1) for table in (runs, turned))
    np.testing.assert_allclose(there, back[::-1])


def test_pictures(found):
    assert "held-out" in found.plot().get_title(loc="left")  # the picture that the README shows
    axes = bs.plot.misses(found)
    assert "powers of ten" in axes.get_xlabel()


class TestSentences:
    def test_the_first_counts_what_was_covered(self, found):
        own = found.runs[found.runs["method"] == "posterior"]
        inside = np.abs(own["pit"] - 0.5) <= 0.3
        assert f"60% intervals covered {inside.mean():.0%} of {len(own)}; " in found.sentences(0.6)[0]
        assert found.table(0.6).loc["posterior", "coverage 60%"] == inside.mean()
        assert "coverage 60%" not in found.table()
        assert " (Laplace)" in found.sentences()[1]
        assert f"{found.drift.mean:+.1%} (sd {found.drift.sd:.1%})" in found.sentences()[-1]

    def test_cuts_may_be_told_apart(self, found):
        by_cut = found.table(by=["cut", "method"])
        assert by_cut.index.names == ["cut", "method"]
        assert by_cut["runs"].sum() == len(found.runs)

    def test_what_cannot_be_trusted_is_said(self, found):
        poor = dataclasses.replace(
            found, health=found.health.assign(ok=found.health["cut"] != "3x"), left_out={"30x": "too few"}
        )
        assert poor.warnings == [
            "cut 30x was left out: too few",
            "the fit below cut 3x failed its diagnosis: its forecasts cannot be trusted",
        ]
