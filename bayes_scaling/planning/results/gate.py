"""Variants of a recipe against their baseline, as posterior draws, and what to do with each."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.inference.intervals import columns, long_table, median
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import span, three

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PROMOTE, DROP = 0.9, 0.1
"""Chances of a speedup above the threshold from which on a variant is promoted, and up to which it is dropped."""

NAMED = 5
"""Variants that the first sentence names."""

LIKELY = 0.5
"""The cheapest rung that settles a verdict with this chance is the one to buy."""


@dataclass(frozen=True, eq=False, repr=False)
class Gate(Result):
    """Effective speedups of variants over a baseline.

    Attributes
    ----------
    baseline : str
    column : str
        What budgets are in: flops, or the law's only input.
    budgets : xarray.DataArray
        Dim ``point``: the rungs, then the target if there is one; decisions are by the last.
    speedup : xarray.DataArray
        The budget that the baseline needs for the variant's loss, over the variant's own; dims (chain, draw, group,
        point). Infinite where the baseline never gets there.
    threshold : float
        The speedup that is worth a change.
    rungs : xarray.DataArray
        Budgets that could be trained next, dim ``rung``: those of the ladder once more, and the one after it.
    settles : xarray.DataArray
        The chance that one more run of variant and baseline there settles the verdict, dims (group, rung).
    confirmed : xarray.DataArray
        The chance that a run of the variant ends below one of the baseline at the rung after the ladder, dim ``group``.
    warnings : list of str
    """

    baseline: str
    column: str
    budgets: "xr.DataArray"
    speedup: "xr.DataArray"
    threshold: float
    rungs: "xr.DataArray"
    settles: "xr.DataArray"
    confirmed: "xr.DataArray"
    warnings: list[str]

    quantities: ClassVar = ("speedup",)

    def prob_above(self, speedup: float) -> "xr.DataArray":
        """The chance of a larger speedup, dims (group, point)."""
        return (self.speedup > speedup).mean(("chain", "draw"))

    @cached_property
    def verdicts(self) -> dict[str, str]:
        """What to do with each variant, the largest median speedup at the last budget first."""
        last = self.speedup.isel(point=-1)
        chance = (last > self.threshold).mean(("chain", "draw")).to_numpy()
        names = self.speedup["group"].to_numpy()
        order = np.argsort(-median(last).to_numpy(), kind="stable")
        return {str(names[i]): _verdict(chance[i]) for i in order}

    @property
    def next_rungs(self) -> dict[str, float]:
        """The budget worth buying next for each variant; NaN for one that is dropped.

        One that is promoted goes on to the rung after the ladder. Else it is the cheapest rung that is more likely than
        not to settle the verdict, or the one that is likeliest to.
        """
        budgets = [*self.rungs.to_numpy(), np.nan]
        return {name: float(budgets[i]) for name, i in self._next.items()}

    @property
    def _next(self) -> dict[str, int]:
        """Which of the rungs that is; -1 for none."""
        found = {}
        for name, chance in zip(
            map(str, self.settles["group"].to_numpy()), self.settles.to_numpy(), strict=True
        ):
            likely = chance >= LIKELY
            best = int(np.argmax(likely) if likely.any() else np.argmax(chance))
            found[name] = {"promote": len(chance) - 1, "train": best, "drop": -1}[self.verdicts[name]]
        return found

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per variant and budget, the best first: speedup with its interval, chances, verdict."""
        import pandas as pd  # loads when a table is made, and not on import

        table = long_table(
            {
                self.column: self.budgets,
                **columns("speedup", self.speedup, prob),
                "prob above 1": self.prob_above(1.0),
                f"prob above {self.threshold:g}": self.prob_above(self.threshold),
                "prob confirmed": self.confirmed,
            }
        ).rename(columns={"group": "variant"})
        verdicts, further = self.verdicts, self.next_rungs
        chances = np.column_stack([self.settles.to_numpy(), np.full(len(further), np.nan)])
        settled = {name: float(row[i]) for (name, i), row in zip(self._next.items(), chances, strict=True)}
        order = pd.Categorical(table["variant"], list(verdicts), ordered=True).argsort(kind="stable")
        table = table.iloc[order].reset_index(drop=True)
        names = table["variant"]
        return table.assign(
            verdict=names.map(verdicts),
            **{"next rung": names.map(further), "prob settled": names.map(settled)},
        )

    def sentences(self, prob: float = 0.9) -> list[str]:
        """How many variants to promote and to drop, then one sentence for each, the best first."""
        last = self.table(prob).groupby("variant", sort=False).last().reset_index().to_dict("records")
        return [self._headline(), *(self._of(row, prob) for row in last)]

    def _headline(self) -> str:
        verdicts = self.verdicts
        kept, undecided, dropped = (
            [name for name in verdicts if verdicts[name] == what] for what in ("promote", "train", "drop")
        )
        first = ", ".join(kept[:NAMED]) + (f" and {len(kept) - NAMED} more" if len(kept) > NAMED else "")
        return (
            f"At {self.in_words(self.budgets[-1])} promote {first or 'none'}; train {len(undecided) or 'none'} further "
            f"and drop {len(dropped) or 'none'} of {len(verdicts)}"
        )

    def _of(self, row: "Mapping[Hashable, Any]", prob: float) -> str:
        middle = three(row["speedup"]) if np.isfinite(row["speedup"]) else "beyond all bounds"
        said = (
            f"{row['variant']}: {row['verdict']}; its speedup over {self.baseline} is {middle} ({100 * prob:g}%: "
            f"{span(row, 'speedup', prob, three)}), above {self.threshold:g} with probability "
            f"{row[f'prob above {self.threshold:g}']:.2f}"
        )
        if row["verdict"] != "train":
            return (
                f"{said}; a run of each at {self.in_words(self.rungs[-1])} confirms that it is better with probability "
                f"{row['prob confirmed']:.2f}"
            )
        again = "one more run" if row["next rung"] < float(self.rungs[-1]) else "a run"
        return (
            f"{said}; {again} of each at {self.in_words(row['next rung'])} settles it with probability "
            f"{row['prob settled']:.2f}"
        )

    def in_words(self, budget: "float | xr.DataArray") -> str:
        """A budget with what it is in."""
        if self.column == "flops":
            return f"{format_flops(float(budget))} FLOPs"
        return f"{format_quantity(float(budget))} {self.column}"


def _verdict(chance: float) -> str:
    return "promote" if chance >= PROMOTE else "drop" if chance <= DROP else "train"
