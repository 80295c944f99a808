"""Compute: hardware, architectures, batch sizes and rules of thumb."""

from bayes_scaling.planning.compute import architecture, critical_batch

__all__ = ["architecture", "critical_batch"]
