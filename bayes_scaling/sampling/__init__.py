"""NUTS on the model's density, in coordinates in which it is nearly normal.

`sample`, `sample_many` and `draw_prior` (in `sample`) are the whole interface, and no other folder knows JAX. Data
flow through `padding` (tables of one shape), `jax_model` (the model as JAX functions), `modes` (where chains start),
`transport_map` (of `affine`, `blocks`, `population_map` and `matrices`), `population`, `coordinates` and `find_map`
(the coordinates), `nuts` (the kernel), `engine` (what is compiled), `work` (what a run asks for), `warm_up` and
`chains` (one run) and `executors` (where its work is done).
"""
