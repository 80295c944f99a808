"""Groups beside each other, and the population that they come from."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.intervals import tails
from bayes_scaling.inference.summary import meaning
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import Look, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior


@style.styled
def forest(fit: "Posterior", *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """Each parameter by group, with what the groups' population says, and tau, their spread: a panel each.

    Parameters
    ----------
    fit : Posterior
    prob : float
        Probability of the intervals; the thick part is that of 50%.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its panels (`bayes_scaling.plot.panels`) are the parameters of the law, and sigma.
    """
    names = [*fit.law.parameters, "sigma"]
    columns = min(4, len(names))
    shared = [f"{name}_population" in fit.posterior for name in names]
    lines, rows = -(-len(names) // columns), [*fit.groups, *(["population"] if any(shared) else [])]
    ax = style.axes(ax, (2.6 * columns, lines * (1.5 + 0.26 * len(rows))))
    part, panels = style.split(ax, lines, columns, sharey=True)
    for panel, name in zip(panels, names, strict=False):
        _rows(panel, fit, name, rows, prob)
    for spare in panels[len(names) :]:
        spare.remove()
    keys = [
        marks.key(style.INK, "line", f"{style.percent(prob)} interval, 50% thick"),
        marks.key(style.GREY, "points", "median of the population", "D"),
    ]
    marks.legend_of_panels(part, keys)
    return ax


def _rows(ax: "Axes", fit: "Posterior", name: str, rows: list[str], prob: float) -> None:
    draws, y = fit.posterior, np.arange(len(rows))[::-1]
    for i, row in enumerate(rows):
        if row == "population":
            values = draws.get(f"{name}_population")
            shown: Look = {"color": style.GREY, "marker": "D"}
        else:
            values = draws[name].sel(group=row) if "group" in draws[name].dims else draws[name]
            shown = look(fit, row)
        if values is None:
            continue
        flat = values.to_numpy().ravel()
        low, middle, high = np.quantile(flat, tails(prob))
        ax.plot([low, high], [y[i]] * 2, color=shown["color"], lw=1.3)
        ax.plot(
            np.quantile(flat, (0.25, 0.75)), [y[i]] * 2, color=shown["color"], lw=4, solid_capstyle="butt"
        )
        marks.points(ax, [middle], [y[i]], size=30, **shown)
    ax.set_yticks(y, rows)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_title(name)
    style.few_ticks(ax.xaxis, 3)
    words = meaning(fit, name)
    if f"{name}_tau" in draws:
        low, _, high = np.quantile(draws[f"{name}_tau"].to_numpy(), tails(prob))
        words += f"; tau {low:.2g} to {high:.2g}"
    ax.set_xlabel(fill(words, 30), fontsize=8.5)
