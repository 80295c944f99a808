"""Curves of runs as a Gaussian process over progress, size, length and group.

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

from dataclasses import dataclass

import numpy as np

PRIOR_RUNS = 5
"""Runs that the guess counts for of when a curve shows how its end scatters."""

SCALES = {
    # name: median and sd of the logarithm
    "j": (0.003, 1.0), "a": (0.004, 1.0), "b": (0.005, 1.0), "n": (0.003, 1.0),
    "c": (0.3, 0.7),
    "s0": (0.1, 1.0), "s1": (0.05, 0.8), "s2": (0.03, 0.8), "scale": (1.0, 0.4), "w": (0.5, 0.7),
}  # fmt: skip
_TIME = 5
"""How many of them, the first, are of progress."""

type Scales = np.ndarray  # logarithms, in the order of SCALES


@dataclass(frozen=True, eq=False)
class Curves:
    """What was read of a history: t, shape (points,); y, (runs, points); x, (runs, inputs); group, (runs,)."""

    t: np.ndarray
    y: np.ndarray
    x: np.ndarray
    group: np.ndarray


def of_time(s: Scales, t: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """M, and S without what each evaluation has for itself, between t and u, shape (t, u)."""
    j, a, b, _, c = np.exp(2 * s[:_TIME])
    low, high = np.minimum.outer(t, u), np.maximum.outer(t, u)
    both = np.outer(t, u)
    return both + c * low**2 * (3 * high - low) / 6, j + a * both + b * low


def between_runs(
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
    shared, own = of_time(s, t, t)
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


def fit_scales(data: Curves) -> Scales:
    """The scales of highest posterior density."""
    from scipy.optimize import minimize  # slow to load

    middle = np.log([median for median, _ in SCALES.values()])
    spread = np.array([sd for _, sd in SCALES.values()])
    same = (data.group[:, None] == data.group[None]).astype(float)

    def surprise(s: Scales) -> tuple[float, np.ndarray]:
        kernel, slopes = between_runs(s, data.x, data.x, same)
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


def scatter_of_ends(data: Curves, s: Scales, ends: np.ndarray) -> tuple[float, np.ndarray]:
    """How ends of like runs scatter, as a variance of log losses; and the share of it that each point does not show.

    The ends are a process over runs as the curves are. What it leaves of each end is compared with what is left of its
    curve: where a run ends low by chance, a curve that did not show it yet lies higher above its end.
    """
    alone = Curves(np.ones(1), (ends - ends.mean())[:, None], data.x, data.group)
    of_ends = fit_scales(alone)
    off, variance = _left_over(alone, of_ends)
    on_the_way, _ = _left_over(data, s)
    guess = np.minimum(data.t / 2, 1.0)
    squares = float((off[:, 0] ** 2).sum())
    weight = PRIOR_RUNS * float(variance[0, 0])
    hidden = (weight * guess - off[:, 0] @ on_the_way) / (weight + squares)
    rising = np.maximum.accumulate(np.clip(hidden[::-1], 0.0, 1.0))[::-1]  # the earlier, the more
    scatter = float(variance[0, 0])
    own = of_time(s, data.t, data.t)[1] + np.diag(np.exp(2 * s[3]) * data.t**2 + 1e-9)
    most = 0.9 / max(scatter * float(rising @ np.linalg.solve(own, rising)), 1e-12)
    return scatter, rising * min(1.0, most**0.5)


def _left_over(data: Curves, s: Scales) -> tuple[np.ndarray, np.ndarray]:
    """What is left of each run's y as its own, shape (runs, points), and its covariance, (points, points)."""
    same = (data.group[:, None] == data.group[None]).astype(float)
    apart = _apart(s, data.t)
    values, vectors = np.linalg.eigh(between_runs(s, data.x, data.x, same)[0])
    _, z, variance = _density(apart, np.maximum(values, 0.0), vectors.T @ data.y)
    own = of_time(s, data.t, data.t)[1] + np.diag(np.exp(2 * s[3]) * data.t**2 + 1e-9)
    return (vectors @ (z / variance)) @ apart.turn.T @ own, own


def of_new_run(
    data: Curves, s: Scales, here: np.ndarray, group: str | None, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean, shape (t,), and covariance, (t, t), of a new run's y, without what each evaluation has for itself."""
    same = (data.group[:, None] == data.group[None]).astype(float)
    apart = _apart(s, data.t)
    values, vectors = np.linalg.eigh(between_runs(s, data.x, data.x, same)[0])
    _, z, variance = _density(apart, np.maximum(values, 0.0), vectors.T @ data.y)
    alike = (data.group[None] == group).astype(float) if group is not None else np.zeros((1, len(data.y)))
    near = between_runs(s, here[None], data.x, alike)[0][0] @ vectors
    itself = float(
        between_runs(
            s, here[None], here[None], np.full((1, 1), float(group is not None or len(set(data.group)) > 1))
        )[0][0, 0]
    )
    parts = of_time(s, t, data.t)[0] @ apart.turn
    explained = ((near**2)[:, None] / variance).sum(0)
    shared, own = of_time(s, t, t)
    return parts @ (near @ (z / variance)), itself * shared - (parts * explained) @ parts.T + own
