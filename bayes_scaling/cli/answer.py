"""What a verb answers, and how it is said: sentences, then a table, or one JSON document; warnings on stderr."""

import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bayes_scaling as bs

# Imports inside of functions, here and in the verbs: what needs NumPy or pandas loads when a verb runs.

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.inference.result import Result

OK, FAILED_DIAGNOSIS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


@dataclass(frozen=True)
class Answer:
    """What a verb found: a text for people and a document for programs.

    The diagnosis of the fits that it rests on decides the exit code; ``failed`` says that it is not to be relied on
    whatever they are.
    """

    text: str
    document: object
    fits: "Mapping[str, Posterior]" = field(default_factory=dict)
    warnings: Sequence[str] = ()
    failed: bool = False
    picture: "Callable[[], Axes] | None" = None

    def show(self, *, as_json: bool) -> int:
        """Prints it and returns the exit code."""
        from bayes_scaling.inference.diagnostics import diagnose
        from bayes_scaling.inference.result import as_json as plain

        for sentence in self.warnings:
            say(f"warning: {sentence}")
        try:
            print(json.dumps(plain(self.document), indent=2) if as_json else self.text, flush=True)
        except BrokenPipeError:  # the reader had enough, as in `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK
        failures = {name: why for name, fit in self.fits.items() if (why := diagnose(fit).failures)}
        for name, why in failures.items():
            more = f" (and {len(why) - 1} more: see `bayes-scaling diagnose`)" if len(why) > 1 else ""
            say(f"DO NOT TRUST THESE NUMBERS: {name} failed its diagnosis: {why[0]}{more}")
        return FAILED_DIAGNOSIS if self.failed or failures else OK

    def draw(self, path: Path) -> None:
        """Writes its picture."""
        from bayes_scaling.reporting.image_files import save_picture

        assert self.picture is not None
        save_picture(self.picture(), path)


def answer(
    result: "Result",
    prob: float,
    fits: "Mapping[str, Posterior]",
    *,
    table: "pd.DataFrame | None" = None,
    hidden: str = "(?!)",
    picture: str = "",
    failed: bool = False,
    **more: object,
) -> Answer:
    """What a result says: its sentences and its table; for programs all of it, and what it is about.

    Parameters
    ----------
    result : Result
    prob : float
        Probability of the intervals.
    fits : mapping of str to Posterior
        What it rests on.
    table : DataFrame, optional
        In place of the result's own.
    hidden : str
        Columns that only programs get: a pattern that their names begin with.
    picture : str
        The function of `bayes_scaling.plot` that draws it.
    failed : bool
        As for `Answer`.
    **more
        What programs are told beside; of a single fit its path and law.
    """
    from bayes_scaling.reporting.tables import shown

    def draw() -> "Axes":
        function = getattr(bs.plot, picture)
        options = {"prob": prob} if "prob" in inspect.signature(function).parameters else {}
        return function(drawn, **options)

    result, drawn = _contract(result), result
    own = table is None
    table = result.table(prob) if table is None else table
    if len(fits) == 1:
        ((path, fit),) = fits.items()
        more = {"fit": path, "law": fit.law.name} | more
    document = more | {"prob": prob} | result.to_dict(prob)
    if not own:
        document["table"] = table.to_dict("records")
    said = "\n".join(f"{sentence}." for sentence in result.sentences(prob))
    brief = table[[name for name in table if not re.match(hidden, str(name))]]
    return Answer(f"{said}\n\n{shown(result, prob, brief)}", document, fits, result.warnings, failed, draw)


def _contract(old: Any) -> Any:
    """Until every result has the contract."""
    if hasattr(old, "to_dict"):
        return old

    class New:
        @property
        def warnings(self) -> list[str]:
            return list(getattr(old, "warnings", ()))

        def sentences(self, prob: float) -> list[str]:
            if hasattr(old, "sentences"):
                return [s.removesuffix(".") for s in old.sentences(prob)]
            verdict = getattr(old, "verdict", None) or getattr(old, "verdicts", None)
            verdict = verdict(prob) if callable(verdict) else verdict
            return [verdict] if isinstance(verdict, str) else list(verdict or [])

        def table(self, prob: float) -> Any:
            if not callable(getattr(old, "table", None)):
                return old.table if hasattr(old, "table") else old.parameters
            return old.table(prob) if "prob" in inspect.signature(old.table).parameters else old.table()

        def to_dict(self, prob: float) -> dict[str, Any]:
            table = self.table(prob)
            rows = (table if table.index.name is None else table.reset_index()).to_dict("records")
            return {"sentences": self.sentences(prob), "warnings": self.warnings, "table": rows}

    return New()


def say(sentence: str) -> None:
    """On stderr, so that stdout has results alone."""
    print(sentence, file=sys.stderr, flush=True)
