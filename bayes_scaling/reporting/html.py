"""One self-contained HTML page from a fit: the answers first, then pictures, warnings and provenance."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bayes_scaling.data.files import check_writable, replacing
from bayes_scaling.data.response import WORDS
from bayes_scaling.data.units import Quantity, format_flops, format_quantity
from bayes_scaling.forecast.forecast import FAR
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.diagnostics import diagnose
from bayes_scaling.inference.summary import summary
from bayes_scaling.model.drift import distance
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.risk import risk
from bayes_scaling.reporting.page_pictures import PLANE, page_pictures
from bayes_scaling.reporting.plot.groups import largest_group
from bayes_scaling.reporting.plot.style import percent
from bayes_scaling.reporting.provenance import provenance
from bayes_scaling.reporting.tables import written

if TYPE_CHECKING:
    from bayes_scaling.evaluation.compare import Comparison
    from bayes_scaling.forecast.forecast import Forecast
    from bayes_scaling.inference.posterior import Posterior
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
    targets: Sequence[tuple[Quantity, Quantity]] | None = None,
    budgets: Sequence[Quantity] | None = None,
    group: str | None = None,
    prob: float = 0.9,
    force: bool = False,
) -> Path | str:
    """A self-contained HTML page: no network, no scripts, whole or not written at all.

    Parameters
    ----------
    fit : Posterior
    path : str or Path, optional
        Where to write it. Default: nowhere; the page is returned as text.
    comparison : Comparison, optional
        Of this fit's law with others on the same table.
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
    target = None if path is None else Path(path)
    if target is not None:
        check_writable(target, force)
    bands = None if targets is None else len(targets)
    targets = _larger_runs(fit) if targets is None else targets
    budgets = _larger_budgets(fit) if budgets is None else budgets
    page = _page(fit, comparison, targets, budgets, group, prob, bands)
    if target is None:
        return page
    with replacing(target, force) as aside:
        aside.write_text(page, encoding="utf-8")
    return target


def _page(
    fit: "Posterior",
    comparison: "Comparison | None",
    targets: Sequence[Target],
    budgets: Sequence[Quantity],
    group: str | None,
    prob: float,
    bands: int | None,
) -> str:
    # Slow to load, and wanted for pages alone.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    shown = group or largest_group(fit)
    points = _points(fit.law.columns, targets, budgets)
    forecast = predict(fit, group=group, **points) if points else None
    splits = bool(budgets) and fit.law.columns == PLANE
    plan = allocate(fit, list(budgets), group=group) if splits else None
    valley = risk(fit, list(budgets), group=shown) if splits else None
    diagnosis = diagnose(fit)
    answers = predict(fit, group=shown, **points).sentences(prob) if points else []
    if valley is not None:
        answers += [*allocate(fit, list(budgets), group=shown).sentences(prob), *valley.floors()]
    if comparison is not None:
        answers += _compared(comparison, fit, points, shown, prob)
    # Of sizes that nobody asked for, one picture is enough.
    sizes = [params for params, _ in targets][: 1 if bands is None else bands]
    said = [found.warnings for found in (diagnosis, forecast, plan, valley, comparison) if found is not None]
    environment = Environment(
        loader=PackageLoader("bayes_scaling.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        fit=fit,
        measured=fit.runs.unit.sentence
        if fit.law.response == "loss"
        else WORDS[fit.law.response].capitalize(),
        shown=shown if len(fit.groups) > 1 else None,
        percent=percent(prob),
        drift=f"{fit.drift.sd:.2g}" if fit.law.response == "score" else f"{fit.drift.sd:.1%} of the loss",
        bias=f"{-fit.drift.mean:.1%}" if fit.drift.mean else None,
        diagnosis=diagnosis,
        warnings=list(dict.fromkeys(chain.from_iterable(said))),
        far=_far(forecast, plan),
        answers=answers,
        forecast=written(forecast.table(prob)) if forecast else [],
        allocation=written(plan.table(prob)) if plan else [],
        comparison=written(comparison.table(prob)) if comparison else [],
        pictures=list(page_pictures(fit, comparison, sizes, valley, shown, prob)),
        summary=written(summary(fit, prob).rename_axis("quantity")),
        runs=written(fit.runs.describe()),
        provenance=provenance(fit),
    )


def _larger_budgets(fit: "Posterior") -> list[Quantity]:
    """The compute of the largest run, 10, 100 and 1,000 times."""
    if not {"params", "tokens"} <= set(fit.law.columns) and "flops" not in fit.law.columns:
        return []
    most = float(fit.runs.extent["flops"][1])
    return [format_flops(times * most) for times in LARGER]


def _larger_runs(fit: "Posterior") -> list[Target]:
    """The largest run, with 10, 100 and 1,000 times its compute at the same tokens per parameter."""
    if fit.law.columns != PLANE:
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


def _points(columns: tuple[str, ...], targets: Sequence[Target], budgets: Sequence[Quantity]) -> Points:
    """What to forecast under a law of these columns; nothing where neither targets nor budgets say it."""
    if columns == PLANE and targets:
        params, tokens = zip(*targets, strict=True)
        return {"params": list(params), "tokens": list(tokens)}
    return {"flops": list(budgets)} if columns == ("flops",) and budgets else {}


def _compared(
    comparison: "Comparison", fit: "Posterior", points: Points, group: str, prob: float
) -> Iterator[str]:
    """Which law predicts best, and the forecast that mixes them."""
    yield f"Of {len(comparison.ranking)} laws, {'; '.join(comparison.sentences(prob))}"
    if points and all(rival.law.columns == fit.law.columns for rival in comparison.fits.values()):
        for sentence in comparison.predict(group=group, **points).sentences(prob):
            yield f"Laws mixed, weights {comparison.mixed_by}: {sentence}"
