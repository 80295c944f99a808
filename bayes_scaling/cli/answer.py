"""What a verb answers, and how it is said: sentences, then a table, or one JSON document; warnings on stderr."""

import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, cast

import click

import bayes_scaling as bs
from bayes_scaling.errors import printable

# Imports inside of functions, here and in the verbs: what needs NumPy or pandas loads when a verb runs.

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.inference.result import Result

_LOSSES = re.compile(r"loss|mean|drifted|new_run|reached|regret")
"""What is in the names of columns of losses."""

OK, FAILED_DIAGNOSIS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


@dataclass(frozen=True)
class Answer:
    """What a verb found: a text for people and a document for programs.

    The diagnosis of the fits that it rests on decides the exit code; ``failed`` says that it is not to be relied on
    whatever they are. ``then`` is the command worth typing next, where it is not the verb's usual one.
    """

    text: str
    document: object
    fits: "Mapping[str, Posterior]" = field(default_factory=dict)
    warnings: Sequence[str] = ()
    failed: bool = False
    picture: "Callable[[], Axes] | None" = None
    then: str = ""

    def show(self, *, as_json: bool, further: str = "", law_files: Sequence[str] = ()) -> int:
        """Prints it, with the command that may come next, and returns the exit code."""
        for sentence in self.warnings:
            warn(sentence)
        further = f"bayes-scaling {self.then}" if self.then else further
        for file in law_files:
            further = further.replace("bayes-scaling", f"bayes-scaling --laws {quote(file)}", 1)
        text = f"{self.text}\n\nNext: {further}" if further else self.text
        try:
            print(self._json() if as_json else printable(text), flush=True)
        except BrokenPipeError:  # the reader had enough, as in `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK
        failures = self._failures() if self.fits else {}
        for name, why in failures.items():
            more = f" (and {len(why) - 1} more: see `bayes-scaling diagnose`)" if len(why) > 1 else ""
            say(f"{name} failed its diagnosis: {why[0]}{more}", "DO NOT TRUST THESE NUMBERS", "red")
        return FAILED_DIAGNOSIS if self.failed or failures else OK

    def _json(self) -> str:
        from bayes_scaling.inference.result import as_json

        return json.dumps(as_json(self.document), indent=2)

    def _failures(self) -> dict[str, tuple[str, ...]]:
        from bayes_scaling.inference.diagnostics import verdict

        return {name: why for name, fit in self.fits.items() if (why := verdict(fit).problems)}

    def draw(self, path: Path) -> None:
        """Writes its picture."""
        from bayes_scaling.reporting.image_files import save_picture

        assert self.picture is not None
        save_picture(self.picture(), path)


def answer(
    result: "Result",
    fits: "Mapping[str, Posterior]",
    prob: float = 0.9,
    *,
    table: "pd.DataFrame | None" = None,
    hidden: tuple[str, ...] = (),
    also: "pd.DataFrame | None" = None,
    picture: str = "",
    failed: bool = False,
    about: Mapping[str, object] | None = None,
) -> Answer:
    """What a result says: its sentences and its table; for programs all of it, and what it is about.

    Parameters
    ----------
    result, fits
        The result, and the fits that it rests on; of a single one, programs get the path and the law.
    table, also : DataFrame, optional
        In place of the result's own table, and below it.
    hidden : tuple of str
        What the names of columns begin with that only programs get.
    picture : str
        The function of `bayes_scaling.plot` that draws it.
    about : mapping of str to anything, optional
        For programs alone.
    """
    from bayes_scaling.reporting.tables import as_text, shown, written

    def draw() -> "Axes":
        function = getattr(bs.plot, picture)
        options = {"prob": prob} if "prob" in inspect.signature(function).parameters else {}
        return cast("Axes", function(result, **options))

    of_one = [{"fit": path, "law": fit.law.name} for path, fit in fits.items() if len(fits) == 1]
    document = {**dict(*of_one), "prob": prob, **result.to_dict(prob), **(about or {})}
    if table is not None:
        document["table"] = table.to_dict("records")
    brief = result.table(prob) if table is None else table
    brief = brief[[name for name in brief if not str(name).startswith(hidden)]]
    said = "\n".join(f"{sentence}." for sentence in [*result.sentences(prob), *_units(result, brief, fits)])
    parts = [said, shown(result, prob, brief), *([] if also is None else [as_text(written(also))])]
    return Answer("\n\n".join(parts), document, fits, result.warnings, failed, draw if picture else None)


def _units(result: "Result", table: "pd.DataFrame", fits: "Mapping[str, Posterior]") -> list[str]:
    """What the losses of a table are in, where it has any."""
    if getattr(result, "response", "loss") != "loss" or not any(_LOSSES.search(str(name)) for name in table):
        return []
    return list(dict.fromkeys(fit.runs.unit.sentence for fit in fits.values() if fit.law.response == "loss"))


def say(sentence: str, label: str = "", colour: str = "yellow") -> None:
    """Writes to stderr, so that stdout has results alone; a label is coloured at a terminal."""
    label = click.style(f"{label}: ", fg=colour, bold=True) if label else ""
    click.echo(label + printable(sentence), err=True, color=coloured())


def coloured() -> bool | None:
    """False where NO_COLOR asks for none (https://no-color.org); None leaves it to whether there is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def warn(sentence: str) -> None:
    """A warning, in amber."""
    say(sentence, "warning")
