"""Reading a .csv, .tsv or .parquet file."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.data.validate import row_number
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def read_file(
    path: str | os.PathLike[str], text_columns: Iterable[str] = ()
) -> tuple[pd.DataFrame, Callable[[int], str]]:
    """Read a .csv, .tsv or .parquet file.

    Parameters
    ----------
    path : path-like
        The file.
    text_columns : iterable of str
        Columns to keep as text where the file has them, so that a label "007" stays "007".

    Returns
    -------
    table : DataFrame
    where : callable
        From a 0-based row to words: ``"row 3 (line 4 of the file)"``.

    Raises
    ------
    InputError
        If there is no such file, its suffix is unknown, it is empty, or it is not a table.
    """
    import pandas as pd

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (*_SEPARATORS, ".parquet"):
        raise InputError(
            f"cannot tell the format of '{path}' from its suffix '{path.suffix}'; "
            "expected .csv, .tsv or .parquet. Rename or convert the file."
        )
    if not path.is_file():
        raise InputError(f"there is no file '{path}'; check the path (relative to {Path.cwd()}).")
    if suffix == ".parquet":
        try:
            return pd.read_parquet(path).reset_index(drop=True), row_number
        except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
            raise InputError(f"'{path}' cannot be read as Parquet: {error}") from error
    separator = _SEPARATORS[suffix]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader(file, delimiter=separator), [])
        if not any(cell.strip() for cell in header):
            raise InputError(f"'{path}' is empty; expected a header line with the columns' names, then runs.")
        refuse_repeated_names([cell.strip() for cell in header], path.name)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            table = pd.read_csv(
                path,
                sep=separator,
                dtype=dict.fromkeys(text_columns, str),  # names that are not there do no harm
                encoding="utf-8-sig",
                index_col=False,
                low_memory=False,
                skip_blank_lines=False,  # so that the index tells the line of the file
                skipinitialspace=True,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' cannot be read as a table: {error}") from error
    table.columns = table.columns.str.strip()
    table = table.dropna(how="all")
    lines = table.index.to_numpy() + 2
    return table.reset_index(drop=True), lambda row: f"{row_number(row)} (line {lines[row]} of the file)"


def refuse_repeated_names(columns: Iterable[Hashable], name: str) -> None:
    """`InputError` for two columns of one name."""
    seen: set[Hashable] = set()
    for column in columns:
        if column in seen:
            raise InputError(f"{name} has two columns named '{column}'; rename one of them.")
        seen.add(column)
