"""Laws with pinned parameters: known numbers in place of what is sampled."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Real

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law, Named, Terms
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.laws.priors import Prior

SIGN = "@"
"""Before each pinned parameter in the name of a law: ``"power_floor@E=1.6"``."""


@dataclass(frozen=True)
class Pinned:
    """The function of a law at known values of some parameters."""

    function: Callable[..., Computed]
    values: tuple[tuple[str, float], ...]

    @property
    def __signature__(self) -> inspect.Signature:
        own, known = inspect.signature(self.function), dict(self.values)
        return own.replace(parameters=[p for name, p in own.parameters.items() if name not in known])

    def __call__(self, *inputs: Array, **parameters: Array) -> Computed:
        return self.function(*inputs, **dict(self.values), **parameters)


def pinned(law: Law, values: Mapping[str, float]) -> Law:
    """The same law at these values, which nothing samples; named ``law@E=1.6``.

    Raises
    ------
    InputError
        For a parameter that the law does not have, a value that its prior does not allow, or no parameter left.
    """
    law.with_priors(dict.fromkeys(values, next(iter(law.priors.values()))))  # refuses other names
    for name, value in values.items():
        _check(law, name, value)
    if set(values) == set(law.parameters):
        raise InputError(
            f"law {law.name!r} has every parameter pinned: there is nothing left to fit; leave one out"
        )
    known = {name: float(value) for name, value in values.items()}
    said = [f"{name}={value!r}" for name, value in known.items()]

    def terms(**parameters: Array) -> Terms:
        assert law.power_terms is not None
        return law.power_terms(**known, **parameters)

    def constants(reference: Mapping[str, float], **parameters: Array) -> Named:
        assert law.constants is not None
        return law.constants(reference, **known, **parameters)

    def at_best(**values: Array) -> Named:
        assert law.at_best is not None
        return law.at_best(**known, **values)

    return replace(
        law,
        name=SIGN.join([law.name, *said]),
        function=Pinned(law.function, tuple(known.items())),
        priors={name: prior for name, prior in law.priors.items() if name not in known},
        formula=f"{law.formula}; pinned: {', '.join(said).replace('=', ' = ')}",
        roles={name: role for name, role in law.roles.items() if name not in known},
        power_terms=law.power_terms and terms,
        constants=law.constants and constants,
        reparametrise=None,  # its coordinates mix what is pinned with the rest
        at_best=law.at_best and at_best,
        also=(),
    )


def pins(law: Law) -> dict[str, float]:
    """The pinned parameters of a law, and their values."""
    return {**pins_of(law.function)}


def pins_of(function: Callable[..., Computed]) -> dict[str, float]:
    """The same of its function, which may be pinned more than once."""
    return {**pins_of(function.function), **dict(function.values)} if isinstance(function, Pinned) else {}


def read_pins(text: str) -> dict[str, float]:
    """Pins as they stand in a law's name, ``"E=1.6@alpha=0.3"``; `InputError` where they cannot be read."""
    found: dict[str, float] = {}
    for part in text.split(SIGN):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise InputError(
                f"{SIGN}{part} pins no parameter; expected its value, as in power_floor@E=1.6"
            ) from None
    return found


def with_pins(law: Law, priors: Mapping[str, Prior | float]) -> tuple[Law, dict[str, Prior]]:
    """A law and priors for it, from priors of which some are numbers: those are pinned."""
    values = {name: _number(name, prior) for name, prior in priors.items() if not isinstance(prior, Prior)}
    rest = {name: prior for name, prior in priors.items() if isinstance(prior, Prior)}
    return pinned(law, values) if values else law, rest


def _number(name: str, given: object) -> float:
    if not isinstance(given, Real):
        raise InputError(
            f"the prior of {name} is {given!r}; expected a prior, as LogNormal(1.6, 0.05), or a number that pins it"
        )
    return float(given)


def _check(law: Law, name: str, value: float) -> None:
    import numpy as np  # loads when a parameter is pinned, and not on import

    with np.errstate(all="ignore"):
        free = law.priors[name].inverse(np.float64(value))
    if not np.isfinite(free):
        raise InputError(
            f"{name} cannot be pinned to {value!r} in law {law.name!r}: its prior allows no such value"
        )
