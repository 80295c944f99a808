"""Verdicts on posteriors, in sentences."""

import dataclasses
import re

import numpy as np
import pytest
from helpers import change, with_posterior

from bayes_scaling import Diagnosis, InputError
from bayes_scaling.inference.diagnostics import _e_bfmi, diagnose


class TestConvergence:
    def test_independent_draws_pass(self, calm):
        diagnosis = diagnose(calm)
        assert diagnosis.ok
        assert diagnosis.failures == ()
        assert diagnosis.raise_if_bad() is diagnosis
        assert str(diagnosis).startswith("The chains converged: R-hat 1.0")
        assert diagnosis.divergences == 0

    def test_chains_that_disagree_are_named(self, calm):
        shifted = calm.posterior["beta"].to_numpy() + np.array([0, 0, 0, 1.0])[:, None]
        diagnosis = diagnose(with_posterior(calm, beta=shifted))
        assert not diagnosis.ok
        assert re.fullmatch(
            r"the chains disagree about beta \(R-hat \d\.\d{3}, at most 1\.01 wanted\): they may lie in several .*",
            diagnosis.failures[0],
        )
        assert re.fullmatch(
            r"beta has only \d+ effective draws \(at least 400 wanted\): draw more", diagnosis.failures[1]
        )
        assert str(diagnosis).startswith("The chains did NOT converge: R-hat ")

    def test_chains_that_hardly_disagree_are_to_run_on(self, calm):
        shifted = calm.posterior["beta"].to_numpy() + np.array([0, 0, 0, 0.01])[:, None]
        found = diagnose(with_posterior(calm, beta=shifted)).failures[0]
        assert re.fullmatch(
            r"the chains disagree about beta \(R-hat 1\.0\d{2}, at most 1\.01 wanted\): draw more", found
        )

    def test_a_failure_raises_when_asked(self, calm):
        shifted = calm.posterior["beta"].to_numpy() + np.array([0, 0, 0, 1.0])[:, None]
        diagnosis = diagnose(with_posterior(calm, beta=shifted))
        message = "the fit failed its diagnosis: " + "; ".join(diagnosis.failures)
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            diagnosis.raise_if_bad()

    def test_draws_that_stick_are_counted_as_few(self, calm):
        stuck = np.repeat(calm.posterior["E"].to_numpy()[:, ::10], 10, axis=1)
        found = diagnose(with_posterior(calm, E=stuck)).failures
        assert any(s.startswith("E has only ") for s in found)
        assert any(s.startswith("the tails of E rest on ") for s in found)

    def test_draws_that_are_not_numbers_are_the_worst_of_all(self, calm):
        broken = calm.posterior["A"].to_numpy().copy()
        broken[0, 0] = np.nan
        found = diagnose(with_posterior(calm, A=broken)).failures
        assert found[0] == "the chains disagree about A (R-hat nan, at most 1.01 wanted): draw more"

    @pytest.mark.parametrize(("count", "says"), [(2, []), (3, ["3 divergent transitions (0.3%)"])])
    def test_more_than_two_in_a_thousand_divergences(self, calm, count, says):
        diverging = np.zeros((4, 250), bool)
        diverging[1, :count] = True
        diagnosis = diagnose(with_posterior(calm, {"diverging": diverging}))
        assert diagnosis.divergences == count
        assert list(diagnosis.failures) == [s + ": parts of the posterior were not reached" for s in says]

    def test_energy_that_wanders(self, calm):
        energy = np.cumsum(np.random.default_rng(1).standard_normal((4, 250)), axis=1)
        diagnosis = diagnose(with_posterior(calm, {"energy": energy, "energy_change": change(energy)}))
        assert diagnosis.e_bfmi < 0.3
        assert diagnosis.failures == (
            f"E-BFMI is {diagnosis.e_bfmi:.2f} (at least 0.3 wanted): the tails were explored slowly",
        )

    def test_a_quantity_of_a_group_is_named_with_it(self, pile_fit):
        broken = pile_fit.posterior["B"].to_numpy().copy()
        broken[:, :, 1] += 10 * np.arange(4)[:, None]
        found = diagnose(with_posterior(pile_fit, B=broken)).failures
        assert found[0].startswith("the chains disagree about B[pythia] (R-hat ")


class TestEnergy:
    def test_independent_energies_have_two(self):
        energy = np.random.default_rng(0).standard_normal((2, 20_000))
        np.testing.assert_allclose(_e_bfmi(energy, change(energy)), [2, 2], rtol=0.03)

    def test_of_a_known_autocorrelation(self):
        """For an autoregression with coefficient r the differences have variance 2 (1 - r)."""
        rng, r, n = np.random.default_rng(1), 0.9, 50_000
        energy = np.empty((1, n))
        energy[0, 0] = rng.standard_normal()
        for i in range(1, n):
            energy[0, i] = r * energy[0, i - 1] + np.sqrt(1 - r**2) * rng.standard_normal()
        np.testing.assert_allclose(_e_bfmi(energy, change(energy)), [2 * (1 - r)], rtol=0.05)

    def test_by_hand(self):
        # Differences 1, -2: mean square 2.5. Deviations 0, 1, -1: variance 2/3.
        np.testing.assert_allclose(
            _e_bfmi(np.array([[1.0, 2.0, 0.0]]), np.array([[np.nan, 1.0, -2.0]])), [2.5 / (2 / 3)]
        )

    def test_each_chain_has_its_own(self):
        energy = np.array([[0.0, 1, 0, 1], [0, 0, 1, 1]])
        np.testing.assert_allclose(_e_bfmi(energy, change(energy)), [1 / 0.25, (1 / 3) / 0.25])


class TestReport:
    def test_it_opens_with_the_verdict_and_says_every_failure_and_warning(self):
        failures, warnings = ("E has only 12 effective draws",), ("A is known only from its prior",)
        diagnosis = Diagnosis(1.002, 12.4, 655.0, 3, 0.91, failures, warnings)
        figures = "R-hat 1.002, bulk ESS 12, tail ESS 655, 3 divergences, E-BFMI 0.91"
        assert diagnosis.sentences() == [f"The chains did NOT converge: {figures}", *failures]
        assert str(diagnosis).startswith(
            f"The chains did NOT converge: {figures}.\n{failures[0]}.\nWarning: {warnings[0]}.\n"
        )
        assert str(dataclasses.replace(diagnosis, failures=())).startswith(
            f"The chains converged: {figures}."
        )

    def test_its_table_names_the_bound_of_each_criterion(self):
        table = Diagnosis(1.002, 812.4, 655.0, 3, 0.91, (), ()).table()
        assert table.columns.tolist() == ["worst", "wanted"]
        assert table["worst"].to_dict() == {
            "R-hat": 1.002, "bulk ESS": 812.4, "tail ESS": 655.0, "divergences": 3, "E-BFMI": 0.91,
        }  # fmt: skip
        assert table.loc["R-hat", "wanted"] == "at most 1.01"
