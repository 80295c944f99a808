"""Pictures of results: functions that take a result and an optional Axes, and return the Axes.

Without ``ax`` (or ``figure``, for those of several panels) a new pyplot figure is made; with it pyplot is not
touched. The law's band is dark and that of a new run light; beyond the data lines are dashed, bands hatched.
"""

from bayes_scaling.reporting.plot.backtests import coverage, misses
from bayes_scaling.reporting.plot.checks import comparison, posterior, residuals
from bayes_scaling.reporting.plot.contrasts import contrast, doublings, pooling
from bayes_scaling.reporting.plot.designs import approaches, design
from bayes_scaling.reporting.plot.losses import extrapolation, loss_band
from bayes_scaling.reporting.plot.optimum import allocation, isoloss
from bayes_scaling.reporting.plot.plans import chances, plan, serving, valley

__all__ = [
    "allocation",
    "approaches",
    "chances",
    "comparison",
    "contrast",
    "coverage",
    "design",
    "doublings",
    "extrapolation",
    "isoloss",
    "loss_band",
    "misses",
    "plan",
    "pooling",
    "posterior",
    "residuals",
    "serving",
    "valley",
]
