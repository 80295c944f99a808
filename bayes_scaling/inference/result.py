"""The contract of every result: the answer in sentences, then a table, intervals, warnings and a picture."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

LONGEST = 25
"""Lines of a representation, at most."""

_PICTURES: dict[type, Callable[..., "Axes"]] = {}


class Interval(NamedTuple):
    """The two ends of an equal-tailed interval, dims as those of the quantity without chain and draw."""

    lower: "xr.DataArray"
    upper: "xr.DataArray"


def draws_with(picture: Callable[..., "Axes"], *results: type) -> None:
    """Says which function ``picture(result, ax=None)`` draws these results; the pictures' own folder calls it."""
    for result in results:
        _PICTURES[result] = picture


class Result(ABC):
    """What a verb answers. Quantities keep their draws; a table or an interval is made when it is asked for."""

    warnings: Sequence[str]
    """What must be said with the answer, one sentence each, without a full stop."""

    @abstractmethod
    def sentences(self, prob: float = 0.9) -> list[str]:
        """The answer, one sentence for each question, the most important first."""

    @abstractmethod
    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """The numbers behind the sentences; names of interval columns carry their probability."""

    def interval(self, prob: float = 0.9, what: str | None = None) -> Interval:
        """The ends of the equal-tailed interval of a quantity; the most important one by default.

        Raises
        ------
        InputError
            For a probability outside of 0 to 1, a quantity that is not there, or a result that has no draws.
        """
        raise InputError(f"a {type(self).__name__} has no draws to take an interval of; see its table()")

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The picture of this result, on given axes or on a figure of its own.

        Raises
        ------
        InputError
            If no picture of such results is known.
        """
        for kind in type(self).__mro__:
            if kind in _PICTURES:
                return _PICTURES[kind](self, ax=ax)
        raise InputError(f"no picture of a {type(self).__name__} is known: import bayes_scaling.api first")

    def to_dict(self, prob: float = 0.9) -> dict[str, Any]:
        """Sentences, warnings and the table's rows, as JSON values; NaN and infinity are None."""
        rows = self.table(prob).reset_index(drop=True)
        return {
            "sentences": self.sentences(prob),
            "warnings": list(self.warnings),
            "table": [{str(k): _plain(v) for k, v in row.items()} for row in rows.to_dict("records")],
        }

    def __repr__(self) -> str:
        said = [f"{sentence.removesuffix('.')}." for sentence in self.sentences()]
        said += [f"Warning: {sentence.removesuffix('.')}." for sentence in self.warnings]
        table = self.table().to_string(index=False, float_format=lambda x: f"{x:.4g}").splitlines()
        room = LONGEST - len(said) - 1
        if room < 2:
            return "\n".join(said[:LONGEST])
        cut = [*table[: room - 1], f"... {len(table) - room + 1} more rows"] if len(table) > room else table
        return "\n".join([*said, "", *cut])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from html import escape

        said = "".join(f"<p>{escape(s.removesuffix('.'))}.</p>" for s in self.sentences())
        said += "".join(f"<p><b>Warning:</b> {escape(s.removesuffix('.'))}.</p>" for s in self.warnings)
        table = self.table().to_html(index=False, max_rows=LONGEST, float_format=lambda x: f"{x:.4g}")
        return said + table


def _plain(value: Any) -> Any:
    """A cell as a JSON value."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value - value != 0 else value
