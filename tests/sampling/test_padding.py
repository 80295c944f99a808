"""Tables as the sampler reads them have the density of the model as PyMC has it, whatever was summarised or added."""

import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.model.build import build_model
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import as_noise
from bayes_scaling.model.structure import structure
from bayes_scaling.sampling.jax_model import power, program
from bayes_scaling.sampling.padding import cluster_places, padded_data, padded_structure

LAW = bs.LAWS["chinchilla"]


def table(configurations, *, seeds=1, checkpoints=1, loss_se=None, shares=False):
    """So many configurations of each group, their rows in any order."""
    rng = np.random.default_rng(5)
    rows = []
    for group, count in configurations.items():
        for i in range(count):
            n, d = 10 ** rng.uniform(7.5, 9.5), 10 ** rng.uniform(9, 11)
            for seed in range(seeds + i % 2 * (seeds > 1)):
                for at in range(1, checkpoints + 1):
                    row = {"group": group, "params": n, "tokens": d * at, "loss": rng.uniform(0.2, 0.9)}
                    rows.append(row | {"trajectory": f"{i}, {seed}", "items": 50.0})
    frame = pd.DataFrame(rows).sample(frac=1.0, random_state=3)
    if loss_se is not None:
        frame["loss_se"] = (
            rng.uniform(0.01, 0.02, len(frame)) if loss_se == "by run" else loss_se * frame["loss"]
        )
    if checkpoints == 1:
        frame = frame.drop(columns="trajectory")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulInputWarning)  # replicates differ by anything here
        return bs.load_runs(frame if shares else frame.drop(columns="items"))


BALANCED, UNEQUAL = {"a": 7, "b": 8, "c": 6}, {"a": 90, "b": 2, "c": 3, "d": 2}
CASES = {  # table, law, noise, rows that the sampler reads, whether they lie in boxes
    "one group": (table({"a": 9}), LAW, "constant", 10, True),
    "groups": (table(BALANCED), LAW, "constant", 24, True),
    "replicates": (table(BALANCED, seeds=3), LAW, "constant", 24, True),
    "replicates measured alike": (table(BALANCED, seeds=3, loss_se=0.01), LAW, "constant", 24, True),
    "replicates measured each": (table(BALANCED, seeds=3, loss_se="by run"), LAW, "constant", 96, True),
    "replicates, sigma along": (table(BALANCED, seeds=3), LAW, "flops", 24, True),
    "checkpoints": (table(BALANCED, seeds=2, checkpoints=4), LAW, "constant", 240, True),
    "undertuned replicates": (table(BALANCED, seeds=2), LAW, "undertuned", 72, True),
    "shares": (table(BALANCED, shares=True), bs.LAWS["task_of_compute"], "constant", 24, True),
    "unequal groups": (table(UNEQUAL), LAW, "constant", 112, False),
    "unequal groups of replicates": (table(UNEQUAL, seeds=3), LAW, "constant", 112, False),
    "unequal checkpoints": (table(UNEQUAL, seeds=2, checkpoints=3), LAW, "constant", 768, False),
}  # fmt: skip


def both(runs, law, noise):
    """The table's own structure and data, and those that the sampler reads."""
    noise = as_noise(noise, law.response)
    shape, data = structure(runs, law, noise), model_data(runs, law, noise)
    wide = padded_structure(shape)
    return (shape, data), (wide, padded_data(data, wide))


@pytest.mark.seconds
@pytest.mark.parametrize("case", CASES)
def test_the_density_of_each_cluster_and_its_gradient_are_the_models(case):
    runs, law, noise, rows, boxed = CASES[case]
    (shape, data), (wide, wider) = both(runs, law, noise)
    assert (wide.n_rows, wide.boxed) == (rows, boxed)
    rng = np.random.default_rng(1)
    theta = 0.3 * rng.standard_normal((shape.n_groups, len(shape.priors))) - 1
    shared = rng.standard_normal(len(shape.global_priors))
    at = cluster_places(data, wide)
    assert len(set(at)) == shape.n_clusters

    def values_and_slopes(structure, data):
        of = program(structure).log_likelihood

        def total(theta, shared):
            each = of(theta, shared, data)
            return jnp.sum(each), each

        (_, each), slopes = jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))(theta, shared)
        return np.asarray(each), slopes

    own, own_slopes = values_and_slopes(shape, data)
    read, slopes = values_and_slopes(wide, wider)
    np.testing.assert_allclose(read[at], own, rtol=1e-10, atol=1e-10)
    assert np.all(np.delete(read, at) == 0)
    for ours, theirs in zip(slopes, own_slopes, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.seconds
def test_a_cluster_that_is_left_out_counts_for_nothing():
    runs, law, noise, *_ = CASES["replicates"]
    (shape, data), (wide, _) = both(runs, law, noise)
    left = data["cluster_index"] == 4
    wider = padded_data(data | {"weight": np.where(left, 0.0, 1.0)}, wide)
    theta, shared = np.zeros((3, len(shape.priors))), np.zeros(len(shape.global_priors))
    own = np.asarray(program(shape).log_likelihood(theta, shared, data))
    read = np.asarray(program(wide).log_likelihood(theta, shared, wider))[cluster_places(data, wide)]
    assert read[4] == 0
    np.testing.assert_allclose(np.delete(read, 4), np.delete(own, 4), rtol=1e-10)


def test_runs_that_were_measured_unequally_are_not_alike():
    runs = table(BALANCED, seeds=2)
    assert structure(runs, LAW, as_noise("constant")).alike
    assert not structure(runs, LAW, as_noise("undertuned")).alike
    moved = runs.table.assign(loss_se=np.where(np.arange(len(runs)) == 0, 0.01, 0.0))
    assert not structure(replace(runs, table=moved), LAW, as_noise("constant")).alike


@pytest.mark.seconds
@pytest.mark.parametrize("case", ["groups", "replicates", "checkpoints", "undertuned replicates", "shares"])
def test_the_gradient_has_no_indexed_sum_and_no_power(case):
    """They are what a gradient costs most by, and came back unseen."""
    runs, law, noise, *_ = CASES[case]
    _, (wide, wider) = both(runs, law, noise)
    of = program(wide).log_likelihood
    gradient = jax.jit(jax.grad(lambda theta, shared: jnp.sum(of(theta, shared, wider)), argnums=(0, 1)))
    theta, shared = np.zeros((3, len(wide.priors))), np.zeros(len(wide.global_priors))
    compiled = gradient.lower(theta, shared).compile().as_text()
    assert "scatter(" not in compiled
    assert "power(" not in compiled
    assert " exponential(" in compiled  # the text is that of operations


def test_powers_are_those_of_numpy_and_have_slopes_at_zero():
    x, y = np.array([0.0, 1e-9, 0.3, 1.0, 7.0, 1e12]), np.array([1.5, -0.4, 2.0, 0.0, -3.0, 0.7])
    np.testing.assert_allclose(jax.jit(power)(x, y), x**y, rtol=1e-14)
    np.testing.assert_array_equal(jax.jit(power)(np.zeros(2), np.array([0.0, -1.0])), [1, np.inf])
    slopes = jax.jit(jax.grad(lambda x, y: jnp.sum(power(x, y)), argnums=(0, 1)))(x, y)
    own = np.where(x > 0, x, 1)
    np.testing.assert_allclose(slopes[0], np.where(x > 0, y * own ** (y - 1), 0), rtol=1e-13)
    np.testing.assert_allclose(slopes[1], x**y * np.log(own), rtol=1e-13)
    assert jax.grad(lambda x: power(x, 2.0))(-3.0) == -6


@pytest.mark.seconds
def test_pymc_has_every_run_where_the_sampler_has_one_row_for_each_cluster():
    runs, law, noise, *_ = CASES["replicates"]
    model = build_model(runs, law, as_noise(noise))
    assert model.rvs_to_values[model["log_loss"]].eval().shape == (len(runs),)
