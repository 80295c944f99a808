"""Groups against groups, exponents, and what sharing a parameter costs."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, table_of

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.evaluation import compare_pooling as pooling
from bayes_scaling.evaluation.compare_pooling import judged, structures
from bayes_scaling.planning.exponents import scale_free_weights
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import LossSurface


@pytest.fixture
def shifted(pile_fit):
    """The pile fit with other draws: pythia is cerebras with a head start, dedup starts worse and ends better."""
    posterior = pile_fit.posterior.copy(deep=True)
    for name in pile_fit.law.parameters:
        base = posterior[name].sel(group="cerebras")
        posterior[name] = base.broadcast_like(posterior[name]).copy()
    posterior["A"].loc[{"group": "pythia"}] *= 0.5**0.1
    posterior["E"].loc[{"group": "pythia_dedup"}] -= 0.05
    posterior["A"].loc[{"group": "pythia_dedup"}] *= 1.5
    tree = pile_fit.tree.copy()
    tree["posterior"] = posterior
    return dataclasses.replace(pile_fit, tree=tree)


class TestContrast:
    def test_differences_are_paired(self, pile_fit):
        found = pile_fit.contrast(["1e21", "1e23"])
        best = pile_fit.allocate(["1e21", "1e23"])
        by_hand = best.loss.sel(group="cerebras") - best.loss.sel(group="pythia")
        np.testing.assert_allclose(found.difference.isel(pair=0), by_hand, atol=1e-12)
        assert found.pairs[0] == ("cerebras", "pythia")
        np.testing.assert_allclose(found.prob_best.sum("group"), 1)

    def test_the_multiplier_is_the_compute_that_the_other_needs(self, shifted):
        found = shifted.contrast("1e22", groups=["pythia", "cerebras"])
        assert float(found.prob_better[0, 0]) == 1
        more = (1e22 * found.multiplier).squeeze(("pair", "point"))
        surface = LossSurface(shifted, "cerebras", False)
        reached = surface.law(*split(surface, more))
        np.testing.assert_allclose(reached, found.loss.sel(group="pythia").squeeze("point"), rtol=1e-6)
        back = shifted.contrast("1e22", groups=["cerebras", "pythia"])
        assert float(back.multiplier.max()) < 1

    def test_crossings_are_found_where_curves_cross(self, shifted):
        found = shifted.contrast("1e22", groups=["pythia_dedup", "cerebras"])
        assert float(found.prob_crossing[0]) > 0.5
        at = found.crossing.isel(pair=0)
        losses = []
        for name in ("pythia_dedup", "cerebras"):
            surface = LossSurface(shifted, name, False)
            losses.append(surface.law(*split(surface, at)))
        gap = (losses[0] - losses[1]).to_numpy()
        assert np.nanmax(np.abs(gap)) < 1e-3
        other = shifted.contrast("1e22", groups=["pythia", "cerebras"])
        assert float(other.prob_crossing[0]) == 0
        assert other.sentences()[-1] == "The curves of pythia and cerebras cross with probability 0.00"

    def test_its_table_names_the_pairs(self, pile_fit):
        table = pile_fit.contrast(["1e21", "1e30"]).table(0.8)
        assert table[["group", "over"]].iloc[0].tolist() == ["cerebras", "pythia"]
        assert len(table) == 6
        assert "multiplier 80% upper" in table

    def test_budgets_beyond_a_group_are_a_warning(self, pile_fit):
        assert "decades beyond the runs of group cerebras" in pile_fit.contrast("1e26").warnings[0]

    @pytest.mark.parametrize(
        ("groups", "message"),
        [
            (["cerebras"], "a contrast takes two or more different groups; got cerebras"),
            (
                ["cerebras", "gpt"],
                "no group 'gpt' in this fit; its groups are cerebras, pythia, pythia_dedup",
            ),
        ],
    )
    def test_groups_that_are_none(self, pile_fit, groups, message):
        with pytest.raises(InputError, match=re.escape(message)):
            pile_fit.contrast("1e22", groups=groups)

    def test_one_group_has_nothing_to_be_compared_with(self, single_fit):
        with pytest.raises(
            InputError, match="this fit has one group, and nothing to compare it with; fit a table"
        ):
            single_fit.contrast("1e22")

    def test_its_picture_turns_dashed_where_the_data_end(self, pile_fit):
        """Three budgets are enough: the end of the data lies between two of them."""
        ax = bs.plot.contrast(pile_fit.contrast(["1e21", "1e23", "1e25"]))
        solid, dashed = (line.get_xdata() for line in ax.get_lines()[2:4])
        end = pile_fit.runs.extent["flops"][1]
        assert np.nanmax(solid) == pytest.approx(end) == np.nanmin(dashed)


class TestExponents:
    def test_dimension_and_doubling(self, single_fit):
        found = single_fit.exponents("10B", "200B")
        draws = single_fit.draws()
        np.testing.assert_allclose(found.dimension["params"], 4 / draws["alpha"])
        a, b = draws["alpha"], draws["beta"]
        np.testing.assert_allclose(found.exponents["flops"], a * b / (a + b))
        surface = LossSurface(single_fit, drift=False)
        np.testing.assert_allclose(
            found.doubling["tokens"], surface.law(1e10, 2e11) - surface.law(1e10, 4e11)
        )
        best = single_fit.allocate([1.2e22, 2.4e22]).loss
        np.testing.assert_allclose(found.doubling["flops"], -best.diff("point").squeeze("point"), atol=1e-12)

    def test_the_exponent_of_compute_is_that_of_the_reducible_loss(self, single_fit):
        best = single_fit.allocate([1e22, 1e24]).loss - single_fit.draws()["E"]
        slope = -np.log(best.isel(point=1) / best.isel(point=0)) / np.log(100)
        np.testing.assert_allclose(single_fit.exponents().exponents["flops"], slope, rtol=1e-9)

    @pytest.mark.parametrize("law", ["skaling", "kaplan", "rosenfeld", "muennighoff", "step_law"])
    def test_are_the_slopes_of_the_laws_own_curves(self, law):
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
            best = dict(zip(("lr", "batch"), bs.laws.best_recipe(n, d, **p), strict=True)) if chosen else {}
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

    def test_of_a_law_whose_loss_is_no_power_are_refused(self):
        family = bs.LAWS["farseer"]
        medians = {name: p.forward(p.location) for name, p in family.priors.items()}
        fit = instant_fit(bs.load_runs(table_of(family, medians)), "farseer")
        with pytest.raises(InputError, match="does not fall as a power of any input"):
            fit.exponents()

    def test_weights_keep_losses_in_proportion(self):
        at = {"text": 0.1, "code": 0.3}
        weights = scale_free_weights(at, 1e3)
        assert sum(weights.values()) == pytest.approx(1)
        losses = {name: weights[name] * 1e3**-value for name, value in at.items()}
        assert losses["text"] == pytest.approx(losses["code"])
        assert scale_free_weights(at, 1) == {"text": 0.5, "code": 0.5}

    def test_sentences_and_table(self, pile_fit):
        found = pile_fit.exponents()
        assert len(found.sentences()) == len(found.table()) == 3 * (3 + 2 + 3)


class TestPooling:
    def test_structures_share_or_free_one_at_a_time(self):
        poolings = structures(bs.LAWS["chinchilla"])
        assert len(poolings) == 2 + 2 + 5 + 5
        assert {k for k, v in poolings["offsets differ"].items() if v == "partial"} == {
            "E",
            "A",
            "B",
            "sigma",
        }
        assert {k for k, v in poolings["all but E"].items() if v == "complete"} == {"E"}
        assert {pooling["sigma"] for pooling in poolings.values()} == {"partial"}

    def test_verdicts_follow_the_differences(self):
        """Only E matters: whatever frees it wins a nat a configuration, and slopes cost a little."""
        rng = np.random.default_rng(1)
        law = bs.LAWS["chinchilla"]
        columns = {}
        for name, pools in structures(law).items():
            gain = 1.0 * (pools["E"] == "partial") - 0.01 * (pools["alpha"] == "partial")
            columns[name] = gain + 0.05 * rng.standard_normal(60)
        comparison = SimpleNamespace(pointwise=pd.DataFrame(columns), fits=columns)
        found = judged(comparison, law)
        assert found.parameters["verdict"].to_dict() == {
            "E": "differs", **dict.fromkeys(("A", "B", "alpha", "beta"), "no sign that it differs"),
        }  # fmt: skip
        assert found.parameters.loc["E", "needed"] == pytest.approx(60, abs=1)
        gap = columns["all differ"] - columns["all but E"]
        assert found.parameters.loc["E", "needed se"] == pytest.approx(np.std(gap, ddof=1) * np.sqrt(60))
        assert found.sentences()[0].startswith("the groups differ")
        assert "can share the same slopes" in found.sentences()[1]
        assert "also need different offsets" in found.sentences()[2]

    def test_where_parameters_take_each_others_place_neither_is_cleared(self):
        rng = np.random.default_rng(2)
        law = bs.LAWS["chinchilla"]
        columns = {
            name: ("partial" in (pools["A"], pools["B"])) + 0.02 * rng.standard_normal(60)
            for name, pools in structures(law).items()
        }
        verdicts = judged(SimpleNamespace(pointwise=pd.DataFrame(columns), fits=columns), law).parameters[
            "verdict"
        ]
        assert verdicts["A"] == verdicts["B"] == "differs, or another in its place"
        assert verdicts["E"] == "no sign that it differs"

    def test_a_fit_asks_it_of_its_own_runs_and_law(self, pile_fit, monkeypatch):
        asked = {}
        monkeypatch.setattr(
            pooling, "compare_pooling", lambda runs, law, **options: asked.update(options, law=law)
        )
        pile_fit.compare_pooling(draws=50)
        assert (asked["law"], asked["sampler"].draws, asked["sampler"].chains) == (
            pile_fit.law,
            50,
            pile_fit.provenance["chains"],
        )

    def test_one_group_is_refused(self, single_fit):
        with pytest.raises(InputError, match="has one group; differences between groups need two or more"):
            bs.compare_pooling(single_fit.runs)
