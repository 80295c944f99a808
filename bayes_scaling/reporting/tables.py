"""Tables as text for a terminal and as Markdown, with numbers as people write them: 70B, 1.2e24, 1.930.

What a column contains is read off its name, and which columns are bounds of another one off theirs
(`bayes_scaling.inference.intervals.columns`), so that a new result needs nothing here.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_flops, format_loss, format_quantity

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.result import Result

Rows = list[dict[str, str]]
"""A table of text: one dict per row, with the headings as keys."""

WIDEST = 80
"""Characters of a line of text; a table that needs more is cut into several, or written downwards."""

NARROWEST = 24
"""Characters to which the words of a last column are wrapped, at least."""

LONGEST_CELL = 400
"""Characters of a cell of text, at most."""

_FORMATS: dict[str, Callable[[float], str]] = {
    "per.param|per.flop": format_quantity,
    "elpd|worst.k": "{:.2f}".format,
    "difference": "{:+.4f}".format,
    "flops|total|cost": format_flops,
    "params|tokens|served": format_quantity,
    "regret": "{:.2g}".format,
    "coverage|width|interior|answered|removed|share|error.size|^progress$": "{:.1%}".format,
    "^error$": "{:+.1%}".format,
    "prob|weight": "{:.2f}".format,
    "expected|quantile|crps|sd$": partial(format_loss, digits=4),
    "beyond": "{:.1f}".format,
    "loss|mean|drifted|new.run|reached|r.hat|^a$": format_loss,
    "ess|runs|refits": "{:.0f}".format,
}
"""How a number is written, by the first pattern that its column's name matches; else as a quantity."""

_HEADINGS = {
    "tokens_per_param": "tokens/param",
    "mean": "law alone",
    "drifted": "with drift",
    "new_run": "new run",
    "prob target": "P(target)",
    "removed": "variance removed",
    "per_flop": "for its cost",
    "weight": "LOO weight",
    "elpd_diff": "difference",
    "dse": "se of it",
    "ahead": "larger runs",
    "r_hat": "R-hat",
    "crps": "CRPS",
}
_LOWER = re.compile(r"^(?P<what>.*?) ?(?P<prob>[\d.]+%) lower$")


def shown(result: "Result", prob: float = 0.9, table: "pd.DataFrame | None" = None) -> str:
    """The table of a result, or another instead, as text."""
    return as_text(written(result.table(prob) if table is None else table))


def written(table: "pd.DataFrame") -> Rows:
    """A table's cells as text: bounds in brackets behind their median, distances beyond the data in one column."""
    frame = table if table.index.name is None and table.index.nlevels == 1 else table.reset_index()
    columns = {str(name): frame[name] for name in frame.columns}
    bounds = {found["what"] or "median": found for name in columns if (found := _LOWER.match(name))}
    ends = {found[0].removesuffix("lower") + end for found in bounds.values() for end in ("lower", "upper")}
    beyond = [name for name in columns if name.startswith("decades beyond")]
    rows: Rows = [{} for _ in range(len(frame))]
    for name, cells in columns.items():
        if name in ends or name in beyond:
            continue
        heading, texts = _HEADINGS.get(name, name.replace("_", " ")), [_cell(name, x) for x in cells]
        if found := bounds.get(name):
            heading += f" ({found['prob']})"
            edges = (
                [_cell(name, x) for x in columns[found[0].removesuffix("lower") + e]]
                for e in ("lower", "upper")
            )
            texts = [
                middle if low == high else f"{middle} ({low} to {high})"
                for middle, low, high in zip(texts, *edges, strict=True)
            ]
        for row, text in zip(rows, texts, strict=True):
            row[heading] = text
    if beyond:
        for row, far in zip(rows, frame[beyond].max(axis=1), strict=True):
            row["decades beyond"] = f"{far:.1f}"
    return rows


def as_text(rows: Rows) -> str:
    """Columns side by side, no line longer than `WIDEST`.

    A single row that is too wide is written downwards, without what has no answer. Of several, what they share is said
    once above; then words of a last column are wrapped, or columns go below the others, beside the first ones again.
    """
    if not rows:
        return "(no rows)"
    headings = [*rows[0]]
    if _fits(headings, rows):
        return _side_by_side(headings, rows)
    if len(rows) == 1:
        return _downwards(rows)
    shared = {name: rows[0][name] for name in headings[1:] if len({row[name] for row in rows}) == 1}
    above = ", ".join(f"{name} {text}" for name, text in shared.items() if text != "-")
    headings = [name for name in headings if name not in shared]
    narrow = len(_side_by_side(headings[:-1], rows).partition("\n")[0]) + 2 if len(headings) > 1 else WIDEST
    wrapped = [
        {**row, headings[-1]: fill(row[headings[-1]], max(WIDEST - narrow, NARROWEST))} for row in rows
    ]
    words = len(headings) > 1 and not any(_numeric(row[headings[-1]]) for row in rows)
    if words and _fits(headings, wrapped):
        blocks = [_side_by_side(headings, wrapped)]
    else:
        blocks = [_side_by_side(part, rows) for part in _parts(headings, rows)]
    if max(len(line) for block in blocks for line in block.splitlines()) > WIDEST:
        return _downwards(rows)
    return "\n\n".join([*([fill(f"All rows: {above}", WIDEST)] if above else []), *blocks])


def _parts(headings: list[str], rows: Rows) -> list[list[str]]:
    """Headings of tables that fit, each with the columns before the first with bounds."""
    first = next((i for i, name in enumerate(headings) if "%)" in name), 1)
    keys = headings[: max(1, min(first, 3))]
    parts = [[*keys]]
    for name in headings[len(keys) :]:
        if len(parts[-1]) > len(keys) and not _fits([*parts[-1], name], rows):
            parts.append([*keys])
        parts[-1].append(name)
    return parts


def _fits(headings: Sequence[str], rows: Rows) -> bool:
    return max(map(len, _side_by_side(headings, rows).splitlines())) <= WIDEST


def _side_by_side(headings: Sequence[str], rows: Rows) -> str:
    return _tabulated(headings, [[row[name] for name in headings] for row in rows])


def _downwards(rows: Rows) -> str:
    """A block for each row, without what has no answer."""
    blocks = ([item for item in row.items() if item[1] != "-"] for row in rows)
    return "\n\n".join(_tabulated(("", ""), block, "").removeprefix("\n") for block in blocks)


def markdown(headings: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table of Markdown."""
    return _tabulated(headings, rows, "pipe")


def _tabulated(headings: Sequence[str], rows: Iterable[Iterable[object]], style: str = "") -> str:
    """Columns of numbers to the right, those of words to the left."""
    from tabulate import tabulate

    cells = [[_cut(str(cell)) for cell in row] for row in rows]
    sides = ["right" if all(map(_numeric, column)) else "left" for column in zip(*cells, strict=True)]
    if not style:  # as a row like the others: tabulate sets headings of its own further apart
        return tabulate([headings, *cells], tablefmt="plain", disable_numparse=True, colalign=sides)
    return tabulate(cells, headings, style, disable_numparse=True, colalign=sides)


def _cut(cell: str) -> str:
    return cell if len(cell) <= LONGEST_CELL else f"{cell[: LONGEST_CELL - 3]}..."


def _numeric(cell: str) -> bool:
    return cell == "" or cell[0].isdigit() or cell[0] in "+-"


def _cell(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return "-" if math.isnan(number) else "no bound"
    return next((form for key, form in _FORMATS.items() if re.search(key, name)), format_quantity)(number)
