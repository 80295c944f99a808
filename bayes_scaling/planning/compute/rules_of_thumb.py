"""What others would have trained: the rule of 20 tokens per parameter, Kaplan's law, and other published lines."""

import math
from typing import NamedTuple

from bayes_scaling.errors import InputError
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


class PublishedLine(NamedTuple):
    """A published N_opt = factor * C^exponent, C = 6ND in FLOPs."""

    factor: float
    exponent: float
    cite: str


def _of_law(A: float, B: float, alpha: float, beta: float, cite: str) -> PublishedLine:
    """Of a law E + A N^-alpha + B D^-beta: Hoffmann et al. 2022, equation 4."""
    exponent = beta / (alpha + beta)
    return PublishedLine((alpha * A / (beta * B)) ** (1 / (alpha + beta)) * 6**-exponent, exponent, cite)


def _through(small: tuple[float, float], large: tuple[float, float], cite: str) -> PublishedLine:
    """Through two printed points, each FLOPs and N."""
    exponent = math.log(large[1] / small[1]) / math.log(large[0] / small[0])
    return PublishedLine(small[1] * small[0] ** -exponent, exponent, cite)


_HOFFMANN = "Hoffmann et al. 2022, arXiv:2203.15556"

PUBLISHED = {
    "Kaplan 2020": PublishedLine(
        1.3e9 * PF_DAY**-0.73, 0.73, "Kaplan et al. 2020, arXiv:2001.08361, appendix A; N without embeddings"
    ),
    "Hoffmann 2022, approach 1": _through((1.21e20, 1e9), (1.27e26, 1e12), f"{_HOFFMANN}, table 3"),
    "Hoffmann 2022, approach 2": _through((1.20e20, 1e9), (1.59e26, 1e12), f"{_HOFFMANN}, table A3"),
    "Hoffmann 2022, approach 3": _of_law(
        406.4,
        410.7,
        0.33917,
        0.28491,
        f"{_HOFFMANN}, equation 10, exponents unrounded",
    ),
    "Besiroglu 2024": _of_law(
        482.01,
        2085.43,
        0.3478,
        0.3658,
        "Besiroglu et al. 2024, arXiv:2404.10102: the same runs, fitted again",
    ),
    "Muennighoff 2023": _of_law(
        521.0, 1488.0, 0.3527, 0.3527, "Muennighoff et al. 2023, arXiv:2305.16264, on C4"
    ),
    "Llama 3": PublishedLine(
        1 / (6 * 0.29), 0.47, "Llama 3, arXiv:2407.21783, section 3.2.1: D = .29 C^.53, as printed"
    ),
}
"""Compute-optimal model sizes as others published them."""


def published_split[A: Array](name: str, flops: A) -> tuple[A, A]:
    """N and D of a budget C = 6ND on a published line.

    Parameters
    ----------
    name : str
        Of `PUBLISHED`.
    flops : float or array

    Returns
    -------
    tuple
        Parameters and tokens.

    Raises
    ------
    InputError
        For a name that is not there.
    """
    if name not in PUBLISHED:
        raise InputError(f"no published line {name!r}; there are {', '.join(PUBLISHED)}")
    line = PUBLISHED[name]
    params: A = line.factor * flops**line.exponent
    return params, flops / (6 * params)
