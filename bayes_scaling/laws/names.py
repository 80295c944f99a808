"""Laws by the names that users give them."""

from difflib import get_close_matches

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import LAWS, Law, names
from bayes_scaling.laws.ceiling import NAME, with_ceiling
from bayes_scaling.laws.pinned import SIGN, pinned, read_pins

DEFAULT = "chinchilla"
"""The law where none is named, but for a ceiling that runs may show (`bayes_scaling.inference.default_law`): the
discrepancy around it learns what it misses (benchmarks/results/discrepancy.md)."""


def get_law(law: str | Law) -> Law:
    """The law of that name; ``"name:column+column"`` reads its inputs from other columns.

    ``"name+ceiling"`` is that law below the loss of random guessing, `bayes_scaling.laws.ceiling`; ``"name@E=1.6"`` has
    its floor pinned, `bayes_scaling.laws.pinned`.

    Raises
    ------
    InputError
        With the closest names where there is none; or for columns that do not fit the law's inputs.
    """
    if isinstance(law, Law):
        return law
    law, pin, known_values = law.partition(SIGN)
    if pin:
        return pinned(get_law(law), read_pins(known_values))
    name, colon, columns = (part.strip() for part in law.partition(":"))
    name, plus, further = (part.strip() for part in name.partition("+"))
    known = names()
    if name not in known or (plus and further != NAME):
        close = get_close_matches(name, known)
        hint = f"did you mean {close[0]!r}? " if close and name not in known else ""
        choices = ", ".join(sorted(LAWS)) + (f"; and those of losses with +{NAME}" if plus else "")
        raise InputError(f"unknown law {law.strip()!r}: {hint}the laws are {choices}")
    found = with_ceiling(known[name]) if plus else known[name]
    return found.over(*(c.strip() for c in columns.split("+"))) if colon else found
