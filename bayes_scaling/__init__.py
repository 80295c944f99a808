"""Neural scaling laws as Bayesian models: honest forecasts and compute-optimal plans.

The whole public API is listed in `__init__.pyi`. Names load on first use, so that ``import bayes_scaling`` is cheap.

>>> import bayes_scaling as bs
>>> runs = bs.datasets.load("pile")
>>> fit = bs.fit(runs, law="chinchilla")
>>> print(fit.diagnose())
>>> fit.predict(params="100B", tokens="2T").interval(0.9)
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
