"""Groups compared pair by pair at some budgets, as posterior draws."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.units import format_flops
from bayes_scaling.inference.intervals import columns, long_table, quantiles, tails
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import span, three

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class Contrast(Result):
    """Groups compared pair by pair at some budgets.

    Attributes
    ----------
    flops : xarray.DataArray
        Budgets, dim ``point``.
    loss : xarray.DataArray
        The law's loss of each group at its own optimum, dims (chain, draw, group, point).
    pairs : list of (str, str)
    difference : xarray.DataArray
        Loss of the first of a pair less that of the second, dims (chain, draw, pair, point): negative where the first
        is better.
    multiplier : xarray.DataArray
        The compute that the second needs to match the first, over the budget; same dims. Above 1 the first is worth
        more compute than it costs; infinite where the second never gets there.
    crossing : xarray.DataArray
        The budget at which the curves of a pair cross first, from the smallest run to a million times the largest; dims
        (chain, draw, pair). NaN where they do not.
    end : float
        The largest budget of the data, in any group.
    warnings : list of str
    """

    flops: "xr.DataArray"
    loss: "xr.DataArray"
    pairs: list[tuple[str, str]]
    difference: "xr.DataArray"
    multiplier: "xr.DataArray"
    crossing: "xr.DataArray"
    end: float
    warnings: list[str]

    quantities: ClassVar = ("difference", "multiplier", "crossing", "loss")

    @property
    def prob_better(self) -> "xr.DataArray":
        """Probability that the first of a pair is the better, dims (pair, point)."""
        return (self.difference < 0).mean(("chain", "draw"))

    @property
    def prob_best(self) -> "xr.DataArray":
        """Probability that a group is the best of all, dims (group, point)."""
        return (self.loss == self.loss.min("group")).mean(("chain", "draw"))

    @property
    def prob_crossing(self) -> "xr.DataArray":
        """Probability that the curves of a pair cross where they were followed, dim ``pair``."""
        return self.crossing.notnull().mean(("chain", "draw"))

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per pair and budget: difference, multiplier, and the probability that the first is better."""
        values = {
            "flops": self.flops,
            **columns("difference", self.difference, prob),
            **columns("multiplier", self.multiplier, prob),
            "prob better": self.prob_better,
            "prob crossing": self.prob_crossing,
        }
        frame = long_table(values, ("pair", "point"))
        pairs = [pair for pair in self.pairs for _ in range(self.flops.size)]
        frame.insert(0, "group", [first for first, _ in pairs])
        frame.insert(1, "over", [second for _, second in pairs])
        return frame.drop(columns="pair")

    def sentences(self, prob: float = 0.9) -> list[str]:
        """One sentence per pair and budget, and one per pair on where the curves cross."""
        share = f"{100 * prob:g}%"
        found = []
        for row in self.table(prob).to_dict("records"):
            worth = (
                three(row["multiplier"]) + "x" if np.isfinite(row["multiplier"]) else "no finite amount of"
            )
            found.append(
                f"{format_flops(row['flops'])} FLOPs: {row['group']} is better than {row['over']} with probability "
                f"{row['prob better']:.2f}; its loss differs by {row['difference']:+.4f} nats ({share}: "
                f"{span(row, 'difference', prob, lambda x: f'{x:+.4f}')}); it is worth {worth} the compute ({share}: "
                f"{span(row, 'multiplier', prob, three)})"
            )
        return found + self.crossings(prob)

    def crossings(self, prob: float = 0.9) -> list[str]:
        """One sentence per pair on where the curves cross."""
        bounds = quantiles(self.crossing, tails(prob)).transpose("pair", "quantile").to_numpy()
        found = []
        for (a, b), share, where in zip(self.pairs, self.prob_crossing.to_numpy(), bounds, strict=True):
            low, middle, high = map(format_flops, where)
            at = f", then at {middle} FLOPs ({100 * prob:g}%: {low} to {high})" if share > 0 else ""
            found.append(f"The curves of {a} and {b} cross with probability {share:.2f}{at}")
        return found
