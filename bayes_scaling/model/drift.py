"""Model discrepancy: how far the truth may drift from any law beyond the data.

Beyond the frontier of its runs a law is wrong by an amount that nobody has seen. On real sweeps the misses are bias
rather than noise: all larger runs lie on one side, and more often than not below the law. So the drift of log loss is
one random slope for all new runs of a posterior draw,

    drift(x) = s (z - bias) d(x),   z ~ N(0, 1),   s ~ half-normal(spread),

with d(x) the distance beyond the data in powers of ten. Inside the data d = 0, and the law is the law.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np

from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.laws.base import Law

SCORES = 0.05
"""Spread of the drift of a score per power of ten, as a share of the range of the runs."""

_LEVELS = 40
"""Quantiles that stand for the half-normal prior of s."""


class DriftValues(TypedDict):
    """A drift in a file; `lean` is what older ones call its bias."""

    spread: float
    weights: list[float] | None
    bias: NotRequired[float]
    lean: NotRequired[float]


@dataclass(frozen=True)
class Drift:
    """How log loss drifts from the law with the distance beyond the data.

    Attributes
    ----------
    spread : float
        Scale of the half-normal prior of s, the standard deviation of log loss per power of ten; 0 for none.
    bias : float
        By how many s the truth is expected below the law; 0 where it may leave it on either side alike.
        The default was found, as the spread, on laws of N and D: see `of`.
    weights : tuple of float, optional
        What a table's own past made of the prior: a weight for each of its quantiles.
    """

    spread: float = 0.02
    bias: float = 1.0
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.spread < np.inf:
            raise InputError(
                f"the spread of a drift is {self.spread!r}; expected 0 or a small number, as 0.02"
            )
        if not np.isfinite(self.bias):
            raise InputError(f"the bias of a drift is {self.bias!r}; expected a small number, as 0.5")
        if self.weights is not None and len(self.weights) != _LEVELS:
            raise InputError(f"a drift has {_LEVELS} weights; got {len(self.weights)}")

    @classmethod
    def of(cls, law: "Law", span: float = 1.0) -> "Drift":
        """The default drift of a law: without bias for a curve of one input, a share of test items or a score.

        That larger runs lie below the law more often than above it has been seen with laws of N and D. A score drifts
        in its own unit, by `SCORES` of the range of its runs, ``span``, which no table has tried.
        """
        if law.response == "score":
            return cls(SCORES * span, bias=0.0)
        return cls() if law.allocates else cls(bias=0.0)

    @cached_property
    def scales(self) -> np.ndarray:
        """Quantiles of s under its prior, shape (levels,)."""
        from scipy.special import ndtri  # loads when a forecast is asked for, and not on import

        # scipy.stats knows a half-normal, and takes half a second to load.
        scales: np.ndarray = self.spread * ndtri((1 + (np.arange(_LEVELS) + 0.5) / _LEVELS) / 2)
        return scales

    @property
    def mean(self) -> float:
        """Mean drift of log loss one power of ten beyond the data."""
        return -self.bias * float(np.average(self.scales, weights=self.weights))

    @property
    def sd(self) -> float:
        """Standard deviation of log loss around its bias, one power of ten beyond the data."""
        return float(np.sqrt(np.average(self.scales**2, weights=self.weights)))

    def slopes(self, rng: np.random.Generator, shape: tuple[int, ...], s: float | None = None) -> np.ndarray:
        """Draws of s (z - bias), the drift of log loss per power of ten, and of s unless it is given."""
        scale = rng.choice(self.scales, size=shape, p=self.weights) if s is None else s
        return scale * (rng.standard_normal(shape) - self.bias)

    def updated(self, log_scores: np.ndarray) -> "Drift":
        """The drift after cuts of a table's own past.

        Parameters
        ----------
        log_scores : array_like, shape (cuts, levels)
            For each cut, the mean log predictive density of the runs beyond it, were s the given quantile. The
            runs beyond one cut share their drift, so a cut counts as one observation.
        """
        scores = np.asarray(log_scores, float)
        total = scores.sum(0) + np.log(self.weights or np.full(_LEVELS, 1 / _LEVELS))
        weights = np.exp(total - total.max())
        return replace(self, weights=tuple(float(w) for w in weights / weights.sum()))

    def to_dict(self) -> DriftValues:
        weights = None if self.weights is None else list(self.weights)
        return {"spread": self.spread, "bias": self.bias, "weights": weights}

    @classmethod
    def from_dict(cls, values: DriftValues) -> "Drift":
        weights = values["weights"]
        bias = values.get("bias", values.get("lean", 0.0))
        return cls(values["spread"], bias, None if weights is None else tuple(weights))


def as_drift(drift: "Drift | float | bool | None", default: Drift) -> Drift:
    """A drift from what a user gives: None or True for the default, False or 0 for none, a spread, or a Drift."""
    if isinstance(drift, Drift):
        return drift
    if drift is None or drift is True:
        return default
    try:
        return replace(default, spread=float(drift), weights=None)
    except (TypeError, ValueError):
        raise InputError(
            f"drift is {drift!r}; expected a Drift, its spread as a number, True or False"
        ) from None


def distance(decades: "xr.Dataset") -> "xr.DataArray":
    """The distance beyond the data that counts, dim point: the largest of those in compute and in each input."""
    return decades.to_dataarray("input").max("input")
