"""The pages as a reader has them: opened in Chromium, where there is one. Its names are hostile ones, all of them."""

import os
import re
import shutil

import numpy as np
import pytest
from helpers import HOSTILE

import bayes_scaling as bs
from bayes_scaling.data.units import format_quantity

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
PHONE, DESKTOP = {"width": 390, "height": 800}, {"width": 1280, "height": 900}

pytestmark = [
    pytest.mark.seconds,
    pytest.mark.skipif(CHROMIUM is None, reason=f"opens pages in a browser: needs one of {', '.join(NAMES)}"),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(hostile_fit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return bs.report(hostile_fit, folder / "report.html", targets=[("100B", "2T"), ("30B", "1T")], budgets=[])


@pytest.fixture(scope="module")
def planner(hostile_fit, tmp_path_factory):
    return bs.planner(hostile_fit, tmp_path_factory.mktemp("pages") / "planner.html")


@pytest.fixture
def opened(browser):
    """Opens a page; when the test is over it must have said nothing and asked for nothing."""
    contexts, heard = [], []

    def open_(path, viewport=DESKTOP, **options):
        contexts.append(browser.new_context(viewport=viewport, **options))
        return listened_to(contexts[-1], path, heard)

    yield open_
    for context in contexts:
        context.close()
    assert heard == []


def listened_to(context, path, heard):
    """A page whose errors, messages, dialogs and requests are written down."""
    page = context.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on(
        "request", lambda asked: asked.url.startswith(("data:", path.as_uri())) or heard.append(asked.url)
    )
    page.goto(path.as_uri())
    return page


def test_what_the_other_tests_listen_for_is_heard(browser, tmp_path):
    bad, heard = tmp_path / "bad.html", []
    bad.write_text("<img src='http://localhost:9/a'><script>alert('hi'); console.log('ho'); x</script>")
    with browser.new_context() as context:
        listened_to(context, bad, heard)
    assert {"hi", "ho", "http://localhost:9/a", "x is not defined"} <= {*heard}


def shown_panel(page):
    [panel] = [panel for panel in page.get_by_role("tabpanel").all() if panel.is_visible()]
    return panel


def test_groups_are_tabs_that_the_keyboard_moves(opened, report):
    page = opened(report)
    tabs = page.get_by_role("tab").all()
    names = [tab.text_content() for tab in tabs]
    assert sorted(names[:-1]) == sorted(HOSTILE[:3])
    assert names[-1] == "All side by side"
    tabs[0].focus()
    for key, chosen in {"ArrowRight": 1, "End": 3, "ArrowLeft": 2, "Home": 0}.items():
        page.keyboard.press(key)
        assert [tab.get_attribute("aria-selected") for tab in tabs] == [
            str(i == chosen).lower() for i in range(4)
        ]
        assert shown_panel(page).get_attribute("aria-labelledby") == tabs[chosen].get_attribute("id")
        assert page.evaluate("document.activeElement.id") == tabs[chosen].get_attribute("id")


def test_a_table_sorts_by_number_up_and_down(opened, report):
    page = opened(report)
    page.get_by_role("tab").last.click()
    table = page.get_by_role("region", name="Loss of larger runs")

    def column(number):
        return [row.locator("td").nth(number).text_content() for row in table.locator("tbody tr").all()]

    assert column(0) == ["100B", "30B"] * 3
    head = table.get_by_role("button", name="params")
    head.click()
    assert column(0) == ["30B"] * 3 + ["100B"] * 3
    assert head.locator("xpath=..").get_attribute("aria-sort") == "ascending"
    head.focus()
    page.keyboard.press("Enter")
    assert column(0) == ["100B"] * 3 + ["30B"] * 3
    table.get_by_role("button", name="new run").click()
    medians = [float(text.partition(" ")[0]) for text in column(3)]
    assert medians == sorted(medians)
    assert head.locator("xpath=..").get_attribute("aria-sort") is None


def test_the_pointer_shows_the_run(opened, report, hostile_fit):
    page = opened(report)
    runs = page.locator(".card circle")
    assert runs.count() == len(hostile_fit.runs)
    runs.last.hover()
    tip = page.locator(".card .tip")
    assert tip.is_visible()
    said = re.search(r"; (\w.*) parameters on (.*) tokens; loss ([\d.]+), ", tip.text_content())
    nearest = np.abs(hostile_fit.runs.loss - float(said[3])).argmin()
    at = hostile_fit.runs.params[nearest], hostile_fit.runs.tokens[nearest]
    assert said[2] == format_quantity(at[1])
    assert said[1].endswith(format_quantity(at[0]))
    page.mouse.move(1, 1)
    assert not tip.is_visible()


def test_warnings_are_in_sight_on_a_desktop(opened, report):
    page = opened(report)
    page.locator(".banner").evaluate_all("found => found.forEach(one => one.remove())")
    first = page.locator(".care li").first.bounding_box()
    assert first["y"] + first["height"] < DESKTOP["height"]


@pytest.mark.parametrize("how", ["printed", "without a script"])
def test_nothing_is_hidden(opened, report, how):
    page = opened(report, java_script_enabled=how == "printed")
    if how == "printed":
        page.emulate_media(media="print")
    else:
        while (folded := page.locator("details:not([open]) > summary")).count():
            folded.first.click()
    parts = [*page.locator("table").all(), *page.locator("img").all(), *page.locator("h3, li, dd").all()]
    assert len(parts) > 40
    assert [part.text_content()[:60] for part in parts if not part.is_visible()] == []
    assert not page.locator("[role=tablist]").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "planner"])
def test_it_fits_a_phone(opened, name, scheme, request):
    page = opened(request.getfixturevalue(name), PHONE, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    ink, ground = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (lightness(ink) > lightness(ground)) == (scheme == "dark")


def lightness(color):
    return sum(map(int, color.removeprefix("rgb(").removesuffix(")").split(",")))


def test_the_planner_answers_as_a_slider_moves(opened, planner):
    page = opened(planner)
    answer = page.locator("#answer")
    before, loss = answer.text_content(), page.locator("#flops-out").text_content()
    page.locator("#flops").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert answer.text_content() != before
    assert float(page.locator("#flops-out").text_content()) == pytest.approx(10**0.4 * float(loss), rel=0.02)
    assert "NaN" not in page.locator("#results").inner_text()
    assert HOSTILE[0] in page.locator("h1").text_content()


def test_the_planner_has_round_losses_at_its_axis(opened, planner):
    page = opened(planner)
    for key in ("", *["ArrowRight"] * 3):
        if key:
            page.locator("#flops").press(key)
        shown = page.locator("#picture text.loss").all_text_contents()
        ticks = [float(text) for text in shown]
        assert 2 <= len(ticks) <= 6
        assert len({*shown}) == len(shown)
        apart = np.diff(ticks)
        np.testing.assert_allclose(apart, apart[0], atol=1e-9)
        assert f"{apart[0]:.0e}"[0] in "125"
        np.testing.assert_allclose(np.mod(np.array(ticks) / apart[0] + 0.5, 1), 0.5, atol=1e-6)
