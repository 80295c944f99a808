"""What is asked of a plan: budget, given model or data, caps and target, checked and side by side; and in words."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity, parse_quantities, parse_quantity
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    from bayes_scaling.planning.compute.hardware import Hardware


def request(
    flops: Any, hardware: Any, params: Any, tokens: Any, max_params: Any, max_tokens: Any, target: Any
) -> dict[str, Any]:
    """What was asked, as DataArrays over ``point``; or an `InputError` that says what is missing or too much."""
    import xarray as xr

    if flops is not None and hardware is not None:
        raise InputError("flops and hardware both give the budget; give one")
    budget = flops is not None or hardware is not None
    if not budget and target is None and params is None and tokens is None:
        raise InputError("a plan needs a budget (flops or hardware), a target loss, params or tokens")
    if params is not None and tokens is not None and (budget or target is not None):
        other = "a budget" if budget else "a target loss"
        raise InputError(
            f"params and tokens together leave nothing to plan for {other}; give one of them, or use predict"
        )
    given = {"flops": flops, "params": params, "tokens": tokens, "target": target}
    arrays: dict[str, Any] = {
        name: None if value is None else np.atleast_1d(parse_quantities(value, name)).astype(float)
        for name, value in given.items()
    }
    sizes = {name: x.size for name, x in arrays.items() if x is not None and x.size > 1}
    if hardware is not None and sizes:
        raise InputError(f"one hardware is one question; give one value of {', '.join(sizes)}")
    if len(set(sizes.values())) > 1:
        lengths = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise InputError(f"questions of unequal length: {lengths}; give one value, or as many of each")
    count = max(sizes.values(), default=1)
    out: dict[str, Any] = {
        name: None if x is None else xr.DataArray(np.broadcast_to(x, count).copy(), dims="point")
        for name, x in arrays.items()
    }
    for name, value in (("max_params", max_params), ("max_tokens", max_tokens)):
        out[name] = None if value is None else parse_quantity(value, name)
        if out[name] is not None and out[name] < 1:
            raise InputError(f"{name} is {out[name]:g}: a cap below one leaves no configuration at all")
        own = out[name.removeprefix("max_")]
        if own is not None and out[name] is not None and bool((own > out[name]).any()):
            noun = name.removeprefix("max_")
            raise InputError(
                f"{noun} {format_quantity(float(own.max()))} is above {name} {format_quantity(out[name])}"
            )
    return out


def question(asked: dict[str, Any], hardware: "Hardware | None", i: int) -> str:
    """What one point asks, in words."""
    parts = []
    if hardware is not None:
        parts.append(str(hardware))
    if asked["flops"] is not None:
        parts.append(f"{format_flops(asked['flops'][i])} FLOPs")
    if asked["target"] is not None:
        parts.append(f"a loss of {float(asked['target'][i]):g}")
    for name, noun in (("params", "parameters"), ("tokens", "tokens")):
        if asked[name] is not None:
            parts.append(f"{format_quantity(asked[name][i])} {noun}")
        if asked[f"max_{name}"] is not None:
            parts.append(f"at most {format_quantity(asked[f'max_{name}'])} {noun}")
    return ", ".join(parts)
