"""Residuals against all that a run has: a test of trend and one of levels for each, which together are seldom wrong.

A unit is a configuration, or a trajectory, whose rows err together: its residual is their mean. Ranks of residuals are
tested, so that no single run makes a finding. The chance that a table which its law describes gives any is kept to
`WRONGLY`, shared by all tests (benchmarks/false_alarms.py counts).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.data.units import format_range

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

WRONGLY = 0.1
"""The chance of any finding where the law is right."""

TREND, LEVELS = 0.3, 0.15
"""The least rank correlation, and share of the variance between levels, that is said: large tables show less too."""

APART = 0.5
"""How much more often than not a run of the first or the last level must lie on one side of one of the others."""

BINS, LEAST = 5, 3
"""Levels of a quantity that has many values, and the units that each must have."""

FEW = 8
"""Units below which nothing is tested."""

GROUPS, SCALE = "group", "scale"


class Finding(NamedTuple):
    """A pattern of residuals.

    Attributes
    ----------
    of : str
        A column, epochs, `GROUPS`, or `SCALE`, for the largest decade against the rest.
    trend : float
        Rank correlation of residuals and the column; NaN where levels differ instead.
    level : ndarray of int, shape (runs,)
        The level of each run, in rising order.
    words : list of str
        What each level is called.
    chance : float
        Of such a pattern or a stronger one where there is none, in this test alone.
    """

    of: str
    trend: float
    level: np.ndarray
    words: list[str]
    chance: float


def findings(fit: "Posterior", scaled: np.ndarray) -> list[Finding]:
    """The patterns of scaled residuals, shape (runs,), that are no chance, the clearest first."""
    from scipy.stats import (  # loads when a fit is diagnosed, and not on import
        kruskal,
        mannwhitneyu,
        rankdata,
        spearmanr,
    )

    unit = fit.runs.clusters
    if unit.max() + 1 < FEW:
        return []
    residual = _mean(scaled, unit)
    found: list[Finding] = []
    tests, seen = 0, set[bytes]()
    for name, values in _quantities(fit):
        of_units = _mean(values, unit)
        ranks = rankdata(of_units)
        # As epochs, where all runs have the same data; as tokens, where all trajectories have the same.
        if ranks.tobytes() in seen or np.ptp(of_units) <= 1e-9 * np.abs(of_units).max():
            continue
        seen.add(ranks.tobytes())
        level, words = (values.astype(int), fit.groups) if name == GROUPS else _levels(values, unit)
        of_unit = _mean(level.astype(float), unit).round().astype(int)
        if name != GROUPS:
            tests += 1
            rank, chance = spearmanr(ranks, residual)
            if abs(rank) > TREND:
                found.append(Finding(name, float(rank), level, words, float(chance)))
        if len(words) < 2 or np.bincount(of_unit, minlength=len(words)).min() < LEAST:
            continue
        for end in (0, len(words) - 1):
            tests += 1
            one, rest = residual[of_unit == end], residual[of_unit != end]
            statistic, chance = mannwhitneyu(one, rest)
            if abs(2 * statistic / (len(one) * len(rest)) - 1) > APART:
                found.append(Finding(name, np.nan, level, words, float(chance)))
        tests += 1
        statistic, chance = kruskal(*(residual[of_unit == i] for i in range(len(words))))
        between = (statistic - len(words) + 1) / (len(residual) - len(words))
        if between > LEVELS:
            found.append(Finding(name, np.nan, level, words, float(chance)))
    at = fit.runs.scale
    largest = at >= at.max() / 10
    top = _mean(np.log(at), unit) >= np.log(at.max() / 10)
    if min(top.sum(), (~top).sum()) >= LEAST:
        tests += 1
        statistic, chance = mannwhitneyu(residual[top], residual[~top])
        if abs(2 * statistic / (top.sum() * (~top).sum()) - 1) > APART:
            words = ["below the largest decade", "in it"]
            found.append(Finding(SCALE, np.nan, largest.astype(int), words, float(chance)))
    clear = sorted((f for f in found if f.chance < WRONGLY / tests), key=lambda f: f.chance)
    return [f for i, f in enumerate(clear) if f.of not in {g.of for g in clear[:i]}]


def _quantities(fit: "Posterior") -> Iterator[tuple[str, np.ndarray]]:
    """What residuals are tested against, with its value for each run: numbers, or the index of the group."""
    runs = fit.runs
    there = {*runs.table.columns, *runs.input_names}
    names = [*fit.law.columns, *(name for name in ("params", "tokens", "flops") if name in there)]
    if {"params", "tokens"} <= there:
        names.append("tokens_per_param")
    for name in dict.fromkeys(names):
        if np.ptp(np.log(runs.column(name))) > 1e-9:
            yield name, runs.column(name)
    if {"tokens", "unique_tokens"} <= there and np.ptp(epochs := runs.tokens / runs.column("unique_tokens")):
        yield "epochs", epochs
    if len(runs.groups) > 1:
        yield GROUPS, runs.group_index.astype(float)


def _levels(values: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The distinct values, where they are few, or parts of about as many units each: each run's, and their names."""
    distinct, level = np.unique([f"{x:.3g}" for x in values], return_inverse=True)
    order = np.argsort([float(x) for x in distinct])
    level = np.argsort(order)[level]
    counts = np.bincount(_mean(level.astype(float), unit).round().astype(int), minlength=len(distinct))
    if len(distinct) > 2 * BINS or counts.min() < LEAST:
        parts = max(min(BINS, (unit.max() + 1) // (2 * LEAST)), 1)
        edges = np.quantile(_mean(np.log(values), unit), np.linspace(0, 1, parts + 1)[1:-1])
        level = np.searchsorted(edges, np.log(values), side="right")
    each = (values[level == i] for i in range(level.max() + 1))
    return level, [format_range(own, " to ") if own.size else "" for own in each]


def _mean(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Means over the rows of each unit."""
    return np.asarray(np.bincount(unit, values) / np.bincount(unit))
