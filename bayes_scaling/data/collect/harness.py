"""Result files of the LM Evaluation Harness (https://github.com/EleutherAI/lm-evaluation-harness): shares of items."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bayes_scaling.data.collect.history import Curve, History, flat
from bayes_scaling.errors import InputError

_STEP = re.compile(r"(?:step|checkpoint)[-_]?(\d+)")
"""A revision or a folder that says which checkpoint was evaluated."""


def is_results(path: Path) -> bool:
    """Whether a file is called as the harness calls its results."""
    return path.suffix == ".json" and path.name.startswith("results")


def read_results(path: Path, name: str, config: Mapping[str, object]) -> History:
    """A model from its results: each task and metric, ``arc_easy/acc``, with the number of its items.

    Raises
    ------
    InputError
        If the file has no results.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        tasks = {task: dict(values) for task, values in found["results"].items()}
        samples = {task: int(counts["effective"]) for task, counts in found.get("n-samples", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"'{path}' has no results of the harness: {type(error).__name__} {error}") from None
    asked = found.get("config", {})
    model = str(asked.get("model_args") or found.get("model_name") or "")
    step = float(match[1]) if (match := _STEP.search(model)) else 0.0
    curves, items = dict[str, Curve](), dict[str, int]()
    for task, values in tasks.items():
        for key, value in values.items():
            metric, _, chosen = key.partition(",")
            if metric.endswith("_stderr") or not chosen or not isinstance(value, int | float):
                continue
            # Of one metric by two filters the first counts, as in the harness's own table.
            if (called := f"{task}/{metric}") not in curves:
                curves[called] = Curve(np.array([step]), np.array([float(value)]))
                items |= {called: samples[task]} if task in samples else {}
    seed = {"seed": asked["random_seed"]} if "random_seed" in asked else {}
    settings = {**seed, "model": model, **flat({k: v for k, v in asked.items() if k.startswith("model_")})}
    return History(name, str(path), "evaluation harness", curves, {**settings, **config}, items=items)
