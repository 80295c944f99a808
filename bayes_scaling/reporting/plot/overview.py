"""A fit at a glance: does the law fit, what do larger runs reach, and how is a budget split."""

from typing import TYPE_CHECKING

from bayes_scaling.data.units import Quantity
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.fits.checks import measured_against_law
from bayes_scaling.reporting.plot.fits.losses import extrapolation
from bayes_scaling.reporting.plot.groups import largest_group, look, of_group
from bayes_scaling.reporting.plot.results.allocations import RULE, draw_optimum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior


@style.styled
def overview(
    fit: "Posterior",
    to: Quantity | None = None,
    *,
    group: str | None = None,
    prob: float = 0.9,
    ax: "Axes | None" = None,
) -> "Axes":
    """The fit, its extrapolation, and the optimal model size, side by side; the last for laws of params and tokens.

    Parameters
    ----------
    fit : Posterior
    to : number or str, optional
        Where the axes end: FLOPs, or the law's own input. Default: three decades beyond the data, rounded up.
    group : str, optional
        Default: the group with the largest run.
    prob : float
        Probability of the bands.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its panels (`bayes_scaling.plot.panels`) are these pictures.
    """
    group, splits = group or largest_group(fit), fit.law.of_n_and_d
    color = look(fit, group)["color"]
    ax = style.axes(ax, (13.0 if splits else 9.2, 4.4))
    part, panels = style.split(ax, 1, 3 if splits else 2)
    measured_against_law(fit, prob=prob, ax=panels[0])
    panels[0].set_title("1  Does the law fit its runs?")
    extrapolation(fit, to, group=group, prob=prob, ax=panels[1])
    panels[1].set_title("2  What would larger runs reach?")
    if splits:
        first, end = fit.runs.extent["flops"]
        budgets = style.budgets_until(first, end, to)
        draw_optimum(panels[2], allocate(fit, budgets, group=group), "params", group, prob, color)
        marks.mark_beyond(panels[2], end)
        panels[2].set_title("3  How large a model for a budget?")
    for panel in panels:
        if legend := panel.get_legend():
            legend.remove()
    share = style.percent(prob)
    several = len(fit.groups) > 1
    departs = "discrepancy" if fit.noise.joint else "drift" if fit.drift.sd else ""
    keys = [
        *(marks.key(**look(fit, g), kind="points", label=g if several else "runs") for g in fit.groups),
        *([marks.key(style.FAINT, "points", "2: runs of other groups")] if several else []),
        marks.key(color, "line", f"median{of_group(fit, group)}"),
        marks.key(color, "dashed", "beyond the data"),
        marks.key(color, "law", f"{share}: the law"),
        *([marks.key(color, "dotted", f"{share}: and its {departs}")] if departs else []),
        marks.key(color, "run", f"{share}: a new run"),
        *([marks.key(style.INK, "dotted", RULE)] if splits else []),
    ]
    marks.legend_of_panels(part, keys, 2.5)
    return ax
