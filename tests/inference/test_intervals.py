"""Bounds of draws, where NaN has no answer and infinity counts; the result that shows and unpacks them."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import columns, equal_tailed, long_table, median, quantiles, tails
from bayes_scaling.inference.result import LONGEST, Result, as_json, plot_of


def _draws(*values: float) -> xr.DataArray:
    return xr.DataArray(np.reshape(values, (2, -1)), dims=("chain", "draw"))


def test_as_numpy_has_them_in_any_order_of_dims():
    x = np.random.default_rng(0).normal(size=(2, 50, 3, 4))
    draws = xr.DataArray(x, {"group": list("abc")}, ("chain", "draw", "group", "point"))
    found = quantiles(draws.transpose("group", "draw", "point", "chain"), tails(0.8))
    np.testing.assert_array_equal(found, np.quantile(x.reshape(100, 3, 4), tails(0.8), axis=0))
    assert found.dims == ("quantile", "group", "point")
    assert list(found["group"].to_numpy()) == list("abc")


def test_nan_is_left_out_and_infinity_counts():
    some = _draws(1, 2, 3, np.nan, np.nan, np.nan)
    assert float(median(some)) == 2
    low, high = equal_tailed(_draws(1, 2, 3, 4, np.inf, np.inf), 0.5)
    assert float(low) == 2.25
    assert float(high) == np.inf
    assert float(median(_draws(-np.inf, -np.inf, -np.inf, 1))) == -np.inf
    assert np.isnan(median(_draws(np.nan, np.nan)))
    both = xr.concat([_draws(np.nan, np.nan), _draws(1, 3)], "point")
    np.testing.assert_array_equal(median(both), [np.nan, 2])


@pytest.mark.parametrize("prob", [0, 1, -0.1, 1.5, np.nan])
def test_a_probability_lies_between_0_and_1(prob):
    with pytest.raises(InputError, match="lies between 0 and 1"):
        equal_tailed(_draws(1, 2), prob)


def test_columns_carry_their_probability():
    assert list(columns("loss", _draws(1, 2), 0.9)) == ["loss", "loss 90% lower", "loss 90% upper"]


def test_a_table_has_a_row_for_each_group_and_point():
    flops = xr.DataArray([1.0, 2.0], dims="point")
    loss = xr.DataArray([[1, 2], [3, 4]], {"group": ["a", "b"]}, ("group", "point"))
    table = long_table({"flops": flops, "loss": loss.transpose()})
    assert table.to_dict("list") == {"group": list("aabb"), "flops": [1, 2] * 2, "loss": [1, 2, 3, 4]}
    assert long_table({"loss": loss.sel(group="b"), "flops": flops}).to_dict("list") == {
        "loss": [3, 4],
        "flops": [1, 2],
    }
    assert long_table({"loss": loss[0, 0], "flops": flops[0]}).to_dict("list") == {"loss": [1], "flops": [1]}
    by_group = long_table({"loss": loss}, ("point", "group"))
    assert by_group.to_dict("list") == {"group": list("abab"), "loss": [1, 3, 2, 4]}


@dataclass(frozen=True, eq=False, repr=False)
class _Answer(Result):
    loss: xr.DataArray
    warnings: tuple[str, ...] = ()
    quantities: ClassVar = ("loss",)

    def sentences(self, prob=0.9):
        return [f"the loss is {float(self.median()):.1f}"]

    def table(self, prob=0.9):
        return pd.DataFrame({"loss": self.loss.to_numpy().ravel()})


def test_two_bounds_and_a_median_as_plain_numbers():
    answer = _Answer(_draws(1, 2, 3, 4).expand_dims(point=1, group=["pile"]))
    low, high = answer.interval(0.5)
    assert (float(low), float(answer.median("loss")), float(high)) == (1.75, 2.5, 3.25)
    with pytest.raises(InputError, match="no quantity 'mean'; it has loss"):
        answer.interval(what="mean")


def test_the_representation_opens_with_the_answer_and_stays_short():
    answer = _Answer(_draws(*range(100)), ("far < away",))
    lines = repr(answer).splitlines()
    assert lines[:2] == ["the loss is 49.5.", "Warning: far < away."]
    assert len(lines) == LONGEST
    assert lines[-1] == "... 80 more rows"
    page = re.sub(' style="[^"]*"', "", answer._repr_html_())
    assert page.startswith("<p>the loss is 49.5.</p><p><b>Warning:</b> far &lt; away.</p><table")
    many = _Answer(_draws(*range(100)), ("far",) * 40)
    assert len(repr(many).splitlines()) == LONGEST


def test_as_json():
    document = _Answer(_draws(1, np.inf)).to_dict()
    assert document["table"] == [{"loss": 1.0}, {"loss": None}]
    value = {"a": np.array([1.5, np.nan]), 2: (np.int64(3), True, None, np.str_("x"), np.bool_(False))}
    assert as_json(value) == {"a": [1.5, None], "2": [3, True, None, "x", False]}


def test_a_plot_is_registered_for_a_class():
    with pytest.raises(InputError, match="has no plot"):
        _Answer(_draws(1, 2)).plot()

    @dataclass(frozen=True, eq=False, repr=False)
    class Other(_Answer):
        pass

    plot_of(Other)(lambda result, ax=None: (result, ax))
    assert Other(_draws(1, 2)).plot("axes")[1] == "axes"
