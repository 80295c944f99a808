"""Variants against a baseline: effective speedups, chances, verdicts."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, refuses, with_posterior
from scipy.special import ndtr

import bayes_scaling as bs
from bayes_scaling.planning.speedups import settled
from bayes_scaling.planning.variants import rungs

E, ALPHA = 1.6, 0.15
LAW = f"gpt4@E={E}@alpha={ALPHA}"
LOSSES = {"base": 1.0, "better": 0.97, "worse": 1.02}
"""What the reducible loss of each variant is multiplied by."""


def ladder(budgets=(1e19, 1e20, 1e21)):
    rows = [
        {"flops": c, "loss": E + 0.8 * times * (c / 1e20) ** -ALPHA, "variant": name}
        for name, times in LOSSES.items()
        for c in budgets
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fit():
    runs = bs.load_runs(ladder(), group="variant", inputs=("flops",))
    return instant_fit(runs, LAW, **bs.for_variants(LAW))


class TestTheSpeedup:
    def test_a_pinned_law_has_the_closed_form_at_every_budget(self, fit):
        """((L_worse - E) / (L_better - E))^(1 / alpha), draw by draw."""
        found = fit.gate("base", at="1e24")
        loss = fit.predict(flops=found.budgets.to_numpy(), drift=False).mean
        for name in ("better", "worse"):
            ratio = (loss.sel(group="base") - E) / (loss.sel(group=name) - E)
            wanted = (ratio ** (1 / ALPHA)).transpose("chain", "draw", "point")
            np.testing.assert_allclose(found.speedup.sel(group=name), wanted, rtol=1e-6)
        spread = found.speedup.max("point") / found.speedup.min("point")
        np.testing.assert_allclose(spread, 1.0, rtol=1e-6)

    def test_under_a_law_of_both_it_is_along_the_ladders_ratio(self, pile_fit):
        found = pile_fit.gate("cerebras", rungs=["1e21", "1e22"])
        ratio = float(np.exp(np.log(pile_fit.runs.tokens / pile_fit.runs.params).mean()))
        params = np.sqrt(found.budgets.to_numpy() / 6 / ratio)
        reached = pile_fit.predict(params, params * ratio, group="pythia", drift=False).drifted
        needed = found.speedup.sel(group="pythia") * found.budgets
        one = needed.isel(chain=0, draw=0).to_numpy()
        params = np.sqrt(one / 6 / ratio)
        base = pile_fit.predict(params, params * ratio, group="cerebras", drift=False).drifted
        np.testing.assert_allclose(base[0, 0], reached[0, 0], rtol=1e-4)

    def test_a_loss_below_the_baselines_floor_is_never_reached(self, fit):
        runs = bs.load_runs(ladder(), group="variant", inputs=("flops",))
        own = instant_fit(runs, "gpt4@alpha=0.15", pooling={"E": "partial", "A": "complete"})
        floors = own.posterior["E"].copy(deep=True)
        floors.loc[{"group": "better"}] = 0.5
        floors.loc[{"group": "base"}] = 3.0
        found = with_posterior(own, E=floors.to_numpy()).gate("base", at="1e30")
        assert np.isinf(found.speedup.sel(group="better").isel(point=-1)).all()
        assert any(
            said.startswith("base has the losses of better at no budget, by its law")
            for said in found.warnings
        )


class TestTheDecision:
    def test_a_rung_is_its_budget_to_the_last_digit(self):
        assert rungs(np.array([1e20, 1e19, 3e18, 1e19, 1e19])).tolist() == [3e18, 1e19, 1e20]
        assert rungs(np.array([1.01e19, 1e19])) == pytest.approx([1.005e19], rel=1e-3)

    def test_rungs_are_the_baselines_budgets_and_the_next_goes_on_as_they_do(self, fit):
        found = fit.gate("base", at="1e23")
        np.testing.assert_allclose(found.budgets, [1e19, 1e20, 1e21, 1e23])
        np.testing.assert_allclose(found.rungs, [1e19, 1e20, 1e21, 1e22])
        assert set(found.confirmed["group"].to_numpy()) == {"better", "worse"}
        assert bool(((found.confirmed >= 0) & (found.confirmed <= 1)).all())

    def test_the_verdict_goes_by_the_chance_of_the_threshold(self, fit):
        speedup = fit.gate("base").speedup.isel(point=-1)
        for q, verdict in ((0.95, "drop"), (0.05, "promote"), (0.5, "train")):
            threshold = float(speedup.sel(group="better").quantile(q))
            again = fit.gate("base", threshold=threshold)
            assert again.verdicts["better"] == verdict
            said = next(s for s in again.sentences() if s.startswith("better"))
            assert said.startswith(f"better: {verdict}; its speedup over base is ")

    def test_the_first_sentence_names_what_to_promote(self, fit):
        found = fit.gate("base", threshold=1e-3)
        assert found.sentences()[0] == (
            f"At 1e21 FLOPs promote {', '.join(found.verdicts)}; train none further and drop none of 2"
        )
        assert fit.gate("base", threshold=1e3).sentences()[0] == (
            "At 1e21 FLOPs promote none; train none further and drop 2 of 2"
        )

    def test_the_rung_to_buy_is_the_cheapest_that_probably_settles_it(self, fit):
        found = fit.gate("base")
        chances = {"better": [0.2, 0.6, 0.7, 0.9], "worse": [0.1, 0.2, 0.4, 0.3]}
        settles = found.settles.copy(data=[chances[str(name)] for name in found.settles["group"].to_numpy()])
        for verdict, wanted in (
            ("train", {"better": 1e20, "worse": 1e21}),
            ("promote", dict.fromkeys(("better", "worse"), 1e22)),
            ("drop", dict.fromkeys(("better", "worse"), np.nan)),
        ):
            threshold = {"train": 1.0, "promote": 1e-3, "drop": 1e3}[verdict]
            again = dataclasses.replace(found, settles=settles, threshold=threshold)
            assert set(again.verdicts.values()) == {verdict}
            assert again.next_rungs == pytest.approx(wanted, nan_ok=True)

    def test_the_best_comes_first(self, fit):
        table = fit.gate("base", at="1e23").table()
        last = table.groupby("variant", sort=False)["speedup"].last()
        assert last.is_monotonic_decreasing
        assert list(fit.gate("base", at="1e23").verdicts) == list(last.index)

    def test_a_far_target_and_variants_that_are_not_pooled_are_warnings(self, fit):
        assert "3.0 decades beyond the runs" in fit.gate("base", at="1e24").warnings[0]
        assert fit.gate("base").warnings == []
        alone = instant_fit(fit.runs, LAW, pooling="none").gate("base")
        assert "the best-looking one is overrated" in alone.warnings[0]


class TestWhatIsRefused:
    def test_a_baseline_that_is_no_group(self, fit):
        with refuses("no group 'gpt' to be the baseline; the groups of this fit are base, better, worse"):
            fit.gate("gpt")

    def test_groups_that_share_the_law(self, fit):
        alike = instant_fit(fit.runs, LAW, pooling="complete")
        with pytest.raises(bs.InputError, match="there are no variants to compare"):
            alike.gate("base")

    def test_a_threshold_that_is_no_speedup(self, fit):
        with refuses("threshold is -1; expected a speedup, as 1.05"):
            fit.gate("base", threshold=-1)

    def test_tokens_per_param_of_a_law_of_compute(self, fit):
        with refuses(f"law {LAW!r} takes flops alone, and no tokens_per_param"):
            fit.gate("base", tokens_per_param=20)


def of(rows, **options):
    """A fit of a table of variants."""
    runs = bs.load_runs(pd.DataFrame(rows), group="variant", inputs=("flops",))
    return instant_fit(runs, "gpt4", **bs.for_variants("gpt4"), **options)


class TestWhatIsSaidOfATable:
    def test_one_rung_leaves_the_exponent_to_its_prior(self):
        (said,) = of(ladder([1e20])).gate("base").warnings
        assert said.startswith(
            "all runs are of one rung, which says nothing of alpha: speedups rest on the prior"
        )

    def test_variants_trained_at_other_budgets(self):
        rows = ladder()
        rows.loc[rows["variant"] == "worse", "flops"] *= 1e4
        found = of(rows).gate("base")
        assert (
            "no run of worse (flops 1e23 to 1e25) has a budget among those of base (1e19 to 1e21): they are "
            "compared by the law alone"
        ) in found.warnings

    def test_losses_that_rise(self):
        rows = ladder()
        rows.loc[2, "loss"] = 4.0
        found = of(rows).gate("base")
        assert "the loss of base rises from 2.4 at flops 1e20 to 4 at 1e21" in found.warnings[0]

    @pytest.mark.parametrize(("alpha", "said"), [(0.15, False), (0.25, True)])
    def test_curves_that_are_not_parallel(self, alpha, said):
        """Three seeds at each rung know the exponent of one from that of the other."""
        rng, rows = np.random.default_rng(5), []
        for name, own in (("base", 0.15), ("other", alpha)):
            for c in np.repeat([1e19, 1e20, 1e21], 3):
                loss = (1.6 + 0.8 * (c / 1e20) ** -own) * np.exp(0.003 * rng.standard_normal())
                rows.append({"flops": c, "loss": loss, "variant": name})
        found = of(rows).gate("base").warnings
        assert any("curves of the variants are not parallel" in warning for warning in found) == said

    def test_rungs_of_several_sizes_under_a_law_of_compute(self):
        rows = ladder().assign(params=lambda t: np.sqrt(t["flops"] / 120))
        rows["tokens"] = rows["flops"] / 6 / rows["params"]
        assert of(rows).gate("base").warnings == []
        rows.loc[rows["variant"] == "worse", "params"] *= 2
        rows["tokens"] = rows["flops"] / 6 / rows["params"]
        (said,) = of(rows).gate("base").warnings
        assert said.startswith(
            "runs of one rung differ in tokens per parameter, and law 'gpt4' knows compute alone"
        )


class TestTheNextRung:
    def test_the_chance_of_settling_is_that_of_simulated_outcomes(self):
        """Draws that are normal: outcomes drawn, the posterior given each, and how often it is sure."""
        rng = np.random.default_rng(3)
        value = 0.06 + 0.05 * rng.standard_normal(4000)
        shown, noise, sure, threshold = -0.15 * value, 0.004**2, 0.9, 1.05
        seen = shown + 0.004 * rng.standard_normal(4000)
        precision = 1 / 0.05**2 + 0.15**2 / noise
        mean = (0.06 / 0.05**2 - 0.15 * seen / noise) / precision
        above = ndtr((mean - np.log(threshold)) * np.sqrt(precision))
        wanted = np.mean((above >= sure) | (above <= 1 - sure))
        found = settled(np.exp(value)[:, None], shown[:, None, None], np.full((1, 1), noise), threshold, sure)
        assert 0.2 < wanted < 0.8
        assert float(found[0, 0]) == pytest.approx(wanted, abs=0.03)

    def test_a_run_that_says_nothing_settles_nothing(self):
        value = np.random.default_rng(3).normal(0.06, 0.05, 500)
        found = settled(np.exp(value)[:, None], np.zeros((500, 1, 1)), np.full((1, 1), 1e-5), 1.05, 0.9)
        assert float(found[0, 0]) == 0.0


def test_variants_share_all_but_their_amplitudes():
    settings = bs.for_variants("chinchilla")
    assert settings["pooling"] == {
        "E": "complete", "A": "partial", "B": "partial", "alpha": "complete", "beta": "complete", "sigma": "complete",
    }  # fmt: skip
    assert settings["noise"] == "constant"
    assert settings["priors"]["A"].group_spread == 0.04
    assert settings["priors"]["A"].median == bs.LAWS["chinchilla"].priors["A"].median


def test_priors_of_ones_own_go_with_it():
    own = {"E": 1.6, "A": bs.LogNormal(0.5, 0.2), "alpha": bs.LogNormal(0.15, 0.05)}
    settings = bs.for_variants("gpt4", own)
    assert settings["priors"] == {**own, "A": bs.LogNormal(0.5, 0.2, between=0.04)}
    assert "E" not in settings["pooling"]
    wide = {"A": bs.LogNormal(0.5, 0.2, between=0.3)}
    assert bs.for_variants("gpt4", wide)["priors"] == wide
    with refuses("law 'gpt4@A=0.5' has no amplitude that is not pinned, in which variants could differ; pin others, or "
                 "take another law: gpt4 is E + A C^-alpha"):  # fmt: skip
        bs.for_variants("gpt4", {"A": 0.5})
