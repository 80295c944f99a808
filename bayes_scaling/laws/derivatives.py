"""What differentiating a law says of it: local slopes and exponents, endless scale, and what a doubling buys.

Functions take a law, where to look (`at`, values of its inputs by name, in multiples of the reference point) and its
parameters: numbers, or xarray draws, whose dims come back. Derivatives are five-point central differences in log x,
exact to about nine digits.

The reducible loss is what lies above the law's limit as all its resources (`Law.resources`) become endless.
"""

from collections.abc import Callable, Mapping

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law, Named
from bayes_scaling.laws.elementwise import Array, Computed, log
from bayes_scaling.laws.roles import Kind

type Values = Mapping[str, Array]

ENDLESS = 1e200
"""Stands for infinity, at which some laws would be 0 times infinity."""

_STEP = 1e-3
"""In e-folds: far below the width of any break, far above rounding."""

_DERIVED: dict[str, Callable[[Computed, Computed], Computed]] = {
    "params": lambda n, d: n,
    "tokens": lambda n, d: d,
    "flops": lambda n, d: n * d,
    "tokens_per_param": lambda n, d: d / n,
}
"""Columns that N and D determine, up to a factor that changes no exponent."""


def slope(f: Callable[[Computed], Computed], x: Array) -> Computed:
    """Derivative of f with respect to log x."""
    h = np.exp(_STEP)
    near, far = f(x * h) - f(x / h), f(x * h**2) - f(x / h**2)
    return (8 * near - far) / (12 * _STEP)


def evaluate(law: Law, at: Values, parameters: Values) -> Computed:
    """The law there; inputs that are not given are at their best (`Law.at_best`), or at the reference point.

    Raises
    ------
    InputError
        For an input that the law does not have.
    """
    for name in at:
        if name not in law.inputs:
            raise InputError(
                f"law {law.name!r} has no input {name!r}; its inputs are {', '.join(law.inputs)}"
            )
    values = {**dict.fromkeys(law.inputs, 1.0), **at}
    if law.at_best is not None:
        values |= {k: v for k, v in law.at_best(**values, **parameters).items() if k not in at}
    with np.errstate(all="ignore"):  # of endless inputs; what is not finite says so
        return law(*(values[name] for name in law.inputs), **parameters)


def endless(law: Law, at: Values, parameters: Values, *but: str) -> Computed:
    """The law as its resources grow without end, all `but` those named; what is no resource stays where it is."""
    given = {name: value for name, value in at.items() if name not in law.resources or name in but}
    return evaluate(law, given | {r: ENDLESS for r in law.resources if r not in but}, parameters)


def local_slope(law: Law, at: Values, parameters: Values, x: str) -> Computed:
    """d log f / d log x there; of a score, which may be negative, d f / d log x."""

    def f(value: Computed) -> Computed:
        found = evaluate(law, {**at, x: value}, parameters)
        return found if law.response == "score" else log(found)

    return slope(f, at.get(x, 1.0))


def local_exponent(law: Law, at: Values, parameters: Values, x: str, *, alone: bool = True) -> Computed:
    """-d log (reducible loss) / d log x there, of what is left to x as the other resources grow without end.

    ``alone=False`` leaves the others where they are. NaN where the law has no limit below.
    """
    floor = endless(law, at, parameters)

    def log_reducible(value: Array) -> Computed:
        here = {**at, x: value}
        left = endless(law, here, parameters, x) if alone else evaluate(law, here, parameters)
        return log(left - floor)

    with np.errstate(all="ignore"):  # a law may have no limit, or one that lies above
        return -slope(log_reducible, at.get(x, 1.0))


def doubling(law: Law, at: Values, parameters: Values, x: str) -> Computed:
    """What twice the x saves: f(x) - f(2x)."""
    here = at.get(x, 1.0)
    return evaluate(law, {**at, x: here}, parameters) - evaluate(law, {**at, x: 2 * here}, parameters)


def exponents(law: Law, at: Values, parameters: Values) -> Named:
    """Exponents of the reducible loss in each resource when no other limits it, by column.

    Where inputs act as one product, endless others leave nothing, and stay where they are instead. A law of compute and
    tokens per parameter has exponents of params and tokens too. Those that do not exist for all draws are left out.

    Raises
    ------
    InputError
        For a law that gives no loss.
    """
    if law.response != "loss":
        raise InputError(f"law {law.name!r} gives a {law.response}, not a loss that falls with scale")
    found = {}
    product = any(len({*law.roles[name].of} & {*law.resources}) > 1 for name in law.with_kind(Kind.AMPLITUDE))
    for name, column in zip(law.inputs, law.columns, strict=True):
        if name not in law.resources:
            continue
        found[column] = local_exponent(law, at, parameters, name, alone=not product)
        if not bool(np.isfinite(found[column]).all()):
            found[column] = local_exponent(law, at, parameters, name, alone=False)
    if set(law.columns) <= set(_DERIVED) and len(law.columns) == 2 and not law.allocates:
        found |= _of_params_and_tokens(law, parameters)
    return {column: value for column, value in found.items() if bool(np.isfinite(value).all())}


def _of_params_and_tokens(law: Law, parameters: Values) -> Named:
    """Exponents of N and D under a law of two numbers that they determine, at the reference point."""

    def loss(n: Array, d: Array) -> Computed:
        derived = {name: _DERIVED[column](n, d) for name, column in zip(law.inputs, law.columns, strict=True)}
        return evaluate(law, derived, parameters)

    very = 1e100  # their product is still a number
    floor = loss(very, very)

    def falling(f: Callable[[Computed], Computed]) -> Computed:
        with np.errstate(all="ignore"):
            return -slope(lambda x: log(f(x) - floor), 1.0)

    return {"params": falling(lambda n: loss(n, very)), "tokens": falling(lambda d: loss(very, d))}
