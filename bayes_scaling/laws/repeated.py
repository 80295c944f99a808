"""Repeated data: what the second and the hundredth pass over the same tokens are worth."""

from bayes_scaling.laws.base import law
from bayes_scaling.laws.chinchilla import AMPLITUDE, CONSTANTS, EXPONENT, FLOOR, ROLES, _constants
from bayes_scaling.laws.elementwise import Array, Computed, expm1, maximum, minimum
from bayes_scaling.laws.priors import LogNormal
from bayes_scaling.laws.roles import location


def worth(unique: Array, repeats: Array, half_life: Array) -> Computed:
    """What ``unique`` units are worth after they were repeated: at most ``unique * (1 + half_life)``.

    Parameters
    ----------
    unique : float or array
        Unique tokens U (or the parameters U_N that these can use).
    repeats : float or array
        Passes beyond the first, D / U - 1.
    half_life : float or array
        R*: after so many repeats, the next one is worth 1/e of new data.

    Returns
    -------
    float or array
        Muennighoff et al. 2023, arXiv:2305.16264, equation 5.
    """
    return unique - unique * half_life * expm1(-repeats / half_life)


@law(
    formula="E + A N'^-alpha + B D'^-beta, D' = U + U R_D (1 - exp(-(D/U - 1)/R_D)), N' alike with R_N",
    cite="Muennighoff et al. 2023, arXiv:2305.16264, equations 5 and 6",
    roles=ROLES
    | {
        "R_D": location("repeats until one more is worth 1/e of new data", "D"),
        "R_N": location("as R_D, for parameters beyond those that the data can use", "N"),
    },
    constants=_constants,
    meanings=CONSTANTS,
    chosen=("U",),
    at_best=lambda *, D, **_: {"U": D},
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    R_D=LogNormal(10.0, 1.0, between=0.3),
    R_N=LogNormal(5.0, 1.0, between=0.3),
)
def muennighoff(N, D, U, *, E, A, B, alpha, beta, R_D, R_N):
    """Chinchilla in the worth of repeated tokens and of excess parameters.

    U are the unique tokens, a multiple of the same reference as D. U_N, the parameters that U can use, is the
    compute-optimal N for U tokens under the law without repetition. With U = D all tokens count in full, and
    the law is `chinchilla` for models up to U_N (for all, as R_N grows).
    """
    useful = (alpha * A / (beta * B)) ** (1 / alpha) * U ** (beta / alpha)
    used = minimum(N, useful)
    unique = minimum(U, D)
    n = worth(used, maximum(N / used - 1, 0.0), R_N)
    d = worth(unique, D / unique - 1, R_D)
    return E + A * n**-alpha + B * d**-beta
