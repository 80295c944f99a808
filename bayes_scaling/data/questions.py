"""What looks wrong in a table that can be used: one sentence each, under a name by which it can be silenced."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.aliases import ALIASES
from bayes_scaling.data.other_units import other_units
from bayes_scaling.data.units import format_quantity, training_flops
from bayes_scaling.data.validate import identity
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

NAMES = (
    "accuracies", "control_characters", "decimal", "encoding", "far_loss", "flops", "large_se", "one_loss", "one_value",
    "perplexity", "repeats", "sheets", "similar_groups", "tiny_counts", "unfinished", "units", "unlike_replicates",
)  # fmt: skip
"""All that may be said of a table, or of the reading of its file."""

UNLIKE, LABELLED, OFTEN = 0.05, 0.015, 3
"""The usual range of log loss among runs of one configuration from which they are no replicates (seeds make about
.003), that where a column of labels may tell them apart, and in how many configurations it must be seen."""

SLIP = 100.0
"""The factor from the usual C / 6ND of a table from which on a row's FLOPs are a slip, and no cost."""

_ENDED_BADLY = re.compile("crash|fail|kill|abort|cancel|preempt|running|diverge|error", re.IGNORECASE)


def check_silenced(names: str | Sequence[str]) -> tuple[str, ...]:
    """The names as they are; `InputError` for one that is not in `NAMES`."""
    given = (names,) if isinstance(names, str) else tuple(names)
    for name in given:
        if name not in NAMES:
            raise InputError(f"silence names {name!r}; expected names of {', '.join(NAMES)}")
    return given


def questionable(table: pd.DataFrame, inputs: tuple[str, ...] = (), in_nats: bool = True) -> dict[str, str]:
    """What looks wrong in a canonical table: name -> a sentence.

    Parameters
    ----------
    table : DataFrame
        From `canonical`.
    inputs : tuple of str
        The columns that a law takes, where known; those that are not N and D distinguish configurations.
    in_nats : bool
        Whether the column loss is one in nats per token, as far as is known.
    """
    units = other_units(table)
    counts = {**_units(table, units), **_one_value(table, inputs), **_flops(table, "flops" in units)}
    rows = {**_repeats(table, inputs), **(_unlike(table, inputs) if in_nats else {}), **_unfinished(table)}
    return {**counts, **_losses(table, in_nats), **_groups(table), **rows}


def _units(table: pd.DataFrame, units: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    found = {}
    if units:
        found["units"] = " ".join(sentence for sentence, _ in units.values())
    for column in ("params", "tokens"):
        if column in table and column not in units and table[column].min() < 1:
            row = int(table[column].to_numpy().argmin())
            found["tiny_counts"] = (
                f"{column} is {table[column].iloc[row]:g} in row {row + 1}: no run has less than one."
            )
    return found


def _one_value(table: pd.DataFrame, inputs: tuple[str, ...]) -> dict[str, str]:
    found = []
    for column in ("params", "tokens"):
        if column not in table:
            continue
        low, high = table[column].min(), table[column].max()
        if low == high and (column in inputs or not {"params", "tokens", "flops"} & set(inputs)):
            found.append(
                f"all runs share one {column} value ({format_quantity(low)}): "
                f"how the loss depends on {column} is known only from the prior."
            )
    return {"one_value": " ".join(found)} if found else {}


def _flops(table: pd.DataFrame, said: bool) -> dict[str, str]:
    """What is odd of FLOPs; of their unit, unless that is ``said`` already."""
    if not {"params", "tokens", "flops"} <= set(table):
        return {}
    ratios = table["flops"] / training_flops(table["params"], table["tokens"])
    ratio = float(ratios.median())
    odd = np.flatnonzero(np.abs(np.log(ratios / ratio)) > np.log(SLIP))
    if odd.size:
        row, count = int(odd[0]), f"{odd.size} such {'row' if odd.size == 1 else 'rows'} in all"
        return {
            "flops": f"flops of row {row + 1} is {ratios.iloc[row]:.3g} times 6 * params * tokens, and {ratio:.3g} "
            f"times in the median run ({count}): correct it; what a run costs is learnt without."
        }
    if 0.5 <= ratio <= 2 or said:
        return {}
    return {
        "flops": f"flops is {ratio:.3g} times 6 * params * tokens in the median run: "
        "check the unit of flops, and how params and tokens were counted."
    }


def _rises(table: pd.DataFrame) -> bool:
    """Whether the loss rises with what is known of the runs' size, beyond chance."""
    known = ["flops"] if "flops" in table else [c for c in ("params", "tokens") if c in table]
    if not known or np.ptp(table["loss"]) == 0:
        return False
    size, loss = table[known].prod(axis=1).rank(), table["loss"].rank()
    # Ranks of noise alone correlate by 2.6 standard errors in half a per cent of tables.
    return bool(size.corr(loss) > 2.6 / len(loss) ** 0.5)


def _losses(table: pd.DataFrame, in_nats: bool) -> dict[str, str]:
    loss, found = table["loss"].to_numpy(dtype=float), {}
    if len(loss) > 2 and np.ptp(loss) == 0:
        found["one_loss"] = f"all runs have one loss ({loss[0]:g}): nothing can be learnt of how it falls."
    if "loss_se" in table and (table["loss_se"] > loss / 2).any():
        row = int((table["loss_se"] / loss).to_numpy().argmax())
        found["large_se"] = (
            f"loss_se is {table['loss_se'].iloc[row]:g} in row {row + 1}, where the loss is {loss[row]:g}: "
            "expected a standard error of the loss, which is a small part of it."
        )
    if not in_nats or (loss <= 0).any():
        return found
    if (median := np.median(loss)) > 12:
        found["perplexity"] = (
            f"the median loss is {median:.4g}: this looks like perplexity; "
            "name its unit with loss_unit='perplexity' (command line: --loss-unit perplexity), or with 'other' if it "
            "is a percentage, an inverse or anything else."
        )
    if len(loss) > 4:
        found |= _far_loss(loss)
        if loss.max() < 1 and _rises(table):
            found["accuracies"] = (
                f"the losses lie between {loss.min():.2g} and {loss.max():.2g} and rise with scale: these look like "
                "accuracies; read them with response='share' or response='score' (command line: --response), or take "
                "1 - accuracy for the loss."
            )
    return found


def _far_loss(loss: np.ndarray) -> dict[str, str]:
    """One loss that lies far from all others: by a factor of e, and in its logarithm twice their range."""
    logs = np.sort(np.log(loss))
    for gap, others, value in (
        (logs[-1] - logs[-2], np.ptp(logs[:-1]), loss.max()),
        (logs[1] - logs[0], np.ptp(logs[1:]), loss.min()),
    ):
        if gap > max(1.0, 2 * others):
            row = int(np.argmax(loss == value))
            return {
                "far_loss": f"the loss of row {row + 1} is {value:g}, far from all others, whose median is "
                f"{np.median(loss):.3g}: correct it, or remove the row if that run failed."
            }
    return {}


def _groups(table: pd.DataFrame) -> dict[str, str]:
    names, found, plain = (
        [] if "group" not in table else list(dict.fromkeys(table["group"])),
        {},
        dict[str, str](),
    )
    for name in names:
        if re.search(r"\\(x|u[02f]|u[0-9a-f]{4})", name) or len(name) > 200:
            found["control_characters"] = (
                f"the group {name[:60]!r} has characters that cannot be seen and are written out, or more than 200 of "
                "them: give it another name."
            )
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        if key in plain:
            found["similar_groups"] = (
                f"the groups {plain[key]!r} and {name!r} differ only in case or spaces, and are taken for two: "
                "give both one name if they are one."
            )
        plain.setdefault(key, name)
    return found


def _repeats(table: pd.DataFrame, inputs: tuple[str, ...]) -> dict[str, str]:
    columns = dict.fromkeys(("group", *identity(table), *inputs, "loss", "seed"))
    same = [column for column in columns if column in table]
    kinds = table.groupby(same, dropna=False, sort=False).ngroup()
    repeated = kinds.duplicated()
    if not repeated.any():
        return {}
    second = int(repeated.to_numpy().argmax())
    first = int((kinds == kinds.iloc[second]).to_numpy().argmax())
    count = int(repeated.sum())
    return {
        "repeats": f"rows {first + 1} and {second + 1} are the same in {', '.join(same)} ({count} repeated "
        f"{'row' if count == 1 else 'rows'} in all): they are kept, as replicates without noise; "
        "remove them if they are copies of one run."
    }


def _unlike(table: pd.DataFrame, inputs: tuple[str, ...]) -> dict[str, str]:
    """Runs of one configuration whose losses lie too far apart for seeds, in a law of N, D or C alone."""
    if "trajectory" in table or set(inputs) - {"params", "tokens", "flops"} or (table["loss"] <= 0).any():
        return {}
    same = [column for column in ("group", *identity(table)) if column in table]
    if not same:
        return {}
    kinds = table.groupby(same, sort=False)["loss"].agg(["min", "max", "size"])
    ratios = (kinds["max"] / kinds["min"])[kinds["size"] > 1]
    column = group_column(table)
    if len(ratios) < OFTEN or (usual := float(np.log(ratios.median()))) < (LABELLED if column else UNLIKE):
        return {}
    remedy = (
        f"if {column!r} tells them apart, read it with group={column!r} (command line: --group {column})"
        if column
        else "name what tells them apart with group='...' (command line: --group), or leave out what failed"
    )
    count = int(kinds["size"][kinds["size"] > 1].sum())
    return {
        "unlike_replicates": f"{count} runs share their {', '.join(same)} with others, and the losses of such "
        f"runs differ by {np.expm1(usual):.0%}, where seeds make about 0.3%: this will be "
        f"taken for noise; {remedy}."
    }


def group_column(table: pd.DataFrame) -> str:
    """The column of words that may say which group each run is of, where nobody has said it; empty without one."""
    names = {"group", *ALIASES["group"].split()}
    for column in () if "group" in table else map(str, table.columns):
        if column.lower() in names and 1 < table[column].nunique() < len(table):
            return column
    return ""


def _unfinished(table: pd.DataFrame) -> dict[str, str]:
    """Runs whose state, as trackers write it, says that they never reached their end."""
    for column in map(str, table.columns):
        if re.split(r"[^a-z]", column.lower())[-1] not in ("state", "status"):
            continue
        ended = table[column].astype(str).str.contains(_ENDED_BADLY)
        rows = np.flatnonzero(ended) + 1
        if 0 < len(rows) < len(table):
            first = table[column].iloc[rows[0] - 1]
            return {
                "unfinished": f"the {column} of row {rows[0]} is {first!r} ({len(rows)} such "
                f"{'row' if len(rows) == 1 else 'rows'} in all): the loss of a run that stopped early is not that of "
                "its tokens; leave such rows out, or make the table with `bayes-scaling collect`."
            }
    return {}
