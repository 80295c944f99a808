"""The contract of every result: the answer in sentences, what to know before believing it, and the numbers behind it.

A result is a frozen dataclass (``@dataclass(frozen=True, eq=False, repr=False)``: the representation comes from here)
that keeps its draws. It names the quantities that can be asked for, the most important first, and says sentences, a
table and warnings; bounds, medians, JSON and representations follow from those. What code of the package needs with all
dims kept, it takes from `draws` by way of `bayes_scaling.inference.intervals`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from bayes_scaling.data.notebook import four_digits, labelled, notebook_html
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import Interval, equal_tailed, median

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

    type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

LONGEST = 25
"""Lines of a representation, at most."""

_PLOTS: dict[type, Callable[..., "Axes"]] = {}


def plot_of(*results: type) -> Callable[[Callable[..., "Axes"]], Callable[..., "Axes"]]:
    """Makes a function of ``(result, ax=None)`` the plot of these results: the plots lie in a folder below."""

    def register(plot: Callable[..., "Axes"]) -> Callable[..., "Axes"]:
        _PLOTS.update(dict.fromkeys(results, plot))
        return plot

    return register


class Result(ABC):
    """What a verb answers."""

    quantities: ClassVar[tuple[str, ...]] = ()
    """What `draws`, `interval` and `median` can be asked for; the first is their default."""

    if TYPE_CHECKING:  # a field, a property or a class attribute of each result

        @property
        def warnings(self) -> Sequence[str]:
            """What to know before believing the answer, one sentence each, without a full stop."""

    @abstractmethod
    def sentences(self, prob: float = 0.9) -> list[str]:
        """The answer, one sentence for each question, the most important first, without full stops."""

    @abstractmethod
    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """The numbers behind the sentences; interval columns as in `intervals.columns`, an index named."""

    def draws(self, what: str | None = None) -> "xr.DataArray":
        """Draws of a quantity, dims (chain, draw, ...).

        Raises
        ------
        InputError
            For a quantity that is not there, or a result without draws.
        """
        if not self.quantities:
            raise InputError(f"a {type(self).__name__} has no draws to take an interval of; see its table()")
        name = what or self.quantities[0]
        if name not in self.quantities:
            raise InputError(
                f"a {type(self).__name__} has no quantity {what!r}; it has {', '.join(self.quantities)}"
            )
        return cast("xr.DataArray", getattr(self, name))

    def interval(self, prob: float = 0.9, what: str | None = None) -> Interval:
        """The two bounds of the equal-tailed interval of a quantity.

        Dims of length one are dropped: for one group and one point, ``float(low)`` is the number.

        Raises
        ------
        InputError
            For a probability that does not lie between 0 and 1, or a quantity without draws.
        """
        lower, upper = equal_tailed(self.draws(what), prob)
        return Interval(lower.squeeze(), upper.squeeze())

    def median(self, what: str | None = None) -> "xr.DataArray":
        """The median of a quantity, dims as those of a bound of `interval`; errors as there."""
        return median(self.draws(what)).squeeze()

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The plot of this result, on given axes or on a figure of its own.

        Raises
        ------
        InputError
            If such results have no plot.
        """
        for kind in type(self).__mro__:
            if kind in _PLOTS:
                return _PLOTS[kind](self, ax=ax)
        raise InputError(f"a {type(self).__name__} has no plot; see its table()")

    def to_dict(self, prob: float = 0.9) -> "dict[str, Json]":
        """Sentences, warnings and the table's rows, as JSON values; NaN and infinity are None."""
        rows = labelled(self.table(prob)).to_dict("records")
        document = as_json({"sentences": self.sentences(prob), "warnings": self.warnings, "table": rows})
        return cast("dict[str, Json]", document)

    def __repr__(self) -> str:
        said = [f"{sentence}." for sentence in self.sentences()]
        said += [f"Warning: {sentence}." for sentence in self.warnings]
        if len(said) > LONGEST - 4:
            said = [*said[: LONGEST - 5], f"... {len(said) - LONGEST + 5} more sentences"]
        table = labelled(self.table()).to_string(index=False, float_format=four_digits).splitlines()
        space = LONGEST - len(said) - 1
        if len(table) > space:
            table = [*table[: space - 1], f"... {len(table) - space + 1} more rows"]
        return "\n".join([*said, "", *table])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return notebook_html(self.sentences(), self.warnings, self.table())


def as_json(value: Any) -> "Json":
    """A value of Python, NumPy or pandas as JSON has it; NaN and infinity are None."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else str(value)
