"""How well the chains agree."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.diagnostics import E_BFMI, ESS, R_HAT, Diagnosis
from bayes_scaling.inference.result import plot_of
from bayes_scaling.reporting.plot import marks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST, MOST = 0.1, 30.0
"""Ends of the axis; what lies outside is drawn there."""


@plot_of(Diagnosis)
@style.styled
def diagnosis(diagnosis: Diagnosis, *, ax: "Axes | None" = None) -> "Axes":
    """Each measure of convergence against its bound, as a multiple of it.

    Parameters
    ----------
    diagnosis : Diagnosis
    ax : Axes, optional
    """
    measures = {
        f"R-hat {diagnosis.r_hat:.3f}\n(at most {R_HAT})": (R_HAT - 1) / max(diagnosis.r_hat - 1, 1e-9),
        f"bulk ESS {diagnosis.ess_bulk:.0f}\n(at least {ESS})": diagnosis.ess_bulk / ESS,
        f"tail ESS {diagnosis.ess_tail:.0f}\n(at least {ESS})": diagnosis.ess_tail / ESS,
        f"E-BFMI {diagnosis.e_bfmi:.2f}\n(at least {E_BFMI})": diagnosis.e_bfmi / E_BFMI,
    }
    ax = style.axes(ax, (7.2, 3.2))
    y = np.arange(len(measures))[::-1]
    margin = np.clip(np.nan_to_num(list(measures.values()), nan=LEAST), LEAST, MOST)
    ax.axvspan(LEAST, 1, color=style.BEYOND, lw=0, zorder=0)
    ax.axvline(1, color=style.GREY, lw=1, ls=marks.DOTTED, zorder=1)
    for row, value in zip(y, margin, strict=True):
        color, marker = (style.COLOURS[2], "o") if value >= 1 else (style.COLOURS[1], "X")
        ax.hlines(row, 1, value, color=color, alpha=0.45, lw=6)
        marks.points(ax, [value], [row], color=color, marker=marker, size=64, clip=False)
    ax.set(xscale="log", xlim=(LEAST, MOST), yticks=y, yticklabels=list(measures), ylim=(-0.6, len(y) - 0.4))
    ax.set_xticks([0.1, 1, 10], ["10x short of it", "the bound", "10x better"])
    ax.minorticks_off()
    ax.tick_params(axis="y", length=0)
    count = f"{diagnosis.divergences} divergence" + "s" * (diagnosis.divergences != 1)
    ax.set_title(f"The chains {'converged' if diagnosis.converged else 'did NOT converge'} ({count})")
    return ax
