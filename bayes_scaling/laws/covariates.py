"""Laws whose amplitudes and exponents depend on something else of a run: its corpus, sparsity or precision.

A covariate is an input like any other: a column of positive numbers, in multiples of its geometric mean.
"""

from bayes_scaling.laws.base import Reparametrised, law
from bayes_scaling.laws.chinchilla import AMPLITUDE, EXPONENT, FLOOR, ROLES
from bayes_scaling.laws.curves import split
from bayes_scaling.laws.elementwise import Array, exp, softplus
from bayes_scaling.laws.priors import LogNormal, Normal
from bayes_scaling.laws.roles import Role, amplitude, exponent, location

_DRIFT = Normal(0.0, 0.3, between=0.1)


@law(
    formula="E x^E_x + A x^A_x N^-(alpha x^alpha_x) + B x^B_x D^-(beta x^beta_x)",
    cite="as Pandey 2024, arXiv:2405.16684, lets the law depend on gzip compressibility; here as powers of it",
    roles=ROLES | {f"{name}_x": exponent("x", words=f"power of the covariate in {name}") for name in ROLES},
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    E_x=_DRIFT,
    A_x=_DRIFT,
    B_x=_DRIFT,
    alpha_x=_DRIFT,
    beta_x=_DRIFT,
)
def covariate(N, D, x, *, E, A, B, alpha, beta, E_x, A_x, B_x, alpha_x, beta_x):
    """Chinchilla whose every parameter is a power of a covariate, such as ``"covariate:params+tokens+gzip"``.

    E, A, B, alpha and beta are those at the covariate's geometric mean; `chinchilla` where the powers are 0.
    """
    n_term = A * x**A_x * N ** -(alpha * x**alpha_x)
    return E * x**E_x + n_term + B * x**B_x * D ** -(beta * x**beta_x)


def _reparametrise_sparsity(
    *,
    E: Array,
    A: Array,
    B: Array,
    alpha: Array,
    beta: Array,
    F: Array,
    phi: Array,
    G: Array,
    delta: Array,
    gamma: Array,
) -> Reparametrised:
    """From the loss at the reference point, the shares of its terms, and its slopes along N, D and the active share.

    Of the last, delta is the part that depends on N; gamma is in multiples of alpha.
    """
    E, A = split(E, A)
    E, B = split(E, B)
    E, F = split(E, F)
    A, G = split(A, G)
    alpha = alpha - A - softplus(gamma + G - A)
    parameters = {
        "E": E,
        "A": A,
        "B": B,
        "alpha": alpha,
        "beta": beta - B,
        "F": F,
        "phi": (phi - delta) * exp(-F),
        "G": G,
        "delta": delta * exp(-G),
        "gamma": alpha + gamma,
    }
    return parameters, -(F + G)


@law(
    formula="E + A N^-alpha + B D^-beta + F a^-phi + G a^-delta N^-gamma, a = active_share = 1 - sparsity",
    cite="Abnar et al. 2025, arXiv:2501.12370, equation 6; N are total parameters",
    roles=ROLES
    | {
        "F": amplitude("active_share", words="loss from sparsity at the reference"),
        "phi": exponent("active_share"),
        "G": amplitude("N", "active_share", words="loss from sparsity of a finite N at the reference"),
        "delta": exponent("active_share", words="exponent of active_share in the term with N"),
        "gamma": exponent("N", words="exponent of N in the term with active_share"),
    },
    reparametrise=_reparametrise_sparsity,
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    F=LogNormal(0.05, 1.0, between=0.3),
    phi=Normal(0.0, 0.3, between=0.1),
    G=LogNormal(0.05, 1.0, between=0.3),
    delta=Normal(0.0, 0.3, between=0.1),
    gamma=EXPONENT,
)
def sparsity(N, D, active_share, *, E, A, B, alpha, beta, F, phi, G, delta, gamma):
    """Mixture of experts: total parameters, tokens, and the share of the experts that is active."""
    sparse = F * active_share**-phi + G * active_share**-delta * N**-gamma
    return E + A * N**-alpha + B * D**-beta + sparse


@law(
    formula="E + A (N (1 - exp(-P / gamma)))^-alpha + B D^-beta, P = bits",
    cite="Kumar et al. 2024, arXiv:2411.04330, finding 2: effective parameters in weights of P bits",
    roles=ROLES
    | {"gamma": location("bits at which 1 - 1/e of the parameters count, over the reference", "bits")},
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    gamma=LogNormal(0.35, 0.6, between=0.2),
)
def precision(N, D, bits, *, E, A, B, alpha, beta, gamma):
    """Training in low precision counts as fewer parameters; `chinchilla` as bits grow.

    ``gamma`` is in multiples of the reference number of bits, as `bits` is.
    """
    return E + A * (N * (1 - exp(-bits / gamma))) ** -alpha + B * D**-beta


def _bits(of: str, name: str) -> Role:
    return location(f"bits of {of} at which 1 - 1/e of the parameters count, over the reference", name)


@law(
    formula="E + A (N r(weight_bits; gamma_w) r(activation_bits; gamma_a) r(cache_bits; gamma_kv))^-alpha + B D^-beta, "
    "r(P; gamma) = 1 - exp(-P / gamma)",
    cite="Kumar et al. 2024, arXiv:2411.04330: effective parameters of weights, activations and KV cache",
    roles=ROLES
    | {
        "gamma_w": _bits("weights", "weight_bits"),
        "gamma_a": _bits("activations", "activation_bits"),
        "gamma_kv": _bits("the KV cache", "cache_bits"),
    },
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    gamma_w=LogNormal(0.35, 0.6, between=0.2),
    gamma_a=LogNormal(0.3, 0.6, between=0.2),
    gamma_kv=LogNormal(0.15, 0.8, between=0.2),
)
def precision_of_parts(
    N, D, weight_bits, activation_bits, cache_bits, *, E, A, B, alpha, beta, gamma_w, gamma_a, gamma_kv
):
    """As `precision`, for runs whose weights, activations and KV cache differ in precision."""
    parts = ((weight_bits, gamma_w), (activation_bits, gamma_a), (cache_bits, gamma_kv))
    for bits, gamma in parts:
        N = N * (1 - exp(-bits / gamma))
    return E + A * N**-alpha + B * D**-beta
