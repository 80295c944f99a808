"""What README.md shows, works: its commands are there, its options parse, and its Python runs."""

import json
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
from bayes_scaling.evaluation import baselines
from bayes_scaling.reporting.plot.style import without_pyplot

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language, page=README):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}


def commands(page):
    """The lines of a page's blocks for a shell, and the commands between its words."""
    yield from (line for block in blocks("sh", page) for line in block.splitlines())
    for command in re.findall(r"`(bayes-scaling [^`]+)`", page):
        if "VERB" not in command:
            yield " ".join(command.split())


COMMANDS = {
    command.strip(): words
    for page in (README, *PAGES.values())
    for line in commands(page)
    for command in line.split("&&")
    if (words := shlex.split(command, comments=True)) and (page is README or words[0] == "bayes-scaling")
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_command_is_one(words):
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if words[0] == "bayes-scaling":
        top = click.Context(verbs, **verbs.context_settings)
        assert verbs.get_command(top, words[1]).make_context(words[1], words[2:], top)
    elif words != ["tests/run"]:
        assert words == ["pip", "install", "uv"]


def test_the_ci_runs_the_command_for_the_tests():
    told = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    assert shlex.split("pip install uv && uv run tests/run") in told
    assert "pip install uv && uv run tests/run" in (ROOT / ".ci" / "run").read_text().splitlines()


BEFORE = {
    "planning": """
runs = bs.datasets.load("sweep")
runs = runs.select(runs.table["group"] == "prose")
fit = bs.fit(runs, noise="constant")
""",
    "bands": """
runs = bs.datasets.load("pile")
""",
    "collect": """
from training_logs import CONFIG, lines, write_run
for n, steps in ((64, 600), (96, 900), (128, 1200), (192, 1900)):
    write_run(Path("runs"), f"width-{n}", lines(end=steps, above=16 / n), CONFIG | {"n_embd": n, "max_steps": steps})
""",
}
"""What a page's code takes as there already."""


@pytest.mark.seconds
@pytest.mark.filterwarnings("ignore::bayes_scaling.DoubtfulFitWarning")
@pytest.mark.parametrize(
    "page", ["README", *(name for name in PAGES if blocks("python", PAGES[name]) and name != "gallery")]
)
def test_the_python_runs(page, monkeypatch, tmp_path):
    """From top to bottom, all of it but the sampling."""
    code = BEFORE.get(page, "") + "\n".join(blocks("python", PAGES.get(page, README)))
    monkeypatch.setattr(baselines, "BOOTSTRAPS", 5)
    laws = dict(bs.LAWS)
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    try:
        with instant_sampling():
            exec(compile(code, page, "exec"), {"bs": bs, "Path": Path})
    finally:
        for name in set(bs.LAWS) - set(laws):
            del bs.LAWS[name]


@pytest.mark.sampling
@pytest.mark.filterwarnings("ignore::bayes_scaling.DoubtfulFitWarning")
def test_every_call_of_the_gallery_draws(monkeypatch):
    monkeypatch.setattr(baselines, "BOOTSTRAPS", 5)
    script = runpy.run_path(str(ROOT / "docs" / "gallery.py"))
    with instant_sampling(), without_pyplot():
        fit = bs.fit(bs.datasets.load("pile"), seed=1)
        for _, call, _, _ in script["PICTURES"].values():
            assert script["draw"](call, fit).get_figure()


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_a_link_leads_somewhere(target):
    assert (ROOT / target).exists()


def test_the_page_of_laws_is_what_the_declarations_say():
    """If not: python docs/laws.py."""
    script = runpy.run_path(str(ROOT / "docs" / "laws.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"]()


def test_the_gallery_shows_every_picture_of_a_fit():
    """If not: python docs/gallery.py."""
    script = runpy.run_path(str(ROOT / "docs" / "gallery.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"]()
    assert {path.stem for path in script["FOLDER"].iterdir()} == set(script["PICTURES"])
    assert set(bs.plot.KINDS) - set(script["PICTURES"]) == {"residuals"}  # one panel of residual_trends


def test_every_law_has_its_row():
    catalogue = {
        name for name, law in bs.LAWS.items() if law.function.__module__.startswith("bayes_scaling.")
    }
    page = (ROOT / "docs" / "which_law.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == catalogue


def test_it_is_read_in_a_minute():
    assert len(README.splitlines()) <= 120


def test_the_answer_of_the_demo_is_the_stored_one():
    """If not: python docs/gallery.py, and copy its answer."""
    [answer] = blocks("text")
    assert answer.strip(".\n") == json.loads((ROOT / "benchmarks/results/demo.json").read_text())["answer"]


def test_every_number_of_its_tables_stands_in_the_results():
    results = " ".join(path.read_text() for path in (ROOT / "benchmarks" / "results").glob("*.md"))
    known = set(re.findall(r"[\d.,]*\d", results))
    rows = [
        line for line in README.splitlines() if line.startswith("| **`") or line.startswith(("| `", "| eff"))
    ]
    numbers = [n for row in rows for n in re.findall(r"[\d.,]*\d", row.partition("|")[2].partition("|")[2])]
    assert len(numbers) >= 15
    assert [n for n in numbers if n not in known] == []


def test_the_table_that_it_names_as_hard_is_the_hardest():
    page = (ROOT / "benchmarks" / "results" / "default_law.md").read_text(encoding="utf-8")
    [names, _, *rows] = [line.strip("| ").split("|") for line in page.splitlines() if line.startswith("|")][
        :20
    ]
    held = {
        row[0].strip(): float(row[[name.strip() for name in names].index("held, default")]) for row in rows
    }
    hardest = min(held, key=held.__getitem__)
    assert f"`{hardest}`'s checkpoints 90% bands covered {held[hardest]:.0%}" in README
