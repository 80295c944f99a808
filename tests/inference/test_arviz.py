"""ArviZ's own functions on a fit, with its standard groups."""

import warnings

import arviz_stats
import matplotlib.pyplot as plt
import numpy as np
import pymc as pm
import pytest
from helpers import quiet_fit, small_table

pytestmark = pytest.mark.sampling


@pytest.fixture(scope="module")
def tree(single_fit):
    return single_fit.to_arviz()


def test_one_name_and_dims_in_all_groups(single_fit, tree):
    for group in ("posterior_predictive", "prior_predictive", "log_likelihood", "observed_data"):
        assert list(tree[group].data_vars) == ["log_loss"]
        assert tree[group]["log_loss"].dims[-1] == "run"
        assert tree[group].sizes["run"] == 60
    assert set(tree["log_prior"].data_vars) == {"E", "A", "B", "alpha", "beta", "sigma", "nu"}
    assert "posterior_predictive" not in single_fit.tree, "what takes space is not in files"


def test_predictive_draws_are_calibrated_at_the_runs_that_were_fitted(tree):
    inside = tree["posterior_predictive"]["log_loss"] < tree["observed_data"]["log_loss"]
    share = inside.mean(("chain", "draw")).to_numpy()
    assert 0.8 < np.mean((share > 0.05) & (share < 0.95)) < 1, "not the data themselves, nor too wide"
    assert abs(share.mean() - 0.5) < 0.1


def test_loo_is_that_of_the_package(single_fit, tree):
    from bayes_scaling.evaluation.loo import leave_one_out

    ours = leave_one_out(single_fit, "chinchilla", refit=False)
    theirs = arviz_stats.loo(tree)
    assert theirs.elpd == pytest.approx(ours.log_density.sum(), rel=1e-4)  # another efficiency
    rival = arviz_stats.loo(tree, var_name="log_loss", pointwise=True)
    assert list(arviz_stats.compare({"one": theirs, "same": rival})["elpd_diff"]) == [0, 0]
    assert "alpha" in arviz_stats.psense_summary(tree).index
    mean, _ = arviz_stats.loo_expectations(tree, kind="mean")
    assert np.abs(mean - tree["observed_data"]["log_loss"]).max() < 0.1


def test_runs_that_err_together_have_one_log_likelihood():
    fit = quiet_fit(small_table(["a", "b"], replicates=2), group="group", draws=30, chains=2, max_warmup=100)
    tree = fit.to_arviz()
    assert tree["log_likelihood"]["log_loss"].dims == ("chain", "draw", "cluster")
    assert tree["posterior_predictive"].sizes["run"] == 24
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 60 draws are few
        assert arviz_stats.loo(tree).n_data_points == 12


def test_each_run_of_a_cluster_is_forecast_without_the_cluster():
    import arviz_plots

    fit = quiet_fit(small_table(["a", "b"], replicates=2), group="group", draws=100, chains=2, max_warmup=150)
    tree = fit.to_arviz(by_run=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 draws are few
        found = arviz_stats.loo_pit(tree)["log_loss"]
        mean, _ = arviz_stats.loo_expectations(tree, kind="mean")
        for plot in (arviz_plots.plot_loo_pit, arviz_plots.plot_loo_interval):
            plot(tree, backend="matplotlib")
    assert mean.dims == ("run",)
    density = fit.tree["log_likelihood"]["log_loss"].to_numpy()  # (chain, draw, cluster)
    weight = np.exp(-density + density.min((0, 1)))[..., fit.noise.clusters(fit.runs)]
    below = tree["posterior_predictive"]["log_loss"] <= tree["observed_data"]["log_loss"]
    by_hand = (below.to_numpy() * weight).sum((0, 1)) / weight.sum((0, 1))
    assert np.abs(found - by_hand).max() < 0.15  # theirs are smoothed
    assert np.abs(found - by_hand).mean() < 0.03
    assert fit.to_arviz()["log_likelihood"].sizes["cluster"] == 12


def test_pymc_finds_every_free_variable_of_the_model(pile_fit):
    """Those that it does not find it draws from the prior, and says nothing."""
    tree = pile_fit.to_arviz()
    for group in ("posterior", "prior"):
        assert {variable.name for variable in pile_fit.model.free_RVs} < set(tree[group].data_vars)
    with pile_fit.model, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Numba's, of how it runs the noise
        again = pm.stats.compute_log_likelihood(tree.copy(), extend_inferencedata=False, progressbar=False)
        drawn = pm.sample_posterior_predictive(tree, progressbar=False, random_seed=1)
    np.testing.assert_allclose(again["log_loss"], tree["log_likelihood"]["log_loss"], rtol=1e-9)
    theirs, ours = (t["posterior_predictive"]["log_loss"].std(("chain", "draw")) for t in (drawn, tree))
    assert float(theirs.mean()) == pytest.approx(float(ours.mean()), rel=0.1)


@pytest.mark.parametrize(("rename", "dim"), [({}, "groups"), ({"group": "corpus"}, "corpus")])
def test_the_dim_of_groups_is_not_that_which_plots_of_priors_take(pile_fit, rename, dim):
    import arviz_plots

    tree = pile_fit.to_arviz(rename=rename)
    assert dim in tree["posterior"].dims
    arviz_plots.plot_prior_posterior(tree, var_names=["E"], backend="matplotlib")


def test_plots_of_every_variable_have_room_for_three_groups(pile_fit):
    """ArviZ refuses more than 40 panels, and each free variable of the model would have one of its own."""
    import arviz_plots

    arviz_plots.plot_prior_posterior(pile_fit.to_arviz(free=False), backend="matplotlib")


NAMES = ["E", "alpha"]

PLOTS = {
    "plot_autocorr": {"var_names": NAMES},
    "plot_bf": {"var_names": ["alpha"], "ref_val": 0.35},
    "plot_convergence_dist": {},
    "plot_dgof": {"var_names": NAMES},
    "plot_dgof_dist": {"var_names": NAMES},
    "plot_dist": {"var_names": NAMES},
    "plot_energy": {},
    "plot_ess": {"var_names": NAMES},
    "plot_ess_evolution": {"var_names": NAMES},
    "plot_forest": {"var_names": NAMES},
    "plot_lm": {"x": "params", "y": "log_loss"},
    "plot_loo_interval": {},
    "plot_loo_pit": {},
    "plot_mcse": {"var_names": NAMES},
    "plot_pair": {"var_names": NAMES},
    "plot_pair_focus": {"var_names": NAMES, "focus_var": "A"},
    "plot_parallel": {"var_names": NAMES},
    "plot_ppc_dist": {},
    "plot_ppc_dist_pit": {},
    "plot_ppc_interval": {},
    "plot_ppc_pit": {},
    "plot_ppc_tstat": {},
    "plot_prior_posterior": {"var_names": NAMES},
    "plot_rank": {"var_names": NAMES},
    "plot_rank_dist": {"var_names": NAMES},
    "plot_ridge": {"var_names": NAMES},
    "plot_trace": {"var_names": NAMES},
    "plot_trace_dist": {"var_names": NAMES},
}

OTHERS = ("plot_khat", "plot_compare", "plot_psense_dist", "plot_psense_quantities")
"""Called below with what they want."""

NOT_OF_LOSSES = {
    "plot_collection", "plot_matrix", "plot_ecdf_pit", "plot_ppc_censored", "plot_ppc_pava",
    "plot_ppc_pava_residuals", "plot_loo_pava", "plot_ppc_rootogram",
}  # fmt: skip
"""Modules, and plots of simulation-based calibration and of censored, binary and counted observations."""


def test_every_plot_that_applies_is_drawn(single_fit, tree):
    import arviz_plots  # slow to load

    known = {name for name in dir(arviz_plots) if name.startswith("plot_")}
    assert known == set(PLOTS) | NOT_OF_LOSSES | set(OTHERS)
    failed = {}
    for name, options in PLOTS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # theirs: few draws, deprecations
                getattr(arviz_plots, name)(tree, backend="matplotlib", **options)
        except Exception as error:
            failed[name] = repr(error)
        plt.close("all")
    elpd = arviz_stats.loo(tree, pointwise=True)
    arviz_plots.plot_khat(elpd, backend="matplotlib")
    arviz_plots.plot_compare(arviz_stats.compare({"one": elpd, "two": elpd}), backend="matplotlib")
    renamed = single_fit.to_arviz(rename={"alpha": "exponent"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arviz_plots.plot_psense_dist(renamed, var_names=["exponent"], backend="matplotlib")
        arviz_plots.plot_psense_quantities(renamed, var_names=["exponent"], backend="matplotlib")
    assert not failed
