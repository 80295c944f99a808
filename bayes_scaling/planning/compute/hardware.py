"""From accelerators and time to training FLOPs, with a utilisation that may be uncertain.

    C = count x peak x utilisation x seconds

Peaks are dense bf16 matrix products per second, without structured sparsity, as the makers' data sheets give them.
Utilisation is the share of that peak that goes into the 6 N D of training (model FLOPs utilisation).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayes_scaling.data.units import Quantity, format_flops, format_quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.laws.elementwise import Array, exp

DAY = 86_400.0
"""Seconds of a day."""

_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
_TIME = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>hour|day|week|month|year)s?", re.IGNORECASE)

_TAIL = 1.6448536269514722
"""The 95% quantile of a standard normal: an interval of 90% reaches so many standard deviations to each side."""


@dataclass(frozen=True)
class Accelerator:
    """A kind of accelerator: its peak in dense bf16 FLOPs per second, and the data sheet that says so."""

    name: str
    peak: float
    source: str


ACCELERATORS: Mapping[str, Accelerator] = {
    a.name: a
    for a in (
        Accelerator("A100", 312e12, "NVIDIA A100 data sheet (40 and 80 GB, SXM and PCIe)"),
        Accelerator("H100", 989e12, "NVIDIA H100 data sheet, SXM: 1,979e12 with sparsity, half of it dense"),
        Accelerator("H200", 989e12, "NVIDIA H200 data sheet, SXM: 1,979e12 with sparsity, half of it dense"),
        Accelerator("B200", 2250e12, "NVIDIA HGX B200 data sheet: 4.5e15 with sparsity, half of it dense"),
        Accelerator("TPU v5p", 459e12, "Google Cloud TPU v5p documentation, bf16 per chip"),
    )
}
"""The accelerators that are known by name."""


@dataclass(frozen=True)
class Hardware:
    """Accelerators for some time.

    Attributes
    ----------
    count : int or float
        How many.
    kind : str
        One of `ACCELERATORS` in any case, or a name of one's own with ``peak``.
    time : number or str
        Days, or text such as "6 months" (of 30.4 days), "90 days" or "3 weeks".
    utilisation : float or (float, float)
        The share of the peak that training uses; or a 90% interval of it, for a logit-normal distribution with
        these 5% and 95% quantiles.
    peak : float, optional
        Dense FLOPs per second of one accelerator, where its kind is not known here.

    Raises
    ------
    InputError
        For a kind that is not known and has no peak, a time that cannot be read, or a utilisation outside of 0 to 1.
    """

    count: Quantity
    kind: str
    time: Quantity
    utilisation: float | tuple[float, float] = 0.4
    peak: Quantity | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", parse_quantity(self.count, "count"))
        known = {_plain(name): a for name, a in ACCELERATORS.items()}.get(_plain(self.kind))
        if self.peak is not None:
            object.__setattr__(self, "peak", parse_quantity(self.peak, "peak"))
        elif known is None:
            raise InputError(
                f"the accelerator {self.kind!r} is not known; give its peak=..., in dense bf16 FLOPs per second, "
                f"or one of {', '.join(ACCELERATORS)}"
            )
        else:
            object.__setattr__(self, "peak", known.peak)
            object.__setattr__(self, "kind", known.name)
        _ = self.days, self.bounds  # refuse what cannot be read now rather than later

    @property
    def bounds(self) -> tuple[float, float]:
        """The 90% interval of the utilisation; twice the same number where it is known."""
        given = self.utilisation
        try:
            low, high = map(float, given if isinstance(given, (tuple, list)) else (given, given))
        except (TypeError, ValueError):
            low, high = 0.0, 0.0
        if not 0 < low <= high <= 1 or (low < high == 1):
            raise InputError(
                f"utilisation is {given!r}; expected a share above 0 and at most 1, or a 90% interval of shares inside "
                "of 0 to 1, such as (0.3, 0.5)"
            )
        return low, high

    @property
    def uncertain(self) -> bool:
        return self.bounds[0] < self.bounds[1]

    @property
    def days(self) -> float:
        return days(self.time)

    @property
    def peak_flops(self) -> float:
        """FLOPs at full utilisation."""
        assert self.peak is not None
        return float(self.count) * float(self.peak) * self.days * DAY

    @property
    def flops(self) -> float:
        """Training FLOPs at the utilisation, or at its median."""
        low, high = self.bounds
        share = _expit((_logit(low) + _logit(high)) / 2) if self.uncertain else low
        return self.peak_flops * share

    def draws(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draws of the training FLOPs, all alike where the utilisation is known."""
        if not self.uncertain:
            return np.full(shape, self.flops)
        low, high = map(_logit, self.bounds)
        free = (low + high) / 2 + (high - low) / (2 * _TAIL) * rng.standard_normal(shape)
        return self.peak_flops * _expit(free)

    def __str__(self) -> str:
        low, high = self.bounds
        share = f"{low:.0%} to {high:.0%}" if self.uncertain else f"{low:.0%}"
        return (
            f"{format_quantity(float(self.count))} {self.kind} for {format_quantity(self.days)} days at {share} of "
            f"{format_flops(float(self.peak or 0))} FLOPs a second: {format_flops(self.flops)} FLOPs"
        )


def days(time: Quantity) -> float:
    """Days from a number of them, or from text such as "6 months", "90 days", "3 weeks"."""
    if isinstance(time, str) and (match := _TIME.fullmatch(time.strip())):
        return parse_quantity(float(match["number"]) * _DAYS[match["unit"].lower()], "time")
    try:
        return parse_quantity(time, "time")
    except InputError:
        raise InputError(
            f"time is {time!r}; expected days as a number, or text such as '6 months', '90 days' or '3 weeks'"
        ) from None


def _plain(name: object) -> str:
    """A kind's name without case, spaces, hyphens and the ending of its socket."""
    return re.sub(r"[\s_-]", "", str(name)).lower().removesuffix("sxm")


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


def _expit[A: Array](x: A) -> A:
    share: A = 1 / (1 + exp(-x))
    return share
