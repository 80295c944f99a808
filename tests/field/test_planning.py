"""Budgets in a table's own FLOPs, inverse questions, and answers beside runs that the law misses."""

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, with_posterior

import bayes_scaling as bs
from bayes_scaling.data.cost import cost_of
from bayes_scaling.planning.design.candidates import cost_words, isoflop_candidates

LAW = {"E": 1.7, "A": 0.4, "B": 0.5, "alpha": 0.34, "beta": 0.28}
COLUMNS = {
    "params": "parameter_count",
    "tokens": "total_tokens",
    "flops": "achieved_flops",
    "loss": "cd_val_loss",
}


def known(runs, law, parameters):
    """A fit whose draws are all these parameters."""
    fit = instant_fit(runs, law, chains=1, draws=2)
    values = parameters | {"sigma": 0.002, "nu": 6.0}
    return with_posterior(fit, **{name: np.full((1, 2), value) for name, value in values.items()})


@pytest.fixture(scope="module", params=[(15.0, 1.0), (60.0, 0.9)])
def costly(request):
    """Runs that cost another power law than 6ND, and their cost."""
    c, p = request.param
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    loss = bs.LAWS["chinchilla"](n / 1e8, d / 1e10, **LAW)
    table = pd.DataFrame({"params": n, "tokens": d, "flops": c * n**p * d, "loss": loss})
    runs = bs.load_runs(table, silence=["flops"])
    return known(runs, "chinchilla", LAW), lambda n, d: c * n**p * d


def best(cost, budget):
    """The optimum by a fine grid."""
    n = np.geomspace(1e6, 1e12, 200_001)
    d = budget / cost(n, 1.0)
    k = bs.LAWS["chinchilla"](n / 1e8, d / 1e10, **LAW).argmin()
    return n[k], d[k]


@pytest.mark.seconds
def test_every_verb_spends_the_tables_own_flops(costly):
    fit, cost = costly
    budget = 3e20
    n, d = best(cost, budget)
    found = fit.allocate(budget)
    assert float(found.median("params")) == pytest.approx(n, rel=0.01)
    assert float(found.median("tokens")) == pytest.approx(d, rel=0.01)
    (said,) = [s for s in found.warnings if "the table's own" in s]
    assert "; by 6ND 3e20 FLOPs would buy " in said
    plan = fit.plan(budget)
    assert plan.choice["flops"].item() == pytest.approx(budget)
    assert cost(plan.choice["params"].item(), plan.choice["tokens"].item()) == pytest.approx(budget, rel=0.01)
    target = float(fit.law(n / fit.reference["params"], d / fit.reference["tokens"], **LAW))
    reached = fit.plan(target=target, drift=False)
    assert float(reached.median("flops")) == pytest.approx(budget, rel=0.02)
    risk = fit.risk(budget)
    twenty = risk.choices.sel(choice="20 tokens per parameter")
    assert (twenty["tokens"] / twenty["params"]).item() == pytest.approx(20)
    serving = fit.serve("1T", flops=budget)
    total = cost(serving.params, serving.tokens) + cost(serving.params, 1.0) / 3 * 1e12
    assert float(total.max()) == pytest.approx(budget, rel=0.02)
    candidates = isoflop_candidates(fit, ["all"], 1e20)
    assert cost(candidates["params"], candidates["tokens"]).to_numpy() == pytest.approx(
        candidates["flops"].to_numpy(), rel=0.01
    )
    assert cost_words(fit, candidates)[0].startswith("FLOPs are the table's own")
    for result in (plan, risk, serving):
        assert any("FLOPs are the table's own" in said for said in result.warnings)
    forecast = fit.predict(n, d)
    assert float(forecast.inputs["flops"][0]) == pytest.approx(budget, rel=0.01)


@pytest.mark.sampling
def test_every_picture_spends_the_tables_own_flops(costly):
    fit, cost = costly
    n, d = best(cost, 3e20)
    loss = float(fit.law(n / fit.reference["params"], d / fit.reference["tokens"], **LAW))
    [law] = [x for x in bs.plot.extrapolation(fit).lines if x.get_ls() == "-" and len(x.get_xdata()) > 30]
    known = np.isfinite(law.get_xdata())
    x, y = np.log(law.get_xdata()[known]), law.get_ydata()[known]
    assert np.interp(np.log(3e20), x, y) == pytest.approx(loss, rel=1e-3)
    ax = bs.plot.isoflop(fit, ["3e20"])
    lowest = min(np.nanmin(line.get_ydata()) for line in ax.lines)
    assert lowest == pytest.approx(loss, rel=1e-3)
    tens = [line.get_xydata()[0] for line in bs.plot.isoloss(fit).lines if len(line.get_xdata()) == 1]
    powers = np.log10([cost(*at) for at in tens])
    assert len(tens) > 2
    assert powers == pytest.approx(np.round(powers), abs=0.005)
    sizes = bs.plot.panels(bs.plot.allocation(fit))[0]
    [rule] = [line for line in sizes.lines if line.get_ls() == ":" and len(line.get_xdata()) > 2]
    assert cost(rule.get_ydata(), 20 * rule.get_ydata()) == pytest.approx(rule.get_xdata(), rel=0.01)


def test_the_tracker_export_costs_what_it_recorded(read, case):
    runs = read(case("tracker-export.csv"), **COLUMNS)
    cost = cost_of(runs)
    ratio = runs.flops / (6 * runs.params * runs.tokens)
    assert cost.flops(runs.params, runs.tokens) / runs.flops == pytest.approx(np.ones(len(runs)), abs=0.45)
    assert np.median(ratio) == pytest.approx(2.5, abs=0.1)
    assert cost.flops(7.9e7, 6.2e9) == pytest.approx(6.7e18, rel=0.15)


def test_a_ratio_that_falls_with_size_is_learnt(read, case):
    runs = read(case("own-flops.csv"))
    assert np.median(abs(np.log(cost_of(runs).flops(runs.params, runs.tokens) / runs.flops))) < 0.08


def curve(law, parameters, x=(50, 100, 200, 400, 800, 1600)):
    x = np.array(x, float)
    loss = bs.LAWS[law](x / np.exp(np.log(x).mean()), **parameters)
    runs = bs.load_runs(pd.DataFrame({"n": x, "loss": loss}), inputs=["n"], loss_unit="other")
    return known(runs, f"{law}:n", parameters)


@pytest.mark.parametrize("target", [0.12, 0.08, 0.3])
def test_how_many_samples_a_target_takes(target):
    fit = curve("power_floor", {"E": 0.06, "A": 0.1, "alpha": 0.5})
    found = fit.plan(target=target, drift=False)
    wanted = fit.reference["n"] * (0.1 / (target - 0.06)) ** 2
    assert float(found.median()) == pytest.approx(wanted, rel=0.01)
    assert found.sentences()[0].startswith(f"a loss of {target:g}: n ")
    assert "out of reach with probability 0.00" in found.sentences()[0]
    assert found.warnings == []


def test_a_target_below_the_floor_is_out_of_reach():
    found = curve("power_floor", {"E": 0.06, "A": 0.1, "alpha": 0.5}).plan(target=0.05, drift=False)
    assert found.out_of_reach.item() == 1
    assert found.sentences() == ["a loss of 0.05: out of reach in 100% of the draws, however large n"]
    assert found.warnings == ["a loss of 0.05 is out of reach in 100.0% of the draws"]


def test_what_rises_is_asked_how_far_it_may_go():
    fit = curve("power_rise", {"E": 0.5, "A": 4.0, "alpha": 1.24})
    wanted = fit.reference["n"] * ((20 - 0.5) / 4.0) ** (1 / 1.24)
    assert float(fit.plan(target=20.0, drift=False).median()) == pytest.approx(wanted, rel=0.01)


def test_another_question_of_one_input_is_refused():
    fit = curve("power_floor", {"E": 0.06, "A": 0.1, "alpha": 0.5})
    with pytest.raises(bs.InputError, match="a law of n alone is asked for a target, and nothing else"):
        fit.plan(1e20, target=0.1)


def test_an_answer_beside_runs_that_the_law_misses_says_so():
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    loss = bs.LAWS["chinchilla"](n / 1e8, d / 1e10, **LAW)
    loss[24] *= 1.12
    runs = bs.load_runs(pd.DataFrame({"params": n, "tokens": d, "loss": loss}))
    fit = known(runs, "chinchilla", LAW)
    (said,) = [s for s in fit.predict(2e9, 2e11).warnings if "nearest" in s]
    assert said.startswith(
        "the run nearest to this answer, row 25 (params 1B, tokens 100B), lies 12.0% above the law"
    )
    assert not [s for s in fit.predict(1e8, 1e10).warnings if "nearest" in s]
    assert [s for s in fit.plan(params=2e9).warnings if "nearest" in s]
    assert not [s for s in fit.allocate(1e18).warnings if "nearest" in s]


@pytest.mark.seconds
def test_draws_of_a_new_run_are_finite_whatever_the_noise():
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    loss = bs.LAWS["chinchilla"](n / 1e8, d / 1e10, **LAW)
    fit = instant_fit(
        bs.load_runs(pd.DataFrame({"params": n, "tokens": d, "loss": loss})), "chinchilla", draws=500
    )
    heavy = with_posterior(fit, nu=np.full((2, 500), 0.6), sigma=np.full((2, 500), 5.0))
    assert np.isfinite(heavy.predict(1e9, 1e11).new_run).all()
    assert np.isfinite(heavy.allocate(1e21).new_run).all()


def test_a_recipe_is_worth_so_much_compute_under_a_law_of_compute():
    c = np.geomspace(2e17, 3e19, 4)
    rows = [{"flops": x, "group": group, "loss": 2.0} for group in ("baseline", "variant") for x in c]
    runs = bs.load_runs(pd.DataFrame(rows), inputs=["flops"], silence=["one_loss"])
    fit = instant_fit(runs, "gpt4", chains=1, draws=2)
    scale = fit.reference["flops"] ** -0.0941
    amplitudes = np.array([95.18, 87.7]) * scale
    values = {"E": [1.6, 1.6], "A": amplitudes, "alpha": [0.0941, 0.0941]}
    fit = with_posterior(fit, **{name: np.broadcast_to(value, (1, 2, 2)) for name, value in values.items()})
    found = fit.contrast(["1e19", "1e21"])
    worth = (95.18 / 87.7) ** (1 / 0.0941)
    assert found.median("multiplier").to_numpy() == pytest.approx(np.array([1 / worth, 1 / worth]), rel=0.01)
