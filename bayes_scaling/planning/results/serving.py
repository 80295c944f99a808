"""The cheapest model for some demand, as posterior draws."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.units import format_flops, format_loss, format_quantity
from bayes_scaling.inference.intervals import columns, long_table
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import beyond_words, of_group, span, three, with_span

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class Serving(Result):
    """The cheapest model for some demand, as posterior draws.

    Attributes
    ----------
    question : str
    served : xarray.DataArray
        Tokens served over the model's life, dim ``point``.
    params, tokens : xarray.DataArray
        The N and D of each draw, dims (chain, draw, [group,] point); NaN where a draw has no answer.
    loss : xarray.DataArray
        The loss that ranks choices there: the law's, beside the discrepancy's path where the noise has one.
    new_run : xarray.DataArray
        What one more run of the median model reaches, as `predict` and `plan` say of it; same dims.
    total : xarray.DataArray
        FLOPs of training and serving.
    saved : xarray.DataArray
        Share of the total that the plan without inference in mind (the compute-optimal model of the same quality)
        would cost more: its total over this one's, less 1. At a given total: the loss that it would give up, in nats.
    beyond : xarray.DataArray
        Powers of ten of the medians' N and D beyond the data, dims ([group,] point).
    quality : bool
        Whether the quality was given, rather than the total.
    warnings : list of str
    """

    question: str
    served: "xr.DataArray"
    params: "xr.DataArray"
    tokens: "xr.DataArray"
    loss: "xr.DataArray"
    new_run: "xr.DataArray"
    total: "xr.DataArray"
    saved: "xr.DataArray"
    beyond: "xr.DataArray"
    quality: bool
    warnings: list[str]

    quantities: ClassVar = ("params", "tokens", "tokens_per_param", "new_run", "loss", "total", "saved")

    @property
    def tokens_per_param(self) -> "xr.DataArray":
        """D / N of each draw."""
        return self.tokens / self.params

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per demand (and group): medians and intervals."""
        values = {"served": self.served}
        for what in self.quantities:
            values |= columns(what, self.draws(what), prob)
        answered = self.params.notnull().mean(("chain", "draw"))
        return long_table(values | {"decades beyond": self.beyond, "answered": answered})

    def sentences(self, prob: float = 0.9) -> list[str]:
        """One sentence per demand and group."""
        found = []
        for row in self.table(prob).to_dict("records"):
            lead = f"{self.question}, {format_quantity(row['served'])} tokens served{of_group(row)}"
            if not np.isfinite(row["params"]):
                found.append(f"{lead}: no answer (see the warnings)")
                continue
            saved = max(row["saved"], 0)
            found.append(
                f"{lead}: {with_span(row, 'params', prob, format_quantity)} parameters on "
                f"{format_quantity(row['tokens'])} tokens, {row['tokens_per_param']:.3g} per parameter "
                f"({span(row, 'tokens_per_param', prob, three)}), {format_flops(row['total'])} FLOPs in total; a new "
                f"run of it reaches {with_span(row, 'new_run', prob, format_loss)}, {beyond_words(row)}; the "
                "compute-optimal model would "
                + (f"cost {saved:.1%} more" if self.quality else f"give up {format_loss(saved, 4)} nats")
            )
        return found
