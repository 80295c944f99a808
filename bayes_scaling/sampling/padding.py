"""Tables as the sampler reads them: summarised, laid out in boxes, and of equal size where they nearly are.

Runs of a cluster that differ in their losses alone become one row. Rows lie group by group and cluster by cluster, each
group with as many clusters as the largest and each cluster with as many rows, so that what a group has is broadcast
to its rows and rows are summed along an axis: an indexed sum costs more than a law. Rows of no weight fill the boxes,
and round their sizes, so that similar tables share one compiled program.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import numpy as np

from bayes_scaling.model.build import OF_TABLE
from bayes_scaling.model.structure import Structure
from bayes_scaling.model.student import depths

_WASTE, _FEW = 2, 64
"""Boxes are used where they have at most ``_WASTE`` times the rows that are needed, and ``_FEW`` more."""


def largest(structure: Structure, other: Structure) -> Structure:
    """The structure large enough for the rows and clusters of both."""
    return replace(
        structure,
        n_rows=max(structure.n_rows, other.n_rows),
        n_clusters=max(structure.n_clusters, other.n_clusters),
        box=(max(structure.box[0], other.box[0]), max(structure.box[1], other.box[1])),
    )


def padded_structure(structure: Structure, *others: Structure) -> Structure:
    """The structure long enough for the rows and clusters of all of these, rounded up."""
    s = reduce(largest, others, structure).plain
    needed = s.n_clusters if s.alike else s.n_rows
    box = (_rounded(s.box[0]), _rounded(s.box[1]))
    clusters, rows = s.n_groups * box[0], s.n_groups * box[0] * box[1]
    if s.noise.joint or (s.noise.by_row and rows <= _WASTE * needed + _FEW):
        return replace(s, n_rows=rows, n_clusters=clusters, box=box, boxed=True)
    rows = _rounded(needed)
    if s.noise.by_group:
        clusters = s.n_groups  # each group is one curve
    elif s.clustered and not s.alike:
        clusters = _rounded(s.n_clusters)
    else:
        clusters = rows
    return replace(s, n_rows=rows, n_clusters=clusters)


def padded_data(data: Mapping[str, np.ndarray], to: Structure) -> dict[str, np.ndarray]:
    """The data as a padded structure has them; rows that only fill it are copies of the first, of weight 0."""
    if to.noise.mixed and "mixing" not in data:
        data = {**data, "mixing": np.ones(len(data["weight"]))}
    if to.summarised:
        data = _summarised(data, to.noise.observed)
    count = len(data["weight"])
    if to.boxed:
        places, filled = _places(data, to), np.zeros(to.n_rows, int)
        filled[places] = np.arange(count)
        out = {name: v if name in OF_TABLE else v[filled] for name, v in data.items() if name != "previous"}
        out["weight"] *= np.bincount(places, minlength=to.n_rows)
        own = np.arange(to.n_rows, dtype=np.int32) // to.box[1]
        return out | {"group_index": own // np.int32(to.box[0]), "cluster_index": own}
    more = to.n_rows - count
    out = {
        name: v if name in OF_TABLE else np.concatenate([v, np.repeat(v[:1], more)])
        for name, v in data.items()
        if v.ndim == 1 or name in OF_TABLE
    }
    # Bases and spectra of curves go on as zeros, along every axis of runs.
    for name in set(data) - set(out):
        sides = [
            (0, more if size == count and axis != 1 else 0) for axis, size in enumerate(data[name].shape)
        ]
        out[name] = np.pad(data[name], sides)
    out["weight"][count:] = 0.0
    # Where each row is a cluster, the new ones are too; elsewhere a row of weight 0 may join any.
    alone = to.summarised or (not to.clustered and not to.noise.by_group)
    out["cluster_index"][count:] = np.arange(count, to.n_rows) if alone else to.n_clusters - 1
    return out


def cluster_places(data: Mapping[str, np.ndarray], to: Structure) -> np.ndarray:
    """Where each cluster of the data lies in a padded structure, shape (clusters,)."""
    clusters, first = np.unique(data["cluster_index"], return_index=True)
    return _places(data, to)[first] // to.box[1] if to.boxed else clusters


def _places(data: Mapping[str, np.ndarray], to: Structure) -> np.ndarray:
    """Where each row lies in the boxes, shape (rows,)."""
    group, cluster = data["group_index"].astype(int), data["cluster_index"].astype(int)
    _, first = np.unique(cluster, return_index=True)
    of_group = group[first] * to.box[0] + _earlier(group[first])
    depth = depths(data["previous"]) if "previous" in data else np.zeros(len(cluster), int)
    along, within = np.argsort(depth, kind="stable"), np.zeros(len(cluster), int)
    within[along] = _earlier(cluster[along])
    places: np.ndarray = of_group[cluster] * to.box[1] + within
    return places


def _earlier(labels: np.ndarray) -> np.ndarray:
    """How many earlier elements are equal to each one."""
    order = np.argsort(labels, kind="stable")
    earlier = np.empty(len(labels), int)
    earlier[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    return earlier


def _summarised(data: Mapping[str, np.ndarray], observed: str) -> dict[str, np.ndarray]:
    """One row for each cluster, whose runs differ in their losses alone: their mean, their scatter and their number."""
    _, first, cluster, size = np.unique(
        data["cluster_index"], return_index=True, return_inverse=True, return_counts=True
    )
    mean = np.bincount(cluster, data[observed]) / size
    scatter = np.bincount(cluster, (data[observed] - mean[cluster]) ** 2) / size
    rows = {name: v if name in OF_TABLE else v[first] for name, v in data.items()}
    return rows | {observed: mean, "scatter": scatter, "weight": rows["weight"] * size}


def _rounded(count: int) -> int:
    """Rounded up to 4, 5, 6 or 7 times a power of two: at most a quarter more."""
    power = 1 << max(count.bit_length() - 3, 0)
    return -(-count // power) * power
