"""What a notebook shows of a table, a fit or a result: sentences, warnings and a small table, escaped."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FEW, FEW_ROWS = 4, 12
"""Sentences of a kind that are shown unfolded, and rows of the table, at most."""

_AMBER = 'style="border-left: .25em solid #e69f00; padding-left: .6em"'


def notebook_html(sentences: Sequence[str], warnings: Sequence[str], table: "pd.DataFrame") -> str:
    """Sentences without full stops, warnings and a table as HTML."""
    said = _folded([f"<p>{escape(sentence)}.</p>" for sentence in sentences], "answers")
    care = [f"<p {_AMBER}><b>Warning:</b> {escape(sentence)}.</p>" for sentence in warnings]
    shown = labelled(table).to_html(index=False, max_rows=FEW_ROWS, float_format=four_digits)
    return said + _folded(care, "warnings") + str(shown)


def labelled(table: "pd.DataFrame") -> "pd.DataFrame":
    """A table whose labels are columns, for where an index would not be shown."""
    return table if table.index.name is None and table.index.nlevels == 1 else table.reset_index()


def four_digits(x: float) -> str:
    """A number as a table for people has it."""
    return f"{x:.4g}"


def _folded(paragraphs: list[str], noun: str) -> str:
    """The first few paragraphs, the others behind a line that says how many."""
    first, rest = paragraphs[:FEW], paragraphs[FEW:]
    more = f"<details><summary>{len(rest)} more {noun}</summary>{''.join(rest)}</details>" if rest else ""
    return "".join(first) + more
