"""R-hat and effective draws of every quantity, by its label."""

import arviz_stats as azs
import numpy as np
import xarray as xr

from bayes_scaling.inference.convergence import by_label, convergence
from bayes_scaling.sampling.mixing import TAILS


def posterior():
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "E": (("chain", "draw"), rng.standard_normal((4, 200))),
            "A": (("group", "chain", "draw"), rng.standard_normal((2, 4, 200)).cumsum(-1)),
        },
        coords={"group": ["pile", "web"]},
    )


def test_each_group_has_a_label_of_its_own():
    found = by_label(posterior())
    assert list(found) == ["E", "A[pile]", "A[web]"]
    np.testing.assert_array_equal(found["A[web]"], posterior()["A"].sel(group="web"))


def test_the_figures_are_those_of_arviz():
    data = posterior()
    table = convergence(data)
    for column, of_arviz in {
        "r_hat": azs.rhat(data),
        "ess_bulk": azs.ess(data, method="bulk"),
        "ess_tail": azs.ess(data, method="tail", prob=TAILS),
    }.items():
        assert table.loc["E", column] == of_arviz["E"]
        assert table.loc["A[web]", column] == of_arviz["A"].sel(group="web")


def test_a_quantity_that_never_moves_has_no_r_hat():
    assert np.isnan(convergence(xr.Dataset({"k": (("chain", "draw"), np.ones((4, 100)))})).loc["k", "r_hat"])


def test_a_quantity_that_is_held_fixed_has_none_beside_others():
    data = posterior().assign(nu=(("chain", "draw"), np.full((4, 200), 1000.0)))
    assert list(convergence(data).index) == ["E", "A[pile]", "A[web]"]
