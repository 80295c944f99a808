"""What came of registered forecasts: outcomes, refits with the run in them, and the ledger of a folder."""

import json

import numpy as np
import pytest
from helpers import instant_fit, instant_sampling, refuses, simulated_runs, table_of
from matplotlib.figure import Figure

import bayes_scaling as bs
from bayes_scaling.evaluation.outcome import open_outcome

pytestmark = pytest.mark.seconds  # together


@pytest.fixture(scope="module")
def fit(truth):
    return instant_fit(simulated_runs(truth, n=12), "chinchilla", seed=3, draws=100)


@pytest.fixture
def hero(fit, tmp_path):
    fit.register(tmp_path / "hero.json", "100B", "2T")
    return tmp_path / "hero.json"


class TestScore:
    def test_it_says_where_the_loss_lies(self, hero):
        card = bs.open_card(hero)
        low, high = card.interval(0.5)
        found = bs.score(hero, float(card.median()))
        assert found.quantile == pytest.approx(0.5, abs=0.003)
        assert found.inside(0.5)
        assert "inside of the 50% interval and inside of the 90% interval" in found.sentences()[0]
        found = bs.score(hero, float(high) + 0.1 * float(high - low), force=True)
        assert 0.75 < found.quantile < 0.95
        assert not found.inside(0.5)
        assert found.inside(0.9)

    def test_the_density_is_that_of_the_draws(self, fit, hero):
        """The card has 399 values in place of all draws."""
        from bayes_scaling.evaluation.scores import scores_of_draws

        draws = np.log(fit.predict("100B", "2T").new_run.to_numpy().reshape(-1, 1))
        for loss in np.exp(np.quantile(draws, [0.1, 0.5, 0.9])):
            found = bs.score(hero, float(loss), force=True).scores
            wanted = scores_of_draws(draws, np.log([loss]))
            assert found.log_density[0] == pytest.approx(wanted.log_density[0], abs=0.15)
            assert found.crps[0] == pytest.approx(wanted.crps[0], rel=0.02)

    def test_the_outcome_is_a_file_of_its_own_and_the_card_stays(self, hero):
        before = hero.read_bytes()
        found = bs.score(hero, 1.8, note="from the last evaluation")
        assert hero.read_bytes() == before
        beside = hero.with_name("hero.outcome.json")
        document = json.loads(beside.read_text())
        assert document["loss"] == 1.8
        assert document["card"] == bs.open_card(hero).checksum
        assert document["inside"] == {"50%": found.inside(0.5), "90%": found.inside(0.9)}
        again = open_outcome(bs.open_card(hero), beside)
        assert again.document() == found.document()
        with pytest.raises(bs.InputError, match="exists and is kept"):
            bs.score(hero, 1.9)
        assert json.loads(beside.read_text()) == document

    def test_an_altered_card_has_no_score(self, hero):
        hero.write_text(hero.read_text().replace("2000000000000.0", "2100000000000.0"))
        with pytest.raises(bs.InputError, match="not as it was registered"):
            bs.score(hero, 1.8)
        assert not hero.with_name("hero.outcome.json").exists()

    @pytest.mark.parametrize("loss", ["much", 0, -1, float("nan")])
    def test_a_loss_is_a_positive_number(self, hero, loss):
        with pytest.raises(bs.InputError, match=r"^loss is "):
            bs.score(hero, loss)

    def test_a_table_in_bits_asks_what_the_loss_is_in(self, truth, tmp_path):
        rows = simulated_runs(truth, n=12).table
        runs = bs.load_runs(rows.assign(loss=rows["loss"] / np.log(2)), loss_unit="bits")
        path = tmp_path / "bits.json"
        instant_fit(runs, "chinchilla").register(path, "100B", "2T")
        with refuses(
            "bits is of a table in bits per token: say what 2.5 is in, with loss_unit='nats' or loss_unit='bits' "
            "(command line: --loss-unit bits)"
        ):
            bs.score(path, 2.5)
        assert bs.score(path, 2.5, loss_unit="bits").loss == pytest.approx(2.5 * np.log(2))
        assert bs.score(path, 2.5, loss_unit="nats", force=True).loss == 2.5


class TestRefit:
    def test_it_has_the_run_in_it(self, fit, hero, monkeypatch):
        from bayes_scaling.evaluation import with_run as module

        asked, sampled = [], module.sample_posterior
        monkeypatch.setattr(module, "sample_posterior", lambda spec: (asked.append(spec), sampled(spec))[1])
        with instant_sampling(), pytest.warns(bs.DoubtfulFitWarning):
            found = bs.score(hero, 1.8, refit=fit)
        (spec,) = asked
        assert spec.runs.n == fit.runs.n + 1
        assert spec.runs.table.iloc[-1][["params", "tokens", "loss"]].tolist() == [1e11, 2e12, 1.8]
        assert (spec.law, spec.noise, spec.sampler) == (fit.law, fit.noise, fit.sampler)
        names = [moved.what for moved in found.moved]
        assert [name.partition(" ")[0] for name in names] == ["E", "alpha", "beta", "the", "the"]
        np.testing.assert_allclose(
            np.median(found.moved[0].before), float(fit.posterior["E"].median()), rtol=1e-3
        )
        before = fit.predict("100B", "2T").mean
        np.testing.assert_allclose(np.median(found.moved[3].before), float(before.median()), rtol=1e-3)
        assert found.moved[4].what == "the law's loss at 10 times its resources"
        assert found.warnings, "such draws are no posterior, and the outcome says so"
        again = open_outcome(bs.open_card(hero), hero.with_name("hero.outcome.json"))
        assert again.sentences() == found.sentences()

    def test_a_fit_of_other_runs_is_refused(self, truth, hero):
        other = instant_fit(simulated_runs(truth, n=13), "chinchilla")
        with pytest.raises(bs.InputError, match=r"^hero was registered by a fit of another table"):
            bs.score(hero, 1.8, refit=other)
        assert not hero.with_name("hero.outcome.json").exists()

    def test_a_share_lacks_its_items(self, tmp_path):
        law = bs.LAWS["task_of_compute"]
        middle = {name: prior.forward(prior.location) for name, prior in law.priors.items()}
        rows = table_of(law, middle, n=12)
        fit = instant_fit(bs.load_runs(rows, inputs=law.columns, name="tasks", response="share"), law)
        fit.register(tmp_path / "task.json", flops="1e22")
        with pytest.raises(bs.InputError, match=r"^task does not say the run's 'items', which tasks has"):
            bs.score(tmp_path / "task.json", 0.5, refit=fit)


class TestLedger:
    def test_it_counts_what_intervals_have(self, fit, tmp_path):
        card = fit.register(tmp_path / "a.json", "100B", "2T")
        for name in "bcd":
            fit.register(tmp_path / f"{name}.json", "100B", "2T")
        at = dict(zip("abc", np.quantile(card.values, [0.5, 0.9, 0.99]), strict=True))
        for name, loss in at.items():
            bs.score(tmp_path / f"{name}.json", float(loss))
        found = bs.ledger(tmp_path)
        assert found.coverage(0.5) == pytest.approx(1 / 3)
        assert found.coverage(0.9) == pytest.approx(2 / 3)
        assert found.sentences()[:2] == [
            "4 cards, 3 with an outcome",
            "50% intervals have 1 of 3; 90% intervals have 2 of 3",
        ]
        table = found.table().set_index("card")
        assert table["inside 50%"].to_dict() == {"a": "yes", "b": "no", "c": "no", "d": "open"}
        assert table["inside 90%"].to_dict() == {"a": "yes", "b": "yes", "c": "no", "d": "open"}
        assert np.isnan(table.loc["d", "loss"])
        assert any(said.startswith("outcomes are too few") for said in found.warnings)

    def test_what_is_no_card_is_left_out_by_name(self, hero):
        (hero.parent / "notes.json").write_text("{}")
        (hero.parent / "other.json").write_text(
            hero.read_text().replace("2000000000000.0", "3000000000000.0")
        )
        found = bs.ledger(hero.parent)
        assert [entry.card.name for entry in found.entries] == ["hero"]
        assert len(found.left_out) == 2
        assert "notes.json is no forecast card" in found.left_out[0]
        assert "other.json is not as it was registered" in found.left_out[1]

    def test_an_outcome_of_another_card_is_left_out(self, fit, hero):
        bs.score(hero, 1.8)
        outcome = hero.with_name("hero.outcome.json").read_text()
        fit.register(hero.with_name("second.json"), "10B", "2T")
        hero.with_name("second.outcome.json").write_text(outcome)
        found = bs.ledger(hero.parent)
        assert [entry.card.name for entry in found.entries] == ["hero"]
        assert "is the outcome of another card than second" in found.left_out[0]

    def test_a_folder_without_cards(self, tmp_path):
        with refuses(f"{tmp_path} has no forecast card; `fit.register` writes one"):
            bs.ledger(tmp_path)
        with refuses(f"no folder {tmp_path / 'none'}"):
            bs.ledger(tmp_path / "none")

    def test_its_picture_has_each_outcome(self, hero):
        bs.score(hero, 1.8)
        found = bs.ledger(hero.parent)
        quantiles, shares = bs.plot.panels(found.plot(Figure().subplots()))
        (points,) = quantiles.collections
        np.testing.assert_allclose(points.get_offsets(), [[1, found.outcomes[0].quantile]])
        lines = [line.get_ydata() for line in shares.get_lines() if line.get_marker() == "o"]
        assert [float(line[-1]) for line in lines] == [found.coverage(0.5), found.coverage(0.9)]
