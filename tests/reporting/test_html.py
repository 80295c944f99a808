"""The report: one page that holds the answers, says what they leave out, and needs nothing else."""

import dataclasses
import re
import warnings
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from helpers import instant_sampling

import bayes_scaling as bs
from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.reporting.page_runs import MOST, RunsOfPage

pytestmark = pytest.mark.seconds

TARGET, BUDGETS = ("100B", "2T"), ["1e24", "1e25", "1e26"]


@pytest.fixture(scope="module")
def page(golden_fit):
    return bs.report(golden_fit, targets=[TARGET], budgets=BUDGETS)


@pytest.fixture(scope="module")
def single_page(single_fit):
    return bs.report(single_fit)


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_holds_every_answer(page, golden_fit):
    text = text_of(page)
    loss = golden_fit.predict(*TARGET)
    for kind in ("mean", "new_run"):
        for number in np.ravel(loss.interval(0.9, kind)):
            assert f"{number:.3f}" in text
    plan = golden_fit.allocate(["1e24", "1e25", "1e26"])
    for what in ("params", "tokens"):
        for number in np.ravel([*plan.interval(what=what), plan.median(what)]):
            assert format_quantity(number) in text


def test_says_what_the_smaller_runs_said_of_the_larger(golden_fit):
    with warnings.catch_warnings(), instant_sampling():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        tested = golden_fit.backtest(draws=30)
    page = bs.report(golden_fit, targets=[TARGET], budgets=[], backtest=tested)
    text = text_of(page)
    (sentence, *_), (warning, *_) = tested.sentences(), tested.warnings
    assert f"Would it have been right? {sentence.capitalize()[:1]}{sentence[1:]}." in text
    assert warning in text
    assert "Would it have been right?" not in text_of(bs.report(golden_fit, targets=[TARGET], budgets=[]))


def test_starts_with_a_sentence_that_answers(page, single_fit, golden_fit):
    first, *_ = golden_fit.predict("100B", "2T", group="pythia").sentences()
    assert first.startswith("100B parameters on 2T tokens: loss ")
    assert text_of(page).partition("Sentences and pictures are about")[2].index(first) < 100
    inside = bs.report(single_fit, targets=[(single_fit.reference["params"], single_fit.reference["tokens"])])
    assert "within the range of the data" in text_of(inside)


def test_runs_that_nobody_named_are_ten_to_a_thousand_times_the_largest(golden_fit):
    text = text_of(bs.report(golden_fit))
    most = golden_fit.runs.extent["flops"][1]
    for times in (10, 100, 1000):
        assert f"{format_flops(times * most)} FLOPs" in text
    assert "Some answers lie up to 3.0 decades beyond the data" in text
    assert golden_fit.predict("1T", "1e15").far_away
    assert "more than 2 decades beyond the data" not in text  # said once


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


def test_says_how_much_a_wrong_size_costs(page, golden_fit):
    found = golden_fit.risk(["1e24", "1e25", "1e26"], group="pythia")
    low, high = (format_quantity(float(found.safe[end][0])) for end in ("lower", "upper"))
    assert f"every N from {low} to {high} is within 0.1% of the least expected loss" in text_of(page)


def test_of_many_runs_those_that_the_law_misses_most_are_listed():
    cells = [{"loss": str(row)} for row in range(MOST + 2)]
    missed = np.r_[0.0, np.full(MOST, 0.5), 0.1]
    page = RunsOfPage([], cells, np.r_[np.zeros(MOST + 1, int), 1], missed)
    assert page.of(0) == cells[1:-1]
    assert page.of(1) == cells[-1:]


def test_says_what_the_bands_leave_out(page):
    assert "None of them covers a change of recipe" in text_of(page)


def test_needs_no_network_and_runs_no_script_but_its_own(page):
    assert "http://" not in page
    assert "https://" not in page
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert page.count("<script") == 1
    own = b64encode(sha256(script.encode()).digest()).decode()
    policy = unescape(re.search('Content-Security-Policy" content="(.*?)"', page)[1])
    allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert (allowed["default-src"], allowed["script-src"]) == ("'none'", f"'sha256-{own}'")
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert not re.search(r"@import|url\(", page)


def test_every_picture_has_words(page):
    pictures = re.findall(r"<img [^>]*>", page)
    assert len(pictures) == 7 + 2  # of the two groups that the others are not about
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
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


def test_a_law_of_compute_alone_is_forecast_at_the_budgets(compute_fit):
    text = text_of(bs.report(compute_fit, budgets=["1e24"]))
    assert compute_fit.predict(flops="1e24").sentences()[0] in text
    assert "Compute-optimal allocation" not in text


def test_one_group_alone(golden_fit):
    page = text_of(bs.report(golden_fit, group="cerebras", budgets=["1e24"]))

    def best(group):
        return golden_fit.allocate("1e24", group=group).sentences()[0]

    assert best("cerebras") in page
    assert best("pythia") not in page


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_with_a_comparison(golden_fit):
    rival = dataclasses.replace(golden_fit)
    comparison = bs.compare({"chinchilla": golden_fit, "again": rival}, refit=False, ahead=False)
    text = text_of(bs.report(golden_fit, comparison=comparison, budgets=()))
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
