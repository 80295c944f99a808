"""A page's answers group by group: what each reaches and costs, its picture, and its runs."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, NamedTuple

from bayes_scaling.inference.result import Result
from bayes_scaling.reporting.page_pictures import Picture, path_picture
from bayes_scaling.reporting.page_runs import RunsOfPage

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.reporting.tables import Rows

MOST = 6
"""Groups that get a picture of their own: each takes a search for every draw."""


Answers = dict[str, list[str]]
"""Sentences by what they answer."""

HEADINGS = {
    "Forecast": "What larger runs reach",
    "Allocation": "How to split a budget",
    "Risk": "What another size would cost",
}
"""Of each kind of result."""


class OfGroup(NamedTuple):
    """What a page says of one group."""

    name: str
    answers: Answers
    picture: Picture | None
    runs: "Rows"
    left_out: int


def of_groups(
    fit: "Posterior",
    results: Sequence[Result],
    shown: str,
    runs: RunsOfPage,
    prob: float,
) -> Iterator[OfGroup]:
    """Each group, the one shown above first, then in the order of the table; its answers off results of all."""
    rest = [name for name in fit.groups if name != shown]
    for i, name in enumerate([shown, *rest]):
        answers = answers_of([only(result, name) for result in results], prob)
        drawn = path_picture(fit, name, runs, prob) if 0 < i < MOST else None
        index = fit.groups.index(name)
        own = runs.of(index)
        yield OfGroup(name, answers, drawn, own, int((runs.group == index).sum()) - len(own))


def answers_of(results: Sequence[Result], prob: float) -> Answers:
    """What some results say."""
    return {HEADINGS[type(result).__name__]: result.sentences(prob) for result in results}


def only[R: Result](result: R, group: str) -> R:
    """The part of a result that is about one group."""
    found = {field.name: getattr(result, field.name) for field in fields(result)}  # type: ignore[arg-type]
    of_group = {
        name: value.sel(group=group, drop=True)
        for name, value in found.items()
        if "group" in getattr(value, "dims", ())
    }
    return replace(result, **of_group)  # type: ignore[type-var]
