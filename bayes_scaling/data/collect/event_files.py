"""TensorBoard event files, by TensorBoard's own reader (the extra ``tensorboard``)."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bayes_scaling.data.collect.history import History, Row, curves, flat
from bayes_scaling.errors import InputError


def is_event_file(path: Path) -> bool:
    """Whether a file is called as TensorBoard's writers call theirs."""
    return ".tfevents." in path.name


def read_event_files(folder: Path, name: str, config: Mapping[str, object]) -> History:
    """The run of a folder of event files, in the order in which they were written.

    Texts that are JSON objects, as the Trainer of Hugging Face writes its arguments and the model's config, are config.

    Raises
    ------
    InputError
        Without TensorBoard, or if the folder has no scalars.
    """
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise InputError(
            f"'{folder}' has event files, which TensorBoard reads: pip install 'bayes-scaling[tensorboard]'"
        ) from None
    scalars: list[tuple[float, Row]] = []
    found = dict[str, object]()
    for path in sorted(path for path in folder.iterdir() if is_event_file(path)):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                cells = make_ndarray(value.tensor).ravel() if value.HasField("tensor") else np.empty(0)
                if cells.size and cells.dtype.kind == "f":
                    scalars.append((event.wall_time, (float(event.step), {value.tag: float(cells[0])})))
                elif cells.size and value.tag.endswith("text_summary"):
                    found |= _settings(cells[0])
    if not scalars:
        raise InputError(f"'{folder}' has event files without scalars; there is no curve to read")
    rows = (row for _, row in sorted(scalars, key=lambda timed: timed[0]))
    return History(name, str(folder), "TensorBoard", curves(rows), {**found, **config})


def _settings(text: bytes) -> dict[str, object]:
    """A text's settings, where it is a JSON object."""
    try:
        settings = json.loads(text)
    except ValueError:
        return {}
    return flat(settings) if isinstance(settings, dict) else {}
