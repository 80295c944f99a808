"""The report: one page that holds the answers, says what they leave out, and needs nothing else."""

import dataclasses
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.data.units import format_flops, format_quantity

TARGET, BUDGETS = ("100B", "2T"), ["1e24", "1e25", "1e26"]


@pytest.fixture(scope="module")
def page(pile_fit):
    return bs.report(pile_fit, targets=[TARGET], budgets=BUDGETS)


@pytest.fixture(scope="module")
def single_page(single_fit):
    return bs.report(single_fit)


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_holds_every_answer(page, pile_fit):
    text = text_of(page)
    loss = pile_fit.predict(*TARGET)
    for kind in ("mean", "new_run"):
        for number in np.ravel(loss.interval(0.9, kind)):
            assert f"{number:.3f}" in text
    plan = pile_fit.allocate(["1e24", "1e25", "1e26"])
    for what in ("params", "tokens"):
        for number in np.ravel([*plan.interval(what=what), plan.median(what)]):
            assert format_quantity(number) in text


def test_starts_with_a_sentence_that_answers(page, single_fit, pile_fit):
    first, *_ = pile_fit.predict("100B", "2T", group="pythia").sentences()
    assert first.startswith("100B parameters on 2T tokens: loss ")
    assert text_of(page).partition("Sentences and pictures are about")[2].index(first) < 100
    inside = bs.report(single_fit, targets=[(single_fit.reference["params"], single_fit.reference["tokens"])])
    assert "within the range of the data" in text_of(inside)


def test_runs_that_nobody_named_are_ten_to_a_thousand_times_the_largest(pile_fit):
    text = text_of(bs.report(pile_fit))
    most = pile_fit.runs.extent["flops"][1]
    for times in (10, 100, 1000):
        assert f"{format_flops(times * most)} FLOPs" in text
    assert "Some answers lie up to 3.0 decades beyond the data" in text


def test_what_to_know_stands_under_the_answer_and_before_all_else(single_page, single_fit):
    body = single_page.partition("<main>")[2]
    assert body.index('class="answer"') < body.index("Before you rely on it") < body.index("<table")
    care = text_of(body.partition('class="care"')[2].partition("</section>")[0])
    assert "decades beyond the data" in care
    assert all(warning in care for warning in single_fit.diagnose().warnings)
    near = bs.report(single_fit, targets=[], budgets=[10 * single_fit.runs.extent["flops"][1]])
    assert "Some answers lie up to" not in near


def test_it_is_sound_for_readers_of_all_kinds(page):
    class Checker(HTMLParser):
        void = frozenset({"meta", "img", "br", "link"})

        def __init__(self):
            super().__init__()
            self.open, self.headings, self.cells = [], [], []

        def handle_starttag(self, tag, attrs):
            if tag not in self.void:
                self.open.append(tag)
            if re.fullmatch("h[1-6]", tag):
                self.headings.append(int(tag[1]))
            if tag == "th":
                self.cells.append(dict(attrs).get("scope"))

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.headings[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(checker.headings)), "no level is left out"
    assert checker.headings.count(1) == 1
    assert set(checker.cells) == {"col", "row"}
    assert page.count("<caption>") == page.count("<table>")
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_says_how_much_a_wrong_size_costs(page, pile_fit):
    found = pile_fit.risk(["1e24", "1e25", "1e26"], group="pythia")
    low, high = (format_quantity(float(found.safe[end][0])) for end in ("lower", "upper"))
    assert f"every N from {low} to {high} is within 0.1% of the least expected loss" in text_of(page)


def test_says_what_the_bands_leave_out(page):
    assert "None of them covers a change of recipe" in text_of(page)


def test_needs_no_network_and_no_scripts(page):
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert not re.search(r"@import|url\(", page)


def test_every_picture_has_words(page):
    pictures = re.findall(r"<img [^>]*>", page)
    assert len(pictures) == 7
    assert all(re.search(r'alt="[^"]{20,}"', picture) for picture in pictures)


@pytest.mark.parametrize("failures", [(), ("the chains disagree about <E>",)])
def test_a_failed_fit_says_so_before_anything_else(single_fit, monkeypatch, failures):
    found = dataclasses.replace(single_fit.diagnose(), failures=failures)
    monkeypatch.setattr("bayes_scaling.reporting.html.diagnose", lambda fit: found)
    body = bs.report(single_fit).partition("<body>")[2].lstrip()
    assert body.startswith('<div class="banner"') == bool(failures)
    assert all(sentence.replace("<E>", "&lt;E&gt;") in body for sentence in failures)


def test_another_probability_is_in_every_heading(single_fit):
    text = text_of(bs.report(single_fit, prob=0.5))
    assert "50% of new runs" in text
    assert "90%" not in text


def test_names_from_the_table_cannot_inject_markup(single_fit):
    hostile = dataclasses.replace(single_fit.runs, name="<script>alert(1)</script>")
    page = bs.report(dataclasses.replace(single_fit, runs=hostile))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_law_of_compute_alone_is_forecast_at_the_budgets(compute_fit):
    text = text_of(bs.report(compute_fit, budgets=["1e24"]))
    assert compute_fit.predict(flops="1e24").sentences()[0] in text
    assert "Compute-optimal allocation" not in text


def test_one_group_alone(pile_fit):
    page = text_of(bs.report(pile_fit, group="cerebras", budgets=["1e24"]))

    def best(group):
        return pile_fit.allocate("1e24", group=group).sentences()[0]

    assert best("cerebras") in page
    assert best("pythia") not in page


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_with_a_comparison(pile_fit):
    rival = dataclasses.replace(pile_fit)
    comparison = bs.compare({"chinchilla": pile_fit, "again": rival}, refit=False, ahead=False)
    text = text_of(bs.report(pile_fit, comparison=comparison, budgets=()))
    assert "Laws compared" in text
    assert "Laws mixed, weights equal for want of larger runs to hold out: " in text
    assert "LOO weight" in text


def test_a_file_is_kept_unless_forced_and_the_page_is_the_same_each_time(tmp_path, single_fit, single_page):
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(bs.InputError, match="exists"):
        bs.report(single_fit, path)
    assert path.read_text() == "mine"
    assert bs.report(single_fit, path, force=True) == path
    assert path.read_text(encoding="utf-8") == single_page
    assert list(tmp_path.iterdir()) == [path]
