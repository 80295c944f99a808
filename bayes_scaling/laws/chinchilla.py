"""Chinchilla and its kin: two power terms over an irreducible loss.

N and D are multiples of the reference point (the geometric means of the table), so ``A`` and ``B`` are the
nats lost there to finite N and finite D.
"""

from typing import Any

from bayes_scaling.laws.core import law
from bayes_scaling.priors import LogNormal

# Measured on published fits: floors of 1.6 to 2.1 nats per token (less for small or easy corpora), exponents
# of .2 to .5 that corpora nearly share, and amplitudes at the reference of .1 to 1 nats.
_FLOOR = LogNormal(1.7, 0.4, between=0.3)
_AMPLITUDE = LogNormal(0.3, 1.0, between=0.3)
_EXPONENT = LogNormal(0.35, 0.4, between=0.1)


def _power_terms(*, A: Any, B: Any, alpha: Any, beta: Any, **_: Any) -> tuple[Any, Any, Any, Any]:
    return A, alpha, B, beta


def _constants(reference: Any, *, A: Any, B: Any, alpha: Any, beta: Any, **_: Any) -> dict[str, Any]:
    """The constants at N = D = 1 and the exponent of N_opt ~ C^a."""
    return {
        "A_1": A * reference["params"] ** alpha,
        "B_1": B * reference["tokens"] ** beta,
        "a": beta / (alpha + beta),
    }


@law(
    formula="E + A N^-alpha + B D^-beta",
    cite="Hoffmann et al. 2022, arXiv:2203.15556, equation 2",
    power_terms=_power_terms,
    constants=_constants,
    E=_FLOOR,
    A=_AMPLITUDE,
    B=_AMPLITUDE,
    alpha=_EXPONENT,
    beta=_EXPONENT,
)
def chinchilla(N, D, *, E, A, B, alpha, beta):
    """Additive power law: what finite N costs and what finite D costs add up."""
    return E + A * N**-alpha + B * D**-beta


@law(
    formula="E + (A N^-alpha + B D^-beta)^k",
    cite="coupled power terms ('Skaling'); Chinchilla at k = 1",
    power_terms=_power_terms,
    constants=_constants,
    E=_FLOOR,
    A=_AMPLITUDE,
    B=_AMPLITUDE,
    alpha=_EXPONENT,
    beta=_EXPONENT,
    k=LogNormal(1.0, 0.5, between=0.1),
)
def skaling(N, D, *, E, A, B, alpha, beta, k):
    """Coupled power law: one shortage hides the other where k < 1, and worsens it where k > 1."""
    return E + (A * N**-alpha + B * D**-beta) ** k
