"""What is asked of a plan: a budget, a given model or given data, caps and a target, checked and side by side."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from bayes_scaling.data.units import Quantities, Quantity, format_flops, format_quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.planning.frontier import Limits
from bayes_scaling.planning.loss_surface import over_points

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.planning.compute.hardware import Hardware


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """The questions of a plan, one for each point.

    Attributes
    ----------
    flops : xarray.DataArray or None
        Budgets, dims ([chain, draw,] point).
    target : xarray.DataArray or None
        Losses to reach, dim ``point``.
    limits : Limits
        A given model or given data, dim ``point``, and caps.
    hardware : Hardware or None
        What the budget comes from.

    Raises
    ------
    InputError
        For a request that lacks something, or contradicts itself.
    """

    flops: "xr.DataArray | None"
    target: "xr.DataArray | None"
    limits: Limits
    hardware: "Hardware | None" = None

    @classmethod
    def read(
        cls, hardware: "Hardware | None", caps: dict[str, Quantity | None], **asked: Quantities | None
    ) -> Self:
        """A request as people write it: max_params and max_tokens; flops, params, tokens and target.

        One value stands for as many as others have.
        """
        given = {n: over_points(x, n) for n, x in asked.items() if x is not None}
        if "flops" in given and hardware is not None:
            raise InputError("flops and hardware both give the budget; give one")
        sizes = {name: x.size for name, x in given.items() if x.size > 1}
        if hardware is not None and sizes:
            raise InputError(f"one hardware is one question; give one value of {', '.join(sizes)}")
        if len(set(sizes.values())) > 1:
            lengths = ", ".join(f"{name} has {size}" for name, size in sizes.items())
            raise InputError(f"questions of unequal length: {lengths}; give one value, or as many of each")
        count = max(sizes.values(), default=1)
        even = {n: x if x.size > 1 else x.isel(point=[0] * count) for n, x in given.items()}
        most = {name: parse_quantity(x, name) for name, x in caps.items() if x is not None}
        limits = Limits(even.get("params"), even.get("tokens"), **most)
        return cls(even.get("flops"), even.get("target"), limits, hardware)

    def __post_init__(self) -> None:
        budget, target = self.flops is not None or self.hardware is not None, self.target is not None
        model, data = self.limits.params is not None, self.limits.tokens is not None
        if not (budget or target or model or data):
            raise InputError("a plan needs a budget (flops or hardware), a target loss, params or tokens")
        if model and data and (budget or target):
            raise InputError(
                f"params and tokens together leave nothing to plan for a {'budget' if budget else 'target loss'}; "
                "give one of them, or use predict"
            )

    def with_budget(self, like: "xr.DataArray", seed: int) -> "PlanRequest":
        """The same with the budget drawn from the hardware, if that is what gives it; as many draws as ``like``."""
        if self.hardware is None:
            return self
        drawn = self.hardware.draws(np.random.default_rng([seed, 606]), like.shape)
        return replace(self, flops=like.copy(data=drawn).expand_dims(point=1, axis=-1))

    @property
    def points(self) -> "xr.DataArray":
        """Zeros, dims as those of what is given."""
        import xarray as xr  # loads when a plan is asked for, and not on import

        given = (self.flops, self.target, self.limits.params, self.limits.tokens)
        return xr.DataArray(sum(0.0 * x for x in given if x is not None))

    @property
    def questions(self) -> list[str]:
        """What each point asks, in words."""
        return [self._question(point) for point in range(self.points.sizes["point"])]

    def _question(self, point: int) -> str:
        parts = []
        if self.hardware is not None:
            parts.append(str(self.hardware))
        elif self.flops is not None:
            parts.append(f"{format_flops(float(self.flops[point]))} FLOPs")
        if self.target is not None:
            parts.append(f"a loss of {float(self.target[point]):g}")
        for noun, own, cap in self.limits.each():
            if own is not None:
                parts.append(f"{format_quantity(own.to_numpy()[point])} {noun}")
            if cap < np.inf:
                parts.append(f"at most {format_quantity(cap)} {noun}")
        return ", ".join(parts)
