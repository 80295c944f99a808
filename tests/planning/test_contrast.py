"""Groups against groups."""

import dataclasses
import re

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling import InputError
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
        """The end of the data lies between two of the budgets."""
        ax = bs.plot.contrast(pile_fit.contrast(np.geomspace(1e21, 1e25, 7)))
        solid, dashed = (line.get_xdata() for line in ax.get_lines()[2:4])
        end = pile_fit.runs.extent["flops"][1]
        assert np.nanmax(solid) == pytest.approx(end) == np.nanmin(dashed)
