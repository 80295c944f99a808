"""How much of a law's one input a target takes, as posterior draws."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.units import format_value
from bayes_scaling.inference.intervals import columns, long_table, median
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import beyond_words, of_group, with_span

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class Needed(Result):
    """How much of a law's one input a target takes.

    Attributes
    ----------
    column : str
        The input.
    response : str
        What the target is: a loss, a share or a score.
    target : xarray.DataArray
        Dim ``point``.
    needed : xarray.DataArray
        The least of the input at which each draw reaches the target, drift included, dims (chain, draw, [group,]
        point); infinite where it never does.
    by_law : xarray.DataArray
        The same by the law alone.
    beyond : xarray.DataArray
        Powers of ten of the median beyond the data, dims ([group,] point).
    """

    column: str
    response: str
    target: "xr.DataArray"
    needed: "xr.DataArray"
    by_law: "xr.DataArray"
    beyond: "xr.DataArray"

    quantities: ClassVar = ("needed", "by_law")

    @property
    def out_of_reach(self) -> "xr.DataArray":
        """The chance that no amount reaches the target, dims ([group,] point)."""
        never: xr.DataArray = (self.needed == np.inf).mean(("chain", "draw"))
        return never

    @property
    def warnings(self) -> list[str]:
        """Targets that some draws never reach."""
        return [
            f"a {self.response} of {row['target']:g} is out of reach{of_group(row)} in {row['never']:.1%} of the draws"
            for row in long_table({"target": self.target, "never": self.out_of_reach}).to_dict("records")
            if row["never"] > 0
        ]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per target (and group): the amount with its interval, by the law alone, and the chance of none."""
        return long_table(
            {
                "target": self.target,
                **columns(self.column, self.needed, prob),
                f"{self.column} by law": median(self.by_law),
                "out of reach (share)": self.out_of_reach,
                "decades beyond": self.beyond,
            }
        )

    def sentences(self, prob: float = 0.9) -> list[str]:
        """One sentence per target and group."""
        found = []
        for row in self.table(prob).to_dict("records"):
            lead = f"a {self.response} of {row['target']:g}{of_group(row)}"
            never = row["out of reach (share)"]
            if not np.isfinite(row[self.column]):
                found.append(f"{lead}: out of reach in {never:.0%} of the draws, however large {self.column}")
                continue
            amount = with_span(row, self.column, prob, partial(format_value, self.column))
            found.append(
                f"{lead}: {self.column} {amount}, out of reach with probability {never:.2f}, {beyond_words(row)}"
            )
        return found
