"""A table as JSON: a list of runs, an object of columns, or one run a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_FORMS = (
    'expected [{"params": 7e7, "loss": 3.1, ...}, ...], {"params": [7e7, ...], ...}, or one object a line'
)


def json_table(data: bytes, path: Path) -> pd.DataFrame:
    """Reads a table in UTF-8.

    Raises
    ------
    InputError
        If it is not JSON, not of one of these forms, or a run has two values of one name.
    """
    import pandas as pd

    text = data.decode("utf-8", "replace")
    if not text.strip():
        raise InputError(f"'{path}' is empty; {_FORMS}.")
    try:
        found = _value(text)
    except (ValueError, RecursionError) as error:
        if path.suffix.lower() == ".json" and getattr(error, "msg", "") != "Extra data":
            raise InputError(f"'{path}' is not JSON: {error}; {_FORMS}.") from None
        found = _by_line(text, path)
    if isinstance(found, dict):
        kinds = {type(column) for column in found.values()}
        if kinds == {dict}:  # as pandas writes it: {column: {row: cell}}
            rows = dict.fromkeys(row for column in found.values() for row in column)
            found = {name: [column.get(row) for row in rows] for name, column in found.items()}
        elif kinds != {list}:
            found = [found]
    if isinstance(found, dict):
        lengths = {name: len(column) for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            counted = ", ".join(f"'{name}' {length}" for name, length in lengths.items())
            raise InputError(
                f"'{path}' has columns of different lengths ({counted}); expected one value a run in each."
            )
        return pd.DataFrame({name: pd.Series(column) for name, column in found.items()})
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise InputError(f"'{path}' is JSON, but no table; {_FORMS}.")
    return pd.DataFrame(found)


def _by_line(text: str, path: Path) -> list[Any]:
    """The value of each line that is not empty."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = _value(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"'{path}', line {number} is not JSON: {error}; {_FORMS}.") from None
        if not isinstance(row, dict):
            raise InputError(f"'{path}', line {number} is {line[:80]!r}, and no run; {_FORMS}.")
        found.append(row)
    return found


def _value(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_int=_integer)


def _integer(digits: str) -> int | float:
    """Infinite beyond the largest float: pandas 3.0 does not take such an integer."""
    value = int(digits)
    return value if value.bit_length() < 1024 else float(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"an object has two values of {twice!r}; take one out")
    return found
