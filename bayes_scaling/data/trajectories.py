"""Training curves by progress: those of small runs, as a history, and that of one run so far."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.data.aliases import ALIASES
from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.endings import finite, learning_rate
from bayes_scaling.data.collect.history import History
from bayes_scaling.data.collect.read import read_sources
from bayes_scaling.data.collect.settle import FEWEST, Request, Settled, settle
from bayes_scaling.data.load import load_runs
from bayes_scaling.data.questions import NAMES
from bayes_scaling.data.read_file import TABLES, read_file
from bayes_scaling.data.runs import Runs
from bayes_scaling.data.units import training_flops
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

type Location = str | os.PathLike[str]
"""A file, a folder, or the address of a store."""

type CurveLike = pd.DataFrame | Location
"""A table or a log of one run."""

type HistoryLike = Runs | pd.DataFrame | Location | Sequence[Location]
"""A table of checkpoints, or logs of several runs."""

STRETCH = 0.05
"""Training losses are averaged over this last share of the steps up to each point, as at a run's end."""

AT_END = 0.98
"""Progress from which on a checkpoint is the end."""

NEAR = 1.02
"""Progress that differs by less than this factor is the same."""

PROGRESS = ("progress", "share")
"""What a column of progress is called."""


def tokens_seen(history: History, steps: np.ndarray) -> np.ndarray:
    """Tokens at some steps as they were logged, or else the steps, of which each has as many."""
    seen = keys.find(history.curves, keys.TOKENS)
    if seen is None:
        return steps.astype(float)
    curve = history.curves[seen]
    return np.asarray(
        np.interp(steps, np.concatenate([[0.0], curve.steps]), np.concatenate([[0.0], curve.values]))
    )


class Schedule(NamedTuple):
    """The learning rate as a share of its peak, at rising progress; both of shape (n,)."""

    progress: np.ndarray
    share: np.ndarray

    def at(self, progress: np.ndarray) -> np.ndarray:
        """The share at some progress, shape (points,); NaN after the last one that was logged."""
        return np.asarray(np.interp(progress, self.progress, self.share, right=np.nan))


def schedule_of(history: History, seen: float) -> Schedule | None:
    """The schedule of a run that has seen so much of its training at its last step; None where no rate is logged."""
    rate = learning_rate(history)
    if rate is None or not history.end:
        return None
    along = tokens_seen(history, rate.steps) / tokens_seen(history, np.array([history.end])) * seen
    return Schedule(along, rate.values / rate.values.max())


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The loss of one run along its training.

    Attributes
    ----------
    name : str
    progress : ndarray, shape (n,)
        Rising shares of the run's tokens.
    loss : ndarray, shape (n,)
        Finite, in nats per token.
    end : float
        The loss at the end; NaN for a run that still goes on.
    noisy : bool
        Whether these are training losses of single batches.
    inputs : mapping of str to float
        Of the whole run, where known: params, tokens, flops.
    group : str, optional
    schedule : Schedule, optional
        Where the learning rate is logged.
    """

    name: str
    progress: np.ndarray
    loss: np.ndarray
    end: float = np.nan
    noisy: bool = False
    inputs: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None
    schedule: Schedule | None = None

    def log_loss(self, at: np.ndarray) -> np.ndarray:
        """The log loss at some progress, shape (points,); NaN before the first value and after the last.

        Linear in log progress between evaluations; of training losses the mean of the last ones.
        """
        inside = (at * NEAR >= self.progress[0]) & (at <= self.progress[-1] * NEAR)
        found = np.interp(np.log(at), np.log(self.progress), np.log(self.loss))
        if self.noisy:
            last = np.searchsorted(self.progress, at * 1.0001)
            first = np.searchsorted(self.progress, at * (1 - STRETCH))
            total = np.concatenate([[0.0], np.cumsum(self.loss)])
            many = last - first >= FEWEST
            mean = (total[last] - total[first])[many] / (last - first)[many]
            found[many] = np.log(mean)
        return np.where(inside, found, np.nan)


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Finished runs with their curves.

    Attributes
    ----------
    runs : tuple of Trajectory
    name : str
        Where they came from, for people.
    metric : str
        What their losses are called; empty where a table does not say.
    left_out : tuple of str
        Runs that are not among them, and why.
    """

    runs: tuple[Trajectory, ...]
    name: str
    metric: str = ""
    left_out: tuple[str, ...] = ()

    def without(self, one: Trajectory) -> Trajectories:
        """The others, where a run is there under whatever name: it has the same losses."""
        same = [len(np.intersect1d(run.loss, one.loss)) > len(one.loss) / 2 for run in self.runs]
        others = tuple(run for run, is_it in zip(self.runs, same, strict=True) if not is_it)
        return self if len(others) == len(self.runs) else dataclasses.replace(self, runs=others)


def trajectories_of_table(source: Runs | pd.DataFrame | Location) -> Trajectories:
    """Runs of a table with a row for each checkpoint, a column ``trajectory`` (or ``run``), and tokens or progress.

    Raises
    ------
    InputError
        As of `load_runs`, and if there is no such column.
    """
    table, name = _table(source)
    if "trajectory" not in table:
        raise InputError(
            f"{name} has no column 'trajectory' that says which run a checkpoint belongs to; its columns are "
            f"{', '.join(map(str, table.columns))}"
        )
    own = next((column for column in PROGRESS if column in table), None)
    names = [column for column in ("group", "trajectory") if column in table]
    found, out = [], []
    for label, rows in table[table["trajectory"].notna()].groupby(names):
        along = rows[own] if own else rows["tokens"] / rows["tokens"].max()
        if not along.between(0, 1.01).all():
            raise InputError(
                f"{name} has {own!r} {along.max():g} for run {label[-1]!r}; expected shares of the run, from 0 to 1"
            )
        progress, first = np.unique(along.to_numpy(float), return_index=True)
        loss = rows["loss"].to_numpy(float)[first]
        run = str(label[-1])
        if progress[-1] < AT_END:
            out.append(f"{run} has no checkpoint at its end, but at {progress[-1]:.0%}")
            continue
        inputs = {c: float(rows[c].max()) for c in ("params", "tokens", "flops") if c in rows}
        before = (progress > 0) & (progress < AT_END)
        group = str(label[0]) if len(names) > 1 else None
        if before.any():
            found.append(
                Trajectory(
                    run,
                    progress[before],
                    loss[before],
                    float(loss[-1]),
                    inputs=_with_flops(inputs),
                    group=group,
                )
            )
    return Trajectories(tuple(found), name, left_out=tuple(out))


def _table(source: Runs | pd.DataFrame | Location) -> tuple[pd.DataFrame, str]:
    if isinstance(source, Runs):
        return source.table, source.name
    frame = read_file(source).table if isinstance(source, str | os.PathLike) else source
    name = os.path.basename(source) if isinstance(source, str | os.PathLike) else "the history"
    label = column_of(frame, "trajectory")
    if label is None:
        raise InputError(
            f"{name} has no column 'trajectory' that says which run a checkpoint belongs to; its columns are "
            f"{', '.join(map(repr, map(str, frame.columns)))}"
        )
    counted = any(column in frame for column in ("tokens", *ALIASES["tokens"].split(), "D"))
    own = [column for column in PROGRESS if column in frame]
    inputs = () if counted else own[:1]
    runs = load_runs(frame, trajectory=label, inputs=inputs, name=name, silence=NAMES, trust_units=True)
    return runs.table, runs.name


def column_of(frame: pd.DataFrame, role: str) -> str | None:
    """The column that has a role, by its name or another usual one."""
    known = {str(column).lower(): str(column) for column in frame.columns}
    return next((known[name] for name in (role, *ALIASES[role].split()) if name in known), None)


def _with_flops(inputs: dict[str, float]) -> dict[str, float]:
    if {"params", "tokens"} <= set(inputs):
        inputs.setdefault("flops", float(training_flops(inputs["params"], inputs["tokens"])))
    return inputs


def trajectories_of_logs(settled: Iterable[Settled], name: str) -> Trajectories:
    """Runs that `collect` takes, and those without counts where none has any."""
    everything = list(settled)
    taken = [one for one in everything if one.row is not None]
    if not taken:
        taken = [one for one in everything if one.problem and one.problem.kind == "no counts"]
    out = tuple(
        f"{one.history.name} {one.problem.words}" for one in everything if one.problem and one not in taken
    )
    runs = [found for one in taken if (found := _of_log(one))]
    return Trajectories(tuple(runs), name, taken[0].metric if taken else "", out)


def _of_log(one: Settled) -> Trajectory | None:
    curve, row = finite(one.history.curves[one.metric]), one.row or {}
    progress = tokens_seen(one.history, curve.steps) / tokens_seen(one.history, np.array([one.step]))
    before = (progress > 0) & (progress < AT_END)
    if not before.any():
        return None
    inputs: dict[str, float] = {c: float(str(row[c])) for c in ("params", "tokens", "flops") if c in row}
    group = str(row["group"]) if "group" in row else None
    noisy = keys.kind_of(one.metric) == keys.TRAINING
    return Trajectory(
        one.history.name,
        progress[before],
        curve.values[before],
        one.value,
        noisy,
        inputs,
        group,
        schedule_of(one.history, 1.0),
    )


def read_history(source: HistoryLike, metric: str | None = None) -> Trajectories:
    """A history from a table of checkpoints, or from whatever `collect` reads.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if not isinstance(source, str | os.PathLike) and isinstance(source, Sequence):
        if len(source) != 1:
            return trajectories_of_logs(
                settle(read_sources([os.fspath(path) for path in source]), Request(metric)), "the history"
            )
        source = source[0]
    if (
        not isinstance(source, str | os.PathLike)
        or is_table(source, "trajectory")
        or is_table(source, "loss")
    ):
        return trajectories_of_table(source)
    path = os.fspath(source)
    return trajectories_of_logs(settle(read_sources([path]), Request(metric)), path)


def is_table(source: Location, role: str) -> bool:
    """Whether a file is a table with a column of this role."""
    path = Path(source)
    return path.suffix in TABLES and path.is_file() and column_of(read_file(path).table, role) is not None
