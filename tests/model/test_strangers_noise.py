"""A noise that a stranger adds: one class, listed in one line, goes everywhere."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, table
from scipy import stats

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.laws.elementwise import log
from bayes_scaling.laws.priors import LogNormal, Prior
from bayes_scaling.model.build import build_model
from bayes_scaling.model.noise import NOISES
from bayes_scaling.model.structure import Density, NoiseModel, structure


@dataclass(frozen=True)
class Laplace(NoiseModel):
    """Double-exponential noise of log loss, with a share of it that all runs have."""

    sigma: Prior = LogNormal(0.01, 1.0)
    base: Prior = LogNormal(0.002, 1.0)

    name = "laplace"
    description = "double exponential on log loss"

    def meanings(self, clustered):
        return {"sigma": "scale of log loss", "base": "scale that all groups share"}

    def shared_priors(self, clustered, along=False):
        return {"base": self.base}

    def clusters(self, runs):
        return np.arange(len(runs))

    def density(self, rows):
        residual, scale = rows.data["log_loss"] - log(rows.law), rows.sigma + rows.shared["base"]
        density = rows.data["weight"] * (-abs(residual) / scale - log(2 * scale))
        return Density(density, residual, 2 * scale**2 + 0 * residual)

    def draw(self, rng, design):
        return design.law * np.exp(rng.laplace(scale=design.sigma + design.shared.get("base", 0.0)))

    def new_run_scale(self, posterior, covariates):
        return posterior["sigma"] + posterior["base"]

    def standard(self, rng, posterior, like):
        return like.copy(data=rng.laplace(size=like.shape))


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    """The one line."""
    monkeypatch.setitem(NOISES, "laplace", Laplace())


@pytest.fixture
def runs(truth):
    return bs.load_runs(table(truth), name="simulated")


@pytest.fixture
def fit(runs):
    return instant_fit(runs, "chinchilla", noise="laplace")


def test_its_density_is_in_the_model(runs, truth):
    law = bs.LAWS["chinchilla"]
    model = build_model(runs, law, Laplace())
    free = {name: np.zeros(int(value.shape[0])) for name, value in model.initial_point().items()}
    size = sum(len(value) for value in free.values())
    found = model.compile_logp(mode="FAST_COMPILE")(free) - size * stats.norm.logpdf(0.0)
    p = {name: prior.forward(prior.location) for name, prior in law.priors.items()}
    at = (runs.params / runs.reference["params"], runs.tokens / runs.reference["tokens"])
    expected = stats.laplace.logpdf(runs.log_loss - np.log(law(*at, **p)), scale=0.01 + 0.002)
    assert float(found) == pytest.approx(expected.sum(), rel=1e-9)


@pytest.mark.seconds
def test_it_is_compiled_without_a_warning(runs):
    """Its broadcasting is PyTensor's to check, and JAX's: users hear nothing of that."""
    from bayes_scaling.sampling.jax_model import program

    noise = Laplace(sigma=LogNormal(0.011, 1.0))  # no program of another test
    found = program(structure(runs, bs.LAWS["chinchilla"], noise))
    assert found.shapes["shared"] == (1,)


def test_simulated_runs_scatter_by_it(truth):
    design = table(truth, n=2000)
    runs = bs.simulate(design, "chinchilla", truth | {"sigma": 0.03, "base": 0.01}, noise="laplace", seed=1)
    at = (runs.params / runs.reference["params"], runs.tokens / runs.reference["tokens"])
    residual = runs.log_loss - np.log(bs.LAWS["chinchilla"](*at, **truth))
    assert stats.kstest(residual, stats.laplace(scale=0.04).cdf).pvalue > 0.01
    with pytest.raises(InputError, match="not simulated with 'nu'"):
        bs.simulate(design, "chinchilla", truth | {"sigma": 0.03, "nu": 5.0}, noise="laplace")


@pytest.mark.seconds
def test_it_is_saved_forecast_planned_and_explained(fit, tmp_path):
    again = bs.open_fit(fit.save(tmp_path / "fit.nc"))
    assert again.noise == Laplace()
    forecast = fit.predict("10B", "200B", drift=False)
    z = np.log(forecast.new_run / forecast.mean) / (fit.posterior["sigma"] + fit.posterior["base"])
    assert stats.kstest(z.to_numpy().ravel(), stats.laplace.cdf).pvalue > 0.01
    np.testing.assert_array_equal(again.predict("10B", "200B", drift=False).new_run, forecast.new_run)
    assert fit.summary().loc["base", "meaning"] == "scale that all groups share"
    assert np.isfinite(fit.plan("1e22").table().select_dtypes("number")).any(axis=None)
    assert "laplace" not in str(fit.diagnose().warnings)


def test_names_of_noises_are_those_that_are_listed(runs):
    with pytest.raises(InputError, match="'laplace' or a Noise"):
        bs.fit(runs, "chinchilla", noise="gauss")


def test_a_noise_of_losses_is_refused_for_shares():
    runs = bs.load_runs(
        pd.DataFrame({"flops": [1e20, 1e21, 1e22], "loss": [0.2, 0.4, 0.5], "items": 100}), inputs="flops"
    )
    with pytest.raises(InputError, match="noise 'laplace' is of losses; law 'task_of_compute' gives a share"):
        bs.fit(runs, "task_of_compute", noise="laplace")
    with pytest.raises(InputError, match="noise 'shares' is of shares; law 'gpt4' gives a loss"):
        bs.fit(runs, "gpt4", noise="shares")
