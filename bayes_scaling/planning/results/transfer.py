"""Whether the best choice moves with scale, as posterior draws."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.units import format_quantity
from bayes_scaling.inference.intervals import bound_names, columns, long_table
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import of_group, span, three

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SAME = 0.1
"""An exponent that counts as none: ten times the width move the best choice by a quarter."""

NARROW = 4.0
"""A range of scale, as a factor, below which an exponent is hardly seen."""


@dataclass(frozen=True, eq=False, repr=False)
class Transfer(Result):
    """Draws of how the best choice moves, dims (chain, draw[, group]).

    Attributes
    ----------
    exponent : xarray.DataArray
        d log best / d log scale; 0 is muP's claim of the learning rate and the width.
    factor : xarray.DataArray
        The best choice at the largest scale of the runs over that at the smallest.
    cost : xarray.DataArray
        The share of the loss that is given up at the largest scale with the choice that is best at the smallest.
    best : xarray.DataArray
        The best choice at ``at``, in the table's unit, dims (chain, draw[, group], point).
    at : ndarray, shape (points,)
        Scales from the smallest to the largest run's.
    chosen, against : str
        The columns of the choice and of the scale.
    """

    exponent: "xr.DataArray"
    factor: "xr.DataArray"
    cost: "xr.DataArray"
    best: "xr.DataArray"
    at: np.ndarray
    chosen: str
    against: str

    quantities: ClassVar = ("exponent", "factor", "cost")

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row (per group): exponent, factor over the range of the runs, cost, each with its interval."""
        found: dict[str, xr.DataArray] = {}
        for what in self.quantities:
            found |= columns(what, self.draws(what), prob)
        return long_table(found)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """For each group whether it moves, how, and what it costs to keep the choice of the smallest scale."""
        said = []
        low, high = (format_quantity(x) for x in (self.at[0], self.at[-1]))
        for row in self.table(prob).to_dict("records"):
            lower, upper = (row[name] for name in bound_names("exponent", prob))
            if max(-lower, upper) <= SAME:
                verdict = f"does not move with {self.against}, or by less than a power of {SAME:g}"
            elif lower > 0 or upper < 0:
                verdict = f"moves with {self.against}"
            else:
                verdict = f"was not shown to move with {self.against}, and not shown to stay"
            said += [
                f"The best {self.chosen} {verdict}{of_group(row)}: it goes as its power {row['exponent']:+.3f} "
                f"({100 * prob:g}%: {span(row, 'exponent', prob, lambda x: f'{x:+.3f}')})",
                f"From {low} to {high} it changes by a factor of {three(row['factor'])} "
                f"({span(row, 'factor', prob, three)}){of_group(row)}; to keep that of {low} at {high} gives up "
                f"{row['cost']:.2%} of the loss ({span(row, 'cost', prob, lambda x: f'{x:.2%}')})",
            ]
        return said

    @property
    def warnings(self) -> list[str]:
        """What the range of the runs cannot show."""
        reach = self.at[-1] / self.at[0]
        if reach >= NARROW:
            return []
        return [
            f"the runs span a factor of {reach:.2g} in {self.against}: a wider range says more of how the best "
            f"{self.chosen} moves"
        ]
