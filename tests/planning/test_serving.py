"""Plans that pay for inference: less of both, checked against a fine grid."""

import numpy as np
import pytest

from bayes_scaling import InputError
from bayes_scaling.planning.frontier import least
from bayes_scaling.planning.loss_surface import LossSurface


def test_without_demand_it_is_the_compute_optimal_model(single_fit):
    found = single_fit.serve(1, flops="1e23")
    best = single_fit.allocate("1e23")
    np.testing.assert_allclose(np.log(found.params), np.log(best.params), atol=1e-5)
    like = single_fit.serve(1, like=("10B", "200B"))
    surface = LossSurface(single_fit, drift=False)
    cheapest = least(surface, surface.law(1e10, 2e11), drift=False)
    np.testing.assert_allclose(like.total.squeeze("point"), cheapest, rtol=1e-4)


def test_the_total_is_spent_and_no_other_model_is_better(single_fit):
    found = single_fit.serve("1T", flops="1e23")
    np.testing.assert_allclose(found.total, 1e23, rtol=1e-9)
    surface = LossSurface(single_fit, drift=False)
    for factor in (0.8, 0.98, 1.02, 1.2):
        n = factor * found.params
        d = (1e23 / n - 2e12) / 6
        assert bool((surface.law(n, d) > found.loss).all())


@pytest.mark.parametrize("asked", [{"flops": "1e24"}, {"like": ("10B", "200B")}])
def test_what_a_run_of_it_reaches_is_what_predict_says_of_that_run(single_fit, asked):
    found = single_fit.serve("1T", **asked)
    n, d = (float(x.median()) for x in (found.params, found.tokens))
    said = single_fit.predict(n, d)
    np.testing.assert_allclose(found.new_run.squeeze(), said.new_run.squeeze(), rtol=1e-9)
    low, high = (f"{float(x):.3f}" for x in said.interval(0.9))
    assert f"a new run of it reaches {float(said.median()):.3f} (90%: {low} to {high})" in str(found)


def test_the_quality_is_reached_at_the_least_total(single_fit):
    served = 3e12
    found = single_fit.serve(served, like=("10B", "200B"))
    surface = LossSurface(single_fit, drift=False)
    np.testing.assert_allclose(found.loss.squeeze("point"), surface.law(1e10, 2e11), rtol=1e-7)
    draw = {"chain": 0, "draw": 3}
    p = {name: float(surface.posterior[name].isel(draw)) for name in single_fit.law.parameters}
    at = single_fit.reference
    n = np.geomspace(1e8, 1e11, 20001)
    room = float(surface.law(1e10, 2e11).isel(draw)) - p["E"] - p["A"] * (n / at["params"]) ** -p["alpha"]
    with np.errstate(invalid="ignore"):
        d = at["tokens"] * (p["B"] / room) ** (1 / p["beta"])
    total = np.where(room > 0, 6 * n * d + 2 * n * served, np.inf)
    assert float(found.params.isel(draw).squeeze()) == pytest.approx(n[total.argmin()], rel=2e-3)
    assert float(found.total.isel(draw).squeeze()) == pytest.approx(total.min(), rel=1e-6)


def test_tokens_per_param_grow_with_demand_and_so_does_what_is_saved(single_fit):
    found = single_fit.serve(["10B", "1T", "100T"], like=("10B", "200B"))
    assert bool((found.tokens_per_param.diff("point") > 0).all())
    assert bool((found.saved.diff("point") > 0).all())
    assert bool((found.params.diff("point") < 0).all())
    assert "would cost" in found.sentences()[0]


def test_a_loss_that_no_model_reaches_is_a_sentence(single_fit):
    found = single_fit.serve("1T", target=1.0)
    assert bool(found.params.isnull().all())
    assert "no answer in 100.0% of the draws (no model of any size reaches the loss)" in found.warnings[0]
    assert found.sentences()[0].endswith(", 1T tokens served: no answer (see the warnings)")


@pytest.mark.parametrize("given", [{}, {"flops": 1e22, "target": 2.0}])
def test_one_of_three_is_asked_for(single_fit, given):
    with pytest.raises(InputError, match="give one of flops"):
        single_fit.serve("1T", **given)
