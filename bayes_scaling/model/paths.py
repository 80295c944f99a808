"""Paths of a discrepancy as functions of N and D, one for each posterior draw: the same whatever is asked of them.

A path is drawn on grids and read between them by cubic interpolation. What the runs say of it stands in the weights of
their basis; what they leave open is a path of the prior, less what its own weights would have been (Matheron's rule).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayes_scaling.model.processes import Basis, squared_exponential

STEP, BEFORE, AFTER = 0.2, 8.0, 14.0
"""Of the grids of compute and of D/N, in decades: their step, and how far they go on each side of the middle."""

_STEPS_TO_LENGTH, _AROUND, _AHEAD = 2, 1.0, 4.0
"""Of the grid of N and D: steps to a length of the process, and decades below and above the runs; kept beyond."""


@dataclass(frozen=True, eq=False)
class Paths:
    """Tables of the three processes of a `Surface`, amplitudes included: a row for each draw of a group, or of several.

    Attributes
    ----------
    compute, ratio : ndarray, shape (draws, grid)
    local : ndarray, shape (draws, grid of N, grid of D)
    low, step : ndarray, shape (2,), and float
        Where the grid of N and D begins, log10, and its step.
    """

    compute: np.ndarray
    ratio: np.ndarray
    local: np.ndarray
    low: np.ndarray
    step: float

    def at(
        self, draw: np.ndarray, compute: np.ndarray, ratio: np.ndarray, n: np.ndarray, d: np.ndarray
    ) -> np.ndarray:
        """Delta of some draws at some points, one each: arrays of one shape; the last two are log10 N and D."""
        found = np.zeros(np.shape(draw))
        for table, known in self._read(compute, ratio, n, d):
            flat, row = table.ravel(), draw * table.shape[1]
            for weight, column in known:
                found += weight * flat.take(row + column)
        return found

    def at_all(
        self, rows: slice, compute: np.ndarray, ratio: np.ndarray, n: np.ndarray, d: np.ndarray
    ) -> np.ndarray:
        """Delta of each of some rows at points that all share, (rows, points)."""
        each = [_interpolated(table[rows], known) for table, known in self._read(compute, ratio, n, d)]
        return np.sum(each, axis=0)

    def _read(
        self, compute: np.ndarray, ratio: np.ndarray, n: np.ndarray, d: np.ndarray
    ) -> "list[tuple[np.ndarray, Known]]":
        """The tables, (draws, grid), each with the columns that are known and what they weigh."""
        flat = self.local.reshape(len(self.local), -1)
        return [
            (self.compute, _on_line(compute)),
            (self.ratio, _on_line(ratio)),
            (flat, _on_plane(n, d, self.low, self.step, self.local.shape[1:])),
        ]


type Known = list[tuple[np.ndarray, np.ndarray]]
"""Weights of the columns of a table that interpolate it, and which they are: arrays of the shape of the points."""


def draw_paths(
    rng: np.random.Generator,
    basis: Basis,
    weights: np.ndarray,
    amplitudes: np.ndarray,
    length: float,
    seen: np.ndarray,
) -> Paths:
    """Paths of one group.

    Parameters
    ----------
    basis : Basis
        Of a compute, a D/N and a local process.
    weights : ndarray, shape (draws, weights)
    amplitudes : ndarray, shape (draws, 3)
    length : float
        Of the local process.
    seen : ndarray, shape (runs, 2)
        log10 N and D of the runs that the table of the local process lies around.
    """
    draws, step = len(weights), length / _STEPS_TO_LENGTH
    of_part = np.split(weights, np.cumsum(basis.ranks)[:-1], axis=1)
    line = np.arange(-BEFORE, AFTER + STEP / 2, STEP)[:, None]
    compute, ratio = (
        _moved(basis, k, of_part[k], before, line, lambda x: _on_line(x[:, 0]))
        for k, before in enumerate(_integrated(rng, draws) for _ in range(2))
    )
    low = seen.min(axis=0) - _AROUND
    count = np.ceil((seen.max(axis=0) + _AHEAD - low) / step).astype(int) + 1
    axes = [low[i] + step * np.arange(count[i]) for i in (0, 1)]
    kernel = squared_exponential(length)
    roots = [np.linalg.cholesky(kernel(x[:, None], x[:, None]) + 1e-9 * np.eye(len(x))) for x in axes]
    before = np.einsum(
        "ni,sij,dj->snd", roots[0], rng.standard_normal((draws, *count)), roots[1], optimize=True
    )
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)

    def read(x: np.ndarray) -> Known:
        return _on_plane(x[:, 0], x[:, 1], low, step, tuple(count))

    local = _moved(basis, 2, of_part[2], before.reshape(draws, -1), grid, read).reshape(draws, *count)
    return Paths(
        amplitudes[:, [0]] * compute,
        amplitudes[:, [1]] * ratio,
        amplitudes[:, 2, None, None] * local,
        low,
        step,
    )


def joined(paths: list[Paths]) -> Paths:
    """The paths of several groups, one after the other; their grids of N and D are one."""
    first = paths[0]
    compute, ratio, local = (
        np.concatenate([getattr(p, name) for p in paths]) for name in ("compute", "ratio", "local")
    )
    return Paths(compute, ratio, local, first.low, first.step)


def _moved(
    basis: Basis,
    k: int,
    weights: np.ndarray,
    before: np.ndarray,
    grid: np.ndarray,
    read: Callable[[np.ndarray], Known],
) -> np.ndarray:
    """Paths of the prior on a grid, (draws, grid), moved to what the weights of the runs say."""
    if not basis.distinct[k].size:
        return before
    own = _interpolated(before, read(basis.distinct[k])) @ basis.projection(k).T
    moved: np.ndarray = before + (weights - own) @ basis.of_process(k, grid).T
    return moved


def _integrated(rng: np.random.Generator, draws: int) -> np.ndarray:
    """Integrated Brownian motions from 0 on both sides, on the grid, (draws, grid)."""
    sides = []
    for reach in (BEFORE, AFTER):
        count = round(reach / STEP)
        first, second = rng.standard_normal((2, draws, count))
        gain = np.sqrt(STEP) * first
        slope = np.cumsum(gain, axis=1)
        # Given what the slope gains in a step, the path's own part is half of it times the step, and a variance.
        there = np.cumsum((slope - gain) * STEP + 0.5 * STEP * gain + np.sqrt(STEP**3 / 12) * second, axis=1)
        sides.append(there)
    return np.concatenate([sides[0][:, ::-1], np.zeros((draws, 1)), sides[1]], axis=1)


def _weights(at: np.ndarray, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Catmull-Rom weights of four neighbours on a grid, kept at its ends, and the index of the first of them."""
    at = np.nan_to_num(np.clip(at, 1.0, count - 2.0), nan=1.0)
    first = np.minimum(at.astype(int), count - 3)
    u = at - first
    uu = u * u
    uuu = uu * u
    return [
        uu - 0.5 * (u + uuu),
        1 - 2.5 * uu + 1.5 * uuu,
        0.5 * u + 2 * uu - 1.5 * uuu,
        0.5 * (uuu - uu),
    ], first - 1


def _on_line(at: np.ndarray) -> Known:
    """Interpolates on the grid of compute or of D/N, in decades from the middle."""
    weights, first = _weights((at + BEFORE) / STEP, round((BEFORE + AFTER) / STEP) + 1)
    return [(weight, first + i) for i, weight in enumerate(weights)]


def _on_plane(n: np.ndarray, d: np.ndarray, low: np.ndarray, step: float, count: tuple[int, ...]) -> Known:
    """Interpolates on the grid of log10 N and D, row after row."""
    rows, first = _weights((n - low[0]) / step, count[0])
    columns, other = _weights((d - low[1]) / step, count[1])
    return [
        (of_n * of_d, (first + i) * count[1] + other + j)
        for i, of_n in enumerate(rows)
        for j, of_d in enumerate(columns)
    ]


def _interpolated(table: np.ndarray, known: Known) -> np.ndarray:
    """All rows of a table at some points, (rows, points)."""
    points = np.arange(len(known[0][0]))
    matrix = np.zeros((table.shape[1], len(points)))
    for weight, column in known:
        matrix[column, points] += weight
    found: np.ndarray = table @ matrix
    return found
