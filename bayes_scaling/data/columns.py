"""Which column of a table is which."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.aliases import TAKEN, missing, taken
from bayes_scaling.data.response import Response
from bayes_scaling.data.text_table import refuse_repeated_names
from bayes_scaling.data.units import params_for, tokens_for
from bayes_scaling.data.validate import EXPECTED, labels, numbers, row_number
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("params", "tokens", "loss")
OPTIONAL = ("flops", "group", "seed", "loss_se", "trajectory", "items")


def canonical(
    source: pd.DataFrame,
    mapping: Mapping[str, str | None],
    inputs: tuple[str, ...],
    name: str,
    where: Callable[[int], str] = row_number,
    response: Response | None = None,
) -> pd.DataFrame:
    """Check a table of runs and give its columns their canonical names.

    Parameters
    ----------
    source : DataFrame
        As it was read.
    mapping : mapping of str to str or None
        From each of `REQUIRED` and `OPTIONAL` to the column that holds it; None to take the column of that
        very name if there is one.
    inputs : tuple of str
        Numeric columns that a law takes. Without any, params and tokens must be there; with some, only these.
    name : str
        What to call the table in messages.
    where : callable
        From a 0-based row to words.
    response : {"loss", "share", "score"}, optional
        What the column loss holds, where that is declared: else a share where items are counted, or a loss.

    Returns
    -------
    DataFrame
        The canonical columns, then the source's other columns untouched; index 0..n-1.

    Raises
    ------
    InputError
        See `bayes_scaling.load_runs`.
    """
    import pandas as pd

    refuse_repeated_names(source.columns, name)
    if len(source) == 0:
        raise InputError(f"{name} has columns but no rows; expected one row per training run.")
    mapping, powers = _powers(mapping, source.columns)
    mapping, factors = _factors(mapping, source.columns)
    claimed = _claim(source, mapping, inputs, name)
    inputs = further(inputs)
    table: dict[str, np.ndarray] = {}
    for role, column in claimed.items():
        cells = source[column]
        if role in EXPECTED:
            held = response or ("share" if "items" in claimed else "loss")
            table[role] = numbers(cells, held if role == "loss" else role, name, where) * factors.get(
                role, 1.0
            )
            if role in powers:
                with np.errstate(over="ignore"):
                    table[role] = 10.0 ** table[role]
                if not np.isfinite(table[role]).all():
                    raise InputError(f"{name}: 10 to the power of {column!r} is too large for {role}.")
        elif role == "group":
            table[role] = labels(cells, name, where)
        else:
            table[role] = cells.to_numpy()
    if "flops" in table and "tokens" in table and "params" not in table:
        table["params"] = params_for(table["flops"], table["tokens"])
    if "flops" in table and "params" in table and "tokens" not in table:
        table["tokens"] = tokens_for(table["flops"], table["params"])
    for column in inputs:
        if column in source.columns:
            table[column] = numbers(source[column], column, name, where)
    ordered = {role: table[role] for role in (*REQUIRED, *OPTIONAL, *inputs) if role in table}
    others = source.drop(columns=[column for column in ordered if column in source.columns])
    return pd.concat([pd.DataFrame(ordered), others.reset_index(drop=True)], axis=1)


def _powers(
    mapping: Mapping[str, str | None], columns: Iterable[Hashable]
) -> tuple[dict[str, str | None], set[str]]:
    """The mapping with each ``"10**N"`` as its column, and the roles that are read so."""
    known = set(columns)
    found = {
        role: column.removeprefix("10**").strip()
        for role, column in mapping.items()
        if column and column.startswith("10**") and column not in known and role in EXPECTED
    }
    return {**mapping, **found}, set(found)


def _factors(
    mapping: Mapping[str, str | None], columns: Iterable[Hashable]
) -> tuple[dict[str, str | None], dict[str, float]]:
    """The mapping with each ``"N*1e9"`` as its column, and the factors; a column of that very name stays one."""
    plain, factors, known = dict(mapping), dict[str, float](), set(columns)
    for role, column in mapping.items():
        name, star, factor = (column or "").rpartition("*")
        if not star or column in known or role not in EXPECTED:
            continue
        try:
            factors[role] = float(factor)
        except ValueError:
            factors[role] = 0.0
        if not 0 < factors[role] < float("inf"):
            raise InputError(
                f"{role}={column!r} multiplies by {factor!r}; expected a number, as {role}='{name}*1e9'"
            )
        plain[role] = name.strip()
    return plain, factors


def _claim(
    source: pd.DataFrame, mapping: Mapping[str, str | None], inputs: tuple[str, ...], name: str
) -> dict[str, str]:
    """The column of the source that holds each role."""
    for column in inputs:
        if column in (*REQUIRED, *OPTIONAL) and column not in ("params", "tokens", "flops"):
            raise InputError(
                f"inputs names '{column}', which is no input of a law; map this column with {column}='...'."
            )
    claimed: dict[str, str] = {}
    needed = {"loss", *(inputs or ("params", "tokens"))}
    inputs = further(inputs)
    owners = dict.fromkeys(inputs, "inputs")
    for role in (*REQUIRED, *OPTIONAL):
        named = mapping.get(role)
        if named is None or (named == role and named not in source.columns):
            continue  # asked for below, where it is needed
        if named in owners:
            raise InputError(
                f"{owners[named]} and {role} both name the column '{named}'; map each to a column of its own."
            )
        owners[named] = role
        claimed[role] = named
    for role in OPTIONAL:
        if mapping.get(role) is None and role in source.columns and role not in owners:
            claimed[role] = role
    lacking = {role: column for role, column in claimed.items() if column not in source.columns}
    # Of N, D and C = 6ND any two give the third.
    known = {"params", "tokens", "flops"} & set(claimed)
    derivable = {"params", "tokens", "flops", "tokens_per_param"} if len(known) > 1 else set()
    for column in inputs:
        if column not in source.columns and column not in derivable:
            raise InputError(
                f"{name} has no column '{column}', named in inputs; "
                f"its columns are {_listed(source.columns)}."
            )
    for role in (*REQUIRED, *OPTIONAL):
        asked = mapping.get(role) is not None if role in OPTIONAL else False  # by the canonical name
        if role not in claimed and (asked or (role in needed and role not in derivable)):
            lacking[role] = role
    if lacking:
        raise missing(lacking, source.columns, name)
    return claimed


def usual_names(
    source: pd.DataFrame, mapping: Mapping[str, str | None], inputs: tuple[str, ...], name: str
) -> dict[str, str]:
    """Roles whose column is there under another usual name: role -> column, where the role's own is not there.

    Raises
    ------
    InputError
        If several columns may hold one role.
    """
    needed = ("loss", *(inputs or ("params", "tokens")))
    used = {column for column in mapping.values() if column} | {*inputs}
    open_ = [
        role
        for role in TAKEN
        if role in needed and mapping.get(role) in (None, role) and role not in source.columns
    ]
    found = taken(source, open_, used, name)
    # Of N, D and C = 6ND any two give the third.
    lost = [role for role in open_ if role not in found]
    if lost in (["params"], ["tokens"]) and "flops" not in source.columns and mapping.get("flops") is None:
        found |= taken(source, ["flops"], {*used, *found.values()}, name)
    return found


def further(inputs: Iterable[str]) -> tuple[str, ...]:
    """The inputs that are not columns that a table may have in its own right."""
    return tuple(column for column in inputs if column not in (*REQUIRED, *OPTIONAL))


def _listed(columns: Iterable[Hashable]) -> str:
    return ", ".join(f"'{column}'" for column in columns)
