"""Pinned parameters: known numbers in place of what is sampled."""

import numpy as np
import pytest
from helpers import instant_fit, refuses, simulated_runs

import bayes_scaling as bs
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.laws import get_law
from bayes_scaling.laws.pinned import pins

TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}


def test_it_is_the_law_at_these_values():
    law = get_law("chinchilla@E=1.8@alpha=0.34")
    rest = {name: TRUTH[name] for name in ("A", "B", "beta")}
    assert law.parameters == ("A", "B", "beta")
    assert law(2.0, 3.0, **rest) == bs.LAWS["chinchilla"](2.0, 3.0, **TRUTH)
    assert law.power_terms(**rest) == bs.LAWS["chinchilla"].power_terms(**TRUTH)
    assert pins(law) == {"E": 1.8, "alpha": 0.34}
    assert law == get_law(law.name) or law.name == get_law(law.name).name
    assert law.formula.endswith("; pinned: E = 1.8, alpha = 0.34")


@pytest.mark.seconds
def test_a_number_in_place_of_a_prior_pins_and_the_file_and_the_summary_know(tmp_path):
    fit = instant_fit(
        simulated_runs(TRUTH, n=12), "chinchilla", priors={"E": 1.8, "A": bs.LogNormal(0.4, 0.2)}
    )
    assert "E" not in fit.posterior
    assert fit.law.priors["A"] == bs.LogNormal(0.4, 0.2)
    fit.save(tmp_path / "fit.nc")
    again = bs.open_fit(tmp_path / "fit.nc")
    assert pins(again.law) == {"E": 1.8}
    row = again.summary().loc["E"]
    assert (row["median"], row["meaning"]) == (1.8, "pinned: known, and not sampled")
    np.testing.assert_array_equal(again.predict("1B", "20B").mean, fit.predict("1B", "20B").mean)
    assert again.allocate("1e22").params.shape == fit.allocate("1e22").params.shape


def test_a_floor_above_a_loss_and_what_is_no_number_are_refused():
    runs = simulated_runs(TRUTH, n=12)
    row = int(runs.loss.argmin())
    with refuses(
        f"simulated: the loss in row {row + 1}, {runs.loss[row]:.4g}, is not above the floor of law "
        "'chinchilla@E=2.9', which is pinned to 2.9; pin a lower one, or give it a prior"
    ):
        make_spec(runs, "chinchilla", priors={"E": 2.9})
    make_spec(runs, "chinchilla", priors={"E": 1.7, "alpha": 0.3})
    make_spec(runs, "chinchilla@alpha=0.3")
    with refuses(
        "the prior of E is '1.6'; expected a prior, as LogNormal(1.6, 0.05), or a number that pins it"
    ):
        make_spec(runs, "chinchilla", priors={"E": "1.6"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chinchilla@gamma=1", "has no parameter 'gamma'"),
        ("chinchilla@E=-1", "E cannot be pinned to -1.0 in law 'chinchilla': its prior allows no such value"),
        ("chinchilla@E", "@E pins no parameter; expected its value, as in power_floor@E=1.6"),
        ("power_law@A=1@alpha=0.3", "law 'power_law' has every parameter pinned"),
    ],
)
def test_what_cannot_be_pinned(name, message):
    with pytest.raises(bs.InputError, match=message.replace("(", r"\(")):
        get_law(name)
