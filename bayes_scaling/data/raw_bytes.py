"""The bytes of a file, unpacked and of bounded size, and as text in whichever encoding."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from bayes_scaling.errors import InputError

LARGEST = 2**30
"""Bytes of a table as text, unpacked, at most: some ten million runs."""

_BROKEN = (
    OSError,
    EOFError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    NotImplementedError,
)
"""What the libraries raise for a packed file that is damaged, encrypted or packed in a way that they do not know."""

_OTHERS = {
    b"PAR1": "a Parquet file (.parquet)",
    b"ARROW1": "an Arrow file (.feather)",
    b"PK\x03\x04": "a zip archive or an Excel file (.zip, .xlsx)",
    b"\xd0\xcf\x11\xe0": "an old Excel file (save it as .xlsx)",
    b"\x1f\x8b": "a gzip file (.gz)",
    b"BZh": "a bzip2 file (.bz2)",
    b"\xfd7zXZ": "an xz file (.xz)",
    b"\x28\xb5\x2f\xfd": "a zstd file (.zst)",
    b"\x89HDF": "an HDF5 or netCDF file, perhaps a saved fit: bayes_scaling.open_fit reads those",
    b"CDF": "a netCDF file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\x80\x04": "a Python pickle, which is never read, as it can run code",
}
"""How other kinds of files begin."""

_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""Byte order marks, and what they say."""


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _zst(path: Path) -> IO[bytes]:
    import pyarrow as pa

    return pa.input_stream(str(path), compression="zstd")  # type: ignore[no-any-return]


def _zip(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
    if len(names) != 1:
        raise InputError(
            f"'{path}' has {len(names)} files inside; expected one table. Unpack it and give that file."
        )
    return archive.open(names[0])


PACKED: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _zst,
    ".zip": _zip,
}
"""Suffix -> what opens a packed file."""


def raw_bytes(path: Path) -> bytes:
    """All of a file, unpacked where its suffix says so.

    Raises
    ------
    InputError
        If it cannot be read or unpacked, or is larger than `LARGEST`.
    """
    suffix, data = path.suffix.lower(), bytearray()
    try:
        with PACKED.get(suffix, _plain)(path) as file:
            while len(data) <= LARGEST and (piece := file.read(2**22)):
                data += piece
    except _BROKEN as error:
        advice = (
            "Is it whole? Copy it again, or unpack it first" if suffix in PACKED else "Check its permissions"
        )
        raise InputError(f"'{path}' cannot be read: {error}. {advice}.") from error
    if len(data) > LARGEST:
        raise InputError(
            f"'{path}' has more than {LARGEST / 1e9:.1f} GB of text; keep what the runs need, or write it "
            "as Parquet."
        )
    return bytes(data)


def utf8(data: bytes, path: Path, encoding: str | None = None) -> tuple[bytes, str | None]:
    """The same text in UTF-8 without a byte order mark, and what was guessed of its encoding, if anything was.

    Raises
    ------
    InputError
        If the file is of another kind, there is no such encoding, or the text is not in it.
    """
    for start, kind in _OTHERS.items():
        if data.startswith(start):
            raise InputError(
                f"'{path}' is not text: it begins as {kind} does. Rename it so, or convert it to .csv."
            )
    mark = next((found for start, found in _MARKS.items() if data.startswith(start)), None)
    named, guess = encoding or mark, None
    if named is None and data[:4096].count(0) * 3 > len(data[:4096]):
        named = guess = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        text = data.decode(named or "utf-8")
    except LookupError:
        raise InputError(
            f"encoding is {encoding!r}, which Python does not know; expected one such as utf-8 or cp1252."
        ) from None
    except UnicodeDecodeError as error:
        if named is not None:
            raise InputError(
                f"'{path}' is not in the encoding {named}: byte {data[error.start]:#x} at position {error.start}; "
                "name another with encoding='...' (command line: --encoding)."
            ) from None
        guess = "cp1252"
        try:
            text = data.decode(guess)
        except UnicodeDecodeError:
            text = data.decode(guess := "latin-1")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(
            f"'{path}' has a character without meaning (NUL) in line {line}: it is damaged, or no text. "
            "Copy it again, or name its encoding with encoding='...' (command line: --encoding)."
        )
    if named is None and guess is None:
        return data, None
    return text.removeprefix("\ufeff").encode("utf-8", "replace"), guess
