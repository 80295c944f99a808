"""The verbs that register, follow and score forecasts: on the command line what Python answers."""

import json

import pytest
from training_curves import card, hero, small_runs

import bayes_scaling as bs
from bayes_scaling.forecast.card import write_card
from bayes_scaling.inference.result import as_json


@pytest.mark.seconds
def test_register_score_and_ledger_go_together(answers, run, single, single_fit, tmp_path):
    point = ("--params", "1B", "--tokens", "20B")
    found = answers("register", single, "hero.json", *point, "--note", "C4")
    card = bs.open_card("hero.json")
    assert found["checksum"] == card.checksum
    assert found["sentences"] == card.sentences()
    assert found["table"] == as_json(card.table().to_dict("records"))
    assert card.note == "C4"
    assert (tmp_path / "hero.md").exists()

    code, out, err = run("register", single, "hero.json", *point)
    assert (code, out) == (2, "")
    assert err == (
        "error: hero.json exists, and what is registered is never replaced; give the new card another name\n"
    )

    loss = f"{float(card.median()):.3f}"
    found = answers("score", "hero.json", "--loss", loss)
    assert found["outcome"] == {
        name: x
        for name, x in json.loads((tmp_path / "hero.outcome.json").read_text()).items()
        if name != "checksum"
    }
    code, out, _ = run("score", "hero.json", "--loss", loss, "--force")
    assert code == 0
    assert "inside of the 50% interval" in out
    assert out.endswith("Next: bayes-scaling ledger .\n")

    found = answers("ledger", ".", "-o", "ledger.png")
    assert found["sentences"] == bs.ledger(".").sentences()
    assert (tmp_path / "ledger.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.seconds
def test_a_card_that_is_written_says_where(run, single, tmp_path):
    code, out, _ = run("register", single, "hero.json", "--params", "1B", "--tokens", "20B")
    assert code == 0
    assert "Registered as hero.json, with hero.md to read." in out
    assert out.endswith("Next: bayes-scaling score hero.json --loss LOSS\n")


@pytest.mark.seconds
def test_follow_says_whether_the_run_has_left_its_band(answers, run, tmp_path):
    write_card(card(), tmp_path / "hero.json")
    hero(0.5).to_csv("now.csv", index=False)
    found = answers("follow", "hero.json", "--log", "now.csv", "-o", "now.png")
    there = bs.follow("hero.json", hero(0.5))
    assert found["sentences"] == there.sentences()
    assert found["table"] == as_json(there.table().to_dict("records"))
    assert (found["left"], found["above"]) == (False, there.outside()[1])
    assert (tmp_path / "now.png").read_bytes().startswith(b"\x89PNG")

    hero(0.5, off=0.1).to_csv("off.csv", index=False)
    code, out, err = run("follow", "hero.json", "--log", "off.csv")
    assert (code, err) == (1, "")
    assert out.startswith(
        "hero has left its band at 50% of training: it ends outside of the registered 90% interval with"
    )
    _, _, rows = out.partition("\nprogress ")
    shown = [row.split()[0] for row in rows.splitlines()[1:6]]
    assert shown == ["10.0%", "25.0%", "50.0%", "75.0%", "100.0%"]
    assert out.endswith("Next: bayes-scaling score hero.json --loss LOSS\n")


@pytest.mark.seconds
def test_a_history_is_given_to_register_or_to_follow(run, single, tmp_path):
    small_runs().to_csv("small.csv", index=False)
    point = ("--params", "2B", "--tokens", "40B")
    assert run("register", single, "with.json", *point, "--history", "small.csv")[0] == 0
    assert bs.open_card("with.json").course.history == "small.csv"
    assert run("register", single, "without.json", *point)[0] == 0
    hero(0.5).to_csv("now.csv", index=False)
    code, out, err = run("follow", "without.json", "--log", "now.csv")
    assert (code, out) == (2, "")
    assert err.startswith("error: without was registered without a history, and none is given")
    said = [
        run("follow", *given, "--log", "now.csv")[1].splitlines()[1].partition(" reaches ")[2]
        for given in (["with.json"], ["without.json", "--history", "small.csv"])
    ]
    assert said[0] == said[1] != ""
