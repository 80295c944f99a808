"""The documentation builds as a site without a warning, every page is in it, and it works without network."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bayes_scaling.cli.main import VERBS

ROOT = Path(__file__).parents[2]

QUESTIONS = {
    "which law": ("which_law", "how_to"),
    "how many tokens 70B": ("how_to", "planning"),
    "what is R-hat": ("how_to", "glossary"),
    "loss in bits": ("how_to",),
    "columns other names": ("how_to",),
    "columns in billions": ("how_to",),
    "chance of a target": ("gallery", "how_to", "planning"),
    "which runs train next": ("gallery", "how_to", "planning"),
    "several corpora architectures": ("how_to",),
    "20 tokens per parameter": ("how_to", "planning", "gallery", "results"),
    "bootstrap": ("how_to",),
    "runs in MLflow or TensorBoard": ("collect", "how_to"),
    "checkpoints of a run": ("how_to",),
}
"""Question -> pages, one of which must be among the first three that its words find."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.sampling  # of nothing, but it takes long
def test_it_has_every_page_and_needs_no_network(site):
    built = {page.stem: page.read_text(encoding="utf-8") for page in site.glob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} < set(built)
    for name, page in built.items():
        asked = re.findall(
            r"""<(?:script|img|iframe|link rel="?(?:stylesheet|preload))[^>]*https?://[^>]*>""", page
        )
        assert asked == [], name
        assert re.findall(r'src="?iframe-worker\.js', page), name
    assert (site / "iframe-worker.js").exists()
    assert "<math" in built["which_law"]
    assert 'href="../' not in built["results"]


@pytest.mark.sampling
def test_it_has_the_help_of_every_verb_and_the_words_of_the_functions(site):
    page = (site / "command_line.html").read_text(encoding="utf-8")
    for _, verbs in VERBS.values():
        for verb in verbs:
            assert f'<h3 id="{verb}' in page
    assert "Replaces the law" in (site / "reference.html").read_text(encoding="utf-8")


@pytest.mark.sampling
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_finds_its_page(site, question):
    """By the words of the index that the search reads: those of a title count most, as there."""
    sections = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    words = [
        word
        for word in question.lower().split()
        if word not in {"a", "in", "of", "is", "what", "how", "many"}
    ]

    def score(section):
        title, text = (re.sub("<[^>]+>", " ", section[part]).lower() for part in ("title", "text"))
        rare = {w: sum(w in (s["title"] + s["text"]).lower() for s in sections) for w in words}
        return sum((5 * (w in title) + (w in text)) / (1 + rare[w]) for w in words)

    pages = list(
        dict.fromkeys(s["location"].partition(".html")[0] for s in sorted(sections, key=score, reverse=True))
    )
    assert set(pages[:3]) & set(QUESTIONS[question])
