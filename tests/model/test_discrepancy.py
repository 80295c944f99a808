"""The Gaussian process along a curve: its likelihood, its forecasts, and what it is refused for."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, quiet_fit
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import bayes_scaling as bs
from bayes_scaling import Discrepancy, InputError, LogNormal
from bayes_scaling.model.data import model_data
from bayes_scaling.model.discrepancy import ahead, paths
from bayes_scaling.model.structure import structure

LAW = {"E": 0.2, "A": 0.3, "alpha": 0.4}


def curve(n=25, seed=3, amplitude=0.03, sigma=0.002, group="one"):
    """A curve that departs from M2 slowly, over two decades of tokens."""
    rng = np.random.default_rng(seed)
    log_x = np.linspace(-2.3, 2.3, n)
    loss = bs.LAWS["power_floor"](np.exp(log_x), **LAW)
    slow = rng.multivariate_normal(
        np.zeros(n), Discrepancy().correlation(log_x, log_x, 1.5) + 1e-9 * np.eye(n)
    )
    loss = loss * np.exp(amplitude * slow + sigma * rng.standard_normal(n))
    return pd.DataFrame({"tokens": 1e9 * np.exp(log_x), "loss": loss, "group": group})


def runs_of(table):
    return bs.load_runs(table, inputs="tokens", name="curve")


@pytest.mark.seconds
def test_the_likelihood_is_that_of_dense_normals_summed_over_lengths():
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import padded_data, padded_structure

    runs = runs_of(pd.concat([curve(9, 1), curve(12, 2, group="two")]))
    noise = Discrepancy(lengths=(0.4, 2.0))
    law = bs.LAWS["power_floor"]
    shape = structure(runs, law, noise)
    wide = padded_structure(shape, shape)
    assert (wide.n_rows, wide.n_clusters) == (24, 2)
    natural = np.array([[0.2, 0.3, 0.4, 0.004], [0.1, 0.5, 0.3, 0.02]])
    theta = np.hstack([np.log(natural[:, :3]), noise.sigma.inverse(natural[:, 3:])])
    amplitude = 0.05
    shared = [(np.log(amplitude) - noise.amplitude.location) / noise.amplitude.spread]
    found = program(wide).log_likelihood(
        theta, np.array(shared), padded_data(model_data(runs, law, noise), wide)
    )
    for g in range(2):
        own = runs.group_index == g
        x = runs.column("tokens")[own] / runs.reference["tokens"]
        E, A, alpha, sigma = natural[g]
        residual = runs.log_loss[own] - np.log(law(x, E=E, A=A, alpha=alpha))
        dense = [
            multivariate_normal.logpdf(
                residual,
                cov=amplitude**2 * noise.correlation(np.log(x), np.log(x), length)
                + sigma**2 * np.eye(len(x)),
            )
            for length in (0.4, 2.0)
        ]
        assert float(found[g]) == pytest.approx(logsumexp(dense) - np.log(2), rel=1e-9)


def test_a_forecast_is_the_conditional_normal_and_its_paths_scatter_so():
    rng = np.random.default_rng(5)
    one = Discrepancy(lengths=(1.0,), smoothness=1.5)
    x, new = np.linspace(-1, 1, 8), np.array([0.3, 1.2, 4.0])
    residual, s, sigma = rng.standard_normal(8) * 0.02, 0.03, 0.004
    draws = 20_000
    found = ahead(
        one,
        rng,
        x,
        np.broadcast_to(residual, (draws, 8)),
        new,
        amplitude=np.full(draws, s),
        sigma=np.full(draws, sigma),
    )
    inverse = np.linalg.inv(s**2 * one.correlation(x, x, 1.0) + sigma**2 * np.eye(8))
    across = s**2 * one.correlation(new, x, 1.0)
    covariance = s**2 * one.correlation(new, new, 1.0) - across @ inverse @ across.T
    np.testing.assert_allclose(found.center[0], across @ inverse @ residual, rtol=1e-9)
    np.testing.assert_allclose(found.spread[0], np.sqrt(np.diag(covariance)), rtol=1e-9)
    np.testing.assert_allclose(found.paths.mean(0), found.center[0], atol=5 * s / np.sqrt(draws))
    np.testing.assert_allclose(np.cov(found.paths.T), covariance, atol=0.03 * s**2)
    assert found.spread[0, 2] == pytest.approx(s, rel=0.02)  # far out, nothing is left but the amplitude


@pytest.mark.seconds
def test_paths_scatter_as_the_process_and_groups_have_their_own():
    one = Discrepancy(lengths=(0.5, 2.0))
    x, group = np.array([-1.0, 0.0, 0.4, -1.0, 0.0, 0.4]), np.array([0, 0, 0, 1, 1, 1])
    rng = np.random.default_rng(3)
    spectra = one.spectra(x, group)
    drawn = np.array([paths(rng, *spectra, group) for _ in range(20_000)])
    block = np.mean([one.correlation(x[:3], x[:3], length) for length in one.lengths], axis=0)
    expected = np.kron(np.eye(2), block)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.05)


@pytest.mark.sampling
def test_simulated_curves_err_by_the_discrepancy_that_was_asked_for():
    x = np.geomspace(1e6, 1e9, 12)
    design = pd.DataFrame({"tokens": x, "loss": 1.0})
    truth = {"E": 0.5, "A": 1.0, "alpha": 0.3, "sigma": 1e-6}
    plain, wavy = (
        [
            bs.simulate(design, "power_floor", truth | {"discrepancy": s}, noise="curve", seed=i).log_loss
            for i in range(400)
        ]
        for s in (0.0, 0.05)
    )
    assert np.std(plain, axis=0).max() < 1e-5
    np.testing.assert_allclose(np.std(wavy, axis=0), 0.05, rtol=0.15)
    with pytest.raises(bs.InputError, match="discrepancy"):
        bs.simulate(design, "power_floor", truth | {"nu": 5}, noise="curve")


def test_lengths_that_the_curve_speaks_against_are_not_used():
    both = Discrepancy(lengths=(0.02, 3.0))
    x = np.linspace(-1, 1, 40)
    residual = np.broadcast_to(0.05 * np.sin(2 * x), (500, 40))  # smooth: the short length is out
    found = ahead(
        both,
        np.random.default_rng(1),
        x,
        residual,
        x + 1e-3,
        amplitude=np.full(500, 0.05),
        sigma=np.full(500, 0.001),
    )
    np.testing.assert_allclose(found.center, residual, atol=2e-3)
    assert found.spread.max() < 0.01


@pytest.fixture(scope="module")
def fitted():
    return quiet_fit(runs_of(curve()), "power_floor", noise="curve", seed=2, draws=1000)


class TestFit:
    def test_it_converges_and_says_how_large_the_departures_are(self, fitted):
        assert fitted.diagnose().r_hat < 1.02
        low, high = fitted.posterior["discrepancy"].quantile([0.01, 0.99])
        assert 0.005 < low < 0.03 < high
        assert "slow departures" in fitted.summary().loc["discrepancy", "meaning"]

    def test_inside_the_curve_the_forecast_follows_it_and_beyond_it_doubts_grow(self, fitted):
        seen = fitted.runs
        inside = fitted.predict(tokens=seen.tokens, drift=False)
        middle = inside.median("drifted").to_numpy()
        assert np.std(np.log(middle) - seen.log_loss) < 0.003
        far = fitted.predict(tokens=seen.tokens.max() * np.array([1.0, 2.0, 10.0]), drift=False)
        low, high = far.interval(0.9)
        width = np.log(high / low).to_numpy()
        assert width[0] < width[1] < width[2]

    def test_it_is_saved_with_its_discrepancy(self, fitted, tmp_path):
        again = bs.open_fit(fitted.save(tmp_path / "fit.nc"))
        assert again.noise == fitted.noise
        np.testing.assert_array_equal(again.predict(tokens=1e12).new_run, fitted.predict(tokens=1e12).new_run)

    def test_a_backtest_of_curves_scores_with_it(self):
        runs = runs_of(curve(40, sigma=0.003))
        held = runs.tokens > np.quantile(runs.tokens, 0.8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # short on purpose
            found = bs.backtest(
                runs, "power_floor", splits={"end": held}, noise="curve", draws=100, chains=2, baselines=False
            )
        assert np.isfinite(found.runs["log_density"]).all()


def test_groups_are_curves_of_their_own():
    table = pd.concat([curve(10, 1), curve(12, 2, group="two")])
    fit = instant_fit(runs_of(table), "power_floor", noise="curve")
    both = fit.predict(tokens=[1e9, 1e12])
    assert both.new_run.dims == ("chain", "draw", "group", "point")
    assert fit.predict(tokens=1e12, group="two").mean.dims == ("chain", "draw", "point")


class TestRefused:
    def test_for_a_law_of_two_inputs(self):
        with pytest.raises(
            InputError, match="noise 'curve' is for laws of one input; 'chinchilla' takes params, tokens"
        ):
            bs.fit(bs.datasets.load("pile"), "chinchilla", noise="curve")

    def test_beside_measurement_errors(self):
        table = curve().drop(columns="group").assign(loss_se=0.01)
        with pytest.raises(InputError, match="takes no column of standard errors"):
            bs.fit(runs_of(table), "power_floor", noise="curve")

    def test_beside_a_slope_of_sigma(self):
        with pytest.raises(TypeError, match="slope_in"):
            Discrepancy(slope_in="flops")

    @pytest.mark.parametrize("wrong", [{"smoothness": 2.0}, {"lengths": ()}, {"lengths": (1.0, -1.0)}])
    def test_without_a_kernel(self, wrong):
        with pytest.raises(InputError, match="of a discrepancy"):
            Discrepancy(**wrong)


def test_m4_samples_where_its_floor_is_hardly_identified():
    """A curve that has left guessing and shows no floor: minutes, and no convergence, before it was reparametrised."""
    log_x = np.linspace(-3, 2, 60)
    truth = {"E": 0.05, "A": 0.25, "alpha": 0.5, "G": 0.9, "delta": 0.8}
    loss = bs.LAWS["m4"](np.exp(log_x), **truth) * np.exp(0.01 * np.random.default_rng(4).standard_normal(60))
    priors = {"E": LogNormal(0.1, 1.3), "A": LogNormal(0.4, 1.3), "G": LogNormal(0.9, 0.3)}
    runs = bs.load_runs(pd.DataFrame({"tokens": 1e9 * np.exp(log_x), "loss": loss}), inputs="tokens")
    fit = quiet_fit(runs, "m4", priors=priors, seed=1, draws=250)
    assert fit.diagnose().r_hat < 1.03
    assert fit.tree["sample_stats"]["n_steps"].mean() < 30
