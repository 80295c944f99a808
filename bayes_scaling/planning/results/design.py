"""The runs to train next, and how far they are expected to reduce the variance of what is to be known."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import SIX, Cost
from bayes_scaling.data.units import format_flops
from bayes_scaling.inference.result import Result

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Design(Result):
    """The runs to train next, and how far they are expected to reduce the variance of the goal.

    Attributes
    ----------
    goal : str
        What is to be known, in words.
    runs : DataFrame
        The batch, in the order of its choice: group, params, tokens, flops, what ("new configuration" or
        "replicate"), sd (of the goal, once this run and those before it are done), removed (share of the variance that
        this run takes away) and per_flop (that share for each share of the budget: above 1 is better than average).
    candidates : DataFrame
        Every candidate: group, params, tokens, flops, removed and per_flop of this run alone.
    before, after : float
        Standard deviation of the goal now, and expected after the batch; in log loss or log parameters.
    reweighted : float
        As after, without the linear guess; NaN where too few draws carry the weight to say.
    grid : float
        As after, for one isoFLOP profile of equal cost.
    regret : tuple of float
        Where the goal is N_opt: the expected relative loss given up by training the median N_opt at that budget, now
        and after the batch. NaN otherwise.
    budget, cost : float
        FLOPs that may be spent, and that the batch takes.
    own_cost : list of str
        That FLOPs are the table's own, where they are.
    counted : Cost
        FLOPs of N and D.
    """

    goal: str
    runs: "pd.DataFrame"
    candidates: "pd.DataFrame"
    before: float
    after: float
    reweighted: float
    grid: float
    regret: tuple[float, float]
    budget: float
    cost: float
    own_cost: list[str] = field(default_factory=list)
    counted: Cost = SIX

    @property
    def warnings(self) -> list[str]:
        """What FLOPs are, and whether the expectation could be checked without the linear guess."""
        if np.isfinite(self.reweighted) or not len(self.runs):
            return self.own_cost
        return [
            *self.own_cost,
            "what is expected of the batch is the best linear guess: too few draws carry the weight to check it by "
            "simulated outcomes",
        ]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per configuration of the batch: how many runs, their cost, the share of variance they take away."""
        keys: list[Hashable] = ["group", "params", "tokens", "flops"]
        rows = self.runs.groupby(keys, sort=False).agg(
            runs=("sd", "size"), removed=("removed", "sum"), per_flop=("per_flop", "mean")
        )
        return rows.reset_index()

    def sentences(self, prob: float = 0.9) -> list[str]:
        """What the batch buys."""
        if not len(self.runs):
            return [f"no candidate within {format_flops(self.budget)} FLOPs is informative about {self.goal}"]
        repeats = int((self.runs["what"] == "replicate").sum())
        return [
            f"{len(self.runs)} runs ({repeats} of them replicates) for {format_flops(self.cost)} FLOPs are expected to "
            f"bring the standard deviation of {self.goal} from {self.before:.3g} to {self.after:.3g}; an isoFLOP "
            f"profile of that cost, to {self.grid:.3g}"
        ]
