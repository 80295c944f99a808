"""NUTS in mapped coordinates: one compiled program per structure, run chain by chain or all chains at once."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import blackjax
import jax
import jax.numpy as jnp
from blackjax.adaptation.step_size import DualAveragingAdaptationState, dual_averaging_adaptation
from blackjax.mcmc.hmc import HMCState

from bayes_scaling.sampling.find_map import Geometry
from bayes_scaling.sampling.jax_model import Array, Data
from bayes_scaling.sampling.settings import TARGET_ACCEPT
from bayes_scaling.sampling.transport_map import TransportMap

MAX_DOUBLINGS = 10


class ChainState(NamedTuple):
    """A chain between two chunks."""

    hmc: HMCState  # position in mapped coordinates, log density and its gradient
    mixing: Array  # (clusters,), of a noise that has some
    log_step: Array
    adaptation: DualAveragingAdaptationState


class Chunk(NamedTuple):
    """What one chunk of draws leaves: arrays of leading shape (draws,)."""

    position: Array
    mixing: Array
    energy: Array
    lp: Array
    acceptance_rate: Array
    n_steps: Array
    diverging: Array
    step_size: Array


Advancing = Callable[[jax.Array, ChainState, Array, TransportMap, Data], tuple[ChainState, Chunk]]


def make_chunk(geometry: Geometry, n_draws: int) -> Advancing:
    """``(key, state, target, transport, data) -> (state, chunk)`` for one chain; a target of 0 keeps the step fixed."""
    _, update_da, _ = dual_averaging_adaptation(TARGET_ACCEPT)
    kernel = blackjax.nuts.build_kernel()
    identity = jnp.ones(geometry.layout.n)

    def run(
        key: jax.Array, state: ChainState, target: Array, transport: TransportMap, data: Data
    ) -> tuple[ChainState, Chunk]:
        def one(state: ChainState, key: jax.Array) -> tuple[ChainState, Chunk]:
            hmc, mixing, log_step, da = state
            step = jnp.exp(log_step)
            if geometry.clusters:
                # Gibbs: mixing variables given the rest, and then the rest given them.
                key, own = jax.random.split(key)
                mixing = geometry.draw_mixing(own, mixing, hmc.position, transport, data)
            log_density = partial(
                geometry.log_density, transport=transport, data=geometry.given(mixing, data)
            )
            if geometry.clusters:
                hmc = HMCState(hmc.position, *jax.value_and_grad(log_density)(hmc.position))
            hmc, info = kernel(key, hmc, log_density, step, identity, max_num_doublings=MAX_DOUBLINGS)
            # Only the difference to the target enters, so that shifting the rate shifts the target.
            rate = jnp.nan_to_num(info.acceptance_rate) + TARGET_ACCEPT - target
            da = jax.tree.map(lambda new, old: jnp.where(target > 0, new, old), update_da(da, rate), da)
            log_step = jnp.where(target > 0, da.log_step_size, log_step)
            out = Chunk(
                hmc.position,
                mixing,
                info.energy,
                hmc.logdensity,
                info.acceptance_rate,
                info.num_integration_steps,
                info.is_divergent,
                step,
            )
            return ChainState(hmc, mixing, log_step, da), out

        return jax.lax.scan(one, state, jax.random.split(key, n_draws))

    return run


def initial_state(
    geometry: Geometry,
    position: Array,
    step_size: float,
    transport: TransportMap,
    data: Data,
    mixing: Array,
) -> ChainState:
    """A chain that starts here, with these mixing variables, and adapts its step from this size."""
    data = geometry.given(mixing, data)
    init_da, _, _ = dual_averaging_adaptation(TARGET_ACCEPT)
    value, gradient = geometry.value_and_grad(position, transport, data)
    hmc = HMCState(jnp.asarray(position), value, gradient)
    step = jnp.asarray(step_size, float)
    state = ChainState(hmc, mixing, jnp.log(step), init_da(step))
    typed: ChainState = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), state)
    return typed


def averaged(state: ChainState) -> ChainState:
    """The chain with its step fixed at the average of its adaptation."""
    return state._replace(log_step=state.adaptation.log_step_size_avg)
