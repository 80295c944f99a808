"""`exp`, `log` and friends for any array type, so that a law is written once.

A law body gets floats, NumPy and JAX arrays, PyTensor variables and xarray objects alike. Arithmetic works on
all of them as it stands; functions are looked up here in the library that the argument comes from.
"""

import importlib
from typing import Any

_NAMESPACES = {"pytensor": "pytensor.tensor", "jax": "jax.numpy", "jaxlib": "jax.numpy"}


def _call(name: str, x: Any) -> Any:
    library = type(x).__module__.partition(".")[0]
    # NumPy's own functions serve floats, NumPy arrays and (through __array_ufunc__) xarray.
    return getattr(importlib.import_module(_NAMESPACES.get(library, "numpy")), name)(x)


def exp(x: Any) -> Any:
    """e to the power of x."""
    return _call("exp", x)


def log(x: Any) -> Any:
    """Natural logarithm of x."""
    return _call("log", x)


def log1p(x: Any) -> Any:
    """log(1 + x), exact for small x."""
    return _call("log1p", x)
