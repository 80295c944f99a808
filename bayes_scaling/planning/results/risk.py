"""What choices of N and D may cost at some budgets, and how flat the valley around the best is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.inference.intervals import columns, long_table, median
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import of_group, span

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

WITHIN = 0.001
"""How much more loss than the least still counts as the floor of a valley, as a share."""


@dataclass(frozen=True, eq=False, repr=False)
class Risk(Result):
    """Choices of N and D for some budgets, and what each may cost.

    Attributes
    ----------
    flops : xarray.DataArray
        The budgets, dim ``point``.
    choices : xarray.Dataset
        params and tokens of each choice, dims (choice, [group,] point): "median N_opt", "least expected loss", "least
        90% quantile" (of the loss: the risk-averse one), "20 tokens per parameter", "Kaplan et al. 2020" and, where it
        was given, "as given".
    regret : xarray.DataArray
        Loss given up against each draw's own optimum, in nats per token, dims (chain, draw, choice, [group,] point).
    expected, quantile : xarray.DataArray
        Mean and upper quantile of the loss with its drift, dims (choice, [group,] point).
    curve : xarray.Dataset
        Along candidates for N (dim ``candidate``): params, tokens, the expected loss, the 90% interval of the regret
        with its median (dim ``quantile``), and the powers of ten beyond the data.
    valley : xarray.DataArray
        The smallest and the largest N within 0.1% of a draw's least loss, dims (chain, draw, [group,] point, end).
    safe : xarray.Dataset
        lower and upper: the smallest and the largest N whose expected loss is within 0.1% of the least, dims ([group,]
        point).
    level : float
        Of the quantile.
    target : float or None
    prob_target : xarray.DataArray or None
        Probability that a new run of a choice reaches the target, dims (choice, [group,] point).
    warnings : list of str
    """

    flops: "xr.DataArray"
    choices: "xr.Dataset"
    regret: "xr.DataArray"
    expected: "xr.DataArray"
    quantile: "xr.DataArray"
    curve: "xr.Dataset"
    valley: "xr.DataArray"
    safe: "xr.Dataset"
    level: float
    target: float | None
    prob_target: "xr.DataArray | None"
    warnings: list[str]

    quantities: ClassVar = ("regret", "valley", "width")

    @property
    def width(self) -> "xr.DataArray":
        """How many times the smallest N on the floor of a draw's valley the largest is, dims as the valley's."""
        return self.valley.sel(end="upper", drop=True) / self.valley.sel(end="lower", drop=True)

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per budget (and group) and choice: N, D, regret with its interval, expected loss, quantile."""
        values = {
            "flops": self.flops,
            "params": self.choices["params"],
            "tokens": self.choices["tokens"],
            **columns("regret", self.regret, prob),
            "expected regret": self.regret.mean(("chain", "draw")),
            "expected loss": self.expected,
            f"loss {100 * self.level:g}% quantile": self.quantile,
        }
        if self.prob_target is not None:
            values["prob target"] = self.prob_target
        return long_table(values, ("group", "point", "choice"))

    def sentences(self, prob: float = 0.9) -> list[str]:
        """For each budget (and group) how flat its valley is, then what each choice gives up."""
        found = self.floors()
        chance = "" if self.target is None else f", P(loss <= {self.target:g}) = "
        for row in self.table(prob).to_dict("records"):
            if not np.isfinite(row["regret"]):
                continue
            found.append(
                f"{format_flops(row['flops'])} FLOPs{of_group(row)}, {row['choice']}: "
                f"{format_quantity(row['params'])} parameters on {format_quantity(row['tokens'])} tokens give up "
                f"{row['regret']:.2g} nats ({100 * prob:g}%: {span(row, 'regret', prob, lambda x: f'{x:.2g}')})"
                + (f"{chance}{row['prob target']:.2f}" if chance else "")
            )
        return found

    def floors(self) -> list[str]:
        """For each budget (and group) the models that are as good as the best."""
        floor = long_table(
            {
                "flops": self.flops,
                "lower": self.safe["lower"],
                "upper": self.safe["upper"],
                "width": median(self.width),
            }
        )
        return [
            f"{format_flops(row['flops'])} FLOPs{of_group(row)}: "
            + (
                f"every N from {format_quantity(row['lower'])} to {format_quantity(row['upper'])} is within "
                f"{WITHIN:.1%} of the least expected loss; in a single draw the largest such N is {row['width']:.2g} "
                "times the smallest"
                if np.isfinite(row["lower"])
                else "no draw has an optimum (see the warnings)"
            )
            for row in floor.to_dict("records")
        ]
