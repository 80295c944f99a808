"""The cells of a table of runs: numbers and labels, each of them checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantity, parse_quantity
from bayes_scaling.errors import InputError, printable

if TYPE_CHECKING:
    import pandas as pd

EXPECTED = {
    "params": "a positive number of parameters, such as 7e10 or '70B'",
    "tokens": "a positive number of tokens, such as 2e12 or '2T'",
    "flops": "a positive number of FLOPs, such as 1e21",
    "loss": "a positive loss in nats per token, such as 2.31",
    "loss_se": "a standard error of the loss in nats per token, zero or more",
    "share": "a share of the test items, from 0 to 1",
    "score": "a score, any number, such as 31.4",
    "items": "a positive number of test items, such as 1000",
}


def row_number(row: int) -> str:
    """A 0-based row in words: ``"row 3"`` for 2."""
    return f"row {row + 1}"


def numbers(cells: pd.Series, role: str, name: str, where: Callable[[int], str] = row_number) -> np.ndarray:
    """The cells as numbers, every one of them checked.

    Parameters
    ----------
    cells : Series
        One column of a table.
    role : str
        What the column holds: a canonical name, or any other for plain positive numbers.
    name : str
        What to call the table in messages.
    where : callable
        From a 0-based row to words.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    InputError
        If a cell is empty, text, infinite or out of range; the first such cell is named.
    """
    expected = EXPECTED.get(role, "a positive number, such as 7e10 or '70B'")

    def fail(row: int, problem: str) -> InputError:
        return InputError(
            f"{name}, column '{cells.name}', {where(row)}: {problem}; expected {expected}. "
            "Correct the cell or remove the row."
        )

    missing = cells.isna().to_numpy()
    if missing.any():
        raise fail(int(missing.argmax()), "the cell is empty or NaN")
    if getattr(cells.dtype, "kind", "") in "iuf":  # a million rows at once, where nothing is wrong
        values = cells.to_numpy(dtype=float)
        low = -math.inf if role == "score" else 0.0
        fits = values >= low if role in ("loss_se", "share", "score") else values > low
        if bool((fits & np.isfinite(values)).all()):
            return values
    values = np.empty(len(cells))
    for row, cell in enumerate(cells.tolist()):
        try:
            if isinstance(cell, (bool, np.bool_)):
                raise InputError
            values[row] = _number(cell)
        except InputError:
            raise fail(row, f"{cell!r} is not a number") from None
        if not math.isfinite(values[row]):
            raise fail(row, f"{cell} is not finite")
        if role == "score":
            continue
        if values[row] < 0 or (values[row] == 0 and role not in ("loss_se", "share")):
            raise fail(row, f"{cell} is {'negative' if values[row] < 0 else 'zero'}")
    return values


def _number(cell: Quantity) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return parse_quantity(cell)
    except OverflowError:
        return math.inf


def labels(cells: pd.Series, name: str, where: Callable[[int], str] = row_number) -> np.ndarray:
    """The cells as text labels, what cannot be seen written out.

    Parameters
    ----------
    cells : Series
        One column of a table.
    name : str
        What to call the table in messages.
    where : callable
        From a 0-based row to words.

    Returns
    -------
    ndarray of object, shape (n,)

    Raises
    ------
    InputError
        If a cell is empty.
    """
    missing = cells.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"{name}, column '{cells.name}', {where(int(missing.argmax()))}: the cell is empty; "
            "expected the label of the run's group. Fill in the label or remove the row."
        )
    return np.array([printable(" ".join(str(cell).splitlines())) for cell in cells.tolist()], dtype=object)


def identity(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns that say what was trained, beside further inputs: N and D, or compute where it stands alone."""
    named = tuple(column for column in ("params", "tokens") if column in table)
    return named if len(named) == 2 or "flops" not in table else (*named, "flops")


def numbered(keys: Iterable[Hashable]) -> np.ndarray:
    """Numbers of keys by first appearance, shape (n,), int."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=int)
