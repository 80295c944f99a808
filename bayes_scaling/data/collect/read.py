"""Which source is which, and the runs in it."""

import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bayes_scaling.data.collect.event_files import is_event_file, read_event_files
from bayes_scaling.data.collect.harness import is_results, read_results
from bayes_scaling.data.collect.history import History, flat
from bayes_scaling.data.collect.json_lines import read_json_lines
from bayes_scaling.data.collect.mlflow_store import is_store, read_store
from bayes_scaling.data.collect.trainer import STATE, read_trainer_state
from bayes_scaling.data.collect.wandb_csv import READER as WANDB
from bayes_scaling.data.collect.wandb_csv import joined, read_wandb
from bayes_scaling.data.collect.wandb_project import is_project, read_project
from bayes_scaling.errors import InputError

_LOGS = (".jsonl", ".ndjson")
_CONFIGS = (
    "config", "params", "hparams", "hyperparameters", "args", "training_args", "trainer_args", "run_config",
    "train_config", ".hydra/config",
)  # fmt: skip
"""Files beside a log that have its config; of one key in several, the first counts."""

_ENDINGS = (".json", ".yaml", ".yml")

_CHECKPOINT = re.compile(r"checkpoint-\d+")
"""Folders in which a Trainer saves; the run is the folder around them."""

EXPECTED = (
    "expected a folder of runs (JSON lines, trainer_state.json, TensorBoard event files, results of the LM Evaluation "
    "Harness), one of these files, a .csv export of Weights & Biases or wandb:ENTITY/PROJECT, or an MLflow store "
    "(mlflow.db, mlruns, http://...)"
)
"""What can be collected from."""


def read_sources(sources: Sequence[str]) -> list[History]:
    """The runs of all sources, sorted by name; no two have one name.

    Raises
    ------
    InputError
        If a source is not there, not of a known kind, or has no run. Of a folder, runs that cannot be read have the
        reason in `History.unreadable` instead.
    """
    found = [history for source in sources for history in _read(source)]
    exports = joined([history for history in found if history.reader == WANDB])
    runs = [*exports, *(history for history in found if history.reader != WANDB)]
    if not runs:
        raise InputError(f"there are no runs in {', '.join(map(repr, sources))}; {EXPECTED}")
    counts = Counter(run.name for run in runs)
    own = [
        run if counts[run.name] == 1 else dataclasses.replace(run, name=f"{run.name} ({run.source})")
        for run in runs
    ]
    return sorted(own, key=lambda run: _natural(run.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which run-2 comes before run-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _read(source: str) -> list[History]:
    """The runs of one source."""
    if is_project(source):
        return read_project(source)
    if is_store(source):
        return read_store(source)
    path = Path(source)
    if path.is_dir():
        return list(_folder(path))
    if not path.is_file():
        raise InputError(f"there is no '{source}' to collect from (relative to {Path.cwd()}); {EXPECTED}")
    if path.suffix == ".csv":
        return read_wandb(path)
    if not _is_log(path):
        raise InputError(f"cannot tell what '{source}' is; {EXPECTED}")
    return [_log(path, path.parent.name if path.name == STATE else path.stem)]


def _is_log(path: Path) -> bool:
    return path.name == STATE or path.suffix in _LOGS or is_results(path) or is_event_file(path)


def _folder(top: Path) -> Iterator[History]:
    """Every run below a folder: one a log, or one a folder where a log is alone in it."""
    for folder, below, files in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith("."))
        here, found = Path(folder), [Path(folder, name) for name in sorted(files)]
        checkpoint = here != top and _CHECKPOINT.fullmatch(here.name)  # one that is asked for by name is read
        if checkpoint and not _is_last(here):
            continue
        run = here.parent if checkpoint else here
        name = run.relative_to(top).as_posix() if run != top else run.resolve().name
        logs = [path for path in found if _is_log(path) and not is_event_file(path) and not is_results(path)]
        logs += [path for path in found if is_event_file(path)][:1]  # all of them are one run
        results = [path for path in found if is_results(path)]
        runs = [_tried(path, name if len(logs) == 1 else f"{name}/{path.stem}") for path in logs]
        scores = [_tried(path, name if len(results) == 1 else f"{name}/{path.stem}") for path in results]
        if len(runs) == len(scores) == 1:
            yield runs[0].with_more(_at_the_end(scores[0], runs[0].end))
            continue
        yield from (*runs, *scores)


def _is_last(folder: Path) -> bool:
    """Whether a checkpoint is its Trainer's last one, and the Trainer has left no state beside it."""
    steps = [int(p.name.partition("-")[2]) for p in folder.parent.iterdir() if _CHECKPOINT.fullmatch(p.name)]
    return int(folder.name.partition("-")[2]) == max(steps) and not (folder.parent / STATE).exists()


def _at_the_end(scores: History, end: float) -> History:
    """Results of a model as metrics of its run: those of no known step are of the last one."""
    curves = {
        name: curve if curve.end else dataclasses.replace(curve, steps=curve.steps + end)
        for name, curve in scores.curves.items()
    }
    return dataclasses.replace(scores, curves=curves)


def _tried(path: Path, name: str) -> History:
    """A run of a folder: that one cannot be read does not keep the others from being read."""
    try:
        return _log(path, name)
    except InputError as error:
        return History(name, str(path), "", unreadable=f"cannot be read: {error}")


def _log(path: Path, name: str) -> History:
    config = _config(path)
    if path.name == STATE:
        return read_trainer_state(path, name, config)
    if is_results(path):
        return read_results(path, name, config)
    if is_event_file(path):
        return read_event_files(path.parent, name, config)
    return read_json_lines(path, name, config)


def _config(log: Path) -> Mapping[str, object]:
    """What the config files beside a log say: those that bear its name, or else those of its folder."""
    own = [*(log.with_name(f"{log.stem}.config{end}") for end in _ENDINGS), log.with_suffix(".json")]
    folders = [log.parent, *([log.parent.parent] if _CHECKPOINT.fullmatch(log.parent.name) else [])]
    beside = [folder / f"{name}{end}" for folder in folders for name in _CONFIGS for end in _ENDINGS]
    found: dict[str, object] = {}
    for path in next(([path] for path in own if path.is_file() and path != log), beside):
        if path.is_file() and isinstance(settings := _settings(path), dict):
            found = flat(settings) | found
    return found


def _settings(path: Path) -> object:
    if path.suffix == ".json":
        try:
            return json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise InputError(f"'{path}' is not JSON: {error}") from None
    import yaml  # loads where there is a file of it

    try:
        # Numbers, texts, lists and mappings alone: what would make objects is an error.
        return yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"'{path}' is not plain YAML: {' '.join(str(error).split())}") from None
