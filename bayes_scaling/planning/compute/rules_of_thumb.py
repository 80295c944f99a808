"""What others would have trained: the rule of 20 tokens per parameter, and Kaplan's law."""

from bayes_scaling.laws.elementwise import Array
from bayes_scaling.laws.kaplan import PF_DAY

TOKENS_PER_PARAM = 20.0
"""The rule of thumb that is read off Hoffmann et al. 2022, arXiv:2203.15556."""


def rule_of_thumb[A: Array](flops: A, ratio: float = TOKENS_PER_PARAM) -> tuple[A, A]:
    """N and D of a budget C = 6ND at so many tokens per parameter.

    Parameters
    ----------
    flops : float or array
    ratio : float

    Returns
    -------
    tuple
        Parameters and tokens.
    """
    params: A = (flops / (6 * ratio)) ** 0.5
    return params, ratio * params


def kaplan_split[A: Array](flops: A) -> tuple[A, A]:
    """N and D of a budget C = 6ND as Kaplan et al. 2020 would have split it.

    Parameters
    ----------
    flops : float or array
        Taken for their C_min, the compute at a batch far below the critical one.

    Returns
    -------
    tuple
        Non-embedding parameters, 1.3e9 (C / PF-day)^.73 (arXiv:2001.08361, appendix A), and the tokens that the
        budget leaves to them. Above some 1e28 FLOPs that is less data than the paper itself thinks sane.
    """
    params: A = 1.3e9 * (flops / PF_DAY) ** 0.73
    return params, flops / (6 * params)
