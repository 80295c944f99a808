"""What runs that nobody has trained yet will reach."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_value
from bayes_scaling.forecast.forecast import Forecast
from bayes_scaling.inference.result import plot_of
from bayes_scaling.model.drift import distance
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(Forecast)
@style.styled
def forecast(
    forecast: Forecast, *, group: str | None = None, prob: float = 0.9, ax: "Axes | None" = None
) -> "Axes":
    """The loss of each point: the law's, with its drift, and of a new run.

    Parameters
    ----------
    forecast : Forecast
    group : str, optional
        Default: the first.
    prob : float
        Probability of the bars.
    ax : Axes, optional
    """
    names = _points(forecast)
    ax = style.axes(ax, (7.2, 1.9 + 0.5 * len(names)))
    ax.use_sticky_edges = False
    y, color = np.arange(len(names))[::-1], style.COLOURS[0]
    run, drifted, law = (bounds(forecast.draws(what), prob, group) for what in ("new_run", "drifted", "mean"))
    ax.barh(y, run[2] - run[0], 0.5, left=run[0], color=color, alpha=marks.RUN_ALPHA)
    ax.barh(y, law[2] - law[0], 0.22, left=law[0], color=color, alpha=marks.LAW_ALPHA)
    ax.errorbar(
        drifted[1], y, xerr=np.abs(drifted[[0, 2]] - drifted[1]), fmt="none", ecolor=color, ls=":", lw=1.2
    )
    marks.dots(ax, run[1], y, distance(forecast.decades_beyond).to_numpy() > 0, color)
    ax.set(yticks=y, yticklabels=names, ylim=(-0.6, len(y) - 0.4))
    style.response_axis(ax, "x", forecast.response, forecast.unit)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=style.BEYOND)
    share = style.percent(prob)
    keys = [
        marks.key(color, "law", f"{share} band, law"),
        marks.key(color, "line", f"{share}, law and its drift"),
        marks.key(color, "run", f"{share} band, new run; its median (open: beyond the data)"),
    ]
    marks.legend_below(ax, keys)
    ax.set_title(titled("Forecast", forecast.mean, group))
    return ax


def _points(forecast: Forecast) -> list[str]:
    """The inputs of each point, in words; compute only where nothing else is known."""
    values = {str(name): column.to_numpy() for name, column in forecast.inputs.items()}
    shown = [name for name in values if name != "flops" or not {"params", "tokens"} <= set(values)]
    return [
        "\n".join(f"{name} {format_value(name, values[name][i])}" for name in shown)
        for i in range(forecast.inputs.sizes["point"])
    ]
