"""A ceiling on a law: near the loss of random guessing a curve flattens, as in `rosenfeld`, whose form this is."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law, Named, Reparametrised, Terms
from bayes_scaling.laws.chinchilla import rosenfeld
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.laws.roles import Kind

NAME = "ceiling"
"""Behind a plus sign, in the name of a law: ``"skaling+ceiling"``."""

G = "G"
"""The parameter that it adds: the loss of random guessing."""


@dataclass(frozen=True)
class Capped:
    """``t / sqrt(1 + (t/G)^2)`` for the loss t of another law: a monotone function of it, so that optima stay."""

    below: Callable[..., Computed]

    @property
    def __signature__(self) -> inspect.Signature:
        own = inspect.signature(self.below)
        further = inspect.Parameter(G, inspect.Parameter.KEYWORD_ONLY)
        return own.replace(parameters=[*own.parameters.values(), further])

    def __call__(self, *inputs: Array, G: Array, **parameters: Array) -> Computed:
        t = self.below(*inputs, **parameters)
        return t / (1 + (t / G) ** 2) ** 0.5


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
        function=Capped(law.function),
        priors={**law.priors, G: rosenfeld.priors[G]},
        formula=f"t / sqrt(1 + (t/G)^2), t = {law.formula}",
        cite=f"{law.cite}; the ceiling of Rosenfeld et al. 2020, arXiv:1909.12673",
        roles={**law.roles, G: rosenfeld.roles[G]},
        power_terms=law.power_terms and terms,
        constants=law.constants and constants,
        reparametrise=law.reparametrise and reparametrise,
        at_best=law.at_best and at_best,
        also=(),
    )
