"""What all answers of planning have in common."""

import json
from html import escape

import numpy as np
import pytest

from bayes_scaling.inference.result import LONGEST

ASKED = {
    "allocate": lambda fit: fit.allocate(["1e22", "1e24"]),
    "plan": lambda fit: fit.plan(target=[2.0, 1.9]),
    "risk": lambda fit: fit.risk(["1e22", "1e24"], target=2.0),
    "serve": lambda fit: fit.serve(["1T", "10T"], like=("10B", "200B")),
    "contrast": lambda fit: fit.contrast(["1e22", "1e24"]),
    "exponents": lambda fit: fit.exponents(),
    "design": lambda fit: fit.design("1e21", optimum_at="1e23", group=fit.groups[0], max_runs=3),
}


@pytest.fixture(params=ASKED)
def found(request, pile_fit):
    return ASKED[request.param](pile_fit)


def test_it_opens_with_the_answer_and_fits_on_a_screen(found):
    first, *_ = found.sentences()
    assert repr(found).startswith(f"{first}.")
    assert len(repr(found).splitlines()) <= LONGEST
    assert f"<p>{escape(first)}.</p>" in found._repr_html_()
    assert not any(line.endswith(".") for line in (*found.sentences(), *found.warnings))


def test_bounds_contain_the_median_of_every_quantity(found):
    for what in found.quantities:
        low, high = found.interval(0.8, what)
        middle = found.median(what)
        assert low.dims == high.dims == middle.dims
        inside = (low <= middle) & (middle <= high) | middle.isnull()
        assert bool(inside.all())


def test_its_columns_carry_the_probability(found):
    named = [name for name in found.table(0.8) if name.endswith("lower")]
    assert all("80%" in name for name in named)
    assert bool(named) == bool(found.quantities)


def test_it_is_a_json_document(found):
    document = json.loads(json.dumps(found.to_dict(0.8)))
    assert document["sentences"] == found.sentences(0.8)
    assert len(document["table"]) == len(found.table())
    assert np.all([set(row) == set(document["table"][0]) for row in document["table"]])
