"""A ceiling on a law: near the loss of random guessing a curve flattens, as `rosenfeld` does.

There the whole loss bends, and with it the floor; here what lies above the irreducible loss does, so that E is what it
is without a ceiling.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law, Named, Reparametrised, Terms
from bayes_scaling.laws.chinchilla import rosenfeld
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.laws.priors import LogNormal
from bayes_scaling.laws.roles import Kind

NAME = "ceiling"
"""Behind a plus sign, in the name of a law: ``"skaling+ceiling"``."""

G = "G"
"""The parameter that it adds: the loss of random guessing."""

GUESSING = LogNormal(2.5, 0.8, between=0.2, of="highest")
"""From where the largest loss of a table is a guess to where no run shows a ceiling (ten times as high)."""


@dataclass(frozen=True)
class Capped:
    """``E + r / sqrt(1 + (r / (G - E))^2)`` for a law's loss r above its irreducible loss; monotone: optima stay.

    Attributes
    ----------
    below : callable
        The law without a ceiling.
    floor : str
        The parameter that it adds to all else as its irreducible loss E; "": it has none, and all of its loss bends.
    """

    below: Callable[..., Computed]
    floor: str = ""

    @property
    def __signature__(self) -> inspect.Signature:
        own = inspect.signature(self.below)
        further = inspect.Parameter(G, inspect.Parameter.KEYWORD_ONLY)
        return own.replace(parameters=[*own.parameters.values(), further])

    def __call__(self, *inputs: Array, G: Array, **parameters: Array) -> Computed:
        E = parameters.get(self.floor, 0.0)
        r = self.below(*inputs, **parameters) - E
        return E + r / (1 + (r / (G - E)) ** 2) ** 0.5


def takes_ceiling(law: Law) -> bool:
    """Whether a law gives a loss, and has no ceiling, nor any parameter of that name."""
    return law.response == "loss" and G not in law.parameters and not law.with_kind(Kind.LIMIT)


@cache
def with_ceiling(law: Law) -> Law:
    """The same law below a ceiling G, the loss of random guessing, which is estimated; named ``law+ceiling``.

    Raises
    ------
    InputError
        For a law that has a ceiling already, or gives no loss.
    """
    if not takes_ceiling(law):
        raise InputError(
            f"law {law.name!r} takes no ceiling: "
            + ("it has one already" if law.response == "loss" else f"it gives a {law.response}")
        )
    name, colon, columns = law.name.partition(":")
    floors = law.with_kind(Kind.IRREDUCIBLE)
    E = next((E for E in floors if law.formula.startswith(f"{E} + ")), "")

    def terms(*, G: Array, **parameters: Array) -> Terms:
        assert law.power_terms is not None
        return law.power_terms(**parameters)

    def constants(reference: Mapping[str, float], *, G: Array, **parameters: Array) -> Named:
        assert law.constants is not None
        return law.constants(reference, **parameters)

    def reparametrise(*, G: Array, **coordinates: Array) -> Reparametrised:
        assert law.reparametrise is not None
        parameters, log_jacobian = law.reparametrise(**coordinates)
        return {**parameters, "G": G}, log_jacobian

    def at_best(*, G: Array, **values: Array) -> Named:
        assert law.at_best is not None
        return law.at_best(**values)

    return replace(
        law,
        name=f"{name}+{NAME}{colon}{columns}",
        function=Capped(law.function, E),
        priors={**law.priors, G: GUESSING},
        formula=f"{E} + r / sqrt(1 + (r / (G - {E}))^2), r = {law.formula.removeprefix(f'{E} + ')}"
        if E
        else f"t / sqrt(1 + (t/G)^2), t = {law.formula}",
        cite=f"{law.cite}; a ceiling as that of Rosenfeld et al. 2020, arXiv:1909.12673, equation 5",
        roles={**law.roles, G: rosenfeld.roles[G]},
        power_terms=law.power_terms and terms,
        constants=law.constants and constants,
        reparametrise=law.reparametrise and reparametrise,
        at_best=law.at_best and at_best,
        also=(),
    )
