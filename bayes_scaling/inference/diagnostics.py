"""Whether a posterior can be believed, in sentences: did the chains agree, and what did the data identify?"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.inference.edges import optimum_at_edge
from bayes_scaling.inference.floors import floor_above_runs, floor_at_zero
from bayes_scaling.inference.identifiability import known_by_prior, prior_alone, unidentified, wrong_way
from bayes_scaling.inference.misfit import too_noisy, unbelievable
from bayes_scaling.inference.prior_sensitivity import prior_sensitive
from bayes_scaling.inference.result import Result
from bayes_scaling.inference.run_checks import run_checks
from bayes_scaling.inference.turning import turning

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior

R_HAT, ESS, E_BFMI = 1.01, 400, 0.3
"""Bounds of Vehtari et al. 2021 (arXiv:1903.08008) for R-hat and ESS; E-BFMI as in Stan."""

DIVERGENT = 0.002
"""The largest share of divergent transitions."""

SEPARATE = 1.2
"""An R-hat above this speaks of chains in modes of their own, rather than of too few draws."""

_SEVERAL = (
    "they may lie in several modes, which more draws do not mix; take a simpler law, or narrower priors"
)


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(Result):
    """What is wrong with a fit, and what its data do not identify.

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
        Sentences: what the data do not identify, and where the law misses them.
    wrong_way : tuple of str
        A question where the runs go the other way with scale than the law.
    unbelievable : tuple of str
        Sentences where the law misses its runs by a multiple of what any smooth law would, or ends above them.
    turns : tuple of str
        Inputs with which the response rises at the end of the data, where the law falls.
    prior_alone : tuple of str
        Inputs of which nothing but the prior says what more of them saves.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    e_bfmi: float
    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    wrong_way: tuple[str, ...] = ()
    unbelievable: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    prior_alone: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the chains converged."""
        return not self.failures

    @property
    def ok(self) -> bool:
        """Whether the chains converged, the runs go the way of the law, it fits them, and they say what scale saves."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences: why it is not `ok`."""
        return (*self.failures, *self.wrong_way, *self.unbelievable, *self.turns, *self.prior_alone)

    def raise_if_bad(self) -> "Diagnosis":
        """Raises `InputError` with what is wrong if it is not `ok`; returns itself otherwise."""
        if not self.ok:
            raise InputError("the fit failed its diagnosis: " + "; ".join(self.problems))
        return self

    def sentences(self, prob: float = 0.9) -> list[str]:
        """Whether the chains converged, why not, and why no band can be believed."""
        verdict = "The chains converged" if self.converged else "The chains did NOT converge"
        figures = (
            f"R-hat {self.r_hat:.3f}, bulk ESS {self.ess_bulk:.0f}, tail ESS {self.ess_tail:.0f}, "
            f"{self.divergences} divergences, E-BFMI {self.e_bfmi:.2f}"
        )
        return [f"{verdict}: {figures}", *self.problems]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """Each criterion: its worst value, and the bound that is wanted."""
        # pandas loads when a table is asked for, and not on import.
        import pandas as pd

        rows = {
            "R-hat": (self.r_hat, f"at most {R_HAT}"),
            "bulk ESS": (self.ess_bulk, f"at least {ESS}"),
            "tail ESS": (self.ess_tail, f"at least {ESS}"),
            "divergences": (float(self.divergences), f"at most {DIVERGENT:.1%} of draws"),
            "E-BFMI": (self.e_bfmi, f"at least {E_BFMI}"),
        }
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["worst", "wanted"])
        return table.rename_axis("criterion")


def diagnose(fit: "Posterior") -> Diagnosis:
    """Convergence (R-hat, ESS, divergences, E-BFMI) and identifiability of a fit."""
    warnings = [
        *(sentence.removesuffix(".") for sentence in fit.runs.warnings),
        *unidentified(fit.runs, fit.law, fit.noise),
        *known_by_prior(fit),
        *prior_sensitive(fit),
        *too_noisy(fit),
        *floor_at_zero(fit),
        *optimum_at_edge(fit.runs),
        *run_checks(fit),
    ]
    return replace(verdict(fit), warnings=tuple(dict.fromkeys(warnings)))


def verdict(fit: "Posterior") -> Diagnosis:
    """The diagnosis without its warnings, which take most of the time."""
    found = fit.convergence
    # A quantity without a value is the worst of all.
    disagreeing = str(found["r_hat"].fillna(np.inf).idxmax())
    few, few_in_tails = (str(found[column].fillna(-np.inf).idxmin()) for column in ("ess_bulk", "ess_tail"))
    r_hat = float(found["r_hat"][disagreeing])
    bulk, tail = float(found["ess_bulk"][few]), float(found["ess_tail"][few_in_tails])
    stats = fit.tree["sample_stats"].to_dataset()
    divergences, share = int(stats["diverging"].sum()), float(stats["diverging"].mean())
    e_bfmi = float(_e_bfmi(stats["energy"].to_numpy(), stats["energy_change"].to_numpy()).min())

    failures = []
    if not r_hat <= R_HAT:
        advice = "draw more" if not r_hat > SEPARATE else _SEVERAL
        disagree = f"the chains disagree about {disagreeing}"
        failures.append(f"{disagree} (R-hat {r_hat:.3f}, at most {R_HAT} wanted): {advice}")
    wanted = f"effective draws (at least {ESS} wanted): draw more"
    if not bulk >= ESS:
        failures.append(f"{few} has only {bulk:.0f} {wanted}")
    if not tail >= ESS:
        failures.append(f"the tails of {few_in_tails} rest on {tail:.0f} {wanted}")
    if share > DIVERGENT:
        failures.append(
            f"{divergences} divergent transitions ({share:.1%}): parts of the posterior were not reached"
        )
    if not e_bfmi >= E_BFMI:
        failures.append(f"E-BFMI is {e_bfmi:.2f} (at least {E_BFMI} wanted): the tails were explored slowly")
    return Diagnosis(
        r_hat, bulk, tail, divergences, e_bfmi, tuple(failures), (),
        wrong_way=tuple(wrong_way(fit.runs, fit.law)), unbelievable=(*unbelievable(fit), *floor_above_runs(fit)),
        turns=tuple(turning(fit)), prior_alone=tuple(prior_alone(fit)),
    )  # fmt: skip


def _e_bfmi(energy: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Energy Bayesian fraction of missing information of each chain (Betancourt 2016, arXiv:1604.00695)."""
    fraction: np.ndarray = np.nanmean(change**2, axis=1) / np.var(energy, axis=1)
    return fraction
