"""The page of forecasts on record is the one that its answers make, and docs/far.md says what it says."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("on_record", ROOT / "benchmarks" / "on_record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pieces(script):
    return json.loads(script.PIECES.read_text("utf-8"))


def test_the_page_is_made_from_the_answers(script, pieces):
    assert (script.RESULTS / "on_record.md").read_text("utf-8") == script.page(pieces)


def test_every_record_has_a_source_and_larger_runs_ahead(script, pieces):
    assert set(pieces) == set(script.RECORDS)
    for record in script.RECORDS.values():
        assert " at " in record.source  # the version in which the figures stand
        assert min(target.at for target in record.targets) > max(record.small)


def test_the_documentation_quotes_the_answers(script, pieces):
    """Each row of the table of docs/far.md has medians and bounds of that record, in its order."""
    page = (ROOT / "docs" / "far.md").read_text("utf-8")
    for name, law in (("marin", "`gpt4`"), ("marin, their floor", "`gpt4@E=1.6`")):
        row, alone = re.search(rf"^\| {law}(.*)\n\| the law alone (.*)$", page, re.MULTILINE).groups()
        answers = pieces[name]["answers"]
        said = [float(number) for number in re.findall(r"\d\.\d{3}", row)]
        assert said == [round(x, 3) for a in answers for x in (a["median"], *a["band"])]
        said = [float(number) for number in re.findall(r"\d\.\d{3}", alone)]
        assert said == [round(x, 3) for a in answers for x in a["law alone"]]
