"""Depth against width: what the shape of a transformer costs beside its size."""

from collections.abc import Mapping

from bayes_scaling.laws.base import Named, law
from bayes_scaling.laws.chinchilla import AMPLITUDE, EXPONENT, FLOOR
from bayes_scaling.laws.elementwise import Array, exp, log
from bayes_scaling.laws.priors import LogNormal, Normal
from bayes_scaling.laws.roles import amplitude, exponent, irreducible, location, sharpness


def _constants(reference: Mapping[str, float], *, m: Array, p: Array, k: Array, **_: Array) -> Named:
    """The best shape at the reference's N = n_layer d_model^2, how its depth goes with N, and how flat the valley is.

    At a given N the best depth l and width d have log l = m + p log d and log l + 2 log d = log N.
    """
    log_width = -m / (2 + p)
    width = exp(log_width) * reference["d_model"]
    depth = exp(-2 * log_width) * reference["n_layer"]
    # A factor f of d / l at a given N moves log l - p log d by (2 + p) / 3 log f.
    return {
        "aspect": width / depth,
        "depth_N": p / (2 + p),
        "flat": exp(((1 + log(1.01) / k) ** 2 - 1) ** 0.5 * 3 / (2 + p)),
    }


@law(
    formula="E + A N'^-alpha, N' = n_layer d_model^2 exp(-k (sqrt(1 + u^2) - 1)), "
    "u = log n_layer - m - p log d_model",
    cite="the flat valley of Kaplan et al. 2020, arXiv:2001.08361, section 3.1 (small k), and the best depth of Levine "
    "et al. 2020, arXiv:2006.12467, which grows less than the width (p below 1); the form is this package's",
    roles={
        "E": irreducible(),
        "A": amplitude("d_model", "n_layer", words="loss from finite size at the reference"),
        "alpha": exponent("d_model", "n_layer", words="exponent of n_layer d_model^2"),
        "k": sharpness(
            "share of further layers' parameters that is wasted far from the best depth", "n_layer"
        ),
        "m": location("log of the best depth at the reference width", "n_layer"),
        "p": exponent("d_model", words="exponent of the width in the best depth"),
    },
    resources=("d_model", "n_layer"),
    constants=_constants,
    meanings={
        "aspect": "d_model / n_layer of the best shape at the reference's size",
        "depth_N": "exponent of the size in the best depth",
        "flat": "factor of d_model / n_layer away from the best that costs 1% of the parameters",
    },
    E=FLOOR,
    A=AMPLITUDE,
    alpha=EXPONENT,
    k=LogNormal(0.1, 1.2, between=0.3),
    m=Normal(0.0, 0.7, between=0.2),
    p=Normal(0.7, 0.5, between=0.2),
)
def depth_width(d_model, n_layer, *, E, A, alpha, k, m, p):
    """A power law in n_layer d_model^2, of which a model too deep or too shallow for its width wastes some.

    Near the best depth log N' is lower by k u^2 / 2; far from it further layers are worth n_layer^(1 - k).
    Kaplan et al. find the valley so flat that shape hardly matters; Levine et al. that depth beyond the logarithm of
    the width is wasted, so that the best depth grows less than the width does. Tokens are as many for all, or enough.
    """
    u = log(n_layer) - m - p * log(d_model)
    return E + A * exp(-alpha * (log(n_layer) + 2 * log(d_model) - k * ((1 + u**2) ** 0.5 - 1)))
