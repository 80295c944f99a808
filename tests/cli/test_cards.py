"""The verbs that register and score forecasts: on the command line what Python answers."""

import json

import pytest

import bayes_scaling as bs
from bayes_scaling.inference.result import as_json


@pytest.mark.sampling  # of nothing, but it takes long
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


def test_a_card_that_is_written_says_where(run, single, tmp_path):
    code, out, _ = run("register", single, "hero.json", "--params", "1B", "--tokens", "20B")
    assert code == 0
    assert "Registered as hero.json, with hero.md to read." in out
    assert out.endswith("Next: bayes-scaling score hero.json --loss LOSS\n")
