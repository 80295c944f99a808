"""NUTS in round coordinates: one compiled program per structure, run chain by chain or all chains at once."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import blackjax
import jax
import jax.numpy as jnp
from blackjax.adaptation.step_size import dual_averaging_adaptation

from bayes_scaling.sampling.find_map import Geometry
from bayes_scaling.sampling.transport_map import Data, Rounding

TARGET_ACCEPTANCE, CAREFUL_ACCEPTANCE = 0.9, (0.97, 0.99)
"""What the step is adapted to: at first, and once divergences or disagreement have been seen."""

MAX_DOUBLINGS = 10


class ChainState(NamedTuple):
    """A chain between two chunks."""

    hmc: Any  # position in round coordinates, log density and its gradient
    log_step: Any
    adaptation: Any  # dual averaging


class Chunk(NamedTuple):
    """What one chunk of draws leaves: arrays of leading shape (draws,)."""

    position: Any
    energy: Any
    lp: Any
    acceptance_rate: Any
    n_steps: Any
    diverging: Any
    step_size: Any


def make_chunk(geometry: Geometry, n_draws: int) -> Callable[..., tuple[ChainState, Chunk]]:
    """``(key, state, target, rounding, data) -> (state, chunk)`` for one chain; a target of 0 keeps the step fixed."""
    _, update_da, _ = dual_averaging_adaptation(TARGET_ACCEPTANCE)
    kernel = blackjax.nuts.build_kernel()
    identity = jnp.ones(geometry.layout.n)

    def run(
        key: Any, state: ChainState, target: Any, rounding: Rounding, data: Data
    ) -> tuple[ChainState, Chunk]:
        log_density = partial(geometry.log_density, rounding=rounding, data=data)

        def one(carry: Any, key: Any) -> tuple[Any, Chunk]:
            hmc, log_step, da = carry
            step = jnp.exp(log_step)
            hmc, info = kernel(key, hmc, log_density, step, identity, max_num_doublings=MAX_DOUBLINGS)
            # Only the difference to the target enters, so that shifting the rate shifts the target.
            rate = jnp.nan_to_num(info.acceptance_rate) + TARGET_ACCEPTANCE - target
            da = jax.tree.map(lambda new, old: jnp.where(target > 0, new, old), update_da(da, rate), da)
            log_step = jnp.where(target > 0, da.log_step_size, log_step)
            out = Chunk(
                hmc.position,
                info.energy,
                hmc.logdensity,
                info.acceptance_rate,
                info.num_integration_steps,
                info.is_divergent,
                step,
            )
            return (hmc, log_step, da), out

        carry, out = jax.lax.scan(one, tuple(state), jax.random.split(key, n_draws))
        return ChainState(*carry), out

    return run


def initial_state(
    geometry: Geometry, position: Any, step_size: Any, rounding: Rounding, data: Data
) -> ChainState:
    """A chain that starts here and adapts its step from this size."""
    init_da, _, _ = dual_averaging_adaptation(TARGET_ACCEPTANCE)
    value, gradient = geometry.value_and_grad(position, rounding, data)
    hmc = blackjax.mcmc.hmc.HMCState(jnp.asarray(position), value, gradient)
    step = jnp.asarray(step_size, float)
    return jax.tree.map(
        lambda x: jnp.asarray(x, jnp.result_type(x)), ChainState(hmc, jnp.log(step), init_da(step))
    )


def averaged(state: ChainState) -> ChainState:
    """The chain with its step fixed at the average of its adaptation."""
    return state._replace(log_step=state.adaptation.log_step_size_avg)
