"""Checksums of what is saved, and what an HDF5 file may be made of before anything in it is read."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import h5py
    import xarray as xr

MOST_EXPANDED = 64
"""Arrays of so many times their file's size are nothing that draws can be compressed to."""

SEAL = b"\nbayes_scaling: SHA-256 of the bytes above "
DIGITS = 64


def checksum(tree: "xr.DataTree", provenance: Mapping[str, Any]) -> str:
    """SHA-256 over the provenance and every group: names, dims, and each value to the last bit, in hexadecimal."""
    others = {name: value for name, value in provenance.items() if name != "checksum"}
    found = hashlib.sha256(json.dumps(others, sort_keys=True).encode())
    for name, group in sorted(tree.children.items()):
        for key, variable in sorted(group.to_dataset().variables.items(), key=lambda item: str(item[0])):
            values = variable.to_numpy()
            number = values.dtype.kind in "biufc"
            about = [name, str(key), variable.dims, values.shape, values.dtype.str[1:] if number else "text"]
            found.update(json.dumps(about).encode())
            if number:
                found.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
            else:
                found.update(json.dumps([str(value) for value in values.ravel()]).encode())
    return found.hexdigest()


def checksum_of_runs(tree: "xr.DataTree", columns: Sequence[str]) -> str:
    """SHA-256 over the table of runs of a posterior's tree: its columns, and each cell to the last bit."""
    import xarray as xr

    return checksum(
        xr.DataTree.from_dict({"runs": tree["constant_data"].to_dataset()}), {"columns": list(columns)}
    )


def checksum_of_json(document: Mapping[str, object]) -> str:
    """SHA-256 over a JSON document but for its own checksum, however it is indented or ordered."""
    others = {name: value for name, value in document.items() if name != "checksum"}
    plain = json.dumps(others, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def sealed(data: bytes) -> bytes:
    """A file's bytes with their SHA-256 after them: HDF5 does not look beyond its own end."""
    return data + SEAL + hashlib.sha256(data).hexdigest().encode()


def refuse_broken_seal(path: Path) -> None:
    """`InputError` for a file whose bytes are not those that it was sealed with.

    HDF5 may go round in a damaged file without end, so that it should meet none. Files of earlier versions have no
    seal, nor have those that another program has rewritten.
    """
    data = path.read_bytes()
    own = data[: -len(SEAL) - DIGITS]
    if data[len(own) : -DIGITS] == SEAL and sealed(own) != data:
        raise InputError(
            f"{path} is not as it was written: the checksum of its bytes differs, so it is damaged or altered; take "
            "another copy, or fit again"
        )


def refuse_strange_hdf5(path: Path) -> None:
    """`InputError` for a file that leads to other files or to itself, or whose arrays no file of its size can hold.

    Nothing but names and sizes is read. Errors of HDF5 are the caller's.
    """
    import h5py

    with h5py.File(path, "r") as file:
        size = sum(array.size * array.dtype.itemsize for array in _arrays(file, path))
    if size > MOST_EXPANDED * path.stat().st_size:
        raise InputError(
            f"{path} has arrays of {size:.3g} bytes in a file of {path.stat().st_size:.3g}: bayes_scaling writes no "
            "such file; do not open it"
        )


def _arrays(group: "h5py.Group", path: Path) -> Iterator["h5py.Dataset"]:
    """The arrays of a file and its groups."""
    import h5py

    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise InputError(
                f"{path}: {name!r} is a link, which bayes_scaling does not write; do not open this file"
            )
        item = group[name]
        if isinstance(item, h5py.Group) and group.name == "/":
            yield from _arrays(item, path)
        elif not isinstance(item, h5py.Dataset):
            raise InputError(
                f"{path}: {name!r} is no array, and lies where bayes_scaling writes nothing else; do not open this file"
            )
        elif item.external or item.is_virtual:
            raise InputError(f"{path}: the array {name!r} lies in another file; do not open this file")
        else:
            yield item
