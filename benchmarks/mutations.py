"""Altered copies of a saved fit: what becomes of each when it is opened.

    uv run benchmarks/mutations.py [--number 1000] [--seed 1] [fit.nc]

Each copy is opened in a process of its own, so that a crash or an endless loop of the HDF5 library counts too. It is
refused with a reason, or opened; what was opened is compared with the original value by value. Writes
benchmarks/results/mutations.json.
"""

import argparse
import json
import os
import shutil
import signal
import tempfile
import warnings
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np

import bayes_scaling as bs

RESULTS = Path(__file__).parent / "results" / "mutations.json"
SECONDS = 600
OUTCOMES = ("refused", "the same", "ALTERED", "TRACEBACK", "CRASH")


def flipped_bits(data, rng):
    """One to eight bits."""
    for _ in range(rng.integers(1, 9)):
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return data


def other_bytes(data, rng):
    """One to sixteen bytes side by side, of any value."""
    at, n = rng.integers(len(data)), rng.integers(1, 17)
    data[at : at + n] = rng.bytes(len(data[at : at + n]))
    return data


def zeros(data, rng):
    """A block of zeros, as a disk leaves it."""
    at, n = rng.integers(len(data)), 2 ** rng.integers(4, 13)
    data[at : at + n] = bytes(len(data[at : at + n]))
    return data


def cut(data, rng):
    """Truncated."""
    return data[: rng.integers(len(data))]


def removed(data, rng):
    """Some bytes are left out."""
    at = rng.integers(len(data))
    del data[at : at + rng.integers(1, 65)]
    return data


def added(data, rng):
    """Some bytes more."""
    at = rng.integers(len(data))
    data[at:at] = rng.bytes(rng.integers(1, 65))
    return data


def exchanged(data, rng):
    """Two blocks change places."""
    n = int(2 ** rng.integers(3, 11))
    a, b = sorted(int(i) for i in rng.integers(0, len(data) - n, 2))
    data[a : a + n], data[b : b + n] = data[b : b + n], data[a : a + n]
    return data


def in_text(data, rng):
    """One character of the provenance."""
    at = data.index(b'"formula"') + int(rng.integers(-200, 2000))
    data[at] = rng.integers(32, 127)
    return data


BYTES = (flipped_bits, other_bytes, zeros, cut, removed, added, exchanged, in_text)


def a_value(file, rng):
    """One number of an array, in its last digits or altogether."""
    array = _array(file, rng, "fiu")
    values = array[...]
    at = tuple(rng.integers(n) for n in values.shape)
    values[at] = values[at] * (1 + 1e-15) + 1e-300 if rng.random() < 0.5 else rng.integers(100)
    array[...] = values


def two_draws(file, rng):
    """The draws of one quantity in another order."""
    array = _array(file, rng, "f")
    array[...] = array[...][::-1]


def a_text(file, rng):
    """A label of a group, or a cell of the table."""
    array = _array(file, rng, "OSU")
    array[rng.integers(len(array))] = "another"


def a_name(file, rng):
    """An array by another name, or the other group's."""
    array = _array(file, rng, "fiuOSU")
    array.parent.move(array.name, f"{array.name}_x")


def a_loss(file, rng):
    """An array is gone."""
    array = _array(file, rng, "fiuOSU")
    del array.parent[array.name.rpartition("/")[2]]


def a_group(file, rng):
    """A group is gone, or goes by another name."""
    name = str(rng.choice(sorted(file)))
    if rng.random() < 0.5:
        file.move(name, f"{name}2")
    else:
        del file[name]


def the_provenance(file, rng):
    """One entry of the provenance is another, or gone."""
    made = json.loads(file.attrs["provenance"])
    key = str(rng.choice(sorted(made)))
    other = rng.choice(np.array([None, -1, 10**30, "x" * 10_000, [], {}, 3], object))
    made[key] = other
    if rng.random() < 0.3:
        del made[key]
    file.attrs["provenance"] = json.dumps(made)


def an_attribute(file, rng):
    """What netCDF reads as a scale, an offset or a value for what is missing."""
    array = _array(file, rng, "f")
    array.attrs[str(rng.choice(["scale_factor", "add_offset", "_FillValue", "units"]))] = rng.choice(
        [2.0, 1.5]
    )


INSIDE = (a_value, two_draws, a_text, a_name, a_loss, a_group, the_provenance, an_attribute)


def _array(file, rng, kinds):
    found = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    found = [array for array in found if array.dtype.kind in kinds and array.size]
    return found[rng.integers(len(found))]


def mutated(original, path, how, rng):
    """An altered copy; whether any byte of it differs."""
    if how in BYTES:
        path.write_bytes(how(bytearray(original.read_bytes()), rng))
    else:
        shutil.copy(original, path)
        with h5py.File(path, "r+") as file:
            how(file, rng)
    return path.read_bytes() != original.read_bytes()


def same(one, other):
    """Whether two fits have the same law, noise, runs and numbers, to the last bit."""
    if (one.law, one.noise, one.pooling) != (other.law, other.noise, other.pooling):
        return False
    if one.provenance != other.provenance or set(one.tree.children) != set(other.tree.children):
        return False
    if not one.runs.table.equals(other.runs.table):
        return False
    pairs = ((one.tree[name].to_dataset(), other.tree[name].to_dataset()) for name in one.tree.children)
    return all(a.equals(b) for a, b in pairs)


def outcome(path, fit):
    """What becomes of a copy that is opened."""
    try:
        return "the same" if same(bs.open_fit(path), fit) else "ALTERED"
    except bs.InputError:
        return "refused"
    except Exception as error:
        path.with_suffix(".error").write_text(repr(error))
        return "TRACEBACK"


def outcome_apart(path, fit):
    """`outcome`, in a process of its own."""
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(OUTCOMES.index(outcome(path, fit)))
    status = os.waitpid(child, 0)[1]
    return OUTCOMES[os.WEXITSTATUS(status)] if os.WIFEXITED(status) else "CRASH"


def small_fit(path):
    """Saves a fit to three groups, of few draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = bs.fit(bs.datasets.load("pile"), noise="constant", draws=50, chains=2, max_warmup=100, seed=1)
    fit.save(path)


def count(original, number, seed, kept=None):
    """Outcomes by kind of mutation."""
    fit, found = bs.open_fit(original), {}
    kinds = (*BYTES, *INSIDE)
    with tempfile.TemporaryDirectory() as folder:
        for i in range(number):
            how, rng, path = kinds[i % len(kinds)], np.random.default_rng([seed, i]), Path(folder) / f"{i}.nc"
            if not mutated(original, path, how, rng):
                continue
            came = outcome_apart(path, fit)
            found.setdefault(how.__name__, Counter())[came] += 1
            if kept and came not in ("refused", "the same"):
                kept.mkdir(exist_ok=True)
                shutil.copy(path, kept / f"{how.__name__}_{i}.nc")
                error = path.with_suffix(".error")
                print(how.__name__, i, came, error.read_text() if error.exists() else "")
            path.unlink()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fit", type=Path, nargs="?", help="a saved fit; default: one of few draws")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--keep", type=Path, help="a folder for the copies that were neither refused nor the same"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        original = asked.fit or Path(folder) / "fit.nc"
        if not asked.fit:  # elsewhere, as a process with JAX in it should not be forked
            making = get_context("spawn").Process(target=small_fit, args=(original,))
            making.start()
            making.join()
        found = count(original, asked.number, asked.seed, asked.keep)
    total = sum(found.values(), Counter())
    for name, outcomes in found.items():
        print(f"{name:14} {dict(outcomes)}")
    print(f"{'all':14} {dict(total)}")
    if not asked.fit:
        RESULTS.write_text(json.dumps({"seed": asked.seed, "all": total, "by kind": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
