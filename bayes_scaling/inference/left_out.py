"""What the answer would be without some runs, by the mode of the posterior: no draws, and a few milliseconds.

The mode is that of the law with independent Student-t noise; of groups that differ, the one with most of these runs
stands alone.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.inference.mode_search import search
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.roles import Kind

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

SPARE = 3
"""Runs beyond the law's parameters that a mode must have."""

MORE = 10.0
"""How many times the largest run's compute (or only input) an answer is given for."""


class Mode(NamedTuple):
    """The mode of a posterior.

    Attributes
    ----------
    parameters : dict of str to float
    sigma : float
        Of the noise, with a degree of freedom lost to each parameter.
    ahead : float
        The loss at `MORE` times the largest run.
    constants : dict of str to float
        Of the law, as the exponent of N_opt; those at N = D = 1 left out.
    """

    parameters: dict[str, float]
    sigma: float
    ahead: float
    constants: dict[str, float]


def mode(fit: "Posterior", kept: np.ndarray, law: Law | None = None) -> Mode:
    """The mode given some of the runs, a mask of shape (runs,); of another law of the same inputs, if one is given."""
    law = law or fit.law
    runs = fit.runs
    draws = fit.posterior[[*fit.law.priors]]
    if "group" in draws.dims:
        draws = draws.isel(group=int(np.bincount(runs.group_index[kept]).argmax()))
    medians = {str(name): float(value) for name, value in draws.median().items()}
    nu = float(fit.noise.degrees_of_freedom(fit.posterior).median())
    best = search(runs, law, kept, nu=nu, start=medians, sigma=float(fit.posterior["sigma"].median()))
    parameters = best.parameters
    at = [runs.column(c) / fit.reference[c] for c in law.columns]
    largest = int(runs.scale.argmax())
    resources = [c for c in law.columns if c in ("params", "tokens", "flops")] or [law.columns[0]]
    times = MORE ** (1 / len(resources))
    ahead = law(
        *(x[largest] * (times if c in resources else 1) for c, x in zip(law.columns, at, strict=True)),
        **parameters,
    )
    lost = kept.sum() / max(kept.sum() - len(parameters), 1)
    constants = law.constants(fit.reference.values, **parameters) if law.constants else {}
    named = {name: float(value) for name, value in constants.items() if not name.endswith("_1")}
    return Mode(parameters, float(best.sigma * lost**0.5), float(ahead), named)


def of_one_law(fit: "Posterior") -> np.ndarray:
    """A mask of shape (runs,): all, or those of the group with most runs where parameters differ between groups."""
    if not fit.hierarchical or len(fit.groups) < 2:
        return np.ones(len(fit.runs), bool)
    return np.asarray(fit.runs.group_index == np.bincount(fit.runs.group_index).argmax())


def without(fit: "Posterior", level: np.ndarray) -> tuple[int, Mode, Mode] | None:
    """The level of some, shape (runs,), without which the law fits the others best; its mode, and that of all.

    None where no level can be left out, or none changes much.
    """
    own = of_one_law(fit)
    fewest = len(fit.law.parameters) + SPARE
    there = [i for i in np.unique(level[own]) if np.sum(own & (level != i)) >= fewest]
    if not there:
        return None
    modes = {int(i): mode(fit, own & (level != i)) for i in there}
    best = min(modes, key=lambda i: modes[i].sigma)
    return best, modes[best], mode(fit, own)


def compared(fit: "Posterior", one: Mode, other: Mode) -> str:
    """Two modes in words: exponents and floor that differ by a tenth or more, and the loss further on."""
    kinds = fit.law.with_kind(Kind.EXPONENT, Kind.IRREDUCIBLE)
    values = [{n: m.parameters[n] for n in kinds} | m.constants for m in (one, other)]
    said = [
        f"{name} is {value:.3g} instead of {values[1][name]:.3g}"
        for name, value in values[0].items()
        if abs(value - values[1][name]) > 0.1 * abs(values[1][name])
    ]
    ahead = f"{MORE:g} times the largest run reaches {one.ahead:.4g} instead of {other.ahead:.4g}"
    return ", ".join([*said, ahead])


def rows_in_words(rows: np.ndarray) -> str:
    """Rows by number, ten of them at most."""
    shown = ", ".join(str(row + 1) for row in rows[:10]) + (
        f" and {rows.size - 10} more" if rows.size > 10 else ""
    )
    return f"{'row' if rows.size == 1 else 'rows'} {shown}"
