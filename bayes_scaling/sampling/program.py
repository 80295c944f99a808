"""From a PyMC model to JAX functions of (free variables, data), so that a refit on other data compiles nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from bayes_scaling.model import Structure, build_structure

Free = dict[str, Any]
"""Values of the free variables: a subset of mean, tau_offset, offset and shared."""


@dataclass(frozen=True)
class Program:
    """JAX functions of one model structure; data are arguments, so equal structures share what is compiled.

    Attributes
    ----------
    shapes : dict of str to tuple
        Shapes of the free variables, in the model's order.
    log_density : callable
        ``(free, data) -> scalar``, the PyMC model's joint log density.
    theta : callable
        ``(free, data) -> (n_groups, parameters)``, the free-scale parameters by group.
    log_likelihood : callable
        ``(theta, shared, data) -> (n_clusters,)``.
    parameters : callable
        ``(free, data) -> dict`` of the named quantities of the posterior.
    """

    structure: Structure
    shapes: dict[str, tuple[int, ...]]
    log_density: Callable[[Free, Mapping[str, Any]], Any]
    theta: Callable[[Free, Mapping[str, Any]], Any]
    log_likelihood: Callable[[Any, Any, Mapping[str, Any]], Any]
    parameters: Callable[[Free, Mapping[str, Any]], dict[str, Any]]

    @cached_property
    def compiled(self) -> dict[Any, Any]:
        """Where the rooms that use this program keep what they compiled for it."""
        return {}


@lru_cache(maxsize=64)
def program(structure: Structure) -> Program:
    """The program of a structure, built once a process."""
    import pytensor.tensor as pt
    from pytensor.graph.replace import clone_replace

    model = build_structure(structure, _blank_data(structure))
    values = list(model.value_vars)
    names = [value.name for value in values]
    data = {name: model[name] for name in model.named_vars if name in _blank_data(structure)}
    inputs = {name: shared.type() for name, shared in data.items()}
    replace = {data[name]: inputs[name] for name in data}

    named = [v for v in model.deterministics if v.name != "theta"]
    theta, likelihood, *parameters = model.replace_rvs_by_values([model["theta"], *model.potentials, *named])
    arguments = [*values, *inputs.values()]
    joint = _to_jax(arguments, clone_replace([model.logp(), theta, *parameters], replace=replace))

    # The likelihood as a function of theta: what the curvature of each group is read from.
    theta_in = pt.matrix("theta_in")
    shared_in = values[names.index("shared")]
    given_theta = clone_replace([likelihood], replace={theta: theta_in, **replace})
    curvature = _to_jax([theta_in, shared_in, *inputs.values()], given_theta)

    def call(free: Free, given: Mapping[str, Any]) -> Any:
        return joint(*(free[name] for name in names), *(given[name] for name in inputs))

    return Program(
        structure=structure,
        shapes={name: tuple(int(n) for n in model.initial_point()[name].shape) for name in names},
        log_density=lambda free, given: call(free, given)[0],
        theta=lambda free, given: call(free, given)[1],
        log_likelihood=lambda theta, shared, given: curvature(theta, shared, *(given[n] for n in inputs))[0],
        parameters=lambda free, given: dict(
            zip((v.name for v in named), call(free, given)[2:], strict=True)
        ),
    )


def _blank_data(s: Structure) -> dict[str, np.ndarray]:
    """Data of the right names, types and lengths; the values are replaced by arguments."""
    data = {letter: np.ones(s.n_rows) for letter in s.law.inputs}
    if s.noise.slope_in:
        data["noise_covariate"] = np.zeros(s.n_rows)
    data |= {name: np.zeros(s.n_rows) for name in ("log_loss", "measurement_variance", "weight")}
    data |= {name: np.zeros(s.n_rows, np.int32) for name in ("group_index", "cluster_index")}
    return data


def _to_jax(inputs: list[Any], outputs: list[Any]) -> Callable[..., Any]:
    """A PyTensor graph as a JAX-traceable function that returns a tuple."""
    from pytensor.compile.mode import JAX
    from pytensor.graph.fg import FunctionGraph
    from pytensor.link.jax.dispatch import jax_funcify

    graph = FunctionGraph(inputs=inputs, outputs=outputs, clone=True)
    JAX.optimizer.rewrite(graph)
    return jax_funcify(graph)
