"""Whether a run ended well: diverged, still running, stopped early, or read in the middle of its schedule."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.history import Curve, History

DIVERGED, RUNNING, STOPPED, DECAYING, DUPLICATE = "diverged", "running", "stopped", "decaying", "duplicate"

KEEPABLE = (DIVERGED, RUNNING, STOPPED, DECAYING, DUPLICATE)
"""What a run may be left out for, and kept all the same on request."""

_AT_WORK = {"running", "pending", "scheduled", "queued"}
_BROKEN = {"crashed", "failed", "killed", "preempted", "preempting", "aborted"}
_RATE = re.compile(r"(^|_)(lr|learning_rate)(_|$)")

RISE = 0.25
"""A loss that ends so much of its fall above its lowest value has diverged, if that is 5% of it too."""

FALL = 0.05
"""A learning rate that still has so much of its peak to fall is in the middle of its decay."""

LATE = 0.02
"""What the last share of a run is: an evaluation there is one of its end."""


class Problem(NamedTuple):
    """Why a run may be no row: one of `KEEPABLE`, and the rest of a sentence about the run."""

    kind: str
    words: str


def problems(history: History, metric: str, step: float, value: float) -> Iterator[Problem]:
    """What is wrong with the end of a run.

    Parameters
    ----------
    history : History
    metric : str
        The metric of its row.
    step, value : float
        Where that is read, and what is read there.
    """
    diverged = [*_diverged(history, metric, value)]
    yield from diverged
    yield from _unfinished(history)
    if not diverged:  # the last finite value comes before the end
        yield from _decaying(history, step)


def _diverged(history: History, metric: str, value: float) -> Iterator[Problem]:
    losses = {name for name in history.curves if keys.kind_of(name) in (keys.EVALUATION, keys.TRAINING)}
    for name in sorted({metric} | losses, key=lambda name: name != metric):
        curve = history.curves[name]
        bad = ~np.isfinite(curve.values)
        if bad[-1]:
            good = np.flatnonzero(~bad)
            first = good[-1] + 1 if len(good) else 0
            yield Problem(
                DIVERGED, f"diverged: {name!r} is NaN or infinite from step {curve.steps[first]:g} on"
            )
            return
    seen = finite(history.curves[metric]).values
    low, fall = seen.min(), seen[0] - seen.min()
    is_loss = keys.kind_of(metric) != keys.SHARE
    if is_loss and len(seen) > 2 and value - low > max(RISE * fall, 0.05 * low):
        yield Problem(
            DIVERGED, f"diverged: {metric!r} ends at {value:.4g}, after a lowest value of {low:.4g}"
        )


def _unfinished(history: History) -> Iterator[Problem]:
    planned, state = keys.number(history.config, keys.PLANNED_STEPS), history.state.lower()
    if planned is not None and history.end:
        # The last step that is logged is one interval short of the end, at most.
        longest = max(history.curves.values(), key=lambda curve: len(curve.steps))
        interval = float(np.diff(longest.steps[-2:]).sum())
        if planned - history.end <= max(interval, LATE * planned):
            return
    reached = f" at step {history.end:g}" + (f" of {planned:g}" if planned else "")
    if state in _AT_WORK:
        yield Problem(RUNNING, f"still runs{reached}, as its state is {history.state!r}")
    elif state in _BROKEN:
        yield Problem(STOPPED, f"stopped early{reached}, as its state is {history.state!r}")
    elif planned is not None and history.end:
        yield Problem(STOPPED, f"stopped early, or still runs:{reached}")


def _decaying(history: History, step: float) -> Iterator[Problem]:
    rate, end = learning_rate(history), history.end
    early = step < (1 - LATE) * end
    if rate is None:
        if early:
            yield Problem(
                DECAYING,
                f"was last evaluated at step {step:g} of {end:g}, and logs no learning rate that stayed as it was",
            )
        return
    peak = float(rate.values.max())
    at, left = rate.at(step) / peak, (rate.at(step) - rate.at(end)) / peak
    if early and left > FALL:
        yield Problem(
            DECAYING,
            f"was last evaluated at step {step:g} of {end:g}, in the middle of the decay of its learning rate",
        )
    elif keys.number(history.config, keys.PLANNED_STEPS) is None:
        falling = (rate.at(0.9 * end) - rate.at(end)) / peak > 0.6 * FALL
        if falling and at > 3 * FALL:
            yield Problem(
                DECAYING,
                f"ends in the middle of a decay: its learning rate is {at:.0%} of its peak, and falls",
            )


def learning_rate(history: History) -> Curve | None:
    """The learning rate over the run, where it is logged more than once."""
    found = [finite(curve) for name, curve in history.curves.items() if _RATE.search(keys.plain(name))]
    found = [curve for curve in found if len(curve.steps) > 1 and curve.values.max() > 0]
    return max(found, key=lambda curve: len(curve.steps), default=None)


def finite(curve: Curve) -> Curve:
    """The values of a curve that are numbers."""
    good = np.isfinite(curve.values)
    return curve if good.all() else Curve(curve.steps[good], curve.values[good])


def duplicates(runs: Sequence[tuple[History, str]]) -> dict[int, Problem]:
    """Runs whose curve of a metric is that of another one, or its beginning: index -> the problem. The longest is none.

    Single values say nothing: two runs of a few hundred test items may well have the same share.
    """
    curves = [history.curves[metric] for history, metric in runs]
    by_start: dict[tuple[float, ...], list[int]] = {}
    for i, curve in enumerate(curves):
        if len(curve.steps) > 2:
            by_start.setdefault((*curve.steps[:3], *curve.values[:3].astype(np.float32)), []).append(i)
    found: dict[int, Problem] = {}
    for alike in by_start.values():
        longest, *others = sorted(alike, key=lambda i: -len(curves[i].steps))  # of equal ones the first
        for i in others:
            if curves[i].starts_as(curves[longest]):
                words = f"is a duplicate: its {runs[i][1]!r} is that of {runs[longest][0].name!r}"
                found[i] = Problem(DUPLICATE, words)
    return found
