"""Scores that rise towards a ceiling, or without one: BLEU, Elo, accuracy in percent, against one variable.

Of Kolachina et al. 2012 there are five of six families; the sixth, ``c - exp((x - b)^a)``, is another family in another
unit of x or of the score, and left out. Like the learning curves of losses they are declared over training tokens, D, a
multiple of the reference point. Priors of a ceiling and of distances below it are in units of the range of the table's
scores (`OfRange`), because a score may have any unit.
"""

from bayes_scaling.laws.base import Reparametrised, law
from bayes_scaling.laws.elementwise import Array, exp, log
from bayes_scaling.laws.priors import LogNormal, Normal, OfRange
from bayes_scaling.laws.roles import amplitude, exponent, limit, location, sharpness

_SOURCE = "Kolachina et al. 2012 (ACL), Prediction of Learning Curves in Machine Translation, table 1"
CEILING = OfRange(Normal(0.6, 0.8, between=0.3))
BELOW = OfRange(LogNormal(1.0, 1.0, between=0.5))
EXPONENT = LogNormal(0.3, 0.7, between=0.2)

ROLES = {
    "c": limit("score that no scale passes"),
    "A": amplitude("D", words="score below c at the reference"),
}


def _reparametrise(*, c: Array, A: Array, **others: Array) -> Reparametrised:
    """From the score at the reference, c - A, which data identify where its ceiling is far; the Jacobian is 1."""
    return {"c": c + exp(A), "A": A, **others}, 0.0


@law(
    formula="c - A D^-alpha",
    cite=f"{_SOURCE}: pow3",
    response="score",
    reparametrise=_reparametrise,
    roles=ROLES | {"alpha": exponent("D")},
    c=CEILING,
    A=BELOW,
    alpha=EXPONENT,
)
def pow3(D, *, c, A, alpha):
    """A power law towards a ceiling, as `power_floor` is towards a floor."""
    return c - A * D**-alpha


@law(
    formula="c - A ((D + b) / (1 + b))^-alpha",
    cite=f"{_SOURCE}: pow4, c - (a x + b)^-alpha",
    response="score",
    reparametrise=_reparametrise,
    roles=ROLES
    | {"alpha": exponent("D"), "b": location("data that count before the first, over the reference", "D")},
    c=CEILING,
    A=BELOW,
    alpha=EXPONENT,
    b=LogNormal(0.1, 1.5, between=0.5),
)
def pow4(D, *, c, A, alpha, b):
    """Shifted power law, which starts from a finite score; `pow3` at b = 0."""
    return c - A * ((D + b) / (1 + b)) ** -alpha


@law(
    formula="c - A exp(-a (D - 1))",
    cite=f"{_SOURCE}: exp3, c - exp(-a x + b)",
    response="score",
    reparametrise=_reparametrise,
    roles=ROLES | {"a": exponent("D", words="rate of the exponential, over the reference")},
    c=CEILING,
    A=BELOW,
    a=LogNormal(0.5, 1.0, between=0.3),
)
def exp3(D, *, c, A, a):
    """Exponential towards a ceiling, which is reached within a decade or two of data."""
    return c - A * exp(-a * (D - 1))


@law(
    formula="c - A exp(-a (D^alpha - 1))",
    cite=f"{_SOURCE}: exp4, c - exp(-a x^alpha + b)",
    response="score",
    reparametrise=_reparametrise,
    roles=ROLES
    | {
        "a": exponent("D", words="rate of the exponential, over the reference"),
        "alpha": sharpness("power of D in the exponential", "D"),
    },
    c=CEILING,
    A=BELOW,
    a=LogNormal(0.7, 1.0, between=0.3),
    alpha=LogNormal(0.4, 0.6, between=0.2),
)
def exp4(D, *, c, A, a, alpha):
    """Stretched exponential towards a ceiling; `exp3` at alpha = 1."""
    return c - A * exp(-a * (D**alpha - 1))


@law(
    formula="c - A / (1 + log D / l)",
    cite=f"{_SOURCE}: ilog2, c - a / log x; l is the log of the reference in the unit of x, which they fix",
    response="score",
    reparametrise=_reparametrise,
    roles=ROLES | {"l": location("log of the reference in the unit of x", "D")},
    c=OfRange(Normal(3.0, 2.0, between=0.5)),
    A=OfRange(LogNormal(3.5, 0.7, between=0.3)),
    l=LogNormal(15.0, 0.3, between=0.1),
)
def ilog2(D, *, c, A, l):  # noqa: E741  (the paper's letter would be a, which is the exponential's rate here)
    """A ceiling that is approached with the inverse of the logarithm, so slowly that it is hardly seen."""
    return c - A / (1 + log(D) / l)


@law(
    formula="A + b log D",
    cite="Banko and Brill 2001 (ACL), for accuracy against the logarithm of the data",
    response="score",
    roles={
        "A": amplitude("D", words="score at the reference"),
        "b": exponent("D", words="score gained by each e-fold"),
    },
    A=OfRange(Normal(-0.5, 0.5, between=0.3)),
    b=OfRange(LogNormal(0.2, 1.0, between=0.5)),
)
def log_score(D, *, A, b):
    """A score that rises by the same amount with every doubling, and has no ceiling; `log_linear` is that of losses."""
    return A + b * log(D)
