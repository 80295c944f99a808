"""Data flow one way through the rooms of the package, and so do imports."""

import ast
import re
from pathlib import Path

import pytest

import bayes_scaling

HOME = Path(bayes_scaling.__file__).parent

# fmt: off
ORDER = [
    "errors", "elementwise", "units", "hardware", "architecture", "batch", "priors", "cells", "tables", "runs",
    "datasets", "laws", "discrepancy", "noise", "model", "sampling", "progress", "store", "drift", "request", "fit",
    "many", "sensitivity", "diagnose", "predict", "two_step", "allocate", "outlook", "wording", "constraints", "plan",
    "rules", "risk", "serving", "groups", "exponents", "baselines", "backtest", "compare", "pooling", "simulate",
    "envelope", "isoflop", "approaches", "batches", "candidates", "design", "plot", "pictures", "text", "report",
    "__init__", "demo", "arguments", "verbs", "planning_verbs", "cli",
]
# fmt: on
"""Every room, in the order in which data flow; a room imports only from those before it.

`__init__` is the public page, for those who use the package as a user does.
"""

BACKWARD = {
    ("fit.Fit.summary", "diagnose"),
    ("fit.Fit.diagnose", "diagnose"),
    ("fit.Fit.predict", "predict"),
    ("fit.Fit.allocate", "allocate"),
    ("fit.Fit.approaches", "approaches"),
    ("fit.Fit.design", "design"),
    ("fit.Fit.plan", "plan"),
    ("fit.Fit.risk", "risk"),
    ("fit.Fit.chances", "risk"),
    ("fit.Fit.serve", "serving"),
    ("fit.Fit.contrast", "groups"),
    ("fit.Fit.compare_pooling", "pooling"),
    ("fit.Fit.exponents", "exponents"),
    ("fit.fit", "diagnose"),
}
"""The verbs that `Fit` offers as methods, and the diagnosis that `fit` ends with: inside functions only."""

ONLY = {
    "jax": {"sampling"},
    "jaxlib": {"sampling"},
    "blackjax": {"sampling"},
    "pymc": {"model"},
    "pytensor": {"model", "sampling/program.py"},
}
"""Third-party packages that are known to few rooms. Strings, as in `elementwise`, do not count as imports."""


def sources():
    return sorted(p for p in HOME.rglob("*.py") if p.parent != HOME or p.stem not in ("__init__", "__main__"))


def room_of(path):
    first = path.relative_to(HOME).parts[0]
    return first.removesuffix(".py")


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(node, scope=()):
    """(scope, module) of every import below a node, but for those that only a type checker makes."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            yield from (found for branch in child.orelse for found in imports(branch, scope))
        elif isinstance(child, ast.Import):
            yield from ((scope, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute, so that their direction can be read"
            if child.module == "bayes_scaling":
                yield from ((scope, f"bayes_scaling.{alias.name}") for alias in child.names)
            else:
                yield scope, child.module
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from imports(child, (*scope, child.name))
        else:
            yield from imports(child, scope)


def arrows(source, room):
    """(where, room) of every import from another room of the package."""
    for scope, module in imports(ast.parse(source)):
        package, _, inner = module.partition(".")
        target = inner.partition(".")[0]
        target = target if target in ORDER else "__init__"
        if package == "bayes_scaling" and target != room:
            yield ".".join((room, *scope)), target


def against_the_flow(source, room):
    return [
        (where, target)
        for where, target in arrows(source, room)
        if ORDER.index(target) > ORDER.index(room) and (where, target) not in BACKWARD
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(HOME)))
def test_a_room_imports_only_from_rooms_before_it(path):
    assert room_of(path) in ORDER, "a new room: give it its place in ORDER"
    assert against_the_flow(path.read_text(), room_of(path)) == []


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(HOME)))
def test_few_rooms_know_the_heavy_libraries(path):
    at = str(path.relative_to(HOME))
    known = {
        module.partition(".")[0]
        for _, module in imports(ast.parse(path.read_text()))
        if module.partition(".")[0] in ONLY
    }
    assert {package for package in known if not {room_of(path), at} & ONLY[package]} == set()


def test_the_package_page_imports_no_room():
    found = [module for _, module in imports(ast.parse((HOME / "__init__.py").read_text()))]
    assert [module for module in found if module.startswith("bayes_scaling")] == []


def test_newcomers_are_told_of_every_room_in_this_order():
    table = (HOME.parent / "CONTRIBUTING.md").read_text().partition("| room |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"\w+", row.split("|")[1])]
    assert named == [room for room in ORDER if room != "__init__"]


def test_every_exception_to_the_order_is_in_use():
    used = {arrow for path in sources() for arrow in arrows(path.read_text(), room_of(path))}
    assert used >= BACKWARD


@pytest.mark.parametrize(
    ("source", "room", "found"),
    [
        ("from bayes_scaling.fit import Fit", "runs", [("runs", "fit")]),
        ("from bayes_scaling import plot", "predict", [("predict", "plot")]),
        ("from bayes_scaling import InputError", "predict", [("predict", "__init__")]),
        ("import bayes_scaling as bs", "predict", [("predict", "__init__")]),
        ("import bayes_scaling as bs", "cli", []),
        ("import bayes_scaling.cli", "fit", [("fit", "cli")]),
        ("def f():\n    from bayes_scaling.fit import fit", "model", [("model.f", "fit")]),
        ("try:\n    import bayes_scaling.report\nexcept ImportError:\n    pass", "fit", [("fit", "report")]),
        ("if TYPE_CHECKING:\n    from bayes_scaling.fit import Fit", "runs", []),
        ("from bayes_scaling.runs import Runs", "fit", []),
        ("class Fit:\n    def predict(self):\n        from bayes_scaling.predict import predict", "fit", []),
        ("from bayes_scaling.predict import predict", "fit", [("fit", "predict")]),
    ],
)
def test_an_arrow_that_runs_back_up_is_found(source, room, found):
    assert against_the_flow(source, room) == found
