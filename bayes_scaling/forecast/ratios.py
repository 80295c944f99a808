"""From curves of small runs to the course of another one: how its loss will lie above its own end.

Of each run of the history the log of the loss at some progress over the loss at its end is read at a few points common
to all, y_i(t) with t = -log(progress). These are a Gaussian process over progress and over runs:

    cov(y_i(t), y_j(s)) = K(x_i, x_j) M(t, s) + [i = j] S(t, s)
    K = (s0^2 + s1^2 x_i . x_j + s2^2 Matern(|x_i - x_j| / scale)) (1 + w^2 [same group])
    M = t s + c^2 (integrated Brownian motion)
    S = j^2 + a^2 t s + b^2 min(t, s) + [t = s] n^2 t^2

M is what runs of one size, length and group share, x their logarithms in powers of ten, so that uncertainty grows
beyond the history; S is a run's own: its last loss is off by j, it walks and slopes, and early evaluations scatter
more. All but the scales is exact: with the eigenvectors of M relative to S, y falls into independent regressions over
runs. The scales are those of the highest posterior density, under log-normal priors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayes_scaling.data.trajectories import (
    NEAR,
    HistoryLike,
    Trajectories,
    Trajectory,
    read_history,
    trajectories_of_logs,
)
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.course import SHOWN_AT, Course
from bayes_scaling.inference.checksum import checksum_of_json
from bayes_scaling.inference.collection import Collection

FEWEST = 3
"""Runs that a history must have."""

FEW = 8
"""Runs from which on their scatter is known."""

MOST = 150
"""Runs of a history that are used: those nearest to the run."""

PRIOR_RUNS = 5
"""Runs that the guess counts for of when a curve shows how its end scatters."""

KNOTS = 12
"""Points at which curves are read, at most."""

EARLIEST = 0.01
"""Progress before which curves say nothing of their ends."""

COMMON = 0.95
"""Share of the runs that have a loss wherever curves are read; the others are left out."""

_SCALES = {
    # name: median and sd of the logarithm
    "j": (0.003, 1.0), "a": (0.004, 1.0), "b": (0.005, 1.0), "n": (0.003, 1.0),
    "c": (0.3, 0.7),
    "s0": (0.1, 1.0), "s1": (0.05, 0.8), "s2": (0.03, 0.8), "scale": (1.0, 0.4), "w": (0.5, 0.7),
}  # fmt: skip
_TIME = 5
"""How many of them, the first, are of progress."""

type Scales = np.ndarray  # logarithms, in the order of _SCALES


@dataclass(frozen=True, eq=False)
class _Data:
    """What was read of a history: t, shape (points,); y, (runs, points); x, (runs, inputs); group, (runs,)."""

    t: np.ndarray
    y: np.ndarray
    x: np.ndarray
    group: np.ndarray


def history_of(source: HistoryLike | Collection | Trajectories, metric: str | None = None) -> Trajectories:
    """Curves of finished runs, from a table of checkpoints, logs, or what `collect` gave; errors of `read_history`."""
    if isinstance(source, Collection):
        return trajectories_of_logs(source.settled, "the collected runs")
    return source if isinstance(source, Trajectories) else read_history(source, metric)


def course_of(history: Trajectories, inputs: Mapping[str, float], group: str | None = None) -> Course:
    """The course of a run of these inputs (params, tokens, flops, where known) and group.

    Raises
    ------
    InputError
        If the history has fewer runs than `FEWEST` with curves that overlap.
    """
    columns = _columns(history, inputs)
    here = np.array([np.log10(inputs[column]) for column in columns])
    runs = _nearest(history, columns, here, group)
    knots, runs = _knots(history, runs)
    t = -np.log(knots)
    centre = _x(runs, columns).mean(0) if columns else np.zeros(0)
    y = np.array([run.log_loss(knots) - np.log(run.end) for run in runs])
    known = group is not None and any(run.group == group for run in runs)
    labels = np.array([run.group or "" for run in runs])
    data = _Data(t, y, _x(runs, columns) - centre, labels)
    scales = _fit(data)
    shown = np.unique(np.concatenate([knots, SHOWN_AT, np.geomspace(knots[0], 1.0, KNOTS), [0.875, 1.0]]))
    shown = shown[shown >= knots[0]]
    variance, hidden = _of_end(data, scales, np.log([run.end for run in runs]))
    mean, covariance = _at(data, scales, here - centre, group if known else None, -np.log(shown))
    flops = [run.inputs["flops"] for run in runs if "flops" in run.inputs]
    beyond = max(0.0, np.log10(inputs["flops"] / max(flops))) if flops and "flops" in inputs else 0.0
    return Course(
        progress=tuple(float(f"{p:.6g}") for p in shown),
        mean=tuple(float(f"{m:.6g}") for m in mean),
        covariance=tuple(tuple(float(f"{c:.8g}") for c in row) for row in covariance),
        white=float(f"{np.exp(scales[3]):.6g}"),
        knots=tuple(float(f"{p:.6g}") for p in knots),
        runs=len(runs),
        history=history.name,
        metric=history.metric,
        data=checksum_of_json(
            {"runs": [[run.name, *map(float, row), run.end] for run, row in zip(runs, y, strict=True)]}
        ),
        beyond=float(beyond),
        warnings=tuple(_warnings(runs, columns, group, known)),
        schedule=_schedule(runs, shown),
        end_variance=float(f"{variance:.6g}"),
        of_end=tuple(
            float(f"{share:.4g}") for share in np.interp(np.log(shown), np.log([*knots, 1.0]), [*hidden, 0.0])
        ),
    )


def _warnings(runs: list[Trajectory], columns: list[str], group: str | None, known: bool) -> list[str]:
    said = []
    if len(runs) < FEW:
        said.append(
            f"the history has {len(runs)} runs: how far curves scatter is hardly known from fewer than {FEW}"
        )
    if not columns:
        said.append(
            "the history does not have the size and length of its runs: all curves are taken to be alike"
        )
    if group is not None and not known and any(run.group for run in runs):
        said.append(
            f"the history has no run of group {group!r}: its curve is taken to be like those of others"
        )
    return said


def _schedule(runs: list[Trajectory], at: np.ndarray) -> tuple[float, ...]:
    """The usual learning rate as a share of its peak, or nothing where fewer than half of the runs logged theirs."""
    found = [run.schedule.at(at) for run in runs if run.schedule is not None]
    if 2 * len(found) < len(runs):
        return ()
    return tuple(float(f"{share:.4g}") for share in np.median(found, axis=0))


def _columns(history: Trajectories, inputs: Mapping[str, float]) -> list[str]:
    """What tells runs apart, of all that is known of each: N and D, or compute."""
    known = {
        c
        for c in ("params", "tokens", "flops")
        if c in inputs and all(c in run.inputs for run in history.runs)
    }
    return sorted(known - {"flops"} or known)


def _x(runs: list[Trajectory], columns: list[str]) -> np.ndarray:
    return np.array([[np.log10(run.inputs[c]) for c in columns] for run in runs]).reshape(
        len(runs), len(columns)
    )


def _nearest(
    history: Trajectories, columns: list[str], here: np.ndarray, group: str | None
) -> list[Trajectory]:
    runs = list(history.runs)
    far = ((_x(runs, columns) - here) ** 2).sum(1) + np.array([0.5 * (run.group != group) for run in runs])
    return [runs[i] for i in np.sort(np.argsort(far, kind="stable")[:MOST])]


def _knots(history: Trajectories, runs: list[Trajectory]) -> tuple[np.ndarray, list[Trajectory]]:
    """Rising progress at which nearly all runs have a loss; and those runs."""
    if len(runs) >= FEWEST:
        first = max(float(np.quantile([r.progress[0] for r in runs], COMMON, method="higher")), EARLIEST)
        last = float(np.quantile([r.progress[-1] for r in runs], 1 - COMMON, method="lower"))
        there = [r for r in runs if r.progress[0] <= first * NEAR and last <= r.progress[-1] * NEAR]
        inside = [r.progress[(r.progress * NEAR >= first) & (r.progress <= last * NEAR)] for r in there]
        inside = [points for points in inside if len(points)]
        if len(there) >= FEWEST and inside:
            count = min(KNOTS, int(np.median([len(points) for points in inside])))
            at = np.quantile(np.concatenate(inside), np.linspace(0, 1, count), method="nearest")
            return np.unique(np.clip(at, first, last)), there
    raise InputError(
        f"{history.name} has {len(runs)} finished run{'s' * (len(runs) != 1)} with a curve; how a curve lies above its "
        f"end is learnt from {FEWEST} or more whose curves overlap"
        + (f" (left out: {'; '.join(history.left_out[:5])})" if history.left_out else "")
    )


# Kernels


def _of_time(s: Scales, t: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """M, and S without what each evaluation has for itself, between t and u, shape (t, u)."""
    j, a, b, _, c = np.exp(2 * s[:_TIME])
    low, high = np.minimum.outer(t, u), np.maximum.outer(t, u)
    both = np.outer(t, u)
    return both + c * low**2 * (3 * high - low) / 6, j + a * both + b * low


def _of_runs(
    s: Scales, x: np.ndarray, z: np.ndarray, same: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """K between runs at x and z, ``same`` where they are of one group; and its slopes in its scales' logarithms."""
    s0, s1, s2, _, w = np.exp(2 * s[_TIME:])
    r = np.sqrt(3) * np.sqrt(((x[:, None] - z[None]) ** 2).sum(-1)) * np.exp(-s[_TIME + 3])
    decay = np.exp(-r)
    linear, near = s1 * (x @ z.T), s2 * (1 + r) * decay
    times, base = 1 + w * same, s0 + linear + near
    slopes = [
        2 * s0 * times,
        2 * linear * times,
        2 * near * times,
        s2 * r**2 * decay * times,
        2 * w * same * base,
    ]
    return base * times, slopes


@dataclass(frozen=True, eq=False)
class _Apart:
    """Independent regressions: y times ``turn`` has noise of variance 1 and the shares ``of_runs`` of K."""

    of_runs: np.ndarray
    turn: np.ndarray
    log_det: float


def _apart(s: Scales, t: np.ndarray) -> _Apart:
    shared, own = _of_time(s, t, t)
    factor = np.linalg.cholesky(own + np.diag(np.exp(2 * s[3]) * t**2 + 1e-9))
    inverse = np.linalg.inv(factor)
    of_runs, turn = np.linalg.eigh(inverse @ shared @ inverse.T)
    return _Apart(np.maximum(of_runs, 0.0), inverse.T @ turn, 2 * float(np.log(np.diag(factor)).sum()))


def _density(apart: _Apart, values: np.ndarray, turned: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Log density of y, given eigenvalues of K and y in its eigenvectors; z and its variances in those."""
    z = turned @ apart.turn
    spread = 1 + np.outer(values, apart.of_runs)
    found = -0.5 * float((z**2 / spread).sum() + np.log(spread).sum() + len(z) * apart.log_det)
    return found, z, spread


def _fit(data: _Data) -> Scales:
    """The scales of highest posterior density."""
    from scipy.optimize import minimize  # slow to load

    middle = np.log([median for median, _ in _SCALES.values()])
    spread = np.array([sd for _, sd in _SCALES.values()])
    same = (data.group[:, None] == data.group[None]).astype(float)

    def surprise(s: Scales) -> tuple[float, np.ndarray]:
        kernel, slopes = _of_runs(s, data.x, data.x, same)
        values, vectors = np.linalg.eigh(kernel)
        values = np.maximum(values, 0.0)
        turned = vectors.T @ data.y
        apart = _apart(s, data.t)
        found, z, variance = _density(apart, values, turned)
        off = (s - middle) / spread
        gradient = -off / spread
        for i in range(_TIME):  # few points: differences are cheap, and the runs' eigenvectors stay
            moved = s + 1e-5 * (np.arange(len(s)) == i)
            gradient[i] += (_density(_apart(moved, data.t), values, turned)[0] - found) / 1e-5
        scaled = z / variance
        inner = (scaled * apart.of_runs) @ scaled.T - np.diag((apart.of_runs / variance).sum(1))
        outer = vectors @ inner @ vectors.T
        gradient[_TIME:] += [0.5 * float((outer * slope).sum()) for slope in slopes]
        return 0.5 * float(off @ off) - found, -gradient

    bounds = [(m - 4 * sd, m + 4 * sd) for m, sd in zip(middle, spread, strict=True)]
    return np.asarray(
        minimize(surprise, middle, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-7}).x
    )


def _of_end(data: _Data, s: Scales, ends: np.ndarray) -> tuple[float, np.ndarray]:
    """How ends of like runs scatter, as a variance of log losses; and the share of it that each point does not show.

    The ends are a process over runs as the curves are. What it leaves of each end is compared with what is left of its
    curve: where a run ends low by chance, a curve that did not show it yet lies higher above its end.
    """
    alone = _Data(np.ones(1), (ends - ends.mean())[:, None], data.x, data.group)
    of_ends = _fit(alone)
    off, variance = _own(alone, of_ends)
    on_the_way, _ = _own(data, s)
    guess = np.minimum(data.t / 2, 1.0)
    squares = float((off[:, 0] ** 2).sum())
    weight = PRIOR_RUNS * float(variance[0, 0])
    hidden = (weight * guess - off[:, 0] @ on_the_way) / (weight + squares)
    rising = np.maximum.accumulate(np.clip(hidden[::-1], 0.0, 1.0))[::-1]  # the earlier, the more
    scatter = float(variance[0, 0])
    own = _of_time(s, data.t, data.t)[1] + np.diag(np.exp(2 * s[3]) * data.t**2 + 1e-9)
    most = 0.9 / max(scatter * float(rising @ np.linalg.solve(own, rising)), 1e-12)
    return scatter, rising * min(1.0, most**0.5)


def _own(data: _Data, s: Scales) -> tuple[np.ndarray, np.ndarray]:
    """What is left of each run's y as its own, shape (runs, points), and its covariance, (points, points)."""
    same = (data.group[:, None] == data.group[None]).astype(float)
    apart = _apart(s, data.t)
    values, vectors = np.linalg.eigh(_of_runs(s, data.x, data.x, same)[0])
    _, z, variance = _density(apart, np.maximum(values, 0.0), vectors.T @ data.y)
    own = _of_time(s, data.t, data.t)[1] + np.diag(np.exp(2 * s[3]) * data.t**2 + 1e-9)
    return (vectors @ (z / variance)) @ apart.turn.T @ own, own


def _at(
    data: _Data, s: Scales, here: np.ndarray, group: str | None, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean, shape (t,), and covariance, (t, t), of a new run's y, without what each evaluation has for itself."""
    same = (data.group[:, None] == data.group[None]).astype(float)
    apart = _apart(s, data.t)
    values, vectors = np.linalg.eigh(_of_runs(s, data.x, data.x, same)[0])
    _, z, variance = _density(apart, np.maximum(values, 0.0), vectors.T @ data.y)
    alike = (data.group[None] == group).astype(float) if group is not None else np.zeros((1, len(data.y)))
    near = _of_runs(s, here[None], data.x, alike)[0][0] @ vectors
    itself = float(
        _of_runs(
            s, here[None], here[None], np.full((1, 1), float(group is not None or len(set(data.group)) > 1))
        )[0][0, 0]
    )
    parts = _of_time(s, t, data.t)[0] @ apart.turn
    explained = ((near**2)[:, None] / variance).sum(0)
    shared, own = _of_time(s, t, t)
    return parts @ (near @ (z / variance)), itself * shared - (parts * explained) @ parts.T + own
