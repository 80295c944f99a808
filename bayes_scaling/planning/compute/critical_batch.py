"""Batch, steps, overfitting and the best use of a budget: what Kaplan et al. 2020 derive from fitted constants.

Plain functions of the constants of arXiv:2001.08361, which are the paper's unless given; equations are numbered as
there. Units are raw: N in non-embedding parameters, D, batch and critical batch in tokens, compute in FLOPs, loss in
nats per token. Each takes floats, arrays or posterior draws, and gives the same.
"""

from dataclasses import dataclass

from bayes_scaling.laws.elementwise import Array, Computed, exp, log


def critical_batch(loss: Array, *, B_star: Array = 2e8, alpha_B: Array = 0.21) -> Computed:
    """Batch at which time and compute are traded evenly, where a loss is reached: B* / L^(1/alpha_B) (1.4)."""
    return B_star / loss ** (1 / alpha_B)


def critical_batch_by_noise(trace: Array, gradient_squared: Array) -> Computed:
    """Critical batch by the gradient noise scale (McCandlish et al. 2018, arXiv:1812.06162, equation 2.9).

    Parameters
    ----------
    trace : float or array
        Trace of the covariance of the gradient of one token; the batch is in whatever this is the gradient of one of.
    gradient_squared : float or array
        Squared norm of the true gradient.
    """
    return trace / gradient_squared


def min_steps(steps: Array, batch: Array, critical: Array) -> Computed:
    """S_min = S / (1 + B_crit / B): the steps that an endless batch would have needed (5.4)."""
    return steps / (1 + critical / batch)


def min_tokens(tokens: Array, batch: Array, critical: Array) -> Computed:
    """E_min = E / (1 + B / B_crit): the tokens that the smallest batch would have needed (5.1)."""
    return tokens / (1 + batch / critical)


def min_flops(flops: Array, batch: Array, critical: Array) -> Computed:
    """C_min = C / (1 + B / B_crit): the compute that the smallest batch would have needed (5.5)."""
    return flops / (1 + batch / critical)


def overfitting(
    N: Array,
    D: Array,
    *,
    N_c: Array = 6.4e13,
    D_c: Array = 1.8e13,
    alpha_N: Array = 0.076,
    alpha_D: Array = 0.103,
) -> Computed:
    """delta L = L(N, D) / L(N, infinity) - 1: what finite data cost, as a share of the loss (4.3).

    The constants are those of the joint law `kaplan`, whose summary calls the exponents alpha and beta.
    """
    return (1 + (N / N_c) ** (alpha_N / alpha_D) * D_c / D) ** alpha_D - 1


def tokens_without_overfitting(
    N: Array,
    *,
    share: Array = 0.02,
    N_c: Array = 6.4e13,
    D_c: Array = 1.8e13,
    alpha_N: Array = 0.076,
    alpha_D: Array = 0.103,
) -> Computed:
    """The D at which `overfitting` costs this share of the loss; the paper's D = 5e3 N^.74 at 2% (4.4).

    2% is the spread of the loss between seeds. The constants are as for `overfitting`.
    """
    return D_c * (N / N_c) ** (alpha_N / alpha_D) / ((1 + share) ** (1 / alpha_D) - 1)


@dataclass(frozen=True)
class Optimum:
    """The best use of a budget: N, the batch, the steps and the tokens, and the loss reached."""

    params: Computed
    batch: Computed
    steps: Computed
    tokens: Computed
    loss: Computed


def exponents(*, alpha_N: Array = 0.077, alpha_S: Array = 0.76, alpha_B: Array = 0.21) -> dict[str, Computed]:
    """How the loss falls and N, batch and steps grow with the budget along the optimum (1.7 and 1.8).

    Returns
    -------
    dict
        ``loss``: L ~ C_min^-loss; ``params``, ``batch`` and ``steps``: X ~ C_min^x, which add up to 1. The paper's own
        fit to its runs is .73, .24 and .03.
    """
    a = 1 / (1 / alpha_S + 1 / alpha_B + 1 / alpha_N)
    return {"loss": a, "params": a / alpha_N, "batch": a / alpha_B, "steps": a / alpha_S}


def optimum(
    min_flops: Array,
    *,
    N_c: Array = 6.5e13,
    alpha_N: Array = 0.077,
    S_c: Array = 2.1e3,
    alpha_S: Array = 0.76,
    B_star: Array = 2e8,
    alpha_B: Array = 0.21,
) -> Optimum:
    """Model, batch, steps and tokens with the lowest loss for a budget, trained at the critical batch.

    L(N, S_min) at S_min = C_min / (6 N B_crit(L)) is smallest where the term of the steps is alpha_N / alpha_S
    of the term of the model (appendix B.1), which can be solved for the model. The constants are those of the law
    `kaplan_steps` and of `critical_batch`.

    Parameters
    ----------
    min_flops : float or array
        C_min: the budget at a small batch. Training at the critical batch takes twice that.

    Returns
    -------
    Optimum
        Steps and tokens are those at the critical batch: twice the least possible of each.
    """
    ratio = alpha_N / alpha_S
    scale = 6 * B_star * S_c * N_c * (1 + ratio) ** (-1 / alpha_B) * ratio ** (-1 / alpha_S)
    a = exponents(alpha_N=alpha_N, alpha_S=alpha_S, alpha_B=alpha_B)["loss"]
    of_model = exp(a * (log(scale) - log(min_flops)))  # (N_c / N)^alpha_N
    loss = (1 + ratio) * of_model
    batch = critical_batch(loss, B_star=B_star, alpha_B=alpha_B)
    steps = 2 * S_c * (ratio * of_model) ** (-1 / alpha_S)
    return Optimum(N_c * of_model ** (-1 / alpha_N), batch, steps, batch * steps, loss)
