"""The one row that each run has in a table, and why some have none."""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.counts import asked, params_of, tokens_at
from bayes_scaling.data.collect.endings import Problem, duplicates, finite, problems
from bayes_scaling.data.collect.history import Curve, History
from bayes_scaling.data.units import Quantity, training_flops
from bayes_scaling.errors import InputError

FEWEST = 8
"""Training losses of a stretch whose autocorrelation can be estimated."""

type Row = dict[str, object]
"""Column -> cell."""


@dataclass(frozen=True)
class Request:
    """What a table of collected runs shall have; the arguments of `bayes_scaling.collect`."""

    metric: str | None = None
    params: str | None = None
    tokens: str | None = None
    tokens_per_step: Quantity | None = None
    group: str | None = None
    seed: str | None = None
    inputs: tuple[str, ...] = ()
    without_embeddings: bool = False
    stretch: float = 0.05
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Settled:
    """What a run came to.

    Attributes
    ----------
    history : History
    metric : str
        Empty where there is none.
    start, step : float
        The steps between which the metric was read; the same where one value was.
    value : float
        What was read.
    row : dict, optional
        None for a run that is left out.
    problem : Problem, optional
        Why it is left out, or was kept on request.
    warnings : tuple of str
    """

    history: History
    metric: str = ""
    start: float = 0.0
    step: float = 0.0
    value: float = float("nan")
    row: Row | None = None
    problem: Problem | None = None
    warnings: tuple[str, ...] = field(default=())


def settle(histories: Sequence[History], request: Request) -> list[Settled]:
    """The row of each run, or why it has none, in the same order."""
    kinds = [_kinds(history) for history in histories]
    best = min((kind for ranked in kinds for kind in ranked), default=keys.EVALUATION)
    found = [
        _settled(history, ranked, best, request) for history, ranked in zip(histories, kinds, strict=True)
    ]
    # Of those that have a row: a run that is whole is not left out for a copy of it that is not.
    with_row = [i for i, one in enumerate(found) if one.row is not None]
    for place, problem in duplicates([(found[i].history, found[i].metric) for i in with_row]).items():
        i = with_row[place]
        kept = found[i].row if problem.kind in request.keep else None
        found[i] = dataclasses.replace(found[i], row=kept, problem=problem)
    return found


def _kinds(history: History) -> dict[int, list[str]]:
    """Metrics by what they are, as `keys.kind_of` says."""
    found: dict[int, list[str]] = {}
    for metric in history.curves:
        if (kind := keys.kind_of(metric)) is not None:
            found.setdefault(kind, []).append(metric)
    return found


def _named(history: History, metric: str) -> str:
    """The metric that was asked for, by its name or one that differs in signs alone."""
    if found := keys.named(history.curves, metric):
        return found
    kinds, kind = _kinds(history), keys.kind_of(metric)
    near = (
        difflib.get_close_matches(metric, [*history.curves], n=1, cutoff=0.5)
        if kind is None
        else kinds.get(kind)
    )
    losses = [name for names in kinds.values() for name in names]
    raise InputError(
        f"has no metric {metric!r}; it has {keys.listed(near or losses or history.curves) or 'none'}"
        + (", under which name it may have gone on" if near else "")
    )


def _chosen(history: History, ranked: dict[int, list[str]], best: int) -> str:
    """The metric of the kind that counts for all runs."""
    if best not in ranked:
        others = [name for names in ranked.values() for name in names]
        has = (
            f"has {keys.listed(others)} and no {keys.KINDS[best]}, as others have"
            if others
            else "has no loss"
        )
        raise InputError(f"{has}; name one metric that all have with metric='...'")
    names = ranked[best]
    longest = max(len(history.curves[name].steps) for name in names)
    # A summary at the end, as Hugging Face's train_loss, is no curve of losses.
    names = [name for name in names if len(history.curves[name].steps) > 1 or longest == 1]
    first = history.curves[names[0]]
    if all(_same(first, history.curves[name]) for name in names):
        return names[0]
    raise InputError(
        f"has {keys.listed(names)}, and each may be its {keys.KINDS[best]}; say which with metric={names[0]!r}"
    )


def _same(one: Curve, other: Curve) -> bool:
    return len(one.steps) == len(other.steps) and one.starts_as(other)


def _settled(history: History, ranked: dict[int, list[str]], best: int, request: Request) -> Settled:
    if history.unreadable:
        return Settled(history, problem=Problem("unreadable", history.unreadable))
    try:
        metric = _named(history, request.metric) if request.metric else _chosen(history, ranked, best)
    except InputError as unknown:
        return Settled(history, problem=Problem("no metric", str(unknown)))
    curve = finite(history.curves[metric])
    if not len(curve.steps):
        problem = Problem("no value", f"has no number under {metric!r}: all are NaN or infinite")
        return Settled(history, metric, problem=problem)
    start, step, value, error = curve.end, curve.end, float(curve.values[-1]), None
    if (kind := keys.kind_of(metric)) == keys.TRAINING:
        part = curve.steps >= (1 - request.stretch) * curve.end
        averaged = curve.values[part]
        start, value, error = float(curve.steps[part][0]), float(averaged.mean()), _error(averaged)
    read = Settled(history, metric, start, step, value)
    found = [*problems(history, metric, step, value)]
    out = next((problem for problem in found if problem.kind not in request.keep), None)
    if out:
        return dataclasses.replace(read, problem=out)
    if kind == keys.TRAINING and error is None:
        words = (
            f"has {len(averaged)} values of {metric!r} in the last {request.stretch:.0%} of its steps, too "
            f"few for their standard error; take more with stretch={min(4 * request.stretch, 0.5):g}"
        )
        return dataclasses.replace(read, problem=Problem("sparse", words))
    try:
        row, said = _row(read, error, request)
    except InputError as unknown:
        return dataclasses.replace(read, problem=Problem("no counts", str(unknown)))
    return dataclasses.replace(read, row=row, problem=found[0] if found else None, warnings=said)


def _error(values: np.ndarray) -> float | None:
    """The standard error of a mean of values that are correlated as an autoregression of order 1.

    Its coefficient is corrected for the bias that a mean of the same values brings (Kendall 1954): a few dozen of them
    would else pass for independent. None for fewer than `FEWEST`.
    """
    n = len(values)
    if n < FEWEST:
        return None
    apart = values - values.mean()
    if not (squares := float(apart @ apart)):
        return 0.0
    rho = float(apart[1:] @ apart[:-1]) / squares
    rho = min(max(rho + (1 + 4 * rho) / n, 0.0), 1 - 2 / n)
    return float(np.sqrt(squares / (n - 1) / n * (1 + rho) / (1 - rho)))


def _row(read: Settled, error: float | None, request: Request) -> tuple[Row, tuple[str, ...]]:
    """The cells of a run, and what must be said of them; `InputError` where N, D or a column is unknown."""
    history = read.history
    params = params_of(history, request.params)
    tokens = tokens_at(history, read.step, request.tokens, request.tokens_per_step)
    total, active = params.total, params.active
    if request.without_embeddings:
        if np.isnan(params.without_embeddings):
            raise InputError(
                "has a number of parameters and no architecture that tells those without embeddings"
            )
        active += params.without_embeddings - total
        total = params.without_embeddings
    row: Row = {"params": total, "tokens": tokens.value, "loss": read.value}
    if error is not None:
        row["loss_se"] = error
    row["flops"] = float(training_flops(active, tokens.value))
    if request.group is not None:
        row["group"] = _label(history, request.group)
    if request.seed is not None:
        row["seed"] = _label(history, request.seed)
    elif key := keys.find(history.config, keys.SEED):
        row["seed"] = history.config[key]
    if read.metric in history.items:
        row["items"] = history.items[read.metric]
    for name in request.inputs:
        row[keys.plain(name.rpartition("/")[2])] = asked(history, name, read.step)
    row |= {
        "params_without_embeddings": params.without_embeddings,
        "run": history.name, "metric": read.metric, "step": read.step, "params_from": params.how,
        "tokens_from": tokens.how, "source": history.source, "reader": history.reader,
    }  # fmt: skip
    return row, params.warnings


def _label(history: History, name: str) -> str:
    if (key := keys.named(history.config, name)) is None:
        raise InputError(
            f"has no key {name!r} in its config; it has {keys.listed(history.config) or 'nothing'}"
        )
    return str(history.config[key])


def names_of_one_metric(settled: Sequence[Settled]) -> Counter[str]:
    """Under which names the metric of the rows was logged, and by how many runs."""
    return Counter(one.metric for one in settled if one.row is not None)
