"""The joint law of Kaplan et al. 2020, with an irreducible term."""

from typing import Any

from bayes_scaling.laws.core import law
from bayes_scaling.priors import LogNormal


def _power_terms(*, A: Any, B: Any, alpha: Any, beta: Any, **_: Any) -> tuple[Any, Any, Any, Any]:
    # The outer power is increasing, so the law is smallest where the sum inside it is.
    return A ** (1 / beta), alpha / beta, B ** (1 / beta), 1.0 + 0.0 * beta


def _constants(reference: Any, *, A: Any, B: Any, alpha: Any, beta: Any, **_: Any) -> dict[str, Any]:
    """N_c and D_c of the paper, and the exponent of N_opt ~ C^a."""
    return {
        "N_c": A ** (1 / alpha) * reference["params"],
        "D_c": B ** (1 / beta) * reference["tokens"],
        "a": beta / (alpha + beta),
    }


@law(
    formula="E + [(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta",
    cite="Kaplan et al. 2020, arXiv:2001.08361, equation 1.5, with an irreducible loss E added",
    power_terms=_power_terms,
    constants=_constants,
    E=LogNormal(1.2, 0.5, between=0.3),
    A=LogNormal(0.6, 0.7, between=0.3),
    B=LogNormal(0.6, 0.7, between=0.3),
    alpha=LogNormal(0.2, 0.5, between=0.1),
    beta=LogNormal(0.2, 0.5, between=0.1),
)
def kaplan(N, D, *, E, A, B, alpha, beta):
    """Coupled law: E + A N^-alpha for endless data, E + B D^-beta for an endless model.

    With A = (N_c / N_0)^alpha, B = (D_c / D_0)^beta and E = 0 this is the paper's
    ``[(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D``.
    """
    return E + ((A * N**-alpha) ** (1 / beta) + (B * D**-beta) ** (1 / beta)) ** beta
