"""The best choice against scale."""

from typing import TYPE_CHECKING

from bayes_scaling.inference.result import plot_of
from bayes_scaling.planning.results.transfer import Transfer
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.groups import bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(Transfer)
@style.styled
def transfer(transfer: Transfer, *, prob: float = 0.9, ax: "Axes | None" = None) -> "Axes":
    """The best choice, as the learning rate, over the range of the runs, with its band.

    Parameters
    ----------
    transfer : Transfer
    prob : float
        Probability of the band.
    ax : Axes, optional
    """
    ax = style.axes(ax, (6.4, 4.4))
    groups = transfer.best["group"].to_numpy() if "group" in transfer.best.dims else [None]
    inside = transfer.at > transfer.at[-1]  # nothing lies beyond the data
    keys = []
    for i, group in enumerate(groups):
        draws = transfer.best if group is None else transfer.best.sel(group=group)
        color = style.COLOURS[i % len(style.COLOURS)]
        marks.curve(ax, transfer.at, bounds(draws, prob), inside, color, marks.RUN_ALPHA)
        keys.append(
            marks.key(color, "line", f"best {transfer.chosen}, median" if group is None else str(group))
        )
    keys.append(marks.key(style.GREY, "run", f"{style.percent(prob)} band"))
    style.log_axis(ax, "x", transfer.against, transfer.at[0] / 1.1, transfer.at[-1] * 1.1)
    ax.set(yscale="log", ylabel=f"best {transfer.chosen}")
    ax.set_title(f"Does the best {transfer.chosen} move with {transfer.against}?")
    ax.legend(handles=keys, loc="best")
    return ax
