"""Whether a posterior can be believed, in sentences: did the chains agree, and what did the data tell?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.inference.identifiability import floor_above_runs, known_by_prior, misfit, unidentified
from bayes_scaling.inference.prior_sensitivity import prior_sensitive

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

R_HAT, ESS, E_BFMI = 1.01, 400, 0.3
"""Bounds of Vehtari et al. 2021 (arXiv:1903.08008) for R-hat and ESS; E-BFMI as in Stan."""

APART = 1.2
"""An R-hat above this speaks of chains in different places, rather than of too few draws."""

_SEVERAL = (
    "they may lie in several modes, which more draws do not mix; take a simpler law, or narrower priors"
)


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
    warnings : tuple of str
        Sentences: what the data do not tell, and where the law misses them.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    e_bfmi: float
    failures: tuple[str, ...]
    warnings: tuple[str, ...]

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
        return "\n".join([f"{verdict}: {head}.", *(f"- {s}." for s in (*self.failures, *self.warnings))])


def diagnose(fit: "Posterior") -> Diagnosis:
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
        *fit.runs.warnings,
        *unidentified(fit.runs, fit.law, fit.noise),
        *known_by_prior(fit),
        *prior_sensitive(fit),
        *misfit(fit),
        *floor_above_runs(fit),
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
