"""Prior sensitivity: against posteriors that are known in closed form."""

import dataclasses
import re

import numpy as np
import pytest
from helpers import instant_fit

import bayes_scaling as bs
from bayes_scaling.inference.prior_sensitivity import SENSITIVE, _moved, prior_sensitive, prior_sensitivity


def test_of_a_normal_mean_agrees_with_the_formula():
    """Prior N(0, 1), data of information h and estimate m: the mean is m h / (h + a) when the prior counts a times."""
    h, m = 3.0, 2.0
    q = m * h / (h + 1) + np.random.default_rng(0).standard_normal(400_000) / np.sqrt(h + 1)
    shift = np.log(2) * m * h / (h + 1) ** 2 * np.sqrt(h + 1)
    assert _moved(q, -0.5 * q**2) == pytest.approx(shift, rel=0.02)


def test_what_is_known_only_from_its_prior_would_narrow_by_a_third():
    z = np.random.default_rng(1).standard_normal(400_000)
    assert _moved(z, -0.5 * z**2) == pytest.approx(np.log(2) / 2, rel=0.02)


def test_a_prior_that_does_not_matter_moves_nothing():
    rng = np.random.default_rng(2)
    assert _moved(rng.standard_normal(100_000), -0.5 * rng.standard_normal(100_000) ** 2) < 0.01


def test_a_well_identified_fit_is_sensitive_to_no_prior(single_fit):
    table = prior_sensitivity(single_fit)
    assert list(table.columns) == list(single_fit.law.parameters)
    assert {"E", "beta", "A_1", "a"} <= set(table.index)
    assert table.loc["beta"].max() < SENSITIVE
    assert prior_sensitive(single_fit) == []


def test_an_answer_that_is_sensitive_to_another_prior_is_named(single_fit):
    """beta made to move with E's offset from its prior, as where data identify only their sum."""
    posterior = single_fit.posterior
    prior = single_fit.law.priors["E"]
    rng = np.random.default_rng(3)
    z = 1.5 + rng.standard_normal(posterior["E"].shape)
    tree = single_fit.tree.copy()
    tree["posterior"] = posterior.assign(
        E=posterior["E"].copy(data=prior.forward(prior.location + prior.spread * z)),
        beta=posterior["beta"].copy(data=np.exp(-1 + 0.3 * z)),
    )
    said = prior_sensitive(dataclasses.replace(single_fit, tree=tree))
    names = r"(\w+, )*beta(, \w+)* rests? in part on the prior of E"
    assert any(re.match(f"{names}: with that prior counted twice, (they|it) would move by", s) for s in said)


def test_the_only_prior_that_there_is_is_no_other():
    flat = bs.Law("flat", lambda N, *, E: E + 0 * N, {"E": bs.LogNormal(1.7, 0.3)}, "E", "a test")
    assert prior_sensitive(instant_fit(bs.datasets.load("pile"), flat)) == []


def test_groups_have_their_own_answers(pile_fit):
    table = prior_sensitivity(pile_fit, "pythia")
    assert list(table.columns) == list(pile_fit.law.parameters)
    assert np.isfinite(table.to_numpy()).all()
    with pytest.raises(bs.InputError):
        prior_sensitivity(pile_fit, "gpt")


def test_groups_of_which_the_same_is_true_share_a_sentence(pile_fit):
    said = prior_sensitive(pile_fit)
    priors = [re.search(r"on the prior of (\w+):", sentence).group(1) for sentence in said]
    assert len(priors) == len(set(priors)) > 0
    for name, sentence in zip(priors, said, strict=True):
        moved = {
            group: prior_sensitivity(pile_fit, group).drop(index=name, errors="ignore")
            for group in pile_fit.groups
        }
        # In groups where nothing rests on this prior, there is no maximum.
        most = np.nanmax([table[name][table.idxmax(axis=1) == name].max() for table in moved.values()])
        assert f"by up to {most:.2f} of" in sentence
