"""Sampling: NUTS on the PyMC model's density, in round coordinates, compiled once per structure.

`sample` is the whole interface; `program`, `rounding` and `nuts` are its parts, and no other room knows JAX.
"""

from bayes_scaling.sampling.driver import Draws, prior_draws, sample

__all__ = ["Draws", "prior_draws", "sample"]
