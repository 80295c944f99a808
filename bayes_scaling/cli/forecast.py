"""Verbs that forecast: predict, two-step."""

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.options import FILE, FIT, JSON, PROB, verb

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.forecast.forecast import Forecast
    from bayes_scaling.inference.posterior import Posterior

BELOW = click.Option(
    ["--below"], multiple=True, metavar="LOSS", help="Also the probability of a loss of at most this."
)


HIDDEN = ("drifted", "flops")
"""Columns of a forecast that only programs get."""


@verb(FIT, "forecast.predict.predict", BELOW, PROB, JSON, then="allocate {fit} --flops 1e24")
def predict(fit: str, below: tuple[str, ...], prob: float, **point: Any) -> Answer:
    """The loss at other inputs: the law's, and that of one more training run."""
    opened = bs.open_fit(fit)
    forecast = opened.predict(**point)
    table = probabilities_below(below, forecast, prob)
    shown = answer(forecast, {fit: opened}, prob, table=table, hidden=HIDDEN)
    return shown if opened.law.allocates else replace(shown, then=_other_question(fit, opened))


def _other_question(path: str, fit: "Posterior") -> str:
    """What to ask next of a law that splits no budget: how much of its one input a target takes, where it has one."""
    return f"plan {quote(path)} --target LOSS" if len(fit.law.columns) == 1 else f"diagnose {quote(path)}"


@verb(
    click.Argument(["loss"], type=FILE, help="A .nc file: a fit of the loss."),
    click.Argument(["task"], type=FILE, help="A .nc file: a fit of a task against that loss, as of task_of_loss."),
    *("forecast.two_step.two_step", "forecast.predict.predict"), BELOW, PROB, JSON,
    then="diagnose {task}",
)  # fmt: skip
def two_step(loss: str, task: str, below: tuple[str, ...], prob: float, **point: Any) -> Answer:
    """A task from compute: a fit of the loss, then a fit of the task against that loss."""
    first, second = bs.open_fit(loss), bs.open_fit(task)
    forecast = bs.two_step(first, second, **point)
    table = probabilities_below(below, forecast, prob)
    about = {"fit": loss, "task": task, "law": second.law.name}
    return answer(forecast, {loss: first, task: second}, prob, table=table, hidden=HIDDEN, about=about)


def probabilities_below(losses: Sequence[str], forecast: "Forecast", prob: float = 0.9) -> "pd.DataFrame":
    """The table of a forecast, with the probability of a loss of at most each of these."""
    table = forecast.table(prob)
    for loss in losses:
        table[f"prob below {loss}"] = forecast.prob_below(loss).transpose(..., "point").to_numpy().ravel()
    return table
