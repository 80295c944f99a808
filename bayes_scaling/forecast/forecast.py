"""The forecast of runs that nobody has trained yet, as posterior draws."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.loss_unit import NATS, Unit
from bayes_scaling.data.response import WORDS, Response
from bayes_scaling.data.units import Quantity, format_quantity, format_value, parse_quantity
from bayes_scaling.inference.intervals import columns, long_table, quantiles, tails
from bayes_scaling.inference.result import Result
from bayes_scaling.model.drift import distance

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MOST = 100.0
"""A change of log loss beyond which a draw goes no further: a Student-t of few degrees of freedom overflows."""

FAR = 2.0
"""Powers of ten beyond the data from which on a forecast warns."""


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Result):
    """Posterior draws of the loss at some points.

    Attributes
    ----------
    inputs : xarray.Dataset
        The points, dim ``point``: params, tokens and flops where the law has them, else the law's own inputs.
    mean : xarray.DataArray
        The law's loss in nats per token, dims (chain, draw, [group,] point).
    drift : xarray.DataArray
        How far log loss drifts from the law there, dims (chain, draw, [group,] point): 0 inside the data, and
        shared by all points of a draw beyond them. Where the noise has a `Discrepancy`, its path is part of it.
    new_run : xarray.DataArray
        The loss of one more training run there: the law, its drift, its lack of fit and the noise of a run; dims
        as those of the mean.
    decades_beyond : xarray.Dataset
        For each input, how many powers of ten the point lies outside of the range of the data (0 inside), dim
        ``point``.
    response : {"loss", "share", "score"}
        What is forecast. A share of test items stands where the loss does above, and its drift is of its log odds; or a
        score, to which its drift is added.
    unit : Unit
        What the table gave its losses in: sentences and the table have a new run's loss in it too.
    questions : tuple of str
        What the unit of the table's losses may be, where it looks like another than was said; and runs that the law
        misses beside a point.
    """

    inputs: "xr.Dataset"
    mean: "xr.DataArray"
    drift: "xr.DataArray"
    new_run: "xr.DataArray"
    decades_beyond: "xr.Dataset"
    response: Response = "loss"
    unit: Unit = NATS
    questions: tuple[str, ...] = ()

    quantities: ClassVar = ("new_run", "drifted", "mean")

    @property
    def drifted(self) -> "xr.DataArray":
        """The law's loss with its drift, dims as those of the mean."""
        return drifted(self.mean, self.drift, self.response).transpose(*self.mean.dims)

    @property
    def _twice(self) -> bool:
        """Whether losses are said in the table's own unit too, as that is another one."""
        return self.response == "loss" and bool(self.unit.other)

    def prob_below(self, loss: Quantity, what: str = "new_run") -> "xr.DataArray":
        """Probability that the loss is at most this, dims ([group,] point)."""
        return (self.draws(what) <= parse_quantity(loss, "loss")).mean(("chain", "draw"))

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per point and group: inputs, medians and intervals of each kind, decades beyond."""
        filled = {str(name): values for name, values in self.inputs.items()}
        for what in self.quantities:
            filled |= columns(what, self.draws(what), prob)
        if self._twice:
            name = f"new_run ({self.unit.other})"
            own = columns("new_run", self.new_run, prob).items()
            filled |= {key.replace("new_run", name): self.unit.given(values) for key, values in own}
        filled |= {f"decades beyond ({name})": far for name, far in self.decades_beyond.items()}
        return long_table(filled)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """For each point (and group) what a new run will reach, and how far beyond the data that is."""
        return list(self._sentences(prob))

    def _sentences(self, prob: float) -> Iterator[str]:
        reached = quantiles(self.new_run, tails(prob))
        far = distance(self.decades_beyond).to_numpy()
        for group in self.mean["group"].to_numpy() if "group" in self.mean.dims else [None]:
            own = reached if group is None else reached.sel(group=group)
            for point, where in enumerate(self.points()):
                reaches = new_run_words(own.isel(point=point).to_numpy(), prob, self.response, self.unit)
                yield (
                    f"{where if group is None else f'{group}, {where}'}: {reaches}, {distance_words(far[point])}"
                )

    def points(self) -> list[str]:
        """Each point in words."""
        values = {str(name): column.to_numpy() for name, column in self.inputs.items()}
        split = {"params", "tokens"} <= set(values)
        rest = [name for name in values if not (split and name in ("params", "tokens", "flops"))]
        found = []
        for point in range(self.inputs.sizes["point"]):
            at = {name: column[point] for name, column in values.items()}
            said = [f"{name} {format_value(name, at[name])}" for name in rest]
            if split:
                said.insert(
                    0,
                    f"{format_quantity(at['params'])} parameters on {format_quantity(at['tokens'])} tokens",
                )
            found.append(", ".join(said))
        return found

    @property
    def warnings(self) -> list[str]:
        """What to know before believing this: points far beyond the data, no drift there, draws without a loss."""
        found = [*self.questions, *self.far_away]
        far = distance(self.decades_beyond).to_numpy()
        if (far > 0).any() and float(np.abs(self.drift).max()) < 1e-9:
            found.append(
                f"{_lying(far > 0)} beyond the data, and no drift from the law is allowed for: larger runs "
                "have as a rule left their law by more than such intervals say"
            )
        if lost := float((~np.isfinite(self.new_run)).mean()):
            found.append(f"{lost:.1%} of the draws have no finite {self.response}")
        return found

    @property
    def far_away(self) -> list[str]:
        """The warning of points further beyond the data than intervals have been tested, if so."""
        far = distance(self.decades_beyond).to_numpy()
        if not (far > FAR).any():
            return []
        worst = max(self.decades_beyond, key=lambda name: float(self.decades_beyond[name].max()))
        return [
            f"{_lying(far > FAR)} more than {FAR:g} decades beyond the data ({far.max():.1f} in {worst}): "
            "the intervals there rest on how far laws have missed less distant runs"
        ]


def drifted(value: "xr.DataArray", drift: "xr.DataArray", response: Response) -> "xr.DataArray":
    """A loss moved on its logarithm, a share on its log odds, or a score as it is."""
    if response == "score":
        return value + drift
    moved = value * np.exp(drift.clip(-MOST, MOST))
    return moved if response == "loss" else moved / (1 - value + moved)


def new_run_words(bounds: np.ndarray, prob: float, response: Response, unit: Unit) -> str:
    """What a new run reaches: its lower bound, median and upper bound, shape (3,), also in the table's own unit."""
    low, middle, high = _written(bounds, 0 if response == "score" else 2)
    said = f"{WORDS[response]} {middle} ({100 * prob:g}% of new runs: {low} to {high})"
    if response != "loss" or not unit.other:
        return said
    low, middle, high = _written(unit.given(bounds))
    return f"{said} nats per token, in {unit.other} {middle} ({low} to {high})"


def distance_words(far: float) -> str:
    """How far a point lies beyond the data, in powers of ten."""
    return f"{far:.1f} decades beyond the data" if far >= 0.05 else "within the range of the data"


def _lying(which: np.ndarray) -> str:
    """The points of a mask, shape (points,), as the subject of a sentence."""
    return "the point lies" if len(which) == 1 else f"{which.sum()} of {len(which)} points lie"


def _written(bounds: np.ndarray, fewest: int = 2) -> list[str]:
    """Lower bound, median and upper bound, to as many decimals as their distance has two digits."""
    width = bounds[-1] - bounds[0]
    decimals = 1 - int(np.floor(np.log10(width))) if np.isfinite(width) and width > 0 else 3
    return [f"{x:.{min(max(decimals, fewest), 6)}f}" for x in bounds]
