"""How sentences write a number with its interval."""

from collections.abc import Callable, Hashable, Mapping

import numpy as np

from bayes_scaling.forecast.forecast import distance_words
from bayes_scaling.inference.intervals import bound_names


def span(
    row: "Mapping[Hashable, float]", what: str, prob: float, form: Callable[[float], str], sep: str = " to "
) -> str:
    """The bounds of a quantity in a row of a table: "1B to 2B", or "1B to no bound"."""
    low, high = (row[name] for name in bound_names(what, prob))
    return f"{form(low)}{sep}{form(high) if np.isfinite(high) else 'no bound'}"


def with_span(row: "Mapping[Hashable, float]", what: str, prob: float, form: Callable[[float], str]) -> str:
    """A quantity with its interval, where it has any: "1.4B (90%: 1B to 2B)"."""
    low, high = (form(row[name]) for name in bound_names(what, prob))
    middle = form(row[what])
    return middle if low == high else f"{middle} ({100 * prob:g}%: {span(row, what, prob, form)})"


def of_group(row: "Mapping[Hashable, object]") -> str:
    """The group of a row, behind what it is a row of."""
    return f", {row['group']}" if "group" in row else ""


def beyond_words(row: "Mapping[Hashable, float]") -> str:
    """How far a row lies beyond the data."""
    return distance_words(row["decades beyond"])


def without_optimum(share: float, where: str = "") -> str:
    """A warning about draws that have no answer."""
    return (
        f"{share:.1%} of the draws have no interior optimum{where} (the loss falls all the way to the smallest or the "
        "largest model); they are left out"
    )


def three(x: float) -> str:
    """Three significant digits."""
    return f"{x:.3g}"
