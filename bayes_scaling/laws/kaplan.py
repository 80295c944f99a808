"""The laws of Kaplan et al. 2020: one resource at a time, N and D together, N and training steps.

The paper's parameters are non-embedding ones (`bs.architecture` counts both), and its laws have no
irreducible loss; only the joint law is given one here. What follows from fitted constants (critical batch,
overfitting, the best use of a budget) are plain functions in `bayes_scaling.planning.compute.critical_batch`.
"""

from collections.abc import Mapping
from functools import partial

from bayes_scaling.laws.base import Named, Terms, law
from bayes_scaling.laws.chinchilla import ROLES
from bayes_scaling.laws.elementwise import Array
from bayes_scaling.laws.priors import LogNormal
from bayes_scaling.laws.roles import amplitude, exponent

PF_DAY = 8.64e19
"""FLOPs of a PF-day, the paper's unit of compute: 1e15 a second for a day."""

# Without a floor the whole loss is the amplitude, and exponents are small.
_LOSS = LogNormal(3.0, 0.7, between=0.3)
EXPONENT = LogNormal(0.08, 0.5, between=0.1)


def _power_terms(*, A: Array, B: Array, alpha: Array, beta: Array, **_: Array) -> Terms:
    # The outer power is increasing, so the law is smallest where the sum inside it is.
    return A ** (1 / beta), alpha / beta, B ** (1 / beta), 1.0 + 0.0 * beta


def _constants(
    reference: Mapping[str, float], *, A: Array, B: Array, alpha: Array, beta: Array, **_: Array
) -> Named:
    """N_c and D_c of the paper, and the exponent of N_opt ~ C^a."""
    return {
        "N_c": A ** (1 / alpha) * reference["params"],
        "D_c": B ** (1 / beta) * reference["tokens"],
        "a": beta / (alpha + beta),
    }


@law(
    formula="E + [(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta",
    cite="Kaplan et al. 2020, arXiv:2001.08361, equation 1.5, with an irreducible loss E added",
    roles=ROLES,
    meanings={"N_c": "N_c of the paper", "D_c": "D_c of the paper", "a": "N_opt ~ C^a"},
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


def _scale(
    name: str, column: str, reference: Mapping[str, float], *, A: Array, alpha: Array, unit: float = 1.0
) -> Named:
    """Where the law A x^-alpha is 1: the paper's constant of this name."""
    return {name: A ** (1 / alpha) * reference[column] / unit}


@law(
    formula="A N^-alpha = (N_c / N)^alpha",
    cite="Kaplan et al. 2020, arXiv:2001.08361, equation 1.1: alpha .076, N_c 8.8e13 non-embedding parameters",
    meanings={"N_c": "N_c of the paper"},
    roles={"A": amplitude("N"), "alpha": exponent("N")},
    constants=partial(_scale, "N_c", "params"),
    A=_LOSS,
    alpha=EXPONENT,
)
def kaplan_n(N, *, A, alpha):
    """Loss against model size, trained to convergence on enough data."""
    return A * N**-alpha


@law(
    formula="A D^-alpha = (D_c / D)^alpha",
    cite="Kaplan et al. 2020, arXiv:2001.08361, equation 1.2: alpha .095, D_c 5.4e13 tokens",
    meanings={"D_c": "D_c of the paper"},
    roles={"A": amplitude("D"), "alpha": exponent("D")},
    constants=partial(_scale, "D_c", "tokens"),
    A=_LOSS,
    alpha=EXPONENT,
)
def kaplan_d(D, *, A, alpha):
    """Loss against data, for a large model stopped early."""
    return A * D**-alpha


_C_C = {"C_c": "C_c of the paper, PF-days"}


@law(
    formula="A C^-alpha = (C_c / C)^alpha",
    cite="Kaplan et al. 2020, arXiv:2001.08361, equation 3.3: alpha .057, C_c 1.6e7 PF-days at a fixed batch",
    roles={"A": amplitude("C"), "alpha": exponent("C")},
    constants=partial(_scale, "C_c", "flops", unit=PF_DAY),
    meanings=_C_C,
    A=_LOSS,
    alpha=EXPONENT,
)
def kaplan_c(C, *, A, alpha):
    """Loss against compute, at a batch size that is the same for all."""
    return A * C**-alpha


@law(
    formula="A C_min^-alpha = (C_c / C_min)^alpha",
    cite="Kaplan et al. 2020, arXiv:2001.08361, equation 1.3: alpha .050, C_c 3.1e8 PF-days",
    roles={"A": amplitude("C_min"), "alpha": exponent("C_min")},
    constants=partial(_scale, "C_c", "min_flops", unit=PF_DAY),
    meanings=_C_C,
    A=_LOSS,
    alpha=EXPONENT,
)
def kaplan_c_min(C_min, *, A, alpha):
    """Loss against the least compute that reaches it, at a batch far below the critical one."""
    return A * C_min**-alpha


def _step_constants(
    reference: Mapping[str, float], *, A: Array, alpha: Array, B: Array, alpha_S: Array
) -> Named:
    return {
        "N_c": A ** (1 / alpha) * reference["params"],
        "S_c": B ** (1 / alpha_S) * reference["min_steps"],
    }


@law(
    formula="A N^-alpha + B S_min^-alpha_S",
    cite="Kaplan et al. 2020, arXiv:2001.08361, equation 1.6: alpha .077, N_c 6.5e13, alpha_S .76, S_c 2.1e3",
    roles={
        "A": amplitude("N"),
        "alpha": exponent("N"),
        "B": amplitude("S_min", words="loss from finite steps at the reference"),
        "alpha_S": exponent("S_min"),
    },
    meanings={"N_c": "N_c of the paper", "S_c": "S_c of the paper"},
    constants=_step_constants,
    A=LogNormal(2.5, 0.7, between=0.3),
    alpha=EXPONENT,
    B=LogNormal(0.3, 1.0, between=0.3),
    alpha_S=LogNormal(0.7, 0.4, between=0.1),
)
def kaplan_steps(N, S_min, *, A, alpha, B, alpha_S):
    """Loss against model size and the least number of training steps, on enough data.

    ``bayes_scaling.planning.compute.critical_batch.min_steps`` gives S_min from steps taken at some batch size.
    """
    return A * N**-alpha + B * S_min**-alpha_S
