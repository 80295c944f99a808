"""Whether a posterior can be believed, in sentences: did the chains agree, and what did the data tell?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.laws.core import Law
from bayes_scaling.sensitivity import hanging
from bayes_scaling.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.fit import Fit
    from bayes_scaling.noise import Noise
    from bayes_scaling.runs import Runs

R_HAT, ESS, E_BFMI = 1.01, 400, 0.3
"""Bounds of Vehtari et al. 2021 (arXiv:1903.08008) for R-hat and ESS; E-BFMI as in Stan."""

APART = 1.2
"""An R-hat above this speaks of chains in different places, rather than of too few draws."""

_SEVERAL = (
    "they may lie in several modes, which more draws do not mix; take a simpler law, or narrower priors"
)

TOLD_BY_PRIOR = 0.8
"""A parameter whose posterior sd is more than this share of its prior's sd was hardly told by the data."""

POOR_FIT = 0.03
"""Noise of log loss above this (3%) is far more than seeds make: the law itself misses something."""


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a fit, and what its data could not tell.

    Attributes
    ----------
    r_hat, ess_bulk, ess_tail : float
        The worst over all quantities.
    divergences : int
    e_bfmi : float
        The worst over the chains.
    failures : tuple of str
        Sentences: the sampling cannot be trusted.
    doubts : tuple of str
        Sentences: what the data do not tell, and where the law misses them.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    e_bfmi: float
    failures: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the chains converged."""
        return not self.failures

    def raise_if_bad(self) -> "Diagnosis":
        """Raises `InputError` with the failures if there are any; returns itself otherwise."""
        if self.failures:
            raise InputError("the fit failed its diagnosis: " + "; ".join(self.failures))
        return self

    def __str__(self) -> str:
        head = (
            f"R-hat {self.r_hat:.3f}, bulk ESS {self.ess_bulk:.0f}, tail ESS {self.ess_tail:.0f}, "
            f"{self.divergences} divergences, E-BFMI {self.e_bfmi:.2f}"
        )
        verdict = "The chains converged" if self.ok else "The chains did NOT converge"
        return "\n".join([f"{verdict}: {head}.", *(f"- {s}." for s in (*self.failures, *self.doubts))])


def diagnose(fit: "Fit") -> Diagnosis:
    """Convergence (R-hat, ESS, divergences, E-BFMI) and identifiability of a fit."""
    import arviz_stats as azs

    posterior = fit.posterior
    r_hat, worst = _worst(azs.rhat(posterior), "max")
    bulk, bulk_of = _worst(azs.ess(posterior, method="bulk"), "min")
    tail, tail_of = _worst(azs.ess(posterior, method="tail"), "min")
    stats = fit.tree["sample_stats"].to_dataset()
    divergences = int(stats["diverging"].sum())
    e_bfmi = float(_e_bfmi(stats["energy"].to_numpy(), stats["energy_change"].to_numpy()).min())

    failures = []
    if not r_hat <= R_HAT:
        advice = "draw more" if not r_hat > APART else _SEVERAL
        failures.append(
            f"the chains disagree about {worst} (R-hat {r_hat:.3f}, at most {R_HAT} wanted): {advice}"
        )
    if not bulk >= ESS:
        failures.append(f"{bulk_of} has only {bulk:.0f} effective draws (at least {ESS} wanted): draw more")
    if not tail >= ESS:
        failures.append(
            f"the tails of {tail_of} rest on {tail:.0f} effective draws (at least {ESS} wanted): draw more"
        )
    share = divergences / stats["diverging"].size
    if share > 0.002:
        failures.append(
            f"{divergences} divergent transitions ({share:.1%}): parts of the posterior were not reached"
        )
    if not e_bfmi >= E_BFMI:
        failures.append(f"E-BFMI is {e_bfmi:.2f} (at least {E_BFMI} wanted): the tails were explored slowly")
    doubts = [
        *fit.runs.doubts,
        *doubts_about(fit.runs, fit.law, fit.noise),
        *_told_by_prior(fit),
        *hanging(fit),
        *_misfit(fit),
        *_floor_above_runs(fit),
    ]
    return Diagnosis(r_hat, bulk, tail, divergences, e_bfmi, tuple(failures), tuple(dict.fromkeys(doubts)))


def _worst(values: "xr.Dataset", how: str) -> tuple[float, str]:
    """The worst value over all quantities (NaN is worst of all), and the quantity's name."""
    found = []
    for name, array in values.data_vars.items():
        for at, value in np.ndenumerate(array.to_numpy()):
            labels = [str(array[dim].to_numpy()[i]) for dim, i in zip(array.dims, at, strict=True)]
            found.append((float(value), f"{name}[{', '.join(labels)}]" if labels else str(name)))
    sign = -1 if how == "max" else 1
    return min(found, key=lambda at: -np.inf if np.isnan(at[0]) else sign * at[0])


def _e_bfmi(energy: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Energy Bayesian fraction of missing information of each chain (Betancourt 2016, arXiv:1604.00695)."""
    return np.nanmean(change**2, axis=1) / np.var(energy, axis=1)


def doubts_about(runs: "Runs", law: Law, noise: "Noise") -> list[str]:
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
    if "trajectory" in runs.table and (noise.excess or law.outcome == "share"):
        what = "noise 'undertuned'" if noise.excess else f"law {law.name!r}"
        rows = runs.table["trajectory"].notna().to_numpy()
        trajectories = len(set(runs.clusters[rows]))
        if trajectories < rows.sum():
            doubts.append(
                f"{what} takes {rows.sum()} checkpoints of {trajectories} trajectories for runs of their own: "
                "bands will be too narrow; keep the last checkpoint of each"
            )
    return doubts


def _told_by_prior(fit: "Fit") -> list[str]:
    """Parameters whose posterior is nearly their prior, on the free scale."""
    told = []
    for name, prior in fit.law.priors.items():
        after, before = (
            prior.inverse(draws[name]).std(("chain", "draw")) for draws in (fit.posterior, fit.prior)
        )
        share = after / before
        high = share > TOLD_BY_PRIOR
        if not high.any():
            continue
        where = " in " + ", ".join(share["group"].to_numpy()[high]) if share.dims else ""
        why = ": no run is near the floor" if name == "E" else ""
        if float(share.max()) > 1.05:
            why = ", or torn between two explanations of the runs"
        worst = f"posterior sd {float(share.max()):.0%} of the prior's"
        told.append(f"{name}{where} is told by its prior{why} ({worst})")
    return told


def _misfit(fit: "Fit") -> list[str]:
    """Noise that is too large to be noise, by group."""
    if fit.law.outcome == "share" or fit.noise.discrepancy:
        return []
    scale = fit.posterior["sigma"].median(("chain", "draw"))
    groups = fit.groups if scale.dims else [""]
    return [
        f"the law misses the runs{f' of {group}' if group else ''} by {float(value):.1%} of their loss: "
        "seeds make about 0.3%, so the rest is lack of fit; look at the residuals before believing a band"
        for group, value in zip(groups, np.atleast_1d(scale.to_numpy()), strict=True)
        if value > POOR_FIT
    ]


def _floor_above_runs(fit: "Fit") -> list[str]:
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


def _floor(fit: "Fit", group: str | None) -> "xr.DataArray":
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


def summary(fit: "Fit", prob: float = 0.9) -> "pd.DataFrame":
    """Median and equal-tailed interval of every quantity, with what it means, R-hat and ESS.

    Parameters
    ----------
    fit : Fit
    prob : float
        Probability of the interval; the columns' names carry it.

    Returns
    -------
    DataFrame
        Index: the quantity, with its group. Rows: the law's parameters, the constants that papers print
        (derived at N = D = 1), and the noise.
    """
    import arviz_stats as azs
    import pandas as pd

    posterior = fit.posterior
    if fit.law.constants is not None:
        parameters = {name: posterior[name] for name in fit.law.parameters}
        posterior = posterior.assign(fit.law.constants(fit.reference, **parameters))
    order = [
        *fit.law.parameters,
        *(n for n in posterior.data_vars if n not in fit.posterior),
        *_noise_names(fit),
    ]
    order += [n for n in fit.posterior.data_vars if n not in order]
    posterior = posterior[order]
    r_hat, bulk, tail = (
        azs.rhat(posterior),
        azs.ess(posterior, method="bulk"),
        azs.ess(posterior, method="tail"),
    )
    percent = f"{100 * prob:g}%"
    rows = {}
    for name in posterior.data_vars:
        draws = posterior[name]
        quantiles = draws.quantile([(1 - prob) / 2, 0.5, (1 + prob) / 2], dim=("chain", "draw"))
        labels = [str(g) for g in draws["group"].to_numpy()] if "group" in draws.dims else [None]
        for i, label in enumerate(labels):
            pick: dict[Any, int] = {"group": i} if label is not None else {}
            low, median, high = (float(q) for q in quantiles.isel(pick).to_numpy())
            rows[str(name) if label is None else f"{name}[{label}]"] = {
                "median": median,
                f"{percent} lower": low,
                f"{percent} upper": high,
                "r_hat": float(r_hat[name].isel(pick)),
                "ess_bulk": float(bulk[name].isel(pick)),
                "ess_tail": float(tail[name].isel(pick)),
                "meaning": meaning(fit, str(name)),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def _noise_names(fit: "Fit") -> list[str]:
    return [
        name
        for name in ("sigma", "lack_of_fit", "persistence", "excess", "discrepancy", "nu", "slope")
        if name in fit.posterior
    ]


def meaning(fit: "Fit", name: str) -> str:
    """What a quantity of the posterior is, in a few words."""
    if name.endswith("_tau"):
        return f"sd of {name.removesuffix('_tau')} between groups (log scale)"
    if name.endswith("_population"):
        return f"{name.removesuffix('_population')} of a typical group"
    clustered = fit.structure.clustered
    texts = {
        "sigma": "seed sd of log loss" if clustered else "noise of log loss: seed and lack of fit together",
        "discrepancy": "slow departures of the curve from the law, sd of log loss",
        "lack_of_fit": "lack of fit of a configuration, sd of log loss",
        "persistence": "e-folds of compute over which checkpoints err alike",
        "excess": "how much wider log loss scatters above the law than below it",
        "nu": "degrees of freedom of the noise",
        "slope": f"change of log sigma per e-fold of {fit.noise.slope_in}",
    }
    if fit.law.outcome == "share":
        texts["sigma"] = "scatter of a run's share beyond its items, in sqrt(p (1 - p))"
    return fit.law.meaning(name) or texts.get(name, "")
