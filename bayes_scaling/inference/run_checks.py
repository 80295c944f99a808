"""Runs that a law misses, one by one and together, each with a remedy, in sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.scales import loss_scales
from bayes_scaling.data.units import format_quantity
from bayes_scaling.inference.default_law import EVIDENCE, NEAR
from bayes_scaling.inference.left_out import SPARE, compared, mode, of_one_law, rows_in_words, without
from bayes_scaling.inference.residuals import Residuals, have_residuals, residuals
from bayes_scaling.inference.schedules import bend
from bayes_scaling.inference.structured import GROUPS, Finding, findings
from bayes_scaling.laws.ceiling import G, takes_ceiling, with_ceiling
from bayes_scaling.laws.chinchilla import skaling

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

HEAVY = 2.0
"""Degrees of freedom below which the noise has no variance."""

SAID = 3
"""Patterns of residuals that are said, the clearest first."""

BETTER = 0.85
"""A ceiling is offered where it leaves this share of the noise or less, and `default_law`'s conditions hold."""

ALIKE = 1.5
"""The factor within which finished runs have the same data."""

START = 0.25
"""The part of a trajectory, in tokens, whose checkpoints lie above any law of finished runs."""


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
        *ceiling(fit, found),
    ]


def _far_off(fit: "Posterior", found: Residuals) -> Iterator[str]:
    rows = found.far
    if not rows.size:
        return
    worst = found.of_loss[rows[np.abs(found.of_loss[rows]).argmax()]]
    one = rows.size == 1
    yield (
        f"{rows_in_words(rows)} of the table {'lies' if one else 'lie'} far from the law that fits the others (up to "
        f"{np.expm1(worst):+.0%} of the loss){_all_at(fit, rows)}: look whether {'this run' if one else 'these runs'} "
        f"diverged, stopped early or came from another recipe or unit, and leave {'it' if one else 'them'} out; where "
        "recipes were not tuned, noise='undertuned'"
    )


def _all_at(fit: "Posterior", rows: np.ndarray) -> str:
    """What several rows have in common: the start of training, or a column's largest or smallest value."""
    if rows.size < 2:
        return ""
    if {"trajectory", "tokens"} <= {*fit.runs.table}:
        label, tokens = fit.runs.clusters, fit.runs.tokens
        if all(tokens[row] < START * tokens[label == label[row]].max() for row in rows):
            return f", all in the first {START:.0%} of their training, where learning rates rise"
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
        yield "; ".join([_pattern(fit, found, pattern), *_answer_without(fit, pattern)])


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
        shown = f"; medians: {levels}" if len(there) > 1 else ""
        return (
            f"residuals {way} with {pattern.of} (rank correlation {pattern.trend:+.2f}{shown}): the law "
            "has another slope there than the runs, and forecasts carry it on; compare laws"
        )
    sign = "sign " if min(middles) < 0 < max(middles) else ""
    return (
        f"residuals change {sign}with {pattern.of} (medians: {levels}): the law has another shape there than the runs; "
        "look whether some were trained otherwise, and compare laws"
    )


def _answer_without(fit: "Posterior", pattern: Finding) -> Iterator[str]:
    """The level without which the others agree best, its rows, and what the answer would be; none of too few runs."""
    if (left := without(fit, pattern.level)) is None:
        return
    level, one, other = left
    word = (fit.groups if pattern.of == GROUPS else pattern.words)[level]
    rows = rows_in_words(np.flatnonzero(pattern.level == level))
    yield f"without {pattern.of} {word} ({rows}) {compared(fit, one, other)}"


def ceiling(fit: "Posterior", found: Residuals) -> Iterator[str]:
    """A ceiling, where the law, or `skaling`, fits much better below one that the largest losses come near."""
    if not (fit.law.allocates and takes_ceiling(fit.law)):
        return
    near = of_one_law(fit)
    near[found.far] = False  # what lies far off is named by itself
    if near.sum() < len(fit.law.parameters) + 1 + SPARE:
        return
    units = len(np.unique(fit.runs.clusters[near]))
    laws = [fit.law, skaling] if fit.law.columns == skaling.columns else [fit.law]
    capped = [with_ceiling(law).in_units(loss_scales(fit.runs)) for law in laws]
    modes = [mode(fit, near, law) for law in capped]
    # As the information criterion of Schwarz 1978: half the log of the number of units for each parameter.
    costs = [units * np.log(m.sigma) + 0.5 * len(m.parameters) * np.log(units) for m in modes]
    below, law, alone = modes[best := int(np.argmin(costs))], capped[best], mode(fit, near)
    left, largest = below.sigma / alone.sigma, fit.runs.loss[near].max()
    if left > BETTER or -units * np.log(left) < EVIDENCE or largest < NEAR * below.parameters[G]:
        return
    yield (
        f"the largest losses ({largest:.3g}) come near a ceiling, as the loss of random guessing is: with one at "
        f"{below.parameters[G]:.3g} law {law.name!r} misses the runs by {below.sigma:.1%} instead of "
        f"{alone.sigma:.1%}; fit law={law.name!r}"
    )


def _bent(fit: "Posterior", found: Residuals) -> Iterator[str]:
    """Checkpoints in the middle of a schedule, and the answer from finished runs alone."""
    if (bent := bend(fit, found.of_loss, found.far)) is None:
        return
    of = "trajectories" if bent.named else "runs of one size (one trajectory each?)"
    named = "" if bent.named else "name them in a column 'trajectory' and "
    finished = int(bent.last.sum())
    answer = "too few finished runs for an answer of their own"
    if finished >= len(fit.law.parameters):
        one, other = mode(fit, bent.last), mode(fit, np.ones(len(fit.runs), bool))
        answer = f"from the {finished} finished runs alone {compared(fit, one, other)}"
    data = fit.runs.column(bent.along)[bent.last]
    if finished > 1 and data.max() < ALIKE * data.min():
        answer += (
            f"; these have about {format_quantity(data.max())} {bent.along} each, which leaves the exponent of "
            f"{bent.along} to its prior: trust forecasts of as many, and train a run on more or fewer"
        )
    yield (
        f"{of} end {-np.expm1(bent.end):.1%} below their own trend under the law, as they do where checkpoints in the "
        "middle of a schedule, before the learning rate has come down, are taken for finished runs; exponents of "
        f"tokens are too low then: {named}keep the last of each (finished=True, command line: --finished); {answer}"
    )
