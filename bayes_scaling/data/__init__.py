"""A validated table of runs, from a file, a DataFrame or a dataset of the package."""

from bayes_scaling.data import datasets, units

__all__ = ["datasets", "units"]
