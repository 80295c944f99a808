"""What a table cannot tell about a law, before anything is sampled and after, in sentences."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_quantity
from bayes_scaling.laws.base import Law

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.structure import NoiseModel

KNOWN_BY_PRIOR = 0.8
"""A parameter whose posterior sd is more than this share of its prior's sd was hardly told by the data."""

POOR_FIT = 0.03
"""Noise of log loss above this (3%) is far more than seeds make: the law itself misses something."""


def unidentified(runs: "Runs", law: Law, noise: "NoiseModel") -> list[str]:
    """What a table cannot tell about a law's parameters, or a noise about its rows, before anything is sampled."""
    doubts = []
    if runs.n_configurations < len(law.parameters):
        doubts.append(
            f"{runs.n_configurations} configurations for the {len(law.parameters)} parameters of "
            f"law {law.name!r}: what they do not tell comes from the priors"
        )
    for column, amplitude, exponent in (("params", "A", "alpha"), ("tokens", "B", "beta")):
        if column not in law.columns or not {amplitude, exponent} <= set(law.parameters):
            continue
        values = runs.column(column)
        if np.ptp(np.log(values)) < 1e-9:
            doubts.append(
                f"all runs share one value of {column} ({format_quantity(values[0])}): "
                f"{amplitude} and {exponent} are told only by the prior"
            )
    if {"params", "tokens"} <= set(law.columns) and runs.n > 2:
        n, d = np.log(runs.params), np.log(runs.tokens)
        vary = np.std(n) > 1e-9 and np.std(d) > 1e-9
        if vary and abs(correlation := np.corrcoef(n, d)[0, 1]) > 0.98:
            doubts.append(
                f"params and tokens move together (correlation {correlation:.2f} of their logarithms): "
                "their terms are told apart only by the prior"
            )
    sizes = {group: int(np.sum(runs.group_index == i)) for i, group in enumerate(runs.groups)}
    for group, size in sizes.items():
        if size == 1 and len(sizes) > 1:
            doubts.append(f"group {group!r} has one run: its parameters come from the other groups")
    if "trajectory" in runs.table and not noise.joins_checkpoints:
        what = f"noise {noise.name!r}" if noise.response == "loss" else f"law {law.name!r}"
        rows = runs.table["trajectory"].notna().to_numpy()
        trajectories = len(set(runs.clusters[rows]))
        if trajectories < rows.sum():
            doubts.append(
                f"{what} takes {rows.sum()} checkpoints of {trajectories} trajectories for runs of their own: "
                "bands will be too narrow; keep the last checkpoint of each"
            )
    return doubts


def known_by_prior(fit: "Posterior") -> list[str]:
    """Parameters whose posterior is nearly their prior, on the free scale."""
    told = []
    for name, prior in fit.law.priors.items():
        after, before = (
            prior.inverse(draws[name]).std(("chain", "draw")) for draws in (fit.posterior, fit.prior)
        )
        share = after / before
        high = share > KNOWN_BY_PRIOR
        if not high.any():
            continue
        where = " in " + ", ".join(share["group"].to_numpy()[high]) if share.dims else ""
        why = ": no run is near the floor" if name == "E" else ""
        if float(share.max()) > 1.05:
            why = ", or torn between two explanations of the runs"
        worst = f"posterior sd {float(share.max()):.0%} of the prior's"
        told.append(f"{name}{where} is told by its prior{why} ({worst})")
    return told


def misfit(fit: "Posterior") -> list[str]:
    """Noise that is too large to be noise, by group."""
    if not fit.noise.sigma_is_misfit:
        return []
    scale = fit.posterior["sigma"].median(("chain", "draw"))
    groups = fit.groups if scale.dims else [""]
    return [
        f"the law misses the runs{f' of {group}' if group else ''} by {float(value):.1%} of their loss: "
        "seeds make about 0.3%, so the rest is lack of fit; look at the residuals before believing a band"
        for group, value in zip(groups, np.atleast_1d(scale.to_numpy()), strict=True)
        if value > POOR_FIT
    ]


def floor_above_runs(fit: "Posterior") -> list[str]:
    """Groups whose irreducible loss lies above a loss that one of their runs has reached."""
    if "E" not in fit.law.parameters:
        return []
    sentences = []
    for i, group in enumerate(fit.groups):
        floor = float(_floor(fit, group).quantile(0.05))
        lowest = float(fit.runs.loss[fit.runs.group_index == i].min())
        if floor > lowest:
            sentences.append(
                f"the irreducible loss of {group} (95% of it above {floor:.3g}) lies above a loss that a run has "
                f"reached ({lowest:.3g}): the law does not fit there, and no band of it can be believed"
            )
    return sentences


def _floor(fit: "Posterior", group: str | None) -> "xr.DataArray":
    """Draws of the loss where scale has no end: E itself, unless the law says otherwise of endless N, D and C."""
    draws = fit.draws(group)
    endless = {"N": np.inf, "D": np.inf, "C": np.inf, "M": 1.0}
    if set(fit.law.inputs) <= set(endless):
        parameters = {name: draws[name] for name in fit.law.parameters}
        with np.errstate(all="ignore"):
            floor: xr.DataArray = fit.law(*(endless[name] for name in fit.law.inputs), **parameters)
        if np.isfinite(floor).all():
            return floor
    return draws["E"]
