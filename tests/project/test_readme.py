"""What README.md shows, works: its commands are there, its options parse, and its Python runs."""

import os
import re
import runpy
import shlex
from pathlib import Path

import click
import matplotlib
import pytest
from helpers import instant_sampling

import bayes_scaling as bs
from bayes_scaling.cli.main import verbs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


COMMANDS = [
    words
    for block in blocks("sh")
    for line in block.splitlines()
    for command in line.split("&&")
    if (words := shlex.split(command, comments=True))
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_is_one(words):
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if words[0] == "bayes-scaling":
        top = click.Context(verbs, **verbs.context_settings)
        assert verbs.get_command(top, words[1]).make_context(words[1], words[2:], top)
    elif words[0] == "tests/run":
        assert os.access(ROOT / "tests" / "run", os.X_OK)
    else:
        assert words == ["pip", "install", "uv"]


def test_the_ci_runs_the_command_for_the_tests():
    [command] = (line for line in blocks("sh")[0].splitlines() if "tests/run" in line)
    assert command.partition("#")[0].strip() in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.sampling  # no, but the baselines of its back-test are bootstrapped
@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split()[-1])
@pytest.mark.filterwarnings("ignore::bayes_scaling.DoubtfulFitWarning")
def test_the_python_runs(code, monkeypatch, tmp_path):
    """All of it but the sampling."""
    laws = dict(bs.LAWS)
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    try:
        with instant_sampling():
            exec(compile(code, "README.md", "exec"), {})
    finally:
        for name in set(bs.LAWS) - set(laws):
            del bs.LAWS[name]


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_a_link_leads_somewhere(target):
    assert (ROOT / target).exists()


def test_the_page_of_laws_is_what_the_declarations_say():
    """If not: python docs/laws.py."""
    script = runpy.run_path(str(ROOT / "docs" / "laws.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"]()


def test_every_law_has_its_row():
    catalogue = {
        name for name, law in bs.LAWS.items() if law.function.__module__.startswith("bayes_scaling.")
    }
    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == catalogue
