"""What decides whether chains draw on."""

import numpy as np
import pytest

from bayes_scaling.sampling.mixing import fewest_effective, r_hat_below, worst_r_hat


def chains(*offsets, draws=200, spread=1.0):
    return (
        np.random.default_rng(0).standard_normal((len(offsets), draws)) * spread + np.array(offsets)[:, None]
    )


class TestWorst:
    def test_chains_that_agree_and_chains_that_do_not(self):
        assert worst_r_hat({"a": chains(0, 0)}) < 1.02
        assert worst_r_hat({"a": chains(0, 0), "b": chains(0, 3)}) > 1.5

    def test_a_single_element_of_an_array_counts(self):
        both = np.stack([chains(0, 0), chains(0, 3)], axis=-1)
        assert worst_r_hat({"b": both}) == worst_r_hat({"b": both[..., 1]})

    def test_chains_of_unequal_spread_disagree(self):
        unequal = chains(0, 0) * np.array([[1.0], [10.0]])
        assert worst_r_hat({"a": unequal}) > 1.2

    def test_ranks_alone_count(self):
        x = chains(0, 0.5)
        assert worst_r_hat({"a": x}) == pytest.approx(worst_r_hat({"a": np.exp(x)}), rel=0.02)

    def test_the_halves_of_a_single_chain_are_compared(self):
        drifting = np.linspace(0, 3, 200)[None] + chains(0)
        assert worst_r_hat({"a": chains(0)}) < 1.05
        assert worst_r_hat({"a": drifting}) > 1.2

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_not_finite_is_infinite(self, value):
        x = chains(0, 0)
        x[0, 3] = value
        assert worst_r_hat({"a": chains(0, 0), "b": x}) == np.inf

    def test_what_never_moves_is_infinite(self):
        assert worst_r_hat({"a": np.ones((2, 100))}) == np.inf


class TestFewest:
    def test_independent_draws_all_count(self):
        assert fewest_effective({"a": chains(0, 0, 0, 0)}) > 600

    def test_the_worst_element_of_the_worst_quantity_counts(self):
        slow = np.repeat(chains(0, 0, draws=20), 10, axis=1)
        both = np.stack([chains(0, 0), slow], axis=-1)
        assert fewest_effective({"a": chains(0, 0), "b": both}) < 80

    def test_tails_that_hardly_mix_count_although_the_bulk_does(self):
        """Rare excursions that last long: of the middle there are many draws, of the tail there are few."""
        x = chains(0, 0, 0, 0, draws=1000)
        for i, chain in enumerate(x):
            chain[200 * i : 200 * i + 60] = 5 + 0.01 * chain[200 * i : 200 * i + 60]
        assert fewest_effective({"a": x}) < 100

    def test_what_never_moves_does_not_count_and_what_is_not_finite_has_none(self):
        assert fewest_effective({"a": chains(0, 0), "b": np.ones((2, 200))}) > 200
        assert fewest_effective({"a": np.full((2, 200), np.nan)}) == 0


class TestBelow:
    def test_a_limit_is_met_or_not(self):
        together = np.stack([chains(0, 0), chains(0, 0)], axis=-1)
        one_apart = np.stack([chains(0, 0), chains(0, 3)], axis=-1)
        assert r_hat_below(together, 1.03)
        assert not r_hat_below(one_apart, 1.03)

    def test_independent_draws_meet_the_strictest_limit(self):
        """What so few draws differ by is allowed for: chance alone makes none repeat its warm-up."""
        rng = np.random.default_rng(1)
        assert np.mean([r_hat_below(rng.standard_normal((4, 50, 1)), 1.0) for _ in range(100)]) > 0.9

    def test_a_coordinate_that_never_moves_is_not_below(self):
        assert not r_hat_below(np.zeros((2, 100, 1)), 1.03)
