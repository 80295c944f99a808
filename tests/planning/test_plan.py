"""Plans under constraints: what each draw would do, the choice, its forecast, and requests that cannot be met."""

import dataclasses
import re

import numpy as np
import pytest
from helpers import instant_fit, table_of

import bayes_scaling as bs
from bayes_scaling import Hardware, InputError
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.planning.optimise import closed_form


@pytest.fixture(scope="module")
def repeating():
    """A law that knows repetition, with draws around its priors' medians."""
    law = bs.LAWS["muennighoff"]
    medians = {name: float(prior.forward(prior.location)) for name, prior in law.priors.items()}
    runs = bs.load_runs(table_of(law, medians), inputs=("unique_tokens",), name="repeated")
    return instant_fit(runs, "muennighoff")


class TestABudget:
    def test_without_limits_it_is_allocate(self, single_fit):
        plan, best = single_fit.plan(["1e22", "1e24"]), single_fit.allocate(["1e22", "1e24"])
        np.testing.assert_allclose(plan.params, best.params, rtol=1e-12)
        np.testing.assert_allclose(plan.tokens, best.tokens, rtol=1e-12)
        assert plan.params.dims == best.params.dims
        assert plan.warnings == []

    def test_the_search_agrees_with_the_closed_form(self, single_fit):
        blind = dataclasses.replace(single_fit, law=dataclasses.replace(single_fit.law, power_terms=None))
        for options in (
            {},
            {"max_params": "2B"},
            {"max_tokens": "50B"},
            {"max_params": 1e9, "max_tokens": 1e9},
        ):
            found, exact = (fit.plan("1e22", **options) for fit in (blind, single_fit))
            np.testing.assert_allclose(np.log(found.params), np.log(exact.params), rtol=1e-6)

    def test_a_cap_is_kept_and_the_rest_of_the_budget_goes_elsewhere(self, single_fit):
        free = single_fit.plan("1e24")
        capped = single_fit.plan("1e24", max_tokens="100B")
        assert bool((free.tokens > 1e11).all())
        np.testing.assert_allclose(capped.tokens, 1e11)
        np.testing.assert_allclose(capped.flops, 1e24)
        loose = single_fit.plan("1e24", max_tokens="1000T", max_params="1000T")
        np.testing.assert_allclose(loose.params, free.params)

    def test_caps_on_both_leave_budget_and_say_so(self, single_fit):
        plan = single_fit.plan("1e24", max_tokens="100B", max_params="1B")
        np.testing.assert_allclose(plan.flops, 6e20)
        assert plan.warnings == [
            "the caps on parameters and tokens let 6e20 FLOPs be spent at most, and leave up to 9.99e23 FLOPs of the "
            "budget unspent"
        ]

    def test_a_given_model_takes_what_is_left(self, single_fit):
        np.testing.assert_allclose(single_fit.plan("6e22", params="1B").tokens, 1e13)
        np.testing.assert_allclose(single_fit.plan("6e22", tokens="1T").params, 1e10)

    def test_an_uncertain_utilisation_spreads_the_tokens_of_one_model(self, single_fit):
        plan = single_fit.plan(hardware=Hardware(100, "A100", 30, (0.3, 0.5)))
        spent = plan.flops.to_numpy().ravel() / Hardware(100, "A100", 30, 1.0).flops
        np.testing.assert_allclose(np.quantile(spent, [0.05, 0.95]), [0.3, 0.5], atol=0.02)
        assert plan.choice["params"].dims == ("point",)
        np.testing.assert_allclose(6 * plan.choice["tokens"] * plan.choice["params"], plan.flops, rtol=1e-9)
        assert "30% to 50%" in plan.questions[0]

    def test_the_forecast_is_that_of_predict_at_the_choice(self, single_fit):
        plan = single_fit.plan("1e24")
        there = single_fit.predict(float(plan.choice["params"][0]), float(plan.choice["tokens"][0]))
        np.testing.assert_allclose(plan.forecast["mean"], there.mean)
        np.testing.assert_allclose(plan.forecast["drifted"], there.draws("drifted"))
        np.testing.assert_allclose(plan.interval(0.9, "new_run"), there.interval(0.9), rtol=2e-3)


class TestATarget:
    def test_the_least_compute_reaches_it_and_a_little_less_does_not(self, single_fit):
        plan = single_fit.plan(target=[2.1, 2.0], drift=False)
        surface = LossSurface(single_fit, drift=False)
        reached = surface.law(plan.params, plan.tokens)
        np.testing.assert_allclose(reached, np.broadcast_to([2.1, 2.0], reached.shape), rtol=1e-4)
        less = 0.98 * plan.flops
        assert bool((surface.law(*split(surface, less)) > [2.1, 2.0]).all())

    def test_with_drift_it_is_the_drifted_loss_that_reaches_it(self, single_fit):
        plan = single_fit.plan(target=2.05)
        surface = LossSurface(single_fit)
        got = surface.drifted(plan.params, plan.tokens).where(np.isfinite(plan.flops))
        np.testing.assert_allclose(got.to_numpy()[got.notnull()], 2.05, rtol=1e-3)
        alone = single_fit.plan(target=2.05, drift=False).flops
        np.testing.assert_allclose(plan.by_law, alone, rtol=1e-12)

    def test_for_a_given_model_it_is_the_least_data(self, single_fit):
        plan = single_fit.plan(target=2.1, params="10B", drift=False)
        surface = LossSurface(single_fit, drift=False)
        np.testing.assert_allclose(surface.law(1e10, plan.tokens), 2.1, rtol=1e-4)
        assert bool((surface.law(1e10, 0.95 * plan.tokens) > 2.1).all())

    def test_one_below_the_floor_is_answered_in_a_sentence(self, single_fit):
        plan = single_fit.plan(target=1.2, drift=False)
        assert float(plan.answered[0]) == 0
        assert (
            "a loss of 1.2 is out of reach in 100.0% of the draws: within these limits the law ends"
            in plan.warnings[0]
        )
        assert plan.sentences() == ["a loss of 1.2: no answer (see the warnings)"]
        assert plan.table()["flops 90% lower"].tolist() == [np.inf]

    def test_caps_move_the_floor(self, single_fit):
        assert float(single_fit.plan(target=2.1, drift=False).answered[0]) == 1
        assert float(single_fit.plan(target=2.1, max_params="100M", drift=False).answered[0]) == 0

    def test_a_budget_and_a_target_give_its_chance(self, single_fit):
        plan = single_fit.plan("1e24", target=1.95)
        chance = float((plan.forecast["new_run"] <= 1.95).mean())
        assert float(plan.prob_target[0]) == pytest.approx(chance)
        surface = LossSurface(single_fit)
        place = plan.choice["params"], plan.choice["tokens"]
        smooth = surface.prob_below(1.95, surface.drifted(*place), *place)
        assert float(smooth[0]) == pytest.approx(chance, abs=0.04)


class TestMatching:
    def test_a_model_gets_the_data_for_which_it_is_the_best(self, single_fit):
        plan = single_fit.plan(params=["10B", "100B"])
        surface = LossSurface(single_fit)
        np.testing.assert_allclose(split(surface, plan.flops)[0], plan.params, rtol=1e-4)

    def test_and_data_get_their_model(self, single_fit):
        plan = single_fit.plan(tokens="1T")
        np.testing.assert_allclose(split(LossSurface(single_fit), plan.flops)[1], plan.tokens, rtol=1e-4)

    def test_a_gain_is_paired(self, single_fit):
        plan = single_fit.plan(params=["10B", "100B"])
        loss = plan.forecast["drifted"].to_numpy()
        np.testing.assert_allclose(plan.gain(), loss[..., 0] - loss[..., 1])


class TestRepetition:
    def test_tokens_at_hand_are_repeated_where_the_law_knows_it(self, repeating):
        fresh, scarce = repeating.plan("1e23"), repeating.plan("1e23", unique_tokens="5B")
        assert float(scarce.tokens.median()) > 5e9
        surface = LossSurface(repeating, inputs={"unique_tokens": "5B"})
        best = surface.law(scarce.params, scarce.tokens)
        for factor in (0.9, 1.1):
            assert bool((surface.law(factor * scarce.params, scarce.tokens / factor) > best).all())
        assert float(scarce.forecast["mean"].mean()) > float(fresh.forecast["mean"].mean())

    def test_fresh_tokens_are_those_of_a_law_without_repetition(self, repeating):
        plan = repeating.plan("1e22")
        draws = repeating.draws()
        chinchilla = {name: draws[name] for name in bs.LAWS["chinchilla"].parameters}
        at = repeating.reference
        product = 1e22 / (6 * at["params"] * at["tokens"])
        exact = closed_form(bs.LAWS["chinchilla"], chinchilla, product)
        np.testing.assert_allclose(np.log(plan.params[..., 0] / at["params"]), exact, atol=1e-3)
        assert LossSurface(repeating).fresh
        assert plan.warnings == [
            "no token is taken to be repeated; give unique_tokens=... where they are limited"
        ]

    def test_for_another_law_they_are_a_cap(self, single_fit):
        plan = single_fit.plan("1e24", unique_tokens="100B", max_tokens="1T")
        np.testing.assert_allclose(plan.tokens, 1e11)
        assert "does not know what repeated tokens are worth" in plan.warnings[0]


def test_groups_have_a_plan_each(pile_fit):
    plan = pile_fit.plan(target=2.0, drift=False)
    assert plan.params.dims == ("chain", "draw", "group", "point")
    assert plan.table()["group"].tolist() == pile_fit.groups
    assert len(plan.sentences()) == 3


def test_no_optimum_is_a_sentence(single_fit):
    """Five FLOPs do not pay for one parameter and one token."""
    plan = single_fit.plan(5)
    assert float(plan.answered[0]) == 0
    assert "100.0% of the draws have no interior optimum" in plan.warnings[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a plan needs a budget (flops or hardware), a target loss, params or tokens"),
        (
            {"flops": 1e22, "hardware": Hardware(1, "H100", 1)},
            "flops and hardware both give the budget; give one",
        ),
        (
            {"flops": 1e22, "params": 1e9, "tokens": 1e9},
            "params and tokens together leave nothing to plan for a budget",
        ),
        ({"params": "10B", "max_params": "1B", "target": 2}, "params 10B is above max_params 1B"),
        (
            {"flops": [1e22, 1e23], "target": [2, 2.1, 2.2]},
            "questions of unequal length: flops has 2, target has 3",
        ),
        ({"flops": 1e22, "lr": 1}, "law 'chinchilla' has no input 'lr'; it takes no other"),
    ],
)
def test_requests_that_make_no_sense(single_fit, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        single_fit.plan(**options)
