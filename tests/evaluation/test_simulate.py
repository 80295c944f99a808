"""Simulated runs come from the very density that is sampled."""

import re

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.evaluation.simulate import from_prior
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import as_noise
from bayes_scaling.model.structure import structure
from bayes_scaling.sampling.jax_model import program

CHINCHILLA = bs.LAWS["chinchilla"]
TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29, "sigma": 0.01}


def design(groups=("a", "b"), replicates=2, loss_se=False):
    """Eight configurations in each group, without a loss."""
    rng = np.random.default_rng(4)
    at = [(g, *10 ** rng.uniform((7.5, 9), (9.5, 11))) for g in groups for _ in range(8)]
    rows = [{"group": g, "params": n, "tokens": d, "seed": s} for g, n, d in at for s in range(replicates)]
    table = pd.DataFrame(rows)
    return table.assign(loss_se=rng.uniform(0.005, 0.04, len(table))) if loss_se else table


def test_a_design_may_repeat_its_rows():
    """Their losses are still to be drawn, so nothing is doubtful about them."""
    table = design(replicates=1)[["group", "params", "tokens"]]
    runs = bs.simulate(pd.concat([table, table], ignore_index=True), "chinchilla", TRUTH)
    assert len(set(runs.loss)) == 2 * len(table)
    assert runs.warnings == ()


@pytest.mark.parametrize("case", ["rows", "clusters, slope, measured"])
@pytest.mark.sampling
def test_the_score_is_zero_on_average_at_the_truth(case):
    """The gradient of the log likelihood in every parameter, of the law and of the noise: right in location, in
    scale, in tails, and in what a cluster shares."""
    many = case != "rows"
    noise = as_noise("params" if many else "constant")
    first = bs.simulate(design(replicates=1 + many, loss_se=many), "chinchilla", TRUTH, seed=1)
    shape = structure(first, CHINCHILLA, noise)
    rng = np.random.default_rng(2)
    theta = np.array(
        [[p.location + 0.3 * p.spread * rng.standard_normal() for p in shape.priors.values()]] * 2
    )
    theta[1] += 0.1
    shared = 0.5 * rng.standard_normal(len(shape.global_priors))
    truth = {name: p.forward(theta[:, k]) for k, (name, p) in enumerate(shape.priors.items())}
    truth |= {
        name: float(p.forward(p.location + p.spread * x))
        for x, (name, p) in zip(shared, shape.global_priors.items(), strict=True)
    }
    count = 600
    data = []
    for i in range(count):
        runs = bs.simulate(first, "chinchilla", truth, noise=noise, seed=[3, i])
        data.append(model_data(runs, CHINCHILLA, noise))
    stacked = {name: np.stack([d[name] for d in data]) for name in data[0]}
    likelihood = program(shape).log_likelihood
    score = jax.jit(
        jax.vmap(jax.grad(lambda t, s, d: likelihood(t, s, d).sum(), argnums=(0, 1)), in_axes=(None, None, 0))
    )
    scores = np.concatenate([np.asarray(s).reshape(count, -1) for s in score(theta, shared, stacked)], axis=1)
    mean, covariance = scores.mean(0), np.cov(scores.T)
    distance = count * mean @ np.linalg.solve(covariance, mean)
    assert stats.chi2.sf(distance, scores.shape[1]) > 0.001
    assert np.abs(mean / scores.std(0)).max() < 4.5 / np.sqrt(count)


@pytest.mark.sampling
def test_parameters_and_runs_of_the_prior_belong_together():
    alike = bs.load_runs(design(replicates=1).assign(loss=2.0), silence="one_loss")
    asked = make_spec(alike, "chinchilla", noise="constant")
    ranks, first = [], None
    for drawn in from_prior(asked, 150, seed=5):
        runs, truth = drawn.runs, drawn.truth
        rows = {name: truth[name][runs.group_index] for name in (*CHINCHILLA.parameters, "sigma")}
        sigma = rows.pop("sigma")
        at = (runs.params / runs.reference["params"], runs.tokens / runs.reference["tokens"])
        residual = (runs.log_loss - np.log(CHINCHILLA(*at, **rows))) / sigma
        ranks.append(stats.t(truth["nu"]).cdf(residual))
        first = first or drawn
    assert stats.kstest(np.ravel(ranks), "uniform").pvalue > 0.001
    assert {"alpha_population", "alpha_tau", "nu", "sigma_tau"} <= first.truth.keys()
    again = next(from_prior(asked, 150, seed=5))
    np.testing.assert_array_equal(again.runs.loss, first.runs.loss)


def test_parameters_belong_to_the_point_that_is_named():
    table = design(("a",), 1)
    exact = TRUTH | {"sigma": 0.0}
    runs = bs.simulate(table, "chinchilla", exact, reference={"params": 1e8, "tokens": 1e10})
    expected = CHINCHILLA(
        table["params"] / 1e8, table["tokens"] / 1e10, **{k: TRUTH[k] for k in CHINCHILLA.priors}
    )
    np.testing.assert_allclose(runs.loss, expected, rtol=1e-12)


def test_unique_tokens_are_measured_from_the_point_of_tokens():
    table = design(("a",), 1).assign(unique_tokens=lambda t: t["tokens"])
    exact = TRUTH | {"R_D": 15.0, "R_N": 1e9, "sigma": 0.0}
    at = {"params": 1e8, "tokens": 1e10}
    runs = bs.simulate(table, "muennighoff", exact, reference=at)
    once = bs.simulate(table, "chinchilla", TRUTH | {"sigma": 0.0}, reference=at)
    np.testing.assert_allclose(runs.loss, once.loss, rtol=1e-6)


def test_measurement_error_is_taken_from_nats_to_log_loss():
    table = design(("a",), 1).assign(loss_se=0.02)
    runs = bs.simulate(table, "chinchilla", TRUTH | {"sigma": 0.0}, seed=3)
    exact = bs.simulate(table.drop(columns="loss_se"), "chinchilla", TRUTH | {"sigma": 0.0})
    np.testing.assert_allclose(runs.measurement_sd, 0.02 / exact.loss)
    assert 0.3 < np.std((runs.log_loss - exact.log_loss) / runs.measurement_sd) < 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"E": None}, "no value for 'E'; law 'chinchilla' is simulated with E, A, B, alpha, beta, sigma"),
        ({"gamma": 1.0}, "law 'chinchilla' is not simulated with 'gamma'"),
        ({"slope": 0.1}, "law 'chinchilla' is not simulated with 'slope'"),
        ({"E": [1.0, 2.0, 3.0]}, "E has shape (3,); expected one number, or one for each of the 2 groups"),
        ({"nu": [3.0, 4.0]}, "nu has shape (2,); expected one number"),
        ({"sigma": -0.1}, "sigma is -0.1; expected a positive number"),
        ({"E": np.nan}, "E is nan; expected finite numbers"),
        ({"E": -9.0}, "law 'chinchilla' gives a loss of -8."),
    ],
)
def test_what_cannot_be_simulated_is_refused(change, message):
    given = {name: value for name, value in (TRUTH | change).items() if value is not None}
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        bs.simulate(design(), "chinchilla", given)
