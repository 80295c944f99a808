"""Exponents of a law, the intrinsic dimension that they suggest, and what a doubling buys, as posterior draws."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bayes_scaling.data.units import format_loss, format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import columns, long_table
from bayes_scaling.inference.result import Result
from bayes_scaling.planning.results.wording import span

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class Exponents(Result):
    """Exponents of a law and what follows from them, as draws with dims (chain, draw[, group]).

    Attributes
    ----------
    exponents : xarray.Dataset
        How the reducible loss falls in each resource where no other limits it, by differentiating the law at the point;
        for a law of params and tokens, ``flops`` along the compute-optimal path.
    dimension : xarray.Dataset
        4 over the exponents of params and tokens.
    doubling : xarray.Dataset
        Nats saved by twice the params, tokens and flops (along the optimum) at the point; empty without one.
    at : dict of str to float
        The point; empty for a law that does not split a budget, whose point is the largest inputs of the data.
    """

    exponents: "xr.Dataset"
    dimension: "xr.Dataset"
    doubling: "xr.Dataset"
    at: dict[str, float]

    quantities: ClassVar = ("exponents", "dimension", "doubling")
    warnings: ClassVar = ()

    def draws(self, what: str | None = None) -> "xr.DataArray":
        """Draws of a quantity, dims (chain, draw[, group], input); errors as there."""
        name = what or self.quantities[0]
        if name not in self.quantities:
            return super().draws(what)
        found: xr.Dataset = getattr(self, name)
        if not found:
            raise InputError(f"these exponents have no {name}: their law has no params and tokens")
        return found.to_dataarray("input").transpose("chain", "draw", ..., "input")

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per quantity (and group): median and interval."""
        import pandas as pd  # loads when a table is asked for, and not on import

        parts = {"exponent": self.exponents, "dimension": self.dimension, "doubling": self.doubling}
        frames = []
        for kind, part in parts.items():
            for name, draws in part.data_vars.items():
                frame = long_table(columns("median", draws, prob))
                frame.insert(0, "quantity", f"{kind} ({name})")
                frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """What each exponent says."""
        nouns = {"params": "parameters", "tokens": "tokens", "flops": "compute"}
        point = " and ".join(f"{format_quantity(x)} {nouns[name]}" for name, x in self.at.items())
        found = []
        for row in self.table(prob).to_dict("records"):
            kind, name = row["quantity"].removesuffix(")").split(" (")
            of, where = (f" of {row['group']}", f" in {row['group']}") if "group" in row else ("", "")
            percent, middle = f"{100 * prob:g}%", row["median"]
            if kind == "exponent":
                noun = nouns.get(name, name.replace("_", " "))
                if name == "flops" and self.at:
                    limit = " along the compute-optimal path"
                else:
                    limit = " where nothing else limits it" if len(self.exponents) > 1 else ""
                    limit += (
                        f", at {format_quantity(self.at[name])}"
                        if name in self.at
                        else ", at the largest runs"
                    )
                found.append(
                    f"The reducible loss{of} falls as {noun} to the power -{middle:.3f} ({percent}: "
                    f"{span(row, 'median', prob, lambda x: f'{x:.3f}')}){limit}"
                )
            elif kind == "dimension":
                found.append(
                    f"Read as the resolution of a manifold in {nouns[name]}, that is an intrinsic dimension{of} of "
                    f"{middle:.1f} ({percent}: {span(row, 'median', prob, lambda x: f'{x:.1f}')}), and not below a "
                    "quarter of it"
                )
            else:
                found.append(
                    f"Twice the {nouns[name]} at {point} saves {format_loss(middle, 4)} nats{where} ({percent}: "
                    f"{span(row, 'median', prob, partial(format_loss, digits=4))})"
                )
        return found
