"""Verbs that show: report, plot, laws, demo."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, say
from bayes_scaling.cli.options import FILE, FIT, JSON, output, said, verb
from bayes_scaling.cli.signatures import REQUIRED, signature
from bayes_scaling.cli.values import at_a_terminal, listed, named_by_law
from bayes_scaling.errors import DoubtfulFitWarning, InputError
from bayes_scaling.reporting.plot import KINDS

if TYPE_CHECKING:
    from bayes_scaling.evaluation.backtest import Backtest


@verb(
    FIT, *output("The page to write, an .html file. Default: the fit's name.", "{stem}.html"), "reporting.html.report",
    click.Option(["--comparison", "--compare"], multiple=True, metavar="FIT,...", help="Other fits of the same runs."),
    click.Option(["--backtest/--no-backtest"], default=True, show_default=True,
                 help="Also what the smaller runs would have said of the larger: a fit for each of three cuts."),
    skip="path",
    then="planner {fit}",
)  # fmt: skip
def report(fit: str, output: str, comparison: tuple[str, ...], backtest: bool, **asked: Any) -> Answer:
    """One self-contained HTML page about a fit."""
    fits = {path: bs.open_fit(path) for path in (fit, *listed(comparison))}
    compared = bs.compare(named_by_law(fits), progress=at_a_terminal()) if comparison else None
    tested = _tested(fits[fit]) if backtest else None
    bs.report(fits[fit], output, comparison=compared, backtest=tested, **asked)
    return Answer(f"Wrote {output}.", {}, fits)


def _tested(fit: "bs.Fit") -> "Backtest | None":
    """The back-test of a fit on its own table, where that has enough runs; its fits are judged on the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DoubtfulFitWarning)
        try:
            return fit.backtest(progress=at_a_terminal())
        except InputError as error:
            say(f"{error}; the page has no back-test", "note", "yellow")
            return None


@verb(
    FIT, *output("The page to write. Default: the name of the fit.", "{stem}-planner.html"),
    "reporting.planner.planner",
    skip="path",
    then="plan {fit} --flops 1e24",
)  # fmt: skip
def planner(fit: str, output: str, **asked: Any) -> Answer:
    """One offline page with sliders: budget, hardware, data, target; the loss and its risk move along."""
    opened = bs.open_fit(fit)
    bs.planner(opened, output, **asked)
    return Answer(f"Wrote {output}: open it in a browser.", {}, {fit: opened})


@verb(
    FIT, *output("The .png, .svg or .pdf to write. Default: named after fit and kind.", "{stem}-{kind}.png"),
    click.Option(["--kind"], type=click.Choice(list(KINDS)), default="overview", help="What it shows."),
    click.Option(["--dark"], is_flag=True, help="For a dark page."),
    *KINDS.values(),
    required=False,
    then="report {fit}",
)  # fmt: skip
def plot(fit: str, output: str, kind: str, dark: bool, force: bool, **asked: Any) -> Answer:
    """One picture of a fit, as .png, .svg or .pdf; each kind takes options of its own."""
    from bayes_scaling.reporting.image_files import save_picture

    given = {name: option for name, option in said().items() if name in asked}
    if given and "kind" not in said():  # options of the overview's largest picture
        kind = "extrapolation"
    arguments = signature(KINDS[kind]).arguments
    for name, option in given.items():
        if name not in arguments:
            raise InputError(f"{option} is not for pictures of kind {kind}")
    for name, argument in arguments.items():
        if argument.default is REQUIRED and name in asked and name not in given:
            raise InputError(f"pictures of kind {kind} need --{name}")
    opened = bs.open_fit(fit)
    picture = getattr(bs.plot, kind)(opened, **{name: asked[name] for name in given})
    save_picture(bs.plot.dark(picture) if dark else picture, Path(output))
    return Answer(f"Wrote {output}.", {}, {fit: opened})


@verb(JSON, then="fit TABLE.csv --law NAME")
def laws() -> Answer:
    """The catalogue of law families."""
    families = [
        {"name": law.name, "formula": law.formula, "inputs": list(law.columns), "source": law.cite}
        for law in bs.LAWS.values()
    ]
    width = max(map(len, bs.LAWS))
    lines = []
    for law in bs.LAWS.values():
        about = [
            f"inputs: {', '.join(law.columns)}",
            f"source: {law.cite}",
            *(f"also: {name}" for name in law.also),
        ]
        lines += [f"{law.name:{width}}  {law.formula}", *(f"{'':{width}}  {line}" for line in about)]
    return Answer("\n".join(lines), families)


@verb(
    click.Option(["-o", "--output"], type=FILE, default="bayes-scaling-demo", help="A folder."),
    "cli.demo.demo", JSON,
    skip="folder progress",
    then="fit TABLE.csv",
)  # fmt: skip
def demo(output: str, **asked: Any) -> Answer:
    """What would 100B parameters reach? Fit, forecast, plan, compare and report, on published runs."""
    from bayes_scaling.cli.demo import demo as run

    return run(output, progress=at_a_terminal(), **asked)
