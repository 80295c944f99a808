"""A validated table of runs, from a file, a DataFrame or a dataset of the package."""

import lazy_loader

# On first use, so that the laws, which take nothing from here but the name of a type, load no NumPy.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["datasets", "units"])
