"""The benchmarks are not run here, but what they take from the package is there."""

import ast
import importlib
from pathlib import Path

import pytest

import bayes_scaling as bs

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(p for folder in ("benchmarks", "docs", "notebooks") for p in (ROOT / folder).rglob("*.py"))


def taken(tree):
    """(module, name) of everything that a script takes from the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bayes_scaling"):
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bs":
            yield "bayes_scaling", node.attr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_script_takes_is_there(script):
    names = set(taken(ast.parse(script.read_text(encoding="utf-8"))))
    assert [f"{m}.{n}" for m, n in sorted(names) if not is_there(m, n)] == []


def is_there(module, name):
    found = bs if module == "bayes_scaling" else importlib.import_module(module)
    if hasattr(found, name):
        return True
    try:
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


def test_what_is_not_there_is_found():
    source = "import bayes_scaling as bs\nfrom bayes_scaling.api import Fit, nothing\nbs.fit, bs.nothing"
    assert {m for m in taken(ast.parse(source)) if not is_there(*m)} == {
        ("bayes_scaling.api", "nothing"),
        ("bayes_scaling", "nothing"),
    }
