"""The observed variable of the model: its draws are those of its density, and PyMC's own functions work on it."""

import warnings

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from helpers import small_table

import bayes_scaling as bs
from bayes_scaling.model.build import build_model
from bayes_scaling.model.noise import as_noise

CHINCHILLA = bs.LAWS["chinchilla"]
MIXED = {"E": "none", "A": "complete", "sigma": "complete", "beta": "none"}

# PyMC's own, of any variable that NumPy draws.
pytestmark = pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")


def curves(groups):
    table = small_table(groups).table[["tokens", "loss", "group"]]
    return bs.load_runs(table, inputs="tokens", name="curves")


def shares(items):
    flops = np.geomspace(1e19, 1e22, 8)
    table = pd.DataFrame({"flops": flops, "loss": np.linspace(0.3, 0.7, 8), "items": 100})
    rows = table if items else table.drop(columns="items")
    return bs.load_runs(rows, inputs="flops", name="shares", silence="accuracies")


def scores(groups, **options):
    """Of either sign."""
    table = small_table(groups, **options).table
    return bs.load_runs(
        table.assign(loss=2 - table["loss"]),
        inputs="tokens",
        name="scores",
        response="score",
        silence="large_se",
    )


CASES = {
    "one group": (lambda: small_table(["a"]), CHINCHILLA, "constant", None),
    "sigma along compute, measured": (
        lambda: small_table(["a", "b"], loss_se=True), CHINCHILLA, "tokens", MIXED,
    ),
    "replicates": (lambda: small_table(["a"], replicates=3), CHINCHILLA, "constant", None),
    "trajectories": (lambda: small_table(["a", "b"], checkpoints=3), CHINCHILLA, "constant", "partial"),
    "undertuned": (lambda: small_table(["a"], replicates=2), CHINCHILLA, "undertuned", None),
    "curves": (lambda: curves(["a", "b"]), bs.LAWS["power_floor"], "curve", "complete"),
    "counted shares": (lambda: shares(True), bs.LAWS["task_of_compute"], "shares", None),
    "shares": (lambda: shares(False), bs.LAWS["task_of_compute"], "shares", None),
    "scores": (lambda: scores(["a"]), bs.LAWS["pow3"], "constant", None),
    "scores, measured replicates": (
        lambda: scores(["a", "b"], replicates=2, loss_se=True), bs.LAWS["pow3"], "constant", None,
    ),
}  # fmt: skip


def model_of(case):
    runs, law, noise, pooling = CASES[case]
    return build_model(runs(), law, as_noise(noise, law.response), pooling)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.sampling
def test_draws_are_those_of_the_density(case):
    """E[p(y | other) / p(y | here)] = 1 for y drawn here, whatever the other parameters are."""
    model = model_of(case)
    (variable,) = model.observed_RVs
    rng = np.random.default_rng(8)
    here = {name: 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}
    here["mean"][-1] = 2.0  # sigma: so wide that the other parameters need not lie very near
    fixed = pm.do(model, here)
    assert len(fixed.free_RVs) == 0
    drawn = pm.draw(fixed[variable.name], 1000, random_seed=5, mode="FAST_COMPILE")
    density = model.compile_fn(
        model.logp(vars=[variable]), inputs=model.value_vars, on_unused_input="ignore", mode="FAST_COMPILE"
    )
    for shift in (-0.015, 0.015):
        other = {name: value + shift for name, value in here.items()}
        ratios = []
        for y in drawn:
            model["observed"].set_value(y)
            ratios.append(np.exp(density(other) - density(here)))
        error = np.std(ratios) / np.sqrt(len(ratios))
        assert np.mean(ratios) == pytest.approx(1, abs=4 * error)
        assert error < 0.05


@pytest.fixture(scope="module")
def sampled():
    """Draws by PyMC itself, with every group that it computes of an observed variable."""
    model = bs.build_model(
        small_table(["b", "a"], replicates=2), "chinchilla", noise="constant", pooling="complete"
    )
    quiet = {"random_seed": 1, "progressbar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with model:
            tree = pm.sample(
                60,
                tune=150,
                chains=2,
                cores=1,
                nuts_sampler="pymc",
                compute_convergence_checks=False,
                **quiet,
            )
            prior = pm.sample_prior_predictive(300, random_seed=2)
            pm.sample_posterior_predictive(tree, extend_inferencedata=True, **quiet)
            pm.stats.compute_log_likelihood(tree, progressbar=False)
            pm.stats.compute_log_prior(tree, progressbar=False)
    return model, tree, prior


@pytest.mark.sampling
class TestPyMC:
    def test_the_groups_share_name_dims_and_coordinates(self, sampled):
        _, tree, prior = sampled
        for group in ("posterior_predictive", "log_likelihood"):
            assert tree[group]["log_loss"].dims == ("chain", "draw", "run")
            np.testing.assert_array_equal(tree[group]["run"], tree["observed_data"]["run"])
        assert prior["prior_predictive"]["log_loss"].dims == ("chain", "draw", "run")
        assert tree["posterior"]["theta"].dims == ("chain", "draw", "group", "parameter")
        assert list(tree["posterior"]["group"].to_numpy()) == ["a", "b"]
        assert list(tree["posterior"]["parameter"].to_numpy()) == ["E", "A", "B", "alpha", "beta", "sigma"]
        assert tree["constant_data"]["N"].dims == ("run",)
        assert set(tree["log_prior"].data_vars) == {"mean", "shared"}

    def test_the_predictive_scatters_as_the_noise_does(self, sampled):
        """Where a potential stood for the likelihood, it was the data themselves."""
        _, tree, prior = sampled
        away = tree["posterior_predictive"]["log_loss"] - tree["observed_data"]["log_loss"]
        expected = float(np.median(tree["posterior"]["sigma"]))
        middle = np.median(np.abs(away - away.median(("chain", "draw"))))
        assert 0.5 * expected < middle < 3 * expected
        assert prior["prior_predictive"]["log_loss"].std(("chain", "draw")).min() > 5 * expected

    def test_the_density_of_a_cluster_stands_at_its_first_run(self, sampled):
        model, tree, _ = sampled
        clusters = tree["constant_data"]["cluster_index"].to_numpy()
        values = tree["log_likelihood"]["log_loss"].to_numpy()
        first = np.unique(clusters, return_index=True)[1]
        assert len(first) == 12
        assert (np.delete(values, first, axis=-1) == 0).all()
        assert (values[..., first] != 0).all()
        at = {name: tree["posterior"][name].to_numpy()[1, 7] for name in ("mean", "shared")}
        prior = sum(float(tree["log_prior"][name][1, 7].sum()) for name in at)
        whole = float(model.compile_logp(mode="FAST_COMPILE")(at))
        assert values[1, 7].sum() + prior == pytest.approx(whole, rel=1e-9)

    def test_what_was_observed_can_be_replaced_and_what_is_free_be_fixed(self, sampled):
        model, _, _ = sampled
        fixed = pm.do(model, {"mean": np.zeros(6)})
        assert [v.name for v in fixed.free_RVs] == ["shared"]
        wider = pm.observe(pm.do(model, {"shared": np.zeros(2)}), {"mean": np.ones(6)})
        assert {v.name for v in wider.observed_RVs} == {"mean", "log_loss"}

    def test_its_graph_shows_what_was_observed(self, sampled):
        graph = pytest.importorskip("graphviz") and pm.model_to_graphviz(sampled[0])
        assert "log_loss" in graph.source
        assert "run (24)" in graph.source

    def test_runs_that_nobody_trained_are_forecast_in_pymc(self):
        model = bs.build_model(small_table(["a"]), noise="constant")
        ones = np.ones(3)
        data = {
            "N": 100 * ones,
            "D": 100 * ones,
            "measurement_variance": 0 * ones,
            "weight": ones,
            "observed": ones,
        }
        data |= {"group_index": np.zeros(3, np.int32), "cluster_index": np.arange(3, dtype=np.int32)}
        with model:
            pm.set_data(data, coords={"run": ["x", "y", "z"]})
            forecast = pm.sample_prior_predictive(20, random_seed=1)["prior_predictive"]["log_loss"]
        assert forecast.sizes == {"chain": 1, "draw": 20, "run": 3}
        assert list(forecast["run"].to_numpy()) == ["x", "y", "z"]
