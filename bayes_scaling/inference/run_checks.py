"""Runs that a law misses, one by one and together, each with a remedy, in sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.scales import loss_scales
from bayes_scaling.data.units import format_quantity
from bayes_scaling.inference.left_out import compared, mode, without
from bayes_scaling.inference.residuals import Residuals, have_residuals, residuals
from bayes_scaling.inference.schedules import bend
from bayes_scaling.inference.structured import GROUPS, Finding, findings
from bayes_scaling.laws.ceiling import G, with_ceiling
from bayes_scaling.laws.roles import Kind

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

HEAVY = 2.0
"""Degrees of freedom below which the noise has no variance."""

SAID = 3
"""Patterns of residuals that are said, the clearest first."""

BETTER, NEAR = 0.7, 0.6
"""A ceiling is offered where it leaves this share of the noise or less, and the largest loss is this share of it."""


def run_checks(fit: "Posterior") -> list[str]:
    """What the residuals of single runs, of trends, of the largest runs and of groups say; for laws of losses."""
    if not have_residuals(fit):
        return []
    found = residuals(fit)
    return [
        *_far_off(fit, found),
        *_heavy_tails(fit),
        *_bent(fit, found),
        *_patterns(fit, found),
    ]


def _far_off(fit: "Posterior", found: Residuals) -> Iterator[str]:
    rows = found.far
    if not rows.size:
        return
    worst = found.of_loss[rows[np.abs(found.of_loss[rows]).argmax()]]
    one = rows.size == 1
    yield (
        f"{_listed(rows)} of the table {'lies' if one else 'lie'} far from the law that fits the others (up to "
        f"{np.expm1(worst):+.0%} of the loss){_all_at(fit, rows)}: look whether {'this run' if one else 'these runs'} "
        "diverged, stopped early or came from another recipe or unit, and leave them out; where recipes were not "
        "tuned, noise='undertuned'"
    )


def _all_at(fit: "Posterior", rows: np.ndarray) -> str:
    """The column at whose largest or smallest value all of several rows are, and hardly any other."""
    if rows.size < 2:
        return ""
    for name in fit.law.columns:
        x = fit.runs.column(name)
        for word, end in (("largest", x.max()), ("smallest", x.min())):
            at_end = np.isclose(x, end, rtol=1e-3)
            if at_end[rows].all() and at_end.sum() < min(len(x) / 2, 3 * rows.size + 1):
                return f", all at the {word} {name}, {format_quantity(end)}"
    return ""


def _heavy_tails(fit: "Posterior") -> Iterator[str]:
    nu = float(fit.noise.degrees_of_freedom(fit.posterior).median())
    if nu < HEAVY:
        yield (
            f"the noise has nu {nu:.2f}: below {HEAVY:g} it has no variance, because a few runs lie far from the law "
            "that fits the others; find them in the residuals before believing a band"
        )


def _patterns(fit: "Posterior", found: Residuals) -> Iterator[str]:
    """What residuals go with, the runs that it rests on, and the answer without them."""
    patterns = findings(fit, found.scaled)
    for pattern in patterns[:SAID]:
        yield f"{_pattern(fit, found, pattern)}; {_answer_without(fit, pattern)}"
    if patterns and (said := _ceiling(fit)):
        yield said


def _pattern(fit: "Posterior", found: Residuals, pattern: Finding) -> str:
    words = fit.groups if pattern.of == GROUPS else pattern.words
    there = [
        i for i in range(len(words)) if (pattern.level == i).any()
    ]  # levels may have no runs of their own
    middles = [float(np.median(found.of_loss[pattern.level == i])) for i in there]
    levels = ", ".join(f"{words[i]} {np.expm1(x):+.1%}" for i, x in zip(there, middles, strict=True))
    if pattern.of == GROUPS:
        return (
            f"groups lie apart from the law (medians: {levels}): let its parameters differ (pooling='partial'), or "
            "look for another tokenizer or data set"
        )
    if not np.isnan(pattern.trend):
        way = "rise" if pattern.trend > 0 else "fall"
        return (
            f"residuals {way} with {pattern.of} (rank correlation {pattern.trend:+.2f}; medians: {levels}): the law "
            "has another slope there than the runs, and forecasts carry it on; compare laws"
        )
    sign = "sign " if min(middles) < 0 < max(middles) else ""
    return (
        f"residuals change {sign}with {pattern.of} (medians: {levels}): the law has another shape there than the runs; "
        "look whether some were trained otherwise, and compare laws"
    )


def _answer_without(fit: "Posterior", pattern: Finding) -> str:
    """The level without which the others agree best, its rows, and what the answer would be."""
    if (left := without(fit, pattern.level)) is None:
        return "no runs can be left out of so few"
    level, one, other = left
    word = (fit.groups if pattern.of == GROUPS else pattern.words)[level]
    rows = _listed(np.flatnonzero(pattern.level == level))
    return f"without {pattern.of} {word} ({rows}) {compared(fit, one, other)}"


def _ceiling(fit: "Posterior") -> str | None:
    """A ceiling, where the law fits much better below one that the largest losses come near."""
    if not fit.law.allocates or fit.law.with_kind(Kind.LIMIT):
        return None
    capped = with_ceiling(fit.law).in_units(loss_scales(fit.runs))
    everything = np.ones(len(fit.runs), bool)
    without_one, with_one = mode(fit, everything), mode(fit, everything, capped)
    guessing = with_one.parameters[G]
    if with_one.sigma > BETTER * without_one.sigma or fit.runs.loss.max() < NEAR * guessing:
        return None
    return (
        f"the largest losses ({fit.runs.loss.max():.3g}) come near a ceiling, as the loss of random guessing is: "
        f"with one at {guessing:.3g} the law misses its runs by {with_one.sigma:.1%} instead of "
        f"{without_one.sigma:.1%}; fit law={capped.name!r}"
    )


def _bent(fit: "Posterior", found: Residuals) -> Iterator[str]:
    """Checkpoints in the middle of a schedule, and the answer from finished runs alone."""
    if (bent := bend(fit, found.of_loss, found.far)) is None:
        return
    of = "trajectories" if bent.named else "runs of one size (one trajectory each?)"
    finished = int(bent.last.sum())
    answer = "too few finished runs for an answer of their own"
    if finished >= len(fit.law.parameters):
        one, other = mode(fit, bent.last), mode(fit, np.ones(len(fit.runs), bool))
        answer = f"from the {finished} finished runs alone {compared(fit, one, other)}"
    yield (
        f"{of} end {-np.expm1(bent.end):.1%} below their own trend under the law, as they do where checkpoints in the "
        "middle of a schedule, before the learning rate has come down, are taken for finished runs; exponents of "
        f"tokens are too low then: keep the last of each (finished=True, command line: --finished); {answer}"
    )


def _listed(rows: np.ndarray) -> str:
    """Rows by number, ten of them at most."""
    shown = ", ".join(str(row + 1) for row in rows[:10]) + (
        f" and {rows.size - 10} more" if rows.size > 10 else ""
    )
    return f"{'row' if rows.size == 1 else 'rows'} {shown}"
