"""Names that are markup, formulas, paths or commands are text: on pages and terminals, in pictures and files."""

import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from helpers import HOSTILE

import bayes_scaling as bs
from bayes_scaling.cli.main import main
from bayes_scaling.inference.sample_many import _file


class Tags(HTMLParser):
    """The elements of a page, with the names of their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found |= {tag, *(name for name, _ in attrs)}


@pytest.fixture
def fit(hostile_fit):
    return hostile_fit


@pytest.mark.seconds
def test_the_report(fit):
    page = bs.report(fit, targets=[("100B", "2T")], budgets=[], group=HOSTILE[0])
    assert not Tags(page.partition("<script>")[0]).found & {"script", "onerror", "b"}
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_the_parser_of_this_test_finds_a_script():
    assert "script" in Tags("<p>a<script>alert(1)</script>").found


@pytest.mark.seconds
def test_a_picture_of_a_group_that_looks_like_a_formula(fit):
    picture = io.BytesIO()
    bs.plot.extrapolation(fit, group=HOSTILE[2]).get_figure().savefig(picture, format="svg")
    assert b"<script>" not in picture.getvalue()


@pytest.mark.seconds
def test_the_terminal(fit, tmp_path, capsys):
    """No escape sequence, whichever way it came."""
    tree = fit.tree.copy()
    tree.attrs = {"provenance": json.dumps(fit.provenance | {"device": "a\x1b[31mb\x07\u202e"})}
    path = dataclasses.replace(fit, tree=tree).save(tmp_path / "fit.nc")
    assert main(["summary", str(path)]) in (0, 1)
    said = "".join(capsys.readouterr())
    assert "on a\\x1b[31mb\\x07\\u202e" in said
    assert not re.search("[\x1b\x07\u202e]", said)
    assert main(["predict", "--params", "1B", "--tokens", "1T", "a\x1b[31m.nc"]) == 2
    assert capsys.readouterr().err == "error: no file a\\x1b[31m.nc\n"


def test_labels_are_read_as_what_can_be_seen():
    table = pd.DataFrame({"group": HOSTILE, "params": 1e9, "tokens": 2e9, "loss": 3.0})
    with pytest.warns(bs.DoubtfulInputWarning, match="cannot be seen"):
        runs = bs.load_runs(table, silence=["one_value", "one_loss"])
    assert len(runs.groups) == len(HOSTILE)
    assert "a\\x1b[31mb\\x07" in runs.groups


def test_names_of_files_stay_in_the_folder(tmp_path):
    paths = {_file(tmp_path, name) for name in [*HOSTILE, "..", "x" * 9_999]}
    assert len(paths) == len(HOSTILE) + 2
    for path in paths:
        path.write_text("there")
        assert path.resolve().parent == tmp_path.resolve()


def test_a_notebook(fit):
    assert "<script" not in fit.predict("1B", "1T")._repr_html_()
