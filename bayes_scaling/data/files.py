"""Files that are written whole or not at all, and never over what is to be kept."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bayes_scaling.errors import InputError

A_DAY = 86_400.0
"""Seconds."""


def check_writable(path: Path, force: bool) -> None:
    """`InputError` if writing there would lose a file or cannot work; asked before long work starts."""
    if path.exists() and not force:
        raise InputError(f"{path} exists and is kept; pass force=True (command line: --force) to replace it")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: the folder {path.parent} is not writable")


@contextmanager
def replacing(path: Path, force: bool = True) -> Iterator[Path]:
    """A path beside this one to write to; it becomes this one if the block ends well, and is gone if it does not.

    Raises
    ------
    InputError
        If the file exists and ``force`` is false, or it cannot be written.
    """
    check_writable(path, force)
    start = f".{path.name[:100]}."
    aside = path.with_name(f"{start}{secrets.token_hex(4)}.tmp")
    _sweep(path.parent, start)
    try:
        yield aside
        with aside.open("rb+") as written:
            os.fsync(written.fileno())  # or a machine that loses power has the name, and not what was written
        _publish(aside, path, force)
    except OSError as error:
        raise InputError(f"could not write {path}: {error}") from error
    finally:
        with suppress(OSError):
            aside.unlink()


def _publish(aside: Path, path: Path, force: bool) -> None:
    """Gives the file its name; `InputError` where another process was there first and ``force`` is false."""
    if not force:
        with suppress(
            OSError
        ):  # where a folder knows no second names, as on some shares, the check above must do
            os.link(aside, path)
            return
        check_writable(path, force)
    aside.replace(path)


def _sweep(folder: Path, start: str) -> None:
    """Takes away what killed processes left: files of this name that nobody has written to for a day."""
    for left in folder.iterdir():
        if left.name.startswith(start) and left.suffix == ".tmp":
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > A_DAY:
                    left.unlink()
