"""Training curves, and what was read of them."""

from collections import Counter
from typing import TYPE_CHECKING

from bayes_scaling.data.collect.settle import Settled
from bayes_scaling.inference.collection import Collection
from bayes_scaling.inference.result import plot_of
from bayes_scaling.reporting.plot import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TAKEN, LEFT_OUT = style.COLOURS[:2]


@plot_of(Collection)
@style.styled
def collection(collection: Collection, *, ax: "Axes | None" = None) -> "Axes":
    """The curve of every run, with the points that were read: dots, or the stretch of which they are the mean.

    Parameters
    ----------
    collection : Collection
    ax : Axes, optional

    Returns
    -------
    Axes
        Runs that are left out are dashed, and end in a cross under their name.
    """
    ax = style.axes(ax)
    shown = [one for one in collection.settled if one.metric]
    for one in sorted(shown, key=lambda one: one.row is None):
        _draw(ax, one)
    if max(one.step for one in shown) > 0:
        ax.set_xscale("log")
    ax.set(xlabel="step", ylabel=", ".join(dict.fromkeys(one.metric for one in shown if one.row is not None)))
    taken = sum(one.row is not None for one in collection.settled)
    ax.set_title(f"{taken} of {len(collection.settled)} runs are taken")
    reasons = Counter(one.problem.kind for one in collection.settled if one.problem and one.row is None)
    keys = [marks.key(TAKEN, "points", "read")]
    keys += [marks.key(LEFT_OUT, "points", f"left out: {n} {kind}", "X") for kind, n in reasons.items()]
    ax.legend(handles=keys)
    return ax


def _draw(ax: "Axes", one: Settled) -> None:
    curve, taken = one.history.curves[one.metric], one.row is not None
    color = TAKEN if taken else LEFT_OUT
    ax.plot(curve.steps, curve.values, color=color, lw=1, ls="-" if taken else "--", alpha=0.5)
    if one.start < one.step:
        ax.plot([one.start, one.step], [one.value, one.value], color=color, lw=3, solid_capstyle="round")
    ax.plot(one.step, one.value, "o" if taken else "X", color=color, ms=6, mec="white", mew=0.6)
    if not taken:
        ax.annotate(
            one.history.name,
            (one.step, one.value),
            (5, 3),
            textcoords="offset points",
            fontsize=8,
            color=color,
        )
