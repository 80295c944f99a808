"""Draws that were made elsewhere give every verb."""

import warnings

import numpy as np
import pytest
import xarray as xr
from helpers import quiet_fit, simulated_runs, small_table

import bayes_scaling as bs
from bayes_scaling.inference.prior_sensitivity import prior_sensitive

pytestmark = pytest.mark.sampling


def tree_of(fit, **replaced):
    """What PyMC would give: named quantities, and the sampler's own numbers."""
    posterior = fit.posterior.assign(replaced)
    return xr.DataTree.from_dict(
        {"posterior": posterior, "sample_stats": fit.tree["sample_stats"].to_dataset()}
    )


def test_a_fit_comes_back_from_its_own_draws(single_fit, tmp_path):
    again = bs.Fit.from_draws(single_fit.model, tree_of(single_fit))
    np.testing.assert_allclose(again.log_likelihood, single_fit.log_likelihood, rtol=1e-9)
    xr.testing.assert_identical(again.posterior, single_fit.posterior)
    np.testing.assert_array_equal(
        again.predict("100B", "2T").new_run, single_fit.predict("100B", "2T").new_run
    )
    assert again.diagnose().divergences == single_fit.diagnose().divergences
    opened = bs.open_fit(again.save(tmp_path / "fit.nc"))
    assert opened.provenance["device"] == "drawn elsewhere"
    np.testing.assert_array_equal(opened.allocate("1e24").params, single_fit.allocate("1e24").params)


def test_groups_are_matched_by_name_and_clusters_scored():
    runs = small_table(["b", "a"], replicates=2)
    fit = quiet_fit(runs, draws=20, chains=2, max_warmup=100)
    turned = fit.posterior.isel(group=[1, 0])
    again = bs.Fit.from_draws(fit, tree_of(fit, **{name: turned[name] for name in ("E", "A")}))
    np.testing.assert_array_equal(again.posterior["E"], fit.posterior["E"])
    np.testing.assert_allclose(again.log_likelihood, fit.log_likelihood, rtol=1e-9)
    np.testing.assert_array_equal(
        again.predict("10B", "1T", group="new").mean, fit.predict("10B", "1T", group="new").mean
    )


def test_a_tree_for_arviz_gives_the_fit_back():
    fit = quiet_fit(small_table(["b", "a"]), draws=20, chains=2, max_warmup=100)
    again = bs.Fit.from_draws(fit, fit.to_arviz())
    xr.testing.assert_identical(again.posterior, fit.posterior)
    np.testing.assert_allclose(again.log_likelihood, fit.log_likelihood, rtol=1e-9)


def test_whose_priors_an_answer_is_reckoned_with_is_said():
    fit = quiet_fit(small_table(["b", "a"]), draws=20, chains=2, max_warmup=100)
    before = prior_sensitive(fit)
    *same, last = prior_sensitive(bs.Fit.from_draws(fit, fit.to_arviz()))
    assert before
    assert same == before
    assert last.startswith("these draws were made elsewhere")


def test_what_is_missing_is_named(single_fit):
    tree = tree_of(single_fit)
    tree["posterior"] = single_fit.posterior.drop_vars("nu")
    with pytest.raises(
        bs.InputError, match="the draws have no 'nu'; a posterior of law 'chinchilla' with noise"
    ):
        bs.Fit.from_draws(single_fit, tree)
    with pytest.raises(bs.InputError, match="a DataTree does not say which runs"):
        bs.Fit.from_draws(tree, tree)
    wide = tree_of(single_fit, E=single_fit.posterior["E"].expand_dims(group=["a"]))
    with pytest.raises(bs.InputError, match="expected \\('chain', 'draw'\\)"):
        bs.Fit.from_draws(single_fit, wide)


def test_draws_of_nutpie_agree_with_those_of_the_package(truth, single_fit):
    nutpie = pytest.importorskip("nutpie")
    model = bs.build_model(simulated_runs(truth), "chinchilla", noise="constant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries beneath
        compiled = nutpie.compile_pymc_model(model)
        tree = nutpie.sample(compiled, draws=250, tune=300, chains=4, seed=1, progress_bar=False)
    fit = bs.Fit.from_draws(model, tree)
    for name in ("E", "alpha", "beta", "sigma"):
        one, other = fit.posterior[name], single_fit.posterior[name]
        assert float(one.mean()) == pytest.approx(float(other.mean()), abs=0.25 * float(other.std()))
    here, there = (f.predict("100B", "2T").median("drifted") for f in (fit, single_fit))
    assert float(here) == pytest.approx(float(there), rel=0.01)
    assert fit.plan("1e24").sentences()
