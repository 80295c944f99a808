"""Verbs that forecast: predict, two-step."""

from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.options import FILE, FIT, JSON, PROB, verb

if TYPE_CHECKING:
    from bayes_scaling.api import Fit
    from bayes_scaling.forecast.forecast import Forecast

BELOW = click.Option(
    ["--below"], multiple=True, metavar="LOSS", help="Also the probability of a loss of at most this."
)


@verb(FIT, "forecast.predict.predict", BELOW, PROB, JSON)
def predict(fit: str, below: tuple[str, ...], prob: float, **point: Any) -> Answer:
    """The loss at other inputs: the law's, and that of one more training run."""
    opened = bs.open_fit(fit)
    return _answer(opened.predict(**point), below, prob, {fit: opened}, fit=fit, law=opened.law.name)


@verb(
    click.Argument(["loss"], type=FILE, help="A .nc file: a fit of the loss."),
    click.Argument(["task"], type=FILE, help="A .nc file: a fit of a task against that loss, as of task_of_loss."),
    *("forecast.two_step.two_step", "forecast.predict.predict"), BELOW, PROB, JSON,
)  # fmt: skip
def two_step(loss: str, task: str, below: tuple[str, ...], prob: float, **point: Any) -> Answer:
    """A task from compute: a fit of the loss, then a fit of the task against that loss."""
    fits = {loss: bs.open_fit(loss), task: bs.open_fit(task)}
    forecast = bs.two_step(fits[loss], fits[task], **point)
    return _answer(forecast, below, prob, fits, fit=loss, task=task, law=fits[task].law.name)


def _answer(
    forecast: "Forecast", below: tuple[str, ...], prob: float, fits: "dict[str, Fit]", **about: str
) -> Answer:
    table = forecast.table(prob)
    for loss in below:
        table[f"prob below {loss}"] = forecast.prob_below(loss).transpose(..., "point").to_numpy().ravel()
    return answer(forecast, prob, fits, table=table, hidden="drifted|flops", **about)
