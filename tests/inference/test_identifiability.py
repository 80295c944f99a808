"""What a table cannot identify, before anything is sampled and after."""

import dataclasses
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers import instant_fit, quiet_fit, table, with_posterior

import bayes_scaling as bs
from bayes_scaling import DoubtfulFitWarning, Noise
from bayes_scaling.inference.diagnostics import diagnose
from bayes_scaling.inference.floors import _floor
from bayes_scaling.inference.identifiability import prior_alone, unidentified, wrong_way
from bayes_scaling.model.noise import as_noise

FLAWS = {
    "few": (
        lambda rows: rows.iloc[:4],
        "4 configurations for the 5 parameters of law 'chinchilla': "
        "what they do not identify comes from the priors",
    ),
    "one D": (
        lambda rows: rows.assign(tokens=3e11),
        "all runs share one value of tokens (300B): B and beta are known only from the prior",
    ),
    "one N": (
        lambda rows: rows.assign(params=1e9),
        "all runs share one value of params (1B): A and alpha are known only from the prior",
    ),
    "collinear": (
        lambda rows: rows.assign(tokens=20 * rows["params"]),
        "params and tokens move together (correlation 1.00 of their logarithms): "
        "only the prior keeps their terms apart",
    ),
    "lonely group": (
        lambda rows: rows.assign(group=["a"] * 11 + ["b"]),
        "group 'b' has one run: its parameters come from the other groups",
    ),
}
"""What a table does not identify, and the sentence about it."""


class TestBeforeSampling:
    """Each table has one flaw; it is warned of before anything is sampled, so here it ends the fit."""

    def rows(self, **columns):
        rng = np.random.default_rng(3)
        n = {"params": 10 ** rng.uniform(8, 10, 12), "tokens": 10 ** rng.uniform(9, 11, 12)} | columns
        rows = pd.DataFrame(n)
        rows["loss"] = 1.7 + 0.4 * (rows["params"] / 1e9) ** -0.3 + 0.3 * (rows["tokens"] / 1e10) ** -0.3
        return rows

    @pytest.mark.parametrize("flaw", FLAWS)
    def test_a_table_that_cannot_identify_a_law_is_warned_of(self, flaw):
        change, message = FLAWS[flaw]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
            runs = bs.load_runs(change(self.rows()))
        assert unidentified(runs, bs.LAWS["chinchilla"], Noise()) == [message]
        with pytest.raises(DoubtfulFitWarning, match=f"^{re.escape(message)}$"):
            bs.fit(runs, "chinchilla")

    def test_an_accuracy_that_is_given_for_a_loss_is_asked_about(self):
        """From .45 to .78 it used to be forecast to fall, without a word."""
        flops = np.geomspace(1e19, 1e22, 8)
        table = pd.DataFrame({"flops": flops, "loss": np.linspace(0.45, 0.78, 8)})
        law = bs.LAWS["power_law"].over("flops")
        question = (
            "the response rises with scale (rank correlation +1.00), and law 'power_law:flops' is of losses"
        )
        rising = bs.load_runs(table, inputs="flops", silence="accuracies")
        (said,) = wrong_way(rising, law)
        assert said.startswith(question)
        assert "Fit a law of scores" in said
        falling = bs.load_runs(table.assign(loss=1 - table["loss"]), inputs="flops")
        assert wrong_way(falling, law) == []
        with pytest.raises(DoubtfulFitWarning, match=f"^{re.escape(question)}"):
            bs.fit(rising, law)
        diagnosis = instant_fit(rising, law).diagnose()
        assert diagnosis.wrong_way == (said,)
        assert not diagnosis.ok
        with pytest.raises(bs.InputError, match=re.escape(said)):
            diagnosis.raise_if_bad()

    def test_a_loss_that_is_given_for_a_score_is_asked_about(self):
        flops = np.geomspace(1e19, 1e22, 8)
        runs = bs.load_runs(pd.DataFrame({"flops": flops, "loss": flops**-0.05}), inputs="flops")
        (said,) = wrong_way(runs, bs.LAWS["pow3"].over("flops"))
        assert said.startswith(
            "the response falls with scale (rank correlation -1.00), and law 'pow3:flops' is of scores"
        )

    def test_a_table_without_flaws_is_not(self):
        assert unidentified(bs.load_runs(self.rows()), bs.LAWS["chinchilla"], Noise()) == []

    @pytest.mark.parametrize(
        ("law", "noise", "what"),
        [
            ("power_floor", "undertuned", "noise 'undertuned' takes"),
            ("task_of_compute", "constant", "law 'task_of_compute' takes"),
            ("power_floor", "constant", None),
            ("power_floor", "curve", None),
        ],
    )
    def test_checkpoints_that_count_as_runs_are_warned_of(self, law, noise, what):
        rows = self.rows(trajectory=["a"] * 5 + ["b"] * 5 + [None] * 2)
        runs = bs.load_runs(rows.assign(loss=rows["loss"] / 10, flops=6 * rows["params"] * rows["tokens"]))
        found = unidentified(runs, bs.LAWS[law], as_noise(noise, bs.LAWS[law].response))
        assert [sentence.split(" 10 checkpoints of 2 trajectories")[0] for sentence in found] == [
            what
        ] * bool(what)


@pytest.fixture(scope="module")
def one_d(truth):
    """Every run saw the same number of tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
        runs = bs.load_runs(table(truth | {"beta": 1e-9}, n=12).assign(tokens=1e10), name="one D")
    return quiet_fit(runs, "chinchilla", draws=1000, seed=1)


class TestAfterSampling:
    def test_what_is_known_only_from_the_prior_is_named(self, one_d):
        found = diagnose(one_d).warnings
        assert "all runs share one value of tokens (10B): B and beta are known only from the prior" in found
        known = [
            s
            for s in found
            if re.match(r"beta is known only from its prior \(posterior sd \d+% of the prior's\)$", s)
        ]
        assert len(known) == 1
        assert not any(s.startswith(("A is known", "sigma is known")) for s in found)

    def test_no_warning_is_repeated(self, one_d):
        found = diagnose(one_d).warnings
        assert len(found) == len(set(found))

    def test_data_that_identify_all_leave_no_warning(self, single_fit):
        assert diagnose(single_fit).warnings == ()

    def test_a_floor_that_no_run_is_near(self, calm):
        """The posterior of E replaced by draws of its prior."""
        prior = calm.law.priors["E"]
        z = np.random.default_rng(3).standard_normal((4, 250))
        said = diagnose(with_posterior(calm, E=prior.forward(prior.location + prior.spread * z))).warnings
        found = [sentence for sentence in said if sentence.startswith("E ")]  # the residuals speak too
        assert len(found) == 1
        assert re.fullmatch(
            r"E is known only from its prior: no run is near the floor \(posterior sd \d+% of the prior's\)",
            found[0],
        )

    def test_the_groups_that_only_the_prior_knows_are_named(self, pile_fit):
        wide = np.log(pile_fit.posterior["A"].to_numpy())
        z = np.random.default_rng(4).standard_normal(wide.shape[:2])
        wide[:, :, 2] = 2 * z
        found = [s for s in diagnose(with_posterior(pile_fit, A=np.exp(wide))).warnings if s.startswith("A ")]
        assert len(found) == 1
        assert found[0].startswith(
            "A in pythia_dedup is known only from its prior, "
            "or torn between two explanations of the runs (posterior sd "
        )

    def test_noise_that_is_no_noise(self, calm):
        sigma = calm.posterior["sigma"].to_numpy() * 10
        (sentence,) = diagnose(with_posterior(calm, sigma=sigma)).warnings
        assert sentence == (
            f"the law misses the runs by {np.median(sigma):.1%} of their loss: seeds make about 0.3%, "
            "so the rest is lack of fit; look at the residuals before believing a band"
        )


def prior_draws(fit, *names, seed=6):
    """As many draws of these parameters' priors as the posterior has."""
    rng, shape = np.random.default_rng(seed), fit.posterior["sigma"].shape[:2]
    priors = {name: fit.law.priors[name] for name in names}
    return {n: p.forward(p.location + p.spread * rng.standard_normal(shape)) for n, p in priors.items()}


class TestPriorAlone:
    """Priors of a fit are drawn as they are; draws of an instant fit's lie close together."""

    @pytest.fixture
    def fit(self, calm):
        """Its prior draws are those of its law."""
        drawn = prior_draws(calm, *calm.law.parameters, seed=7)
        tree = calm.tree.copy()
        tree["prior"] = xr.Dataset({name: (("chain", "draw"), x) for name, x in drawn.items()})
        return dataclasses.replace(calm, tree=tree)

    @pytest.mark.parametrize(("names", "column"), [(("A", "alpha"), "params"), (("B", "beta"), "tokens")])
    def test_an_input_of_which_the_runs_say_nothing_is_named(self, fit, names, column):
        diagnosis = diagnose(with_posterior(fit, **prior_draws(fit, *names)))
        said = (
            f"what more {column} save is known from the prior alone: no forecast at more {column} can be "
            f"believed; add runs that differ in {column}, or take a law without it"
        )
        assert diagnosis.prior_alone == (said,)
        assert not diagnosis.ok
        with pytest.raises(bs.InputError, match=re.escape(said)):
            diagnosis.raise_if_bad()

    def test_what_the_runs_say_is_not(self, fit):
        assert prior_alone(fit) == []

    def test_an_amplitude_and_an_exponent_that_offset_each_other_are_not(self, fit):
        """Of each by itself nothing is known, but of what more tokens save."""
        beta = prior_draws(fit, "beta")["beta"]
        largest = fit.runs.scale.argmax()
        at = fit.runs.tokens[largest] / fit.reference["tokens"]
        saved = at**-beta - (10 * at) ** -beta
        assert prior_alone(with_posterior(fit, beta=beta, B=0.1 / saved)) == []

    def test_inputs_that_are_known_together_are_not(self, fit):
        """Where params and tokens move together, and only which of them saves is from the prior."""
        same = dataclasses.replace(fit, runs=bs.load_runs(fit.runs.table.assign(tokens=20 * fit.runs.params)))
        share = 1 / (1 + np.exp(4 * np.random.default_rng(8).standard_normal(fit.posterior["E"].shape)))
        both = np.full(share.shape, 0.3)
        torn = with_posterior(same, A=0.6 * share, B=0.6 * (1 - share), alpha=both, beta=both)
        assert prior_alone(torn) == []

    def test_a_prior_that_was_narrowed_on_purpose_may_answer(self, fit):
        told = {"B": bs.LogNormal(0.3, 0.2), "beta": bs.LogNormal(0.3, 0.1)}
        narrow = dataclasses.replace(fit, law=fit.law.with_priors(told))
        draws = prior_draws(narrow, "B", "beta")
        tree = with_posterior(narrow, **draws).tree
        tree["prior"] = tree["posterior"].to_dataset()[[*fit.law.parameters]]
        assert prior_alone(dataclasses.replace(narrow, tree=tree)) == []


def test_a_floor_above_what_a_run_has_reached_is_said(single_fit):
    """One run far below the others: the Student-t calls it an outlier, and the floor stays above it."""
    lowest = single_fit.runs.table["loss"].idxmin()
    table = single_fit.runs.table.copy()
    table.loc[lowest, "loss"] = 0.5
    odd = dataclasses.replace(single_fit, runs=dataclasses.replace(single_fit.runs, table=table))
    found = [s for s in odd.diagnose().unbelievable if "has reached (0.5)" in s]
    assert len(found) == 1
    assert not [s for s in single_fit.diagnose().unbelievable if "has reached" in s]


def test_the_floor_is_the_law_at_endless_scale(single_fit):
    """Guessing bends that of `rosenfeld` below its E; of `chinchilla` it is E."""
    bent = instant_fit(single_fit.runs, "rosenfeld", priors={"G": bs.LogNormal(3.0, 0.1)})
    p = bent.draws()
    np.testing.assert_allclose(_floor(bent, None, {}), p["E"] / (1 + (p["E"] / p["G"]) ** 2) ** 0.5)
    assert (_floor(bent, None, {}) < 0.9 * p["E"]).all()
    np.testing.assert_array_equal(_floor(single_fit, None, {}), single_fit.draws()["E"])
