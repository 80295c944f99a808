"""What to train under some constraints, as posterior draws, and one choice with its forecast."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.units import format_flops, format_loss, format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import columns, long_table, median
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import beyond_words, of_group, three, with_span

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import pandas as pd
    import xarray as xr

KINDS = ("new_run", "drifted", "mean")
"""What the choice is forecast to reach."""


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Result):
    """What each draw would do under some constraints, and one choice with its forecast.

    The spread of flops, params and tokens is what the runs leave open. The choice is the median of these, with the loss
    that it will reach under every draw.

    Attributes
    ----------
    questions : list of str
        What each point asked, in words.
    flops, params, tokens : xarray.DataArray
        What each draw would do, dims (chain, draw, [group,] point). Infinite where no budget reaches the target; NaN
        where a draw has no optimum.
    choice : xarray.Dataset
        params, tokens and flops of one plan: the medians, dims ([group,] point). Where the budget is uncertain the
        model is chosen before it is known, and its tokens and flops keep their draws.
    forecast : xarray.Dataset
        The loss of the choice under each draw, dims (chain, draw, [group,] point): ``mean`` (the law), ``drifted``
        (with its drift beyond the data) and ``new_run`` (with the noise of a run too).
    beyond : xarray.DataArray
        Powers of ten of the choice beyond the data, in compute, N or D, dims ([group,] point).
    target : xarray.DataArray or None
        The loss asked for, dim ``point``.
    by_law : xarray.DataArray or None
        Where a loss was asked for and no budget: the least compute by the law alone, without its drift; dims as flops.
    warnings : list of str
        Why a request cannot be met, or only in part, and what the answer assumes.
    """

    questions: list[str]
    flops: "xr.DataArray"
    params: "xr.DataArray"
    tokens: "xr.DataArray"
    choice: "xr.Dataset"
    forecast: "xr.Dataset"
    beyond: "xr.DataArray"
    target: "xr.DataArray | None"
    by_law: "xr.DataArray | None"
    warnings: list[str]

    quantities: ClassVar = ("params", "tokens", "tokens_per_param", "flops", *KINDS)

    @property
    def tokens_per_param(self) -> "xr.DataArray":
        """D / N of each draw; NaN where it has no finite answer."""
        return (self.tokens / self.params).where(self.flops < np.inf)

    @property
    def answered(self) -> "xr.DataArray":
        """Share of the draws with an answer, dims ([group,] point)."""
        return (self.flops < np.inf).mean(("chain", "draw"))

    @property
    def prob_target(self) -> "xr.DataArray":
        """Probability that a run of the choice reaches the target, dims ([group,] point)."""
        if self.target is None:
            raise InputError("this plan has no target loss; ask for one: plan(..., target=2.0)")
        return (self.forecast["new_run"] <= self.target).mean(("chain", "draw"))

    def gain(self, of: int = -1, over: int = 0) -> "xr.DataArray":
        """Loss that one point saves over another, drift included, paired by draw: dims (chain, draw, [group])."""
        loss = self.forecast["drifted"]
        return loss.isel(point=over, drop=True) - loss.isel(point=of, drop=True)

    def draws(self, what: str | None = None) -> "xr.DataArray":
        """Draws of a quantity of the plan or of its forecast, dims (chain, draw, [group,] point); errors as there."""
        return self.forecast[what] if what in KINDS else super().draws(what)

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per question (and group): the choice, medians and intervals of the draws, and the forecast."""
        import xarray as xr  # loads when there are draws, and not on import

        values = {"question": xr.DataArray(self.questions, dims="point")}
        for what in ("flops", "params", "tokens", "tokens_per_param", *KINDS):
            values |= columns(what, self.draws(what), prob)
        if self.by_law is not None:
            values["flops by law"] = median(self.by_law)
        if self.target is not None:
            values |= {"target": self.target, "prob target": self.prob_target}
        return long_table(values | {"decades beyond": self.beyond, "answered": self.answered})

    def sentences(self, prob: float = 0.9) -> list[str]:
        """The answers, one sentence per question and group."""
        several = self.params.sizes.get("group", 1) > 1
        return [
            f"{row['question']}{of_group(row) if several else ''}: {_answer(row, prob)}"
            for row in self.table(prob).to_dict("records")
        ]


def _answer(row: "Mapping[Hashable, float]", prob: float) -> str:
    """One row of a plan's table in words."""
    if not np.isfinite(row["params"]) or not np.isfinite(row["tokens"]):
        return "no answer (see the warnings)"
    size, data = (with_span(row, what, prob, format_quantity) for what in ("params", "tokens"))
    by_law = row.get("flops by law", row["flops"])
    alone = f" (by the law alone {format_flops(by_law)})" if by_law != row["flops"] else ""
    chance = f", P(loss <= {row['target']:g}) = {row['prob target']:.2f}" if "target" in row else ""
    return (
        f"{size} parameters on {data} tokens, {with_span(row, 'tokens_per_param', prob, three)} per parameter, "
        f"{with_span(row, 'flops', prob, format_flops)} FLOPs{alone}; a new run of the "
        f"medians reaches {with_span(row, 'new_run', prob, format_loss)}{chance}, {beyond_words(row)}"
    )
