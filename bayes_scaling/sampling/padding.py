"""Tables of nearly equal length made equal by rows of no weight, so that they share one compiled program."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from bayes_scaling.model.structure import Structure


def padded_structure(structure: Structure, *others: Structure) -> Structure:
    """The structure long enough for the rows and clusters of all of these, rounded up."""
    rows = _rounded(s.n_rows for s in (structure, *others))
    if structure.noise.by_group:
        clusters = structure.n_groups  # each group is one curve
    elif structure.clustered:
        clusters = _rounded(s.n_clusters for s in (structure, *others))
    else:
        clusters = rows
    return replace(structure, n_rows=rows, n_clusters=clusters)


def padded_data(data: Mapping[str, np.ndarray], to: Structure) -> dict[str, np.ndarray]:
    """The data with copies of their first row, of weight 0, up to the length of a padded structure."""
    count = len(data["weight"])
    more = to.n_rows - count
    out = {name: np.concatenate([v, np.repeat(v[:1], more)]) for name, v in data.items() if v.ndim == 1}
    # Bases and spectra of curves go on as zeros, along every axis of runs.
    for name in set(data) - set(out):
        sides = [
            (0, more if size == count and axis != 1 else 0) for axis, size in enumerate(data[name].shape)
        ]
        out[name] = np.pad(data[name], sides)
    out["weight"][count:] = 0.0
    # Where each row is a cluster, the new ones are too; elsewhere a row of weight 0 may join any.
    alone = not to.clustered and not to.noise.by_group
    out["cluster_index"][count:] = np.arange(count, to.n_rows) if alone else to.n_clusters - 1
    return out


def _rounded(counts: Iterable[int]) -> int:
    """The largest count, rounded up to 4, 5, 6 or 7 times a power of two: at most a quarter more."""
    largest = max(counts)
    power = 1 << max(largest.bit_length() - 3, 0)
    return -(-largest // power) * power
