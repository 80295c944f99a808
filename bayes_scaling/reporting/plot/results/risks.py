"""What another model size would give up."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.results.risk import WITHIN, Risk
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import one_group, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(Risk)
@style.styled
def valley(risk: Risk, point: int = 0, *, group: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """The loss given up against the model's size at one budget, with its 90% band and the choices marked.

    Parameters
    ----------
    risk : Risk
    point : int
        Which budget.
    group : str, optional
        Default: the first.
    ax : Axes, optional
    """
    ax = style.axes(ax, (7.2, 5.0))
    curve = risk.curve.isel(point=point)
    n = one_group(curve["params"], group).to_numpy()
    found = one_group(curve["regret"], group).transpose("quantile", "candidate").to_numpy()
    picks = one_group(risk.choices["params"].isel(point=point), group)
    safe = [float(one_group(risk.safe[end].isel(point=point), group)) for end in ("lower", "upper")]
    # High enough for the floor and its banks, also where no size is good in most draws; a choice that gives up more
    # stands at the edge, with its figure.
    top = 5 * WITHIN * float(one_group(risk.expected.isel(point=point), group).min())
    top = max(top, 2 * float(found[1].min()))
    near = n[found[1] < top]
    inside = [float(x) for x in picks.to_numpy() if near.min() <= x <= near.max()]
    left, right = min(near.min(), safe[0], *inside) / 1.1, max(near.max(), safe[1], *inside) * 1.1
    style.log_axis(ax, "x", "params", left, right)
    color, beyond = style.COLOURS[0], one_group(curve["beyond"], group).to_numpy() > 0
    marks.curve(ax, n, found, beyond, color)
    ax.axvspan(*safe, color=style.COLOURS[2], alpha=0.15, lw=0, zorder=0)
    ax.axhline(0, color=style.GREY, lw=0.8)
    given_up = one_group(risk.regret.isel(point=point), group).median(("chain", "draw"))
    step = -0.075 * top
    for i, name in enumerate(picks["choice"].to_numpy()):
        at = float(picks.sel(choice=name)), float(given_up.sel(choice=name))
        _choice(ax, i, str(name), at, step * (i + 1), (left, right))
    ax.set_ylim(step * (picks.size + 1), top)
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
    ax.set_ylabel("loss given up (nats per token)", loc="top")
    keys = [
        marks.key(color, "dashed", "median, beyond the data")
        if beyond.any()
        else marks.key(color, "line", "median"),
        marks.key(color, "law", "90% band"),
        marks.key(style.COLOURS[2], "run", f"within {WITHIN:.1%} of the least expected loss"),
    ]
    ax.legend(handles=keys, loc="upper center")
    title = f"How flat the valley is at {format_flops(float(risk.flops[point]))} FLOPs"
    ax.set_title(titled(title, risk.regret, group))
    return ax


def _choice(
    ax: "Axes", i: int, name: str, at: tuple[float, float], row: float, ends: tuple[float, float]
) -> None:
    """A choice as a point of its own row, with its size and what it gives up; an arrow where it lies outside."""
    (size, regret), (left, right) = at, ends
    shown = float(np.clip(size, left, right))
    marker = ">" if size > right else "<" if size < left else style.MARKERS[i % len(style.MARKERS)]
    color = style.COLOURS[(i + 1) % len(style.COLOURS)]
    marks.points(ax, [shown], [row], color=color, marker=marker, size=46, clip=False)
    to_left = shown > np.sqrt(left * right) * 1.1
    ax.annotate(
        f"{name}: {format_quantity(size)}, gives up {regret:.2g}", (shown, row), (-8 if to_left else 8, 0),
        textcoords="offset points", va="center", ha="right" if to_left else "left", fontsize=8.5,
    ).set_in_layout(False)  # fmt: skip
