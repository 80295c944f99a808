"""The cells of a table of runs: numbers, labels, and what looks wrong about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantity, format_quantity, parse_quantity, training_flops
from bayes_scaling.errors import InputError

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


def labels(cells: pd.Series, name: str, where: Callable[[int], str] = row_number) -> np.ndarray:
    """The cells as text labels.

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
    return np.array([str(cell) for cell in cells], dtype=object)


def questionable(table: pd.DataFrame, inputs: tuple[str, ...] = (), in_nats: bool = True) -> list[str]:
    """What looks wrong in a canonical table, one sentence each.

    Parameters
    ----------
    table : DataFrame
        From `canonical`.
    inputs : tuple of str
        The columns that a law takes, where known; those that are not N and D distinguish configurations.
    in_nats : bool
        Whether the column loss is one in nats per token, as far as is known.
    """
    found = [sentence for sentence, _ in other_units(table).values()]
    for column in ("params", "tokens"):
        if column not in table:
            continue
        low, high = table[column].min(), table[column].max()
        if low == high and (column in inputs or not {"params", "tokens", "flops"} & set(inputs)):
            found.append(
                f"all runs share one {column} value ({format_quantity(low)}): "
                f"how the loss depends on {column} is known only from the prior."
            )
    median = table["loss"].median()
    if median > 12 and in_nats:
        found.append(
            f"the median loss is {median:.4g}: this looks like perplexity; "
            "name its unit with loss_unit='perplexity' (command line: --loss-unit perplexity)."
        )
    if {"params", "tokens", "flops"} <= set(table):
        ratio = float((table["flops"] / training_flops(table["params"], table["tokens"])).median())
        if not 0.5 <= ratio <= 2:
            found.append(
                f"flops is {ratio:.3g} times 6 * params * tokens in the median run: "
                "check the unit of flops, and how params and tokens were counted."
            )
    found += _repeats(table, inputs)
    return found


def other_units(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Counts that look like billions or millions: column -> a sentence, and the factor that is wanted."""
    found = {}
    # No table's largest run has so few parameters or tokens; 12B written in millions is 1.2e4, 300B is 3e5.
    for column, ceiling in (("params", 1e5), ("tokens", 1e6)):
        if column not in table or table[column].max() >= ceiling:
            continue
        low, high = table[column].min(), table[column].max()
        unit, factor = (
            ("billions", "1e9") if low < 1 else ("millions", "1e6") if high >= 1e3
            else ("billions or millions", "1e9 or 1e6")
        )  # fmt: skip
        found[column] = (
            f"{column} runs from {low:g} to {high:g}: these look like {unit}; "
            f"multiply by {factor}, because {column} is a plain count.",
            factor.split()[0],
        )
    return found


def refuse_other_units(table: pd.DataFrame, inputs: tuple[str, ...], name: str) -> None:
    """`InputError` where a count that a law reads looks like billions or millions."""
    for column, (sentence, factor) in other_units(table).items():
        if column in inputs or not inputs:
            raise InputError(
                f"{name}: {sentence} Map it with {column}='{column}*{factor}' (command line: --column "
                f"{column}={column}*{factor}), or take it as it is with trust_units=True (--trust-units)."
            )


def identity(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns that say what was trained, beside further inputs: N and D, or compute where it stands alone."""
    named = tuple(column for column in ("params", "tokens") if column in table)
    return named if len(named) == 2 or "flops" not in table else (*named, "flops")


def numbered(keys: Iterable[Hashable]) -> np.ndarray:
    """Numbers of keys by first appearance, shape (n,), int."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=int)


def _repeats(table: pd.DataFrame, inputs: tuple[str, ...]) -> list[str]:
    columns = dict.fromkeys(("group", *identity(table), *inputs, "loss", "seed"))
    same = [column for column in columns if column in table]
    kinds = table.groupby(same, dropna=False, sort=False).ngroup()
    repeated = kinds.duplicated()
    if not repeated.any():
        return []
    second = int(repeated.to_numpy().argmax())
    first = int((kinds == kinds.iloc[second]).to_numpy().argmax())
    count = int(repeated.sum())
    return [
        f"rows {first + 1} and {second + 1} are the same in {', '.join(same)} ({count} repeated "
        f"{'row' if count == 1 else 'rows'} in all): they are kept, as replicates without noise; "
        "remove them if they are copies of one run."
    ]
