"""Compute-optimal N and D, as posterior draws."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from bayes_scaling.data.cost import SIX, Cost
from bayes_scaling.data.units import format_flops, format_loss, format_quantity
from bayes_scaling.inference.intervals import columns, long_table
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import beyond_words, of_group, with_span, without_optimum

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class Allocation(Result):
    """Posterior draws of the compute-optimal model and data for some budgets.

    Attributes
    ----------
    flops : xarray.DataArray
        The budgets C in FLOPs, 6ND or as the table has them, dim ``point``.
    params, tokens : xarray.DataArray
        The optimal N and D of each draw, dims (chain, draw, [group,] point); NaN where a draw has no interior
        optimum.
    loss : xarray.DataArray
        The law's loss there, in nats per token; same dims.
    new_run : xarray.DataArray
        What one more run of the median model reaches on the rest of the budget, with the law's drift and a run's noise:
        the loss that `plan` and `predict` say of it; same dims.
    decades_beyond : xarray.DataArray
        Powers of ten of the budget beyond the data, dim ``point``.
    beyond : xarray.DataArray
        Powers of ten of that run beyond the data, in compute, N or D, dims ([group,] point).
    about : list of str
        Runs beside an answer that the law misses; that FLOPs are the table's own, and the answer for C = 6ND.
    cost : Cost
        FLOPs of N and D.
    """

    flops: "xr.DataArray"
    params: "xr.DataArray"
    tokens: "xr.DataArray"
    loss: "xr.DataArray"
    new_run: "xr.DataArray"
    decades_beyond: "xr.DataArray"
    beyond: "xr.DataArray"
    about: list[str] = field(default_factory=list)
    cost: Cost = SIX

    quantities: ClassVar = ("params", "tokens", "tokens_per_param", "new_run", "loss")

    @property
    def tokens_per_param(self) -> "xr.DataArray":
        """D / N of each draw."""
        return self.tokens / self.params

    @property
    def interior(self) -> "xr.DataArray":
        """Share of the draws that have an optimum inside 1 <= N <= C/6, dims ([group,] point)."""
        return self.params.notnull().mean(("chain", "draw"))

    @property
    def warnings(self) -> list[str]:
        """What FLOPs are, and budgets at which draws have no optimum."""
        share = self.interior
        worst = share.min([dim for dim in share.dims if dim != "point"]).to_numpy()
        return [
            *self.about,
            *(
                f"at {format_flops(budget)} FLOPs, {without_optimum(1 - there)}"
                for budget, there in zip(self.flops.to_numpy(), worst, strict=True)
                if there < 1
            ),
        ]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per budget (and group): median and interval of N, D, D/N and the loss."""
        values = {"flops": self.flops}
        for what in self.quantities:
            values |= columns(what, self.draws(what), prob)
        return long_table(values | {"decades beyond": self.beyond, "interior": self.interior})

    def sentences(self, prob: float = 0.9) -> list[str]:
        """One sentence per budget and group."""
        found = []
        for row in self.table(prob).to_dict("records"):
            lead = f"{format_flops(row['flops'])} FLOPs{of_group(row)}"
            if row["interior"] == 0:
                found.append(f"{lead}: no draw has an optimum (see the warnings)")
                continue
            size, data = (with_span(row, what, prob, format_quantity) for what in ("params", "tokens"))
            found.append(
                f"{lead}: {size} parameters on {data} tokens, {row['tokens_per_param']:.3g} per parameter; "
                f"a new run of it reaches {with_span(row, 'new_run', prob, format_loss)}, {beyond_words(row)}"
            )
        return found
