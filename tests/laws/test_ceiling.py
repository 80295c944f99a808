"""A ceiling on any law of losses."""

import pickle

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.laws import get_law
from bayes_scaling.laws.ceiling import with_ceiling

AT = {"E": 1.7, "A": 0.5, "B": 0.6, "alpha": 0.3, "beta": 0.4}


def test_only_what_lies_above_the_irreducible_loss_bends():
    law, plain = get_law("chinchilla+ceiling"), bs.LAWS["chinchilla"]
    assert law.name == "chinchilla+ceiling"
    assert set(law.priors) == {*plain.priors, "G"}
    n, d = np.geomspace(1e-6, 1e9, 7), np.geomspace(1e-8, 1e9, 7)
    r = plain(n, d, **AT) - AT["E"]
    bent = AT["E"] + r / np.sqrt(1 + (r / (7.0 - AT["E"])) ** 2)
    assert law(n, d, **AT, G=7.0) == pytest.approx(bent, rel=1e-14)
    assert law(1e30, 1e30, **AT, G=7.0) == pytest.approx(AT["E"])
    assert law(1e-30, 1e-30, **AT, G=7.0) == pytest.approx(7.0)
    assert law.power_terms(**AT, G=7.0) == plain.power_terms(**AT)


def test_far_below_the_ceiling_the_law_is_what_it_was():
    n, d = np.geomspace(1, 1e4, 7), np.geomspace(1e3, 1, 7)
    law, plain = get_law("chinchilla+ceiling"), bs.LAWS["chinchilla"]
    assert law(n, d, **AT, G=500.0) == pytest.approx(plain(n, d, **AT), rel=1e-5)


@pytest.mark.parametrize(
    "name", [n for n, law in bs.LAWS.items() if law.allocates and "G" not in law.parameters]
)
def test_every_law_of_params_and_tokens_takes_one(name):
    law = get_law(f"{name}+ceiling").in_units({"highest": 4.0})
    values = {n: p.forward(p.location) for n, p in law.priors.items()}
    assert values["G"] == pytest.approx(10.0)
    own = {n: v for n, v in values.items() if n != "G"}
    point = [1.0] * len(law.inputs)
    t, E = bs.LAWS[name](*point, **own), own["E"] if law.formula.startswith("E + ") else 0.0
    assert law(*point, **values) == pytest.approx(
        E + (t - E) / np.sqrt(1 + ((t - E) / (values["G"] - E)) ** 2)
    )
    tiny = [1e-6 if name in ("N", "D") else 1.0 for name in law.inputs]
    assert t < law(*tiny, **values) <= values["G"]
    assert with_ceiling(bs.LAWS[name]) is with_ceiling(bs.LAWS[name])


def test_columns_are_named_behind_it():
    law = get_law("power_floor+ceiling:steps")
    assert (law.name, law.columns) == ("power_floor+ceiling:steps", ("steps",))


def test_a_function_below_a_ceiling_is_pickled():
    from bayes_scaling.laws.ceiling import Capped

    capped = pickle.loads(pickle.dumps(Capped(np.hypot)))
    assert capped(3.0, 4.0, G=5.0) == pytest.approx(5 / np.sqrt(2))


@pytest.mark.parametrize(
    ("name", "why"),
    [("rosenfeld", "it has one already"), ("hestness", "it has one already"), ("pow3", "it gives a score")],
)
def test_a_second_ceiling_is_refused(name, why):
    with pytest.raises(bs.InputError, match=f"law '{name}' takes no ceiling: {why}"):
        get_law(f"{name}+ceiling")


def test_another_word_behind_the_plus_is_refused():
    with pytest.raises(
        bs.InputError, match=r"unknown law 'skaling\+roof'.*; and those of losses with \+ceiling"
    ):
        get_law("skaling+roof")
