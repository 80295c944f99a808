"""The chains themselves: where they went, and how parameters go together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.reporting.plot import style
from bayes_scaling.reporting.plot.groups import largest_group, look, of_group

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

    from bayes_scaling.inference.posterior import Posterior

BINS, SHOWN = 20, 600
"""Bins of ranks, and draws of a scatter."""


@style.styled
def trace(
    fit: "Posterior",
    names: Sequence[str] | None = None,
    *,
    group: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws of each parameter in their order, by chain, and how often a chain has which rank: two panels each.

    Chains that agree have flat rows of ranks; one that stays high or low shows as a step.

    Parameters
    ----------
    fit : Posterior
    names : sequence of str, optional
        Default: the parameters of the law, and sigma.
    group : str, optional
        Default: the group with the largest run.
    ax : Axes, optional
    """
    group = group or largest_group(fit)
    chosen = [*(names or (*fit.law.parameters, "sigma"))]
    ax = style.axes(ax, (9.2, 1.15 * len(chosen) + 0.8))
    _, panels = style.split(ax, len(chosen), 2, widths=(2, 1))
    for i, name in enumerate(chosen):
        values = _of(fit, name, group)
        ranks = values.ravel().argsort().argsort().reshape(values.shape) / values.size
        left, right = panels[2 * i : 2 * i + 2]
        for chain, row in enumerate(values):
            color = style.COLOURS[chain % len(style.COLOURS)]
            left.plot(row, color=color, lw=0.5, alpha=0.8)
            counts, edges = np.histogram(ranks[chain], BINS, (0, 1))
            right.stairs(counts / values.shape[1] * BINS, edges, baseline=None, color=color, lw=1.2)
        right.axhline(1, color=style.GREY, lw=0.8, ls=":")
        right.set_ylim(0, 2.2)
        right.set_yticks([])
        left.set_ylabel(name, rotation=0, ha="right", va="center")
        left.yaxis.set_label_coords(-0.11, 0.5)
        style.few_ticks(left.yaxis, 2)
        if i < len(chosen) - 1:
            for panel in (left, right):
                panel.set_xticklabels([])
    panels[0].set_title(f"Draws by chain{of_group(fit, group)}")
    panels[1].set_title("Ranks by chain")
    panels[-2].set_xlabel("draw")
    panels[-1].set_xlabel("rank among all draws")
    return ax


@style.styled
def pair(
    fit: "Posterior",
    names: Sequence[str] | None = None,
    *,
    group: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """How parameters go together in the posterior: draws of each two, and their correlation.

    A ridge, as between an amplitude and its exponent, says that the runs know their combination better than either.

    Parameters
    ----------
    fit : Posterior
    names : sequence of str, optional
        Default: the parameters of the law.
    group : str, optional
        Default: the group with the largest run.
    ax : Axes, optional
    """
    group = group or largest_group(fit)
    chosen = [*(names or fit.law.parameters)]
    draws = [_of(fit, name, group).ravel() for name in chosen]
    step, color = max(1, draws[0].size // SHOWN), look(fit, group)["color"]
    count = len(chosen)
    ax = style.axes(ax, (1.6 * count + 0.8, 1.45 * count + 0.6))
    _, panels = style.split(ax, count, count)
    for row, y in enumerate(draws):
        for column, x in enumerate(draws):
            panel = panels[row * count + column]
            panel.set(xticks=[], yticks=[])
            if row == column:
                panel.hist(x, 30, color=color, alpha=0.5)
                panel.spines["left"].set_visible(False)
            elif row > column:
                panel.plot(x[::step], y[::step], ".", color=color, ms=2, alpha=0.4)
            else:
                found = float(np.corrcoef(x, y)[0, 1])
                panel.set_axis_off()
                panel.text(
                    0.5, 0.5, f"{found:+.2f}", ha="center", va="center", transform=panel.transAxes,
                    fontsize=8 + 6 * abs(found),
                )  # fmt: skip
            if row == count - 1:
                panel.set_xlabel(chosen[column])
                style.few_ticks(panel.xaxis, 2)
            if column == 0:
                panel.set_ylabel(chosen[row])
                if row:
                    style.few_ticks(panel.yaxis, 2)
    panels[0].set_title(f"Parameters together{of_group(fit, group)}")
    return ax


def _of(fit: "Posterior", name: str, group: str) -> np.ndarray:
    """Draws of a parameter of one group, shape (chains, draws)."""
    if name not in fit.posterior:
        raise InputError(f"no quantity {name!r} in this fit; it has {', '.join(map(str, fit.posterior))}")
    values: xr.DataArray = fit.posterior[name]
    if "group" in values.dims:
        values = values.sel(group=group)
    found: np.ndarray = values.transpose("chain", "draw").to_numpy()
    return found
