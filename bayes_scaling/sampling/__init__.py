"""Sampling: NUTS on the PyMC model's density, in coordinates in which it is nearly normal.

`sample`, `sample_many` and `draw_prior` (in `sample`) are the whole interface, and no other folder knows JAX. Data
flow through `padding` (tables of one shape), `jax_model` (the model as JAX functions), `modes` (where chains start),
`find_map` and `transport_map` (the coordinates), `nuts` (the kernel), `engine` (what is compiled), `chains` (one run,
as a generator of work) and `executors` (where that work is done).
"""
