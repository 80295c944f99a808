"""Quantities as people write them ("70B", "2T", "1e24") and as numbers; training FLOPs; units of loss."""

import math
import re
from collections.abc import Sequence

import numpy as np

from bayes_scaling.data.arrays import Array, Computed
from bayes_scaling.errors import InputError

Quantity = float | str
"""One positive quantity: a number, or text such as ``"70B"``."""

Quantities = Quantity | Sequence[Quantity] | np.ndarray
"""One or more of them."""

_SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15}  # no E: it reads as an exponent
# A comma only where it separates thousands: "1,5" is a decimal comma somewhere, and must not become 15.
_QUANTITY = re.compile(
    r"\+?(?P<number>(?:\d{1,3}(?:,\d{3})+|\d+(?:_\d+)*)(?:\.\d*)?|\.\d+)(?P<exponent>e[+-]?\d+)?\s*(?P<suffix>[kmbgtp])?",
    re.IGNORECASE,
)


def parse_quantity(value: Quantity, what: str = "value") -> float:
    """Read one positive quantity.

    Parameters
    ----------
    value : int, float, numpy number or str
        A number, or text such as ``"70B"``, ``"2T"``, ``"1e24"``, ``"1.5 T"``, ``"1_000_000"`` or
        ``"1,000"``. Suffixes, in either case: k (1e3), M (1e6), B or G (1e9), T (1e12), P (1e15).
    what : str
        What the quantity is, for the error message.

    Raises
    ------
    InputError
        If `value` is not a positive finite number.
    """
    number = math.nan
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value.strip())
        if match:
            digits = match["number"].replace(",", "").replace("_", "") + (match["exponent"] or "")
            number = float(digits) * _SUFFIXES.get((match["suffix"] or "").lower(), 1.0)
    elif isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not (math.isfinite(number) and number > 0):
        shown = value.item() if isinstance(value, np.generic) else value
        raise InputError(f"{what} is {shown!r}; expected a positive number such as 7e10, or '70B'.")
    return number


def parse_quantities(value: Quantities, what: str = "value") -> np.ndarray:
    """Read one or more positive quantities.

    Parameters
    ----------
    value : number, str, or a sequence or array of them
        See `parse_quantity`.
    what : str
        What the quantities are, for the error message.

    Returns
    -------
    ndarray of float64
        In the shape of `value`; 0-d for a single quantity.

    Raises
    ------
    InputError
        If there is none, or one is not a positive finite number; the message gives its position.
    """
    if isinstance(value, (str, int, float, np.number)):
        return np.asarray(parse_quantity(value, what))
    try:
        cells = np.asarray(value)
        if cells.dtype.kind not in "iuf":
            cells = np.asarray(value, dtype=object)  # so that ["70B", 7e10] keeps its numbers as numbers
    except ValueError:
        raise InputError(f"{what} is {value!r}; expected a number, or a plain sequence of numbers.") from None
    if cells.size == 0:
        raise InputError(f"{what} is empty; expected at least one positive number such as 7e10, or '70B'.")
    if cells.ndim == 0:
        return np.asarray(parse_quantity(cells.item(), what))
    parsed = np.empty(cells.shape)
    for position in np.ndindex(cells.shape):
        label = ", ".join(str(i) for i in position)
        parsed[position] = parse_quantity(cells.item(position), f"{what}[{label}]")
    return parsed


def _scientific(x: float, digits: int) -> str:
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def format_quantity(x: float, digits: int = 3) -> str:
    """Write a number of parameters or tokens with a suffix: ``7e10 -> "70B"``, ``1.234e9 -> "1.23B"``.

    Rounded to so many significant digits; scientific, as ``"5.88e23"``, from 1e15 on and below 1e-3.
    """
    x = float(x)
    if not math.isfinite(x) or x == 0:
        return f"{x:g}"
    rounded = float(f"{x:.{digits - 1}e}")  # before the suffix is chosen: 999.9M is 1B
    size = abs(rounded)
    if size >= 1e15 or size < 1e-3:
        return _scientific(x, digits)
    for suffix, unit in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= unit:
            return f"{rounded / unit:.12g}{suffix}"
    return f"{rounded:.12g}"


def format_range(values: np.ndarray, between: str = "-") -> str:
    """The smallest and the largest of some quantities: ``"70M-12B"``, or one where they are the same."""
    low, high = format_quantity(values.min()), format_quantity(values.max())
    return low if low == high else f"{low}{between}{high}"


def format_flops(x: float, digits: int = 3) -> str:
    """Write a number of FLOPs to so many significant digits: ``1e24 -> "1e24"``, ``5.88e23 -> "5.88e23"``."""
    x = float(x)
    return _scientific(x, digits) if math.isfinite(x) and x != 0 else f"{x:g}"


def format_loss(x: float, digits: int = 3) -> str:
    """Write a loss with so many decimals; below .1 with so many digits: mean squared errors may be far smaller."""
    return f"{x:.{digits}f}" if x == 0 or not abs(x) < 0.1 else f"{x:.{digits}g}"


def format_losses(losses: np.ndarray, digits: int = 3) -> str:
    """The smallest and the largest of some losses: ``"2.12-3.40"``."""
    return f"{format_loss(losses.min(), digits)}-{format_loss(losses.max(), digits)}"


def format_value(column: str, x: float) -> str:
    """Write a value of a column: FLOPs as `format_flops`, others as `format_quantity`."""
    return format_flops(x) if column == "flops" else format_quantity(x)


def training_flops(params: Array, tokens: Array) -> Computed:
    """FLOPs to train a dense transformer, C = 6ND (Kaplan et al. 2020, section 2.1), broadcast."""
    return 6.0 * params * tokens  # 6.0 first: 6 N D overflows 64-bit integers


def tokens_for(flops: Array, params: Array) -> Computed:
    """Tokens D = C / (6N) that a budget of `flops` buys a model of `params` parameters."""
    return flops / (6.0 * params)


def params_for(flops: Array, tokens: Array) -> Computed:
    """Parameters N = C / (6D) of the model that a budget of `flops` trains on `tokens` tokens."""
    return flops / (6.0 * tokens)


def nats_per_token(bits: Array, units_per_token: Array) -> Computed:
    """Loss in nats per token from bits per unit of text: a byte, a character or a word.

    ``units_per_token`` says how many of these a token has on average: its bytes, or its words (less than one).
    """
    return bits * units_per_token * math.log(2.0)


def bits_per_unit(nats: Array, units_per_token: Array) -> Computed:
    """Inverse of `nats_per_token`: bits per byte, character or word from nats per token."""
    return nats / (units_per_token * math.log(2.0))
