"""What a table does not identify of a law, before anything is sampled and after, in sentences."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_quantity
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.derivatives import evaluate
from bayes_scaling.laws.roles import Kind

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.structure import NoiseModel

KNOWN_BY_PRIOR = 0.8
"""A parameter whose posterior sd is more than this share of its prior's sd is known only from its prior."""

SAVES = 0.7
"""From which share of the prior's sd on, that of the log of what an input saves counts as the prior's: half is."""

TOGETHER = 0.3
"""The share up to which what all inputs save together is known well enough, whichever of them saves it."""

TIMES = 10.0
"""How far beyond the largest run a saving is looked at: ten times the input, or the compute."""

NARROWED = 0.5
"""A prior sd of the log of a saving below this (a factor of 1.6) was given on purpose, and may answer."""

RISES = 0.5
"""Rank correlation of response and scale from which on it is asked whether the response is what the law is of."""


def unidentified(runs: "Runs", law: Law, noise: "NoiseModel") -> list[str]:
    """What a table does not identify of a law's parameters, or a noise of its rows, before anything is sampled."""
    found: list[str] = []
    if runs.n_configurations < len(law.parameters):
        found.append(
            f"{runs.n_configurations} configurations for the {len(law.parameters)} parameters of "
            f"law {law.name!r}: what they do not identify comes from the priors"
        )
    for letter, column in zip(law.inputs, law.columns, strict=True):
        values = runs.column(column)
        own = [name for name, role in law.roles.items() if role.of == (letter,)]
        if len(law.inputs) == 1:  # the one loss that is seen says what the others add up to
            own = [name for name in own if law.roles[name].bends]
        if own and np.ptp(np.log(values)) < 1e-9:
            found.append(
                f"all runs share one value of {column} ({format_quantity(values[0])}): "
                f"{_listed(own)} {'is' if len(own) == 1 else 'are'} known only from the prior"
            )
    if {"params", "tokens"} <= set(law.columns) and runs.n > 2:
        n, d = np.log(runs.params), np.log(runs.tokens)
        vary = np.std(n) > 1e-9 and np.std(d) > 1e-9
        if vary and abs(correlation := np.corrcoef(n, d)[0, 1]) > 0.98:
            found.append(
                f"params and tokens move together (correlation {correlation:.2f} of their logarithms): "
                "only the prior keeps their terms apart"
            )
    sizes = {group: int(np.sum(runs.group_index == i)) for i, group in enumerate(runs.groups)}
    for group, size in sizes.items():
        if size == 1 and len(sizes) > 1:
            found.append(f"group {group!r} has one run: its parameters come from the other groups")
    if "trajectory" in runs.table and not noise.joins_checkpoints:
        what = f"noise {noise.name!r}" if noise.response == "loss" else f"law {law.name!r}"
        rows = runs.table["trajectory"].notna().to_numpy()
        trajectories = len(set(runs.clusters[rows]))
        if trajectories < rows.sum():
            found.append(
                f"{what} takes {rows.sum()} checkpoints of {trajectories} trajectories for runs of their own: "
                "bands will be too narrow; keep the last checkpoint of each"
            )
    return found


def wrong_way(runs: "Runs", law: Law) -> list[str]:
    """A question where the runs go the other way with scale than the law: it can be fitted, and forecasts nonsense."""
    if law.response == "share" or not law.resources or runs.n < 5:
        return []
    # Correlation of ranks: one run that diverged does not make a loss rise.
    of_scale, of_response = (np.argsort(np.argsort(values)) for values in (runs.scale, runs.loss))
    rank = np.corrcoef(of_scale, of_response)[0, 1]
    found = f"with scale (rank correlation {rank:+.2f}), and law {law.name!r} is of"
    if law.rises and rank < -RISES:
        return [f"the response falls {found} what rises: fit a law that falls, as power_floor"]
    if law.rises:
        return []
    if law.response == "loss" and rank > RISES:
        grows = (
            ", or power_rise to what grows with size, as running time does" if len(law.inputs) == 1 else ""
        )
        return [
            f"the response rises {found} losses, which fall: is it a share, an accuracy or a score? Fit a law of "
            "scores, as pow3 or log_score (response='score', command line: --response score), or one of shares, as "
            f"task_of_compute, to a share of test items{grows}; or take 1 - accuracy for the loss"
        ]
    if law.response == "score" and rank < -RISES:
        return [
            f"the response falls {found} scores, which rise: is it a loss or an error? Fit a law of losses, such as "
            "power_floor"
        ]
    return []


def known_by_prior(fit: "Posterior") -> list[str]:
    """Parameters whose posterior is nearly their prior, on the free scale."""
    found = []
    for name, prior in fit.law.priors.items():
        after, before = (
            prior.inverse(draws[name]).std(("chain", "draw")) for draws in (fit.posterior, fit.prior)
        )
        share = after / before
        high = share > KNOWN_BY_PRIOR
        if not high.any():
            continue
        where = " in " + ", ".join(share["group"].to_numpy()[high]) if share.dims else ""
        why = ": no run is near the floor" if fit.law.roles[name].kind is Kind.IRREDUCIBLE else ""
        if float(share.max()) > 1.05:
            why = ", or torn between two explanations of the runs"
        worst = f"posterior sd {float(share.max()):.0%} of the prior's"
        found.append(f"{name}{where} is known only from its prior{why} ({worst})")
    return found


def prior_alone(fit: "Posterior") -> list[str]:
    """Inputs of whose growth beyond the largest run the posterior knows no more than the prior; for laws of losses.

    A forecast depends on what more of an input saves, and not on its amplitude and exponent as such, which may well
    offset each other.
    """
    law = fit.law
    if law.response != "loss":
        return []
    groups = dict(enumerate(fit.groups)) if fit.hierarchical else {0: ""}
    found: dict[str, list[str]] = {}
    for i, group in groups.items():
        own = np.flatnonzero(fit.runs.group_index == i) if group else np.arange(len(fit.runs))
        largest = own[fit.runs.scale[own].argmax()]
        at = {
            letter: float(fit.runs.column(column)[largest] / fit.reference[column])
            for letter, column in zip(law.inputs, law.columns, strict=True)
        }
        if len(law.resources) > 1 and not _left_of_prior(fit, i, at, law.resources) > TOGETHER:
            continue
        for letter, column in zip(law.inputs, law.columns, strict=True):
            if letter in law.resources and _left_of_prior(fit, i, at, (letter,)) > SAVES:
                found.setdefault(column, []).append(group)
    return [
        f"what more {column} save{_of(groups)} is known from the prior alone: no forecast at more {column} can be "
        f"believed; add runs that differ in {column}, or take a law without it"
        for column, groups in found.items()
    ]


def _of(groups: list[str]) -> str:
    return f" in {', '.join(groups)}" if any(groups) else ""


def _left_of_prior(fit: "Posterior", group: int, at: dict[str, float], more: tuple[str, ...]) -> float:
    """Posterior sd of the log of what `TIMES` as much compute saves, through these inputs, by the prior's; or 0."""
    there = at | {letter: at[letter] * TIMES ** (1 / len(more)) for letter in more}
    sds = []
    for draws in (fit.posterior, fit.prior):
        own = draws.isel(group=group, drop=True) if "group" in draws.dims else draws
        parameters = {name: own[name] for name in fit.law.parameters}
        saved = np.asarray(evaluate(fit.law, at, parameters) - evaluate(fit.law, there, parameters))
        with np.errstate(all="ignore"):
            logs = np.log(saved)
        there_is = np.isfinite(logs)
        if there_is.mean() < 0.5:  # the law may rise there
            return 0.0
        sds.append(float(np.std(logs[there_is])))
    after, before = sds
    return after / before if before > NARROWED else 0.0


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
