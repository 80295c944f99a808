"""Neural scaling laws as Bayesian models: honest forecasts and compute-optimal plans.

The whole public API is on this page. Names load on first use, so that ``import bayes_scaling`` is cheap.

>>> import bayes_scaling as bs
>>> runs = bs.datasets.load("pile")
>>> fit = bs.fit(runs, law="chinchilla")
>>> print(fit.diagnose())
>>> fit.predict(params="100B", tokens="2T").interval(0.9)
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_ROOMS = {
    "errors": ("DoubtfulFitWarning", "DoubtfulInputWarning", "InputError"),
    "hardware": ("ACCELERATORS", "Hardware"),
    "runs": ("Reference", "Runs", "load_runs"),
    "priors": ("LogNormal", "LogitNormal", "Normal"),
    "laws": ("LAWS", "Law", "law"),
    "discrepancy": ("Discrepancy",),
    "noise": ("Noise",),
    "model": ("build_model",),
    "fit": ("Fit", "fit", "open_fit"),
    "many": ("FitOutcome", "fit_many"),
    "diagnose": ("Diagnosis",),
    "predict": ("Forecast",),
    "two_step": ("two_step",),
    "allocate": ("Allocation",),
    "plan": ("Plan",),
    "rules": ("kaplan_split", "rule_of_thumb"),
    "risk": ("Risk",),
    "serving": ("Serving",),
    "groups": ("Contrast",),
    "exponents": ("Exponents", "scale_free_weights"),
    "compare": ("Comparison", "compare"),
    "pooling": ("PoolingComparison", "compare_pooling"),
    "drift": ("Drift",),
    "backtest": ("Backtest", "backtest"),
    "sensitivity": ("prior_sensitivity",),
    "simulate": ("simulate",),
    "approaches": ("Approaches", "approaches"),
    "candidates": ("isoflop_grid",),
    "design": ("Design", "design"),
    "report": ("report",),
}
_MODULES = ("architecture", "batch", "datasets", "plot", "units")
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "ACCELERATORS",
    "LAWS",
    "Allocation",
    "Approaches",
    "Backtest",
    "Comparison",
    "Contrast",
    "Design",
    "Diagnosis",
    "Discrepancy",
    "DoubtfulFitWarning",
    "DoubtfulInputWarning",
    "Drift",
    "Exponents",
    "Fit",
    "FitOutcome",
    "Forecast",
    "Hardware",
    "InputError",
    "Law",
    "LogNormal",
    "LogitNormal",
    "Noise",
    "Normal",
    "Plan",
    "PoolingComparison",
    "Reference",
    "Risk",
    "Runs",
    "Serving",
    "approaches",
    "architecture",
    "backtest",
    "batch",
    "build_model",
    "compare",
    "compare_pooling",
    "datasets",
    "design",
    "fit",
    "fit_many",
    "isoflop_grid",
    "kaplan_split",
    "law",
    "load_runs",
    "open_fit",
    "plot",
    "prior_sensitivity",
    "report",
    "rule_of_thumb",
    "scale_free_weights",
    "simulate",
    "two_step",
    "units",
]

if TYPE_CHECKING:
    from bayes_scaling import architecture, batch, datasets, plot, units
    from bayes_scaling.allocate import Allocation
    from bayes_scaling.approaches import Approaches, approaches
    from bayes_scaling.backtest import Backtest, backtest
    from bayes_scaling.candidates import isoflop_grid
    from bayes_scaling.compare import Comparison, compare
    from bayes_scaling.design import Design, design
    from bayes_scaling.diagnose import Diagnosis
    from bayes_scaling.discrepancy import Discrepancy
    from bayes_scaling.drift import Drift
    from bayes_scaling.errors import DoubtfulFitWarning, DoubtfulInputWarning, InputError
    from bayes_scaling.exponents import Exponents, scale_free_weights
    from bayes_scaling.fit import Fit, fit, open_fit
    from bayes_scaling.groups import Contrast
    from bayes_scaling.hardware import ACCELERATORS, Hardware
    from bayes_scaling.laws import LAWS, Law, law
    from bayes_scaling.many import FitOutcome, fit_many
    from bayes_scaling.model import build_model
    from bayes_scaling.noise import Noise
    from bayes_scaling.plan import Plan
    from bayes_scaling.pooling import PoolingComparison, compare_pooling
    from bayes_scaling.predict import Forecast
    from bayes_scaling.priors import LogitNormal, LogNormal, Normal
    from bayes_scaling.report import report
    from bayes_scaling.risk import Risk
    from bayes_scaling.rules import kaplan_split, rule_of_thumb
    from bayes_scaling.runs import Reference, Runs, load_runs
    from bayes_scaling.sensitivity import prior_sensitivity
    from bayes_scaling.serving import Serving
    from bayes_scaling.simulate import simulate
    from bayes_scaling.two_step import two_step


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"bayes_scaling.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"bayes_scaling.{name}")
    else:
        raise AttributeError(f"module 'bayes_scaling' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Page(ModuleType):
    """A module that keeps the function `fit` where importing the room `fit` would put the room instead."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Page
