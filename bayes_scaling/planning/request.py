"""What is asked of a plan: a budget, a given model or given data, caps and a target, checked and side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import (
    Quantities,
    Quantity,
    format_flops,
    format_quantity,
    parse_quantities,
    parse_quantity,
)
from bayes_scaling.errors import InputError
from bayes_scaling.planning.frontier import Limits

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.planning.compute.hardware import Hardware


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """The questions of a plan, one for each point.

    Attributes
    ----------
    flops, params, tokens, target : xarray.DataArray or None
        What is given, dim ``point``.
    hardware : Hardware or None
        Instead of flops; one point.
    max_params, max_tokens : float or None
        Caps, the same for all points.

    Raises
    ------
    InputError
        For a request that lacks something, or contradicts itself.
    """

    flops: "xr.DataArray | None" = None
    params: "xr.DataArray | None" = None
    tokens: "xr.DataArray | None" = None
    target: "xr.DataArray | None" = None
    hardware: "Hardware | None" = None
    max_params: float | None = None
    max_tokens: float | None = None

    @classmethod
    def read(
        cls,
        *,
        flops: Quantities | None = None,
        params: Quantities | None = None,
        tokens: Quantities | None = None,
        target: Quantities | None = None,
        hardware: "Hardware | None" = None,
        max_params: Quantity | None = None,
        max_tokens: Quantity | None = None,
    ) -> "PlanRequest":
        """A request as people write it; one value stands for as many as others have."""
        # xarray loads when a plan is asked for, and not on import.
        import xarray as xr

        asked = {"flops": flops, "params": params, "tokens": tokens, "target": target}
        given = {
            name: np.atleast_1d(parse_quantities(value, name))
            for name, value in asked.items()
            if value is not None
        }
        sizes = {name: x.size for name, x in given.items() if x.size > 1}
        if hardware is not None and sizes:
            raise InputError(f"one hardware is one question; give one value of {', '.join(sizes)}")
        if len(set(sizes.values())) > 1:
            lengths = ", ".join(f"{name} has {size}" for name, size in sizes.items())
            raise InputError(f"questions of unequal length: {lengths}; give one value, or as many of each")
        count = max(sizes.values(), default=1)
        return cls(
            **{n: xr.DataArray(np.broadcast_to(x, count).copy(), dims="point") for n, x in given.items()},
            hardware=hardware,
            max_params=None if max_params is None else parse_quantity(max_params, "max_params"),
            max_tokens=None if max_tokens is None else parse_quantity(max_tokens, "max_tokens"),
        )

    def __post_init__(self) -> None:
        if self.flops is not None and self.hardware is not None:
            raise InputError("flops and hardware both give the budget; give one")
        model, data, target = (x is not None for x in (self.params, self.tokens, self.target))
        if not (self.has_budget or model or data or target):
            raise InputError("a plan needs a budget (flops or hardware), a target loss, params or tokens")
        if model and data and (self.has_budget or target):
            other = "a budget" if self.has_budget else "a target loss"
            raise InputError(
                f"params and tokens together leave nothing to plan for {other}; give one of them, or use predict"
            )
        for noun, own, cap in (
            ("params", self.params, self.max_params),
            ("tokens", self.tokens, self.max_tokens),
        ):
            if cap is not None and cap < 1:
                raise InputError(f"max_{noun} is {cap:g}: a cap below one leaves no configuration at all")
            if cap is not None and own is not None and float(own.max()) > cap:
                raise InputError(
                    f"{noun} {format_quantity(float(own.max()))} is above max_{noun} {format_quantity(cap)}"
                )

    @property
    def has_budget(self) -> bool:
        return self.flops is not None or self.hardware is not None

    @property
    def limits(self) -> Limits:
        """What may not change."""
        return Limits(self.params, self.tokens, self.max_params, self.max_tokens)

    @property
    def points(self) -> "xr.DataArray":
        """Zeros, dim ``point``."""
        import xarray as xr

        given = (x for x in (self.flops, self.params, self.tokens, self.target) if x is not None)
        return 0.0 * next(given, xr.DataArray([0.0], dims="point"))

    @property
    def questions(self) -> list[str]:
        """What each point asks, in words."""
        return [self._question(point) for point in range(self.points.size)]

    def _question(self, point: int) -> str:
        parts = [] if self.hardware is None else [str(self.hardware)]
        if self.flops is not None:
            parts.append(f"{format_flops(float(self.flops[point]))} FLOPs")
        if self.target is not None:
            parts.append(f"a loss of {float(self.target[point]):g}")
        for noun, own, cap in (
            ("parameters", self.params, self.max_params),
            ("tokens", self.tokens, self.max_tokens),
        ):
            if own is not None:
                parts.append(f"{format_quantity(float(own[point]))} {noun}")
            if cap is not None:
                parts.append(f"at most {format_quantity(cap)} {noun}")
        return ", ".join(parts)
