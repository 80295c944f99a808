"""Draws: that they come from the posterior, and what a seed promises."""

from itertools import pairwise

import jax
import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from helpers import quiet_fit, simulated_runs, small_table, table_of

import bayes_scaling as bs
from bayes_scaling import LogNormal, Noise
from bayes_scaling.laws.elementwise import softplus
from bayes_scaling.model.data import model_data
from bayes_scaling.model.likelihood import single_log_likelihood
from bayes_scaling.model.structure import structure
from bayes_scaling.sampling.find_map import Geometry
from bayes_scaling.sampling.jax_model import _to_jax, program
from bayes_scaling.sampling.job import Job
from bayes_scaling.sampling.modes import Mode, climb, modes, starts_by_mass
from bayes_scaling.sampling.sample import sample
from bayes_scaling.sampling.settings import Sampler

CHINCHILLA = bs.LAWS["chinchilla"]


@pytest.fixture(scope="module")
def single(single_fit):
    """Structure and data of `single_fit`, whose programs are compiled already."""
    return single_fit.structure, model_data(single_fit.runs, single_fit.law, single_fit.noise)


def short(single, seed=0, target_accept=0.9, **of_job):
    sampler = Sampler(draws=60, chains=2, max_warmup=100, seed=seed, target_accept=target_accept)
    return sample(Job(None, *single, sampler, **of_job))


class TestRecovery:
    def test_the_truth_lies_inside_of_the_99_percent_intervals(self, single_fit, truth):
        for name, value in (truth | {"sigma": 0.005, "nu": 6.0}).items():
            low, high = np.quantile(single_fit.posterior[name], [0.005, 0.995])
            assert low < value < high, name

    def test_the_posterior_is_narrower_than_the_prior(self, single_fit):
        for name in CHINCHILLA.parameters:
            after, before = (
                np.std(np.log(draws[name])) for draws in (single_fit.posterior, single_fit.prior)
            )
            assert after < before / 3, name

    def test_many_small_groups_converge_around_their_population(self):
        """Twelve groups of six runs, alike but for their noise: no funnel holds a chain, and groups scatter by tau."""
        fit = quiet_fit(small_table(list("abcdefghijkl")), "chinchilla", draws=300, seed=2)
        health = fit.diagnose()
        assert health.r_hat < 1.03
        assert health.e_bfmi > 0.4
        for name, value in {"E": 1.7, "alpha": 0.33, "beta": 0.3}.items():
            population, own, tau = (fit.posterior[f"{name}{part}"] for part in ("_population", "", "_tau"))
            low, high = np.quantile(population, [0.005, 0.995])
            assert low < value < high, name
            prior = fit.law.priors[name]
            away = (prior.inverse(own) - prior.inverse(population)) / tau
            assert 0.2 < float(away.std()) < 1.2, name

    def test_every_group_recovers_the_pile_losses(self, pile_fit):
        """The law passes within 4% of every run, and furthest from the one that looks like a misprint."""
        runs = pile_fit.runs
        mean = pile_fit.predict(runs.params, runs.tokens).mean.median(("chain", "draw")).to_numpy()
        fitted = mean[runs.group_index, np.arange(len(runs))]
        off = np.abs(np.log(fitted / runs.loss))
        assert runs.table["model"][np.argmax(off)] == "Pythia-1.4B-deduped"
        assert np.sort(off)[-2] < 0.04


class TestSeeds:
    def test_one_seed_gives_the_same_draws_bit_for_bit(self, single):
        one, other = short(single, seed=5), short(single, seed=5)
        for name, values in one.parameters.items():
            np.testing.assert_array_equal(values, other.parameters[name])
        np.testing.assert_array_equal(one.log_likelihood, other.log_likelihood)
        np.testing.assert_array_equal(one.stats["energy"], other.stats["energy"])

    def test_another_seed_gives_other_draws(self, single):
        assert not np.any(short(single, seed=5).parameters["E"] == short(single, seed=6).parameters["E"])

    def test_chains_differ_from_each_other(self, single):
        first, second = short(single, seed=5).parameters["E"]
        assert not np.any(first == second)


def test_a_higher_target_accept_takes_smaller_steps(single):
    usual, careful = (short(single, target_accept=target).stats["step_size"].mean() for target in (0.9, 0.99))
    assert careful < 0.8 * usual


class TestShapes:
    def test_draws_have_the_shape_that_was_asked_for(self, single):
        """60 draws are no multiple of a chunk; none of the surplus is left."""
        drawn = short(single)
        assert {values.shape for values in drawn.parameters.values()} == {(2, 60)}
        assert drawn.log_likelihood.shape == (2, 60, 60)
        assert {values.shape for values in drawn.stats.values()} == {(2, 60)}

    def test_the_log_likelihood_is_that_of_the_draws(self, single, single_fit):
        drawn = short(single)
        p = {name: values[1, 7] for name, values in drawn.parameters.items()}
        runs, at = single_fit.runs, single_fit.reference
        law = CHINCHILLA(
            runs.params / at["params"], runs.tokens / at["tokens"], **{k: p[k] for k in CHINCHILLA.parameters}
        )
        expected = single_log_likelihood(
            runs.log_loss - np.log(law), p["sigma"] ** 2, p["nu"], np.ones(len(runs))
        )
        np.testing.assert_allclose(drawn.log_likelihood[1, 7], expected, rtol=1e-8)


def test_progress_is_reported_of_both_phases(single):
    reports = []
    drawn = short(single, progress=lambda *report: reports.append(report))
    warmup = [(done, total) for phase, done, total in reports if phase == "warm-up"]
    draws = [(done, total) for phase, done, total in reports if phase == "draws"]
    assert {phase for phase, _, _ in reports} <= {"warm-up", "draws", "careful warm-up"}
    assert warmup[-1] == (drawn.warmup, 100)
    assert draws[-1] == (60, 60)
    assert all(earlier < later for phase in (warmup, draws) for earlier, later in pairwise(phase))


class TestLeavingRowsOut:
    def test_rows_of_weight_zero_leave_the_density_of_the_rest(self, single_fit):
        """The same density at the same free variables, up to nothing at all."""
        kept = np.arange(60) % 6 != 0
        # The reference of the whole table, because centring is no part of the likelihood.
        data = model_data(single_fit.runs, single_fit.law, single_fit.noise)
        weighted = data | {"weight": kept.astype(float)}
        fewer = {name: values if name == "unit" else values[kept] for name, values in data.items()}
        fewer["cluster_index"] = np.arange(kept.sum(), dtype=np.int32)
        whole = program(single_fit.structure)
        part = program(structure(single_fit.runs.select(kept), single_fit.law, single_fit.noise))
        rng = np.random.default_rng(1)
        for _ in range(5):
            theta = np.array([[0.5, -1.0, -1.2, -1.0, -1.2, -5.0]]) + 0.2 * rng.standard_normal((1, 6))
            shared = rng.standard_normal(1)
            found = np.asarray(whole.log_likelihood(theta, shared, weighted))
            assert np.all(found[~kept] == 0)
            np.testing.assert_allclose(found[kept], part.log_likelihood(theta, shared, fewer), rtol=1e-9)

    def test_the_rows_left_out_are_scored_by_a_posterior_that_has_not_seen_them(self, single):
        shape, data = single
        left = np.arange(60) == 7
        broken = data | {"log_loss": np.where(left, 50.0, data["log_loss"])}
        weights = {"weight": np.where(left, 0.0, 1.0)}
        one = short((shape, data | weights), seed=2)
        other = short((shape, broken | weights), seed=2, score={"weight": left.astype(float)})
        np.testing.assert_array_equal(one.parameters["E"], other.parameters["E"])
        assert np.all(one.log_likelihood[..., 7] == 0)
        assert np.all(other.log_likelihood[..., 7] < -10)
        assert np.all(np.delete(other.log_likelihood, 7, axis=-1) == 0)


@pytest.mark.sampling
def test_the_posterior_is_the_one_that_a_grid_integrates():
    """Two parameters left free, the others fixed by priors as narrow as a hair."""
    fixed = {"E": 1.8, "alpha": 0.34, "beta": 0.29}
    noise = Noise(sigma=LogNormal(0.02, 1e-6), nu=LogNormal(4.0, 1e-6, above=1.0))
    law = CHINCHILLA.with_priors({name: LogNormal(value, 1e-6) for name, value in fixed.items()})
    runs = simulated_runs(fixed | {"A": 0.35, "B": 0.3}, n=8, sigma=0.02, nu=4.0, seed=6)
    sampler = Sampler(draws=1000, chains=2, seed=1)
    drawn = sample(Job(None, structure(runs, law, noise), model_data(runs, law, noise), sampler))

    a, b = (
        np.linspace(low, high, 241) for low, high in ((np.log(0.15), np.log(0.8)), (np.log(0.1), np.log(0.8)))
    )
    log_a, log_b = np.meshgrid(a, b, indexing="ij")
    mean = law(
        (runs.params / runs.reference["params"])[:, None, None],
        (runs.tokens / runs.reference["tokens"])[:, None, None],
        **fixed, A=np.exp(log_a), B=np.exp(log_b),
    )  # fmt: skip
    residual = runs.log_loss[:, None, None] - np.log(mean)
    log_density = single_log_likelihood(residual, 0.02**2, 4.0, 1.0).sum(0)
    log_density += -0.5 * ((log_a - np.log(0.3)) ** 2 + (log_b - np.log(0.3)) ** 2)
    density = np.exp(log_density - log_density.max())
    edge = density.copy()
    edge[1:-1, 1:-1] = 0
    assert edge.max() < 1e-5, "the grid covers the whole posterior"
    density /= density.sum()

    grid = np.array([log_a.ravel(), log_b.ravel()])
    centre, covariance = grid @ density.ravel(), np.cov(grid, aweights=density.ravel(), ddof=0)
    draws = np.log([drawn.parameters["A"].ravel(), drawn.parameters["B"].ravel()])
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((draws.mean(1) - centre) / sd, 0.0, atol=0.1)
    np.testing.assert_allclose(np.cov(draws) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.12)


def test_the_geometry_is_that_of_the_structure(single_fit):
    """One group: five parameters and sigma, and the degrees of freedom; nothing else moves."""
    assert Geometry(program(single_fit.structure)).layout.n == 7


def test_softplus_of_a_law_keeps_its_gradient_however_far_out():
    x = pt.scalar("x")
    compiled = _to_jax({"softplus": ([x], [softplus(x)])})["softplus"]
    assert jax.grad(lambda x: compiled(x)[0])(800.0) == 1.0


def test_the_search_for_the_mode_turns_back_where_a_gradient_overflows():
    """As M4's did, at an exponent of 700, on one of 72 curves."""

    overflows = []

    def value_and_grad(x, *_):
        beyond = x[0] > 3.5
        overflows.extend([x[0]] * int(beyond))
        return x[0] - np.exp(min(x[0], 3.5) - 3), np.array([np.nan if beyond else 1 - np.exp(x[0] - 3)])

    assert climb(value_and_grad, np.zeros(1), np.arange(1)) == pytest.approx(3.0, abs=1e-4)
    assert overflows


def two_hills(x):
    """Log density and gradient of 3/4 N(-1, .1^2) + 1/4 N(2, .1^2): from the middle one climbs to the heavier."""
    z = np.stack([(x + 1) / 0.1, (x - 2) / 0.1])
    terms = np.log([[0.75], [0.25]]) - 0.5 * z**2
    log_density = np.logaddexp(*terms)
    slope = -(np.exp(terms - log_density) * z / 0.1).sum(0)
    return log_density[0] + 0.5, slope


def test_modes_are_separated_and_weighed():
    found = modes(two_hills, 1)
    assert [mode.at[0] for mode in found] == pytest.approx([-1, 2], abs=1e-3)
    assert np.exp(found[1].mass - found[0].mass) == pytest.approx(1 / 3, rel=1e-3)
    starts = starts_by_mass(found, 4, np.random.default_rng(0))
    assert [mode.at[0] for mode in starts] == pytest.approx([-1, -1, -1, 2], abs=1e-3)


def test_a_faint_mode_starts_no_chain_and_draws_no_number():
    one, faint = Mode(np.zeros(1), np.eye(1), 0.0), Mode(np.ones(1), np.eye(1), -4.0)
    rng = np.random.default_rng(0)
    assert starts_by_mass([one, faint], 4, rng) == [one] * 4
    assert rng.uniform() == np.random.default_rng(0).uniform()


def test_a_climb_that_ends_beside_an_overflow_is_no_mode():
    def spike(x):
        return -0.5 * x @ x, np.where(x == 0, 0.0, np.nan)

    assert modes(spike, 1) == []


@pytest.mark.filterwarnings("ignore::bayes_scaling.DoubtfulFitWarning")  # R-hat of 1.01 after so few draws
@pytest.mark.sampling
def test_chains_do_not_all_start_at_the_mode_nearest_to_the_middle_of_the_prior():
    """Simulated from the prior: from its middle one climbs to a curve with its break elsewhere, 25 nats below."""
    flops = np.geomspace(1e17, 1e21, 24)
    truth = {"E": 0.4791, "A": 0.247, "c0": 0.7094, "c1": 0.5806, "d1": 0.0938, "f1": 1.5701}
    rng = np.random.default_rng(2)
    x = flops / np.exp(np.log(flops).mean())
    loss = bs.LAWS["bnsl1"](x, **truth) * np.exp(0.0065 * rng.standard_normal(24))
    runs = bs.load_runs(pd.DataFrame({"flops": flops, "loss": loss}), inputs="flops", name="curve")
    fit = bs.fit(runs, law="bnsl1:flops", draws=250, seed=1)
    for name in truth:
        low, high = fit.posterior[name].quantile([0.005, 0.995])
        assert low < truth[name] < high, name


@pytest.mark.filterwarnings("ignore::bayes_scaling.DoubtfulFitWarning")  # R-hat of 1.01 after so few draws
@pytest.mark.sampling
def test_sparsity_samples_where_its_terms_stand_for_each_other():
    """Two dozen runs hardly separate a floor from a sparse term: minutes, before reparametrisation."""
    law = bs.LAWS["sparsity"]
    truth = {name: float(prior.forward(prior.location)) for name, prior in law.priors.items()}
    table = table_of(law, truth | {"phi": -0.2, "delta": 0.2}, n=24, sigma=0.003)
    fit = bs.fit(bs.load_runs(table, inputs=law.columns, name="experts"), law="sparsity", draws=250, seed=1)
    assert fit.diagnose().r_hat < 1.05
    assert fit.tree["sample_stats"]["n_steps"].mean() < 100
