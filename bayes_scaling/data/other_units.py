"""Counts that look like billions, millions or logarithms, and FLOPs that look like GFLOPs: refused, unless trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.aliases import in_shell
from bayes_scaling.data.units import training_flops
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def other_units(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Counts that look like billions, millions or logarithms: column -> a sentence, and ``"*1e9"`` or ``"10**"``."""
    # No table's largest run has so few parameters or tokens; 12B written in millions is 1.2e4, 300B is 3e5.
    ceilings, found = {"params": 1e5, "tokens": 1e6}, {}
    ranges = {column: (table[column].min(), table[column].max()) for column in ceilings if column in table}
    ranges = {column: (low, high) for column, (low, high) in ranges.items() if high < ceilings[column]}
    logs = {column for column, (low, high) in ranges.items() if low >= 5 and high <= 16}
    for column, (low, high) in ranges.items():
        unit, factor = (
            ("billions", "1e9") if low < 1 else ("millions", "1e6") if high >= 1e3
            else ("billions or millions", "1e9 or 1e6")
        )  # fmt: skip
        base = "10" if column in logs else "e" if low >= 11 and high <= 35 else ""
        beside = f", or {base}**{column} if these are logarithms" if base else ""
        said, form = f"{unit}; multiply by {factor}{beside}", f"*{factor.split()[0]}"
        if len(logs) == len(ceilings):  # no table has both in so narrow a range
            said, form = f"decimal logarithms; take 10**{column}", "10**"
        found[column] = (
            f"{column} runs from {low:g} to {high:g}: these look like {said}, because {column} is a plain count.",
            form,
        )
    if not found and (power := _unit_of_flops(table)):
        found["flops"] = (
            f"flops is {10.0**-power:.0e} times 6 * params * tokens in the median run: it looks like a unit of "
            f"1e{power} FLOPs.",
            f"*1e{power}",
        )
    return found


def _unit_of_flops(table: pd.DataFrame) -> int:
    """The power of ten of a unit that the FLOPs of a table look like, such as 9 of GFLOPs; 0 where they look plain."""
    if not {"params", "tokens", "flops"} <= set(table):
        return 0
    ratio = float((table["flops"] / training_flops(table["params"], table["tokens"])).median())
    power = -3 * round(np.log10(ratio) / 3)
    return power if power >= 6 and 1 / 3 < ratio * 10.0**power < 3 else 0


def refuse_other_units(
    table: pd.DataFrame, inputs: tuple[str, ...], name: str, read_from: Mapping[str, str | None]
) -> None:
    """`InputError` where counts that a law reads, from the source's own columns, or FLOPs look like another unit."""
    found = {c: said for c, said in other_units(table).items() if c in (*inputs, "flops") or not inputs}
    if not found:
        return
    own = {column: read_from.get(column) or column for column in found}
    forms = {c: form + own[c] if form == "10**" else own[c] + form for c, (_, form) in found.items()}
    python = ", ".join(f"{column}='{form}'" for column, form in forms.items())
    shell = " ".join(in_shell(column, form) for column, form in forms.items())
    said = " ".join(sentence for sentence, _ in found.values())
    it, as_is = ("them", "them as they are") if len(forms) > 1 else ("it", "it as it is")
    raise InputError(
        f"{name}: {said} Map {it} with {python} (command line: {shell}), or take {as_is} with trust_units=True "
        "(--trust-units)."
    )
