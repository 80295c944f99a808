"""Results as short plain tables for a terminal, and as JSON for programs."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, str]]
"""A table of text: one dict per row, with the headings as keys."""


def aligned(rows: Rows) -> str:
    """Columns side by side: numbers to the right, words to the left."""
    if not rows:
        return "(no rows)"
    columns = []
    for heading in rows[0]:
        cells = [row[heading] for row in rows]
        width = max(map(len, (heading, *cells)))
        right = all(cell[:1].isdigit() or cell[:1] in ("", "-") for cell in cells)
        columns.append([cell.rjust(width) if right else cell.ljust(width) for cell in (heading, *cells)])
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))


def forecast_rows(table: "pd.DataFrame", prob: float, *, parts: bool = False) -> Rows:
    """Of `Forecast.table`: the law's loss, the band of a new run (and its parts), how far beyond the data it is.

    A column ``reached`` is shown where there is one: what such a run came to.
    """
    beyond = table.filter(like="decades beyond").max(axis=1)
    rows = []
    for (_, row), decades in zip(table.iterrows(), beyond, strict=True):
        given = {name: row[name] for name in table.columns[: table.columns.get_loc("mean")]}
        rows.append(
            {name: _input(name, value) for name, value in given.items()}
            | {
                "loss": _loss(row["mean"]),
                f"{_percent(prob)} law": _band(row, "mean", prob, _loss),
                **({f"{_percent(prob)} with drift": _band(row, "drifted", prob, _loss)} if parts else {}),
                f"{_percent(prob)} new run": _band(row, "new_run", prob, _loss),
            }
            | {name: _share(row[name]) for name in table.columns if name.startswith("prob below")}
            | ({"reached": _loss(row["reached"])} if "reached" in table else {})
            | {"beyond data": f"{decades:.1f} decades"}
        )
    return rows


def allocation_rows(table: "pd.DataFrame", prob: float) -> Rows:
    """Of `Allocation.table`: N_opt, D_opt and the law's loss there."""
    percent = _percent(prob)
    return [
        {name: _input(name, row[name]) for name in ("group", "flops") if name in table}
        | {
            "params": format_quantity(row["params"]),
            f"{percent} params": _band(row, "params", prob, format_quantity),
            "tokens": format_quantity(row["tokens"]),
            f"{percent} tokens": _band(row, "tokens", prob, format_quantity),
            "tokens/param": format_quantity(row["tokens_per_param"]),
            f"{percent} law": _band(row, "loss", prob, _loss),
        }
        for _, row in table.iterrows()
    ]


def approaches_rows(table: "pd.DataFrame", prob: float) -> Rows:
    """Of `Approaches.table`: the exponent and N_opt by each approach."""
    percent = _percent(prob)
    return [
        {
            "approach": str(row["approach"]),
            "a": _loss(row["a"]),
            f"{percent} a": _band(row, "a", prob, _loss),
            "flops": format_flops(row["flops"]),
            "params": format_quantity(row["params"]),
            f"{percent} params": _band(row, "params", prob, format_quantity),
        }
        for _, row in table.iterrows()
    ]


def design_rows(table: "pd.DataFrame") -> Rows:
    """Of `Design.table`, or of a grid: configurations, and what they tell."""
    forms: dict[str, Any] = {
        "group": str,
        "params": format_quantity,
        "tokens": format_quantity,
        "flops": format_flops,
        "runs": lambda x: f"{x:.0f}",
        "removed": lambda x: f"{x:.1%}",
        "per_flop": lambda x: f"{x:.2f}",
    }
    heads = {"removed": "variance removed", "per_flop": "for its cost"}
    return [
        {heads.get(name, name): form(row[name]) for name, form in forms.items() if name in table}
        for _, row in table.iterrows()
    ]


def answer_rows(table: "pd.DataFrame", prob: float) -> Rows:
    """Of the tables of plans, risks and contrasts: each quantity with its interval behind it."""
    percent = _percent(prob)
    ends = {f" {percent} {bound}" for bound in ("lower", "upper")}
    rows = []
    for _, row in table.iterrows():
        cells = {}
        for name in table.columns:
            head = _HEADS.get(name, name.replace("_", " "))
            if any(name.endswith(end) for end in ends):
                continue
            form = next((form for key, form in _FORMS.items() if key in name), _three)
            cell = str(row[name]) if isinstance(row[name], str) else form(row[name])
            if f"{name} {percent} lower" in table:
                low, high = (form(row[f"{name} {percent} {bound}"]) for bound in ("lower", "upper"))
                head, cell = f"{head} ({percent})", cell + (f" ({low} to {high})" if low != high else "")
            cells[head] = cell
        rows.append(cells)
    return rows


def exponent_rows(table: "pd.DataFrame", prob: float) -> Rows:
    """Of `Exponents.table`: quantities downwards, groups sideways."""
    rows: dict[str, dict[str, str]] = {}
    for row in table.to_dict("records"):
        values = (
            row[name]
            for name in ("median", *(f"median {_percent(prob)} {end}" for end in ("lower", "upper")))
        )
        middle, low, high = (f"{x:#.3g}" for x in values)
        cells = rows.setdefault(row["quantity"], {"quantity": row["quantity"]})
        cells[row.get("group", f"median ({_percent(prob)})")] = f"{middle} ({low} to {high})"
    return list(rows.values())


def blocks(rows: Rows) -> str:
    """Rows too wide for a line: each as a block of its own, headed by its words; what has no answer is left out."""
    found = []
    for row in rows:
        head = ", ".join(row[name] for name in ("question", "group") if name in row)
        rest = [
            (name, cell) for name, cell in row.items() if name not in ("question", "group") and cell != "-"
        ]
        width = max(len(name) for name, _ in rest)
        found.append("\n".join([head, *(f"  {name:{width}}  {cell}" for name, cell in rest)]))
    return "\n\n".join(found)


def summary_rows(table: "pd.DataFrame", prob: float, names: Iterable[str] | None = None) -> Rows:
    """Of `Fit.summary`: only the quantities of these names, without R-hat and ESS; all of both by default."""
    wanted = None if names is None else set(names)
    rows = []
    for quantity, row in table.iterrows():
        if wanted is not None and str(quantity).partition("[")[0] not in wanted:
            continue
        sampled = {"R-hat": f"{row['r_hat']:.3f}", "ESS": f"{min(row['ess_bulk'], row['ess_tail']):.0f}"}
        rows.append(
            {"quantity": str(quantity), "median": format_quantity(row["median"])}
            | {_percent(prob): _band(row, "", prob, format_quantity)}
            | (sampled if wanted is None else {})
            | {"meaning": row["meaning"]}
        )
    return rows


def comparison_rows(table: "pd.DataFrame") -> Rows:
    """Of `Comparison.table`, the best law first."""
    return [
        {
            "law": str(name),
            "elpd": f"{row['elpd']:.1f}",
            "se": f"{row['se']:.1f}",
            "difference": f"{row['elpd_diff']:.1f}",
            "se of it": f"{row['dse']:.1f}",
            "p": f"{row['p']:.1f}",
            "weight": _share(row["weight"]),
            "worst k": f"{row['worst_k']:.2f}",
            "refits": f"{row['refits']:.0f}",
            **({"larger runs": f"{row['ahead']:.2f}"} if table["ahead"].notna().any() else {}),
        }
        for name, row in table.iterrows()
    ]


def backtest_rows(table: "pd.DataFrame") -> Rows:
    """What a back-test found, one row per method or per cut and method."""
    rows = []
    for key, row in table.iterrows():
        names = key if isinstance(key, tuple) else (key,)
        held = {
            str(name).removeprefix("coverage ") + " band held": f"{value:.0%}"
            for name, value in row.items()
            if str(name).startswith("coverage")
        }
        rows.append(
            {
                **{str(name): str(value) for name, value in zip(table.index.names, names, strict=True)},
                "runs": f"{row['runs']:.0f}",
                **held,
                "90% width": f"{row['width']:.1%}",
                "log density": f"{row['log_density']:.2f}",
                "CRPS": f"{row['crps']:.4f}",
                "median off by": f"{row['error']:+.1%}",
            }
        )
    return rows


def records(table: "pd.DataFrame", index: str | None = None) -> list[dict[str, Any]]:
    """The rows of a table, with its index under this name."""
    named = table if index is None else table.reset_index(names=index)
    return [dict(zip(map(str, named.columns), row, strict=True)) for row in named.itertuples(index=False)]


def to_json(document: Any) -> str:
    """A JSON document in full precision; null for what is not a finite number."""
    return json.dumps(_plain(document), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _three(x: float) -> str:
    return "-" if math.isnan(x) else "no bound" if math.isinf(x) else f"{x:.3g}"


def _known(form: Any) -> Any:
    """A form for numbers that may be missing or without bound."""
    return lambda x: form(x) if math.isfinite(x) else _three(x)


_FORMS: dict[str, Any] = {
    "per_param": _three,
    "flops": _known(format_flops),
    "total": _known(format_flops),
    "params": _known(format_quantity),
    "tokens": _known(format_quantity),
    "served": _known(format_quantity),
    "regret": _known(lambda x: f"{x:.2g}"),
    "expected loss": _known(lambda x: f"{x:.4f}"),
    "quantile": _known(lambda x: f"{x:.4f}"),
    "difference": _known(lambda x: f"{x:+.4f}"),
    "loss": _known(lambda x: f"{x:.3f}"),
    "mean": _known(lambda x: f"{x:.3f}"),
    "drifted": _known(lambda x: f"{x:.3f}"),
    "new_run": _known(lambda x: f"{x:.3f}"),
    "prob": _known(lambda x: f"{x:.2f}"),
    "beyond": _known(lambda x: f"{x:.1f}"),
    "answered": _known(lambda x: f"{x:.1%}"),
}
"""How a column is written, by the first of these words in its name."""

_HEADS = {
    "tokens_per_param": "tokens/param",
    "mean": "loss by the law",
    "drifted": "loss with drift",
    "new_run": "loss of a new run",
    "prob target": "P(target)",
    "decades beyond": "decades beyond the data",
    "answered": "draws with an answer",
}


def _input(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return format_flops(value) if name == "flops" else format_quantity(value)


def _percent(prob: float) -> str:
    return f"{100 * prob:g}%"


def _loss(x: float) -> str:
    return f"{x:.3f}"


def _share(x: float) -> str:
    return f"{x:.2f}"


def _band(row: Any, what: str, prob: float, form: Any) -> str:
    low, high = (form(row[f"{what} {_percent(prob)} {bound}".strip()]) for bound in ("lower", "upper"))
    # A hyphen between numbers that hold one themselves would be hard to read.
    return f"{low} to {high}" if "-" in low + high else f"{low}-{high}"
