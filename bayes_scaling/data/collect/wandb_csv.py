"""Exports of Weights & Biases as .csv: the table of runs, a chart with a column a run, or the history of one run."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.history import Curve, History, curves
from bayes_scaling.errors import InputError

READER = "W&B export"

LOG_CALLS = "W&B log calls"
"""The key of a config that has the step of a chart, where the table of runs counts another one."""

_OWN = {
    "name",
    "state",
    "id",
    "notes",
    "user",
    "tags",
    "created",
    "runtime",
    "sweep",
    "_timestamp",
    "_runtime",
    "_step",
}
"""Columns of the table of runs that are neither config nor metrics."""


def read_wandb(path: Path) -> list[History]:
    """Runs of an export.

    Raises
    ------
    InputError
        If the file is none of these exports, or a cell of numbers is none.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    header = list(rows[0]) if rows else []
    if {"Name", "State"} <= set(header):
        return _table(path, rows)
    if charted := [
        column for column in header[1:] if " - " in column and not re.search("__(MIN|MAX)$", column)
    ]:
        return _chart(path, rows, header[0], charted)
    if step := keys.step_of(dict.fromkeys(header, "1")) or ("_step" if "_step" in header else None):
        return [_history(path, rows, step)]
    raise InputError(
        f"'{path}' is no export of Weights & Biases that is known: they are its table of runs (columns Name, State, "
        "...), a chart (Step, 'NAME - METRIC', ...) and a history (_step, ...), and it has the columns "
        f"{keys.listed(header) or 'of none'}. A table with one row per run needs no collecting: bs.load_runs reads it"
    )


def _table(path: Path, rows: Sequence[dict[str, str]]) -> list[History]:
    """One run a row: its config, and the last value of each metric."""
    names = [row["Name"] for row in rows]
    found = []
    for number, row in enumerate(rows):
        cells = {key: value for key, value in row.items() if value and key and key.lower() not in _OWN}
        log_calls = _number(path, row.get("_step") or "0", "_step")
        step_key = keys.step_of(cells)
        step = _number(path, cells[step_key], step_key) if step_key else log_calls
        metrics = {k for k in cells if keys.kind_of(k) is not None or keys.find({k: 1}, keys.TOKENS)}
        ends = {k: Curve(np.array([step]), np.array([_number(path, cells[k], k)])) for k in metrics}
        config: dict[str, object] = {k: v for k, v in cells.items() if k not in metrics}
        if log_calls and step != log_calls:
            config[LOG_CALLS] = log_calls
        # Runs may share a name; their ids tell them apart, and else their places.
        twice = names.count(row["Name"]) > 1
        name = f"{row['Name']} ({row.get('ID') or f'row {number + 1}'})" if twice else row["Name"]
        found.append(History(name, str(path), READER, ends, config, row["State"]))
    return found


def _chart(path: Path, rows: Sequence[dict[str, str]], x: str, charted: Sequence[str]) -> list[History]:
    """One run a column."""
    found: dict[str, dict[str, Curve]] = {}
    for column in charted:
        name, _, metric = column.rpartition(" - ")
        points = [
            (_number(path, r[x], x), {metric: _number(path, r[column], column)}) for r in rows if r[column]
        ]
        if points:
            found.setdefault(name, {}).update(curves(points))
    return [History(name, str(path), READER, made, {"x axis": x}) for name, made in found.items()]


def _history(path: Path, rows: Sequence[dict[str, str]], step: str) -> History:
    """The run of a whole file, in the order in which it logged."""
    points = []
    for row in rows:
        if row[step]:
            numbers = {
                k: _float(v) for k, v in row.items() if v and k and k != step and not k.startswith("_")
            }
            metrics = {k: v for k, v in numbers.items() if v is not None}
            points.append((_number(path, row[step], step), metrics))
    return History(path.stem, str(path), READER, curves(points))


def joined(histories: Sequence[History]) -> list[History]:
    """Runs of a table with their charts, by their names.

    Raises
    ------
    InputError
        If a chart counts calls of ``wandb.log``, and not steps of the optimiser.
    """
    found: dict[str, History] = {}
    for history in histories:
        found[history.name] = found[history.name].with_more(history) if history.name in found else history
    for history in found.values():
        if LOG_CALLS in history.config and history.config.get("x axis") == "Step":
            calls = history.config[LOG_CALLS]
            raise InputError(
                f"the chart of {history.name!r} counts calls of wandb.log ({calls:g} at the end), and not steps of the "
                "optimiser; set its x axis to train/global_step, and export it again"
            )
    return list(found.values())


def _float(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _number(path: Path, cell: str, column: str) -> float:
    if (value := _float(cell)) is None:
        raise InputError(f"'{path}', column {column!r} has {cell!r}; expected a number")
    return value
