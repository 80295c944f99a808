"""What a registered run reached: beside its forecast, as numbers, and in a file beside the card."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.files import check_writable
from bayes_scaling.data.loss_unit import LossUnit
from bayes_scaling.data.units import Quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.scores import Scores, scores_of_draws
from bayes_scaling.evaluation.with_run import Moved, with_run
from bayes_scaling.forecast.card import (
    SCHEMA,
    SHOWN,
    Card,
    Document,
    open_card,
    open_signed,
    unit_given,
    write_signed,
)
from bayes_scaling.inference.intervals import columns, long_table
from bayes_scaling.inference.result import Result

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

SUFFIX = ".outcome.json"
"""Of the file beside the card."""


@dataclass(frozen=True, eq=False, repr=False)
class Outcome(Result):
    """A card and what its run reached.

    Attributes
    ----------
    card : Card
    loss : float
        What was reached, in nats per token (or a share, or a score).
    scored : str
        When, as ISO 8601 in UTC.
    note : str
    moved : tuple of Moved
        What the run makes of the law's posterior, where it was fitted again.
    warnings : tuple of str
        Why that fit is not to be trusted, if it is not.
    """

    card: Card
    loss: float
    scored: str
    note: str = ""
    moved: tuple[Moved, ...] = ()
    warnings: tuple[str, ...] = ()

    quantities: ClassVar = ("new_run",)

    @property
    def new_run(self) -> "xr.DataArray":
        """What was forecast, dims (chain, draw)."""
        return self.card.new_run

    @property
    def scores(self) -> Scores:
        """The scores of this one forecast: of log loss, as all scores are; of a share or a score as it is."""
        values, reached = np.array(self.card.values)[:, None], np.array([self.loss])
        if self.card.response == "loss":
            values, reached = np.log(values), np.log(reached)
        return scores_of_draws(values, reached)

    @property
    def quantile(self) -> float:
        """The probability that the forecast gave to less than what was reached."""
        return float(self.scores.pit[0])

    @property
    def log_density(self) -> float:
        """The log density of the forecast at the loss that was reached."""
        return float(self.scores.log_density[0])

    def inside(self, prob: float) -> bool:
        """Whether the interval of this probability has it."""
        low, high = self.interval(prob)
        return bool(low <= self.loss <= high)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """Whether the intervals have it, at which quantile it lies, how dense the forecast was there; what it moved."""
        kind = self.card.response
        probs = sorted({SHOWN[0], prob})
        where = " and ".join(
            f"{'inside' if self.inside(p) else 'outside'} of the {100 * p:g}% interval" for p in probs
        )
        density = f"log density {self.log_density:.2f}"
        return [
            f"{self.card.name}: {kind} {self.loss:.4g} lies {where}, at quantile {self.quantile:.3f} of the forecast",
            f"Forecast on {self.card.day} was {self.card.said(prob)}",
            f"The forecast's {density} at {'its logarithm' if kind == 'loss' else 'what was reached'}",
            *(moved.sentence(prob) for moved in self.moved),
        ]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row: the run, what was forecast and reached, and its scores."""
        import xarray as xr  # loads when a table is made, and not on import

        found = {
            "card": self.card.name, "loss": self.loss, **columns("new_run", self.new_run, prob),
            "quantile": self.quantile, **{f"inside {100 * p:g}%": self.inside(p) for p in SHOWN},
            "log density": self.log_density, "crps": float(self.scores.crps[0]),
        }  # fmt: skip
        return long_table({name: xr.DataArray(value) for name, value in found.items()})

    def document(self) -> Document:
        """All of it as JSON values; the card by its checksum."""
        return {
            "schema": SCHEMA, "card": self.card.checksum, "name": self.card.name, "loss": self.loss,
            "scored": self.scored, "note": self.note, "quantile": self.quantile,
            "inside": {f"{100 * p:g}%": self.inside(p) for p in SHOWN},
            "log_density": self.log_density, "crps": float(self.scores.crps[0]),
            "moved": [moved.to_dict() for moved in self.moved], "warnings": list(self.warnings),
        }  # fmt: skip


def score(
    card: str | Path,
    loss: Quantity,
    *,
    loss_unit: LossUnit | None = None,
    refit: "Posterior | None" = None,
    note: str = "",
    force: bool = False,
) -> Outcome:
    """What a registered run reached, beside its forecast; written as a file beside the card, which stays as it is.

    Parameters
    ----------
    card : str or Path
        A card that `register` wrote: ``hero.json``; the outcome becomes ``hero.outcome.json``.
    loss : number or str
        What the run reached.
    loss_unit : {"nats", "bits", "bits_per_byte", "perplexity", "other"}, optional
        What the loss is given in. Default: nats per token; to be said where the fitted table has another unit.
    refit : Posterior, optional
        The fit that the card was made of: it is fitted again with this run in it, and the outcome says what moved.
    note : str
        Anything to remember, as the evaluation that the loss is of.
    force : bool
        Replace an outcome that exists.

    Raises
    ------
    InputError
        For a card that cannot be opened or is not as it was registered, a loss that cannot be, an outcome that exists,
        or a fit of other runs than the card's.
    """
    opened, target = open_card(card), outcome_path(Path(card))
    reached = _reached(opened, loss, loss_unit)
    check_writable(target, force)
    moved = ((), ()) if refit is None else with_run(refit, opened, reached)
    found = Outcome(opened, reached, datetime.now(UTC).isoformat(timespec="seconds"), note, *moved)
    write_signed(found.document(), target, force=force)
    return found


def outcome_path(card: Path) -> Path:
    """Where the outcome of a card lies."""
    return card.with_name(card.name.removesuffix(".json") + SUFFIX)


def open_outcome(card: Card, path: Path) -> Outcome:
    """The outcome of a card; `InputError` for a file that is no outcome, is altered, or is of another card."""
    found = open_signed(path, "outcome of a card", "scored")
    if found.get("card") != card.checksum:
        raise InputError(f"{path} is the outcome of another card than {card.name}; score the run again")
    moved = tuple(Moved.from_dict(values) for values in found["moved"])
    return Outcome(card, found["loss"], found["scored"], found["note"], moved, tuple(found["warnings"]))


def _reached(card: Card, loss: Quantity, given: LossUnit | None) -> float:
    """What was reached, in the unit of the card."""
    if card.response == "score":
        try:
            return float(loss)
        except ValueError:
            raise InputError(f"loss is {loss!r}; expected the score as a number") from None
    value = parse_quantity(loss, "loss")
    if card.response == "share":
        if value > 1:
            raise InputError(f"loss is {loss!r}; the card is of a share of test items, between 0 and 1")
        return value
    nats = float(unit_given(card, given, str(loss), "loss").nats(np.array(value)))
    if not nats > 0:
        raise InputError(f"loss is {loss!r}; expected a perplexity of more than 1")
    return nats
