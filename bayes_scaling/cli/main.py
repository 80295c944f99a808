"""The command line: one verb for each public function, on tables and on saved fits.

Results go to stdout, as sentences and short tables or with ``--json`` as one document; progress and warnings go to
stderr. The exit code is 0; 1 where a fit failed its diagnosis (its results are there all the same); 2 for input that
cannot be used; 130 after an interrupt.

A verb's module loads when that verb is asked for, and what computes when it runs, so that help is quick.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import cast

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import BAD_INPUT, INTERRUPTED, OK, coloured, say, warn
from bayes_scaling.cli.help import Context
from bayes_scaling.cli.memory import memory_limit, watched
from bayes_scaling.cli.signatures import summary
from bayes_scaling.errors import DoubtfulFitWarning, DoubtfulInputWarning, InputError

VERBS = {
    "Bring runs together": ("collect", ("collect",)),
    "Fit and check": ("fit", ("fit", "fit-many", "summary", "diagnose")),
    "Forecast": ("forecast", ("predict", "two-step")),
    "Plan": (
        "planning",
        ("allocate", "plan", "risk", "serve", "contrast", "exponents", "transfer", "design"),
    ),
    "Gate a change of the recipe": ("gate", ("gate",)),
    "Register, follow and score forecasts": ("cards", ("register", "follow", "score", "ledger")),
    "Compare laws and back-test": ("evaluation", ("compare", "compare-pooling", "backtest", "approaches")),
    "Show": ("reporting", ("report", "plot", "planner", "laws", "demo")),
}
"""The question that verbs answer -> the module of this folder that has them, and the verbs."""


class Verbs(click.Group):
    """The verbs, each of which loads when it is asked for."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for _, verbs in VERBS.values() for verb in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for module, verbs in VERBS.values():
            if cmd_name in verbs:
                found = getattr(import_module(f"bayes_scaling.cli.{module}"), cmd_name.replace("-", "_"))
                return cast(click.Command, found)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for question, (module, verbs) in VERBS.items():
            with formatter.section(question):
                names = {verb: f"cli.{module}.{verb.replace('-', '_')}" for verb in verbs}
                formatter.write_dl([(verb, summary(name)) for verb, name in names.items()])


@click.command(
    cls=Verbs,
    help=bs.__doc__.partition("\n")[0],
    epilog="Quantities may be written as 100B, 2T or 1e24, and several with commas between. "
    "`bayes-scaling VERB --help` explains a verb.",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110},
)
@click.version_option(bs.__version__, message="%(prog)s %(version)s")
@click.option(
    "--laws", multiple=True, metavar="FILE.py", help="A file that declares laws with @law; may be repeated."
)
def verbs(laws: tuple[str, ...]) -> None:
    """See the help above."""
    # Most verbs need no such file.
    from bayes_scaling.cli.values import declare

    for path in laws:
        declare(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    limit = memory_limit()
    return watched(partial(_main, argv), limit) if limit else _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    os.environ.setdefault("MPLBACKEND", "agg")  # pictures go to files
    try:
        with _spoken_warnings():
            asked = verbs.main(argv, "bayes-scaling", standalone_mode=False, color=coloured())
            return int(asked or OK)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (InputError, OSError) as error:
        say(str(error), "error", "red")
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED


@contextmanager
def _spoken_warnings() -> Iterator[None]:
    """Warnings as sentences on stderr; those about a posterior are left to its diagnosis."""

    def speak(message: Warning | str, *_: object, **__: object) -> None:
        warn(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", DoubtfulInputWarning)
        warnings.simplefilter("ignore", DoubtfulFitWarning)
        warnings.showwarning = speak
        yield
