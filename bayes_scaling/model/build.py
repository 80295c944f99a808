"""The PyMC model of a table of runs.

Every free variable is standard normal. For parameter k of group g, on the free scale of its prior,

    theta[g, k] = mu_k + scale_k * offset[g, k],   mu_k = location_k + spread_k * mean_k,   scale_k = tau_k

with tau_k = 0 for complete pooling, tau_k log-normal (`Prior.tau`) for partial pooling, and mean_k = 0,
tau_k = spread_k for no pooling. The columns of theta are the law's parameters and the noise's sigma; the noise's other
parameters are shared.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.derivatives import endless
from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.data import model_data
from bayes_scaling.model.observed import observe
from bayes_scaling.model.structure import (
    Density,
    ModelData,
    NoiseModel,
    Pooling,
    Rows,
    Structure,
    structure,
)

# PyMC and PyTensor load when a model is built, and not on import.
if TYPE_CHECKING:
    import pymc as pm

type Model = pm.Model

OF_TABLE = ("unit",)
"""Data variables that are not of runs."""


def build_model(
    runs: Runs,
    law: Law,
    noise: NoiseModel,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
) -> Model:
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
        Free variables ``mean``, ``tau_offset``, ``offset`` and ``shared`` (those that the structure needs), data
        (and ``mixing``, where the noise has one), data
        variables as in `model_data` (what was observed is called ``observed`` there), deterministics ``theta``,
        ``mu``, ``scale`` and one per parameter, and the observed variable ``log_loss`` or ``share`` of
        `bayes_scaling.model.observed`. Its dims are ``run`` (row of the table), ``group``, and those of parameters.
    """
    s = structure(runs, law, noise, pooling)
    parts = build_structure(s, model_data(runs, law, noise), runs.groups)
    with parts.model:
        observe(parts.rows)
    return parts.model


class Parts(NamedTuple):
    """A model, and the variables that a sampler of one's own reads."""

    model: Model
    data: Mapping[str, Computed]  # the data variables, by the names of `model_data`
    rows: Rows

    @property
    def density(self) -> Density:
        """The density of the rows, each of its arrays with one axis."""
        s = self.rows.structure
        density = s.noise.density(self.rows)
        if not s.boxed:
            return density
        return Density(*(x if x is None else x.flatten() for x in density))


def build_structure(s: Structure, data: ModelData, groups: Sequence[str] | None = None) -> Parts:
    """The model from structure, data and the labels of the groups, without its observed variable."""
    import pymc as pm

    coords = {
        "run": range(s.n_rows),
        "cluster": range(s.n_clusters),
        "group": groups or range(s.n_groups),
        "parameter": list(s.priors),
        "mean_parameter": s.pooled("complete", "partial"),
        "tau_parameter": s.pooled("partial"),
        "offset_parameter": s.pooled("partial", "none"),
        "shared_parameter": list(s.global_priors),
    }
    known = {name: values for name, values in coords.items() if len(values)}
    with pm.Model(coords=known, model=None) as model:  # no part of one that is being written
        d = {name: _data(s, name, values) for name, values in data.items()}
        if s.noise.mixed and "mixing" not in d:
            half = s.noise.degrees / 2
            d["mixing"] = pm.Gamma("mixing", half, half, dims="cluster")[d["cluster_index"]]
        theta = pm.Deterministic("theta", _theta(s, d["unit"]), dims=("group", "parameter"))
        shared = _named_normals("shared", s.global_priors)
        values = {
            name: prior.in_unit(1.0).forward(theta[:, i]) * d["unit"][i]
            for i, (name, prior) in enumerate(s.priors.items())
        }
        for name, value in values.items():
            by_group = name in s.pooled("partial", "none")
            pm.Deterministic(name, value if by_group else value[0], dims="group" if by_group else None)
        for name, value in shared.items():
            pm.Deterministic(name, value)

        read = {key: value if key in OF_TABLE else _in_boxes(s, value) for key, value in d.items()}
        rows = {name: _of_rows(s, value, read["group_index"]) for name, value in values.items()}
        sigma = rows.pop("sigma")
        at = {letter: read[letter] for letter in s.law.inputs}
        law_at = s.law(*at.values(), **rows)
        floor = endless(s.law, at, rows) if s.noise.reads_floor else None
    return Parts(model, d, Rows(s, read, law_at, sigma, shared, floor))


def _data(s: Structure, name: str, values: np.ndarray) -> Computed:
    import pymc as pm

    by_run = name not in OF_TABLE and values.shape == (s.n_rows,)
    return pm.Data("observed" if name == s.noise.observed else name, values, dims="run" if by_run else None)


def _normal(name: str, *dims: tuple[str, int]) -> Computed:
    """Standard normals; their sizes are constants, as JAX wants them."""
    import pymc as pm

    names, sizes = zip(*dims, strict=True)
    return pm.Normal(name, 0.0, 1.0, shape=sizes, dims=names if all(sizes) else None)


def _in_boxes(s: Structure, x: Computed) -> Computed:
    """Rows as (groups, clusters, rows), where they lie so: what groups have is broadcast, and clusters are sums."""
    return x.reshape((s.n_groups, *s.box, *(x.shape[i] for i in range(1, x.ndim)))) if s.boxed else x


def _of_rows(s: Structure, value: Computed, group_index: Computed) -> Computed:
    """What the group of each row has, of values by group; broadcasts with the rows."""
    if s.n_groups == 1:
        return value[0]
    return value[:, None, None] if s.boxed else value[group_index]


def _named_normals(name: str, priors: Mapping[str, Prior]) -> dict[str, Computed]:
    """One standard-normal vector for these parameters, pushed forward to their natural scales."""
    free = _normal(name, (f"{name}_parameter", len(priors)))
    return {key: prior.at(free[i]) for i, (key, prior) in enumerate(priors.items())}


def _theta(s: Structure, unit: Computed) -> Computed:
    """Free-scale parameters by group, shape (n_groups, parameters)."""
    import pymc as pm
    import pytensor.tensor as pt

    priors, names = list(s.priors.values()), list(s.priors)
    means, partial = s.pooled("complete", "partial"), s.pooled("partial")
    varying = s.pooled("partial", "none")
    spread = np.array([prior.spread for prior in priors])
    mu = pt.as_tensor(np.array([prior.location for prior in priors]))
    if means:
        mean = _normal("mean", ("mean_parameter", len(means)))
        mu = mu + mean @ (_select(means, names) * spread)
    mu = pm.Deterministic("mu", mu, dims="parameter")
    scale = pt.as_tensor(spread * [name in s.pooled("none") for name in names])
    if partial:
        offset = _normal("tau_offset", ("tau_parameter", len(partial)))
        tau = pt.stack([s.priors[name].tau(offset[i]) for i, name in enumerate(partial)])
        scale = scale + tau @ _select(partial, names)
        for name in partial:
            i = names.index(name)
            pm.Deterministic(f"{name}_population", priors[i].in_unit(1.0).forward(mu[i]) * unit[i])
            pm.Deterministic(f"{name}_tau", scale[i])
    scale = pm.Deterministic("scale", scale, dims="parameter")
    if not varying:
        return mu[None, :] + pt.zeros((s.n_groups, 1))
    offset = _normal("offset", ("group", s.n_groups), ("offset_parameter", len(varying)))
    return mu[None, :] + scale[None, :] * (offset @ _select(varying, names))


def _select(chosen: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """The 0-1 matrix, shape (chosen, names), that puts values of the chosen columns among all columns."""
    return np.array([[float(name == other) for other in names] for name in chosen])
