"""Sampling: NUTS on the PyMC model's density, in round coordinates, compiled once per structure.

`sample`, `sample_many` and `draw_prior` are the whole interface, and no other room knows JAX. Data flow through
`padding` (tables of one shape), `program` (the model as JAX functions), `modes` (where chains start), `rounding` (the
coordinates), `nuts` (the kernel), `engine` (what is compiled), `chains` (one run, as a generator of work) and `lanes`
(where that work is done).
"""

from bayes_scaling.sampling.chains import Draws
from bayes_scaling.sampling.driver import Job, draw_prior, sample, sample_many
from bayes_scaling.sampling.lanes import Outcome, Parallel

__all__ = ["Draws", "Job", "Outcome", "Parallel", "draw_prior", "sample", "sample_many"]
