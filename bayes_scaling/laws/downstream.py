"""Downstream tasks: the share of test items that a model gets right, against its loss or its compute.

These laws give a share between 0 and 1 (accuracy, pass rate, error, BLEU / 100) in place of a loss, and are fitted to
counts of test items where their number is known. `two_step` forecasts a task through the loss: compute, loss, share.
Losses enter as ``val_loss``; like any input it is a multiple of the reference point.
"""

from collections.abc import Callable

from bayes_scaling.laws.base import Reparametrised, law
from bayes_scaling.laws.elementwise import Array, Computed, exp, expm1, log, sigmoid, softplus
from bayes_scaling.laws.priors import LogitNormal, LogNormal, Normal
from bayes_scaling.laws.roles import amplitude, exponent, limit, location, sharpness

_CHANCE = LogitNormal(0.2, 1.0, between=0.5)
_CEILING = LogitNormal(0.9, 1.0, between=0.3)
ROLES = {
    "chance": limit("share of guessing"),
    "ceiling": limit("best share there is, of what lies above guessing"),
    "k": sharpness("steepness"),
    "m": location("log of the input, over the reference, half way to the ceiling"),
}


def _between(low: Array, high: Array, share: Array) -> Computed:
    """From the floor of chance towards a ceiling, which is a share of what lies above chance."""
    return low + (1 - low) * high * share


def _reparametrise(toward: float) -> Callable[..., Reparametrised]:
    """Coordinates for the sampler of a sigmoid that rises with its input (toward -1) or falls (toward 1)."""

    def reparametrise(*, chance: Array, ceiling: Array, k: Array, m: Array) -> Reparametrised:
        """From what data identify at the reference, the logit of the share, under ``m``; k stays.

        Guessing is a part of that share (its logit, under ``chance``); what lies above guessing there, x of the way
        to 1, is the product of the ceiling, x^a, and the sigmoid, x^(1 - a), with a's logit under ``ceiling``.
        """
        log_share, log_miss = -softplus(-m), -softplus(m)
        log_g = log_share - softplus(-chance)
        log_above = log(-expm1(log_g))
        log_x = log_share - softplus(chance) - log_above
        log_c, log_s = sigmoid(ceiling) * log_x, sigmoid(-ceiling) * log_x
        short_of_c, short_of_s = log(-expm1(log_c)), log(-expm1(log_s))
        parameters = {
            "chance": log_g - log_above,
            "ceiling": log_c - short_of_c,
            "k": k,
            "m": toward * (log_s - short_of_s) * exp(-k),
        }
        split = log(-log_x) - softplus(ceiling) - softplus(-ceiling)
        return parameters, log_miss - log_above + split - short_of_c - short_of_s - k

    return reparametrise


@law(
    formula="g + (1 - g) c sigmoid(k (m - log L)), g chance, c the ceiling's share of 1 - g",
    cite="the second step of Llama 3 (Grattafiori et al. 2024, arXiv:2407.21783, section 3.2.1), with a chance floor",
    response="share",
    reparametrise=_reparametrise(1.0),
    roles=ROLES,
    chance=_CHANCE,
    ceiling=_CEILING,
    k=LogNormal(6.0, 0.8, between=0.3),
    m=Normal(-0.1, 0.4, between=0.1),
)
def task_of_loss(L, *, chance, ceiling, k, m):
    """A sigmoid of the logarithm of a loss: chance where the loss is high, the ceiling where it is low."""
    return _between(chance, ceiling, sigmoid(k * (m - log(L))))


@law(
    formula="g + (1 - g) c sigmoid(k (log C - m)), g chance, c the ceiling's share of 1 - g",
    cite="sigmoid of log compute, as Owen 2024, arXiv:2401.04757, and Ruan et al. 2024, arXiv:2405.10938",
    response="share",
    reparametrise=_reparametrise(-1.0),
    roles=ROLES,
    chance=_CHANCE,
    ceiling=_CEILING,
    k=LogNormal(0.5, 0.8, between=0.3),
    m=Normal(0.0, 2.0, between=1.0),
)
def task_of_compute(C, *, chance, ceiling, k, m):
    """A sigmoid of the logarithm of training compute, from chance to a ceiling."""
    return _between(chance, ceiling, sigmoid(k * (log(C) - m)))


@law(
    formula="1 - e exp(-q exp(-gamma (L - 1))), L as a multiple of the reference",
    cite="after Gadre et al. 2024, arXiv:2403.08540: Err = epsilon - k exp(-gamma L) is its first order in q",
    response="share",
    roles={
        "e": limit("error of guessing"),
        "q": amplitude("L", words="log of what the error has fallen by at the reference"),
        "gamma": exponent("L", words="rate at which log error falls with the loss"),
    },
    e=LogitNormal(0.75, 0.7, between=0.3),
    q=LogNormal(0.4, 1.0, between=0.5),
    gamma=LogNormal(5.0, 0.8, between=0.3),
)
def task_of_loss_exponential(L, *, e, q, gamma):
    """Error that falls from e exponentially as the loss falls, and never below zero, where the paper's may."""
    return 1 - e * exp(-q * exp(-gamma * (L - 1)))
