"""CONTRIBUTING.md is a true map of the package, and the package keeps to its sizes."""

import ast
import io
import re
import runpy
import statistics
import token
import tokenize
import tomllib
from pathlib import Path

import bayes_scaling

HOME = Path(bayes_scaling.__file__).parent
ROOT = HOME.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def column(heading, number):
    """The cells of a column of the guide's table that starts with this heading."""
    table = GUIDE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [row.split("|")[number].strip() for row in table.splitlines()[2:]]


def test_every_folder_is_on_the_map_in_import_order():
    order = next(c["layers"] for c in CONTRACTS if c["id"] == "folders")
    assert column("folder", 1) == [f"`{folder}`" for folder in reversed(order)]


def test_every_file_that_the_guide_names_exists():
    named = set(re.findall(r"`([\w./]+(?:/|\.(?:py|pyi|md|toml)))`", GUIDE)) - {"uv.lock"}
    assert len(named) > 12
    assert [name for name in sorted(named) if not any((at / name).exists() for at in (ROOT, HOME))] == []


def test_what_may_be_added_has_a_place():
    assert column("to add", 1) == [
        "a law",
        "a prior",
        "a noise",
        "a verb",
        "a plot",
        "a warning of a table",
        "a warning of a fit",
        "a format of tables",
        "a tracker",
        "a data set",
        "a benchmark",
    ]
    assert all(re.search(r"`[\w./]+`|its folder", opened) for opened in column("to add", 2))


def test_the_top_holds_four_modules():
    assert {p.stem for p in HOME.glob("*.py")} == {"__init__", "__main__", "api", "errors"}


def test_the_picture_shows_the_folders_and_a_way_down():
    """If not: python docs/architecture.py."""
    drawing = runpy.run_path(str(ROOT / "docs" / "architecture.py"))
    assert (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8") == drawing["picture"]()
    order = list(drawing["FOLDERS"])
    assert order == [cell.strip("`") for cell in column("folder", 1)]
    assert all((HOME / file).exists() for file in drawing["WAY"])
    passed = [order.index(file.partition("/")[0]) for file in drawing["WAY"]]
    assert passed == sorted(passed)


def own_imports_in_functions(path):
    """Lines on which a function imports from this package, with neither a comment there nor one right above."""
    source = path.read_text()
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    inside = {
        node.lineno: node.module
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("bayes_scaling")
    }
    explained = {n for n in sorted(inside) if "#" in lines[n - 1] or lines[n - 2].lstrip().startswith("#")}
    for n in sorted(inside):  # one comment is for all that follow it
        explained |= {n} if n - 1 in explained else set()
    return [f"{path.relative_to(HOME)}:{n}" for n in sorted(set(inside) - explained)]


def test_what_the_package_imports_late_of_its_own_says_why():
    """`cli` says it once for all verbs, in `answer.py`."""
    files = [path for path in HOME.rglob("*.py") if path.parent.name != "cli"]
    assert [line for path in files for line in own_imports_in_functions(path)] == []
    assert own_imports_in_functions(HOME / "cli" / "planning.py")


def test_no_file_is_long():
    lengths = {p.relative_to(HOME): len(p.read_text().splitlines()) for p in HOME.rglob("*.py")}
    assert [(str(p), n) for p, n in lengths.items() if n > 300] == []
    assert statistics.median(lengths.values()) < 150


def test_any_stays_at_the_border():
    """`Any` is for libraries without types, and for what a user may give that is not yet read.

    `Computed` (data/arrays.py) is one of them: what arithmetic gives on arrays of any library, which have no type in
    common.
    """
    count = sum(
        t.type == token.NAME and t.string == "Any"
        for path in [*HOME.rglob("*.py"), *HOME.rglob("*.pyi")]
        for t in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    )
    assert count < 100
