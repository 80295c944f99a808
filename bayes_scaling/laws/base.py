"""What a law is: a pure function with priors, declared once by `@law` and listed in `LAWS`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal

from bayes_scaling.errors import InputError
from bayes_scaling.laws.priors import Prior

COLUMNS = {
    "N": "params",
    "D": "tokens",
    "C": "flops",
    "U": "unique_tokens",
    "M": "tokens_per_param",
    "C_min": "min_flops",
    "S_min": "min_steps",
    "L": "val_loss",
}
"""The field's letter for an input -> the column of `Runs` that holds it; others go by their own name."""

Response = Literal["loss", "share"]
"""What a law gives: a positive loss, or a share between 0 and 1 (accuracy, pass rate, error)."""

LAWS: dict[str, "Law"] = {}
"""Every law family, by name."""


@dataclass(frozen=True)
class Law:
    """A law family: loss as a pure function of the inputs of a run, with a prior for each parameter.

    Attributes
    ----------
    name : str
    function : callable
        ``f(*inputs, **parameters)``, arithmetic on any array type. Inputs are multiples of the reference
        point.
    priors : mapping of str to Prior
        In the order of the function's keyword-only parameters.
    formula, cite : str
        For people: the formula and where it comes from.
    power_terms : callable, optional
        Parameters -> (A, alpha, B, beta) of the additive power law ``A N^-alpha + B D^-beta`` that is
        smallest where the law is, for the closed form of the compute-optimal point.
    constants : callable, optional
        ``(reference, **parameters)`` -> dict of the constants that papers print, for the summary.
    response : {"loss", "share"}
        What the law gives: a loss is fitted on its logarithm, a share as a count of test items.
    reparametrise : callable, optional
        Coordinates for the sampler in which data speak of one parameter at a time: ``(**coordinates)`` ->
        (parameters on the free scales of their priors, log determinant of the Jacobian), one coordinate for each
        parameter and under its name. They change how a posterior is explored, and not what it is.
    also : tuple of str
        Other names that the field has for it.
    meanings : mapping of str to str
        What its parameters and constants are, in a few words, where `meaning` does not know.
    columns : tuple of str
        The columns of `Runs` that the inputs are read from: those of `COLUMNS` unless `over` says otherwise.
    """

    name: str
    function: Callable[..., Any]
    priors: Mapping[str, Prior]
    formula: str
    cite: str
    power_terms: Callable[..., tuple[Any, Any, Any, Any]] | None = None
    constants: Callable[..., dict[str, Any]] | None = None
    reparametrise: Callable[..., tuple[dict[str, Any], Any]] | None = None
    response: Response = "loss"
    also: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    inputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        signature = inspect.signature(self.function).parameters.values()
        inputs = tuple(p.name for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD)
        parameters = {p.name for p in signature if p.kind is p.KEYWORD_ONLY}
        for name in sorted(parameters ^ set(self.priors)):
            lacks = "prior" if name in parameters else "keyword-only parameter of the function"
            raise InputError(f"law {self.name!r}: {name!r} has no {lacks}; declare both or neither")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "columns", self.columns or tuple(COLUMNS.get(i, i) for i in inputs))
        # The function's order is the order in which people read the parameters.
        ordered = {p.name: self.priors[p.name] for p in signature if p.kind is p.KEYWORD_ONLY}
        object.__setattr__(self, "priors", ordered)

    def __hash__(self) -> int:
        return hash((self.name, self.function, tuple(self.priors.items())))

    def __call__(self, *inputs: Any, **parameters: Any) -> Any:
        return self.function(*inputs, **parameters)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in the function's order."""
        return tuple(self.priors)

    @property
    def allocates(self) -> bool:
        """Whether a compute budget splits into an optimal N and D under this law."""
        return {"params", "tokens"} <= set(self.columns)

    def meaning(self, name: str) -> str:
        """What a parameter or a constant of the law is, in a few words; empty where nothing is known of it."""
        words = {"E": "irreducible loss"}
        if len(self.inputs) == 1:
            x = self.inputs[0] if self.columns[0] == COLUMNS.get(self.inputs[0]) else self.columns[0]
            above = " above E" if "E" in self.priors else ""
            words |= {
                "A": f"loss{above} at the reference",
                "alpha": f"exponent of {x}",
                "A_1": f"A at {x} = 1",
            }
        elif "N" in self.inputs:
            words |= {
                "E": "irreducible loss, nats per token",
                "A": "loss from finite N at the reference",
                "B": "loss from finite D at the reference",
                "alpha": "exponent of N",
                "beta": "exponent of D",
                "A_1": "A at N = 1",
                "B_1": "B at D = 1",
                "a": "N_opt ~ C^a",
            }
        return {**words, **self.meanings}.get(name, "")

    def over(self, *columns: str) -> "Law":
        """The same law of other columns, one for each input in their order; named ``law:column+column``.

        Raises
        ------
        InputError
            If there are more or fewer columns than inputs, or one is named twice.
        """
        if len(columns) != len(self.inputs) or len(set(columns)) < len(columns) or not all(columns):
            raise InputError(
                f"law {self.name!r} takes {len(self.inputs)} different columns ({', '.join(self.columns)} unless "
                f"named), as in '{self.name}:{'+'.join(self.columns)}'; got {'+'.join(columns)!r}"
            )
        name, usual, constants = f"{self.name}:{'+'.join(columns)}", self.columns, self.constants

        def of_columns(reference: Any, **parameters: Any) -> dict[str, Any]:
            """The constants, whose reference point goes by the usual names."""
            assert constants is not None
            renamed = {old: reference[new] for old, new in zip(usual, columns, strict=True)}
            return constants(renamed, **parameters)

        return replace(
            self, name=name, columns=columns, also=(), constants=None if constants is None else of_columns
        )

    def with_priors(self, priors: Mapping[str, Prior]) -> "Law":
        """The same family with some priors replaced; `InputError` for a parameter that it does not have."""
        for name in priors:
            if name not in self.priors:
                raise InputError(
                    f"law {self.name!r} has no parameter {name!r}; "
                    f"its parameters are {', '.join(self.priors)}"
                )
        return replace(self, priors={**self.priors, **priors})


def law(
    *,
    formula: str,
    cite: str,
    power_terms: Callable[..., tuple[Any, Any, Any, Any]] | None = None,
    constants: Callable[..., dict[str, Any]] | None = None,
    reparametrise: Callable[..., tuple[dict[str, Any], Any]] | None = None,
    response: Response = "loss",
    also: tuple[str, ...] = (),
    meanings: Mapping[str, str] | None = None,
    **priors: Prior,
) -> Callable[[Callable[..., Any]], Law]:
    """Register a function as a law family, under the function's name.

    The keyword-only parameters of the function and the priors given here must be the same names; a difference
    or a name that is taken raises `InputError`. See `Law` for the arguments.
    """

    def register(function: Callable[..., Any]) -> Law:
        new = Law(
            function.__name__,
            function,
            priors,
            formula,
            cite,
            power_terms,
            constants,
            reparametrise,
            response,
            also,
            meanings or {},
        )
        for name in (new.name, *also):
            if name in _names():
                raise InputError(f"a law named {name!r} is already registered; choose another name")
        LAWS[new.name] = new
        return new

    return register


def _names() -> dict[str, Law]:
    """Every law, by its name and by the others that the field has for it."""
    return {name: law for law in LAWS.values() for name in (law.name, *law.also)}


DEFAULT = "skaling"
"""The law where none is named: it forecasts held-out larger runs best (benchmarks/results/extrapolation.md)."""


def get_law(law: str | Law) -> Law:
    """The law of that name, or of ``"name:column+column"`` where its inputs are read from other columns.

    Raises
    ------
    InputError
        With the closest names where there is none; or for columns that do not fit the law's inputs.
    """
    if isinstance(law, Law):
        return law
    name, colon, columns = (part.strip() for part in law.partition(":"))
    known = _names()
    if name not in known:
        close = get_close_matches(name, known)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(f"unknown law {name!r}: {hint}the laws are {', '.join(sorted(LAWS))}")
    return known[name].over(*(c.strip() for c in columns.split("+"))) if colon else known[name]
