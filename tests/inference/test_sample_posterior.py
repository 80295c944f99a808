"""Fits: what is refused, what is warned of, and how they describe themselves."""

import dataclasses
import re

import numpy as np
import pytest
from helpers import refuses, simulated_runs, table

import bayes_scaling as bs
from bayes_scaling import DoubtfulFitWarning, LogNormal
from bayes_scaling.model.noise import NOISES


class TestFitting:
    def test_chains_that_have_not_converged_are_warned_of(self, single_fit):
        with pytest.warns(DoubtfulFitWarning) as caught:
            bs.fit(single_fit.runs, draws=10, chains=2, max_warmup=100, seed=1)
        found = [str(warning.message) for warning in caught]
        assert any(
            re.fullmatch(r"\w+ has only \d+ effective draws \(at least 400 wanted\): draw more", s)
            for s in found
        )
        assert all(warning.filename == __file__ for warning in caught), "the warning points at the caller"

    def test_a_group_is_a_column(self, single_fit):
        message = (
            "cannot group simulated by 'corpus': there is no such column; choose one of params, tokens, loss."
        )
        with refuses(message):
            bs.fit(single_fit.runs, group="corpus")

    def test_no_group_may_be_called_new(self, truth):
        runs = table(truth, n=12).assign(group=["old", "new"] * 6)
        with refuses(
            "the table has a group called 'new', the word for a group not seen yet; give it another label"
        ):
            bs.fit(runs, "chinchilla")

    @pytest.mark.parametrize("name", ["draws", "chains", "max_warmup"])
    def test_less_than_one_draw_is_refused(self, single_fit, name):
        with refuses(f"{name} is 0; expected a whole number from 1 on"):
            bs.fit(single_fit.runs, **{name: 0})

    @pytest.mark.parametrize("target", [0, 1, 1.5])
    def test_a_target_acceptance_that_is_no_probability_is_refused(self, single_fit, target):
        with refuses(f"target_accept is {target}; expected a number between 0 and 1"):
            bs.fit(single_fit.runs, target_accept=target)

    def test_an_unknown_law_noise_or_prior_is_refused(self, single_fit):
        laws = ", ".join(sorted(bs.LAWS))
        with refuses(f"unknown law 'kaplam': did you mean 'kaplan'? the laws are {laws}"):
            bs.fit(single_fit.runs, law="kaplam")
        with refuses(f"unknown noise 'loud'; expected {str([*NOISES])[1:-1]} or a Noise"):
            bs.fit(single_fit.runs, noise="loud")
        with refuses("law 'chinchilla' has no parameter 'k'; its parameters are E, A, B, alpha, beta"):
            bs.fit(single_fit.runs, "chinchilla", priors={"k": LogNormal(1.0, 1.0)})

    def test_provenance_says_how_to_do_it_again(self, single_fit):
        p = single_fit.provenance
        assert (p["law"], p["seed"], p["draws"], p["chains"]) == ("chinchilla", 3, 250, 4)
        assert p["versions"]["bayes-scaling"] == bs.__version__

    def test_a_fit_shows_itself_in_a_line(self, single_fit):
        assert repr(single_fit) == f"Fit(chinchilla on {single_fit.runs!r})"

    def test_another_column_can_be_the_group(self, truth):
        runs = table(truth, n=12).assign(corpus=["a"] * 11 + ["b"])
        with pytest.raises(DoubtfulFitWarning, match="group 'b' has one run"):
            bs.fit(runs, group="corpus")

    def test_a_pooled_fit_answers_for_each_of_its_groups(self, single_fit, truth):
        """Complete pooling leaves the posterior of a single group, whatever the groups of the table."""
        runs = bs.load_runs(table(truth).assign(group=["a", "b", "c"] * 20))
        pooled = dataclasses.replace(single_fit, runs=runs)
        assert not pooled.hierarchical
        here, there = pooled.predict(1e9, 1e10, group="b").mean, single_fit.predict(1e9, 1e10).mean
        np.testing.assert_array_equal(here, there)
        with refuses("no group 'd' in this fit; its groups are a, b, c, or 'new'"):
            pooled.predict(1e9, 1e10, group="d")


def test_runs_from_a_frame_and_from_runs_are_the_same(truth):
    one, other = bs.load_runs(table(truth)), simulated_runs(truth)
    np.testing.assert_array_equal(one.loss, other.loss)
