"""Verdicts on posteriors, in sentences."""

import dataclasses
import re
import warnings

import numpy as np
import pytest
from helpers import instant_fit, quiet_fit, table

import bayes_scaling as bs
from bayes_scaling import Diagnosis, InputError
from bayes_scaling.inference.diagnostics import _e_bfmi, diagnose
from bayes_scaling.inference.identifiability import _floor
from bayes_scaling.inference.summary import meaning, summary


def with_posterior(fit, stats=None, **variables):
    """The fit with some draws replaced: values of shape (chain, draw)."""
    tree = fit.tree.copy()
    posterior = tree["posterior"].to_dataset()
    tree["posterior"] = posterior.assign({k: posterior[k].copy(data=v) for k, v in variables.items()})
    if stats:
        before = tree["sample_stats"].to_dataset()
        tree["sample_stats"] = before.assign({k: before[k].copy(data=v) for k, v in stats.items()})
    return dataclasses.replace(fit, tree=tree)


def change(energy):
    return np.diff(energy, axis=1, prepend=np.nan)


@pytest.fixture(scope="module")
def calm(single_fit):
    """A posterior of independent draws: no chain disagrees, and nothing diverges."""
    rng = np.random.default_rng(0)
    p = single_fit.posterior
    independent = {
        name: float(p[name].median()) * np.exp(float(np.log(p[name]).std()) * rng.standard_normal((4, 250)))
        for name in p.data_vars
    }
    energy = rng.standard_normal((4, 250))
    stats = {"diverging": np.zeros((4, 250), bool), "energy": energy, "energy_change": change(energy)}
    return with_posterior(single_fit, stats, **independent)


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
        said = diagnose(with_posterior(calm, beta=shifted)).failures[0]
        assert re.fullmatch(
            r"the chains disagree about beta \(R-hat 1\.0\d{2}, at most 1\.01 wanted\): draw more", said
        )

    def test_a_failure_raises_when_asked(self, calm):
        shifted = calm.posterior["beta"].to_numpy() + np.array([0, 0, 0, 1.0])[:, None]
        diagnosis = diagnose(with_posterior(calm, beta=shifted))
        message = "the fit failed its diagnosis: " + "; ".join(diagnosis.failures)
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            diagnosis.raise_if_bad()

    def test_draws_that_stick_are_counted_as_few(self, calm):
        stuck = np.repeat(calm.posterior["E"].to_numpy()[:, ::10], 10, axis=1)
        said = diagnose(with_posterior(calm, E=stuck)).failures
        assert any(s.startswith("E has only ") for s in said)
        assert any(s.startswith("the tails of E rest on ") for s in said)

    def test_draws_that_are_not_numbers_are_the_worst_of_all(self, calm):
        broken = calm.posterior["A"].to_numpy().copy()
        broken[0, 0] = np.nan
        said = diagnose(with_posterior(calm, A=broken)).failures
        assert said[0] == "the chains disagree about A (R-hat nan, at most 1.01 wanted): draw more"

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
        said = diagnose(with_posterior(pile_fit, B=broken)).failures
        assert said[0].startswith("the chains disagree about B[pythia] (R-hat ")


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


@pytest.fixture(scope="module")
def one_d(truth):
    """Every run saw the same number of tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
        runs = bs.load_runs(table(truth | {"beta": 1e-9}, n=12).assign(tokens=1e10), name="one D")
    return quiet_fit(runs, "chinchilla", draws=1000, seed=1)


class TestWhatTheDataTell:
    def test_what_only_the_prior_tells_is_said(self, one_d):
        doubts = diagnose(one_d).warnings
        assert "all runs share one value of tokens (10B): B and beta are known only from the prior" in doubts
        told = [
            s
            for s in doubts
            if re.match(r"beta is known only from its prior \(posterior sd \d+% of the prior's\)$", s)
        ]
        assert len(told) == 1
        assert not any(s.startswith(("A is known", "sigma is known")) for s in doubts)

    def test_no_doubt_is_said_twice(self, one_d):
        doubts = diagnose(one_d).warnings
        assert len(doubts) == len(set(doubts))

    def test_data_that_tell_all_leave_no_doubt(self, single_fit):
        assert diagnose(single_fit).warnings == ()

    def test_a_floor_that_no_run_is_near(self, calm):
        """The posterior of E replaced by draws of its prior."""
        prior = calm.law.priors["E"]
        z = np.random.default_rng(3).standard_normal((4, 250))
        doubts = diagnose(with_posterior(calm, E=prior.forward(prior.location + prior.spread * z))).warnings
        assert len(doubts) == 1
        assert re.fullmatch(
            r"E is known only from its prior: no run is near the floor \(posterior sd \d+% of the prior's\)",
            doubts[0],
        )

    def test_the_groups_that_the_prior_tells_are_named(self, pile_fit):
        wide = np.log(pile_fit.posterior["A"].to_numpy())
        z = np.random.default_rng(4).standard_normal(wide.shape[:2])
        wide[:, :, 2] = 2 * z
        said = [s for s in diagnose(with_posterior(pile_fit, A=np.exp(wide))).warnings if s.startswith("A ")]
        assert len(said) == 1
        assert said[0].startswith(
            "A in pythia_dedup is known only from its prior, "
            "or torn between two explanations of the runs (posterior sd "
        )

    def test_noise_that_is_no_noise(self, calm):
        sigma = calm.posterior["sigma"].to_numpy() * 10
        (doubt,) = diagnose(with_posterior(calm, sigma=sigma)).warnings
        assert doubt == (
            f"the law misses the runs by {np.median(sigma):.1%} of their loss: seeds make about 0.3%, "
            "so the rest is lack of fit; look at the residuals before believing a band"
        )


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


def test_a_floor_above_what_a_run_has_reached_is_said(single_fit):
    """One run far below the others: the Student-t calls it an outlier, and the floor stays above it."""
    import dataclasses

    lowest = single_fit.runs.table["loss"].idxmin()
    table = single_fit.runs.table.copy()
    table.loc[lowest, "loss"] = 0.5
    odd = dataclasses.replace(single_fit, runs=dataclasses.replace(single_fit.runs, table=table))
    said = [s for s in odd.diagnose().warnings if "has reached (0.5)" in s]
    assert len(said) == 1
    assert not [s for s in single_fit.diagnose().warnings if "has reached" in s]


def test_the_floor_is_the_law_at_endless_scale(single_fit):
    """Guessing bends that of `rosenfeld` below its E; of `chinchilla` it is E."""
    bent = instant_fit(single_fit.runs, "rosenfeld", priors={"G": bs.LogNormal(3.0, 0.1)})
    p = bent.draws()
    np.testing.assert_allclose(_floor(bent, None), p["E"] / (1 + (p["E"] / p["G"]) ** 2) ** 0.5)
    assert (_floor(bent, None) < 0.9 * p["E"]).all()
    np.testing.assert_array_equal(_floor(single_fit, None), single_fit.draws()["E"])
