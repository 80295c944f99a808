"""Compute: hardware, batch sizes and rules of thumb."""

from bayes_scaling.planning.compute import critical_batch

__all__ = ["critical_batch"]
