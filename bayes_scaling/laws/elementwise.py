"""`exp`, `log` and friends for any array type, so that a law is written once.

A law body gets floats, NumPy and JAX arrays, PyTensor variables and xarray objects alike. Arithmetic works on
all of them as it stands; functions are looked up here in the library that the argument comes from.
"""

import importlib
from typing import Any

_NAMESPACES = {"pytensor": "pytensor.tensor", "jax": "jax.numpy", "jaxlib": "jax.numpy"}


def _library(*arguments: Any) -> Any:
    """The library of these arguments; NumPy for those that are plain numbers."""
    for x in arguments:
        if found := _NAMESPACES.get(type(x).__module__.partition(".")[0]):
            return importlib.import_module(found)
    # NumPy's own functions serve floats, NumPy arrays and (through __array_ufunc__) xarray.
    return importlib.import_module("numpy")


def exp(x: Any) -> Any:
    """e to the power of x."""
    return _library(x).exp(x)


def log(x: Any) -> Any:
    """Natural logarithm of x."""
    return _library(x).log(x)


def log1p(x: Any) -> Any:
    """log(1 + x), exact for small x."""
    return _library(x).log1p(x)


def expm1(x: Any) -> Any:
    """e^x - 1, exact for small x."""
    return _library(x).expm1(x)


def softplus(x: Any) -> Any:
    """log(1 + e^x), for any x without overflow."""
    library = _library(x)
    return library.softplus(x) if hasattr(library, "softplus") else library.logaddexp(0.0, x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), for any x without overflow."""
    return exp(-softplus(-x))


def held(x: Any) -> Any:
    """x as a constant: no gradient passes through it."""
    match type(x).__module__.partition(".")[0]:
        case "pytensor":
            return importlib.import_module("pytensor.gradient").disconnected_grad(x)
        case "jax" | "jaxlib":
            return importlib.import_module("jax").lax.stop_gradient(x)
    return x


def minimum(x: Any, y: Any) -> Any:
    """The smaller of x and y."""
    return _library(x, y).minimum(x, y)


def maximum(x: Any, y: Any) -> Any:
    """The larger of x and y."""
    return _library(x, y).maximum(x, y)
