"""From a PyMC model to JAX functions of (free variables, data), so that a refit on other data compiles nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.model.build import build_structure
from bayes_scaling.model.data import blank_data
from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.cache import use_compilation_cache
from bayes_scaling.sampling.device import device

# Here, where all of the sampler imports it, a worker of a cluster included: losses differ in the fourth digit.
jax.config.update("jax_enable_x64", True)
# A GPU is slower at models this small, and JAX would take three quarters of its memory, which others may be training
# in. A choice of the user's (JAX_PLATFORMS, or JAX in use before) stays.
if jax.config.jax_platforms is None:
    jax.config.update("jax_platforms", "cpu")
device()  # one that is not there is refused in a sentence: blackjax computes when it is imported
use_compilation_cache()

Array = jax.Array | np.ndarray

Data = Mapping[str, Array]
"""What of a table enters the model, by the names of the model's data variables."""

type Graph = tuple[list[Any], list[Any]]
"""Inputs and outputs of a PyTensor graph."""

Free = dict[str, Array]
"""Values of the free variables: a subset of mean, tau_offset, offset and shared."""


@dataclass(frozen=True)
class Program:
    """JAX functions of one model structure; data are arguments, so equal structures share what is compiled.

    Attributes
    ----------
    shapes : dict of str to tuple
        Shapes of the free variables, in the model's order.
    log_likelihood : callable
        ``(theta, shared, data) -> (n_clusters,)``; theta has shape (n_groups, parameters). Where the noise is joint:
        ``(n_groups,)``.
    score : callable
        ``(theta, shared, data) -> (n_clusters,)``: of each cluster, given all others where the noise is joint.
    weights : callable
        ``(normal, theta, shared, data) -> (n_groups, weights)``, as `NoiseModel.weights`; of joint noises.
    mixing : callable
        ``(normal, theta, shared, data) -> (shape, rate)``, each of shape (n_clusters,), as `NoiseModel.mixing`.
    residual_and_variance : callable
        ``(theta, shared, data) -> (residual, row_variance)``, each of shape (n_rows,).
    parameters : callable
        ``(free, unit) -> dict`` of the named quantities of the posterior.
    """

    structure: Structure
    shapes: dict[str, tuple[int, ...]]
    log_likelihood: Callable[[Array, Array, Data], jax.Array]
    score: Callable[[Array, Array, Data], jax.Array]
    weights: Callable[[Array, Array, Array, Data], jax.Array] | None
    mixing: Callable[[Array, Array, Array, Data], tuple[jax.Array, ...]] | None
    residual_and_variance: Callable[[Array, Array, Data], tuple[jax.Array, ...]]
    parameters: Callable[[Free, Array], dict[str, jax.Array]]


@lru_cache(maxsize=64)
def program(structure: Structure) -> Program:
    """The program of a structure, built once a process."""
    import pytensor.tensor as pt
    from pytensor.graph.replace import clone_replace

    blank = blank_data(structure)
    parts = build_structure(structure, blank)
    model, data = parts.model, parts.data
    free = list(model.value_vars)
    names = [value.name for value in free]
    inputs = {name: variable.type() for name, variable in data.items()}

    inside = [model[name] for name in ("theta", "mu", "scale")]
    named = [v for v in model.deterministics if v not in inside]
    density = parts.density
    # Of a joint noise, conditional densities and weights are had of rows in boxes.
    normal = pt.matrix("normal")
    of_rows = {"likelihood": [density.log_likelihood], "misfit": [density.residual, density.row_variance]}
    of_normal = {}
    if density.given_others is not None:
        of_rows["given_others"] = [density.given_others]
        of_normal["weights"] = [structure.noise.weights(parts.rows, normal)]
        if structure.noise.mixed:
            of_normal["mixing"] = [x.flatten() for x in structure.noise.mixing(parts.rows, normal)]
    of_data = of_rows | of_normal
    theta, *by_values = model.replace_rvs_by_values([model["theta"], *chain(*of_data.values()), *named])
    theta_in, shared = pt.matrix("theta_in"), free[names.index("shared")]
    given_data = {data[name]: variable for name, variable in inputs.items()}
    cut = len(by_values) - len(named)
    outputs = iter(clone_replace(by_values[:cut], replace={theta: theta_in} | given_data))
    arguments = [theta_in, shared, *inputs.values()]
    graphs = {
        name: ([normal, *arguments] if name in of_normal else arguments, list(islice(outputs, len(wanted))))
        for name, wanted in of_data.items()
    }
    parameters = clone_replace(by_values[cut:], replace=given_data)
    graphs["parameters"] = ([*free, inputs["unit"]], parameters)
    found = _to_jax(graphs)

    def of(name: str) -> Callable[..., tuple[jax.Array, ...]]:
        return lambda *given: found[name](*given[:-1], *(given[-1][name] for name in inputs))

    def first(name: str) -> Callable[..., jax.Array]:
        return lambda *given: of(name)(*given)[0]

    return Program(
        structure=structure,
        shapes={name: tuple(int(n) for n in value.shape) for name, value in model.initial_point().items()},
        log_likelihood=first("likelihood"),
        score=first("given_others" if "given_others" in found else "likelihood"),
        weights=first("weights") if "weights" in found else None,
        mixing=of("mixing") if "mixing" in found else None,
        residual_and_variance=of("misfit"),
        parameters=lambda at, unit: dict(
            zip((v.name for v in named), found["parameters"](*(at[n] for n in names), unit), strict=True)
        ),
    )


def power(x: Array, y: Array) -> Array:
    """x^y for x >= 0; of any x where y is a constant.

    XLA raises one number at a time, and again for the gradient; exponentials and logarithms it takes of many at once,
    and the logarithm of an input but once for all draws.
    """
    if not isinstance(y, jax.core.Tracer):
        return jnp.power(x, np.asarray(y).item() if np.size(y) == 1 else y)
    # No branch that is not taken may have an infinite slope.
    found = jnp.exp(y * jnp.log(jnp.where(x == 0, 1.0, x)))
    return jnp.where(x == 0, jnp.where(y > 0, 0.0, jnp.where(y < 0, jnp.inf, 1.0)), found)


def constant(x: Array) -> Array:
    """An array without a slope, laid out by itself: XLA takes three times as long for products with a transpose."""
    kept: Array = jax.lax.optimization_barrier(jax.lax.stop_gradient(x))
    return kept


def _to_jax(graphs: dict[str, Graph]) -> dict[str, Callable[..., tuple[jax.Array, ...]]]:
    """PyTensor graphs as JAX-traceable functions that return tuples of arrays; what they share is rewritten once."""
    # PyTensor and PyMC load when something is sampled, and not on import.
    # The whole package first: another thread may be in the middle of loading the twins of its operations.
    import pytensor.link.jax.dispatch  # noqa: F401
    from pytensor.compile.mode import JAX
    from pytensor.gradient import DisconnectedGrad
    from pytensor.graph.fg import FunctionGraph
    from pytensor.link.jax.dispatch.basic import jax_funcify
    from pytensor.raise_op import Assert
    from pytensor.scalar import Pow, Softplus

    # What is marked as constant stays so: PyTensor would take the mark away, and knows no JAX twin of it.
    jax_funcify.register(DisconnectedGrad, lambda op, **_: constant)
    # PyTensor's own twin has no gradient above 709, where a branch that is not taken overflows.
    jax_funcify.register(Softplus, lambda op, **_: jax.nn.softplus)
    jax_funcify.register(Pow, lambda op, **_: power)
    # JAX checks shapes itself; PyTensor's own twin warns users that it leaves out what a rewrite has put in.
    jax_funcify.register(Assert, lambda op, **_: lambda x, *_: x)
    inputs = list(dict.fromkeys(chain(*(given for given, _ in graphs.values()))))
    whole = FunctionGraph(inputs, list(chain(*(outputs for _, outputs in graphs.values()))), clone=False)
    JAX.excluding("local_view_op").optimizer.rewrite(whole)
    rewritten, found = iter(whole.outputs), {}
    for name, (given, outputs) in graphs.items():
        graph = FunctionGraph(given, list(islice(rewritten, len(outputs))), clone=True)
        # Constants are kept with the function, which a caller that is being traced may be the first to ask for.
        with jax.ensure_compile_time_eval():
            found[name] = jax_funcify(graph)
    return found
