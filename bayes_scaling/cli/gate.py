"""The verb that decides on a change of the recipe: gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.options import COLUMNS, FILE, JSON, PICTURE, PROB, said, verb
from bayes_scaling.cli.signatures import signature
from bayes_scaling.cli.values import Table, at_a_terminal
from bayes_scaling.data.files import check_writable
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    from bayes_scaling.api import Fit
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.laws.priors import Prior

OF_ANSWER = ("prob", "json", "output", "force")


@verb(
    click.Argument(["source"], type=FILE, metavar="RUNS|FIT", help="A table with a row per run, or a fit of one."),
    "planning.gate.gate",
    *("planning.variants.for_variants", "api.fit"), *COLUMNS,
    click.Option(["--save"], type=FILE, help="Also the fit of the variants, a .nc file for further questions."),
    PROB, JSON, *PICTURE,
    skip="runs",
    then="plot {save}",
)  # fmt: skip
def gate(source: str, law: str, table: Table, save: str | None, prob: float, **asked: Any) -> Answer:
    """Is a change worth a larger rung? Effective speedups of variants over a baseline."""
    of_gate = [name for name in signature("planning.gate.gate").arguments if name in asked]
    own, given = {name: asked.pop(name) for name in of_gate}, said()
    if source.endswith(".nc"):
        if needy := [flag for name, flag in given.items() if name not in (*of_gate, *OF_ANSWER)]:
            raise InputError(
                f"{needy[0]} is for a table of runs, and {source} is fitted already; leave it out"
            )
        opened = bs.open_fit(source)
    else:
        if save:
            check_writable(Path(save), "force" in given)
        from bayes_scaling.planning.gate import check_variants

        runs = table.read(source, law)
        check_variants(runs.groups, own["baseline"])
        opened = _fit_of_variants(runs, law, **asked)
        if save:
            opened.save(save, force="force" in given)
    return answer(opened.gate(**own), {save or source: opened}, prob, picture="gate")


def _fit_of_variants(
    runs: "Runs",
    law: str,
    *,
    priors: "dict[str, Prior | float] | None",
    pooling: Any,
    noise: str | None,
    **settings: Any,
) -> "Fit":
    """Variants as `for_variants` has them, where nobody says otherwise."""
    usual: dict[str, Any] = {**bs.for_variants(law, priors)}
    if pooling is not None:
        usual["pooling"] = usual["pooling"] | pooling if isinstance(pooling, dict) else pooling
    if noise is not None:
        usual["noise"] = noise
    return bs.fit(runs, law, progress=at_a_terminal(), **usual, **settings)
