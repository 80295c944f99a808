"""From curves of small runs to the course of another one: how its loss will lie above its own end."""

from __future__ import annotations

from collections.abc import Mapping

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
from bayes_scaling.forecast.curve_process import Curves, fit_scales, of_new_run, scatter_of_ends
from bayes_scaling.inference.checksum import checksum_of_json
from bayes_scaling.inference.collection import Collection

FEWEST = 3
"""Runs that a history must have."""

FEW = 8
"""Runs from which on their scatter is known."""

MOST = 150
"""Runs of a history that are used: those nearest to the run."""

KNOTS = 12
"""Points at which curves are read, at most."""

EARLIEST = 0.01
"""Progress before which curves say nothing of their ends."""

COMMON = 0.95
"""Share of the runs that have a loss wherever curves are read; the others are left out."""


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
    data = Curves(t, y, _x(runs, columns) - centre, labels)
    scales = fit_scales(data)
    shown = np.unique(np.concatenate([knots, SHOWN_AT, np.geomspace(knots[0], 1.0, KNOTS), [0.875, 1.0]]))
    shown = shown[shown >= knots[0]]
    variance, hidden = scatter_of_ends(data, scales, np.log([run.end for run in runs]))
    mean, covariance = of_new_run(data, scales, here - centre, group if known else None, -np.log(shown))
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
            knots = np.unique(np.clip(at, first, last))
            return knots, [run for run in there if np.isfinite(run.log_loss(knots)).all()]
    raise InputError(
        f"{history.name} has {len(runs)} finished run{'s' * (len(runs) != 1)} with a curve; how a curve lies above its "
        f"end is learnt from {FEWEST} or more whose curves overlap"
        + (f" (left out: {'; '.join(history.left_out[:5])})" if history.left_out else "")
    )
