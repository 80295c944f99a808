"""Leaving one out of runs that a process ties together, when their noise is a scale mixture of normals."""

from typing import NamedTuple

import numpy as np

from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.model.structure import Rows

_LOG_MIXING = np.arange(-14.0, 2.6, 0.3)
"""Nodes of a trapezoidal rule over the logarithm of a mixing variable: runs may be off by a thousand sigma."""


class White(NamedTuple):
    """Rows whose own noise is standard, where their mixing variables are 1."""

    residual: Computed  # (rows,)
    basis: Computed  # (rows, rank), but for the processes' amplitudes and the scale of each row
    scale: Computed  # (rows,)
    log_norm: Computed  # (rows,): -2 log density of a row whose residual is 0
    variance: Computed  # (rows,): of the noise before
    scatter: Computed  # (rows,) or 0: squares of the runs that a row stands for around their mean


def log_density_given_others(
    rows: Rows, degrees: float, white: White, known: Computed, misses: Computed
) -> Computed:
    """Log density of each cluster given all others of its path, (groups, clusters).

    Parameters
    ----------
    degrees : float
        Of freedom of the noise.
    known : array, shape (groups, clusters, rows of a cluster, rows of a cluster)
        The precision of each cluster given the others of its path.
    misses : array, shape (groups, clusters, rows of a cluster)
        What the path's own posterior misses of each row.

    Notes
    -----
    Of y ~ N(0, V): y_c given the others has precision [V^-1]_cc and misses by its inverse times [V^-1 y]_c
    (Buerkner, Gabry and Vehtari 2021, doi:10.1007/s00180-020-01045-4). Its own mixing variable is then averaged
    over, of which the others say nothing.
    """
    import pytensor.tensor as pt

    box, groups = rows.structure.box, rows.structure.n_groups
    if box[1] == 1:
        precision, along = known[..., 0], misses
    else:
        precision, axes = pt.linalg.eigh(known)
        along = (axes.mT @ misses[..., None])[..., 0]
    # In units of the noise under the mixing variable that is there: variance by the others, and squared miss.
    process, squared = (1 / precision - 1)[..., None], ((along / precision) ** 2)[..., None]
    there = rows.data["mixing"].reshape((groups, *box))[..., 0]
    nodes = np.exp(_LOG_MIXING)
    times = nodes / there[..., None, None]
    of_process = -0.5 * (pt.log1p(times * process) + times * squared / (1 + times * process)).sum(axis=2)
    runs, scatter, norm = (
        (x + 0 * white.residual).reshape((groups, *box)).sum(axis=2)[..., None]
        for x in (rows.data["weight"], white.scatter, white.log_norm)
    )
    log_prior = 0.5 * degrees * (_LOG_MIXING - nodes)
    log_prior = log_prior - np.log(np.sum(np.exp(log_prior)))
    own = 0.5 * (runs * _LOG_MIXING - nodes * scatter - norm)
    return pt.logsumexp(log_prior + own + of_process, axis=2)
