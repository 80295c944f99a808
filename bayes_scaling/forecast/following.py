"""What a curve so far makes of a registered forecast: the result of `follow`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bayes_scaling.data.curve_so_far import CurveSoFar
from bayes_scaling.data.trajectories import NEAR
from bayes_scaling.forecast.card import SHOWN, Card
from bayes_scaling.forecast.course import SHOWN_AT, Course
from bayes_scaling.forecast.forecast import new_run_words
from bayes_scaling.forecast.on_the_way import Weighted, ahead, on_the_way, prior, quantile_there
from bayes_scaling.inference.intervals import bound_names, tails
from bayes_scaling.inference.result import Result

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

LEFT = 0.5
"""The probability of an end outside of the registered interval from which on a run has left it."""

STRANGE = 0.005
"""A loss that card and history gave no more chance than this, on its side, has left the band too."""


@dataclass(frozen=True, eq=False, repr=False)
class Following(Result):
    """What a curve so far makes of a registered forecast.

    Attributes
    ----------
    card : Card
    curve : CurveSoFar
    course : Course
        How the run's loss lies above its end along the way.
    values : tuple of float
        Equally likely values of the loss at the end, given the curve.
    warnings : tuple of str
    """

    card: Card
    curve: CurveSoFar
    course: Course
    values: tuple[float, ...]
    warnings: tuple[str, ...]

    quantities: ClassVar = ("final",)

    @property
    def final(self) -> xr.DataArray:
        """The loss at the end, dims (chain, draw)."""
        import xarray as xr  # loads when there are draws, and not on import

        return xr.DataArray([self.values], dims=("chain", "draw"), name="final")

    @cached_property
    def before(self) -> Weighted:
        """The log loss at the end, as registered."""
        return prior(np.log(self.card.values))

    @property
    def now(self) -> float:
        """The share of the run that is over."""
        return self.curve.now

    def outside(self, prob: float = 0.9) -> tuple[float, float]:
        """The probabilities that the run ends below, and above, the registered interval."""
        low, high = map(float, self.card.interval(prob))
        values = np.array(self.values)
        return float((values < low).mean()), float((values > high).mean())

    @cached_property
    def quantile(self) -> float:
        """The probability that card and history gave to less than the last loss; NaN before they say anything."""
        if not len(self.read):
            return np.nan
        last = float(self.curve.trajectory.log_loss(self.read[-1:])[0])
        return quantile_there(self.before, self.course, float(self.read[-1]), last)

    @property
    def left(self) -> bool:
        """Whether the run has left its band.

        Its loss is NaN; or it ends outside of the registered 90% interval rather than inside; or its loss now is so far
        out that card and history have one run in a hundred there, half of them on each side.
        """
        strange = min(self.quantile, 1 - self.quantile) < STRANGE
        return self.curve.diverged is not None or sum(self.outside(SHOWN[1])) > LEFT or strange

    @cached_property
    def read(self) -> np.ndarray:
        """The progress at which the curve is read: where the history was, and now."""
        return points_read(self.curve, self.course)

    def band(self, progress: float) -> np.ndarray:
        """Equally likely losses at some progress as card and history have them, shape (n,)."""
        return np.exp(on_the_way(np.log(self.card.values), self.course, progress))

    def expected(self, progress: float) -> np.ndarray:
        """Equally likely losses at a later progress given the curve, shape (n,)."""
        if not len(self.read):
            return self.band(progress)
        losses = self.curve.trajectory.log_loss(self.read)
        return np.exp(ahead(np.log(self.values), self.before, self.course, self.read, losses, progress))

    def sentences(self, prob: float = 0.9) -> list[str]:
        """Whether it has left its band, where it will end, how its loss lies there, and what that rests on."""
        return list(self._sentences(prob))

    def _sentences(self, prob: float) -> Iterator[str]:
        card, now = self.card, f"{self.now:.0%}"
        below, above = self.outside(prob)
        metric, level = self.curve.metric or "loss", f"{100 * prob:g}%"
        if (since := self.curve.diverged) is not None:
            yield f"{card.name} has left its band: {metric!r} is NaN or infinite from {since:.1%} of training on"
        else:
            chances = f" (above {_percent(above)}, below {_percent(below)})" if below + above >= 0.01 else ""
            yield (
                f"{card.name} {'has left' if self.left else 'is within'} its band at {now} of training: it ends "
                f"outside of the registered {level} interval with probability {_percent(below + above)}{chances}"
            )
            said = new_run_words(np.quantile(self.values, tails(prob)), prob, card.response, card.unit)
            width = f"the interval is {self.width(prob):.2f} times as wide as registered"
            yield f"Given its curve, {card.run} reaches {said}; {width}"
            if len(self.read):
                low, high = self.alone(prob)
                yield f"The curve alone, whatever was registered, says {low:.4g} to {high:.4g} ({level})"
        if len(self.read):
            loss = self.loss(float(self.read[-1]))
            low, _, high = np.quantile(self.band(float(self.read[-1])), tails(prob))
            yield (
                f"Its last loss, {loss:.4g} ({metric}) at {now}, is at quantile {self.quantile:.3f} of what was to be "
                f"expected there ({level}: {low:.4g} to {high:.4g})"
            )
        if past := self._past(prob):
            where = ", ".join(f"{at:.0%}" for at in past)
            yield (
                f"The {level} intervals that were registered for {where} of training have the curve in "
                f"{sum(past.values())} of {len(past)}"
            )
        far = self.course.beyond
        below_it = f", up to {far:.1f} powers of ten in compute below it" if far > 0.05 else ""
        source = f"{self.course.runs} runs of {self.course.history}{below_it}"
        yield f"How losses lie above their ends is learnt from {source}"

    def alone(self, prob: float = 0.9) -> tuple[float, float]:
        """The interval of the end that the curve gives without the card; NaN before it says anything."""
        from scipy.special import ndtri  # slow to load

        if not len(self.read):
            return np.nan, np.nan
        middle, sd = self.course.end(self.read, self.curve.trajectory.log_loss(self.read))
        low, _, high = np.exp(middle + sd * ndtri(tails(prob)))
        return float(low), float(high)

    def width(self, prob: float = 0.9) -> float:
        """The width of the interval of the end over that of the registered one."""
        low, high = map(float, self.interval(prob))
        before = self.card.interval(prob)
        return (high - low) / float(before.upper - before.lower)

    def _past(self, prob: float) -> dict[float, bool]:
        """Points with registered intervals that the curve has passed: whether that there has it."""
        registered, found = self.card.course, {}
        for at in SHOWN_AT:
            loss = self.loss(at)
            if registered is not None and registered.start <= at <= self.now and np.isfinite(loss):
                there = np.exp(on_the_way(np.log(self.card.values), registered, at))
                low, _, high = np.quantile(there, tails(prob))
                found[at] = bool(low <= loss <= high)
        return found

    def loss(self, progress: float) -> float:
        """What the curve had at some progress; NaN where it has nothing."""
        return float(np.exp(self.curve.trajectory.log_loss(np.array([progress]))[0]))

    def table(self, prob: float = 0.9) -> pd.DataFrame:
        """A row for 10, 25, 50 and 75% of training, now, and the end: what was registered, read, and is expected."""
        import pandas as pd  # loads when a table is made, and not on import

        now = min(self.now, 1.0)
        at = sorted(
            {p for p in SHOWN_AT if p >= self.course.start and abs(p / now - 1) > NEAR - 1} | {now, 1.0}
        )
        return pd.DataFrame([self._row(p, prob) for p in at])

    def _row(self, at: float, prob: float) -> dict[str, object]:
        registered, loss, expected = np.full(3, np.nan), np.nan, np.full(3, np.nan)
        if at == 1.0:
            registered = np.quantile(self.card.values, tails(prob))
            expected = np.quantile(self.values, tails(prob))
        elif at >= self.course.start:
            registered = np.quantile(self.band(at), tails(prob))
        if at <= self.now:
            loss = self.loss(at)
        elif at < 1.0:
            expected = np.quantile(self.expected(at), tails(prob))
        inside = "yes" if registered[0] <= loss <= registered[2] else "no"
        if not np.isfinite(loss + registered[0]):
            inside = ""
        return {
            "progress": at, "loss": loss, **_bounds("registered", registered, prob), "inside": inside,
            **_bounds("expected", expected, prob),
        }  # fmt: skip


def points_read(curve: CurveSoFar, course: Course) -> np.ndarray:
    """The progress at which the curve is read, rising, now being the last; only where it has a loss."""
    now = min(curve.now, 1.0)
    if now * NEAR < course.start:
        return np.zeros(0)
    at = np.array([p for p in course.knots if p * NEAR < now] + [max(now, course.start)])
    return at[np.isfinite(curve.trajectory.log_loss(at))]


def _bounds(name: str, found: np.ndarray, prob: float) -> dict[str, float]:
    low, middle, high = map(float, found)
    return dict(zip((name, *bound_names(name, prob)), (middle, low, high), strict=True))


def _percent(chance: float) -> str:
    return "less than 1%" if chance < 0.01 else "more than 99%" if chance > 0.99 else f"{chance:.0%}"
