"""The device that JAX computes on."""

import jax

from bayes_scaling.errors import InputError


def device() -> str:
    """The kind of device that JAX computes on.

    Raises
    ------
    InputError
        Where JAX cannot use the one that it was told to.
    """
    try:
        return f"{jax.devices()[0].device_kind} ({jax.default_backend()})"
    except (RuntimeError, AssertionError) as error:
        raise device_failed(error) from error


def device_failed(error: Exception) -> InputError:
    """What to do about a device that JAX cannot use: one that is not there, or whose memory others hold."""
    what = (str(error).splitlines() or ["there is no such device"])[0]
    return InputError(
        f"JAX failed on the device that it was told to use (JAX_PLATFORMS={jax.config.jax_platforms}): {what}. Fits "
        "need none: unset JAX_PLATFORMS to sample on the CPU; or install JAX for that device, and see that its memory "
        "is free"
    )
