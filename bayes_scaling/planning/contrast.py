"""Groups against groups: which corpus, architecture or recipe is better at a scale, by how much, and for how long.

Every draw describes all groups at once, so that differences are paired: what the groups share cancels. Losses are the
law's, each group at its own compute-optimal N and D. They hold no drift: a forecast lets all groups drift alike, and
how far they drift apart beyond the data nobody has seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, parse_quantities
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.inference.intervals import long_table
from bayes_scaling.planning.loss_surface import Outlook, bounds

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

_AHEAD = 1e6
"""Curves are followed to this many times the largest budget of the data, in search of a crossing."""


@dataclass(frozen=True, eq=False)
class Contrast:
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

    @property
    def prob_better(self) -> "xr.DataArray":
        """Probability that the first of a pair is the better, dims (pair, point)."""
        return (self.difference < 0).mean(("chain", "draw"))

    @property
    def prob_best(self) -> "xr.DataArray":
        """Probability that a group is the best of all, dims (group, point)."""
        best = self.loss.min("group")
        return (self.loss == best).mean(("chain", "draw"))

    @property
    def prob_crossing(self) -> "xr.DataArray":
        """Probability that the curves of a pair cross where they were followed, dim pair."""
        return self.crossing.notnull().mean(("chain", "draw"))

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per pair and budget: difference, multiplier, and the probability that the first is better."""
        percent = f"{100 * prob:g}%"
        columns: dict[str, Any] = {"flops": self.flops}
        for what in ("difference", "multiplier"):
            interval = bounds(getattr(self, what), prob)
            columns[what] = interval.sel(bound="median", drop=True)
            columns[f"{what} {percent} lower"] = interval.sel(bound="lower", drop=True)
            columns[f"{what} {percent} upper"] = interval.sel(bound="upper", drop=True)
        columns["prob better"] = self.prob_better
        columns["prob crossing"] = self.prob_crossing
        # long_table knows groups and points: a pair stands where a group does.
        renamed = {name: values.rename(pair="group") if "pair" in values.dims else values
                   for name, values in columns.items()}  # fmt: skip
        frame = long_table(renamed)
        pairs = frame.pop("group").map(dict(zip(self.difference["pair"].to_numpy(), self.pairs, strict=True)))
        frame.insert(0, "group", [a for a, _ in pairs])
        frame.insert(1, "over", [b for _, b in pairs])
        return frame

    def sentences(self, prob: float = 0.9) -> list[str]:
        """One sentence per pair and budget, and one per pair on where the curves cross."""
        return list(_sentences(self, prob))

    def __str__(self) -> str:
        return "\n".join([*self.sentences(), *(f"Note: {doubt}." for doubt in self.warnings)])


def contrast(fit: "Posterior", flops: Any, *, groups: Sequence[str] | None = None, **inputs: Any) -> Contrast:
    """Groups against groups at some budgets.

    Parameters
    ----------
    fit : Posterior
        With groups that differ in some parameter, and losses that mean the same in each.
    flops : number, str or sequence of them
        Budgets, in FLOPs.
    groups : sequence of str, optional
        Two or more, compared in this order. Default: all.
    **inputs
        The law's inputs beside N and D, by column name.

    Returns
    -------
    Contrast

    Raises
    ------
    InputError
        For fewer than two groups, one that is not in the fit, or a fit whose groups share everything.
    """
    import xarray as xr

    names = list(fit.groups if groups is None else groups)
    for name in names:
        if name not in fit.groups:
            raise InputError(f"no group {name!r} in this fit; its groups are {', '.join(fit.groups)}")
    if len(fit.groups) < 2:
        raise InputError(
            "this fit has one group, and nothing to compare it with; fit a table whose runs are grouped "
            "(group=..., the column that names each run's corpus, architecture or recipe)"
        )
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise InputError(f"a contrast takes two or more different groups; got {', '.join(names) or 'none'}")
    if all(fit.pooling[name] == "complete" for name in fit.law.parameters):
        raise InputError(
            "the groups of this fit share every parameter of the law (pooling 'complete'): there is nothing to compare"
        )
    budget = xr.DataArray(
        np.atleast_1d(parse_quantities(flops, "flops")).astype(float), dims="point", name="flops"
    )
    looks = {name: Outlook(fit, name, False, inputs) for name in names}
    first, last = fit.runs.extent["flops"]
    exact = fit.law.power_terms is not None and len(fit.law.columns) == 2
    steps = int(np.ceil(np.log10(_AHEAD * last / first) * (10 if exact else 2))) + 1
    path = xr.DataArray(np.geomspace(first, _AHEAD * last, steps), dims="step")
    loss, along = {}, {}
    for name, look in looks.items():
        loss[name] = look.law(*look.split(budget))
        along[name] = look.law(*look.split(path))
    pairs = list(combinations(names, 2))
    label = xr.DataArray([f"{a} over {b}" for a, b in pairs], dims="pair", name="pair")

    def paired(values: list[Any]) -> Any:
        found = xr.concat(values, dim=label)
        order = [dim for dim in ("chain", "draw", "pair", "point") if dim in found.dims]
        return found.transpose(*order)

    axis = xr.DataArray(names, dims="group", name="group")
    doubts = []
    for name in names:
        own = fit.runs.select(fit.runs.group_index == fit.groups.index(name))
        far = decades_beyond(own, "flops", budget.to_numpy()).max()
        if far > 0.5:
            doubts.append(
                f"budgets lie up to {far:.1f} decades beyond the runs of group {name}; how far groups drift apart "
                "there is not in these numbers"
            )
    return Contrast(
        budget,
        xr.concat(list(loss.values()), dim=axis).transpose("chain", "draw", "group", "point"),
        pairs,
        paired([loss[a] - loss[b] for a, b in pairs]),
        paired([looks[b].least(loss[a]) / budget for a, b in pairs]),
        paired([_crossing(path, along[a] - along[b]) for a, b in pairs]),
        last,
        doubts,
    )


def _crossing(path: Any, difference: Any) -> Any:
    """Where a difference first changes its sign along a path of budgets; NaN where it does not."""
    import xarray as xr

    sign = np.sign(difference)
    changed = sign.isel(step=slice(1, None)) != sign.isel(step=slice(None, -1))
    k = changed.argmax("step")
    left, right = difference.isel(step=k), difference.isel(step=k + 1)
    x = xr.DataArray(np.log(path))
    share = (left / (left - right)).where(changed.any("step"))
    at = x.isel(step=k) + share * (x.isel(step=k + 1) - x.isel(step=k))
    return np.exp(at)


def _sentences(found: Contrast, prob: float) -> Iterator[str]:
    percent = f"{100 * prob:g}%"
    for _, row in found.table(prob).iterrows():
        low, high = (row[f"multiplier {percent} {end}"] for end in ("lower", "upper"))
        least, most = (row[f"difference {percent} {end}"] for end in ("lower", "upper"))
        top = f"{high:.3g}" if np.isfinite(high) else "no bound"
        middle = f"{row['multiplier']:.3g}x" if np.isfinite(row["multiplier"]) else "no finite amount of"
        yield (
            f"{format_flops(row['flops'])} FLOPs: {row['group']} is better than {row['over']} with probability "
            f"{row['prob better']:.2f}; its loss differs by {row['difference']:+.4f} nats ({percent}: {least:+.4f} to "
            f"{most:+.4f}); it is worth {middle} the compute ({percent}: {low:.3g} to {top})."
        )
    for (a, b), share, where in zip(
        found.pairs, found.prob_crossing.to_numpy(), bounds(found.crossing, prob).to_numpy(), strict=True
    ):
        text = f"The curves of {a} and {b} cross with probability {share:.2f}"
        if share > 0:
            low, middle, high = map(format_flops, where)
            text += f", then at {middle} FLOPs ({percent}: {low} to {high})"
        yield f"{text}."
