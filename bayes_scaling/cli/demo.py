"""A walk-through on an embedded table: fit, forecast, allocation, comparison, pictures and report."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from time import perf_counter
from typing import TYPE_CHECKING

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer
from bayes_scaling.cli.fit import brief_summary
from bayes_scaling.cli.forecast import HIDDEN, probabilities_below
from bayes_scaling.data.units import format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.diagnostics import verdict
from bayes_scaling.laws import get_law
from bayes_scaling.laws.names import DEFAULT
from bayes_scaling.reporting.image_files import save_picture
from bayes_scaling.reporting.plot.groups import largest_group
from bayes_scaling.reporting.tables import WIDEST, as_text, written

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.data.runs import Runs
    from bayes_scaling.evaluation.compare import Comparison


@dataclass(frozen=True)
class Story:
    """A table, and what the demo asks of it.

    Attributes
    ----------
    table : str
        The embedded table.
    laws : tuple of str
        The families that are compared, the one that is shown first.
    wanted : str
        A loss that somebody might want, in nats per token.
    budgets : tuple of str
        Training budgets in FLOPs that are split.
    target : (str, str), optional
        Parameters and tokens of the run that is forecast; without, the largest that is held out.
    largest : str, optional
        FLOPs up to which runs are fitted, where larger ones are held out.
    """

    table: str
    laws: tuple[str, ...]
    wanted: str
    budgets: tuple[str, ...]
    target: tuple[str, str] | None = None
    largest: str | None = None


PILE = Story("pile", (DEFAULT, "skaling"), "1.7", ("1e24", "1e25"), target=("100B", "2T"))
"""What 100B parameters reach, from the published runs of three suites up to 13B."""

# Models this small have not left random guessing far behind, which the first of the laws knows.
SWEEP = Story(
    "sweep", ("rosenfeld", "chinchilla", "kaplan"), "1.25", ("1e13", "1e14", "1e15"), largest="1.2e12"
)
"""What larger runs of the package's own sweep reached: the grid is fitted, and not the ladder above it."""

KINDS = ("extrapolation", "isoloss", "allocation", "posterior", "residuals")
"""Pictures of the fit that the demo draws."""

FILES = ("fit.nc", "report.html", *(f"{name}.png" for name in (*KINDS, "comparison")))
"""Everything that the demo writes."""


def demo(
    folder: str | Path = "bayes-scaling-demo",
    *,
    sweep: bool = False,
    law: str | None = None,
    seed: int = 1,
    draws: int = 1000,
    progress: bool = False,
) -> Answer:
    """What would 100B parameters reach? Fit laws to published runs, forecast, plan, and write a report.

    Parameters
    ----------
    folder : path
        Made if it is not there; of an earlier demo, its files are replaced.
    sweep : bool
        Show the package's own sweep of small models instead, whose larger runs were held out and are known.
    law : str, optional
        The law to show; others are compared with it. Default: the table's own.
    seed : int
        One seed reproduces the demo.
    draws : int
        Draws kept per chain.
    progress : bool
        Show on stderr what is being done.

    Raises
    ------
    InputError
        If there is no such law of params and tokens, or the folder holds other files than a demo's.
    """
    story = SWEEP if sweep else PILE
    law = law or story.laws[0]
    families = {name: get_law(name) for name in (law, *story.laws)}
    if not families[law].of_n_and_d:
        raise InputError(
            f"the demo shows laws of params and tokens; {law!r} takes {', '.join(families[law].columns)}"
        )
    folder, runs, larger = _own_folder(Path(folder)), bs.datasets.load(story.table), None
    if story.largest:
        runs, larger = runs.split(story.largest)
    began = perf_counter()
    fits = {}
    for name, family in families.items():
        if progress:
            print(f"fitting {name}", file=sys.stderr)
        fits[name] = bs.fit(runs, family, seed=seed, draws=draws, progress=progress)
    fitted = perf_counter()
    # Refits where importance sampling cannot be trusted would take as long as all the rest: `compare` makes them.
    comparison = bs.compare(fits, refit=larger is not None, ahead=False, progress=progress)
    if larger:
        comparison = _on_the_ladder(comparison, larger, f"above {story.largest}")
    compared = perf_counter()

    fit, reached = fits[law], _held_out(larger) if larger else None
    if reached is None:
        forecast = fit.predict(*(story.target or ()))
    else:
        forecast = fit.predict(reached["params"].iloc[0], reached["tokens"].iloc[0])
    size, data = (format_quantity(float(forecast.inputs[name][0])) for name in ("params", "tokens"))
    headline = fit.groups.index(largest_group(fit))  # as in the report
    answer, loss = forecast.sentences()[headline], probabilities_below([story.wanted], forecast)
    if reached is not None:
        loss["reached"] = loss["group"].map(reached.set_index("group")["loss"])
    summary = fit.summary().reset_index(names="quantity")
    ahead = "; ahead: mean log density of all larger runs" if larger else ""
    sections = {
        "forecast": (f"A larger run, {size} parameters and {data} tokens, nats per token", loss),
        "allocation": (
            "Compute-optimal parameters and tokens",
            fit.allocate(story.budgets).table().filter(regex="^(?!loss|interior)"),
        ),
        "comparison": (
            f"Laws by leave-one-out over configurations{ahead}",
            comparison.table().reset_index(names="law"),
        ),
        "runs": (
            f"{runs.name}: {len(runs)} training runs",
            runs.describe().rename_axis("group").reset_index(),
        ),
        "summary": (f"The posterior of law {law}: {fit.law.formula}", summary),
    }

    fit.save(folder / "fit.nc", force=True)
    for name in KINDS:
        save_picture(getattr(bs.plot, name)(fit), folder / f"{name}.png")
    save_picture(bs.plot.comparison(comparison), folder / "comparison.png")
    page = folder / "report.html"
    bs.report(fit, page, comparison=comparison, targets=[(size, data)], budgets=story.budgets, force=True)
    took = {
        "fits": fitted - began,
        "comparison": compared - fitted,
        "pictures and report": perf_counter() - compared,
    }
    document: dict[str, object] = {
        "table": story.table,
        "law": law,
        "answer": answer,
        "seconds": took,
        "files": [str(folder / name) for name in FILES],
    }
    document |= {name: table.to_dict("records") for name, (_, table) in sections.items()}
    brief = {
        "summary": brief_summary(fit, summary),
        "forecast": loss[[name for name in loss if not str(name).startswith(HIDDEN)]],
        # Of laws that runs left out do not tell apart, stacking may give one all its weight.
        "comparison": sections["comparison"][1].drop(columns=["weight", "refits"]),
    }
    close = "".join(f"\n{fill(sentence, WIDEST)}." for sentence in comparison.close)
    text = "\n\n".join(
        f"{fill(title, WIDEST)}\n{as_text(written(brief.get(name, table)))}{close * (name == 'comparison')}"
        for name, (title, table) in sections.items()
    )
    spent = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in took.items())
    end = f"Time: {spent}.\nOpen {page} to see it all with pictures."
    beside = [
        f"{name}, compared with {law}: {why[0]}"
        for name, other in fits.items()
        if name != law and (why := verdict(other).problems)
    ]
    return Answer(f"{answer}.\n\n{text}\n\n{end}", document, {law: fit}, warnings=beside)


def _on_the_ladder(comparison: "Comparison", larger: "Runs", cut: str) -> "Comparison":
    """The comparison with what each fit said of the held-out runs, in place of cuts that would be fitted anew."""
    # pandas loads with the first table, and not on import.
    import pandas as pd

    from bayes_scaling.evaluation.predictive import predictive

    density = {
        name: predictive(fit, larger).log_density(fit.drift).mean() for name, fit in comparison.fits.items()
    }
    ahead = pd.DataFrame(density, index=pd.Index([cut], name="cut"))
    return replace(comparison, ranking=comparison.ranking.assign(ahead=ahead.mean()), ahead=ahead)


def _held_out(larger: "Runs") -> "pd.DataFrame":
    """The largest of the held-out configurations that every group was trained at, one row per group."""
    cells = larger.table.groupby(["params", "tokens"])
    everywhere = larger.table[cells["group"].transform("nunique") == len(larger.groups)]
    found: pd.DataFrame = everywhere[everywhere["flops"] == everywhere["flops"].max()]
    return found


def _own_folder(folder: Path) -> Path:
    """The folder, made if need be; `InputError` where it holds what is not the demo's."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the demo")
    if folder.is_dir() and (others := sorted({path.name for path in folder.iterdir()} - set(FILES))):
        raise InputError(f"the folder {folder} holds {others[0]}, which is not a demo's; name another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    return folder
