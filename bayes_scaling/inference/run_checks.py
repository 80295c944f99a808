"""Runs that a law misses, one by one and together, each with a remedy, in sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.residuals import Residuals, residuals

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior

FAR_OFF = 5.0
"""Scales of the noise from which on a run is named."""

HEAVY = 2.0
"""Degrees of freedom below which the noise has no variance."""

CLEAR = 4.0
"""Standard errors from which on a trend of residuals, or the mean of some of them, is said."""

OFF = 0.75
"""Scales of the noise by which the mean of some residuals is off, at least."""

FEW = 3
"""Runs below which a group or a decade has no mean to speak of."""


def run_checks(fit: "Posterior") -> list[str]:
    """What the residuals of single runs, of trends, of the largest runs and of groups say; for laws of losses."""
    if fit.law.response != "loss" or fit.noise.by_group:
        return []
    found = residuals(fit)
    return [
        *_far_off(found),
        *_heavy_tails(fit),
        *_trends(fit, found),
        *_largest(fit, found),
        *_groups(fit, found),
    ]


def _far_off(found: Residuals) -> Iterator[str]:
    rows = np.flatnonzero(np.abs(found.scaled) > FAR_OFF)
    if not rows.size:
        return
    worst = found.of_loss[rows[np.abs(found.scaled[rows]).argmax()]]
    listed = ", ".join(str(row + 1) for row in rows[:10]) + (
        f" and {rows.size - 10} more" if rows.size > 10 else ""
    )
    yield (
        f"{'row' if rows.size == 1 else 'rows'} {listed} of the table {'lies' if rows.size == 1 else 'lie'} more than "
        f"{FAR_OFF:g} scales of the noise from the law (up to {np.expm1(worst):+.0%} of the loss): look whether "
        "these runs diverged, stopped early or are in another unit, and leave those out; where recipes were not tuned, "
        "noise='undertuned'"
    )


def _heavy_tails(fit: "Posterior") -> Iterator[str]:
    nu = float(fit.noise.degrees_of_freedom(fit.posterior).median())
    if nu < HEAVY:
        yield (
            f"the noise has nu {nu:.2f}: below {HEAVY:g} it has no variance, because a few runs lie far from the law "
            "that fits the others; find them in the residuals before believing a band"
        )


def _trends(fit: "Posterior", found: Residuals) -> Iterator[str]:
    """Correlations of ranks, so that no single run makes one."""
    from scipy.stats import spearmanr

    names = [name for name in ("params", "tokens", "flops", "tokens_per_param") if _has(fit, name)]
    for name in names:
        x = fit.runs.column(name)
        if np.ptp(np.log(x)) < 1e-9 or len(x) < 10:
            continue
        rank = float(spearmanr(x, found.scaled).statistic)
        if abs(rank) * np.sqrt((len(x) - 2) / max(1 - rank**2, 1e-9)) > CLEAR:
            yield (
                f"residuals {'rise' if rank > 0 else 'fall'} with {name} (rank correlation {rank:+.2f}): the law has "
                f"another slope there than the runs, and forecasts carry it on; compare laws, or leave out the "
                "smallest runs"
            )


def _has(fit: "Posterior", name: str) -> bool:
    if name == "tokens_per_param":
        return {"params", "tokens"} <= set(fit.runs.table.columns)
    return name in fit.runs.table.columns or (
        name == "flops" and {"params", "tokens"} <= set(fit.runs.table.columns)
    )


def _largest(fit: "Posterior", found: Residuals) -> Iterator[str]:
    """The top decade of compute (or of the law's one input) against the rest."""
    scale = fit.runs.scale
    top = scale >= scale.max() / 10
    if min(top.sum(), (~top).sum()) < FEW:
        return
    if _stands_off(found.scaled, top):
        yield (
            f"the {top.sum()} runs of the largest decade lie {_off(found.of_loss[top])} the law, unlike "
            "the smaller ones: larger runs may go on so; back-test the table, or fit its larger runs alone"
        )


def _groups(fit: "Posterior", found: Residuals) -> Iterator[str]:
    for i, group in enumerate(fit.groups if len(fit.groups) > 1 else []):
        own = fit.runs.group_index == i
        if min(own.sum(), (~own).sum()) < FEW:
            continue
        if _stands_off(found.scaled, own):
            yield (
                f"runs of {group} lie {_off(found.of_loss[own])} the law: let its "
                "parameters differ (pooling='partial'), or look for another tokenizer or data set"
            )


def _stands_off(scaled: np.ndarray, which: np.ndarray) -> bool:
    """Whether some residuals have another mean than the others and than 0, those beyond 3 scales cut."""
    cut = np.clip(scaled, -3, 3)
    one, other = cut[which], cut[~which]
    error = np.hypot(*(x.std(ddof=1) / np.sqrt(len(x)) for x in (one, other)))
    return bool(abs(one.mean() - other.mean()) > CLEAR * error and abs(one.mean()) > OFF)


def _off(residuals: np.ndarray) -> str:
    middle = np.median(residuals)
    return f"{abs(np.expm1(middle)):.1%} {'above' if middle > 0 else 'below'}"
