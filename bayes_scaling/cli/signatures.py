"""Signatures of the package's functions and what their docstrings say, read from the source.

Nothing is imported for that: help and shell completion would otherwise wait for NumPy and SciPy.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]

REQUIRED = object()
"""In place of a default, where there is none."""

_SETTINGS = {"Unpack[SamplerSettings]": "sampling.settings.Sampler"}
"""Keywords that are the fields of a class: the annotation, and the class."""

_SECTION = re.compile(r"^(?:Parameters|Attributes)\n-+\n(.*?)(?=^\w+\n-+$|\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^(?P<names>\S.*?)(?: : (?P<kind>.*))?\n(?P<text>(?:(?: .*)?(?:\n|\Z))*)", re.MULTILINE)


@dataclass(frozen=True)
class Argument:
    """An argument of a function: its annotation and default as written, and the docstring's words."""

    name: str
    annotation: str
    default: object
    kind: str = ""
    text: str = ""


@dataclass(frozen=True)
class Signature:
    """A function's arguments by name, and the name of its ``**keywords`` if any."""

    arguments: dict[str, Argument]
    keywords: str | None


def summary(name: str) -> str:
    """The first line of a function's docstring."""
    return (ast.get_docstring(_definition(name)) or "").partition("\n")[0]


@cache
def signature(name: str) -> Signature:
    """The signature of a function or a dataclass, whose name is given from the package on: ``"planning.risk.risk"``."""
    node, module = _definition(name), name.rpartition(".")[0]
    doc = ast.get_docstring(node) or ""
    said = {
        entry["names"].lstrip("*"): entry
        for section in _SECTION.findall(doc)
        for entry in _entries(section + "\n")
    }
    arguments = {
        given: Argument(
            given, annotation, default, **{k: said.get(given, {}).get(k, "") for k in ("kind", "text")}
        )
        for given, annotation, default in _declared(node, module)
    }
    keywords = node.args.kwarg if isinstance(node, ast.FunctionDef) else None
    if keywords and (fields := _SETTINGS.get(_text(keywords.annotation))):
        arguments |= signature(fields).arguments
    return Signature(arguments, keywords.arg if keywords else None)


def _definition(name: str) -> ast.FunctionDef | ast.ClassDef:
    module, _, own = name.rpartition(".")
    nodes = (node for node in _module(module).body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return {node.name: node for node in nodes}[own]


@cache
def _module(name: str) -> ast.Module:
    return ast.parse(PACKAGE.joinpath(*name.split(".")).with_suffix(".py").read_text("utf-8"))


def _declared(node: ast.FunctionDef | ast.ClassDef, module: str) -> Iterator[tuple[str, str, object]]:
    """Name, annotation and default of each argument, or of each field."""
    if isinstance(node, ast.ClassDef):
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                yield field.target.id, _text(field.annotation), _value(field.value, module)
        return
    plain, named = node.args.args, node.args.kwonlyargs
    defaults = [None] * (len(plain) - len(node.args.defaults)) + [*node.args.defaults, *node.args.kw_defaults]
    for argument, default in zip(plain + named, defaults, strict=True):
        yield argument.arg, _text(argument.annotation), _value(default, module)


def _text(annotation: ast.expr | None) -> str:
    """An annotation without quotes, and without the None that is a default."""
    text = ast.unparse(annotation).strip("'\"") if annotation else ""
    return text.removesuffix(" | None")


def _value(node: ast.expr | None, module: str) -> object:
    """A default: a literal, or a constant."""
    if node is None:
        return REQUIRED
    return constant(module, node.id) if isinstance(node, ast.Name) else ast.literal_eval(node)


def constant(module: str, name: str) -> Any:
    """A constant of a module, or of the one that it is imported from."""
    for line in _module(module).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == name:
            return ast.literal_eval(line.value)
        if isinstance(line, ast.ImportFrom) and name in (alias.name for alias in line.names):
            return constant(str(line.module).removeprefix("bayes_scaling."), name)
    raise LookupError(f"{module} has no constant {name}")


def _entries(section: str) -> Iterator[dict[str, str]]:
    """Entries of a numpydoc section, one for each name."""
    for entry in _ENTRY.finditer(section):
        text = " ".join(entry["text"].split()).replace("``", "`")
        for name in entry["names"].split(", "):
            yield {"names": name, "kind": entry["kind"] or "", "text": text}
