"""One self-contained HTML page from a fit: the answers first, then pictures, warnings and provenance."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bayes_scaling.data.response import WORDS
from bayes_scaling.data.units import Quantity, format_flops, format_quantity
from bayes_scaling.forecast.forecast import FAR
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.diagnostics import diagnose
from bayes_scaling.inference.summary import summary
from bayes_scaling.model.drift import distance
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.risk import risk
from bayes_scaling.reporting.page import checked, rendered, written_to
from bayes_scaling.reporting.page_groups import HEADINGS, answers_of, of_groups
from bayes_scaling.reporting.page_pictures import backtest_picture, page_pictures
from bayes_scaling.reporting.page_runs import runs_of_page
from bayes_scaling.reporting.plot.groups import largest_group
from bayes_scaling.reporting.plot.style import percent
from bayes_scaling.reporting.provenance import provenance
from bayes_scaling.reporting.tables import Rows, written

if TYPE_CHECKING:
    from bayes_scaling.evaluation.backtest import Backtest
    from bayes_scaling.evaluation.compare import Comparison
    from bayes_scaling.forecast.forecast import Forecast
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.laws.base import Law
    from bayes_scaling.planning.results.allocation import Allocation


LARGER = (10.0, 100.0, 1000.0)
"""How much more compute than the largest run what is forecast has, where nobody says."""


class Points(TypedDict, total=False):
    """What to forecast: inputs of a law by name."""

    params: list[Quantity]
    tokens: list[Quantity]
    flops: list[Quantity]


Target = tuple[Quantity, Quantity]
"""Parameters and tokens of a model to forecast."""


def report(
    fit: "Posterior",
    path: str | Path | None = None,
    *,
    comparison: "Comparison | None" = None,
    backtest: "Backtest | None" = None,
    targets: Sequence[tuple[Quantity, Quantity]] | None = None,
    budgets: Sequence[Quantity] | None = None,
    group: str | None = None,
    prob: float = 0.9,
    force: bool = False,
) -> Path | str:
    """A self-contained HTML page: no network, whole or not written at all, and all of it to be read without its script.

    Parameters
    ----------
    fit : Posterior
    path : str or Path, optional
        Where to write it. Default: nowhere; the page is returned as text.
    comparison : Comparison, optional
        Of this fit's law with others on the same table.
    backtest : Backtest, optional
        Of the same table, as ``fit.backtest()`` gives it: what its smaller runs said of its larger ones.
    targets : sequence of (params, tokens)
        What to forecast, for a law of N and D. Default: runs of 10, 100 and 1,000 times the compute of the largest run,
        at its tokens per parameter.
    budgets : sequence of number or str
        FLOPs to split into N and D; for a law of compute alone, what to forecast. Default: 10, 100 and 1,000 times the
        largest of the data.
    group : str, optional
        Only this group, or "new" for one not seen yet. Default: all in the tables; the one with the largest
        run in the sentences and pictures.
    prob : float
        Probability of every interval.
    force : bool
        Replace a file that exists.

    Returns
    -------
    Path or str
        The file written, or the page.

    Raises
    ------
    InputError
        If the file exists and ``force`` is false, or it cannot be written.
    """
    target = checked(path, force)
    bands = None if targets is None else len(targets)
    targets = _larger_runs(fit) if targets is None else targets
    budgets = _larger_budgets(fit) if budgets is None else budgets
    page = _page(fit, comparison, backtest, targets, budgets, group, prob, bands)
    return written_to(target, page, force)


def _page(
    fit: "Posterior",
    comparison: "Comparison | None",
    backtest: "Backtest | None",
    targets: Sequence[Target],
    budgets: Sequence[Quantity],
    group: str | None,
    prob: float,
    bands: int | None,
) -> str:
    shown = group or largest_group(fit)
    points = _points(fit.law, targets, budgets)
    forecast = predict(fit, group=group, **points) if points else None
    splits = bool(budgets) and fit.law.of_n_and_d
    plan = allocate(fit, list(budgets), group=group) if splits else None
    valley = risk(fit, list(budgets), group=shown) if splits else None
    diagnosis = diagnose(fit)
    found = [result for result in (forecast, plan) if result is not None]
    runs = runs_of_page(fit)
    by_group = len(fit.groups) > 1 and any("group" in result.draws().dims for result in found)
    tabs = list(of_groups(fit, found, shown, runs, prob)) if by_group else []
    answers = tabs[0].answers if tabs else answers_of(found, prob)
    if valley is not None:  # of the group shown, in its tab too
        answers[HEADINGS["Risk"]] = valley.floors()
    # Of sizes that nobody asked for, one picture is enough.
    sizes = [params for params, _ in targets][: 1 if bands is None else bands]
    said = [
        result.warnings for result in (diagnosis, *found, backtest, valley, comparison) if result is not None
    ]
    warnings = dict.fromkeys(chain.from_iterable(said))
    for sentence in forecast.far_away if forecast else ():  # `_far` says it of all answers
        del warnings[sentence]
    return rendered(
        "report.html.j2",
        ("report.js",),
        fit=fit,
        measured=fit.runs.unit.sentence
        if fit.law.response == "loss"
        else WORDS[fit.law.response].capitalize(),
        shown=shown if len(fit.groups) > 1 else None,
        percent=percent(prob),
        drift=f"{fit.drift.sd:.2g}" if fit.law.response == "score" else f"{fit.drift.sd:.1%} of the loss",
        bias=f"{-fit.drift.mean:.1%}" if fit.drift.mean else None,
        diagnosis=diagnosis,
        warnings=_first_about(shown, fit.groups, warnings),
        far=_far(forecast, plan),
        answers=answers,
        tabs=tabs,
        forecast=written(forecast.table(prob)) if forecast else [],
        allocation=written(plan.table(prob)) if plan else [],
        compared=list(_compared(comparison, fit, points, shown, prob)) if comparison else [],
        comparison=written(comparison.table(prob)) if comparison else [],
        backtest=backtest,
        past=_past(backtest, prob) if backtest else [],
        tested=backtest_picture(backtest, prob) if backtest else None,
        pictures=list(page_pictures(fit, comparison, sizes, valley, shown, runs, prob)),
        summary=written(summary(fit, prob).rename_axis("quantity")),
        groups=written(fit.runs.describe()),
        runs=[] if tabs else list(chain.from_iterable(map(runs.of, range(len(fit.groups))))),
        provenance=provenance(fit),
    )


def _past(backtest: "Backtest", prob: float) -> Rows:
    """How a back-test went, cut by cut and method by method."""
    found = ["runs", *dict.fromkeys(("coverage 50%", f"coverage {100 * prob:g}%")), "width", "error"]
    return written(backtest.table(prob, ("cut", "method"))[found])


def _larger_budgets(fit: "Posterior") -> list[Quantity]:
    """The compute of the largest run, 10, 100 and 1,000 times."""
    if not {"params", "tokens"} <= set(fit.law.columns) and "flops" not in fit.law.columns:
        return []
    most = float(fit.runs.extent["flops"][1])
    return [format_flops(times * most) for times in LARGER]


def _larger_runs(fit: "Posterior") -> list[Target]:
    """The largest run, with 10, 100 and 1,000 times its compute at the same tokens per parameter."""
    if not fit.law.of_n_and_d:
        return []
    largest = int((fit.runs.params * fit.runs.tokens).argmax())
    n, d = float(fit.runs.params[largest]), float(fit.runs.tokens[largest])
    return [(format_quantity(n * times**0.5), format_quantity(d * times**0.5)) for times in LARGER]


def _far(forecast: "Forecast | None", plan: "Allocation | None") -> str | None:
    """What to know where an answer lies far beyond the data."""
    found = [] if forecast is None else [float(distance(forecast.decades_beyond).max())]
    found += [] if plan is None else [float(plan.beyond.max())]
    if not found or max(found) <= FAR:
        return None
    return (
        f"Some answers lie up to {max(found):.1f} decades beyond the data. Laws have been tested on held-out runs that "
        f"lie less far away: beyond {FAR:g} decades the intervals rest on how far they missed those"
    )


def _first_about(shown: str, groups: Sequence[str], warnings: Iterable[str]) -> list[str]:
    """Warnings on the group of the headline and on all before those that name another group alone."""

    def elsewhere(warning: str) -> bool:
        named = [name for name in groups if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", warning)]
        return bool(named) and shown not in named

    return sorted(warnings, key=elsewhere)


def _points(law: "Law", targets: Sequence[Target], budgets: Sequence[Quantity]) -> Points:
    """What to forecast under a law; nothing where neither targets nor budgets say it."""
    if law.of_n_and_d and targets:
        params, tokens = zip(*targets, strict=True)
        return {"params": list(params), "tokens": list(tokens)}
    return {"flops": list(budgets)} if law.columns == ("flops",) and budgets else {}


def _compared(
    comparison: "Comparison", fit: "Posterior", points: Points, group: str, prob: float
) -> Iterator[str]:
    """Which law predicts best, and the forecast that mixes them."""
    yield f"Of {len(comparison.ranking)} laws, {'; '.join(comparison.sentences(prob))}"
    if points and all(rival.law.columns == fit.law.columns for rival in comparison.fits.values()):
        for sentence in comparison.predict(group=group, **points).sentences(prob):
            yield f"Laws mixed, weights {comparison.mixed_by}: {sentence}"
