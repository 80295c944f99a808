"""Logs of one JSON object a line, as training scripts write them."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.history import History, Row, curves, flat
from bayes_scaling.errors import InputError

_CONFIG = ("config/", "args/", "hparams/", "hyperparameters/")
"""What keys begin with where a line has settings inside."""


def read_json_lines(path: Path, name: str, config: Mapping[str, object]) -> History:
    """A run from its log.

    Lines with a step have metrics; what lines without one have is config. A last line that breaks off is a run that
    was writing it.

    Parameters
    ----------
    path : Path
    name : str
        What to call the run.
    config : mapping of str to scalar
        From files beside it.

    Raises
    ------
    InputError
        If a line is no JSON object, or none has a step.
    """
    rows: list[Row] = []
    found, state = dict(config), ""
    lines = [*_lines(path)]
    # Tokens are the steps of a log without any; beside steps they may be those that a config plans.
    names = keys.STEP if any(_step_key(tuple(line), keys.STEP) for _, line in lines) else keys.TOKENS
    for number, line in lines:
        step_key = _step_key(tuple(line), names)
        step = line.get(step_key or "")
        if isinstance(step, int | float):
            rows.append((float(step), _metrics(line, step_key or "")))
        elif step_key is not None:
            raise InputError(f"'{path}', line {number}: {step_key!r} is {step!r}; expected a number")
        else:
            state = str(line.get("state", line.get("status", state)))
            found |= {_bare(key): value for key, value in line.items()}
    if not rows:
        raise InputError(
            f'\'{path}\' has no line with a step; expected lines as {{"step": 100, "loss": 3.1}}'
        )
    return History(name, str(path), "JSON lines", curves(rows), found, state)


@cache
def _step_key(line: tuple[str, ...], names: str) -> str | None:
    """Which key of a line is its step; lines of one log mostly have the same. What is in a config is none."""
    return keys.find({key: True for key in line if not key.startswith(_CONFIG)}, names)


def _bare(key: str) -> str:
    return next((key.removeprefix(start) for start in _CONFIG if key.startswith(start)), key)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Number and object of each line, flat."""
    lines = path.read_text("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                return
            raise InputError(
                f"'{path}', line {number} is not JSON: {error}; mend or remove the line"
            ) from None
        if not isinstance(found, dict):
            raise InputError(f"'{path}', line {number} is {line[:60]!r}; expected an object with a step")
        yield number, flat(found)


def _metrics(line: Mapping[str, object], step_key: str) -> dict[str, float]:
    """Numbers of a line; tokens count as a metric too where they are the step."""
    apart = "" if keys.plain(step_key) in keys.TOKENS.split() else step_key
    return {
        key: float(value)
        for key, value in line.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and key != apart
    }
