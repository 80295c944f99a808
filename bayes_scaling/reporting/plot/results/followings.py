"""A run's curve in the band of its registered forecast."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.forecast.following import Following
from bayes_scaling.inference.intervals import tails
from bayes_scaling.inference.result import plot_of
from bayes_scaling.reporting.plot import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REGISTERED, CURVE, EXPECTED = style.GREY, style.COLOURS[0], style.COLOURS[1]
POINTS = 60
"""At which bands are drawn."""


@plot_of(Following)
@style.styled
def following(following: Following, *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """The curve so far in its registered band, and where it will go: hatched, as nothing was seen there yet.

    Parameters
    ----------
    following : Following
    prob : float
        Probability of the bands.
    ax : Axes, optional
    """
    ax = style.axes(ax)
    course, now = following.course, min(following.now, 1.0)
    whole = np.geomspace(course.start, 0.999, POINTS)
    _band(ax, whole, [following.band(at) for at in whole], REGISTERED, marks.RUN_ALPHA, prob, beyond=False)
    if now < 0.99:
        later = np.linspace(max(now, course.start), 0.999, POINTS)
        _band(
            ax, later, [following.expected(at) for at in later], EXPECTED, marks.LAW_ALPHA, prob, beyond=True
        )
    curve = following.curve.trajectory
    shown = curve.progress >= course.start / 2
    if not shown.any():
        shown[-1] = True
    ax.plot(
        curve.progress[shown],
        curve.loss[shown],
        color=CURVE,
        marker="o" if shown.sum() < 30 else "",
        ms=4,
        zorder=5,
    )
    for place, values, color in (
        (1.012, following.card.values, REGISTERED),
        (1.03, following.values, EXPECTED),
    ):
        low, middle, high = np.quantile(values, tails(prob))
        ax.vlines(place, low, high, color=color, lw=5, alpha=0.6)
        ax.plot(place, middle, "o", color=color, mec="white", ms=6)
    name = style.percent(prob)
    ax.set(xlabel="share of training", xlim=(0, 1.05))
    _zoom(ax, following, prob)
    style.percent_axis(ax.xaxis)
    style.response_axis(ax, "y", "loss", following.card.unit)
    left = "has left" if following.left else "is within"
    ax.set_title(f"{following.card.name} {left} its band at {following.now:.0%} of training")
    keys = [
        marks.key(CURVE, "line", f"{following.curve.metric or 'loss'} so far"),
        marks.key(REGISTERED, "run", f"registered {following.card.day}: {name}"),
        marks.key(EXPECTED, "law", f"expected, given the curve: {name}"),
    ]
    ax.legend(handles=keys)
    return ax


def _band(
    ax: "Axes",
    at: np.ndarray,
    losses: list[np.ndarray],
    color: str,
    alpha: float,
    prob: float,
    *,
    beyond: bool,
) -> None:
    low, middle, high = np.quantile(losses, tails(prob), axis=1)
    marks.band(ax, at, low, high, np.full(len(at), beyond), color, alpha)
    marks.line(ax, at, middle, np.full(len(at), beyond), color)


def _zoom(ax: "Axes", following: Following, prob: float) -> None:
    """From a tenth of training on the band fills the picture: earlier losses are far above."""
    at = max(following.course.start, min(0.1, following.now))
    seen = following.curve.trajectory
    losses = seen.loss[seen.progress >= at / 1.5]
    low = min(
        [
            *np.quantile(following.card.values, tails(prob)),
            *np.quantile(following.values, tails(prob)),
            *losses,
        ]
    )
    high = max([*np.quantile(following.band(at), tails(prob)), *losses])
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
