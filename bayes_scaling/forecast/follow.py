"""A run beside its registered forecast, while it goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bayes_scaling.data.collect import keys
from bayes_scaling.data.curve_so_far import CurveSoFar, read_curve
from bayes_scaling.data.loss_unit import LossUnit
from bayes_scaling.data.trajectories import AT_END, CurveLike, HistoryLike
from bayes_scaling.data.units import Quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.card import Card, open_card, unit_given
from bayes_scaling.forecast.course import Course
from bayes_scaling.forecast.following import Following, points_read
from bayes_scaling.forecast.on_the_way import posterior, prior
from bayes_scaling.forecast.ratios import course_of, history_of
from bayes_scaling.inference.collection import Collection


def follow(
    card: Card | str | Path,
    curve: CurveLike,
    *,
    history: HistoryLike | Collection | None = None,
    metric: str | None = None,
    tokens_per_step: Quantity | None = None,
    loss_unit: LossUnit | None = None,
) -> Following:
    """What a run that goes on makes of its registered forecast: where it will end, and whether it has left its band.

    Parameters
    ----------
    card : Card or path
        That `register` wrote.
    curve : DataFrame or path
        The run so far: a log, a folder of event files, or whatever else `collect` reads as one run; or a table with
        loss and progress (from 0 to 1), tokens or step.
    history : table of checkpoints, or logs of small runs, optional
        A table with a row for each checkpoint (trajectory, loss, and tokens or progress), or what `collect` reads: how
        the loss of a run lies above its own end along the way. Default: that of the card, if it has one.
    metric : str, optional
        The metric to read. Default: the evaluation loss, or else the training loss.
    tokens_per_step : quantity, optional
        Tokens of one step of the optimiser, where neither log nor config say them.
    loss_unit : {"nats", "bits", "bits_per_byte", "perplexity", "other"}, optional
        What the curve is given in. Default: nats per token; to be said where the fitted table has another unit.

    Returns
    -------
    Following
        Its ``left`` says whether the run has left its band, its ``outside()`` with which probability it ends outside.

    Raises
    ------
    InputError
        For a card of no loss, a curve that cannot be read or goes on beyond its end, or if nothing is known of how
        curves of such runs lie above their ends.
    """
    opened = card if isinstance(card, Card) else open_card(card)
    if opened.response != "loss":
        raise InputError(
            f"{opened.name} is a card of a {opened.response}; curves of losses alone can be followed"
        )
    unit = unit_given(opened, loss_unit, "the curve", "curve")
    read = read_curve(
        curve, opened.inputs.get("tokens"), metric=metric, tokens_per_step=tokens_per_step, unit=unit
    )
    course = _course(opened, history, read, metric, loss_unit)
    kinds = [keys.kind_of(name) for name in (read.metric, course.metric) if name]
    if len(kinds) == 2 and kinds[0] != kinds[1]:
        raise InputError(
            f"the curve is of {read.metric!r} and the history of {course.metric!r}, which lie apart; name one that "
            "both have with metric='...'"
        )
    at, values = points_read(read, course), np.array(opened.values)
    other = course.other_schedule(read.trajectory.schedule, read.now)
    said = [*([other] if other else []), *read.warnings, *course.warnings]
    if len(at):
        before = prior(np.log(values))
        estimate = course.end(at, read.trajectory.log_loss(at), before.middle, before.variance)
        values = np.exp(posterior(before, *estimate).equally_likely(len(values)))
    else:
        said.append(
            f"the curve is at {read.now:.1%} of training, and the history begins at {course.start:.1%}: nothing is "
            "added to what was registered"
        )
    if read.now >= AT_END and read.diverged is None:
        said.append(f"the run is at its end: score it, with bs.score({opened.name + '.json'!r}, LOSS)")
    return Following(opened, read, course, tuple(map(float, values)), tuple(said))


def _course(
    card: Card,
    history: HistoryLike | Collection | None,
    curve: CurveSoFar,
    metric: str | None,
    unit: LossUnit | None,
) -> Course:
    if history is None:
        if card.course is None:
            raise InputError(
                f"{card.name} was registered without a history, and none is given: how a loss lies above its end is "
                "not known, so that a curve says nothing of it. Give curves of small runs of the same schedule with "
                "history=... (command line: --history), here or when the card is registered"
            )
        return card.course
    found = history_of(history, metric)
    if unit == "perplexity" and found.metric:
        raise InputError(
            "logs of perplexities are no history; give a table, as bs.load_runs('curves.csv', loss_unit='perplexity')"
        )
    return course_of(found.without(curve.trajectory), card.inputs, card.group)
