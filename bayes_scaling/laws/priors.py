"""Small frozen priors: a location and a spread on the free scale, and the map to the natural one.

Every parameter of every model is a standard normal pushed through ``location + spread * offset`` and then
`Prior.forward`. That one convention gives the pooled and the hierarchical model, prior draws, and a posterior
that is close enough to normal to sample.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from bayes_scaling.errors import InputError
from bayes_scaling.laws.elementwise import Array, exp, log, sigmoid

_TAU_MEDIAN, _TAU_SPREAD = 0.6, 0.5
"""Of tau, the standard deviation between groups: its median in units of its scale, and the sd of its logarithm."""


class Prior:
    """A normal distribution on a free scale, and the map from there to the natural scale.

    Attributes
    ----------
    location, spread : float
        Mean and standard deviation on the free scale.
    group_spread : float
        Scale of tau, the standard deviation between groups, on the free scale: see `tau`.
    """

    spread: float
    between: float | None
    unit: float = 1.0
    """What a natural value of 1 stands for: the table's own, where the prior is ``of`` something."""
    of: str = ""
    """What of a table is the unit, a name of `bayes_scaling.data.scales.loss_scales`; none: the unit is 1."""

    @property
    def location(self) -> float:
        raise NotImplementedError

    def in_unit(self, unit: float) -> Self:
        """The same prior in another unit; in that of 1 the priors of all tables are alike."""
        return self if self.unit == unit else replace(self, unit=unit)  # type: ignore[type-var]

    @property
    def group_spread(self) -> float:
        return self.spread / 2 if self.between is None else self.between

    def tau[A: Array](self, offset: A) -> A:
        """Standard deviation between groups on the free scale, from a standard normal.

        Log-normal with median .6 ``group_spread``; nine tenths lie between a quarter of it and 1.4 times it.
        """
        tau: A = _TAU_MEDIAN * self.group_spread * exp(_TAU_SPREAD * offset)
        return tau

    def tau_offset[A: Array](self, tau: A) -> A:
        """Inverse of `tau`."""
        offset: A = log(tau / (_TAU_MEDIAN * self.group_spread)) / _TAU_SPREAD
        return offset

    def forward[A: Array](self, free: A) -> A:
        """Free scale to natural scale, for any array type."""
        raise NotImplementedError

    def inverse[A: Array](self, natural: A) -> A:
        """Natural scale to free scale, for any array type."""
        raise NotImplementedError

    def offset[A: Array](self, natural: A) -> A:
        """The standard normal whose place on the natural scale this is."""
        offset: A = (self.inverse(natural) - self.location) / self.spread
        return offset

    def at[A: Array](self, offset: A) -> A:
        """Where a standard normal lies on the natural scale: the inverse of `offset`."""
        natural: A = self.forward(self.location + self.spread * offset)
        return natural

    def within(self, low: float, high: float) -> "Prior":
        """The prior in the unit of responses that lie from low to high: itself, unless it is `OfRange`."""
        return self

    def to_dict(self) -> dict[str, object]:
        """Plain values, for a saved file."""
        values: dict[str, object] = asdict(self)  # type: ignore[call-overload]
        plain = {"of": "", "unit": 1.0}
        return {"family": type(self).__name__} | {k: v for k, v in values.items() if plain.get(k) != v}

    def _check(self) -> None:
        for name, value in (("spread", self.spread), ("between", self.group_spread)):
            if not value > 0:
                raise InputError(f"a prior's {name} must be positive, not {value!r}")


@dataclass(frozen=True)
class Normal(Prior):
    """Normal prior for a parameter that may have either sign; the free scale is the natural one.

    ``between`` is the scale of the sd between groups (`Prior.tau`); half of ``spread`` unless given.
    """

    mean: float
    spread: float
    between: float | None = None

    def __post_init__(self) -> None:
        self._check()

    @property
    def location(self) -> float:
        return self.mean

    def forward[A: Array](self, free: A) -> A:
        return free

    def inverse[A: Array](self, natural: A) -> A:
        return natural


@dataclass(frozen=True)
class LogNormal(Prior):
    """Log-normal prior for a positive parameter; ``spread`` is the sd of its logarithm.

    ``between`` is the scale of the sd between groups (`Prior.tau`), on the log scale; half of ``spread`` unless
    given. ``above`` shifts the support to values above that bound (degrees of freedom above 1, say). ``of``: the
    median is a multiple of that scale of the table, ``"lowest"`` or ``"range"`` (`bayes_scaling.data.scales`), which
    becomes the ``unit`` when a table is fitted.
    """

    median: float
    spread: float
    between: float | None = None
    above: float = 0.0
    of: str = ""
    unit: float = 1.0

    def __post_init__(self) -> None:
        self._check()
        if not self.median > self.above:
            raise InputError(
                f"a log-normal prior's median must lie above {self.above:g}, not be {self.median!r}"
            )

    @property
    def location(self) -> float:
        return float(log(self.median - self.above))

    def forward[A: Array](self, free: A) -> A:
        natural: A = exp(free) + self.above if self.above else exp(free)
        return natural if self.unit == 1.0 else self.unit * natural

    def inverse[A: Array](self, natural: A) -> A:
        free: A = log((natural if self.unit == 1.0 else natural / self.unit) - self.above)
        return free


@dataclass(frozen=True)
class LogitNormal(Prior):
    """Logit-normal prior for a share between 0 and 1; ``spread`` is the sd of its log odds.

    ``between`` is the scale of the sd between groups (`Prior.tau`), on the scale of log odds; half of ``spread``
    unless given.
    """

    median: float
    spread: float
    between: float | None = None

    def __post_init__(self) -> None:
        self._check()
        if not 0 < self.median < 1:
            raise InputError(
                f"a logit-normal prior's median must lie between 0 and 1, not be {self.median!r}"
            )

    @property
    def location(self) -> float:
        return float(self.inverse(self.median))

    def forward[A: Array](self, free: A) -> A:
        return sigmoid(free)

    def inverse[A: Array](self, natural: A) -> A:
        free: A = log(natural) - log(1 - natural)
        return free


@dataclass(frozen=True)
class OfRange(Prior):
    """A prior in units of the range of a table's responses, for laws of scores, whose unit may be any.

    ``prior`` is a `Normal` of how far a value lies above the highest response, or a `LogNormal` of a distance. Where no
    table is known, as in the law itself, responses lie from -1 to 0.
    """

    prior: Normal | LogNormal

    @property
    def location(self) -> float:
        return self.prior.location

    @property
    def spread(self) -> float:  # type: ignore[override]
        return self.prior.spread

    @property
    def between(self) -> float | None:  # type: ignore[override]
        return self.prior.between

    def forward[A: Array](self, free: A) -> A:
        return self.prior.forward(free)

    def inverse[A: Array](self, natural: A) -> A:
        return self.prior.inverse(natural)

    def to_dict(self) -> dict[str, object]:
        return {"family": type(self).__name__, "prior": self.prior.to_dict()}

    def within(self, low: float, high: float) -> Prior:
        own, unit = self.prior, (high - low) or abs(high) or 1.0
        if isinstance(own, LogNormal):
            return replace(own, median=own.median * unit, above=own.above * unit)
        between = None if own.between is None else own.between * unit
        return Normal(high + own.mean * unit, own.spread * unit, between)


OF_NUMBERS: dict[str, type[Prior]] = {kind.__name__: kind for kind in (Normal, LogNormal, LogitNormal)}
"""The families that are given by numbers alone, which the command line reads."""

_FAMILIES = OF_NUMBERS | {"OfRange": OfRange}


def prior_from_dict(values: Mapping[str, Any]) -> Prior:
    """Inverse of `Prior.to_dict`; `InputError` for a family that is not known."""
    arguments = dict(values)
    family = arguments.pop("family", None)
    if family not in _FAMILIES:
        raise InputError(f"prior family {family!r} is not known; expected one of {', '.join(_FAMILIES)}")
    if isinstance(inner := arguments.get("prior"), Mapping):
        arguments["prior"] = prior_from_dict(inner)
    return _FAMILIES[family](**arguments)
