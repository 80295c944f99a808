"""The card of a run that nobody has trained yet, from a posterior."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.response import Response
from bayes_scaling.data.units import Quantities
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.card import Card, equally_likely
from bayes_scaling.forecast.course import Course
from bayes_scaling.forecast.predict import forecast
from bayes_scaling.forecast.ratios import course_of, history_of
from bayes_scaling.inference.checksum import checksum_of_runs
from bayes_scaling.inference.diagnostics import diagnose
from bayes_scaling.model.drift import Drift, as_drift, distance

if TYPE_CHECKING:
    from bayes_scaling.data.trajectories import HistoryLike
    from bayes_scaling.inference.collection import Collection
    from bayes_scaling.inference.posterior import Posterior

_DRIFTS: dict[Response, str] = {"loss": "log loss", "share": "the log odds", "score": "the score"}
"""What a drift is of."""


def make_card(
    fit: "Posterior",
    name: str,
    inputs: Mapping[str, Quantities | None],
    *,
    group: str | None = None,
    drift: Drift | float | bool | None = None,
    note: str = "",
    history: "HistoryLike | Collection | None" = None,
) -> Card:
    """The card of one run under a name; its inputs by column, the rest as for `bayes_scaling.Fit.register`.

    Raises
    ------
    InputError
        As of `predict`; and for more than one run, a group that is not named, or draws without a loss.
    """
    if group is None and len(fit.groups) > 1:
        raise InputError(
            f"a card is of one run: say whose it is with group=..., one of {', '.join(fit.groups)}, or 'new'"
        )
    found = forecast(fit, inputs, group=group, drift=drift)
    if (count := found.inputs.sizes["point"]) > 1:
        raise InputError(f"a card is of one run, not of {count}; register each under a name of its own")
    new_run = found.new_run.isel(point=0)
    if lost := float((~np.isfinite(new_run)).mean()):
        raise InputError(
            f"{lost:.1%} of the draws have no finite {found.response} there: there is nothing to register; "
            "ask for a run nearer to the data"
        )
    at = {str(column): float(values[0]) for column, values in found.inputs.items()}
    course = None if history is None else _course(fit, history, at, group)
    used, diagnosis = as_drift(drift, fit.drift), diagnose(fit)
    run = found.points()[0]
    said = (*diagnosis.problems, *found.warnings, *diagnosis.warnings, *(course.warnings if course else ()))
    return Card(
        name=name,
        registered=datetime.now(UTC).isoformat(timespec="seconds"),
        run=run if group is None else f"{group}, {run}",
        inputs=at,
        group=group,
        response=found.response,
        unit=found.unit,
        values=equally_likely(new_run),
        beyond=float(distance(found.decades_beyond)[0]),
        assumptions=(
            *_assumptions(fit, used),
            diagnosis.sentences()[0],
            *([_schedule(course)] if course else []),
        ),
        warnings=tuple(dict.fromkeys(said)),
        note=note,
        data=checksum_of_runs(fit.tree, fit.provenance["runs"]["columns"]),
        fit={**fit.provenance, "drift": used.to_dict()},
        course=course,
    )


def _course(
    fit: "Posterior", history: "HistoryLike | Collection", inputs: dict[str, float], group: str | None
) -> Course:
    """How the run will lie above its end; `InputError` for a law of anything but losses."""
    if fit.law.response != "loss":
        raise InputError(
            f"law {fit.law.name} is of a {fit.law.response}: leave out history=..., which is of losses"
        )
    return course_of(history_of(history), inputs, group)


def _schedule(course: Course) -> str:
    return (
        f"Losses on the way lie above their end as those of {course.runs} runs of {course.history} did: the learning "
        "rate falls as theirs"
    )


def _assumptions(fit: "Posterior", drift: Drift) -> list[str]:
    """What a forecast rests on, beside its data."""
    law, pooled = fit.law, set(fit.pooling.values())
    said = [
        f"The law is {law.name}, {law.formula} ({law.cite}), fitted to {fit.runs!r}",
        f"The noise is {fit.noise.description}",
    ]
    if len(fit.groups) > 1:
        kinds = ", ".join(f"{name} {kind}" for name, kind in fit.pooling.items())
        said.append(f"Pooling over groups is {pooled.pop() if len(pooled) == 1 else kinds}")
    if drift.spread:
        said.append(
            f"Beyond the data the truth may drift from the law: {_DRIFTS[law.response]} changes by {drift.mean:+.2g} a "
            f"power of ten on average (sd {drift.sd:.2g})"
        )
    elif not fit.noise.joint:
        said.append("Beyond the data the truth stays on the law: no drift is allowed for")
    return said
