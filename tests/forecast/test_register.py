"""Forecasts written down before a run: the card, its page, and that neither is altered or replaced."""

import json
import re

import numpy as np
import pytest
from helpers import instant_fit, refuses, simulated_runs, table_of

import bayes_scaling as bs
from bayes_scaling.forecast.card import equally_likely


@pytest.fixture(scope="module")
def fit(truth):
    return instant_fit(simulated_runs(truth, n=12), "chinchilla", seed=3, draws=100)


@pytest.fixture
def registered(fit, tmp_path):
    path = tmp_path / "hero.json"
    return path, fit.register(path, "100B", "2T", note="C4 validation")


class TestTheCard:
    def test_it_says_what_the_forecast_says(self, fit, registered):
        _, card = registered
        forecast = fit.predict("100B", "2T")
        for prob in (0.5, 0.9):
            np.testing.assert_allclose(card.interval(prob), forecast.interval(prob), rtol=5e-3)
        assert float(card.median()) == pytest.approx(float(forecast.median()), rel=1e-3)
        assert card.inputs == {"params": 1e11, "tokens": 2e12, "flops": 1.2e24}
        assert card.sentences()[0].startswith("100B parameters on 2T tokens: loss ")
        assert set(forecast.warnings) <= set(card.warnings)
        assert card.fit["priors"] == fit.provenance["priors"]
        assert card.fit["drift"] == fit.drift.to_dict()
        assert f"The noise is {fit.noise.description}" in card.assumptions

    def test_what_is_opened_is_what_was_registered(self, registered):
        path, card = registered
        opened = bs.open_card(path)
        assert opened.document() == card.document()
        assert json.loads(path.read_text())["checksum"] == opened.checksum == card.checksum
        assert opened.sentences() == card.sentences()

    @pytest.mark.parametrize(
        ("was", "now"),
        [(r'"tokens": 2000000000000.0', '"tokens": 2100000000000.0'), ("C4 validation", "C4 test")],
    )
    def test_an_altered_card_is_refused(self, registered, was, now):
        path, _ = registered
        text = path.read_text()
        assert was in text
        path.write_text(text.replace(was, now))
        with pytest.raises(
            bs.InputError, match=r"hero\.json is not as it was registered: its checksum differs"
        ):
            bs.open_card(path)

    def test_the_order_of_its_lines_is_no_alteration(self, registered):
        path, card = registered
        path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
        assert bs.open_card(path).checksum == card.checksum

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"schema": 1}', "not JSON", '{"schema": null, "checksum": ""}']
    )
    def test_another_file_is_no_card(self, tmp_path, text):
        path = tmp_path / "x.json"
        path.write_text(text)
        with refuses(f"{path} is no forecast card of bayes_scaling: expected JSON with schema and checksum"):
            bs.open_card(path)

    def test_a_card_of_a_later_version_asks_for_that(self, registered):
        path, _ = registered
        path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
        with refuses(f"{path} has schema 2; this version reads up to 1: upgrade bayes_scaling"):
            bs.open_card(path)

    @pytest.mark.seconds
    def test_the_checksum_of_the_runs_is_that_of_the_saved_fit(self, fit, registered, tmp_path):
        """And another one where a single loss differs."""
        fit.save(tmp_path / "fit.nc")
        again = bs.open_fit(tmp_path / "fit.nc").register(tmp_path / "again.json", "100B", "2T")
        assert again.data == registered[1].data
        table = fit.runs.table.copy()
        table.loc[3, "loss"] += 1e-9
        other = instant_fit(bs.load_runs(table, name="simulated"), "chinchilla", seed=3)
        assert other.register(tmp_path / "other.json", "100B", "2T").data != again.data


class TestNothingIsReplaced:
    @pytest.mark.parametrize("suffix", [".json", ".md"])
    def test_a_file_that_is_there_stays(self, fit, tmp_path, suffix):
        there = tmp_path / f"hero{suffix}"
        there.write_text("mine")
        with refuses(
            f"{there} exists, and what is registered is never replaced; give the new card another name"
        ):
            fit.register(tmp_path / "hero.json", "100B", "2T")
        assert there.read_text() == "mine"
        assert list(tmp_path.iterdir()) == [there]

    @pytest.mark.parametrize("name", ["hero", "hero.txt", "hero.outcome.json"])
    def test_a_card_is_a_json_file(self, fit, tmp_path, name):
        with pytest.raises(bs.InputError, match=r"^a card is a \.json file, as hero\.json"):
            fit.register(tmp_path / name, "100B", "2T")


def test_the_page_has_the_answer_the_intervals_and_the_checksum(registered):
    path, card = registered
    page = path.with_suffix(".md").read_text()
    assert page.startswith(f"# Forecast: hero\n\n**{card.sentences()[0]}.**\n\nC4 validation\n")
    low, high = card.interval(0.9)
    assert re.search(rf"\| +90% \| {float(low):.4f} \| {float(high):.4f} \|", page)
    for said in (*card.assumptions, *card.warnings):
        assert f"\n- {said}.\n" in page
    assert card.checksum in page
    assert card.data in page


class TestOneRun:
    def test_several_are_refused(self, fit, tmp_path):
        with refuses("a card is of one run, not of 2; register each under a name of its own"):
            fit.register(tmp_path / "a.json", ["1B", "2B"], "2T")

    @pytest.mark.seconds
    def test_its_group_is_named(self, tmp_path):
        rows = simulated_runs({"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}, n=12).table
        fit = instant_fit(bs.load_runs(rows.assign(group=["a", "b"] * 6)), "chinchilla")
        with refuses("a card is of one run: say whose it is with group=..., one of a, b, or 'new'"):
            fit.register(tmp_path / "a.json", "1B", "2T")
        card = fit.register(tmp_path / "a.json", "1B", "2T", group="b")
        assert card.group == "b"
        assert card.run == "b, 1B parameters on 2T tokens"
        assert "Pooling over groups is partial" in card.assumptions

    def test_any_law_has_cards(self, tmp_path):
        law = bs.LAWS["task_of_compute"]
        middle = {name: prior.forward(prior.location) for name, prior in law.priors.items()}
        fit = instant_fit(
            bs.load_runs(table_of(law, middle, n=12), inputs=law.columns, response="share"), law
        )
        card = fit.register(tmp_path / "task.json", flops="1e22")
        assert card.response == "share"
        assert card.inputs == {"flops": 1e22}


def test_values_are_quantiles_at_the_middles_of_equal_parts(fit):
    draws = fit.predict("1B", "20B").new_run.isel(point=0)
    np.testing.assert_allclose(
        equally_likely(draws, 4), np.quantile(draws, [0.125, 0.375, 0.625, 0.875]), rtol=1e-5
    )
