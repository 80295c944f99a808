"""isoFLOP profiles: the best model size of each budget, and the line through them, as one hierarchical model.

Runs at one budget make a profile in log N, whose minimum is that budget's N_opt = m C^a e^s, with a scatter s between
budgets. Over u = log(N / N_opt),

    L = level + curvature * rise(u),   rise(u) = u^2 / 2                                      (parabola)
    rise(u) = [(e^(-alpha u) - 1) / alpha + (e^(beta u) - 1) / beta] / (alpha + beta)         (asymmetric)

A law E + A N^-alpha + B D^-beta makes just the asymmetric one. A parabola through it is pulled off where alpha and beta
differ and where sizes are not centred on the optimum: by a few percent, or by two fifths where one exponent is twice
the other and sizes span a factor of a thousand. No interval knows of that.
"""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import Quantities, format_flops, parse_quantities
from bayes_scaling.errors import DoubtfulFitWarning, InputError
from bayes_scaling.evaluation.envelope import POINTS
from bayes_scaling.inference.intervals import tails
from bayes_scaling.inference.sample_posterior import sample_posterior
from bayes_scaling.inference.spec import ModelSettings, make_spec
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.elementwise import Array, Computed, exp, expm1, log
from bayes_scaling.laws.priors import LogNormal, Normal, Prior
from bayes_scaling.model.noise import Noise, NoiseModel
from bayes_scaling.model.structure import Pooling
from bayes_scaling.sampling.progress import Report

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior

WINDOW = 0.1
"""Width of a budget, in powers of ten of compute: runs closer than this count as one isoFLOP profile."""

FEWEST_SIZES, FEWEST_BUDGETS = 5, 3
"""Model sizes that make a profile, and profiles (or points of the envelope) that make a line."""

# `level` and `m` have a value for each budget, around a power of C; the rest is shared by all.
_PARTIAL = ("level", "m")
_SHARED: dict[str, Prior] = {
    "level": LogNormal(2.5, 0.6, between=0.05),
    "slope": Normal(0.05, 0.05),
    "curvature": LogNormal(0.07, 1.0),
    "fading": Normal(0.17, 0.15),
    "m": Normal(0.0, 1.5, between=0.1),
    "a": Normal(0.5, 0.2),
}


def _parabola(
    N: Array, C: Array, *, level: Array, slope: Array, curvature: Array, fading: Array, m: Array, a: Array
) -> Computed:
    """isoFLOP profiles that are parabolas in log N."""
    u = log(N) - m - a * log(C)
    return level * C**-slope + curvature * C**-fading * u**2 / 2


def _asymmetric(
    N: Array, C: Array, *, level: Array, slope: Array, curvature: Array, fading: Array, m: Array, a: Array,
    alpha: Array, beta: Array,
) -> Computed:  # fmt: skip
    """isoFLOP profiles with the shape that an additive power law gives them."""
    u = log(N) - m - a * log(C)
    rise = (expm1(-alpha * u) / alpha + expm1(beta * u) / beta) / (alpha + beta)
    return level * C**-slope + curvature * C**-fading * rise


# Not in the catalogue: a profile says nothing of a budget that has none.
PROFILES = {
    "parabola": Law(
        "isoflop_parabola",
        _parabola,
        _SHARED,
        "level C^-slope + curvature C^-fading u^2 / 2, u = log N - m - a log C",
        "Hoffmann et al. 2022, arXiv:2203.15556, section 3.2",
    ),
    "asymmetric": Law(
        "isoflop_asymmetric",
        _asymmetric,
        _SHARED | {"alpha": LogNormal(0.35, 0.4), "beta": LogNormal(0.35, 0.4)},
        "level C^-slope + curvature C^-fading rise(u), u = log N - m - a log C",
        "the profile of Hoffmann et al. 2022, equation 2, at a fixed budget",
    ),
}
"""The models of approach 2, by the shape of a profile; inputs are params and flops, groups are budgets."""


def isoflop_runs(runs: "Runs", budgets: Quantities | None = None, window: float = WINDOW) -> "Runs":
    """The runs that lie in isoFLOP profiles, grouped by budget.

    Parameters
    ----------
    runs : Runs
    budgets : sequence of numbers or strings, optional
        Default: the windows with the most model sizes, as long as they have enough.
    window : float
        In powers of ten of compute.

    Returns
    -------
    Runs
        The column ``group`` names the budget, in FLOPs.

    Raises
    ------
    InputError
        If fewer than three budgets have five model sizes.
    """
    x = np.log10(runs.flops)
    free = np.ones(len(x), bool)
    labels = np.full(len(x), "", dtype=object)
    if budgets is None:
        while True:
            inside = free & (x >= x[:, None] - 1e-9) & (x <= x[:, None] + window + 1e-9)
            sizes = [len(set(runs.params[row])) for row in inside]
            best = int(np.argmax(sizes))
            if sizes[best] < FEWEST_SIZES:
                break
            labels[inside[best]] = format_flops(10 ** np.median(x[inside[best]]))
            free &= (x < x[best] - window / 2) | (x > x[best] + 1.5 * window)
    else:
        for budget in parse_quantities(budgets, "budgets").ravel():
            near = np.abs(x - np.log10(budget)) <= window / 2 + 1e-9
            if len(set(runs.params[near])) < FEWEST_SIZES:
                raise InputError(
                    f"{len(set(runs.params[near]))} model sizes lie within {window:g} powers of ten of "
                    f"{format_flops(budget)} FLOPs; a profile takes {FEWEST_SIZES}"
                )
            labels[near] = format_flops(budget)
    count = len(set(labels) - {""})
    if count < FEWEST_BUDGETS:
        raise InputError(
            f"{count} budgets of {runs.name} have {FEWEST_SIZES} model sizes within {window:g} powers of ten of "
            f"compute; a line takes {FEWEST_BUDGETS} (a wider window may find more)"
        )
    kept = runs.select(labels != "")
    table = kept.table.assign(group=labels[labels != ""].astype(str))
    return replace(kept, table=table, inputs=())


def profile_options(law: Law, like: NoiseModel | None = None) -> ModelSettings:
    """What `fit` is asked for with one of `PROFILES`: which parameters have a value for each budget; steady noise."""
    pooling: dict[str, Pooling] = dict.fromkeys((*law.parameters, "sigma"), "complete")
    return {
        "pooling": pooling | dict.fromkeys(_PARTIAL, "partial"),
        "noise": (like or Noise()).steady(),
    }


def profiles(grouped: "Runs", shape: str, like: "Posterior", progress: bool | Report = False) -> "Posterior":
    """The hierarchical fit of all profiles of one shape, sampled as another fit was."""
    law = PROFILES[shape]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DoubtfulFitWarning)  # said as warnings of the result
        return sample_posterior(
            make_spec(grouped, law, **profile_options(law, like.noise), sampler=like.sampler), progress
        )


def optimum(of_profiles: "Posterior", flops: np.ndarray) -> "xr.DataArray":
    """N_opt of some budgets: the line without the scatter of single budgets, dims (chain, draw, point)."""
    # Here and below: pandas and xarray load when approaches are compared, and not on import.
    import xarray as xr

    posterior, reference = of_profiles.posterior, of_profiles.reference
    x = xr.DataArray(np.log(np.atleast_1d(flops) / reference["flops"]), dims="point")
    sizes: xr.DataArray = exp(posterior["m_population"] + posterior["a"] * x) * reference["params"]
    return sizes


def optima(of_profiles: "Posterior", name: str, prob: float = 0.9) -> "pd.DataFrame":
    """N_opt of each budget that has a profile, with its interval."""
    import pandas as pd

    rows = []
    for i, label in enumerate(of_profiles.groups):
        own = of_profiles.runs.group_index == i
        flops = float(np.exp(np.log(of_profiles.runs.flops[own]).mean()))
        x = np.log(flops / of_profiles.reference["flops"])
        draws = of_profiles.posterior.sel(group=label)
        n = of_profiles.reference["params"] * np.exp(draws["m"] + draws["a"] * x)
        low, middle, high = np.quantile(n, tails(prob))
        rows.append((name, flops, middle, low, high, int(own.sum())))
    return pd.DataFrame(rows, columns=[*POINTS]).sort_values("flops", ignore_index=True)
