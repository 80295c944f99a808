"""Files that are written whole or not at all, and never over what is to be kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bayes_scaling.errors import InputError


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
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield aside
        aside.replace(path)
    except OSError as error:
        raise InputError(f"could not write {path}: {error}") from error
    finally:
        with suppress(OSError):
            aside.unlink()
