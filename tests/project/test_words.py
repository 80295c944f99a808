"""The package's words are the field's: what a name meant only to its authors does not come back."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import bayes_scaling

HOME = Path(bayes_scaling.__file__).parent
GLOSSARY = HOME.parent / "docs" / "glossary.md"
PAGES = [HOME.parent / "README.md", HOME.parent / "CONTRIBUTING.md", *sorted(GLOSSARY.parent.glob("*.md"))]
NOTEBOOKS = sorted((HOME.parent / "notebooks").glob("*.py"))

NAMES = {
    *(
        "doubt",
        "doubts",
        "lean",
        "leans",
        "told",
        "hanging",
        "hangs",
        "outlook",
        "lane",
        "lanes",
        "room",
        "rooms",
    ),
    *("straight", "road", "follows", "hold", "holds"),
}
"""In no identifier."""

IN_FILES = {"model/drift.py": ["lean"]}
"""What files of older versions say."""

PHRASES = re.compile(
    r"\b(doubts?|leans?|leaning|told\s+by|hanging|hangs? on|outlooks?|lanes?|rooms?|whole road|"
    r"round coordinates|(bands?|intervals?)\s+(holds?|held))\b",
    re.IGNORECASE,
)
"""In no docstring, no message and no page; line ends count as spaces."""


def sources():
    return sorted(HOME.rglob("*.py"))


def identifiers(tree):
    """Every name that the source gives to something, or uses."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name


@cache
def words(name):
    """``LossSurface`` and ``loss_surface`` as loss, surface."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def prose(tree):
    """Docstrings and messages: constants of more than one word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value


def strangers(source):
    tree = ast.parse(source)
    found = {name for name in identifiers(tree) if words(name) & NAMES}
    return sorted(found | {m.group().lower() for text in prose(tree) for m in PHRASES.finditer(text)})


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(HOME)))
def test_words_of_the_field(path):
    allowed = IN_FILES.get(str(path.relative_to(HOME)), [])
    assert strangers(path.read_text(encoding="utf-8")) == allowed


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.name)
def test_words_of_the_pages(page):
    assert [m.group() for m in PHRASES.finditer(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("class LossOutlook: ...", ["LossOutlook"]),
        ("def f(x): return x.doubts", ["doubts"]),
        ("def f(lean): ...", ["lean"]),
        ("import a as room", ["room"]),
        ('def f():\n    """Known as told by its prior."""', ["told by"]),
        ('raise E(f"{x} hangs on its prior")', ["hangs on"]),
        ("threshold = household = clean", []),
        ('provenance["lean"]', []),
    ],
)
def test_a_stranger_is_found(source, found):
    assert strangers(source) == found


def test_the_glossary_is_short():
    entries = re.findall(r"^- \*\*(.+)\*\*: (.+)$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
    assert 0 < len(entries) <= 25
    assert [
        name for name, text in entries if re.search(r"[.!?] [A-Z]|[^.]$", text)
    ] == []  # one sentence each
    names = [name.lower() for name, _ in entries]
    assert names == sorted(set(names))
