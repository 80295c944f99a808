"""Which column of a table is which."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.response import Response
from bayes_scaling.data.text_table import refuse_repeated_names
from bayes_scaling.data.units import params_for, tokens_for
from bayes_scaling.data.validate import EXPECTED, labels, numbers, row_number
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("params", "tokens", "loss")
OPTIONAL = ("flops", "group", "seed", "loss_se", "trajectory", "items")

_ALIASES = {
    "params": "n n_params num_params nparams parameters n_parameters model_size size n_total n_nominal",
    "tokens": "d n_tokens num_tokens train_tokens training_tokens dataset_size data data_size",
    "loss": "l val_loss valid_loss validation_loss final_loss test_loss eval_loss loss_paper",
    "flops": "c compute flop training_flop training_flops training_compute",
    "group": "dataset corpus family train_data arch architecture",
    "seed": "random_seed rng_seed",
    "loss_se": "se stderr std_err standard_error loss_stderr",
    "trajectory": "run run_id trajectory_id",
    "items": "n_items num_items test_items questions",
}


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
    for role, column in claimed.items():
        if column not in source.columns:
            raise _missing(role, column, source.columns, name)
    # Of N, D and C = 6ND any two give the third.
    known = {"params", "tokens", "flops"} & set(claimed)
    derivable = {"params", "tokens", "flops", "tokens_per_param"} if len(known) > 1 else set()
    for column in inputs:
        if column not in source.columns and column not in derivable:
            raise InputError(
                f"{name} has no column '{column}', named in inputs; "
                f"its columns are {_listed(source.columns)}."
            )
    for role in (*REQUIRED, "flops"):
        if role in needed and role not in claimed and role not in derivable:
            raise _missing(role, role, source.columns, name)
    for role in OPTIONAL:  # asked for by the canonical name, and not there
        if mapping.get(role) is not None and role not in claimed:
            raise _missing(role, role, source.columns, name)
    return claimed


def further(inputs: Iterable[str]) -> tuple[str, ...]:
    """The inputs that are not columns that a table may have in its own right."""
    return tuple(column for column in inputs if column not in (*REQUIRED, *OPTIONAL))


def _listed(columns: Iterable[Hashable]) -> str:
    return ", ".join(f"'{column}'" for column in columns)


def _missing(role: str, column: str, columns: Iterable[Hashable], name: str) -> InputError:
    names = {str(c).lower(): str(c) for c in columns}
    known = [names[alias] for alias in (role, *_ALIASES[role].split()) if alias in names]
    close = [names[match] for match in difflib.get_close_matches(column.lower(), names, n=1)]
    # A name that was asked for is a typo first; a default that is not there goes by another name.
    candidates = known + close if column == role else close + known
    guess = candidates[0] if candidates else None
    advice = f"Did you mean '{guess}'? Map it" if guess else f"Map the column that holds {role}"
    example = guess or "..."
    return InputError(
        f"{name} has no column '{column}' to read {role} from; its columns are {_listed(columns)}. "
        f"{advice} with {role}='{example}' (command line: --column {role}={example})."
    )
