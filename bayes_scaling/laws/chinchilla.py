"""Chinchilla and its kin: two power terms over an irreducible loss.

N and D are multiples of the reference point (the geometric means of the table), so ``A`` and ``B`` are the
nats lost there to finite N and finite D.
"""

from collections.abc import Mapping

from bayes_scaling.laws.base import Named, Terms, law
from bayes_scaling.laws.elementwise import Array, Computed, exp, expm1, log
from bayes_scaling.laws.priors import LogNormal, Normal
from bayes_scaling.laws.roles import amplitude, coupling, exponent, irreducible, limit, sharpness

# Measured on published fits: floors of 1.6 to 2.1 nats per token (less for small or easy corpora), exponents
# of .2 to .5 that corpora nearly share, and amplitudes at the reference of .1 to 1 nats.
FLOOR = LogNormal(1.7, 0.4, between=0.3)
AMPLITUDE = LogNormal(0.3, 1.0, between=0.3)
EXPONENT = LogNormal(0.35, 0.4, between=0.1)

ROLES = {
    "E": irreducible("irreducible loss, nats per token"),
    "A": amplitude("N"),
    "B": amplitude("D"),
    "alpha": exponent("N"),
    "beta": exponent("D"),
}
CONSTANTS = {"A_1": "A at N = 1", "B_1": "B at D = 1", "a": "N_opt ~ C^a"}


def _power_terms(*, A: Array, B: Array, alpha: Array, beta: Array, **_: Array) -> Terms:
    return A, alpha, B, beta


def _constants(
    reference: Mapping[str, float], *, A: Array, B: Array, alpha: Array, beta: Array, **_: Array
) -> Named:
    """The constants at N = D = 1 and the exponent of N_opt ~ C^a."""
    return {
        "A_1": A * reference["params"] ** alpha,
        "B_1": B * reference["tokens"] ** beta,
        "a": beta / (alpha + beta),
    }


@law(
    formula="E + A N^-alpha + B D^-beta",
    cite="Hoffmann et al. 2022, arXiv:2203.15556, equation 2",
    roles=ROLES,
    power_terms=_power_terms,
    constants=_constants,
    meanings=CONSTANTS,
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
)
def chinchilla(N, D, *, E, A, B, alpha, beta):
    """Additive power law: what finite N costs and what finite D costs add up."""
    return E + A * N**-alpha + B * D**-beta


def _coupled_power_terms(*, A: Array, B: Array, alpha: Array, beta: Array, k: Array, **_: Array) -> Terms:
    return A ** (1 / k), alpha / k, B ** (1 / k), beta / k


@law(
    formula="E + ((A N^-alpha)^(1/k) + (B D^-beta)^(1/k))^k",
    cite="Videau et al. 2026 (Skaling), arXiv:2608.07222; Chinchilla at k = 1",
    roles=ROLES | {"k": coupling("outer exponent", "N", "D")},
    power_terms=_coupled_power_terms,
    constants=_constants,
    meanings=CONSTANTS,
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    k=LogNormal(1.0, 0.5, between=0.1),
)
def skaling(N, D, *, E, A, B, alpha, beta, k):
    """Coupled power law: one shortage hides the other where k < 1, and worsens it where k > 1.

    Also written E + (a N^-x + b D^-y)^k, with a = A^(1/k) and x = alpha / k. Here A N^-alpha is what is lost
    with endless data, as in Chinchilla's law, so that k does not trade against A and alpha.
    """
    return E + ((A * N**-alpha) ** (1 / k) + (B * D**-beta) ** (1 / k)) ** k


def _equal_power_terms(*, A: Array, B: Array, alpha: Array, **_: Array) -> Terms:
    return A, alpha, B, alpha


def _equal_constants(
    reference: Mapping[str, float], *, A: Array, B: Array, alpha: Array, **_: Array
) -> Named:
    found = _constants(reference, A=A, B=B, alpha=alpha, beta=alpha)
    return {name: found[name] for name in ("A_1", "B_1")}  # a is 1/2, whatever the draw


@law(
    formula="E + A N^-alpha + B D^-alpha",
    cite="one exponent, as Muennighoff et al. 2023, arXiv:2305.16264, and Gadre et al. 2024, arXiv:2403.08540",
    roles={name: ROLES[name] for name in ("E", "A", "B")} | {"alpha": exponent("N", "D")},
    power_terms=_equal_power_terms,
    constants=_equal_constants,
    meanings=CONSTANTS,
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
)
def equal_exponents(N, D, *, E, A, B, alpha):
    """Additive power law with one exponent: N and D grow alike along the optimum."""
    return E + A * N**-alpha + B * D**-alpha


@law(
    formula="E + (A M^eta + B M^-eta) C^-eta, M = tokens_per_param",
    cite="Gadre et al. 2024, arXiv:2403.08540, equation 4",
    roles={
        "E": irreducible(),
        "A": amplitude("C", "M", words="loss from finite N at the reference"),
        "B": amplitude("C", "M", words="loss from finite D at the reference"),
        "eta": exponent("C", words="exponent of C at a given M"),
    },
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    eta=LogNormal(0.17, 0.4, between=0.1),
)
def gadre(C, M, *, E, A, B, eta):
    """Over-training: loss in compute and tokens per parameter; `equal_exponents` with eta = alpha / 2."""
    return E + (A * M**eta + B * M**-eta) * C**-eta


@law(
    formula="t / sqrt(1 + (t/G)^2), t = E + A N^-alpha + B D^-beta",
    cite="Rosenfeld et al. 2020, arXiv:1909.12673, equation 5, in units in which eta is the loss of guessing",
    power_terms=_power_terms,
    roles=ROLES
    | {
        "E": irreducible("irreducible loss before guessing, G, bends it"),
        "G": limit("loss of random guessing"),
    },
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    G=LogNormal(8.0, 0.5, between=0.2),
)
def rosenfeld(N, D, *, E, A, B, alpha, beta, G):
    """Additive power law that starts from random guessing, G; `chinchilla` far below it.

    The paper's ``G |e / (e - i eta)|`` has one parameter more than the loss identifies: e = t eta / G.
    """
    t = E + A * N**-alpha + B * D**-beta
    return t / (1 + (t / G) ** 2) ** 0.5


def _stretched(N: Array, slope: Array, power: Array) -> Computed:
    """exp(slope (N^power - 1) / power): N^slope at the reference, which bends as N^power does."""
    return exp(slope * expm1(power * log(N)) / power)


@law(
    formula="E s(N; e, p) + B s(N; b, q) D^-(beta s(N; h, r)), s(N; c, p) = exp(c (N^p - 1) / p)",
    cite="the form of Farseer, Li et al. 2025, arXiv:2506.10972, equation 3: exp(a3 N^g + b3) + exp(a2 N^b + b2) "
    "D^-exp(a1 N^a + b1), with D in multiples of the reference",
    roles={
        "E": amplitude("N", words="loss left by endless D at the reference N"),
        "B": amplitude("D"),
        "beta": exponent("D"),
        "e": exponent("N", words="slope of log E in log N at the reference"),
        "b": exponent("N", words="slope of log B in log N at the reference"),
        "h": exponent("N", words="slope of log beta in log N at the reference"),
        "p": sharpness("power of N by which e changes", "N"),
        "q": sharpness("power of N by which b changes", "N"),
        "r": sharpness("power of N by which h changes", "N"),
    },
    E=FLOOR,
    B=AMPLITUDE,
    beta=EXPONENT,
    e=Normal(-0.1, 0.1, between=0.05),
    b=Normal(0.0, 0.3, between=0.1),
    h=Normal(-0.2, 0.2, between=0.05),
    p=LogNormal(0.15, 0.5, between=0.2),
    q=Normal(0.1, 0.15, between=0.05),
    r=LogNormal(0.12, 0.5, between=0.2),
)
def farseer(N, D, *, E, B, beta, e, b, h, p, q, r):
    """A power law in D whose floor, amplitude and exponent are stretched exponentials of N.

    e, b and h are the slopes of their logarithms in log N at the reference. Where b > 0 or h < 0 is strong, a
    larger model is worse on little data.
    """
    return E * _stretched(N, e, p) + B * _stretched(N, b, q) * D ** -(beta * _stretched(N, h, r))
