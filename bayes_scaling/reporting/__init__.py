"""Pictures, tables and pages."""

from bayes_scaling.reporting import plot

__all__ = ["plot"]
