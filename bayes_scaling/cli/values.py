"""What is written on the command line, as Python values: lists, pairs, models, groups' poolings, tables, clusters."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import say
from bayes_scaling.cli.guide import columns_taken
from bayes_scaling.cli.signatures import signature
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

    from bayes_scaling.api import Fit
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.laws.priors import Prior


def listed(given: Sequence[str], _: str = "") -> list[str]:
    """Values of an option that may be repeated, or hold several with commas between."""
    return [part.strip() for text in given for part in text.split(",")]


def quantities(given: Sequence[str], _: str = "") -> list[str] | str:
    """One quantity, or several."""
    found = listed(given)
    return found if len(found) > 1 else found[0]


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """Values by name, of an option that is repeated as name=value."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise InputError(f"{option} {text!r} is not of the form name=value")
        if name in found:
            raise InputError(f"{option} gives {name!r} twice")
        found[name] = value
    return found


def inputs(given: Sequence[str], option: str) -> dict[str, list[str] | str]:
    """Further inputs of a law, by name."""
    return {name: quantities([value]) for name, value in pairs(given, option).items()}


def pooling(given: Sequence[str], option: str) -> str | dict[str, str]:
    """One kind for all, or a kind by parameter."""
    kinds = listed(given)
    return kinds[0] if len(kinds) == 1 and "=" not in kinds[0] else pairs(kinds, option)


def models(given: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Parameters and tokens of models, each given as params:tokens."""
    found = [text.partition(":") for text in listed(given)]
    for params, colon, _ in found:
        if not colon:
            raise InputError(f"{option} {params!r} is not of the form params:tokens, such as 100B:2T")
    return [(params, tokens) for params, _, tokens in found]


def model(given: Sequence[str], option: str) -> tuple[str, str]:
    """Parameters and tokens of one model."""
    return models(given, option)[-1]


def priors(given: Sequence[str], option: str) -> "dict[str, Prior | float]":
    """Priors by parameter: ``alpha=LogNormal(0.35, 0.2)``, ``E=1.6``, or a .toml file with such a text for each."""
    found: dict[str, Prior | float] = {}
    for text in given:
        if text.endswith(".toml"):
            found |= {name: _prior(str(value), f"{text}, {name}") for name, value in _toml(text).items()}
        else:
            name, _, value = text.partition("=")
            found[name.strip()] = _prior(value, f"{option} {text!r}")
    return found


def law(given: str) -> str:
    """A law's name, also where it is given as ``file.py:name`` and the file declares it."""
    path, suffix, name = given.partition(".py:")
    if not suffix:
        return given
    path, declared = f"{path}.py", declare(f"{path}.py")
    if re.split("[:+@]", name)[0] not in declared:  # as `bayes_scaling.laws.names.get_law` reads it
        raise InputError(f"{path} has no law {name!r}; it declares {', '.join(declared) or 'none'}")
    return name


def declare(path: str) -> list[str]:
    """Runs a .py file that declares laws with `@law`; their names."""
    import runpy

    try:  # a saved fit names the whole path, for those who open it from another folder
        found = runpy.run_path(os.path.abspath(path), run_name=path.removesuffix(".py"))
    except FileNotFoundError:
        raise InputError(f"no file {path}") from None
    if path not in (files := law_files(click.get_current_context())):
        files.append(path)
    return [value.name for value in found.values() if isinstance(value, bs.Law)]


def law_files(ctx: click.Context) -> list[str]:
    """The files that declared laws for this command: the next one needs them too."""
    files: list[str] = ctx.meta.setdefault("law_files", [])
    return files


def _toml(path: str) -> dict[str, object]:
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} cannot be read as a TOML file: {error}") from None


def _prior(text: str, where: str) -> "Prior | float":
    import ast

    from bayes_scaling.laws.priors import OF_NUMBERS

    kinds = ", ".join(OF_NUMBERS)
    form = f"expected one of {kinds} with numbers, as in alpha=LogNormal(0.35, 0.2), or a number to pin it"
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Constant | ast.UnaryOp):
            return float(ast.literal_eval(call))
        if not isinstance(call, ast.Call) or ast.unparse(call.func) not in OF_NUMBERS:
            raise ValueError
        numbers = [float(ast.literal_eval(value)) for value in call.args]
        named = {str(k.arg): float(ast.literal_eval(k.value)) for k in call.keywords}
        prior: Prior = getattr(bs, ast.unparse(call.func))(*numbers, **named)
    except (SyntaxError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{where}: {error}") from None
        raise InputError(f"{where} is no prior; {form}") from None
    return prior


READER = "data.load.load_runs"
"""The function that reads tables, from the package on."""


def roles() -> list[str]:
    """Arguments of `READER` that name a column, which ``--column`` gives: those between the table and the inputs."""
    names = [*signature(READER).arguments]
    return names[1 : names.index("inputs")]


def reader_options() -> list[str]:
    """Arguments of `READER` that have an option of their own."""
    return [
        name for name in signature(READER).arguments if name not in ("source", "inputs", "name", *roles())
    ]


@dataclass(frozen=True)
class Table:
    """How a table is to be read: the column of its groups, columns by role, further inputs, and `reader_options`."""

    group: str | None
    column: Mapping[str, str]
    inputs: Sequence[str]
    options: Mapping[str, Any]

    def read(self, path: str, *laws: str | None) -> "Runs":
        """The runs of a file, with the columns that these laws take; None is the law where none is named."""
        from bayes_scaling.laws.names import DEFAULT, get_law

        for role in self.column:
            if role not in (known := roles()):
                raise InputError(f"--column {role}=... is unknown; the columns are {', '.join(known)}")
        read = {**self.options, **self.column}
        if self.group is not None:
            if "group" in read:
                raise InputError("--group and --column group=... both name the group's column; give one")
            read["group"] = self.group
        families = [get_law(law or DEFAULT) for law in laws]
        if read["response"] is None and families and all(law.response == "score" for law in families):
            read["response"] = "score"
        inputs = [column for law in families for column in law.columns]
        runs = bs.load_runs(path, inputs=[*inputs, *self.inputs], **read)
        if taken := columns_taken(runs):
            say(f"{runs.name}: {taken}")
        return runs


def named_by_law(fits: "Mapping[str, Fit]") -> "dict[str, Fit]":
    """Fits by the names of their laws where those tell them apart."""
    by_law = {fit.law.name: fit for fit in fits.values()}
    return by_law if len(by_law) == len(fits) else dict(fits)


def client(given: Sequence[str], option: str) -> "Client":
    """A client of the Dask cluster whose scheduler has this address."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError(f"{option} needs Dask: pip install 'bayes_scaling[cluster]'") from None
    return Client(given[-1])


def at_a_terminal() -> bool:
    """Whether someone watches."""
    return sys.stderr.isatty()
