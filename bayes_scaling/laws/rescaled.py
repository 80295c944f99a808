"""The catalogue's priors, which are for language models in nats per token, for losses of another kind."""

from dataclasses import replace

from bayes_scaling.laws.base import Law
from bayes_scaling.laws.names import get_law
from bayes_scaling.laws.priors import LogNormal, Prior
from bayes_scaling.laws.roles import Kind

_LOSSES = Kind.IRREDUCIBLE, Kind.AMPLITUDE, Kind.LIMIT

_VAGUE = 1.0
"""Spread of the floor's prior: of another kind of loss no one knows how much of it is reducible."""


def rescaled(law: Law, of_floor: float, above: float) -> Law:
    """The law with the catalogue's priors of losses in units that stand for a nat; priors of one's own stay.

    Parameters
    ----------
    law : Law
    of_floor, above : float
        Units of a floor, and of other losses.
    """
    own = get_law(law.name).priors
    moved: dict[str, Prior] = {}
    for name in law.with_kind(*_LOSSES):
        prior = law.priors[name]
        # How groups differ is no matter of units.
        if (
            isinstance(prior, LogNormal)
            and replace(prior, between=own[name].between) == own[name]
            and not (prior.of or prior.above)
        ):
            floor = law.roles[name].kind is Kind.IRREDUCIBLE
            unit = of_floor if floor else above
            moved[name] = replace(prior, unit=unit, spread=max(prior.spread, _VAGUE if floor else 0.0))
    return law.with_priors(moved)
