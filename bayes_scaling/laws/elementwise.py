"""`exp`, `log` and friends for any array type, so that a law is written once.

A law body gets floats, NumPy and JAX arrays, PyTensor variables and xarray objects alike. Arithmetic works on
all of them as it stands; functions are looked up here in the library that the argument comes from.
"""

import importlib
from functools import cache
from types import ModuleType

from bayes_scaling.data.arrays import Array, Computed

__all__ = [
    "Array",
    "Computed",
    "exp",
    "expm1",
    "gammaln",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "sigmoid",
    "softplus",
    "stop_gradient",
]

_NAMESPACES = {"pytensor": "pytensor.tensor", "jax": "jax.numpy", "jaxlib": "jax.numpy"}

_SPECIAL = {"numpy": "scipy.special", "jax.numpy": "jax.scipy.special"}


def _library(*arguments: Array) -> ModuleType:
    """The library of these arguments; NumPy for those that are plain numbers."""
    for x in arguments:
        if found := _NAMESPACES.get(type(x).__module__.partition(".")[0]):
            return _module(found)
    # NumPy's own functions serve floats, NumPy arrays and (through __array_ufunc__) xarray.
    return _module("numpy")


@cache
def _module(name: str) -> ModuleType:
    """Loaded when a law is called, and not on import; looked up once."""
    return importlib.import_module(name)


def _call(function: str, *arguments: Array) -> Computed:
    return getattr(_library(*arguments), function)(*arguments)


def exp[A: Array](x: A) -> A:
    """e to the power of x."""
    found: A = _call("exp", x)
    return found


def log[A: Array](x: A) -> A:
    """Natural logarithm of x."""
    found: A = _call("log", x)
    return found


def log1p[A: Array](x: A) -> A:
    """log(1 + x), exact for small x."""
    found: A = _call("log1p", x)
    return found


def expm1[A: Array](x: A) -> A:
    """e^x - 1, exact for small x."""
    found: A = _call("expm1", x)
    return found


def softplus[A: Array](x: A) -> A:
    """log(1 + e^x), for any x without overflow."""
    library = _library(x)
    found: A = library.softplus(x) if hasattr(library, "softplus") else library.logaddexp(0.0, x)
    return found


def gammaln[A: Array](x: A) -> A:
    """Logarithm of the gamma function of x."""
    library = _library(x).__name__
    found: A = _module(_SPECIAL.get(library, library)).gammaln(x)
    return found


def sigmoid[A: Array](x: A) -> A:
    """1 / (1 + e^-x), for any x without overflow."""
    share: A = exp(-softplus(-x))
    return share


def stop_gradient[A: Array](x: A) -> A:
    """x as a constant: no gradient passes through it."""
    found: A
    match type(x).__module__.partition(".")[0]:
        case "pytensor":
            found = _module("pytensor.gradient").disconnected_grad(x)
        case "jax" | "jaxlib":
            found = _module("jax").lax.stop_gradient(x)
        case _:
            found = x
    return found


def minimum[A: Array](x: A, y: A | float) -> A:
    """The smaller of x and y."""
    found: A = _call("minimum", x, y)
    return found


def maximum[A: Array](x: A, y: A | float) -> A:
    """The larger of x and y."""
    found: A = _call("maximum", x, y)
    return found
