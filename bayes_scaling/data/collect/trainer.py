"""The state that the Trainer of Hugging Face Transformers saves, ``trainer_state.json``."""

import json
from collections.abc import Mapping
from pathlib import Path

from bayes_scaling.data.collect.history import History, Row, curves
from bayes_scaling.errors import InputError

STATE = "trainer_state.json"

_SETTINGS = {
    "max_steps": "max_steps",
    "num_train_epochs": "num_train_epochs",
    # Of one device, whatever accumulates: `TrainerState.train_batch_size`.
    "train_batch_size": "per_device_train_batch_size",
}
"""What the state knows of the config -> under which name."""


def read_trainer_state(path: Path, name: str, config: Mapping[str, object]) -> History:
    """A run from the state of its Trainer; the config lies beside it.

    Raises
    ------
    InputError
        If the file is no such state.
    """
    try:
        state = json.loads(path.read_text("utf-8"))
        rows = [_row(entry) for entry in state["log_history"]]
        step = float(state["global_step"])
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"'{path}' is no state of a Trainer: {type(error).__name__} {error}") from None
    if seen := state.get("num_input_tokens_seen"):
        rows.append((step, {"num_input_tokens_seen": float(seen)}))
    known = {new: state[old] for old, new in _SETTINGS.items() if isinstance(state.get(old), int | float)}
    return History(name, str(path), "Trainer state", curves(rows), {**config, **known})


def _row(entry: Mapping[str, object]) -> Row:
    """A step and its metrics; the summary that `Trainer.train` adds has the mean loss of all steps, which is none."""
    summary = "train_runtime" in entry
    metrics = {
        key: float(value)
        for key, value in entry.items()
        if isinstance(value, int | float) and key != "step" and not (summary and key == "train_loss")
    }
    return float(str(entry["step"])), metrics
