"""What a law is: a pure function with priors and roles, declared once by `@law` and listed in `LAWS`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bayes_scaling.data.response import Response
from bayes_scaling.errors import InputError
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.laws.priors import Prior
from bayes_scaling.laws.roles import UNDECLARED, Kind, Role

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

_SCALES = ("N", "D", "C", "U", "C_min", "S_min")

LAWS: dict[str, "Law"] = {}
"""Every law family, by name."""

type Named = dict[str, Computed]
type Terms = tuple[Computed, Computed, Computed, Computed]
"""A, alpha, B, beta of an additive power law."""
type Reparametrised = tuple[Named, Computed]
"""Parameters on their free scales, and the log determinant of the Jacobian."""


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
    roles : mapping of str to Role
        What each parameter does; `bayes_scaling.laws.roles` has a word for each kind.
    power_terms : callable, optional
        Parameters -> (A, alpha, B, beta) of the additive power law ``A N^-alpha + B D^-beta`` that is
        smallest where the law is, for the closed form of the compute-optimal point.
    constants : callable, optional
        ``(reference, **parameters)`` -> dict of the constants that papers print, for the summary.
    meanings : mapping of str to str
        What these constants are, in a few words; ``{D}`` stands for the input D.
    reparametrise : callable, optional
        Coordinates for the sampler in which data speak of one parameter at a time: ``(**coordinates)`` ->
        (parameters on the free scales of their priors, log determinant of the Jacobian), one coordinate for each
        parameter and under its name. They change how a posterior is explored, and not what it is.
    chosen : tuple of str
        The inputs that a run may choose freely, as the learning rate.
    at_best : callable, optional
        ``(**inputs, **parameters)`` -> those, at their best given the others.
    response : {"loss", "share", "score"}
        What the law gives: a loss is fitted on its logarithm, a share as a count of items, a score as it is.
    also : tuple of str
        Other names that the field has for it.
    resources : tuple of str
        The inputs that cost, and of which more is better: N, D, C and their kin, or the only input there is.
    rises : bool
        Whether its loss grows with the resources, as running time does.
    columns : tuple of str
        The columns of `Runs` that the inputs are read from: those of `COLUMNS` unless `over` says otherwise.
    """

    name: str
    function: Callable[..., Computed]
    priors: Mapping[str, Prior]
    formula: str
    cite: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    power_terms: Callable[..., Terms] | None = None
    constants: Callable[..., Named] | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)
    reparametrise: Callable[..., Reparametrised] | None = None
    chosen: tuple[str, ...] = ()
    at_best: Callable[..., Named] | None = None
    response: Response = "loss"
    also: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rises: bool = False
    inputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        signature = inspect.signature(self.function).parameters.values()
        inputs = tuple(p.name for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD)
        parameters = {p.name for p in signature if p.kind is p.KEYWORD_ONLY}
        for name in sorted(parameters ^ set(self.priors)):
            lacks = "prior" if name in parameters else "keyword-only parameter of the function"
            raise InputError(f"law {self.name!r}: {name!r} has no {lacks}; declare both or neither")
        for name in self.roles:
            if name not in parameters:
                raise InputError(
                    f"law {self.name!r}: {name!r} has a role and is no parameter of the function"
                )
        for name in (*self.resources, *self.chosen, *(x for role in self.roles.values() for x in role.of)):
            if name not in inputs:
                raise InputError(
                    f"law {self.name!r}: {name!r} is no input of the function, which takes {', '.join(inputs)}"
                )
        scales = tuple(name for name in inputs if name in _SCALES)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "columns", self.columns or tuple(COLUMNS.get(i, i) for i in inputs))
        object.__setattr__(self, "resources", self.resources or (inputs if len(inputs) == 1 else scales))
        # The function's order is the order in which people read the parameters.
        ordered = {p.name: self.priors[p.name] for p in signature if p.kind is p.KEYWORD_ONLY}
        object.__setattr__(self, "priors", ordered)
        object.__setattr__(self, "roles", {name: self.roles.get(name, UNDECLARED) for name in ordered})

    def __hash__(self) -> int:
        return hash((self.name, self.function, tuple(self.priors.items())))

    def __call__(self, *inputs: Array, **parameters: Array) -> Computed:
        return self.function(*inputs, **parameters)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in the function's order."""
        return tuple(self.priors)

    @property
    def file(self) -> str | None:
        """The file that declares it; None for a law of this package."""
        code = getattr(self.function, "__code__", None)
        own = (self.function.__module__ or "").startswith("bayes_scaling.")  # none where code was executed
        return None if own or code is None else str(code.co_filename)

    @property
    def of_n_and_d(self) -> bool:
        """Whether it takes parameters and tokens, and nothing else."""
        return self.columns == ("params", "tokens")

    @property
    def allocates(self) -> bool:
        """Whether a compute budget splits into an optimal N and D under this law."""
        return self.response == "loss" and {"params", "tokens"} <= set(self.columns)

    def with_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """Names of the parameters whose role is of one of these kinds."""
        return tuple(name for name, role in self.roles.items() if role.kind in kinds)

    def meaning(self, name: str) -> str:
        """What a parameter or a constant of the law is, in a few words; empty where nothing is known of it."""
        shown = {
            letter: letter if column == COLUMNS.get(letter) else column
            for letter, column in zip(self.inputs, self.columns, strict=True)
        }
        if name in self.meanings:
            words = self.meanings[name]
            for letter, x in shown.items():
                words = words.replace(f"{{{letter}}}", x)
            return words
        role = self.roles.get(name, UNDECLARED)
        of = " and ".join(shown[x] for x in role.of)
        if role.words or not of:
            return role.words
        if role.kind is Kind.EXPONENT:
            return f"exponent of {of}"
        if role.kind is Kind.AMPLITUDE and len(self.inputs) > 1:
            return f"loss from finite {of} at the reference"
        if role.kind is Kind.AMPLITUDE:
            floor = "".join(f" above {name}" for name in self.with_kind(Kind.IRREDUCIBLE))
            return f"loss{floor} at the reference"
        return ""

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

        def of_columns(reference: Mapping[str, float], **parameters: Array) -> Named:
            """The constants, whose reference point goes by the usual names."""
            assert constants is not None
            renamed = {old: reference[new] for old, new in zip(usual, columns, strict=True)}
            return constants(renamed, **parameters)

        return replace(
            self, name=name, columns=columns, also=(), constants=None if constants is None else of_columns
        )

    def in_units(self, scales: Mapping[str, float]) -> "Law":
        """The same law, whose priors ``of`` scales of a table take these for their units."""
        return self.with_priors({n: p.in_unit(scales[p.of]) for n, p in self.priors.items() if p.of})

    def with_priors(self, priors: Mapping[str, Prior]) -> "Law":
        """The same family with some priors replaced; `InputError` for a parameter that it does not have."""
        for name in priors:
            if name not in self.priors:
                known = ", ".join(self.priors)
                raise InputError(f"law {self.name!r} has no parameter {name!r}; its parameters are {known}")
        return replace(self, priors={**self.priors, **priors})

    def replaces(self, other: "Law") -> bool:
        """Whether both were declared as the same function of the same module: a cell that was run again."""
        mine, theirs = self.function, other.function
        same = (mine.__module__, mine.__qualname__) == (theirs.__module__, theirs.__qualname__)
        return self.name == other.name and same


def law(
    *,
    formula: str,
    cite: str,
    roles: Mapping[str, Role] | None = None,
    power_terms: Callable[..., Terms] | None = None,
    constants: Callable[..., Named] | None = None,
    meanings: Mapping[str, str] | None = None,
    reparametrise: Callable[..., Reparametrised] | None = None,
    chosen: tuple[str, ...] = (),
    at_best: Callable[..., Named] | None = None,
    response: Response = "loss",
    also: tuple[str, ...] = (),
    resources: tuple[str, ...] = (),
    rises: bool = False,
    **priors: Prior,
) -> Callable[[Callable[..., Computed]], Law]:
    """Register a function as a law family, under the function's name.

    The keyword-only parameters of the function and the priors given here must be the same names. A function that
    the same module declares once more, as a notebook's cell that is run again, replaces the law. Arguments are those
    of `Law`.

    Raises
    ------
    InputError
        If parameters, priors and roles differ, or another law has that name.
    """

    def register(function: Callable[..., Computed]) -> Law:
        new = Law(
            function.__name__,
            function,
            priors,
            formula,
            cite,
            roles or {},
            power_terms,
            constants,
            meanings or {},
            reparametrise,
            chosen,
            at_best,
            response,
            also,
            resources,
            rises=rises,
        )
        known = names()
        for name in (new.name, *also):
            if name in known and not new.replaces(known[name]):
                raise InputError(f"a law named {name!r} is already registered; choose another name")
        LAWS[new.name] = new
        return new

    return register


def names() -> dict[str, Law]:
    """Every law, by its name and by the others that the field has for it."""
    return {name: law for law in LAWS.values() for name in (law.name, *law.also)}
