"""The compute-optimal point, in closed form and by search."""

import dataclasses
import re

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling import InputError, LogNormal
from bayes_scaling.laws.base import Law
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.optimise import closed_form, minimise

BUDGETS = ["1e20", "1e22", "5.88e23"]


def searched(law, parameters, product, smallest, largest):
    """log N at the minimum of a law along N D = product, without a closed form."""

    def loss(log_n, product, *values):
        n = np.exp(log_n)
        return law(n, product / n, **dict(zip(parameters, values, strict=True)))

    return minimise(loss, np.log(smallest), np.log(largest), (product, *parameters.values()))


def with_law(fit, law, parameters):
    """A fit whose posterior is these draws of another law, for the arithmetic that follows."""
    tree = fit.tree.copy()
    tree["posterior"] = tree["posterior"].to_dataset().assign(parameters)
    pooling = dict.fromkeys((*law.parameters, "sigma"), "complete")
    return dataclasses.replace(fit, law=law, pooling=pooling, tree=tree)


class TestClosedForm:
    @pytest.mark.parametrize("name", [n for n, law in sorted(bs.LAWS.items()) if law.power_terms])
    def test_agrees_with_the_search(self, name):
        """For draws from every law's own priors, at a mild spread."""
        import xarray as xr

        law, rng = bs.LAWS[name], np.random.default_rng(1)
        parameters = {
            key: xr.DataArray(prior.forward(prior.location + 0.3 * rng.standard_normal(100)), dims="draw")
            for key, prior in law.priors.items()
        }
        reference = {"params": 5e8, "tokens": 1e10}
        product = (
            xr.DataArray([1e20, 1e22, 6e23], dims="point") / 6 / (reference["params"] * reference["tokens"])
        )
        exact = closed_form(law, parameters, product)
        smallest, largest = 1 / reference["params"], product * reference["tokens"]
        found = searched(law, parameters, product, smallest, largest)
        interior = (exact > np.log(smallest)) & (exact < np.log(largest))
        assert float(interior.mean()) > 0.9
        log_params = exact + np.log(reference["params"])
        off = (np.abs(found - exact) / log_params).where(interior)
        assert float(off.max()) < 1e-6
        assert np.isfinite(found.where(interior, 0)).all()

    def test_is_what_allocate_takes(self, single_fit):
        found = single_fit.allocate(BUDGETS)
        blind = with_law(single_fit, dataclasses.replace(single_fit.law, power_terms=None), {})
        np.testing.assert_allclose(np.log(allocate(blind, BUDGETS).params), np.log(found.params), rtol=1e-6)


class TestAllocation:
    def test_spends_the_budget(self, single_fit):
        plan = single_fit.allocate(BUDGETS)
        assert plan.params.dims == ("chain", "draw", "point")
        spent = 6 * plan.params * plan.tokens
        np.testing.assert_allclose(spent, np.broadcast_to([1e20, 1e22, 5.88e23], spent.shape), rtol=1e-12)
        np.testing.assert_allclose(plan.tokens_per_param, plan.tokens / plan.params)

    def test_no_neighbour_is_better(self, single_fit):
        plan = single_fit.allocate(BUDGETS)
        p, at, law = single_fit.posterior, single_fit.reference, single_fit.law
        for factor in (0.9, 1.1):
            n, d = factor * plan.params / at["params"], plan.tokens / factor / at["tokens"]
            assert bool((law(n, d, **{k: p[k] for k in law.parameters}) > plan.loss).all())

    def test_the_loss_is_that_of_a_forecast_there(self, single_fit):
        plan = single_fit.allocate("1e22")
        draw = {"chain": 1, "draw": 17, "point": 0}
        there = single_fit.predict(float(plan.params.isel(draw)), float(plan.tokens.isel(draw))).mean
        assert float(there.isel(draw)) == pytest.approx(float(plan.loss.isel(draw)), rel=1e-12)

    def test_groups_have_a_plan_each_and_a_new_one_has_its_own(self, pile_fit):
        plan = pile_fit.allocate(["1e21", "1e22"])
        assert plan.params.dims == ("chain", "draw", "group", "point")
        one = pile_fit.allocate(["1e21", "1e22"], group="pythia")
        assert one.params.dims == ("chain", "draw", "point")
        np.testing.assert_array_equal(one.params, plan.params.sel(group="pythia"))
        new = pile_fit.allocate("1e21", group="new")
        assert new.params.dims == ("chain", "draw", "point")
        assert plan.table()["group"].tolist() == [g for g in pile_fit.groups for _ in range(2)]

    def test_a_table_carries_the_probability_in_its_columns(self, single_fit):
        table = single_fit.allocate(BUDGETS).table(0.5)
        assert table["flops"].tolist() == [1e20, 1e22, 5.88e23]
        draws = single_fit.allocate(BUDGETS).tokens.isel(point=2)
        by_hand = np.quantile(draws, [0.25, 0.5, 0.75])
        names = ["tokens 50% lower", "tokens", "tokens 50% upper"]
        np.testing.assert_allclose(table.loc[2, names].astype(float), by_hand)
        assert np.all(table["interior"] == 1)

    def test_decades_beyond_the_largest_budget_of_the_data(self, single_fit):
        most = single_fit.runs.extent["flops"][1]
        plan = single_fit.allocate([most, 1000 * most])
        np.testing.assert_allclose(plan.decades_beyond, [0, 3], atol=1e-9)

    def test_predict_plan_and_allocate_say_one_loss_of_one_run(self, single_fit):
        """The new run's median, drift included, with its distance beyond the data."""
        plan, best = single_fit.plan("1e24"), single_fit.allocate("1e24")
        n, d = (float(plan.choice[what][0]) for what in ("params", "tokens"))
        there = single_fit.predict(n, d)
        median = float(there.median())
        assert median != pytest.approx(float(plan.median("mean")), rel=1e-4)
        for found in (plan, best):
            assert float(found.median("new_run")) == pytest.approx(median, rel=1e-12)
            assert f"reaches {median:.3f}" in found.sentences()[0]
            low, high = there.interval(0.9)
            assert f"(90%: {float(low):.3f} to {float(high):.3f})" in found.sentences()[0]
            assert "2.4 decades beyond the data" in found.sentences()[0]
            assert float(found.table()["decades beyond"][0]) == pytest.approx(
                max(float(far[0]) for far in there.decades_beyond.values())
            )
        assert f"loss {median:.2f} " in there.sentences()[0]

    def test_an_unknown_quantity_is_refused(self, single_fit):
        message = (
            "an Allocation has no quantity 'cost'; it has params, tokens, tokens_per_param, new_run, loss"
        )
        with pytest.raises(InputError, match=f"{re.escape(message[2:])}$"):
            single_fit.allocate("1e22").interval(what="cost")


class TestWithoutAnOptimum:
    @pytest.fixture
    def endless(self, single_fit):
        """A law to which a model's size is no cost and no gain: the best model is the smallest."""

        def data_only(N, D, *, E, B, beta):
            return E + B * D**-beta + 0 * N

        priors = dict.fromkeys(("E", "B", "beta"), LogNormal(1.0, 1.0))
        return with_law(single_fit, Law("data_only", data_only, priors, "E + B D^-beta", "nobody"), {})

    def test_no_draw_has_a_plan(self, endless):
        plan = allocate(endless, "1e22")
        assert bool(plan.params.isnull().all())
        assert bool(plan.loss.isnull().all())
        assert float(plan.interior[0]) == 0

    def test_the_search_says_so_by_itself(self, endless):
        parameters = dict.fromkeys(endless.law.parameters, endless.posterior["E"])
        assert bool(searched(endless.law, parameters, 1e3, 1e-6, 1e6).isnull().all())

    def test_and_it_says_so(self, endless):
        assert allocate(endless, ["1e22"]).warnings == [
            "at 1e22 FLOPs, 100.0% of the draws have no interior optimum "
            "(the loss falls all the way to the smallest or the largest model); they are left out"
        ]

    def test_its_table_is_empty_and_not_an_error(self, endless):
        found = allocate(endless, "1e22")
        assert found.table()["params"].isna().all()
        assert found.table()["interior"].tolist() == [0]
        assert found.sentences() == ["1e22 FLOPs: no draw has an optimum (see the warnings)"]

    def test_a_part_of_the_draws_is_left_out_and_counted(self, single_fit):
        """Exponents so small that the closed form puts the optimum beyond the largest model."""
        few = single_fit.posterior["A"].copy()
        few[0, :50] = 1e30
        plan = allocate(with_law(single_fit, single_fit.law, {"A": few}), "1e20")
        assert bool(plan.params[0, :50].isnull().all())
        assert int(plan.params.isnull().sum()) == 50
        assert plan.warnings == [
            "at 1e20 FLOPs, 5.0% of the draws have no interior optimum "
            "(the loss falls all the way to the smallest or the largest model); they are left out"
        ]
        kept = plan.params.to_numpy().ravel()[50:]
        assert float(plan.median("params")) == pytest.approx(np.median(kept))

    def test_where_all_have_one_there_is_no_warning(self, single_fit):
        assert single_fit.allocate(BUDGETS).warnings == []


def test_a_law_of_compute_alone_is_refused(single_fit):
    def of_compute(C, *, E):
        return E * C**0

    law = Law("of_compute", of_compute, {"E": LogNormal(1.7, 0.3)}, "E", "nobody")
    message = "law 'of_compute' takes flops: a budget cannot be split into params and tokens"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        allocate(with_law(single_fit, law, {}), "1e22")
    assert not law.allocates


@pytest.mark.parametrize("flops", ["a lot", 0, float("nan")])
def test_a_budget_that_is_none_is_refused(single_fit, flops):
    message = f"flops is {flops!r}; expected a positive number such as 7e10, or '70B'."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        single_fit.allocate(flops)
