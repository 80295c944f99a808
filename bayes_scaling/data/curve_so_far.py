"""The training curve of one run that goes on, or that has just ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.counts import tokens_at
from bayes_scaling.data.collect.endings import KEEPABLE, finite
from bayes_scaling.data.collect.history import History, Row, curves
from bayes_scaling.data.collect.read import read_sources
from bayes_scaling.data.collect.settle import Request, settle
from bayes_scaling.data.loss_unit import Unit
from bayes_scaling.data.read_file import read_file
from bayes_scaling.data.trajectories import PROGRESS, CurveLike, Trajectory, column_of, is_table, schedule_of
from bayes_scaling.data.units import Quantity, format_quantity
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

APART = 0.05
"""A plan that differs by so much from what the card says is said."""

PAST = 1.01
"""Progress beyond which a run is longer than was registered."""

_TABLE = "table"
"""The reader of histories that are tables."""


@dataclass(frozen=True, eq=False)
class CurveSoFar:
    """What one run has shown.

    Attributes
    ----------
    trajectory : Trajectory
        Its finite losses.
    metric : str
        Empty where a table does not say.
    diverged : float, optional
        The progress from which on losses are NaN or infinite to the last one.
    warnings : tuple of str
    """

    trajectory: Trajectory
    metric: str
    diverged: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def now(self) -> float:
        """The progress at the last finite loss."""
        return float(self.trajectory.progress[-1])


def read_curve(
    source: CurveLike,
    tokens: float | None,
    *,
    metric: str | None = None,
    tokens_per_step: Quantity | None = None,
    unit: Unit | None = None,
) -> CurveSoFar:
    """Reads the curve of a run.

    Parameters
    ----------
    source : DataFrame or path
        A table with a loss and progress, tokens or steps, in the order in which they were written; or a log that
        `collect` reads, of one run.
    tokens : float, optional
        Of the whole run.
    metric : str, optional
        Default: the evaluation loss, or else the training loss.
    tokens_per_step : quantity, optional
        Where neither log nor config say it.
    unit : Unit, optional
        What the losses are given in; nats per token by default.

    Raises
    ------
    InputError
        If it cannot be read, has more than one run, no finite loss, an unknown progress, or goes on beyond the end.
    """
    history = _history(source)
    if history.unreadable:
        raise InputError(f"{history.name} {history.unreadable}")
    [read] = settle([history], Request(metric=metric, keep=KEEPABLE))
    if not read.metric:
        raise InputError(f"{history.name} {read.problem.words if read.problem else 'has no loss'}")
    curve = history.curves[read.metric]
    good = finite(curve)
    if not len(good.steps):
        raise InputError(f"{history.name} has no finite loss; there is no curve to follow")
    progress, said = _progress(history, curve.steps, tokens, tokens_per_step)
    later = ~np.isfinite(curve.values) & (curve.steps > good.end)
    diverged = float(progress[later][0]) if later.any() else None
    kept = np.isfinite(curve.values) & (progress > 0)
    if not kept.any():
        raise InputError(
            f"{history.name} has logged nothing after its start; there is no curve to follow yet"
        )
    if (last := float(progress[kept][-1])) > PAST:
        raise InputError(
            f"{history.name} is at {last:.0%} of the {'tokens' if tokens else 'steps'} that were registered: it goes "
            "on beyond the end, of which the card says nothing; score it by its loss there, or register a longer run"
        )
    loss = curve.values[kept] if unit is None else unit.nats(curve.values[kept])
    if (low := np.flatnonzero(~(loss > 0))).size:
        raise InputError(f"{history.name} has a loss of {loss[low[0]]:g}, and losses are more than 0")
    noisy = keys.kind_of(read.metric) == keys.TRAINING
    schedule = schedule_of(
        history, _progress(history, np.array([history.end]), tokens, tokens_per_step)[0][0]
    )
    trajectory = Trajectory(history.name, progress[kept], loss, noisy=noisy, schedule=schedule)
    return CurveSoFar(trajectory, "" if history.reader == _TABLE else read.metric, diverged, tuple(said))


def _history(source: CurveLike) -> History:
    """The one run of a source."""
    if not isinstance(source, str | os.PathLike):
        return _of_table(source, "the curve")
    path = os.fspath(source)
    if is_table(path, "loss"):
        return _of_table(read_file(path).table, os.path.basename(path))
    found = read_sources([path])
    if len(found) > 1:
        names = keys.listed(history.name for history in found)
        raise InputError(
            f"'{path}' has {len(found)} runs ({names}), and a card is of one; name the log of that one"
        )
    return found[0]


def _of_table(frame: pd.DataFrame, name: str) -> History:
    """A table as the history of one run; its loss is one of evaluations."""
    loss, label = column_of(frame, "loss"), column_of(frame, "trajectory")
    if label is not None and (count := frame[label].nunique()) > 1:
        raise InputError(
            f"{name} has {count} runs in its column {label!r}, and a card is of one; give its rows"
        )
    own = next((column for column in PROGRESS if column in frame), None)
    tokens = column_of(frame, "tokens")
    step = keys.find(dict.fromkeys(map(str, frame.columns), 1), keys.STEP)
    along = step or tokens or own
    if loss is None or along is None:
        raise InputError(
            f"{name} has the columns {keys.listed(map(str, frame.columns))}; expected a loss, and progress (from 0 to "
            "1), tokens or step beside it"
        )
    rows: list[Row] = []
    for number, cells in enumerate(frame.to_dict("records"), 1):
        values = {c: _number(cells[c], str(c), name, number) for c in {loss, along, tokens, own} - {None}}
        metrics = {"eval/loss": values[loss]}
        metrics |= {"progress": values[own]} if own else {}
        metrics |= {"tokens_seen": values[tokens]} if tokens else {}
        rows.append((values[along], metrics))
    return History(name, name, _TABLE, curves(rows))


def _number(cell: object, column: str, name: str, row: int) -> float:
    try:
        value = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = np.nan
        if cell is not None:
            raise InputError(f"{name}, row {row}: {column!r} is {cell!r}; expected a number") from None
    return value


def _progress(
    history: History, steps: np.ndarray, tokens: float | None, per_step: Quantity | None
) -> tuple[np.ndarray, list[str]]:
    """Shares of the run at some steps, shape (n,), and what must be said of them."""
    if "progress" in history.curves:
        curve = history.curves["progress"]
        return np.interp(steps, curve.steps, curve.values), []
    planned = keys.number(history.config, keys.PLANNED_STEPS)
    if tokens is not None:
        try:
            seen = np.array(
                [tokens_at(history, float(step), None, per_step).value for step in _ends(history, steps)]
            )
        except InputError as error:
            if planned is None:
                why = str(error).partition("; give tokens_per_step")[0]
                raise InputError(
                    f"{history.name} {why}; give tokens_per_step=... (command line: --tokens-per-step), or a table "
                    "with tokens or progress"
                ) from None
        else:
            along = seen if len(seen) == len(steps) else steps * seen[-1] / steps[-1]
            return along / tokens, [*_other_plan(history, planned, steps, along, tokens)]
    if planned is None:
        raise InputError(
            f"{history.name} does not say how far it is: the card has no number of tokens, and the config no number of "
            "steps; give a table with a column 'progress', from 0 to 1"
        )
    return steps / planned, []


def _ends(history: History, steps: np.ndarray) -> np.ndarray:
    """Steps at which tokens are asked for: each where they were logged, else the last one."""
    return steps if keys.find(history.curves, keys.TOKENS) else steps[-1:]


def _other_plan(
    history: History, planned: float | None, steps: np.ndarray, along: np.ndarray, tokens: float
) -> Iterator[str]:
    if planned is not None and steps[-1] > 0:
        asked = along[-1] / steps[-1] * planned
        if abs(asked / tokens - 1) > APART:
            yield (
                f"the run plans {format_quantity(planned)} steps, {format_quantity(asked)} tokens, and "
                f"{format_quantity(tokens)} were registered: it ends elsewhere"
            )
