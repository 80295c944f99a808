"""A folder of forecast cards and their outcomes: what was said beforehand, what was reached, and how reliable it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.outcome import SUFFIX, Outcome, open_outcome, outcome_path
from bayes_scaling.forecast.card import SHOWN, Card, open_card
from bayes_scaling.inference.intervals import bound_names
from bayes_scaling.inference.result import Result

if TYPE_CHECKING:
    import pandas as pd

FEW = 10
"""Outcomes from which on their coverage says anything."""


class Entry(NamedTuple):
    """A card, and its outcome if there is one."""

    card: Card
    outcome: Outcome | None


@dataclass(frozen=True, eq=False, repr=False)
class Ledger(Result):
    """Cards by the time of their registration.

    Attributes
    ----------
    entries : tuple of Entry
    left_out : tuple of str
        Files of the folder that are not in it, with the reason.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()

    quantities: ClassVar = ()

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes of the runs that were scored, in the order in which they were."""
        found = [entry.outcome for entry in self.entries if entry.outcome is not None]
        return sorted(found, key=lambda outcome: outcome.scored)

    def coverage(self, prob: float) -> float:
        """The share of outcomes inside of their interval; NaN without any."""
        return float(np.mean([o.inside(prob) for o in self.outcomes])) if self.outcomes else np.nan

    @property
    def warnings(self) -> list[str]:
        """Files that are left out, outcomes that came before their card, and coverage of few."""
        early = [
            f"{o.card.name} was registered on {o.card.registered}, after it was scored ({o.scored}): it is no forecast"
            for o in self.outcomes
            if o.scored < o.card.registered
        ]
        few = f"outcomes are too few to say how reliable forecasts are: {len(self.outcomes)}, of {FEW} or more wanted"
        return [*self.left_out, *early, *([few] if 0 < len(self.outcomes) < FEW else [])]

    def sentences(self, prob: float = 0.9) -> list[str]:
        """How many cards have an outcome, how many intervals have theirs, and on which side they lie."""
        found, count = self.outcomes, len(self.entries)
        said = [f"{count} card{'s' * (count != 1)}, {len(found)} with an outcome"]
        if found:
            inside = (
                f"{100 * p:g}% intervals have {sum(o.inside(p) for o in found)} of {len(found)}"
                for p in sorted({SHOWN[0], prob})
            )
            at = np.array([o.quantile for o in found])
            density = np.mean([o.log_density for o in found])
            said += [
                "; ".join(inside),
                f"{int((at < 0.5).sum())} of {len(found)} outcomes lie below the median that was forecast; quantiles "
                f"are {at.mean():.2f} on average, the log density {density:.2f}",
            ]
        return said

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per card: when, which run, what was forecast, and what came of it."""
        import pandas as pd  # loads when a table is made, and not on import

        return pd.DataFrame([_row(entry, prob) for entry in self.entries])


def _row(entry: Entry, prob: float) -> dict[str, object]:
    card, outcome = entry
    low, high = card.interval(prob)
    bounds = dict(zip(bound_names("new_run", prob), (float(low), float(high)), strict=True))
    reached = {
        "loss": outcome.loss if outcome else np.nan,
        "quantile": outcome.quantile if outcome else np.nan,
        **{f"inside {100 * p:g}%": _answer(outcome, p) for p in SHOWN},
        "log density": outcome.log_density if outcome else np.nan,
    }
    about = {"card": card.name, "registered": card.day, "run": card.run}
    return {**about, "new_run": float(card.median()), **bounds, **reached}


def _answer(outcome: Outcome | None, prob: float) -> str:
    return "open" if outcome is None else "yes" if outcome.inside(prob) else "no"


def ledger(folder: str | Path) -> Ledger:
    """All forecast cards of a folder with their outcomes, and how reliable the forecasts were.

    Parameters
    ----------
    folder : str or Path
        With cards that `register` wrote, and the outcomes that `score` wrote beside them. A file that is altered, or
        no card, is left out and named.

    Raises
    ------
    InputError
        If there is no such folder, or no card in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"no folder {folder}")
    entries, left_out = [], []
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith(SUFFIX):
            continue
        try:
            card = open_card(path)
            beside = outcome_path(path)
            entries.append(Entry(card, open_outcome(card, beside) if beside.exists() else None))
        except InputError as error:
            left_out.append(f"left out: {error}")
    if not entries:
        why = f" ({'; '.join(left_out)})" if left_out else ""
        raise InputError(f"{folder} has no forecast card{why}; `fit.register` writes one")
    entries.sort(key=lambda entry: entry.card.registered)
    return Ledger(tuple(entries), tuple(left_out))
