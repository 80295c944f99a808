"""The documentation builds as a site without a warning, every page is in it, and it works without network."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bayes_scaling.cli.main import VERBS

lunr = pytest.importorskip("lunr").lunr
ROOT = Path(__file__).parents[2]

QUESTIONS = {
    "which law": ("which_law", "how_to"),
    "how many tokens for 70B": ("how_to", "planning"),
    "what is R-hat": ("how_to", "glossary"),
    "my loss is in bits": ("how_to",),
    "my columns have other names": ("how_to",),
    "tokens in billions": ("how_to",),
    "chance of reaching a target loss": ("gallery", "how_to", "planning"),
    "which runs should I train next": ("gallery", "how_to", "planning"),
    "several corpora": ("how_to",),
    "20 tokens per parameter": ("how_to", "planning", "gallery", "results"),
    "how far can I extrapolate": ("how_to", "bands"),
    "is my fit any good": ("how_to",),
    "how do I share a report": ("how_to", "command_line"),
    "how long does a fit take": ("how_to", "results"),
    "bootstrap": ("how_to",),
    "runs in MLflow or TensorBoard": ("collect", "how_to"),
    "checkpoints of a run": ("how_to",),
    "what does a band cover": ("bands",),
    "semicolon csv": ("how_to",),
    "decimal comma": ("how_to",),
    "my runs crashed": ("how_to", "collect"),
    "what is Pareto k": ("how_to",),
    "what is E": ("how_to", "glossary"),
    "sensitive to a prior": ("how_to", "glossary", "gallery"),
    "docker": ("how_to",),
    "run in a container": ("how_to",),
    "progress in jupyter": ("how_to",),
    "notebook on a remote machine": ("how_to",),
    "change the prior": ("which_law", "gallery", "reference", "how_to"),
}
"""Question -> pages, one of which must be among the first three that its words find."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.seconds
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
    assert re.findall(r'href="?dark\.css', built["gallery"])
    assert 'href="../' not in built["results"]


@pytest.mark.sampling
def test_it_has_the_help_of_every_verb_and_the_words_of_the_functions(site):
    page = (site / "command_line.html").read_text(encoding="utf-8")
    for _, verbs in VERBS.values():
        for verb in verbs:
            assert f'<h3 id="{verb}' in page
    assert "Replaces the law" in (site / "reference.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def search(site):
    """The search of the site: the index and the weights that its own script takes, by the same library in Python."""
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    sections = [
        {part: re.sub("<[^>]+>", " ", section[part]) for part in ("location", "title", "text")}
        for section in index["docs"]
    ]
    weights = [
        {"field_name": name, "boost": index["config"]["fields"][name]["boost"]} for name in ("title", "text")
    ]
    found_by = lunr(ref="location", fields=weights, documents=sections)

    def pages(question):
        words, scores = question.lower().split(), {}
        for found in found_by.search(question.replace("-", " ")):
            whole = ("#" not in found["ref"]) + (len(found["match_data"].metadata) >= len(words))
            scores[found["ref"]] = found["score"] * (1 + whole**2)
        best = sorted(scores, key=scores.get, reverse=True)
        return [*dict.fromkeys(section.partition(".html")[0] for section in best)]

    return pages


@pytest.mark.sampling
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_finds_its_page(search, question):
    assert {*search(question)[:3]} & {*QUESTIONS[question]}


@pytest.mark.sampling
def test_a_word_in_brackets_is_found_by_itself(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    words = re.split(index["config"]["separator"], "The notebook (Huber, on logs): what is E?")
    assert [word for word in words if word] == ["The", "notebook", "Huber", "on", "logs", "what", "is", "E"]


@pytest.mark.sampling
def test_a_question_on_nothing_finds_nothing(search):
    assert search("zebra") == []
