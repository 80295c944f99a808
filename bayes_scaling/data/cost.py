"""What a run costs: C = 6ND, or a power law of the FLOPs that a table itself records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.arrays import Array, Computed
from bayes_scaling.data.questions import SLIP
from bayes_scaling.data.units import format_flops, params_for, tokens_for, training_flops

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs

OFF = 0.1
"""Root mean square of log C - log 6ND from which on a table's FLOPs are its own."""

_SPREAD = 0.05
"""Scatter of log C around the power law, against which its exponent is drawn to 1 by a prior of sd `_PRIOR`."""
_PRIOR = 0.2


@dataclass(frozen=True)
class Cost:
    """Training FLOPs of N parameters on D tokens, ``C = c N^p D``: every token costs the same.

    Attributes
    ----------
    c, p : float
    own : bool
        Whether a table's own FLOPs say so; else C = 6ND.
    apart : str
        The group whose runs cost most unlike this; empty where all are alike.
    times : float
        Their cost, as a multiple of this.
    """

    c: float = 6.0
    p: float = 1.0
    own: bool = False
    apart: str = ""
    times: float = 1.0

    def flops(self, params: Array, tokens: Array) -> Computed:
        """C of N and D."""
        return self.c * params**self.p * tokens if self.own else training_flops(params, tokens)

    def tokens(self, flops: Array, params: Array) -> Computed:
        """The D that a budget buys a model."""
        return flops / (self.c * params**self.p) if self.own else tokens_for(flops, params)

    def params(self, flops: Array, tokens: Array) -> Computed:
        """The N that a budget trains on some tokens."""
        return (flops / (self.c * tokens)) ** (1 / self.p) if self.own else params_for(flops, tokens)

    def at_ratio(self, flops: Array, ratio: float) -> Computed:
        """The N whose tokens per parameter are these."""
        return (flops / (self.c * ratio)) ** (1 / (1 + self.p))

    def words(self, params: float, tokens: float) -> str:
        """A sentence without a full stop: FLOPs are the table's own, and a model costs so much both ways."""
        here, six = float(self.flops(params, tokens)), float(training_flops(params, tokens))
        return (
            f"FLOPs are the table's own, fitted as C = {self.c:.3g} N^{self.p:.3g} D: {format_flops(here)} for this "
            f"answer, {here / six:.3g} times 6ND ({format_flops(six)}){self._of_groups()}"
        )

    def _of_groups(self) -> str:
        return (
            f"; groups differ: runs of {self.apart} cost {self.times:.2g} times that, so ask with group=... (--group)"
            if self.apart
            else ""
        )


SIX = Cost()
"""C = 6ND (Kaplan et al. 2020, section 2.1)."""


def cost_of(runs: Runs, group: str | None = None) -> Cost:
    """The cost of a table's runs, or of a group's where groups differ: a power law where its FLOPs are not 6ND."""
    if not {"params", "tokens", "flops"} <= set(runs.table.columns):
        return SIX
    of_all = _fitted(runs, np.ones(len(runs), bool))
    if group in runs.groups and of_all.apart:
        return _fitted(runs, runs.group_index == runs.groups.index(group))
    return of_all


def _fitted(runs: Runs, kept: np.ndarray) -> Cost:
    """The power law of the FLOPs of some runs."""
    of_group, x = runs.group_index[kept], np.log(runs.params)[kept]
    ratio = (np.log(runs.flops) - np.log(training_flops(runs.params, runs.tokens)))[kept]
    near = np.abs(ratio - np.median(ratio)) < math.log(SLIP)
    ratio, x, of_group = ratio[near], x[near], of_group[near]
    if math.sqrt(np.mean(ratio**2)) < OFF:
        return SIX
    slope = ((x - x.mean()) @ ratio) / ((x - x.mean()) @ (x - x.mean()) + (_SPREAD / _PRIOR) ** 2)
    level = ratio.mean() - slope * x.mean()
    rest = ratio - level - slope * x
    usual = {int(i): float(np.median(rest[of_group == i])) for i in np.unique(of_group)}
    most = max(usual, key=lambda i: abs(usual[i]))
    apart = runs.groups[most] if len(usual) > 1 and abs(usual[most]) > OFF else ""
    return Cost(float(6 * np.exp(level)), float(1 + slope), True, apart, float(np.exp(usual[most])))
