"""Broken neural scaling laws: power laws joined smoothly, which may turn.

    y = a + b x^-c0 prod_i (1 + (x / d_i)^(1 / f_i))^(-c_i f_i)

Here x is D as a multiple of the reference point, and A is what the law loses there above a, so that the breaks
do not pull the amplitude along. Everything stays in logarithms, where neither a sharp break (small f) nor one
far outside of the data overflows.
"""

from bayes_scaling.laws.base import Reparametrised, law
from bayes_scaling.laws.elementwise import Array, Computed, exp, log, sigmoid, softplus
from bayes_scaling.laws.priors import LogNormal, Normal
from bayes_scaling.laws.roles import amplitude, exponent, irreducible, location, sharpness

FLOOR = LogNormal(0.5, 1.3, between=0.5)
AMPLITUDE = LogNormal(0.7, 1.3, between=0.5)
_SLOPE = Normal(0.3, 0.3, between=0.1)
_CHANGE = Normal(0.0, 0.4, between=0.1)
_LOCATION = LogNormal(1.0, 2.0, between=0.5)
_WIDTH = LogNormal(0.4, 0.7, between=0.3)

ROLES = {
    "E": irreducible(),
    "A": amplitude("D"),
    "c0": exponent("D", words="exponent before the first break"),
    "c1": exponent("D", words="change of the exponent at the first break"),
    "d1": location("where the first break is, over the reference", "D"),
    "f1": sharpness("width of the first break, e-folds", "D"),
}


def _break(log_x: Array, change: Array, at: Array, width: Array) -> Computed:
    """Log of one factor: the slope goes from 0 to -change around ``at``; 0 at the reference."""
    here, there = (softplus((x - log(at)) / width) for x in (log_x, 0.0 * log_x))
    return -change * width * (here - there)


def _reparametrise(
    *, E: Array, A: Array, c0: Array, c1: Array, d1: Array, f1: Array, **second: Array
) -> Reparametrised:
    """From the floor's share, the loss and its slope at the reference point, and the changes of that slope."""
    excess = softplus(E)  # minus the log of the excess's share
    changes = {"c1": c1 * exp(excess)}
    turned = changes["c1"] * sigmoid(-d1 * exp(-f1))  # by how much of a change before the reference
    if second:
        changes["c2"] = second["c2"] * exp(excess)
        turned = turned + changes["c2"] * sigmoid(-(d1 + softplus(second["g"])) * exp(-second["f2"]))
    slopes = {"c0": c0 * exp(excess) - turned} | changes
    parameters = {"E": A - softplus(-E), "A": A - excess, "d1": d1, "f1": f1} | second | slopes
    return parameters, len(slopes) * excess


@law(
    formula="E + A D^-c0 [(1 + (D/d1)^(1/f1)) / (1 + d1^(-1/f1))]^(-c1 f1)",
    cite="Caballero et al. 2023, arXiv:2210.14891, equation 1 with one break",
    roles=ROLES,
    reparametrise=_reparametrise,
    E=FLOOR,
    A=AMPLITUDE,
    c0=_SLOPE,
    c1=_CHANGE,
    d1=_LOCATION,
    f1=_WIDTH,
)
def bnsl1(D, *, E, A, c0, c1, d1, f1):
    """Power law with one break: slope -c0 before d1, -(c0 + c1) after it; `power_floor` at c1 = 0."""
    x = log(D)
    return E + exp(log(A) - c0 * x + _break(x, c1, d1, f1))


@law(
    formula="E + A D^-c0 b(c1, d1, f1) b(c2, d1 g, f2), b(c, d, f) = [(1 + (D/d)^(1/f)) / (1 + d^(-1/f))]^(-c f)",
    cite="Caballero et al. 2023, arXiv:2210.14891, equation 1 with two breaks",
    roles=ROLES
    | {
        "c2": exponent("D", words="change of the exponent at the second break"),
        "g": location("where the second break is, over the first", "D"),
        "f2": sharpness("width of the second break, e-folds", "D"),
    },
    reparametrise=_reparametrise,
    E=FLOOR,
    A=AMPLITUDE,
    c0=_SLOPE,
    c1=_CHANGE,
    d1=LogNormal(0.3, 2.0, between=0.5),
    f1=_WIDTH,
    c2=_CHANGE,
    g=LogNormal(10.0, 1.0, above=1.0, between=0.3),  # in order, so that the breaks have names
    f2=_WIDTH,
)
def bnsl2(D, *, E, A, c0, c1, d1, f1, c2, g, f2):
    """Power law with two breaks, d1 before d2 = d1 g; `bnsl1` at c2 = 0."""
    x = log(D)
    return E + exp(log(A) - c0 * x + _break(x, c1, d1, f1) + _break(x, c2, d1 * g, f2))
