"""Every quantity of a posterior, with its interval and its meaning."""

import numpy as np
import pytest

from bayes_scaling.inference.summary import meaning, summary


class TestSummary:
    def test_has_the_quantiles_of_the_draws(self, single_fit):
        frame = summary(single_fit, 0.8)
        assert list(frame.columns) == [
            "median", "80% lower", "80% upper", "r_hat", "ess_bulk", "ess_tail", "meaning",
        ]  # fmt: skip
        by_hand = np.quantile(single_fit.posterior["alpha"], [0.5, 0.1, 0.9])
        np.testing.assert_allclose(frame.loc["alpha"].iloc[:3].astype(float), by_hand, rtol=1e-12)

    def test_the_constants_that_papers_print_follow_the_parameters(self, single_fit):
        frame = summary(single_fit)
        assert frame.index.tolist() == ["E", "A", "B", "alpha", "beta", "A_1", "B_1", "a", "sigma", "nu"]
        p = single_fit.posterior
        assert frame.loc["a", "median"] == pytest.approx(
            float((p["beta"] / (p["alpha"] + p["beta"])).median())
        )
        by_hand = float((p["A"] * single_fit.reference["params"] ** p["alpha"]).median())
        assert frame.loc["A_1", "median"] == pytest.approx(by_hand)

    def test_groups_have_a_row_each(self, pile_fit):
        frame = summary(pile_fit)
        p = pile_fit.posterior["E"]
        for i, group in enumerate(pile_fit.groups):
            assert frame.loc[f"E[{group}]", "median"] == pytest.approx(float(p.isel(group=i).median()))
        assert {"E_population", "E_tau", "sigma_tau"} <= set(frame.index)

    def test_every_row_says_what_it_is(self, single_fit, pile_fit):
        for fit in (single_fit, pile_fit):
            assert [name for name, row in summary(fit).iterrows() if not row["meaning"]] == []

    def test_what_sigma_means_depends_on_the_replicates(self, single_fit):
        assert meaning(single_fit, "sigma") == "noise of log loss: seed and lack of fit together"
        assert meaning(single_fit, "A_tau") == "sd of A between groups (log scale)"
        assert meaning(single_fit, "A_population") == "A of a typical group"
