"""The PyMC model of a table of runs: its structure, its noise and its likelihood."""
