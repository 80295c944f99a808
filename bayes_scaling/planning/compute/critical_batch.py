"""Batch, steps, overfitting and the best use of a budget: what Kaplan et al. 2020 derive from fitted constants.

Plain functions of the constants of arXiv:2001.08361, in raw units: N in non-embedding parameters, D, batch and
critical batch in tokens, compute in FLOPs, loss in nats per token. Each takes floats, arrays or posterior draws.
"""

from dataclasses import dataclass
from typing import Any

from bayes_scaling.laws.elementwise import exp, log


def critical_batch(loss: Any, *, B_star: Any = 2e8, alpha_B: Any = 0.21) -> Any:
    """Batch size in tokens at which time and compute are traded evenly: B* / L^(1/alpha_B) (equation 1.4).

    Parameters
    ----------
    loss : float or array
        The loss that training has reached.
    B_star, alpha_B : float or array
        Constants of the paper unless fitted.

    Returns
    -------
    float or array
    """
    return B_star / loss ** (1 / alpha_B)


def critical_batch_by_noise(trace: Any, gradient_squared: Any) -> Any:
    """Critical batch by the gradient noise scale (McCandlish et al. 2018, arXiv:1812.06162, equation 2.9).

    Parameters
    ----------
    trace : float or array
        Trace of the covariance of the gradient of one token (or of whatever the batch is counted in).
    gradient_squared : float or array
        Squared norm of the true gradient.

    Returns
    -------
    float or array
        In the unit that the gradient's covariance is taken over.
    """
    return trace / gradient_squared


def min_steps(steps: Any, batch: Any, critical: Any) -> Any:
    """S_min = S / (1 + B_crit / B): the steps that an endless batch would have needed (equation 5.4)."""
    return steps / (1 + critical / batch)


def min_tokens(tokens: Any, batch: Any, critical: Any) -> Any:
    """E_min = E / (1 + B / B_crit): the tokens that the smallest batch would have needed (equation 5.1)."""
    return tokens / (1 + batch / critical)


def min_flops(flops: Any, batch: Any, critical: Any) -> Any:
    """C_min = C / (1 + B / B_crit): the compute that the smallest batch would have needed (equation 5.5)."""
    return flops / (1 + batch / critical)


def overfitting(
    N: Any, D: Any, *, N_c: Any = 6.4e13, D_c: Any = 1.8e13, alpha_N: Any = 0.076, alpha_D: Any = 0.103
) -> Any:
    """delta L = L(N, D) / L(N, infinity) - 1: what finite data cost, as a share of the loss (equation 4.3).

    Parameters
    ----------
    N, D : float or array
    N_c, D_c, alpha_N, alpha_D : float or array
        Constants of the joint law `kaplan`, as its summary gives them (``alpha`` and ``beta`` there).

    Returns
    -------
    float or array
    """
    return (1 + (N / N_c) ** (alpha_N / alpha_D) * D_c / D) ** alpha_D - 1


def tokens_without_overfitting(
    N: Any,
    *,
    share: Any = 0.02,
    N_c: Any = 6.4e13,
    D_c: Any = 1.8e13,
    alpha_N: Any = 0.076,
    alpha_D: Any = 0.103,
) -> Any:
    """The D at which `overfitting` costs this share of the loss; the paper's D = 5e3 N^.74 at 2% (equation 4.4).

    Parameters
    ----------
    N : float or array
    share : float or array
        2%, the spread of the loss between seeds, unless given.
    N_c, D_c, alpha_N, alpha_D : float or array
        As for `overfitting`.

    Returns
    -------
    float or array
    """
    return D_c * (N / N_c) ** (alpha_N / alpha_D) / ((1 + share) ** (1 / alpha_D) - 1)


@dataclass(frozen=True)
class Optimum:
    """The best use of a budget: N, the batch, the steps and the tokens, and the loss reached."""

    params: Any
    batch: Any
    steps: Any
    tokens: Any
    loss: Any


def exponents(*, alpha_N: Any = 0.077, alpha_S: Any = 0.76, alpha_B: Any = 0.21) -> dict[str, Any]:
    """How N, batch and steps grow with the budget along the optimum (equations 1.7 and 1.8).

    Parameters
    ----------
    alpha_N, alpha_S, alpha_B : float or array
        Of the laws L(N, S_min) and B_crit(L).

    Returns
    -------
    dict
        ``loss``: L ~ C_min^-loss; ``params``, ``batch`` and ``steps``: X ~ C_min^x, which add up to 1. The
        paper's own fit to its runs is .73, .24 and .03.
    """
    a = 1 / (1 / alpha_S + 1 / alpha_B + 1 / alpha_N)
    return {"loss": a, "params": a / alpha_N, "batch": a / alpha_B, "steps": a / alpha_S}


def optimum(
    min_flops: Any,
    *,
    N_c: Any = 6.5e13,
    alpha_N: Any = 0.077,
    S_c: Any = 2.1e3,
    alpha_S: Any = 0.76,
    B_star: Any = 2e8,
    alpha_B: Any = 0.21,
) -> Optimum:
    """Model, batch, steps and tokens with the lowest loss for a budget, trained at the critical batch.

    L(N, S_min) at S_min = C_min / (6 N B_crit(L)) is smallest where the term of the steps is alpha_N / alpha_S
    of the term of the model (appendix B.1), which can be solved for the model.

    Parameters
    ----------
    min_flops : float or array
        C_min in FLOPs: the budget at a small batch. Training at the critical batch takes twice that.
    N_c, alpha_N, S_c, alpha_S : float or array
        Constants of the law `kaplan_steps`.
    B_star, alpha_B : float or array
        Constants of `critical_batch`.

    Returns
    -------
    Optimum
        Steps and tokens are those at the critical batch: twice the least possible of each.
    """
    ratio = alpha_N / alpha_S
    scale = 6 * B_star * S_c * N_c * (1 + ratio) ** (-1 / alpha_B) * ratio ** (-1 / alpha_S)
    a = exponents(alpha_N=alpha_N, alpha_S=alpha_S, alpha_B=alpha_B)["loss"]
    of_model = exp(a * (log(scale) - log(min_flops)))  # (N_c / N)^alpha_N
    params = N_c * of_model ** (-1 / alpha_N)
    loss = (1 + ratio) * of_model
    batch = critical_batch(loss, B_star=B_star, alpha_B=alpha_B)
    steps = 2 * S_c * (ratio * of_model) ** (-1 / alpha_S)
    return Optimum(params, batch, steps, batch * steps, loss)
