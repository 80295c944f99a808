"""One self-contained HTML page from a fit: the answers first, then pictures, doubts and provenance."""

import io
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_scaling.data.files import check_writable, replacing
from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.diagnostics import diagnose
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.inference.summary import summary
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.risk import risk
from bayes_scaling.reporting import plot
from bayes_scaling.reporting.plot.groups import largest_group, one_group
from bayes_scaling.reporting.plot.style import percent, styled
from bayes_scaling.reporting.tables import allocation_rows, comparison_rows, forecast_rows, summary_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayes_scaling.evaluation.compare import Comparison
    from bayes_scaling.forecast.forecast import Forecast
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.planning.results.allocation import Allocation
    from bayes_scaling.planning.results.risk import Risk

PLANE = ("params", "tokens")


def report(
    fit: "Posterior",
    path: str | Path | None = None,
    *,
    comparison: "Comparison | None" = None,
    targets: Sequence[tuple[Any, Any]] = (("100B", "2T"),),
    budgets: Sequence[Any] = ("1e24", "1e25", "1e26"),
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
        What to forecast, for a law of N and D.
    budgets : sequence of number or str
        FLOPs to split into N and D; for a law of compute alone, what to forecast.
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
    from jinja2 import Environment, PackageLoader, StrictUndefined

    target = None if path is None else Path(path)
    if target is not None:
        check_writable(target, force)
    shown = group or largest_group(fit)
    forecast = _forecast(fit, targets, budgets, group)
    plan = allocate(fit, list(budgets), group=group) if budgets and fit.law.columns == PLANE else None
    valley = risk(fit, list(budgets), group=shown) if plan else None
    diagnosis = diagnose(fit)
    environment = Environment(
        loader=PackageLoader("bayes_scaling.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        fit=fit,
        shown=shown if len(fit.groups) > 1 else None,
        percent=percent(prob),
        drift=f"{fit.drift.sd:.1%}",
        lean=f"{-fit.drift.mean:.1%}" if fit.drift.mean else None,
        diagnosis=diagnosis,
        warnings=[*diagnosis.warnings, *(plan.warnings if plan else [])],
        answers=[
            *(_forecast_sentences(forecast, shown, prob) if forecast else []),
            *(_plan_sentences(plan, shown, prob) if plan else []),
            *(f"{line}." for line in (valley.floors() if valley else [])),
            *(_comparison_sentences(comparison, fit, targets, budgets, shown, prob) if comparison else []),
        ],
        forecast=forecast_rows(forecast.table(prob), prob, parts=True) if forecast else [],
        allocation=allocation_rows(plan.table(prob), prob) if plan else [],
        comparison=comparison_rows(comparison.table()) if comparison else [],
        pictures=list(_pictures(fit, comparison, targets, valley, shown, prob)),
        summary=summary_rows(summary(fit, prob), prob),
        runs=_described(fit),
        provenance=_provenance(fit),
    )
    if target is None:
        return page
    with replacing(target, force) as aside:
        aside.write_text(page, encoding="utf-8")
    return target


def _points(columns: tuple[str, ...], targets: Any, budgets: Any) -> dict[str, Any]:
    """What to forecast under a law of these columns; nothing where neither targets nor budgets say it."""
    if columns == PLANE and targets:
        params, tokens = zip(*targets, strict=True)
        return {"params": list(params), "tokens": list(tokens)}
    return {"flops": list(budgets)} if columns == ("flops",) and budgets else {}


def _forecast(fit: "Posterior", targets: Any, budgets: Any, group: str | None) -> "Forecast | None":
    points = _points(fit.law.columns, targets, budgets)
    return predict(fit, group=group, **points) if points else None


def _forecast_sentences(forecast: "Forecast", group: str, prob: float, lead: str = "") -> Iterator[str]:
    """What each point will cost in loss, for one group."""
    law, run = (
        one_group(quantiles(forecast.draws(what), tails(prob)), group).to_numpy().T
        for what in ("mean", "new_run")
    )
    for i in range(forecast.inputs.sizes["point"]):
        at = {str(name): float(values[i]) for name, values in forecast.inputs.items()}
        beyond = {str(name): float(values[i]) for name, values in forecast.decades_beyond.items()}
        what = f"{format_flops(at['flops'])} FLOPs of training"
        if "params" in at:
            size, data = format_quantity(at["params"]), format_quantity(at["tokens"])
            what = f"A {size}-parameter model trained on {data} tokens"
        band = f"{percent(prob)} of new runs within [{run[i, 0]:.3f}, {run[i, 2]:.3f}]"
        yield f"{lead}{what}: loss {law[i, 1]:.3f}, {band}; {_distance(beyond)}."


def _distance(beyond: dict[str, float]) -> str:
    """How far beyond the data a point lies, in words."""
    nouns = {"flops": "compute", "params": "parameters"}
    inputs = sorted(beyond, key=lambda name: name != "flops")
    far = [f"{beyond[name]:.1f} of {nouns.get(name, name)}" for name in inputs if beyond[name] >= 0.05]
    return f"in decades beyond the data: {', '.join(far)}" if far else "within the range of the data"


def _plan_sentences(plan: "Allocation", group: str, prob: float) -> Iterator[str]:
    """How each budget is best split, for one group."""
    n, d = (
        one_group(quantiles(plan.draws(what), tails(prob)), group).to_numpy() for what in ("params", "tokens")
    )
    for i, budget in enumerate(plan.flops.to_numpy()):
        size, data = (
            f"{middle} {noun} ({percent(prob)}: {low} to {high})"
            for noun, (low, middle, high) in (
                ("parameters", map(format_quantity, n[:, i])),
                ("tokens", map(format_quantity, d[:, i])),
            )
        )
        yield f"{format_flops(budget)} FLOPs are best spent on {size} and {data}."


def _comparison_sentences(
    comparison: "Comparison", fit: "Posterior", targets: Any, budgets: Any, group: str, prob: float
) -> Iterator[str]:
    """Which law predicts best, and the forecast that mixes them."""
    yield f"Of {len(comparison.ranking)} laws, {'; '.join(comparison.sentences(prob))}."
    points = _points(fit.law.columns, targets, budgets)
    if points and all(rival.law.columns == fit.law.columns for rival in comparison.fits.values()):
        label = group if group in fit.groups or group == "new" else None
        mixed = comparison.predict(group=label, **points)
        yield from _forecast_sentences(mixed, group, prob, lead="Laws mixed by these weights. ")


def _pictures(
    fit: "Posterior",
    comparison: "Comparison | None",
    targets: Any,
    risk: "Risk | None",
    group: str,
    prob: float,
) -> Iterator[dict[str, str]]:
    """Pictures with their captions, in the order of the questions that they answer."""
    common: dict[str, Any] = {"group": group, "prob": prob}
    optimal = fit.law.columns == PLANE
    if optimal or len(fit.law.columns) == 1:
        yield _picture(
            lambda figure: plot.extrapolation(fit, ax=figure.subplots(), **common),
            f"The law along {'the compute-optimal path' if optimal else fit.law.columns[0]}. The dark band "
            "is the law's, the dotted lines add its drift beyond the data, the light band holds a new run; what is "
            "dashed and hatched lies beyond the data.",
        )
    if optimal:
        for params in dict.fromkeys(params for params, _ in targets):
            yield _picture(
                partial(_loss_band, fit, params, common),
                f"Loss of a model of {params} parameters against its training data.",
            )
        yield _picture(
            lambda figure: plot.allocation(fit, figure=figure, **common),
            "How to split a budget. Where the band is wide, these runs do not say.",
            (9.2, 4.2),
        )
        if risk is not None:
            yield _picture(
                lambda figure: plot.valley(risk, ax=figure.subplots()),
                f"What another model size would give up at {format_flops(float(risk.flops[0]))} FLOPs, and what rules "
                "of thumb would train. A flat valley forgives a wide interval of N.",
                (7.2, 5.0),
            )
        yield _picture(
            lambda figure: plot.isoloss(fit, ax=figure.subplots(), **common),
            "Lines of equal loss. The band holds the optimum along each diagonal of equal compute; grey is "
            "beyond the range of the data.",
            (7.2, 5.8),
        )
    if comparison is not None:
        yield _picture(
            lambda figure: plot.comparison(comparison, ax=figure.subplots()),
            "Laws compared by how they predict configurations left out.",
            (7.2, 1.5 + 0.5 * len(comparison.ranking)),
        )
    yield _picture(
        lambda figure: plot.residuals(fit, fit.law.columns[0], prob=prob, ax=figure.subplots()),
        "What the law misses of each run. A pattern here, rather than scatter, says that the law is wrong.",
        (7.2, 4.4),
    )
    yield _picture(
        lambda figure: plot.posterior(fit, prob=prob, figure=figure),
        "What the data told (colour) about each parameter beside what was assumed (grey).",
        (9.2, 4.0),
    )


def _loss_band(fit: "Posterior", params: Any, common: dict[str, Any], figure: "Figure") -> None:
    plot.loss_band(fit, params, ax=figure.subplots(), **common)


@styled
def _picture(
    draw: Callable[["Figure"], Any], caption: str, size: tuple[float, float] = (7.2, 4.6)
) -> dict[str, str]:
    """A picture as a data URI of SVG; pyplot's figures are left alone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return {"uri": "data:image/svg+xml;base64," + b64encode(buffer.getvalue()).decode(), "caption": caption}


def _described(fit: "Posterior") -> list[dict[str, str]]:
    """The table of runs by group."""
    table = fit.runs.describe()
    return [
        {str(name): str(cell) for name, cell in row.items()} for row in table.reset_index().to_dict("records")
    ]


def _provenance(fit: "Posterior") -> list[tuple[str, str]]:
    """How the posterior was made, as pairs of name and text."""
    made = fit.provenance
    reference = ", ".join(f"{name} {format_quantity(value)}" for name, value in fit.reference.values.items())
    used = {"sigma": fit.noise.sigma, **fit.structure.global_priors}
    return [
        ("Law", f"{made['law']}: {made['formula']}"),
        ("From", made["cite"]),
        ("Reference point", f"{reference} (the law's inputs are multiples of it)"),
        ("Priors", "; ".join(f"{name} ~ {_prior(prior)}" for name, prior in made["priors"].items())),
        ("Noise", fit.noise.description),
        ("Noise priors", "; ".join(f"{name} ~ {_prior(prior.to_dict())}" for name, prior in used.items())),
        ("Pooling", ", ".join(f"{name} {kind}" for name, kind in made["pooling"].items())),
        ("Runs", repr(fit.runs)),
        ("Draws", f"{made['chains']} chains of {made['draws']} after {made['warmup']}, seed {made['seed']}"),
        ("Device and time", f"{made['device']}; {made['seconds']:.1f} s; {made['made']}"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in made["versions"].items())),
    ]


def _prior(values: dict[str, Any]) -> str:
    inside = ", ".join(f"{name} {value:g}" for name, value in values.items() if name != "family" and value)
    return f"{values['family']}({inside})"
