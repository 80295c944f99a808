"""The PyMC model of a table of runs.

Every free variable is standard normal. For parameter k of group g, on the free scale of its prior,

    theta[g, k] = mu_k + scale_k * offset[g, k],   mu_k = location_k + spread_k * mean_k,   scale_k = tau_k

with tau_k = 0 for complete pooling, tau_k half-normal for partial pooling, and mean_k = 0, tau_k = spread_k
for no pooling. The columns of theta are the law's parameters and the noise's sigma; the noise's other
parameters are shared.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.data import model_data
from bayes_scaling.model.structure import ModelData, NoiseModel, Pooling, Rows, Structure, structure

# PyMC and PyTensor load when a model is built, and not on import.
if TYPE_CHECKING:
    import pymc as pm


def build_model(
    runs: Runs,
    law: Law,
    noise: NoiseModel,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
) -> "pm.Model":
    """The PyMC model of these runs.

    Parameters
    ----------
    runs : Runs
    law : Law
    noise : NoiseModel
    pooling : {"partial", "complete", "none"} or mapping of parameter name to one of them, optional
        Default: partial for every parameter where there is more than one group.

    Returns
    -------
    pymc.Model
        Free variables ``mean``, ``tau_offset``, ``offset`` and ``shared`` (those that the structure needs),
        data variables as in `model_data`, deterministics ``theta``, ``residual`` (of a trajectory: what
        the checkpoint before does not predict), ``row_variance`` (squared scale of a row, its share of the
        cluster's effect included) and one per parameter, and the potential ``log_likelihood`` (one value per
        cluster).
    """
    return build_structure(structure(runs, law, noise, pooling), model_data(runs, law, noise))


def build_structure(s: Structure, data: ModelData) -> "pm.Model":
    """`build_model` from its two halves."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as model:
        d = {name: pm.Data(name, values) for name, values in data.items()}
        theta = pm.Deterministic("theta", _theta(s))
        shared = _named_normals("shared", s.global_priors)
        values = {name: prior.forward(theta[:, i]) for i, (name, prior) in enumerate(s.priors.items())}
        for name, value in values.items():
            pm.Deterministic(name, value if name in s.pooled("partial", "none") else value[0])
        for name, value in shared.items():
            pm.Deterministic(name, value)

        # Gathered once for all parameters: the gradient of a gather is a slow scattered sum.
        of_rows = pt.stack(list(values.values()), axis=1)[d["group_index"]].T if s.n_groups > 1 else None
        rows = {name: values[name][0] if of_rows is None else of_rows[i] for i, name in enumerate(values)}
        sigma = rows.pop("sigma")
        law_at = s.law(*(d[letter] for letter in s.law.inputs), **rows)
        density = s.noise.density(Rows(s, d, law_at, sigma, shared))
        pm.Deterministic("residual", density.residual)
        pm.Deterministic("row_variance", density.row_variance)
        pm.Potential("log_likelihood", density.log_likelihood)
    return model


def _named_normals(name: str, priors: Mapping[str, Prior]) -> dict[str, Computed]:
    """One standard-normal vector for these parameters, pushed forward to their natural scales."""
    import pymc as pm

    free = pm.Normal(name, 0.0, 1.0, shape=len(priors))
    return {
        key: prior.forward(prior.location + prior.spread * free[i])
        for i, (key, prior) in enumerate(priors.items())
    }


def _theta(s: Structure) -> Computed:
    """Free-scale parameters by group, shape (n_groups, parameters)."""
    import pymc as pm
    import pytensor.tensor as pt

    priors, names = list(s.priors.values()), list(s.priors)
    means, partial = s.pooled("complete", "partial"), s.pooled("partial")
    varying = s.pooled("partial", "none")
    spread = np.array([prior.spread for prior in priors])
    mu = pt.as_tensor(np.array([prior.location for prior in priors]))
    if means:
        mean = pm.Normal("mean", 0.0, 1.0, shape=len(means))
        mu = mu + mean @ (_select(means, names) * spread)
    mu = pm.Deterministic("mu", mu)
    scale = pt.as_tensor(spread * [name in s.pooled("none") for name in names])
    if partial:
        tau = half_normal(pm.Normal("tau_offset", 0.0, 1.0, shape=len(partial)))
        scale = scale + tau @ (_select(partial, names) * [prior.group_spread for prior in priors])
        for name in partial:
            i = names.index(name)
            pm.Deterministic(f"{name}_population", priors[i].forward(mu[i]))
            pm.Deterministic(f"{name}_tau", scale[i])
    scale = pm.Deterministic("scale", scale)
    if not varying:
        return mu[None, :] + pt.zeros((s.n_groups, 1))
    offset = pm.Normal("offset", 0.0, 1.0, shape=(s.n_groups, len(varying)))
    return mu[None, :] + scale[None, :] * (offset @ _select(varying, names))


def _select(chosen: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """The 0-1 matrix, shape (chosen, names), that puts values of the chosen columns among all columns."""
    return np.array([[float(name == other) for other in names] for name in chosen])


def half_normal(offset: Computed) -> Computed:
    """Standard normal to half-normal, quantile by quantile.

    Sampled so, tau reaches zero along a Gaussian tail and not along the long exponential tail of log tau.
    """
    import pytensor.tensor as pt

    return np.sqrt(2.0) * pt.erfinv(0.5 * pt.erfc(-offset / np.sqrt(2.0)))
