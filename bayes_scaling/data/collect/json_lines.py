"""Logs of one JSON object a line, as training scripts write them."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.history import History, Row, curves, flat
from bayes_scaling.errors import InputError


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
    for number, line in _lines(path):
        step_key = _step_key(tuple(line))
        step = line.get(step_key or "")
        if isinstance(step, int | float):
            rows.append((float(step), _metrics(line, step_key or "")))
        elif step_key is not None:
            raise InputError(f"'{path}', line {number}: {step_key!r} is {step!r}; expected a number")
        else:
            state = str(line.get("state", line.get("status", state)))
            found |= {key.removeprefix("config/"): value for key, value in line.items()}
    if not rows:
        raise InputError(
            f'\'{path}\' has no line with a step; expected lines as {{"step": 100, "loss": 3.1}}'
        )
    return History(name, str(path), "JSON lines", curves(rows), found, state)


@cache
def _step_key(names: tuple[str, ...]) -> str | None:
    """Which of the names of a line is its step; lines of one log mostly have the same."""
    known = dict.fromkeys(names, True)
    return keys.find(known, keys.STEP) or keys.find(known, keys.TOKENS)


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
