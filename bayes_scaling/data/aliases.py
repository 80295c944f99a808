"""The names that columns usually have, and what is said where a table has none of them."""

import difflib
import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping
from shlex import quote
from typing import TYPE_CHECKING

from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

ALIASES = {
    "params": "n n_params num_params nparams parameter parameters n_parameters num_parameters parameter_count "
    "param_count params_count model_params total_params model_size size n_total n_nominal parametres modellgrosse",
    "tokens": "d n_tokens num_tokens ntokens token_count tokens_count tokens_seen total_tokens train_tokens "
    "training_tokens dataset_size data data_size token jetons trainingstoken",
    "loss": "l val_loss valid_loss validation_loss final_loss test_loss eval_loss loss_val loss_paper "
    "final_val_loss final_valid_loss final_validation_loss final_eval_loss final_test_loss cross_entropy ce_loss "
    "verlust validierungsverlust perte perte_de_validation",
    "flops": "c compute flop total_flops train_flops training_flop training_flops training_compute",
    "group": "dataset corpus family train_data arch architecture",
    "seed": "random_seed rng_seed",
    "loss_se": "se stderr std_err standard_error loss_stderr",
    "trajectory": "run run_id trajectory_id",
    "items": "n_items num_items test_items questions",
}
"""Role -> names of columns that hold it, in lower case and with underscores."""

TAKEN = ("params", "tokens", "loss", "flops")
"""Roles that are taken by another name without being asked; what another one would change, is offered only."""

_UNIT = re.compile(r"^(?P<name>.+?)_(?P<unit>b|bn|mrd|billions?|m|mn|mio|millions?|t|tn|trillions?)$")
_FACTORS = {"b": "1e9", "mrd": "1e9", "m": "1e6", "t": "1e12"}

_UNITS_OF_LOSS = {"perplexity": ("ppl", "perplexity"), "bits_per_byte": ("bpb", "bits_per_byte")}
"""Unit -> words of a name that say so."""

_SHORTEST = 5
"""Letters of a usual name that is taken at the end of a path, as ``config.model.n_params``: ``config.data`` is no D."""

_LOG = re.compile(r"^(log_?10_?(of_)?|lg_?)")
"""What the name of a column of decimal logarithms begins with."""

_EXPORT = {"Name", "State"}
"""Columns that every table of runs exported by Weights & Biases has."""

_PLAIN = 1e7
"""Counts from here on are no billions, whatever their column is called."""


def taken(source: "pd.DataFrame", wanted: Iterable[str], used: Iterable[str], name: str) -> dict[str, str]:
    """The column that holds each wanted role under another usual name, such as ``N`` or ``params_b*1e9``.

    Raises
    ------
    InputError
        If several columns may hold one role.
    """
    found: dict[str, str] = {}
    free = [str(column) for column in source.columns if column not in used]
    for role in wanted:
        known = {column: form for column in free if (form := _as(role, column, source))}
        if len(known) > 1:
            names = ", ".join(f"'{column}'" for column in known)
            raise InputError(
                f"{name} has no column '{role}', and {names} may each hold it; say which with "
                f"{role}='{next(iter(known))}' (command line: {in_shell(role, next(iter(known)))})."
            )
        found |= dict.fromkeys([role] if known else [], next(iter(known.values()), ""))
    return found


def _as(role: str, column: str, source: "pd.DataFrame") -> str | None:
    """A column as the source of a role, if its name says so: with the factor that its unit has."""
    names, forms = {role, *ALIASES[role].split()}, [_plain(column)]
    end = _plain(re.split(r"[./]", column)[-1])
    if role != "loss" and len(end) >= _SHORTEST:  # train/loss is not the loss
        forms.append(end)
    if not names.isdisjoint(forms):
        return column
    units = [found["unit"] for found in map(_UNIT.match, forms) if found and found["name"] in names]
    if role not in ("params", "tokens") or not units:
        return None
    # pandas loads with the first table, and not on import.
    import pandas as pd

    most = pd.to_numeric(source[column], errors="coerce").max()
    return column if most >= _PLAIN else f"{column}*{_FACTORS.get(units[0], _FACTORS[units[0][0]])}"


def _plain(column: str) -> str:
    """A name in lower case, without accents, its words joined by underscores."""
    letters = unicodedata.normalize("NFKD", column.casefold())
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"[\u0300-\u036f]", "", letters)).strip("_")


def missing(asked: Mapping[str, str], columns: Iterable[Hashable], name: str) -> InputError:
    """The error for all columns that are not there.

    Parameters
    ----------
    asked : mapping of str to str
        Role -> the column that should hold it.
    columns : iterable
        Those of the table.
    name : str
        What to call the table.
    """
    there = [str(column) for column in columns]
    guesses = {role: _nearest(role, column, there) for role, column in asked.items()}
    if "loss" in guesses and not guesses["loss"]:
        guesses["loss"] = next(filter(unit_of_name, there), None)
    said = " and ".join(f"no column '{column}' to read {role} from" for role, column in asked.items())
    near = [f"'{guess}'" for guess in guesses.values() if guess]
    map_it = f"Map {'them' if len(asked) > 1 else 'it'}"
    if near:
        advice = f"Did you mean {' and '.join(near)}? {map_it}"
    elif len(asked) > 1:
        advice = "Map the columns that hold them"
    else:
        advice = f"Map the column that holds {next(iter(asked))}"
    forms = {role: _form(guess) if guess else "..." for role, guess in guesses.items()}
    python = ", ".join(f"{role}='{form}'" for role, form in forms.items())
    shell = " ".join(in_shell(role, form) for role, form in forms.items())
    if unit := unit_of_name(guesses.get("loss") or ""):
        of_unit = ("bytes_per_token=...", "--bytes-per-token ...") if unit == "bits_per_byte" else ()
        python = ", ".join([python, f"loss_unit='{unit}'", *of_unit[:1]])
        shell = " ".join([shell, f"--loss-unit {unit}", *of_unit[1:]])
    return InputError(
        f"{name} has {said}; its columns are {', '.join(map(repr, there))}. "
        f"{advice} with {python} (command line: {shell})."
    )


def of_export(columns: Iterable[Hashable], name: str) -> str:
    """What to do with a table of runs as a tracker exports it, where it cannot be read; empty for another."""
    if not {*columns} >= _EXPORT:
        return ""
    command = f"bayes-scaling collect {quote(name)} -o runs.csv"
    return f" An export of Weights & Biases becomes a table of finished runs by `{command}`."


def in_shell(role: str, column: str) -> str:
    """The option of the command line that says which column holds a role, as a shell takes it."""
    return f"--column {quote(f'{role}={column}')}"


def unit_of_name(column: str) -> str:
    """The unit of losses that a column's name has, as in ``val_ppl``; empty for another name."""
    words = f"_{_plain(column)}_"
    return next(
        (unit for unit, names in _UNITS_OF_LOSS.items() if any(f"_{name}_" in words for name in names)), ""
    )


def _nearest(role: str, column: str, there: list[str]) -> str | None:
    """The column that is most probably meant: a name that was asked for is a typo first, a default goes by another."""
    there = [
        name for name in there if _plain(name) != "unique_tokens"
    ]  # a count of its own: not those that were seen
    # The first column of a name counts, and a whole name before its last words.
    plain = {_plain(name): name for name in reversed(there)}
    ends = {end: name for name in reversed(there) for end in _ends(name)}
    plain = {**ends, **plain}
    known = [plain[alias] for alias in (*ALIASES[role].split(), role) if alias in plain]
    close = [plain[match] for match in difflib.get_close_matches(_plain(column), plain, n=1)]
    alike = [
        plain[match]
        for alias in ALIASES[role].split()
        if len(alias) > 3
        for match in difflib.get_close_matches(alias, plain, n=1, cutoff=0.75)
    ]
    candidates = (known + close + alike) if column == role else (close + known + alike)
    return candidates[0] if candidates else None


def _ends(column: str) -> list[str]:
    """Other forms of a name: without log10, and its last words."""
    words = _plain(column).split("_")
    ends = ["_".join(words[i:]) for i in range(1, len(words))]
    return [end for end in ends if len(end) >= 4] + [_LOG.sub("", _plain(column))]


def _form(column: str) -> str:
    """A column as the source of a role: a decimal logarithm, as its name says, is raised."""
    return f"10**{column}" if _LOG.match(_plain(column)) else column
