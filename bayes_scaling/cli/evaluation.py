"""Verbs that compare and back-test: compare, compare-pooling, backtest, approaches."""

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.options import COLUMNS, FILE, FIT, JSON, PICTURE, PROB, RUNS, said, verb
from bayes_scaling.cli.values import Table, at_a_terminal, law, listed, named_by_law
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    from bayes_scaling.api import Fit


@verb(
    click.Argument(["source"], nargs=-1, required=True, type=FILE, metavar="RUNS|FIT", help="A table, or fits."),
    click.Option(["--laws"], multiple=True, metavar="LAW,...", help="Laws to fit to a table: chinchilla,kaplan."),
    *("evaluation.compare.compare", "api.fit"), *COLUMNS, JSON,
    skip="law",
    then="backtest TABLE.csv --law NAME",
)  # fmt: skip
def compare(
    source: tuple[str, ...], laws: tuple[str, ...], table: Table, refit: bool, ahead: bool, **settings: Any
) -> Answer:
    """Rank laws by leave-one-out and by held-out larger runs, on one table or of saved fits of one table."""
    saved = [path for path in source if path.endswith(".nc")]
    fits = _opened(source, saved) if saved else _fitted(source, [*map(law, listed(laws))], table, **settings)
    comparison = bs.compare(fits, refit=refit, ahead=ahead, progress=at_a_terminal())
    return answer(comparison, fits, about={"weights": comparison.weights()})


@verb(
    RUNS, "evaluation.compare_pooling.compare_pooling", "api.fit", *COLUMNS, JSON, *PICTURE,
    skip="pooling",
    then="fit {runs} --pooling PARAMETER=KIND",
)  # fmt: skip
def compare_pooling(runs: str, law: str, table: Table, **settings: Any) -> Answer:
    """Which parameters really differ between groups, by leave-one-out over structures of pooling."""
    found = bs.compare_pooling(table.read(runs, law), law, progress=at_a_terminal(), **settings)
    ranked = found.comparison.table().reset_index(names="structure")
    about = {"structures": ranked.to_dict("records")}
    return answer(found, found.comparison.fits, also=ranked, picture="pooling", about=about)


@verb(
    RUNS, "evaluation.backtest.backtest", "api.fit", "inference.sample_many.sample_many", *COLUMNS,
    JSON, *PICTURE,
    then="fit {runs} --law {law}",
)  # fmt: skip
def backtest(runs: str, law: str, table: Table, **settings: Any) -> Answer:
    """Hold larger runs out, forecast them from the smaller ones, and count what the bands cover."""
    found = bs.backtest(table.read(runs, law), law, progress=at_a_terminal(), **settings)
    rows, health = found.runs.to_dict("records"), found.health.to_dict("records")
    about = {"runs": rows, "health": health, "drift": found.drift.to_dict(), "left_out": found.left_out}
    by_cut, failed = found.table(by=["cut", "method"]), not found.health["ok"].all()
    return answer(found, {}, also=by_cut, picture="coverage", failed=failed, about=about)


@verb(FIT, "evaluation.approaches.approaches", PROB, JSON, *PICTURE, then="plot {fit} --kind isoflop")
def approaches(fit: str, prob: float, **asked: Any) -> Answer:
    """N_opt by Chinchilla's three approaches: envelope, isoFLOP profiles, and the law of a fit."""
    opened = bs.open_fit(fit)
    found = opened.approaches(progress=at_a_terminal(), **asked)
    further = {"differences": found.differences(prob), "points": found.points}
    about = {name: table.to_dict("records") for name, table in further.items()}
    shown = answer(found, {fit: opened}, prob, picture="approaches", about=about)
    if len(found.fits) == 1:  # the law's alone
        return shown
    own = f" --group {quote(asked['group'])}" if asked["group"] else ""
    return replace(shown, then=f"plot {quote(fit)} --kind isoflop_profiles{own}")


def _opened(paths: Sequence[str], saved: Sequence[str]) -> "dict[str, Fit]":
    """Saved fits, by their laws' names where those tell them apart."""
    if len(saved) < len(paths):
        raise InputError("compare takes one table of runs, or saved fits (.nc); not both at once")
    if of_table := [option for name, option in said().items() if name not in ("refit", "ahead", "json")]:
        raise InputError(f"{of_table[0]} is for a table of runs; saved fits stay as they were made")
    return named_by_law({path: bs.open_fit(path) for path in saved})


def _fitted(paths: Sequence[str], names: Sequence[str], table: Table, **settings: Any) -> "dict[str, Fit]":
    """Laws fitted to a table."""
    if len(paths) > 1:
        raise InputError(f"compare takes one table of runs, not {len(paths)}; put them into one")
    if len(set(names)) < 2:
        known = ", ".join(bs.LAWS)
        raise InputError(f"name two or more laws, as in --laws chinchilla,kaplan; the laws are {known}")
    runs = table.read(paths[0], *names)  # a wrong name is refused before the first law is sampled
    return {name: bs.fit(runs, name, progress=at_a_terminal(), **settings) for name in names}
