"""Runs of a Weights & Biases project, by its own client (the extra ``wandb``)."""

from collections.abc import Iterable, Mapping
from typing import Any

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.history import History, Row, curves, flat
from bayes_scaling.errors import InputError

ADDRESS = "wandb:"

_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}
"""Words that the client gives for numbers that JSON has none for."""


def is_project(source: str) -> bool:
    """Whether a source is ``wandb:ENTITY/PROJECT``, or one run of it: ``wandb:ENTITY/PROJECT/RUN``."""
    return source.startswith(ADDRESS)


def read_project(source: str) -> list[History]:
    """All runs of a project, or the one that is named, with every metric that they logged.

    Raises
    ------
    InputError
        Without the client, or if it finds no such project or may not read it.
    """
    path = source.removeprefix(ADDRESS).strip("/")
    if path.count("/") not in (1, 2):
        raise InputError(
            f"'{source}' names no project; expected wandb:ENTITY/PROJECT, or wandb:ENTITY/PROJECT/RUN"
        )
    try:
        import wandb
    except ImportError:
        raise InputError(
            f"'{source}' is a project of Weights & Biases, which its client reads: pip install 'bayes-scaling[wandb]'"
        ) from None
    try:
        client = wandb.Api()
        runs = [client.run(path)] if path.count("/") == 2 else client.runs(path)
        return [_run(run, source) for run in runs]
    except (wandb.errors.Error, ValueError) as error:  # it has no such project; no key, no network
        raise InputError(f"Weights & Biases cannot read '{source}': {error}") from error


def _run(run: Any, source: str) -> History:
    """One run: its config and its history, in the order in which it logged."""
    name = f"{run.name} ({run.id})"
    return History(name, source, "W&B", curves(_rows(run.scan_history())), flat(run.config), run.state)


def _rows(logged: Iterable[Mapping[str, Any]]) -> Iterable[Row]:
    """Rows of a history at their steps of the optimiser, or at calls of ``wandb.log`` where no step was logged."""
    rows = list(logged)
    step = keys.step_of({name: 1 for row in rows for name in row}) or "_step"
    for row in rows:
        if isinstance(row.get(step), int | float):
            numbers = {
                name: value for name, value in row.items() if name != step and not name.startswith("_")
            }
            yield float(row[step]), {name: float(x) for name, x in numbers.items() if _is_number(x)}


def _is_number(value: object) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or value in _NOT_FINITE
