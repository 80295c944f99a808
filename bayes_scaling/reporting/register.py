"""A forecast registered: the card as a file, and as a page of Markdown to paste where it will be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.data.files import check_writable, replacing
from bayes_scaling.data.units import Quantities, format_value
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.outcome import SUFFIX
from bayes_scaling.forecast.card import SHOWN, Card, write_card
from bayes_scaling.forecast.register import make_card
from bayes_scaling.inference.intervals import bound_names
from bayes_scaling.model.drift import Drift
from bayes_scaling.reporting.provenance import priors_in_words
from bayes_scaling.reporting.tables import markdown

if TYPE_CHECKING:
    from bayes_scaling.data.trajectories import HistoryLike
    from bayes_scaling.inference.collection import Collection
    from bayes_scaling.inference.posterior import Posterior


def register(
    fit: "Posterior",
    path: str | Path,
    params: Quantities | None = None,
    tokens: Quantities | None = None,
    *,
    group: str | None = None,
    drift: Drift | float | bool | None = None,
    note: str = "",
    history: "HistoryLike | Collection | None" = None,
    **inputs: Quantities,
) -> Card:
    """Write down what one run should reach, before it starts: a forecast card, and its page of Markdown.

    Parameters
    ----------
    fit : Posterior
    path : str or Path
        The card to write, a .json file; the page has the same name with .md. Neither ever replaces a file.
    params, tokens : number or string such as "100B"
        Of the run.
    group : str, optional
        The run's group, or "new" for one not seen yet; to be named where the fit has several.
    drift
        As for `predict`.
    note : str
        Anything to remember, as which evaluation the loss is of.
    history : table of checkpoints, or logs of small runs, optional
        As for `follow`: curves of small runs of the same schedule. Then the card has intervals at 10, 25, 50 and 75% of
        training too, and `follow` needs no more than the card.
    **inputs
        Further inputs of the law, by column name.

    Raises
    ------
    InputError
        As of `predict`; for more than one run; and if the card or the page exists or cannot be written.
    """
    path = Path(path)
    if path.suffix != ".json" or path.name.endswith(SUFFIX):
        raise InputError(f"a card is a .json file, as hero.json, and no outcome; got {path}")
    page = path.with_suffix(".md")
    for file in (path, page):
        if file.exists():
            raise InputError(
                f"{file} exists, and what is registered is never replaced; give the new card another name"
            )
        check_writable(file, force=False)
    asked, name = {"params": params, "tokens": tokens, **inputs}, path.name.removesuffix(".json")
    card = make_card(fit, name, asked, group=group, drift=drift, note=note, history=history)
    write_card(card, path)
    with replacing(page, force=False) as aside:
        aside.write_text(card_page(card), encoding="utf-8")
    return card


def card_page(card: Card) -> str:
    """A card as a page of Markdown."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: Card) -> Iterator[str]:
    made, table = (
        card.fit,
        card.table(SHOWN[0]).join(card.table(SHOWN[1])[[*bound_names("new_run", SHOWN[1])]]),
    )
    row = table.iloc[0]
    yield from (f"# Forecast: {card.name}", "", f"**{card.sentences()[0]}.**", "")
    if card.note:
        yield from (card.note, "")
    intervals = [
        (f"{100 * p:g}%", *(f"{row[name]:.4f}" for name in bound_names("new_run", p))) for p in SHOWN
    ]
    yield from (markdown(("interval", "from", "to"), intervals), "")
    asked = ", ".join(f"{name} {format_value(name, value)}" for name, value in card.inputs.items())
    if way := card.on_the_way():
        rows = [
            (f"{at:.0%}", *(f"{low:.4f} to {high:.4f}" for low, high in bands.values()))
            for at, bands in way.items()
        ]
        yield from (markdown(("of training", *(f"{100 * p:g}%" for p in SHOWN)), rows), "")
    yield from (f"Registered {card.registered}, before the run; {asked}; median {row['new_run']:.4f}.", "")
    yield from ("## What it assumes", "", *(f"- {said}." for said in card.assumptions), "")
    if card.warnings:
        yield from ("## What to know before believing it", "", *(f"- {said}." for said in card.warnings), "")
    facts = [
        ("law", f"{made['law']}: {made['formula']}"),
        ("priors", priors_in_words(made["priors"])),
        ("draws", f"{made['chains']} chains of {made['draws']}, seed {made['seed']}"),
        ("versions", ", ".join(f"{name} {number}" for name, number in made["versions"].items())),
        ("runs (SHA-256)", card.data),
        ("card (SHA-256)", card.checksum),
    ]
    yield from ("## How it was made", "", markdown(("what", "how"), facts), "")
    if card.course:
        yield f"Follow it with `bayes-scaling follow {card.name}.json --log ...`."
    yield f"Score it with `bayes-scaling score {card.name}.json --loss ...`."
