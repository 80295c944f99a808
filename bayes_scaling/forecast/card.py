"""A forecast card: what one run is said to reach, written down before it starts and unaltered ever after.

A card is a JSON file. It has the forecast as equally likely values, from which intervals, quantiles and scores follow;
how the posterior behind it was made; what the forecast assumes; and a checksum over all of it, which is compared
whenever the card is opened.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayes_scaling.data.files import replacing
from bayes_scaling.data.loss_unit import LOSS_UNITS, LossUnit, Unit
from bayes_scaling.data.response import Response
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.course import SHOWN_AT, Course
from bayes_scaling.forecast.forecast import distance_words, new_run_words
from bayes_scaling.forecast.on_the_way import on_the_way
from bayes_scaling.inference.checksum import checksum_of_json
from bayes_scaling.inference.intervals import columns, long_table, quantiles, tails
from bayes_scaling.inference.provenance import Provenance
from bayes_scaling.inference.result import Result

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

type Document = dict[str, Any]
"""JSON values by name."""

SCHEMA = 1
"""Version of the files of cards and of outcomes."""

SHOWN = (0.5, 0.9)
"""Probabilities of the intervals that a card is judged by."""


@dataclass(frozen=True, eq=False, repr=False)
class Card(Result):
    """A registered forecast of one run.

    Attributes
    ----------
    name : str
        The file's, without its suffix.
    registered : str
        When, as ISO 8601 in UTC.
    run : str
        Which run, in words.
    inputs : mapping of str to float
        The law's inputs and the compute, by column.
    group : str, optional
        Of the fit, where it has several.
    response : {"loss", "share", "score"}
    unit : Unit
        What the fitted table gave its losses in.
    values : tuple of float
        Equally likely values of the new run, in order: quantiles of its posterior predictive distribution.
    beyond : float
        Powers of ten beyond the data.
    assumptions : tuple of str
        What the forecast rests on, one sentence each.
    warnings : tuple of str
        What the fit and its forecast warn of.
    note : str
        Of whoever registered it.
    data : str
        SHA-256 of the table of runs.
    fit : Provenance
        How the posterior was made: law, priors, noise, seed, versions; with its drift.
    course : Course, optional
        How the loss will lie above its end along the way, where curves of small runs were given.
    """

    name: str
    registered: str
    run: str
    inputs: Mapping[str, float]
    group: str | None
    response: Response
    unit: Unit
    values: tuple[float, ...]
    beyond: float
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    note: str
    data: str
    fit: Provenance
    course: Course | None = None

    quantities: ClassVar = ("new_run",)

    @property
    def new_run(self) -> "xr.DataArray":
        """The values as draws, dims (chain, draw)."""
        import xarray as xr  # loads when there are draws, and not on import

        return xr.DataArray([self.values], dims=("chain", "draw"), name="new_run")

    @property
    def day(self) -> str:
        """When it was registered, to the day."""
        return self.registered[:10]

    @property
    def checksum(self) -> str:
        """SHA-256 of all that it says."""
        return checksum_of_json(self.document())

    def on_the_way(self) -> dict[float, dict[str, list[float]]]:
        """The intervals of the loss at 10, 25, 50 and 75% of training; empty where no curves were given."""
        if self.course is None:
            return {}
        found = {}
        for at in (p for p in SHOWN_AT if p >= self.course.start):
            losses = np.exp(on_the_way(np.log(self.values), self.course, at))
            found[at] = {
                f"{100 * prob:g}%": [float(f"{x:.6g}") for x in np.quantile(losses, tails(prob)[::2])]
                for prob in SHOWN
            }
        return found

    def said(self, prob: float = 0.9) -> str:
        """What the run will reach."""
        bounds = quantiles(self.new_run, tails(prob)).to_numpy()
        return f"{self.run}: {new_run_words(bounds, prob, self.response, self.unit)}"

    def sentences(self, prob: float = 0.9) -> list[str]:
        """What the run will reach, who said so and when, and what that rests on."""
        made = f"{self.name} was registered on {self.day} by law {self.fit['law']}, seed {self.fit['seed']}"
        return [f"{self.said(prob)}, {distance_words(self.beyond)}", made, *self.assumptions]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row: the run's inputs, what it reaches, and how far beyond the data that is."""
        import xarray as xr

        given = {name: xr.DataArray(value) for name, value in self.inputs.items()}
        found = {
            **given,
            **columns("new_run", self.new_run, prob),
            "decades beyond": xr.DataArray(self.beyond),
        }
        return long_table(found)

    def document(self) -> Document:
        """All that it says, as JSON values; intervals too, for those who read the file."""
        shown = {f"{100 * prob:g}%": [float(bound) for bound in self.interval(prob)] for prob in SHOWN}
        kept = {"schema": SCHEMA, **asdict(self), "median": float(self.median()), "intervals": shown}
        if self.course is None:
            del kept["course"]
        else:
            kept["on_the_way"] = {f"{at:.0%}": bands for at, bands in self.on_the_way().items()}
        plain: Document = json.loads(json.dumps(kept, allow_nan=False))
        return plain


def unit_given(card: Card, given: LossUnit | None, value: str, kind: str) -> Unit:
    """The unit of losses that are set beside a card: nats, or what is said of them.

    Parameters
    ----------
    card : Card
    given : LossUnit, optional
    value, kind : str
        What the losses are in words, for errors: "say what <value> is in", "give the <kind> in nats".

    Raises
    ------
    InputError
        For a card of a table in another unit where nothing is said, an unknown unit, or one that the card cannot take.
    """
    if given is None and card.unit.other:
        raise InputError(
            f"{card.name} is of a table in {card.unit.other}: say what {value} is in, with loss_unit='nats' or "
            f"loss_unit={card.unit.name!r} (command line: --loss-unit {card.unit.name})"
        )
    if given is not None and given not in LOSS_UNITS:
        raise InputError(f"loss_unit is {given!r}; expected one of {', '.join(LOSS_UNITS)}")
    if given == "bits_per_byte" and card.unit.bytes_per_token is None:
        raise InputError(f"{card.name} has no bytes per token: give the {kind} in nats or bits per token")
    return Unit(given or "nats", card.unit.bytes_per_token)


def write_card(card: Card, path: Path) -> None:
    """Writes a card, whole or not at all, and never over another file.

    Raises
    ------
    InputError
        If there is such a file, or it cannot be written.
    """
    write_signed(card.document(), path, force=False)


def open_card(path: str | Path) -> Card:
    """Opens a card that `register` wrote.

    Raises
    ------
    InputError
        If there is no such file, it is no card, it is of a later version, or it is not as it was registered.
    """
    path = Path(path)
    found = open_signed(path, "forecast card", "registered")
    try:
        names = Card.__dataclass_fields__
        known: Document = {n: tuple(x) if isinstance(x, list) else x for n, x in found.items() if n in names}
        known["unit"] = Unit(**found["unit"])
        if "course" in found:
            known["course"] = Course.from_dict(found["course"])
        card = Card(**known)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is no forecast card: {error}") from error
    return card


def write_signed(document: Mapping[str, object], path: Path, *, force: bool) -> None:
    """Writes a document with its checksum as JSON; `InputError` as of `replacing`."""
    text = json.dumps({**document, "checksum": checksum_of_json(document)}, indent=1)
    with replacing(path, force) as aside:
        aside.write_text(f"{text}\n", encoding="utf-8")


def open_signed(path: Path, what: str, made: str) -> Document:
    """The document that `write_signed` wrote: ``what`` it is, and how it was ``made``, in words.

    Raises
    ------
    InputError
        If there is no such file, it is something else, of a later version, or altered.
    """
    if not path.is_file():
        raise InputError(f"no file {path}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        schema, written = int(found["schema"]), found.pop("checksum")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path} is no {what} of bayes_scaling: expected JSON with schema and checksum"
        ) from error
    if schema > SCHEMA:
        raise InputError(
            f"{path} has schema {schema}; this version reads up to {SCHEMA}: upgrade bayes_scaling"
        )
    if written != checksum_of_json(found):
        raise InputError(
            f"{path} is not as it was {made}: its checksum differs, so a number or a word in it was altered; take "
            "the file as it was written"
        )
    return dict(found)


def equally_likely(draws: "xr.DataArray", count: int = 399) -> tuple[float, ...]:
    """So many quantiles of draws, dims (chain, draw), to six digits: each stands for as many draws as the others."""
    found = quantiles(draws, [(i + 0.5) / count for i in range(count)]).to_numpy()
    return tuple(float(f"{value:.6g}") for value in found.ravel())
