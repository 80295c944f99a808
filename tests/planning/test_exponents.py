"""Exponents of the law, the dimension read off them, doublings, and scale-free weights."""

import numpy as np
import pytest
from helpers import instant_fit, table_of

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.data.cost import cost_of
from bayes_scaling.planning.exponents import scale_free_weights
from bayes_scaling.planning.loss_surface import LossSurface


def test_dimension_and_doubling(single_fit):
    found = single_fit.exponents("10B", "200B")
    draws = single_fit.draws()
    np.testing.assert_allclose(found.dimension["params"], 4 / draws["alpha"])
    a, b = draws["alpha"], draws["beta"]
    np.testing.assert_allclose(found.exponents["flops"], a * b / (a + b))
    surface = LossSurface(single_fit, drift=False)
    np.testing.assert_allclose(found.doubling["tokens"], surface.law(1e10, 2e11) - surface.law(1e10, 4e11))
    best = single_fit.allocate([1.2e22, 2.4e22]).loss
    np.testing.assert_allclose(found.doubling["flops"], -best.diff("point").squeeze("point"), atol=1e-12)


@pytest.mark.seconds
@pytest.mark.parametrize("law", ["chinchilla", "skaling", "rosenfeld"])
def test_compute_is_counted_as_the_table_counts_it(law):
    family = bs.LAWS[law]
    medians = {name: p.forward(p.location) for name, p in family.priors.items()}
    table = table_of(family, medians)
    table["flops"] = 90 * table["params"] ** 0.8 * table["tokens"]
    fit = instant_fit(bs.load_runs(table, silence="flops"), law)
    found, cost = fit.exponents("10B", "200B"), cost_of(fit.runs)
    assert cost.p == pytest.approx(0.8, abs=0.01)
    best = fit.allocate(cost.flops(1e10, 2e11) * np.array([1.0, 2.0, 1.01])).loss
    np.testing.assert_allclose(found.doubling["flops"], best[..., 0] - best[..., 1], atol=1e-7)
    floor = family(1e90, 1e90, **{name: fit.draws()[name] for name in family.parameters})
    slope = -np.log((best[..., 2] - floor) / (best[..., 0] - floor)) / np.log(1.01)
    np.testing.assert_allclose(found.exponents["flops"], slope, rtol=2e-3)


def test_the_exponent_of_compute_is_that_of_the_reducible_loss(single_fit):
    best = single_fit.allocate([1e22, 1e24]).loss - single_fit.draws()["E"]
    slope = -np.log(best.isel(point=1) / best.isel(point=0)) / np.log(100)
    np.testing.assert_allclose(single_fit.exponents().exponents["flops"], slope, rtol=1e-9)


@pytest.mark.seconds
@pytest.mark.parametrize("law", ["skaling", "kaplan", "rosenfeld", "muennighoff", "step_law"])
def test_are_the_slopes_of_the_laws_own_curves(law):
    """By ratios of the law over one percent of N, of D, and of C along its best splits."""
    family = bs.LAWS[law]
    medians = {name: p.forward(p.location) for name, p in family.priors.items()}
    runs = bs.load_runs(table_of(family, medians), inputs=family.columns)
    fit = instant_fit(runs, law)
    chosen = {"lr": 1.0, "batch": 1.0} if law == "step_law" else {}
    found = fit.exponents("10B", "200B", **chosen)
    draws, ref = fit.draws(), fit.reference
    p = {name: draws[name] for name in family.parameters}

    def loss(n, d):
        best = (
            dict(zip(("lr", "batch"), bs.laws.recipe.best_recipe(n, d, **p), strict=True)) if chosen else {}
        )
        at = {"N": n, "D": d, "U": d} | best
        return family(*(at[x] for x in family.inputs), **p)

    floor, endless, near = loss(1e90, 1e90), 1e90, np.exp([-0.005, 0.005])
    n, d = 1e10 / ref["params"], 2e11 / ref["tokens"]
    ratios = {
        "params": [loss(n * h, endless) - floor for h in near],
        "tokens": [loss(endless, d * h) - floor for h in near],
    }
    for name, (low, high) in ratios.items():
        np.testing.assert_allclose(found.exponents[name], -np.log(high / low) / 0.01, atol=1e-3)
    a, b = found.exponents["params"], found.exponents["tokens"]
    if law != "rosenfeld":
        np.testing.assert_allclose(found.exponents["flops"], a * b / (a + b), atol=1e-6)


@pytest.mark.seconds
def test_a_law_of_the_product_has_exponents_though_no_split_is_best(monkeypatch):
    monkeypatch.setattr("bayes_scaling.laws.base.LAWS", {})
    priors = {"E": bs.LogNormal(1.7, 0.3), "A": bs.LogNormal(0.3, 1.0), "alpha": bs.LogNormal(0.15, 0.4)}

    @bs.law(formula="E + A (N D)^-alpha", cite="none", **priors)
    def of_product(N, D, *, E, A, alpha):
        return E + A * (N * D) ** -alpha

    medians = {name: p.forward(p.location) for name, p in of_product.priors.items()}
    fit = instant_fit(bs.load_runs(table_of(of_product, medians)), of_product)
    found = fit.exponents()
    for name in ("params", "tokens"):
        np.testing.assert_allclose(found.exponents[name], fit.draws()["alpha"], rtol=1e-6)
    assert "to the power -0.1" in found.sentences()[0]


@pytest.mark.seconds
def test_of_a_law_whose_loss_is_no_power_are_refused():
    family = bs.LAWS["farseer"]
    medians = {name: p.forward(p.location) for name, p in family.priors.items()}
    fit = instant_fit(bs.load_runs(table_of(family, medians)), "farseer")
    with pytest.raises(InputError, match="does not fall as a power of any input"):
        fit.exponents()


def test_weights_keep_losses_in_proportion():
    at = {"text": 0.1, "code": 0.3}
    weights = scale_free_weights(at, 1e3)
    assert sum(weights.values()) == pytest.approx(1)
    losses = {name: weights[name] * 1e3**-value for name, value in at.items()}
    assert losses["text"] == pytest.approx(losses["code"])
    assert scale_free_weights(at, 1) == {"text": 0.5, "code": 0.5}


def test_sentences_and_table(pile_fit):
    found = pile_fit.exponents()
    assert len(found.sentences()) == len(found.table()) == 3 * (3 + 2 + 3)
