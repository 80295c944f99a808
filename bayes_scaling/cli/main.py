"""The command line: one subcommand per public verb, on tables and on saved fits.

Results go to stdout, as short tables or with ``--json`` as one document; progress and warnings go to
stderr. The exit code is 0; 1 where a fit failed its diagnosis (its results are there all the same); 2 for
input that cannot be used.

Nothing but the standard library loads before a verb runs, so that ``--help`` is quick.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import bayes_scaling as bs
from bayes_scaling.cli import planning_verbs, verbs
from bayes_scaling.errors import DoubtfulFitWarning, DoubtfulInputWarning, InputError
from bayes_scaling.laws.base import DEFAULT
from bayes_scaling.reporting.image_files import PICTURES

if TYPE_CHECKING:
    from bayes_scaling.api import Fit

OK, FAILED_DIAGNOSIS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    args = parser().parse_args(argv)
    os.environ.setdefault("MPLBACKEND", "agg")  # pictures go to files
    try:
        with _spoken_warnings():
            answer = args.run(args)
            for doubt in answer.warnings:
                _say(f"warning: {doubt}")
            _print(answer, args.json)
            return FAILED_DIAGNOSIS if answer.failed else _verdict(answer.fits)
    except BrokenPipeError:  # the reader had enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (InputError, OSError) as error:
        _say(f"error: {error}")
        return BAD_INPUT
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED


def _print(answer: verbs.Answer, as_json: bool) -> None:
    if as_json:
        from bayes_scaling.reporting.tables import to_json

        print(to_json(answer.document), flush=True)
    else:
        print(answer.text, flush=True)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _verdict(fits: "Mapping[str, Fit]") -> int:
    """The exit code, after a loud sentence about each fit that cannot be trusted."""
    failed = {name: why for name, fit in fits.items() if (why := fit.diagnose().failures)}
    for name, why in failed.items():
        more = f" (and {len(why) - 1} more: see `bayes-scaling diagnose`)" if len(why) > 1 else ""
        _say(f"DO NOT TRUST THESE NUMBERS: {name} failed its diagnosis: {why[0]}{more}")
    return FAILED_DIAGNOSIS if failed else OK


@contextmanager
def _spoken_warnings() -> Iterator[None]:
    """Warnings as sentences on stderr; those about a posterior are left to its diagnosis."""

    def speak(message: Warning | str, *_: Any, **__: Any) -> None:
        _say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", DoubtfulInputWarning)
        warnings.simplefilter("ignore", DoubtfulFitWarning)
        warnings.showwarning = speak
        yield


# -- the options ------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Every verb with its options, which are those of the Python functions."""
    top = argparse.ArgumentParser(
        prog="bayes-scaling",
        description=bs.__doc__.partition("\n")[0],
        epilog="Quantities may be written as 100B, 2T or 1e24. `bayes-scaling VERB --help` explains a verb.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"bayes-scaling {bs.__version__}")
    added = top.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(run: Any, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        about = (run.__doc__ or "").partition("\n")[0]
        new = added.add_parser(
            run.__name__.replace("_", "-"),
            help=about,
            description=about,
            parents=list(parents),
            allow_abbrev=False,
        )
        new.set_defaults(run=run, json=False)
        return new

    tables = _table_options()
    fit = verb(verbs.fit, tables, _json(), _prob(), _output("the fit to write, a .nc file"))
    fit.add_argument("runs", help="a .csv, .tsv or .parquet file with one row per run")
    fit.add_argument(
        "--law",
        default=DEFAULT,
        help="a law of `bayes-scaling laws`; m4:flops reads its input from the column flops",
    )

    fit_many = verb(verbs.fit_many, tables, _json())
    fit_many.add_argument("runs", nargs="+", help="tables, one fit each")
    fit_many.add_argument("--law", default=DEFAULT, help="a law of `bayes-scaling laws` (%(default)s)")
    fit_many.add_argument("--folder", required=True, help="where each fit is saved as soon as it is done")
    fit_many.add_argument("--at-once", type=int, metavar="N", help="fits worked on at the same time")
    fit_many.add_argument("--client", metavar="ADDRESS", help="the scheduler of a Dask cluster to sample on")

    summary = verb(verbs.summary, _json(), _prob())
    diagnose = verb(verbs.diagnose, _json())
    predict = verb(verbs.predict, _json(), _prob(), _group_of_fit())
    two_step = verb(verbs.two_step, _json(), _prob(), _group_of_fit())
    two_step.add_argument("loss", help="a .nc file: a fit of the loss")
    two_step.add_argument("task", help="a .nc file: a fit of a task against that loss, as of task_of_loss")
    two_step.add_argument("--task-group", metavar="GROUP", help="as --group, of the task's fit")
    two_step.add_argument(
        "--task-drift", type=float, metavar="SPREAD", help="of the task's log odds, as --drift of the loss"
    )
    for forecast in (predict, two_step):
        forecast.add_argument("--params", action="append", metavar="N", help="parameters: 100B, or 70B,100B")
        forecast.add_argument("--tokens", action="append", metavar="D", help="training tokens: 2T, or 1T,2T")
        forecast.add_argument(
            "--input", action="append", metavar="NAME=VALUE", help="another input of the law"
        )
        forecast.add_argument(
            "--below", action="append", metavar="LOSS", help="also the probability of a loss of at most this"
        )
        forecast.add_argument(
            "--drift",
            type=float,
            metavar="SPREAD",
            help="of log loss per power of ten beyond the data; 0: none",
        )
    allocate = verb(verbs.allocate, _json(), _prob(), _group_of_fit())
    allocate.add_argument(
        "--flops", action="append", required=True, metavar="C", help="training budgets: 1e24, or 1e24,1e25"
    )
    allocate.add_argument("--input", action="append", metavar="NAME=VALUE", help="another input of the law")
    planning_verbs.add_to(verb, tables, _json, _prob, _group_of_fit)
    approaches = verb(verbs.approaches, _json(), _prob(), _picture())
    approaches.add_argument(
        "--flops", action="append", metavar="C", help="where N_opt is wanted (100x the largest)"
    )
    approaches.add_argument("--group", help="whose runs and optimum, where there are several groups")
    approaches.add_argument(
        "--budgets", action="append", metavar="C", help="the table's isoFLOP budgets (found)"
    )
    approaches.add_argument(
        "--window", type=float, default=0.1, help="width of a budget in powers of ten (%(default)s)"
    )
    approaches.add_argument("fit", help="a .nc file that `bayes-scaling fit` wrote")
    design = verb(verbs.design, _json(), _picture())
    design.add_argument("fit", nargs="?", help="a .nc file; without one, the runs to begin with are laid out")
    design.add_argument(
        "--budget", required=True, metavar="C", help="FLOPs that all new runs together may cost"
    )
    design.add_argument("--optimum-at", metavar="C", help="to know: N_opt at this many FLOPs")
    design.add_argument("--loss-at", metavar="N:D", help="to know: the loss of this model, such as 70B:2T")
    design.add_argument("--winner-at", metavar="C", help="to know: which of two --groups is better there")
    design.add_argument("--group", help="the group in question, where there are several")
    design.add_argument("--groups", action="append", metavar="A,B", help="the two groups to tell apart")
    design.add_argument("--candidates", metavar="TABLE", help="runs to choose from: params, tokens, group")
    design.add_argument("--largest", metavar="C", help="FLOPs of the largest new run (half of the budget)")
    design.add_argument("--max-runs", type=int, default=30, help="at most so many (%(default)s)")
    design.add_argument(
        "--law", default="chinchilla", help="whose prior lays out the first runs (%(default)s)"
    )
    compare = verb(verbs.compare, tables, _json())
    compare.add_argument("source", nargs="+", metavar="RUNS|FIT", help="one table, or two or more .nc")
    laws = compare.add_argument("--laws", action="append", help="laws to fit to a table: chinchilla,kaplan")
    compare.add_argument(
        "--refit",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave out in truth where importance sampling cannot be trusted",
    )
    compare.add_argument(
        "--ahead",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also fit below rolling cuts, and score the forecasts of the larger runs",
    )
    of_tables = {action.dest: action.default for action in (laws, *tables._actions)}
    compare.set_defaults(of_tables=of_tables)

    backtest = verb(verbs.backtest, tables, _json())
    backtest.add_argument("runs", help="a .csv, .tsv or .parquet file with one row per run")
    backtest.add_argument("--law", default=DEFAULT, help="a law of `bayes-scaling laws` (%(default)s)")
    backtest.add_argument(
        "--splits",
        choices=("rolling", "largest", "groups"),
        default="rolling",
        help="hold out runs within 3x, 10x and 30x of the largest; the largest; or each group's larger half",
    )
    backtest.add_argument("--holdout-above", metavar="C", help="hold out the runs above this many FLOPs")
    backtest.add_argument("--drift", type=float, metavar="SPREAD", help="as for `predict`")
    backtest.add_argument(
        "--baselines", action=argparse.BooleanOptionalAction, default=True, help="other methods beside it"
    )
    backtest.add_argument("-o", "--output", help="also a picture of the misses: .png, .svg or .pdf")
    backtest.add_argument("--force", action="store_true", help="replace the output if it exists")

    report = verb(verbs.report, _prob(), _group_of_fit(), _output("the page to write, an .html file"))
    report.add_argument("--targets", action="append", metavar="N:D", help="models to forecast (100B:2T)")
    report.add_argument("--budgets", action="append", metavar="C", help="training budgets (1e24,1e25,1e26)")
    report.add_argument(
        "--comparison", "--compare", action="append", metavar="FIT", help="another fit of the same runs"
    )
    plot = verb(verbs.plot, _prob(), _group_of_fit(), _output("the picture to write: .png, .svg or .pdf"))
    plot.add_argument("--kind", choices=PICTURES, default=PICTURES[0])
    plot.add_argument("--along", metavar="COLUMN", help="the input on the axis, where it is not compute")
    plot.add_argument("--to", metavar="C", help="how far the axis goes, in FLOPs or the input's own unit")
    for of_fit in (summary, diagnose, predict, allocate, report, plot):
        of_fit.add_argument("fit", help="a .nc file that `bayes-scaling fit` wrote")

    verb(verbs.laws, _json())
    demo = verb(verbs.demo, _json())
    demo.add_argument("-o", "--output", default="bayes-scaling-demo", help="a folder (%(default)s)")
    demo.add_argument("--law", default="rosenfeld", help="the law to show first (%(default)s)")
    demo.add_argument("--seed", type=int, default=1, help="one seed reproduces it (%(default)s)")
    demo.add_argument("--draws", type=int, default=1000, help=argparse.SUPPRESS)
    return top


def _parent() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(add_help=False)


def _table_options() -> argparse.ArgumentParser:
    """How a table is read and a law fitted to it."""
    options = _parent()
    table = options.add_argument_group("the table")
    table.add_argument("--group", metavar="COLUMN", help="the column that names each run's group")
    table.add_argument(
        "--column", action="append", metavar="ROLE=COLUMN", help="which column holds what: params=N"
    )
    table.add_argument("--inputs", action="append", metavar="COLUMN", help="further inputs beside the law's")
    model = options.add_argument_group("the model")
    model.add_argument(
        "--noise",
        help="constant; curve, where runs err together; undertuned, where they lie above the law; "
        "changing with a column: flops, params, tokens (constant)",
    )
    model.add_argument(
        "--pooling",
        action="append",
        metavar="[PARAMETER=]KIND",
        help="how groups share parameters: partial, complete, none; for all, or E=complete (partial)",
    )
    sampling = options.add_argument_group("the sampling")
    sampling.add_argument("--draws", type=int, default=1000, help="draws kept per chain (%(default)s)")
    sampling.add_argument("--chains", type=int, default=4, help="chains (%(default)s)")
    sampling.add_argument("--max-warmup", type=int, default=1500, help="the longest warm-up (%(default)s)")
    sampling.add_argument("--seed", type=int, default=0, help="one seed reproduces a fit (%(default)s)")
    sampling.add_argument(
        "--parallel", choices=("threads", "vectorised"), help="how chains are spread (as the device likes it)"
    )
    return options


def _json() -> argparse.ArgumentParser:
    options = _parent()
    options.add_argument("--json", action="store_true", help="one JSON document on stdout, in full precision")
    return options


def _prob() -> argparse.ArgumentParser:
    options = _parent()
    options.add_argument("--prob", type=float, default=0.9, help="probability of the intervals (%(default)s)")
    return options


def _group_of_fit() -> argparse.ArgumentParser:
    options = _parent()
    options.add_argument("--group", help="one group, or `new` for one not seen yet (all groups)")
    return options


def _picture() -> argparse.ArgumentParser:
    options = _parent()
    options.add_argument("-o", "--output", help="also a picture: .png, .svg or .pdf")
    options.add_argument("--force", action="store_true", help="replace the output if it exists")
    return options


def _output(about: str) -> argparse.ArgumentParser:
    options = _parent()
    options.add_argument("-o", "--output", required=True, help=about)
    options.add_argument("--force", action="store_true", help="replace the output if it exists")
    return options
