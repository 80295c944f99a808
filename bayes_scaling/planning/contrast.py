"""Groups against groups: which corpus, architecture or recipe is better at a scale, by how much, and for how long.

Every draw describes all groups at once, so that differences are paired: what the groups share cancels. Losses are the
law's, each group at its own compute-optimal N and D. They have no drift: a forecast lets all groups drift alike, and
how far they drift apart beyond the data nobody has seen.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities, Quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.planning.frontier import least, split
from bayes_scaling.planning.loss_surface import LossSurface, ordered, over_points
from bayes_scaling.planning.optimise import first_crossing
from bayes_scaling.planning.results.contrast import Contrast

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

_AHEAD = 1e6
"""Curves are followed to this many times the largest budget of the data, in search of a crossing."""


def contrast(
    fit: "Posterior", flops: Quantities, *, groups: Sequence[str] | None = None, **inputs: Quantity
) -> Contrast:
    """Groups against groups at some budgets.

    Parameters
    ----------
    fit : Posterior
        With groups that differ in some parameter, and losses that mean the same in each; of a law of N and D, or of
        compute alone.
    flops : number, str or sequence of them
        Budgets, in FLOPs.
    groups : sequence of str, optional
        Two or more, compared in this order. Default: all.
    **inputs
        The law's inputs beside N and D, by column name.

    Raises
    ------
    InputError
        For fewer than two groups, one that is not in the fit, or a fit whose groups share everything.
    """
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    names = _checked(fit, list(fit.groups if groups is None else groups))
    budget = over_points(flops, "flops")
    first, last = fit.runs.extent["flops"]
    of_compute = fit.law.columns == ("flops",) and not inputs
    surfaces = {} if of_compute else {name: LossSurface(fit, name, False, inputs) for name in names}
    per_decade = 10 if of_compute or surfaces[names[0]].closed_form else 2
    steps = int(np.ceil(np.log10(_AHEAD * last / first) * per_decade)) + 1
    path = xr.DataArray(np.geomspace(first, _AHEAD * last, steps), dims="step")

    def best(name: str, flops: "xr.DataArray") -> "xr.DataArray":
        """The loss of a group at budgets, each spent on its own optimum."""
        if of_compute:
            return fit.law_at({"flops": flops}, fit.draws(name))
        found: xr.DataArray = surfaces[name].loss(*split(surfaces[name], flops))
        return found

    def enough(name: str, goal: "xr.DataArray") -> "xr.DataArray":
        """The least compute at which a group reaches a loss."""
        if not of_compute:
            return least(surfaces[name], goal, drift=False)
        wide = xr.DataArray(np.geomspace(first / _AHEAD, last * _AHEAD**2, 4 * steps), dims="step")
        return first_crossing(wide, best(name, wide) - goal)

    loss, along = ({name: best(name, flops) for name in names} for flops in (budget, path))
    pairs = list(combinations(names, 2))
    label = xr.DataArray([f"{a} over {b}" for a, b in pairs], dims="pair", name="pair")
    needed = [enough(b, loss[a]) for a, b in pairs]
    return Contrast(
        flops=budget,
        loss=ordered(xr.concat(list(loss.values()), dim=xr.DataArray(names, dims="group", name="group"))),
        pairs=pairs,
        difference=ordered(xr.concat([loss[a] - loss[b] for a, b in pairs], dim=label)),
        multiplier=ordered(xr.concat([compute / budget for compute in needed], dim=label)),
        crossing=ordered(xr.concat([_crossing(path, along[a] - along[b]) for a, b in pairs], dim=label)),
        end=float(last),
        warnings=_warnings(fit, names, budget.to_numpy()),
    )


def _checked(fit: "Posterior", names: list[str]) -> list[str]:
    """Groups that can be compared."""
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
    return names


def _crossing(path: "xr.DataArray", difference: "xr.DataArray") -> "xr.DataArray":
    """Where a difference first changes its sign along a path of budgets; NaN where it does not."""
    crossed = first_crossing(path, difference * np.sign(difference.isel(step=0)))
    return crossed.where(np.isfinite(crossed))


def _warnings(fit: "Posterior", names: list[str], budgets: np.ndarray) -> list[str]:
    """Groups whose runs end far below the budgets."""
    found = []
    for name in names:
        own = fit.runs.select(fit.runs.group_index == fit.groups.index(name))
        far = decades_beyond(own, "flops", budgets).max()
        if far > 0.5:
            found.append(
                f"budgets lie up to {far:.1f} decades beyond the runs of group {name}; how far groups drift apart "
                "there is not in these numbers"
            )
    return found
