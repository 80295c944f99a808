"""Shares of test items: their likelihood, their laws, and the two steps from compute to a task."""

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, quiet_fit, simulated_runs
from scipy.stats import beta, betabinom

import bayes_scaling as bs
from bayes_scaling import InputError, LogitNormal
from bayes_scaling.model.likelihood import share_log_likelihood

TASK = {"chance": 0.25, "ceiling": 0.9, "k": 8.0, "m": -0.05}


def tasks(n=40, items=500, seed=1, scatter=0.05):
    """Shares of one task at losses from 2.2 to 3.5; `TASK` is the truth at their geometric mean."""
    rng = np.random.default_rng(seed)
    loss = np.exp(np.linspace(np.log(2.2), np.log(3.5), n))
    p = bs.LAWS["task_of_loss"](loss / np.exp(np.log(loss).mean()), **TASK)
    own = rng.beta(p / scatter**2, (1 - p) / scatter**2)
    return pd.DataFrame({"val_loss": loss, "loss": rng.binomial(items, own) / items, "items": items})


def load(table):
    return bs.load_runs(table, inputs="val_loss", name="task", silence="one_loss")


@pytest.mark.parametrize("counted", [True, False])
def test_the_likelihood_is_beta_binomial_or_beta(counted):
    p, sigma, items = np.array([0.3, 0.9, 0.52]), np.array([0.1, 0.05, 0.4]), np.array([50.0, 1000.0, 7.0])
    hits = np.array([13.0, 950.0, 1.0])
    found = share_log_likelihood(hits / items, items, p, sigma, np.array([1.0, 1.0, 1.0]), counted)
    a, b = p / sigma**2, (1 - p) / sigma**2
    expected = betabinom.logpmf(hits, items, a, b) if counted else beta.logpdf(hits / items, a, b)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("items", [40, None])
def test_shares_are_simulated_as_they_are_fitted(items):
    """Mean and variance of the beta-binomial, or of the beta; nothing of a law of losses is taken."""
    design = pd.DataFrame({"val_loss": np.full(20_000, 2.5)} | ({"items": items} if items else {}))
    runs = bs.simulate(design, "task_of_loss", TASK | {"sigma": 0.3}, reference={"val_loss": 2.5}, seed=1)
    p, own = bs.LAWS["task_of_loss"](1.0, **TASK), 0.3**2 / (1 + 0.3**2)
    assert runs.loss.mean() == pytest.approx(p, rel=0.01)
    expected = p * (1 - p) * (own + (1 - own) / items if items else own)
    assert runs.loss.var() == pytest.approx(expected, rel=0.03)
    with pytest.raises(InputError, match="not simulated with 'nu'"):
        bs.simulate(design, "task_of_loss", TASK | {"sigma": 0.3, "nu": 4})


def test_a_logit_normal_prior_goes_there_and_back():
    prior = LogitNormal(0.2, 1.0)
    free = np.linspace(-4, 4, 9)
    np.testing.assert_allclose(prior.inverse(prior.forward(free)), free, rtol=1e-12)
    assert prior.forward(prior.location) == pytest.approx(0.2)
    with pytest.raises(InputError, match=r"must lie between 0 and 1, not be 1\.5"):
        LogitNormal(1.5, 1.0)


class TestTables:
    def test_no_item_right_is_a_share_where_items_are_counted(self):
        runs = load(tasks().assign(loss=lambda t: t["loss"].where(t.index > 0, 0.0)))
        assert runs.loss[0] == 0
        np.testing.assert_array_equal(runs.items, 500)
        with pytest.raises(InputError, match=r"column 'loss', row 1: 0\.0 is zero"):
            load(tasks().drop(columns="items").assign(loss=0.0))

    def test_percentages_are_refused(self):
        with pytest.warns(bs.DoubtfulInputWarning, match="looks like perplexity"):
            percent = load(tasks().assign(loss=lambda t: 100 * t["loss"]))
        with pytest.raises(InputError, match="divide percentages by 100"):
            bs.fit(percent, "task_of_loss")

    def test_everything_right_needs_the_number_of_items(self):
        table = tasks().drop(columns="items").assign(loss=1.0)
        with pytest.raises(InputError, match="name the column that counts test items"):
            bs.fit(load(table), "task_of_loss")

    @pytest.mark.parametrize("noise", ["flops", "curve", "undertuned"])
    def test_a_noise_of_losses_is_refused(self, noise):
        with pytest.raises(InputError, match=f"noise '{noise}' is of losses; .* gives a share of test items"):
            bs.fit(load(tasks()), "task_of_loss", noise=noise)


@pytest.fixture(scope="module")
def task_fit():
    return quiet_fit(load(tasks()), "task_of_loss", seed=1, draws=250)


class TestFit:
    def test_it_converges_on_the_truth(self, task_fit):
        assert task_fit.diagnose().r_hat < 1.03
        law = bs.LAWS["task_of_loss"]
        at = np.array([2.3, 2.8, 3.3])
        truth = law(at / task_fit.reference["val_loss"], **TASK)
        lower, upper = task_fit.predict(val_loss=at).interval(0.99, "mean")
        assert np.all(lower < truth)
        assert np.all(truth < upper)
        low, high = task_fit.posterior["sigma"].quantile([0.01, 0.99])
        assert low < 0.05 < high

    def test_a_new_run_gets_a_whole_number_of_items_right(self, task_fit):
        forecast = task_fit.predict(val_loss=[1.8, 2.5, 4.0])
        assert forecast.response == "share"
        hits = forecast.new_run.to_numpy() * 500
        np.testing.assert_allclose(hits, np.round(hits), atol=1e-9)
        assert forecast.mean.min() > 0
        assert forecast.mean.max() < 1
        assert (forecast.draws("drifted") < 1).all()

    def test_it_is_saved_and_opened(self, task_fit, tmp_path):
        again = bs.open_fit(task_fit.save(tmp_path / "task.nc"))
        np.testing.assert_array_equal(
            again.predict(val_loss=2.0).new_run, task_fit.predict(val_loss=2.0).new_run
        )

    def test_groups_that_share_nothing_are_fitted_each_alone(self, task_fit):
        both = pd.concat([tasks().assign(group="a"), tasks(seed=2).assign(group="b")])
        fit = quiet_fit(load(both), "task_of_loss", pooling="none", seed=1, draws=250)
        at = [2.3, 2.8, 3.3]
        alone = task_fit.predict(val_loss=at).interval(0.9, "mean")
        np.testing.assert_allclose(
            fit.predict(val_loss=at, group="a").interval(0.9, "mean"), alone, atol=0.01
        )

    def test_shares_without_items_are_fitted_as_they_are(self):
        fit = instant_fit(load(tasks().drop(columns="items")), "task_of_loss")
        assert not fit.structure.counted
        assert np.all(np.isfinite(fit.predict(val_loss=2.0).new_run))


@pytest.fixture(scope="module")
def loss_fit(truth):
    return instant_fit(simulated_runs(truth), "chinchilla", chains=4, draws=250)


class TestTwoSteps:
    def test_each_draw_goes_through_both_laws(self, loss_fit, task_fit):
        at = {"params": 5e9, "tokens": 1e11}
        both = bs.two_step(loss_fit, task_fit, **at)
        assert both.mean.dims == ("chain", "draw", "point")
        loss = loss_fit.predict(**at).mean.median().item()
        alone = task_fit.predict(val_loss=loss)
        assert both.mean.median().item() == pytest.approx(alone.mean.median().item(), abs=0.02)
        assert float(both.mean.std()) > float(alone.mean.std())  # the uncertainty of the loss came along
        assert {"params", "tokens", "flops"} <= set(both.inputs)
        assert "val_loss" in both.decades_beyond

    def test_a_drift_of_the_task_comes_on_top(self, loss_fit, task_fit):
        at = {"params": 5e12, "tokens": 1e14}
        plain, drifted = (
            bs.two_step(loss_fit, task_fit, drift=False, task_drift=s, **at) for s in (False, 0.5)
        )
        np.testing.assert_allclose(plain.drift, 0, atol=1e-9)
        assert float(drifted.draws("drifted").std()) > float(plain.draws("drifted").std())
        np.testing.assert_array_equal(plain.mean, drifted.mean)

    def test_other_orders_are_refused(self, loss_fit, task_fit):
        with pytest.raises(InputError, match="two_step goes from a loss to a share"):
            bs.two_step(task_fit, loss_fit, val_loss=2.0)

    def test_a_group_is_asked_for(self, task_fit):
        grouped = instant_fit(bs.datasets.load("pile"), "chinchilla")
        with pytest.raises(InputError, match="has several groups: name one with group="):
            bs.two_step(grouped, task_fit, params=1e9, tokens=1e10)
