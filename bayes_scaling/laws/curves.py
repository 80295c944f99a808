"""Learning curves: loss against one variable, which may be parameters, data, compute, steps or any other.

They are declared over training tokens, D; ``"m4:flops"`` or ``LAWS["m4"].over("flops")`` is the same law over
another column. D is a multiple of the reference point, so an amplitude is what is lost there.
"""

from collections.abc import Mapping

from bayes_scaling.laws.base import Named, Reparametrised, law
from bayes_scaling.laws.elementwise import (
    Array,
    Computed,
    exp,
    log,
    maximum,
    minimum,
    sigmoid,
    softplus,
    stop_gradient,
)
from bayes_scaling.laws.priors import LogNormal
from bayes_scaling.laws.roles import amplitude, exponent, irreducible, limit, location, sharpness

# Wide, because a curve may be the loss of a language model or the error rate of a classifier.
FLOOR = LogNormal(0.7, 1.3, between=0.5)
AMPLITUDE = LogNormal(0.7, 1.3, between=0.5)
EXPONENT = LogNormal(0.3, 0.7, between=0.2)
_GUESSING = LogNormal(3.0, 1.3, between=0.3)

ROLES = {"A": amplitude("D"), "alpha": exponent("D")}
_FLOOR_ROLES = ROLES | {"E": irreducible()}
_GUESSING_ROLES = _FLOOR_ROLES | {"G": limit("loss of random guessing above E")}
_A_1 = {"A_1": "A at {D} = 1"}


def _constants(reference: Mapping[str, float], *, A: Array, alpha: Array, **_: Array) -> Named:
    """The amplitude at D = 1."""
    return {"A_1": A * reference["tokens"] ** alpha}


def _gpt4_constants(reference: Mapping[str, float], *, A: Array, alpha: Array, **_: Array) -> Named:
    """The amplitude at C = 1."""
    return {"A_1": A * reference["flops"] ** alpha}


def split(total: Array, logit: Array) -> tuple[Computed, Computed]:
    """Logs of the rest and of a part, from the log of their sum and the logit of the part's share; the Jacobian is 1.

    A loss at the reference point is well identified where its floor is not.
    """
    return total - softplus(logit), total - softplus(-logit)


def _reparametrise_floor(*, E: Array, A: Array, alpha: Array) -> Reparametrised:
    """From the floor's share, the loss and its slope on logarithmic axes, all at the reference point."""
    excess, floor = split(A, E)
    return {"E": floor, "A": excess, "alpha": alpha + softplus(E)}, 0.0


def _reparametrise_hestness(*, E: Array, A: Array, alpha: Array, G: Array, s: Array) -> Reparametrised:
    """From the floor's share and the loss at the reference, and the log of how far G is above the power law there.

    The Jacobian is 1. On the plateau the slope at the reference says nothing, so that alpha stays.
    """
    excess, floor = split(A, E)
    top = excess + G + exp(-s) * softplus(-exp(s) * G)
    return {"E": floor, "A": top - G, "alpha": alpha, "G": top, "s": s}, 0.0


def _reparametrise_m3(*, A: Array, alpha: Array, g: Array) -> Reparametrised:
    """From the slope at the reference on logarithmic axes."""
    return {"A": A, "alpha": alpha + softplus(g), "g": g}, 0.0


def _reparametrise_m4(*, E: Array, A: Array, alpha: Array, G: Array, delta: Array) -> Reparametrised:
    """From the floor's share, the loss and its slope at the reference, and how far G is above that loss (a logit)."""
    excess, floor = split(A, E)
    log_slope = log(sigmoid(G) + exp(delta) * sigmoid(-G))
    parameters = {
        "E": floor,
        "A": excess + exp(delta) * softplus(-G),
        "alpha": alpha + softplus(E) + softplus(-G) + log_slope,
        "G": excess + softplus(G),
        "delta": delta,
    }
    return parameters, log_slope


@law(
    formula="A D^-alpha",
    cite="Hestness et al. 2017, arXiv:1712.00409; M1 of Alabdulmohsin et al. 2022, arXiv:2209.06640",
    also=("m1",),
    roles=ROLES,
    constants=_constants,
    meanings=_A_1,
    A=LogNormal(1.5, 1.3, between=0.5),
    alpha=EXPONENT,
)
def power_law(D, *, A, alpha):
    """Pure power law: a straight line on logarithmic axes, with nothing irreducible."""
    return A * D**-alpha


@law(
    formula="E + A D^-alpha",
    cite="Cortes et al. 1993 (NeurIPS 6); M2 of Alabdulmohsin et al. 2022, arXiv:2209.06640",
    also=("m2",),
    roles=_FLOOR_ROLES,
    constants=_constants,
    meanings=_A_1,
    reparametrise=_reparametrise_floor,
    E=FLOOR,
    A=AMPLITUDE,
    alpha=EXPONENT,
)
def power_floor(D, *, E, A, alpha):
    """Power law towards an irreducible loss."""
    return E + A * D**-alpha


@law(
    formula="E + A D^alpha",
    cite="running time, memory or traffic against the size of a problem; no loss, which falls",
    roles={
        "E": limit("what there is at no size"),
        "A": amplitude("D", words="what size adds at the reference"),
        "alpha": exponent("D", words="power with which it grows"),
    },
    rises=True,
    E=FLOOR,
    A=LogNormal(1.5, 1.3, between=0.5),
    alpha=LogNormal(1.0, 0.7, between=0.2),
)
def power_rise(D, *, E, A, alpha):
    """A power law that rises: for responses that grow with size."""
    return E + A * D**alpha


@law(
    formula="A - b log D, and never below A / 1000",
    cite="Banko and Brill 2001 (ACL), for accuracy against the logarithm of the data",
    roles={"A": amplitude("D"), "b": exponent("D", words="loss saved by each e-fold")},
    A=LogNormal(2.0, 1.0, between=0.5),
    b=LogNormal(0.15, 1.0, between=0.3),
)
def log_linear(D, *, A, b):
    """A loss that falls by the same amount with every doubling of the data.

    A straight line on semi-logarithmic axes would end below zero, where no loss is: it stops just above.
    """
    return maximum(A - b * log(D), 1e-3 * A)


@law(
    formula="E + A D^-alpha [1 + (A D^-alpha / G)^s]^(-1/s)",
    cite="the three regions of Hestness et al. 2017, arXiv:1712.00409, figure 6, joined smoothly",
    roles=_GUESSING_ROLES | {"s": sharpness("how sharply the plateau of guessing ends", "D")},
    reparametrise=_reparametrise_hestness,
    E=FLOOR,
    A=AMPLITUDE,
    alpha=EXPONENT,
    G=_GUESSING,
    s=LogNormal(3.0, 0.5, between=0.2),
)
def hestness(D, *, E, A, alpha, G, s):
    """Three regions: random guessing (E + G), a power law, and the irreducible loss E.

    ``s`` says how sharply the plateau of guessing ends; `power_floor` as G grows.
    """
    excess = log(A) - alpha * log(D)
    return E + exp(excess - softplus(s * (excess - log(G))) / s)


@law(
    formula="A ((1/D + g) / (1 + g))^alpha",
    cite="M3 of Alabdulmohsin et al. 2022, arXiv:2209.06640; A is the loss at the reference",
    roles=ROLES | {"g": location("the 1 / D at which the curve bends to its floor", "D")},
    reparametrise=_reparametrise_m3,
    A=LogNormal(1.5, 1.3, between=0.5),
    alpha=EXPONENT,
    g=LogNormal(0.1, 1.5, between=0.5),
)
def m3(D, *, A, alpha, g):
    """Shifted power law: a power of 1/D + g, which bends towards a floor; `power_law` at g = 0."""
    return A * ((1 / D + g) / (1 + g)) ** alpha


HALLEY_STEPS = 4
"""Enough for 14 digits at any delta from 0.02 to 30: the slope is bounded by delta and 1."""


@law(
    formula="the y with (y - E) / (1 - (y - E) / G)^delta = A D^-alpha",
    cite="M4 of Alabdulmohsin et al. 2022, arXiv:2209.06640, their equation M4; their beta is A / G^delta",
    roles=_GUESSING_ROLES | {"delta": sharpness("how fast the curve leaves guessing", "D")},
    reparametrise=_reparametrise_m4,
    E=FLOOR,
    A=AMPLITUDE,
    alpha=EXPONENT,
    G=_GUESSING,
    delta=LogNormal(1.0, 0.7, between=0.2),
)
def m4(D, *, E, A, alpha, G, delta):
    """Power law towards E that starts from random guessing at E + G; `power_floor` at delta = 0.

    The law is implicit. With y = E + G sigmoid(z) it reads

        log sigmoid(z) - delta log sigmoid(-z) = log(A D^-alpha / G),

    whose left side rises with slope 1 far below z = 0 and delta far above: Halley's steps lead from these lines to the
    root. Only the last one passes gradients, for a step from the root has the root's first and second derivatives.
    """
    target = log(A / G) - alpha * log(D)
    fixed, power = stop_gradient(target), stop_gradient(delta)
    z = minimum(fixed, 0.0) + maximum(fixed, 0.0) / maximum(power, 1e-3)
    for _ in range(HALLEY_STEPS - 1):
        z = _halley(z, fixed, power)
    return E + G * sigmoid(_halley(z, target, delta))


def _halley(z: Array, target: Array, delta: Array) -> Computed:
    """One step towards the root of M4's equation."""
    above = softplus(z)
    down = exp(-above)
    miss, slope, bend = (
        delta * above - (above - z) - target,
        down + delta * (1 - down),
        (delta - 1) * down * (1 - down),
    )
    return z - 2 * miss * slope / (2 * slope**2 - miss * bend)


@law(
    formula="E + A C^-alpha",
    cite="OpenAI 2023, arXiv:2303.08774, section 3.1: L(C) = a C^b + c",
    roles={"E": irreducible(), "A": amplitude("C"), "alpha": exponent("C")},
    constants=_gpt4_constants,
    meanings={"A_1": "A at {C} = 1"},
    E=LogNormal(1.2, 0.6, between=0.3),
    A=LogNormal(0.7, 1.0, between=0.3),
    alpha=LogNormal(0.15, 0.7, between=0.1),
)
def gpt4(C, *, E, A, alpha):
    """Final loss against training compute: a power law and an irreducible loss.

    The report measures bits per word; `bayes_scaling.data.units.nats_per_token` brings bits per word or byte here.
    """
    return E + A * C**-alpha
