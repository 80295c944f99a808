"""Priors for losses that are no nats per token of a language model."""

import numpy as np
import pytest
from helpers import simulated_runs

import bayes_scaling as bs
from bayes_scaling import LogNormal
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.model.data import model_data

TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}


def times(factor):
    runs = simulated_runs(TRUTH)
    return bs.load_runs(runs.table.assign(loss=runs.loss * factor), name="scaled")


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_language_models_in_nats_have_the_priors_of_the_catalogue(factor):
    assert make_spec(times(factor), "skaling").law == bs.LAWS["skaling"]


@pytest.mark.parametrize("law", ["chinchilla", "rosenfeld", "power_floor", "kaplan"])
def test_the_priors_of_losses_of_another_kind_are_in_units_of_the_lowest(law):
    small, smaller = (make_spec(times(factor), law) for factor in (0.02, 0.002))
    for name, prior in small.law.priors.items():
        by = 10 if name in ("E", "A", "B", "G") else 1
        middles = [p.priors[name].forward(p.priors[name].location) for p in (small.law, smaller.law)]
        assert middles[0] / middles[1] == pytest.approx(by)
        assert prior.spread == smaller.law.priors[name].spread
    assert small.structure.plain == smaller.structure.plain  # one compiled program serves both


def test_a_floor_near_zero_is_as_possible_as_one_near_the_lowest_loss():
    prior = make_spec(times(0.02), "chinchilla").law.priors["E"]
    lowest = times(0.02).loss.min()
    low, high = (prior.forward(prior.location + x * prior.spread) for x in (-1.64, 1.64))
    assert low < 0.2 * lowest < lowest < high


def test_how_groups_differ_is_no_matter_of_units():
    law = bs.LAWS["chinchilla"]
    near = LogNormal(0.3, 1.0, between=0.04)
    found = make_spec(times(0.02), law.with_priors({"A": near})).law.priors["A"]
    usual = make_spec(times(0.02), law).law.priors["A"]
    assert (found.spread, found.unit, found.between) == (usual.spread, usual.unit, 0.04)
    assert found.unit < 0.1


def test_priors_of_one_s_own_stay():
    given = {"E": LogNormal(0.01, 0.2)}
    assert make_spec(times(0.02), "chinchilla", priors=given).law.priors["E"] == given["E"]
    own = bs.LAWS["chinchilla"].with_priors(given)
    assert make_spec(times(0.02), own).law.priors["E"] == given["E"]
    assert make_spec(times(0.02), own).law.priors["A"].unit < 0.1


@pytest.mark.seconds
def test_the_density_does_not_know_the_unit():
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import padded_data, padded_structure

    found = []
    for factor in (0.02, 0.0002):
        spec = make_spec(times(factor), "chinchilla")
        wide = padded_structure(spec.structure)
        data = padded_data(model_data(spec.runs, spec.law, spec.noise), wide)
        theta = np.array([[p.location + 0.1 for p in wide.priors.values()]])
        found.append(
            float(np.sum(program(wide).log_likelihood(theta, np.zeros(len(wide.global_priors)), data)))
        )
    assert found[0] == pytest.approx(found[1], rel=1e-9)
