"""Reading a table from a file of any of the usual kinds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.data.json_table import json_table
from bayes_scaling.data.raw_bytes import LARGEST, PACKED, raw_bytes, utf8
from bayes_scaling.data.text_table import refuse_repeated_names, text_table
from bayes_scaling.data.validate import row_number
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_TEXT = (".csv", ".tsv", ".txt", ".dat")
_JSON = (".json", ".jsonl", ".ndjson")
_EXCEL = (".xlsx", ".xlsm")
_BINARY = {".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Feather", ".orc": "ORC"}
TABLES = (*_TEXT, *_EXCEL, *_BINARY)
"""Suffixes of what is a table and nothing else; JSON may be a log."""

KINDS = ".csv, .tsv, .txt, .json, .jsonl, .parquet, .feather, .orc or .xlsx"
"""What can be read, for messages; the first five also packed."""


@dataclass(frozen=True)
class Reading:
    """What was read: a table, where its rows are, and what was guessed and might be wrong, by name."""

    table: pd.DataFrame
    where: Callable[[int], str] = row_number
    guessed: dict[str, str] = field(default_factory=dict)


def read_file(
    path: str | os.PathLike[str],
    text_columns: Iterable[str] = (),
    *,
    encoding: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
) -> Reading:
    """Read a table as text, JSON, Parquet, Feather, ORC or Excel.

    Parameters
    ----------
    path : path-like
        The file; its suffix says which kind it is. Text and JSON may be packed (.gz, .bz2, .xz, .zst, .zip).
    text_columns : iterable of str
        Columns to keep as text where the file has them, so that a label "007" stays "007".
    encoding, separator, decimal : str, optional
        Of text. Default: what the file shows.

    Returns
    -------
    Reading
        Its ``where`` goes from a 0-based row to words: ``"row 3 (line 4 of the file)"``.

    Raises
    ------
    InputError
        If there is no such file, its suffix is unknown, it is empty, or it is not a table.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = next((found for found in reversed(suffixes) if found not in PACKED), "")
    packed = suffixes[-1:] and suffixes[-1] in PACKED
    if suffix not in (*_TEXT, *_JSON, *(() if packed else (*_EXCEL, *_BINARY))):
        raise InputError(
            f"cannot tell the format of '{path}' from its suffix '{path.suffix}'; "
            f"expected {KINDS}. Rename or convert the file."
        )
    if not path.is_file():
        raise InputError(f"there is no file '{path}'; check the path (relative to {Path.cwd()}).")
    if suffix in _BINARY:
        return Reading(_binary(path, _BINARY[suffix]))
    if suffix in _EXCEL:
        return _excel(path, text_columns)
    data, guess = utf8(raw_bytes(path), path, encoding)
    guessed = {}
    if guess:
        guessed["encoding"] = (
            f"the file is not UTF-8 and was read as {guess}; name its encoding (encoding='...', command line: "
            "--encoding) if names in it look wrong."
        )
    if suffix in _JSON:
        return Reading(json_table(data, path), guessed=guessed)
    table, lines, more = text_table(data, path, text_columns, separator, decimal)
    return Reading(table, lambda row: f"{row_number(row)} (line {lines[row]} of the file)", guessed | more)


def _binary(path: Path, kind: str) -> pd.DataFrame:
    """What pyarrow reads."""
    import pandas as pd

    try:
        return getattr(pd, f"read_{kind.lower()}")(path).reset_index(drop=True)  # type: ignore[no-any-return]
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, MemoryError) as error:
        raise InputError(  # pyarrow's ArrowInvalid is a ValueError
            f"'{path}' cannot be read as {kind}: {error}. Is it whole, and of that kind? Write it again, or convert "
            "it to .csv."
        ) from error


def _excel(path: Path, text_columns: Iterable[str]) -> Reading:
    """The first sheet that is not empty."""
    import zipfile

    import pandas as pd

    try:
        if sum(part.file_size for part in zipfile.ZipFile(path).infolist()) > LARGEST:
            raise InputError(
                f"'{path}' has more than {LARGEST / 1e9:.1f} GB inside; write the sheet as .csv."
            )
        sheets = pd.read_excel(
            path, sheet_name=None, dtype=dict.fromkeys(text_columns, str), engine="openpyxl"
        )
    except ImportError:
        raise InputError(
            f"'{path}' needs openpyxl: pip install 'bayes-scaling[excel]', or write the sheet as .csv."
        ) from None
    except InputError:
        raise
    except Exception as error:  # openpyxl raises what it meets: KeyError, BadZipFile, ParseError, ...
        raise InputError(
            f"'{path}' cannot be read as an Excel file: {error}. Save it again, or write the sheet as .csv."
        ) from error
    filled = {name: sheet for name, sheet in sheets.items() if len(sheet.columns)}
    if not filled:
        raise InputError(f"'{path}' is empty; expected a header line with the columns' names, then runs.")
    name, sheet = next(iter(filled.items()))
    plain = [re.sub(r"\.\d+$", "", str(column)) for column in sheet]  # pandas calls a second loss loss.1
    refuse_repeated_names(plain if set(plain) <= set(sheet) else sheet, path.name)
    sheet.columns = [column.strip() if isinstance(column, str) else column for column in sheet.columns]
    there = sheet.notna().any(axis=1).to_numpy()
    lines = there.nonzero()[0] + 2
    others = ", ".join(repr(other) for other in filled if other != name)
    guessed = {"sheets": f"only the sheet {name!r} is read, and not {others}."} if others else {}
    return Reading(
        sheet[there].reset_index(drop=True),
        lambda row: f"{row_number(row)} (row {lines[row]} of the sheet)",
        guessed,
    )
