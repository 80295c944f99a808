"""Registered forecasts, what came of them, and how reliable they were over time."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.evaluation.ledger import Ledger
from bayes_scaling.evaluation.outcome import Outcome
from bayes_scaling.forecast.card import SHOWN, Card
from bayes_scaling.inference.result import plot_of
from bayes_scaling.reporting.plot import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACHED = style.COLOURS[1]


@plot_of(Card, Outcome)
@style.styled
def card(card: "Card | Outcome", *, ax: "Axes | None" = None) -> "Axes":
    """What a registered run is said to reach, and what it reached where that is known.

    Parameters
    ----------
    card : Card or Outcome
    ax : Axes, optional
    """
    ax = style.axes(ax, (7.2, 2.4))
    said = card.card if isinstance(card, Outcome) else card
    color = style.COLOURS[0]
    for prob, alpha in zip(sorted(SHOWN, reverse=True), (marks.RUN_ALPHA, marks.LAW_ALPHA), strict=True):
        low, high = map(float, said.interval(prob))
        ax.barh(0, high - low, 0.5, left=low, color=color, alpha=alpha)
    marks.dots(ax, np.array([float(said.median())]), np.array([0.0]), np.array([said.beyond > 0]), color)
    share = " and ".join(style.percent(prob) for prob in SHOWN)
    keys = [marks.key(color, "law", f"registered {said.day}: median, {share}")]
    if isinstance(card, Outcome):
        ax.axvline(card.loss, color=REACHED, lw=2)
        keys.append(marks.key(REACHED, "line", f"reached, at quantile {card.quantile:.2f}"))
    ax.set(yticks=[0], yticklabels=[said.name], ylim=(-0.6, 0.6))
    style.response_axis(ax, "x", said.response, said.unit)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=style.BEYOND)
    marks.legend_below(ax, keys)
    ax.set_title(said.run)
    return ax


@plot_of(Ledger)
@style.styled
def ledger(ledger: Ledger, *, ax: "Axes | None" = None) -> "Axes":
    """Where outcomes lie in their forecasts, and the share that intervals had up to each: two panels, over time.

    Parameters
    ----------
    ledger : Ledger
    ax : Axes, optional
    """
    from scipy.stats import binom  # slow to load

    ax = style.axes(ax, (9, 3.6))
    part, (quantiles, shares) = style.split(ax, 1, 2)
    found = ledger.outcomes
    number = np.arange(1, len(found) + 1)
    end = max(len(found), 1) + 0.5
    for prob, alpha in zip(sorted(SHOWN, reverse=True), (marks.RUN_ALPHA, marks.LAW_ALPHA), strict=True):
        quantiles.axhspan((1 - prob) / 2, (1 + prob) / 2, color=style.GREY, alpha=alpha / 2, lw=0)
    marks.points(quantiles, number, [o.quantile for o in found], REACHED)
    for prob, color in zip(SHOWN, style.COLOURS, strict=False):
        shares.axhline(prob, color=color, ls=":", lw=1.2)
        inside = np.cumsum([outcome.inside(prob) for outcome in found]) / number
        shares.fill_between(
            number, *(binom.ppf(q, number, prob) / number for q in (0.05, 0.95)), color=color, alpha=0.1, lw=0
        )
        shares.plot(number, inside, color=color, marker="o", ms=4)
    for panel, label, title in (
        (quantiles, "quantile of the forecast", "What was reached"),
        (shares, "share inside of its interval", "Reliability so far"),
    ):
        panel.set(xlim=(0.5, end), ylim=(-0.03, 1.03), xlabel="outcomes, by time", ylabel=label, title=title)
        style.few_ticks(panel.xaxis, 6)
    style.percent_axis(shares.yaxis)
    keys = [
        marks.key(style.GREY, "law", "50% and 90% of forecasts"),
        *(
            marks.key(c, "line", f"{style.percent(p)} intervals")
            for p, c in zip(SHOWN, style.COLOURS, strict=False)
        ),
        marks.key(style.GREY, "dotted", "nominal; shaded: 90% of independent outcomes"),
    ]
    marks.legend_of_panels(part, keys)
    return ax
