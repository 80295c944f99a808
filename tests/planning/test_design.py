"""Which runs to train next: the updates, the choice, replicates, and what is refused."""

import itertools
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.planning.design.batches import State, best_batch, reweighted_sd
from bayes_scaling.planning.design.outcomes import Outcomes

matplotlib.use("agg")


@pytest.fixture(scope="module")
def gaussian():
    """Draws of a line (two normal parameters), what five points of it would show, and its value far off."""
    rng = np.random.default_rng(1)
    beta = rng.multivariate_normal([0, 0], [[1, 0.3], [0.3, 0.5]], 20_000)
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    shown = beta[:, :1] + beta[:, 1:] * x
    q = beta[:, 0] + 4 * beta[:, 1]
    return beta, x, q, shown


def exact(beta, x, batch, seed, lack):
    """Posterior variance of the value at 4 by the textbook: a Gaussian with a correlated noise matrix."""
    prior = np.cov(beta.T)
    design = np.stack([np.ones(len(batch)), x[batch]], axis=1)
    noise = np.diag(seed[batch]) + np.where(np.equal.outer(batch, batch), lack, 0.0)
    posterior = np.linalg.inv(np.linalg.inv(prior) + design.T @ np.linalg.solve(noise, design))
    at = np.array([1.0, 4.0])
    return at @ posterior @ at


class TestUpdates:
    seed, lack = np.full(5, 0.3), np.full(5, 0.1)

    @pytest.mark.parametrize("batch", [[0], [4, 4, 4], [0, 4, 2, 0]])
    def test_they_are_bayes_theorem_for_a_gaussian(self, gaussian, batch):
        beta, x, q, shown = gaussian
        state = State.of(q, Outcomes(shown, self.seed, self.lack))
        assert state.after(batch) == pytest.approx(exact(beta, x, batch, self.seed, 0.1), rel=1e-6)

    def test_a_replicate_tells_less_than_a_twin_elsewhere_where_the_law_may_miss(self, gaussian):
        *_, q, shown = gaussian
        twins = np.concatenate([shown, shown[:, 4:]], axis=1)  # the same prediction under another name
        state = State.of(q, Outcomes(twins, np.full(6, 0.05), np.full(6, 0.3)))
        assert state.after([4, 5]) < state.after([4, 4]) * 0.95
        state = State.of(q, Outcomes(twins, np.full(6, 0.35), np.full(6, 1e-12)))
        assert state.after([4, 5]) == pytest.approx(state.after([4, 4]))

    @pytest.mark.parametrize("batch", [[4], [0, 4, 4]])
    def test_reweighting_agrees_where_all_is_gaussian(self, gaussian, batch):
        *_, q, shown = gaussian
        linear = np.sqrt(State.of(q, Outcomes(shown, self.seed, self.lack)).after(batch))
        drawn = reweighted_sd(q, Outcomes(shown, self.seed, self.lack), batch, 3)
        assert drawn == pytest.approx(linear, rel=0.05)

    def test_too_few_draws_give_no_answer(self, gaussian):
        *_, q, shown = gaussian
        assert np.isnan(
            reweighted_sd(q[:300], Outcomes(shown[:300], self.seed * 1e-6, self.lack * 1e-6), [0, 4], 3)
        )


class TestChoice:
    def test_it_is_near_the_best_of_all_batches(self, gaussian):
        *_, q, shown = gaussian
        cost = np.array([1.0, 2.0, 3.0, 4.0, 6.0])
        state = State.of(q, Outcomes(shown, np.full(5, 0.5), np.full(5, 0.05)))
        for budget in (6.0, 10.0, 14.0):
            every = (
                list(batch)
                for size in range(1, 8)
                for batch in itertools.combinations_with_replacement(range(5), size)
                if cost[list(batch)].sum() <= budget
            )
            ideal = min(state.after(batch) for batch in every)
            chosen = best_batch(state, cost, budget, 7)
            assert cost[chosen].sum() <= budget
            assert state.after(chosen) <= 1.1 * ideal

    def test_what_tells_nothing_is_not_bought(self, gaussian):
        *_, q, _ = gaussian
        other = np.random.default_rng(5).standard_normal((len(q), 3))
        assert best_batch(State.of(q, Outcomes(other, np.ones(3), np.ones(3))), np.ones(3), 10, 5) == []


@pytest.fixture(scope="module")
def found(single_fit):
    return single_fit.design("1e21", optimum_at="1e24")


class TestDesign:
    def test_it_stays_within_the_budget_and_beats_what_was_known(self, found):
        assert found.cost == pytest.approx(found.runs["flops"].sum())
        assert found.cost <= 1e21
        assert found.after < found.before
        assert found.after <= found.grid
        assert found.regret[1] < found.regret[0]
        assert (np.diff(np.r_[found.before, found.runs["sd"]]) < 0).all()
        assert found.runs["sd"].iloc[-1] == pytest.approx(found.after)
        shares = found.table()
        assert shares["runs"].sum() == len(found.runs)
        assert shares["removed"].sum() == pytest.approx(1 - (found.after / found.before) ** 2)

    def test_replicates_are_named(self, found):
        again = found.runs.duplicated(["params", "tokens"])
        assert (found.runs["what"] == np.where(again, "replicate", "new configuration")).all()

    def test_the_reweighted_draws_say_about_the_same(self, found):
        assert np.isnan(found.reweighted) or found.reweighted == pytest.approx(found.after, rel=0.35)

    def test_more_money_tells_more(self, single_fit, found):
        poor = single_fit.design("1e20", optimum_at="1e24")
        assert poor.after > found.after

    def test_a_loss_to_come_wants_larger_runs(self, single_fit):
        """The drift beyond the data is learnt only by going there."""
        far = single_fit.design("1e23", loss_at=("30B", "600B"), max_runs=6)
        assert far.after < 0.9 * far.before
        assert far.runs["flops"].max() > 10 * single_fit.runs.flops.max()
        assert far.goal == "log loss at 30B and 600B tokens"

    def test_groups_are_told_apart_by_runs_of_both(self, pile_fit):
        groups = pile_fit.groups[:2]
        found = pile_fit.design("1e22", winner_at="1e23", groups=groups, max_runs=8)
        assert set(found.candidates["group"]) == set(groups)
        assert found.after < found.before

    def test_ones_own_candidates(self, single_fit):
        table = pd.DataFrame({"params": ["500M", "1B"], "tokens": ["10B", "20B"]})
        found = single_fit.design("1e21", optimum_at="1e23", candidates=table, max_runs=3)
        assert set(found.runs["params"]) <= {5e8, 1e9}
        assert len(found.candidates) == 2

    def test_the_sentence_and_the_picture(self, found):
        [sentence] = found.sentences()
        assert sentence.startswith(f"{len(found.runs)} runs (")
        assert "log N_opt at 1e24 FLOPs" in sentence
        plane, falling = bs.plot.panels(bs.plot.design(found, ax=Figure().subplots()))
        assert plane.get_xlabel() == "model size N (parameters)"
        assert plane.get_ylabel() == "training data D (tokens)"
        assert falling.get_xlabel().endswith("(FLOPs)")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "give exactly one of optimum_at, loss_at, winner_at; got none"),
            (
                {"optimum_at": 1e23, "winner_at": 1e23},
                "give exactly one of optimum_at, loss_at, winner_at; got opt",
            ),
            ({"loss_at": 3}, "loss_at is 3; expected params and tokens, as ('70B', '2T')"),
            ({"winner_at": 1e23}, "name the two groups to tell apart, of all"),
            ({"optimum_at": 1e23, "group": "b"}, "no group 'b' in this fit; its groups are all"),
            ({"optimum_at": 1e23, "max_runs": 0}, "max_runs is 0; expected a whole number from 1 on"),
            (
                {"optimum_at": 1e23, "candidates": {"params": [1e12], "tokens": [1e13]}},
                "no candidate costs at most 5e+20 FLOPs",
            ),
            ({"optimum_at": 1e23, "candidates": {"params": [1e9]}}, "candidates have no column 'tokens'"),
        ],
    )
    def test_what_cannot_be_is_refused(self, single_fit, options, message):
        with pytest.raises(InputError, match=f"^{re.escape(message.replace('5e+20', '5e20'))}"):
            single_fit.design(1e21, **options)

    def test_runs_far_below_all_that_were_trained_are_not_proposed(self, single_fit):
        """A law read a thousandfold below its data would call them very telling."""
        with pytest.raises(InputError, match="a new run may cost 5e2 FLOPs at most, and the smallest of"):
            single_fit.design(1e3, optimum_at=1e23)


class TestBeforeAnyRun:
    def test_the_grid_costs_what_it_may(self):
        grid = bs.isoflop_grid("1e20", profiles=3, sizes=5)
        assert len(grid) == 15
        assert grid["flops"].sum() == pytest.approx(1e20)
        np.testing.assert_allclose(6 * grid["params"] * grid["tokens"], grid["flops"])

    def test_profiles_are_as_wide_as_the_prior(self):
        wide, narrow = (bs.isoflop_grid("1e20", prob=p)["params"] for p in (0.8, 0.3))
        assert np.log(wide.max() / wide.min()) > 2 * np.log(narrow.max() / narrow.min())
        sure = bs.LAWS["chinchilla"].with_priors(
            {n: bs.LogNormal(0.3, 0.01) for n in ("A", "B", "alpha", "beta")}
        )
        own = bs.isoflop_grid("1e20", sure, profiles=3, sizes=3)
        middle = own.iloc[4]
        assert middle["tokens"] / middle["params"] == pytest.approx(20, rel=0.05)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"law": "farseer"}, "law 'farseer' has no optimum in closed form"),
            ({"sizes": 2}, "profiles=4, sizes=2"),
        ],
    )
    def test_what_cannot_be_is_refused(self, options, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}"):
            bs.isoflop_grid("1e20", **options)
