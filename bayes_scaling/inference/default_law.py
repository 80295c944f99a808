"""The law where none is named: `chinchilla`, below a ceiling where the largest losses of a table bend towards one."""

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.inference.for_table import for_table
from bayes_scaling.inference.mode_search import search
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.ceiling import G, with_ceiling
from bayes_scaling.laws.names import DEFAULT, get_law

EVIDENCE = 5.0
"""Nats of log density that ceilings must gain, beyond half the log of the number of units for each (Schwarz 1978)."""

NEAR = 0.6
"""The share of its ceiling that the largest loss of a group reaches, at least."""

FALLEN, ABOVE = 0.9, 1.1
"""Shares of its ceiling below which a group's lowest and largest loss lie: what hardly falls, or rises, has none."""

NU, SIGMA = 5.0, 0.02
"""Degrees of freedom and scale of the noise, where a search begins."""

TIMES = (1.05, 1.3, 2.5)
"""Ceilings at which searches begin, in units of a group's largest loss: the density can have several modes."""

MOST = 12
"""Groups that are asked."""


def default_law(runs: Runs) -> tuple[Law, str]:
    """The law for a table, and in a sentence why it has a ceiling; "" where it has none.

    Each group is asked alone, by the mode of the law with independent noise: a fraction of a second. Groups with no
    more runs than the law has parameters and one are not asked, nor any beyond the `MOST` with most runs.
    """
    plain = get_law(DEFAULT)
    capped = with_ceiling(plain)
    laws = [for_table(law, runs) for law in (plain, capped)]
    gain, found = 0.0, list[tuple[float, float]]()
    for group in np.argsort(-np.bincount(runs.group_index), kind="stable")[:MOST]:
        kept = runs.group_index == group
        units = len(np.unique(runs.clusters[kept]))
        if units <= len(capped.parameters) + 1:
            continue
        largest = float(runs.loss[kept].max())
        without = search(runs, laws[0], kept, nu=NU, start={}, sigma=SIGMA)
        below = min(
            (
                search(
                    runs,
                    laws[1],
                    kept,
                    nu=NU,
                    start=without.parameters | {G: times * largest},
                    sigma=without.sigma,
                )
                for times in TIMES
            ),
            key=lambda mode: mode.cost,
        )
        if runs.loss[kept].min() > FALLEN * below.parameters[G] or largest > ABOVE * below.parameters[G]:
            continue
        # Replicates and checkpoints of a run err together, and count as one.
        of_group = (without.cost - below.cost) * units / kept.sum() - 0.5 * np.log(units)
        gain += of_group
        if largest > NEAR * below.parameters[G]:
            found.append((of_group, below.parameters[G]))
    if not found or gain < EVIDENCE:
        return plain, ""
    ceiling = max(found)[1]
    return capped, (
        f"law {capped.name!r}, because the largest losses (up to {runs.loss.max():.3g}) bend towards a ceiling (at "
        f"about {ceiling:.3g}), as towards the loss of random guessing; law={plain.name!r} has none"
    )
