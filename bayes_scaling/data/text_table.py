"""A table as text: one row a line, with some character between the cells."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
"""What may stand between cells, where nobody says it; else white space."""

_SPACE = r"\s+"
_NUMBER = re.compile(r"[+-]?\d*[.,]?\d+([eE][+-]?\d+)?\s*[kmbgtp]?", re.IGNORECASE)
_COMMA = r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d+(?:[eE][+-]?\d+)?"
"""A number with a decimal comma, and perhaps with points between thousands."""


def text_table(
    data: bytes,
    path: Path,
    text_columns: Iterable[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
) -> tuple[pd.DataFrame, np.ndarray, dict[str, str]]:
    """Reads a table in UTF-8.

    Parameters
    ----------
    data : bytes
    path : Path
        What to call it in messages; its suffix settles ties between separators.
    text_columns : iterable of str
        Columns to keep as text.
    separator, decimal : str, optional
        What stands between cells, and between units and tenths. Default: what the header and the cells show.

    Returns
    -------
    table : DataFrame
    lines : ndarray of int, shape (n,)
        The line of each row in the file, from 1.
    guessed : dict of str to str
        What was guessed and might be wrong, by name.

    Raises
    ------
    InputError
        If there is no header, two columns have one name, or a row has more cells than the header.
    """
    import pandas as pd

    if separator is not None and len(separator) != 1:
        raise InputError(f"separator is {separator!r}; expected one character, such as ';'.")
    if decimal not in (None, ".", ","):
        raise InputError(f"decimal is {decimal!r}; expected '.' or ','.")
    before, header = _header(data, path)
    between = separator or _separator(header, path)
    names = [name.strip() for name in _cells(header, between)]
    if all(_NUMBER.fullmatch(name) for name in names if name):
        raise InputError(
            f"'{path}' has no header: its first line is {header[:80]!r}. Add a line above, with the columns' names."
        )
    refuse_repeated_names([name for name in names if name], path.name)
    names = [name or f"Unnamed: {i}" for i, name in enumerate(names)]  # as pandas calls them
    guessed = {}
    if decimal is None and between != "," and (found := _decimal_comma(data, between)):
        decimal = ","
        guessed["decimal"] = (
            f"cells such as {found!r} are read with a decimal comma; say decimal='.' (command line: --decimal .) "
            "where the comma separates thousands."
        )
    texts = [name for name in text_columns if name in names]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            table = pd.read_csv(
                io.BytesIO(data),
                sep=between,
                header=None,
                names=names,
                skiprows=before + 1,
                dtype=str if decimal == "," else dict.fromkeys(texts, str),
                index_col=False,
                low_memory=False,
                skip_blank_lines=False,  # so that the index tells the line of the file
                skipinitialspace=True,
            )
    except pd.errors.EmptyDataError:
        table = pd.DataFrame(columns=names)
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise InputError(_uneven(data, path, between, before, len(names), str(error))) from error
    if decimal == ",":
        table = pd.DataFrame(
            {name: table[name] if name in texts else _with_points(table[name]) for name in table}
        )
    there = table.notna().any(axis=1).to_numpy()
    lines = (np.arange(len(table)) + before + 2)[there]
    empty = [name for name in names if name.startswith("Unnamed: ") and table[name].isna().all()]
    return table[there].drop(columns=empty).reset_index(drop=True), lines, guessed


def refuse_repeated_names(columns: Iterable[Hashable], name: str) -> None:
    """`InputError` for two columns of one name."""
    seen: set[Hashable] = set()
    for column in columns:
        if column in seen:
            raise InputError(f"{name} has two columns named '{column}'; rename one of them.")
        seen.add(column)


def _header(data: bytes, path: Path) -> tuple[int, str]:
    """The number of lines above the header, and the header: the first line that is neither empty nor a comment.

    Where numbers follow the last comment, that is the header, as in what NumPy writes.
    """
    comment = ""
    for number, line in enumerate(_lines(data)):
        text = line.strip()
        if text.startswith("#"):
            comment = text.lstrip("#").strip()
        elif text.strip(',;|"'):
            cells = _cells(text, _separator(text, path))
            if comment and all(_NUMBER.fullmatch(cell.strip()) for cell in cells):
                return number - 1, comment
            return number, text
    raise InputError(f"'{path}' is empty; expected a header line with the columns' names, then runs.")


def _lines(data: bytes) -> Iterator[str]:
    """The lines of a text one by one, whichever way they end."""
    start = 0
    for end in re.finditer(rb"\r\n|\n|\r|\Z", data):
        yield data[start : end.start()].decode("utf-8", "replace")
        start = end.end()


def _cells(line: str, separator: str) -> list[str]:
    if separator == _SPACE:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # longer than it takes
        return line.split(separator)


def _separator(line: str, path: Path) -> str:
    """What stands between the cells of a line: what makes most cells of it, or white space."""
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    counts = {candidate: len(_cells(line, candidate)) for candidate in (usual, *SEPARATORS)}
    best = max(counts, key=lambda candidate: counts[candidate])
    return best if counts[best] > 1 or len(line.split()) == 1 else _SPACE


def _decimal_comma(data: bytes, separator: str) -> str | None:
    """The first cell that is a number with a decimal comma, if there is any."""
    edge = r"\s" if separator == _SPACE else re.escape(separator)
    found = re.search(rf"(?m)(?:^|{edge})\s*\"?({_COMMA})\"?\s*(?:{edge}|$)".encode(), data)
    return found[1].decode() if found else None


def _with_points(cells: pd.Series) -> pd.Series:
    """Texts with decimal commas as numbers, or as texts with points where a cell is no number."""
    import pandas as pd

    written = cells.str.strip()
    comma = written.str.fullmatch(rf"[+-]?(?:{_COMMA}|\d{{1,3}}(?:\.\d{{3}})+)\s*[kmbgtpKMBGTP]?", na=False)
    points = written.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    mixed = written.where(~comma, points)
    try:
        return pd.to_numeric(mixed)
    except ValueError:
        return mixed


def _uneven(data: bytes, path: Path, separator: str, before: int, width: int, why: str) -> str:
    """What is wrong with the first line that has more cells than the header."""
    for number, line in enumerate(_lines(data)):
        if number <= before:
            continue
        cells = _cells(line, separator)
        if len(cells) > width:
            return (
                f"'{path}' cannot be read as a table: line {number + 1} has {len(cells)} cells, and the header has "
                f"{width}: {line[:80]!r}. Put a cell with a separator inside in quotes, and take out what is too much."
            )
    return (
        f"'{path}' cannot be read as a table ({why}). Look for a quote that is not closed, and take it out."
    )
