"""What a verb says beside its answer: which columns were taken, where it wrote, and what to type next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs


def next_command(verb: str, form: str, given: Mapping[str, object]) -> str:
    """The command worth typing after a verb, of its ``form``; words in capitals are for the reader to fill in."""
    words = {name: _written(value) for name, value in given.items() if value is not None}
    try:
        return f"bayes-scaling {form.format(**words)}"
    except KeyError:  # of what was not given
        return f"bayes-scaling {verb} --help"


def _written(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ",".join(map(str, value))
    return quote(str(value))


def output_beside(source: object, form: str, **words: object) -> str:
    """The name of an output that nobody named: ``runs.csv`` and ``{stem}.nc`` give ``runs.nc``, here."""
    first = source[0] if isinstance(source, tuple) else source
    return form.format(stem=Path(str(first)).stem, **words)


def columns_taken(runs: "Runs") -> str:
    """Which columns were found under another name than their role's; empty where all have their own."""
    found = ", ".join(f"{role} from {column!r}" for role, column in runs.renamed.items())
    derived = [role for role in ("params", "tokens") if role in runs.table and role not in runs.renamed]
    if "flops" in runs.renamed and len(derived) == 1:
        found += f", {derived[0]} by C = 6ND"
    from bayes_scaling.data.questions import group_column

    label = group_column(runs.table)
    offered = f"all runs share one law; --group {label} gives each {label} its own" if label else ""
    said = f"took {found}" if found else ""
    return "; ".join(part for part in (said, offered) if part)


def fit_by_group(table: str, label: str, columns: Mapping[str, str]) -> str:
    """The command that fits a table again, each group with a law of its own."""
    from bayes_scaling.data.aliases import in_shell

    mapped = [in_shell(role, column) for role, column in columns.items()]
    return " ".join(["fit", quote(table), *mapped, "--group", quote(label), "--force"])
