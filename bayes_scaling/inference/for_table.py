"""A law with its priors as they stand for one table: in its units, within its range of losses."""

from collections.abc import Mapping

from bayes_scaling.data.runs import Runs
from bayes_scaling.data.scales import loss_scales, loss_units
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.priors import Prior
from bayes_scaling.laws.rescaled import rescaled


def for_table(law: Law, runs: Runs, own: Mapping[str, Prior] | None = None) -> Law:
    """The law whose priors are in units of the table, those of one's own among them."""
    if law.response == "loss" and (units := loss_units(runs)) != (1.0, 1.0):
        law = rescaled(law, *units)
    law = law.with_priors(own or {})
    span = float(runs.loss.min()), float(runs.loss.max())
    law = law.with_priors({name: prior.within(*span) for name, prior in law.priors.items()})
    return law.in_units(loss_scales(runs)) if any(prior.of for prior in law.priors.values()) else law
