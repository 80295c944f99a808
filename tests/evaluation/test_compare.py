"""Leave-one-out, stacking, and mixtures."""

import dataclasses
import re
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, quiet_fit, simulated_runs, table
from scipy import stats

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.evaluation.compare import compare
from bayes_scaling.evaluation.loo import left_out
from bayes_scaling.evaluation.stacking import stacking_weights


def refuses(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


@pytest.fixture(scope="module")
def kaplan_fit(single_fit):
    """The wrong law on the runs of `single_fit`."""
    return quiet_fit(single_fit.runs, law="kaplan", draws=250, seed=3)


@pytest.fixture(scope="module")
def comparison(single_fit, kaplan_fit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # the wrong law, on few runs
        return compare({"kaplan": kaplan_fit, "chinchilla": single_fit}, refit=False)


class TestStacking:
    def test_a_law_that_is_better_everywhere_takes_all(self):
        better = np.log([[0.9, 0.3], [0.8, 0.1], [0.5, 0.4]])
        np.testing.assert_allclose(stacking_weights(better), [1, 0], atol=1e-6)

    def test_laws_that_complement_each_other_share_as_the_calculus_says(self):
        """w maximises 2 log(p w + q (1-w)) + log(q w + p (1-w)): its derivative vanishes at one w."""
        p, q = 0.9, 0.1
        density = np.array([[p, q], [p, q], [q, p]])
        # 2 (p-q) / (q + (p-q) w) = (p-q) / (p - (p-q) w)
        w = (2 * p - q) / (3 * (p - q))
        np.testing.assert_allclose(stacking_weights(np.log(density)), [w, 1 - w], atol=1e-6)

    def test_the_scale_of_a_configurations_density_does_not_matter(self):
        density = np.log(np.random.default_rng(0).uniform(0.1, 1, (20, 3)))
        shifted = density - np.linspace(0, 2000, 20)[:, None]
        np.testing.assert_allclose(stacking_weights(shifted), stacking_weights(density), atol=1e-9)

    def test_no_other_mixture_is_better(self):
        density = np.random.default_rng(1).uniform(0.1, 1, (30, 3))
        weights = stacking_weights(np.log(density))
        best = np.log(density @ weights).sum()
        others = np.random.default_rng(2).dirichlet(np.ones(3), 2000)
        assert np.all(np.log(density @ others.T).sum(0) <= best + 1e-9)
        assert weights.sum() == pytest.approx(1, abs=1e-12)


class TestCompare:
    def test_the_true_law_comes_first(self, comparison):
        table = comparison.ranking
        assert table.index.tolist() == ["chinchilla", "kaplan"]
        assert table.loc["kaplan", "elpd_diff"] < -2 * table.loc["kaplan", "dse"]
        assert table.loc["chinchilla", "elpd_diff"] == 0
        assert table.loc["chinchilla", "dse"] == 0
        assert comparison.weights("loo")["chinchilla"] > 0.8
        assert sum(comparison.weights("loo").values()) == pytest.approx(1)

    def test_elpd_is_the_sum_of_its_points(self, comparison):
        points = comparison.pointwise
        assert points.shape == (60, 2)
        np.testing.assert_allclose(comparison.ranking["elpd"], points.sum()[comparison.ranking.index])
        np.testing.assert_allclose(
            comparison.ranking["se"], (np.sqrt(60) * points.std(ddof=1))[comparison.ranking.index]
        )

    def test_p_counts_what_the_data_identify(self, comparison):
        """Seven parameters, of which nu is hardly identified."""
        assert 4 < comparison.ranking.loc["chinchilla", "p"] < 9

    def test_leaving_out_in_truth_agrees_with_importance_sampling(self, single_fit, comparison):
        for cluster in np.argsort(comparison.pareto_k["chinchilla"].to_numpy())[:2]:
            ((_, exact),) = left_out(single_fit, [cluster])
            assert exact == pytest.approx(comparison.pointwise["chinchilla"][cluster], abs=0.05)

    def test_a_point_beyond_trust_is_left_out_in_truth(self, single_fit, comparison, monkeypatch):
        """With the bound lowered to the second worst k, the worst configuration is refitted, and no other."""
        k = comparison.pareto_k["chinchilla"].to_numpy()
        monkeypatch.setattr(sys.modules["bayes_scaling.evaluation.loo"], "BAD_K", np.sort(k)[-2])
        reports = []
        refitted = compare(
            {"a": single_fit, "b": single_fit}, ahead=False, progress=lambda *news: reports.append(news)
        )
        assert refitted.ranking["refits"].tolist() == [1, 1]
        changed = refitted.pointwise["a"] != comparison.pointwise["chinchilla"]
        assert np.flatnonzero(changed).tolist() == [np.argmax(k)]
        assert reports == [("refits", 1, 1)] * 2

    def test_one_fit_is_no_comparison(self, single_fit):
        with refuses("compare needs at least two fits of the same table"):
            compare({"chinchilla": single_fit})

    def test_different_runs_are_refused(self, single_fit, pile_fit):
        with refuses("small and pile were fitted to different runs; compare needs the same table"):
            compare({"small": single_fit, "pile": pile_fit})

    def test_the_same_runs_in_other_configurations_are_refused(self, single_fit, truth):
        runs = bs.load_runs(table(truth).assign(trajectory="one"), name="simulated")
        other = dataclasses.replace(single_fit, runs=runs)
        with refuses(
            "a and b see different configurations in the same runs, because their groups differ; "
            "compare needs the same ones to leave out"
        ):
            compare({"a": single_fit, "b": other})


class TestWhatCannotBeCompared:
    """Without a word these had winners, or ended in a ValueError of NumPy."""

    @pytest.fixture
    def curve(self):
        flops = np.geomspace(1e19, 1e22, 8)
        table = pd.DataFrame({"flops": flops, "loss": 0.7 * (flops / 1e20) ** -0.1})
        return lambda groups: bs.load_runs(
            table.assign(group=np.resize(groups, 8)), inputs="flops", name="curves"
        )

    def test_shares_and_losses(self, curve):
        runs = curve(["a"])
        shares, losses = instant_fit(runs, "task_of_compute"), instant_fit(runs, "power_floor:flops")
        with refuses(
            "shares gives the density of a share and losses of a loss, whose sums do not measure the same; "
            "compare laws of one response"
        ):
            compare({"shares": shares, "losses": losses})

    def test_counted_items_and_shares(self, curve):
        """Of counts it is a probability, of shares a density: log(500) a run apart, whatever the law."""
        runs = curve(["a"])
        counted = bs.load_runs(runs.table.assign(items=500), inputs="flops", name="curves")
        one, other = (instant_fit(table, "task_of_compute") for table in (counted, runs))
        with refuses("one and other count test items differently; fit both to one table"):
            compare({"one": one, "other": other})

    def test_a_curve_and_single_runs(self, curve):
        runs = curve(["a", "b", "c", "d"])
        one, other = (instant_fit(runs, "power_floor:flops", noise=noise) for noise in ("curve", "constant"))
        with refuses(
            "leave-one-out would leave out whole groups under noise 'curve' (one) and single configurations under "
            "noise 'constant' (other); fit both with one kind of noise"
        ):
            compare({"one": one, "other": other})

    def test_one_curve_alone(self, curve):
        one, other = (instant_fit(curve(["a"]), law, noise="curve") for law in ("power_floor:flops", "gpt4"))
        with refuses(
            "curves under noise 'curve' is 1 cluster of runs that err together, and leave-one-out needs 3 to leave one "
            "out of; compare how the laws forecast larger runs instead: bs.backtest(runs, law) for each"
        ):
            compare({"one": one, "other": other})


class TestLargerRuns:
    def test_each_law_is_scored_as_its_backtest_scores_it(self, comparison, single_fit):
        options = {
            "noise": "constant",
            "draws": 250,
            "seed": single_fit.provenance["seed"],
            "baselines": False,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # short on purpose
            found = bs.backtest(single_fit.runs, "chinchilla", **options).runs
        by_cut = found.groupby("cut")["log_density"].mean()
        assert comparison.ahead["chinchilla"].to_dict() == pytest.approx(by_cut.to_dict())
        assert comparison.ranking.loc["chinchilla", "ahead"] == pytest.approx(by_cut.mean())

    def test_a_cut_counts_as_one_observation_of_the_weights(self, comparison):
        ahead = pd.DataFrame({"kaplan": [2.0, 2.5], "chinchilla": [2.1, 3.1]}, index=["3x", "10x"])
        weights = dataclasses.replace(comparison, ahead=ahead).weights()
        assert weights["chinchilla"] / weights["kaplan"] == pytest.approx(np.exp(0.7))
        assert sum(weights.values()) == pytest.approx(1)

    def test_without_cuts_laws_weigh_the_same(self, comparison):
        alone = dataclasses.replace(comparison, ahead=comparison.ahead.iloc[:0])
        assert alone.weights() == {"chinchilla": 0.5, "kaplan": 0.5}
        assert alone.sentences()[0].endswith("no larger runs were held out")
        with refuses(
            "no cut of this table leaves runs to fit and larger ones to forecast; mix by 'equal' or 'loo'"
        ):
            alone.weights("ahead")

    def test_a_law_that_fits_best_and_forecasts_worse_is_named(self, comparison):
        assert comparison.sentences()[0].startswith("chinchilla predicts both")
        table = comparison.ranking.assign(ahead=[1.0, 1.4])
        assert (
            dataclasses.replace(comparison, ranking=table)
            .sentences()[0]
            .startswith(
                "chinchilla predicts configurations left out best, but kaplan held-out larger runs (by 0.40 nats a run"
            )
        )

    def test_ranks_within_their_error_are_no_ranks(self, comparison):
        assert not any("does not tell" in warning for warning in comparison.warnings)
        close = comparison.ranking.assign(elpd_diff=[0.0, -3.0], dse=[0.0, 0.5])
        assert dataclasses.replace(comparison, ranking=close).warnings[0] == (
            "leave-one-out does not tell chinchilla from kaplan: they differ by 3.0 (se 0.5) of elpd"
        )

    def test_importance_sampling_that_is_not_trusted_is_said_unless_refitted(self, comparison):
        k = comparison.pareto_k.assign(chinchilla=0.1, kaplan=[0.8] * 3 + [0.2] * 57)
        poor = dataclasses.replace(comparison, pareto_k=k)
        assert "3 under kaplan; leave them out by refits" in poor.warnings[-1]
        refitted = comparison.ranking.assign(refits=[0, 3])
        assert dataclasses.replace(poor, ranking=refitted).untrusted == []

    def test_an_unknown_mixture_is_refused(self, comparison):
        with refuses("laws are mixed by 'waic'; expected 'ahead', 'equal' or 'loo'"):
            comparison.weights("waic")


class TestMixture:
    def weighted(self, comparison, *weights):
        with np.errstate(divide="ignore"):
            ahead = pd.DataFrame([np.log(weights)], columns=list(comparison.ranking.index), index=["3x"])
        return dataclasses.replace(comparison, ahead=ahead)

    def test_of_one_law_alone_is_that_law(self, comparison, single_fit, kaplan_fit):
        for weights, fit in (((1.0, 0.0), single_fit), ((0.0, 1.0), kaplan_fit)):
            mixed = self.weighted(comparison, *weights).predict("100B", "2T")
            alone = fit.predict("100B", "2T")
            np.testing.assert_array_equal(mixed.mean, alone.mean)
            np.testing.assert_array_equal(mixed.new_run, alone.new_run)

    def test_takes_each_draw_from_one_law(self, comparison, single_fit, kaplan_fit):
        mixed = self.weighted(comparison, 0.7, 0.3).predict("100B", "2T").mean
        first, second = (fit.predict("100B", "2T").mean for fit in (single_fit, kaplan_fit))
        assert bool(((mixed == first) | (mixed == second)).all())
        share = float((mixed == first).mean())
        assert stats.binomtest(round(share * 1000), 1000, 0.7).pvalue > 0.001

    def test_its_interval_lies_around_both(self, comparison, single_fit, kaplan_fit):
        mixed = self.weighted(comparison, 0.5, 0.5).predict("100B", "2T").mean
        both = [float(fit.predict("100B", "2T").mean.mean()) for fit in (single_fit, kaplan_fit)]
        assert min(both) < float(mixed.mean()) < max(both)

    def test_of_fits_of_unequal_length_has_the_draws_of_the_shorter(self, comparison, single_fit, kaplan_fit):
        fits = {"chinchilla": single_fit, "kaplan": shortened(kaplan_fit, 100)}
        mixed = dataclasses.replace(self.weighted(comparison, 0.5, 0.5), fits=fits).predict("100B", "2T")
        assert mixed.mean.sizes == {"chain": 4, "draw": 100, "point": 1}
        assert bool(np.isfinite(mixed.new_run).all())

    def test_of_a_pooled_and_a_hierarchical_fit_has_their_groups(self, comparison, single_fit, pile_fit):
        fits = {"kaplan": pile_fit, "chinchilla": single_fit}
        mixed = dataclasses.replace(comparison, fits=fits).predict("1B", "300B")
        assert mixed.mean.dims == ("chain", "draw", "group", "point")


def shortened(fit, draws):
    tree = fit.tree.copy()
    tree["posterior"] = tree["posterior"].to_dataset().isel(draw=slice(draws))
    return dataclasses.replace(fit, tree=tree)


def test_simulated_tables_are_centred_where_they_say(truth):
    assert simulated_runs(truth).reference["params"] == pytest.approx(5e8, rel=1e-9)
