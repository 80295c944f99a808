"""Verbs that write forecasts down and look at what came of them: register, follow, score, ledger."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.options import FILE, FIT, JSON, PICTURE, PROB, verb

CARD = click.Argument(["card"], type=FILE, help="A forecast card, a .json file.")


@verb(
    FIT, CARD, "reporting.register.register", "forecast.predict.predict", PROB, JSON,
    skip="path",
    then="score {card} --loss LOSS",
)  # fmt: skip
def register(fit: str, card: str, prob: float, **asked: Any) -> Answer:
    """Write down what one run should reach, before it starts."""
    opened = bs.open_fit(fit)
    found = opened.register(card, **asked)
    said = answer(found, {fit: opened}, prob, about={"card": card, "checksum": found.checksum})
    return replace(
        said, text=f"{said.text}\n\nRegistered as {card}, with {Path(card).with_suffix('.md')} to read."
    )


@verb(
    CARD,
    click.Option(
        ["--log", "curve"], type=FILE, required=True,
        help="The run so far: a log, a folder of event files, or a table with loss and progress, tokens or step.",
    ),
    "forecast.follow.follow", PROB, JSON, *PICTURE,
    then="score {card} --loss LOSS",
)  # fmt: skip
def follow(card: str, curve: str, prob: float, **asked: Any) -> Answer:
    """Where a run that goes on will end, and whether it has left the band of its card: then the exit code is 1."""
    found = bs.follow(card, curve, **asked)
    below, above = found.outside(prob)
    about = {
        "left": found.left,
        "progress": found.now,
        "below": below,
        "above": above,
        "quantile": found.quantile,
    }
    return answer(found, {}, prob, picture="following", failed=found.left, about=about)


@verb(
    CARD, "evaluation.outcome.score",
    click.Option(["--refit"], type=FILE, metavar="FIT", help="The fit of the card: fitted again with this run in it."),
    PROB, JSON,
    then="ledger .",
)  # fmt: skip
def score(card: str, refit: str | None, prob: float, **asked: Any) -> Answer:
    """What a registered run reached: inside of its intervals or not, and how well that was forecast."""
    found = bs.score(card, refit=bs.open_fit(refit) if refit else None, **asked)
    return answer(found, {}, prob, about={"outcome": found.document()})


@verb(
    click.Argument(["folder"], type=FILE, default=".", help="With cards and their outcomes."),
    "evaluation.ledger.ledger", PROB, JSON, *PICTURE,
    then="register FIT CARD.json",
)  # fmt: skip
def ledger(folder: str, prob: float) -> Answer:
    """All cards of a folder with their outcomes, and how reliable the forecasts were."""
    return answer(bs.ledger(folder), {}, prob, picture="ledger")
