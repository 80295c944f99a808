import math
import subprocess
import sys

import numpy as np
import pytest

from bayes_scaling.data import units
from bayes_scaling.errors import InputError


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7.0),
        (2.5, 2.5),
        (np.int64(3), 3.0),
        (np.float32(0.5), 0.5),
        (np.array(4.0), 4.0),
        ("70B", 7e10),
        ("70b", 7e10),
        ("3G", 3e9),
        ("2T", 2e12),
        ("1e24", 1e24),
        ("1E+24", 1e24),
        ("350M", 3.5e8),
        ("20k", 2e4),
        ("20K", 2e4),
        ("1.5 T", 1.5e12),
        ("2P", 2e15),
        ("1_000_000", 1e6),
        ("1,000", 1e3),
        ("1,234,567.5", 1234567.5),
        (".5B", 5e8),
        ("+3", 3.0),
        (" 12 ", 12.0),
        ("1e3B", 1e12),
    ],
)
def test_parse_quantity(value, number):
    parsed = units.parse_quantity(value)
    assert type(parsed) is float
    assert parsed == number


@pytest.mark.parametrize(
    "value",
    ["", "B", "seven", "-1", "0", "1,5", "1,0000", "1__0", "5E", "7 Bn", "nan", "inf", "1e999", 0, -2.0,
     math.nan, math.inf, np.float64(-1.0), None, True, [1.0], 10**400, 1j],
)  # fmt: skip
def test_what_is_no_quantity(value):
    with pytest.raises(InputError) as error:
        units.parse_quantity(value, "tokens")
    shown = value.item() if isinstance(value, np.generic) else value
    assert str(error.value) == f"tokens is {shown!r}; expected a positive number such as 7e10, or '70B'."


def test_parse_quantities_keeps_the_shape():
    single = units.parse_quantities("1e24", "flops")
    assert single.shape == ()
    assert single == 1e24
    np.testing.assert_array_equal(units.parse_quantities(["70B", 7e9, np.int64(5)], "params"), [7e10, 7e9, 5])
    np.testing.assert_array_equal(units.parse_quantities(np.array([1, 2]), "params"), [1.0, 2.0])
    assert units.parse_quantities(np.ones((2, 3))).shape == (2, 3)
    assert units.parse_quantities(np.array(3)).shape == ()
    assert units.parse_quantities(("70B",)).dtype == np.float64


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, "x"], "params[1] is 'x'; expected a positive number such as 7e10, or '70B'."),
        ([1.0, -2.0], "params[1] is -2.0; expected a positive number such as 7e10, or '70B'."),
        ([[1.0, np.nan]], "params[0, 1] is nan; expected a positive number such as 7e10, or '70B'."),
        ([True], "params[0] is True; expected a positive number such as 7e10, or '70B'."),
        ([], "params is empty; expected at least one positive number such as 7e10, or '70B'."),
        (None, "params is None; expected a positive number such as 7e10, or '70B'."),
        ([[1], [1, 2]], "params is [[1], [1, 2]]; expected a number, or a plain sequence of numbers."),
    ],
)
def test_what_are_no_quantities(value, message):
    with pytest.raises(InputError) as error:
        units.parse_quantities(value, "params")
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (7e10, "70B"),
        (1.234e9, "1.23B"),
        (999.9e6, "1B"),
        (2e12, "2T"),
        (9.99e14, "999T"),
        (1e15, "1e15"),
        (5.88e23, "5.88e23"),
        (20_000, "20k"),
        (512, "512"),
        (0.5, "0.5"),
        (2e-5, "2e-5"),
        (0, "0"),
        (-3e6, "-3M"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_format_quantity(number, text):
    assert units.format_quantity(number) == text


def test_format_digits():
    assert units.format_quantity(123e9, digits=2) == "120B"
    assert units.format_quantity(1.23456e9, digits=5) == "1.2346B"
    assert units.format_flops(5.8812e23, digits=1) == "6e23"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1e24, "1e24"), (5.88e23, "5.88e23"), (9.999e20, "1e21"), (1500, "1.5e3"), (0, "0"), (math.inf, "inf")],
)
def test_format_flops(number, text):
    assert units.format_flops(number) == text


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (2.345678, "2.346"),
        (0.1, "0.100"),
        (0.0123456, "0.0123"),
        (2e-4, "0.0002"),
        (0.0, "0.000"),
        (math.nan, "nan"),
    ],
)
def test_small_losses_keep_their_digits(loss, text):
    assert units.format_loss(loss) == text


def test_flops_params_and_tokens_agree():
    params, tokens = (
        np.array([70_000_000_000, 10**9]),
        np.array([1_400_000_000_000, 2 * 10**10]),
    )  # 64-bit integers
    flops = units.training_flops(params, tokens)
    np.testing.assert_allclose(flops, [5.88e23, 1.2e20])
    np.testing.assert_allclose(units.tokens_for(flops, params), tokens)
    np.testing.assert_allclose(units.params_for(flops, tokens), params)
    assert units.training_flops(1e9, 1e9) == 6e18


def test_importing_is_cheap():
    code = "import sys, bayes_scaling.data.units, bayes_scaling.data.runs; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
