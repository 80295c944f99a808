"""The demo, end to end on short chains."""

import json
import re

import matplotlib.pyplot as plt
import pytest
from helpers import instant_fit

import bayes_scaling as bs
from bayes_scaling.cli.demo import FILES, SWEEP, demo
from bayes_scaling.cli.main import main


def without_refits(monkeypatch):
    compare = bs.compare
    monkeypatch.setattr(bs, "compare", lambda fits, **_: compare(fits, refit=False, ahead=False))


def one_seed():
    """The sweep without its replicates: a table that is quickly fitted."""
    runs = bs.datasets.load("sweep")
    return runs.select((runs.table["seed"] == 0).to_numpy())


@pytest.fixture(scope="module")
def grid_fit():
    return instant_fit(one_seed().split(SWEEP.largest)[0], "rosenfeld", seed=1, draws=50)


def check(out, folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert max(map(len, out.splitlines()[1:])) <= 80
    for words in (
        f"sweep: {len(bs.datasets.load('sweep').split(SWEEP.largest)[0])} training runs",
        "E[words]",
        "new run (90%)",
        "prob below 1.25",
        "reached",
        "1e15",
        "kaplan",
        "Time: ",
    ):
        assert words in out
    assert "Open bayes-scaling-demo/report.html to see it all with pictures.\n" in out
    assert bs.open_fit(folder / "fit.nc").law.name == "rosenfeld"


@pytest.mark.seconds
def test_the_demo_but_for_the_sampling(capsys, tmp_path, monkeypatch, grid_fit):
    calls = []
    monkeypatch.setattr(bs, "fit", lambda runs, law, **options: calls.append((law.name, options)) or grid_fit)
    without_refits(monkeypatch)
    table = one_seed()
    monkeypatch.setattr(bs.datasets, "load", lambda name: table)
    assert main(["demo", "--sweep"]) in (0, 1)
    check(capsys.readouterr().out, tmp_path / "bayes-scaling-demo")
    assert [law for law, _ in calls] == ["rosenfeld", "chinchilla", "kaplan"]
    assert all(options == {"seed": 1, "draws": 1000, "progress": False} for _, options in calls)

    page = (tmp_path / "bayes-scaling-demo" / "report.html").read_text()
    page = re.sub(r"base64,[^\"]+", "", page)  # pictures may hold any letters
    assert "held-out larger runs" in page
    assert "could be held out" not in page  # some were
    assert "nan" not in page.lower().split("<h2>pictures")[0]
    assert "1e26" not in page  # nobody plans that from these

    monkeypatch.setattr(bs, "report", lambda *args, **options: None)
    monkeypatch.setattr("bayes_scaling.cli.demo.save_picture", lambda axes, path: plt.close("all"))
    assert main(["demo", "--sweep", "--json"]) in (0, 1)  # over its own files
    document = json.loads(capsys.readouterr().out)
    assert [row["flops"] for row in document["allocation"]] == [1e13, 1e14, 1e15] * 3
    for row in document["forecast"]:
        of_group = table.table[table.table["group"] == row["group"]]
        run = of_group[of_group["loss"] == row["reached"]].iloc[0]
        assert (run["role"], run["params"], run["tokens"]) == ("holdout", row["params"], row["tokens"])
        at = grid_fit.predict(run["params"], run["tokens"], group=run["group"]).table()
        assert row["mean"] == at["mean"][0]


@pytest.mark.seconds
def test_the_demo_opens_with_what_100b_parameters_reach(capsys, tmp_path, monkeypatch, pile_fit):
    monkeypatch.setattr(bs, "fit", lambda *_, **__: pile_fit)
    monkeypatch.setattr("bayes_scaling.cli.demo.save_picture", lambda axes, path: plt.close("all"))
    monkeypatch.setattr(bs, "report", lambda *args, **options: None)
    without_refits(monkeypatch)
    assert main(["demo"]) in (0, 1)
    out = capsys.readouterr().out
    largest = pile_fit.groups.index("pythia")  # the group of the largest run, as in the report
    answer = pile_fit.predict("100B", "2T").sentences()[largest]
    assert out.startswith(f"{answer}.\n\nA larger run, 100B parameters and 2T tokens")
    assert "100B parameters on 2T tokens: loss" in answer
    for words in ("1e25", "pile: 23 training runs", "Laws by leave-one-out over configurations\n"):
        assert words in out


@pytest.mark.slow
def test_the_demo_from_end_to_end(capsys, tmp_path, monkeypatch):
    without_refits(monkeypatch)  # their chains are long
    assert main(["demo", "--sweep", "--draws", "60"]) == 1  # chains this short do not pass
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in err.splitlines()] == ["warning"] * 2 + [
        "DO NOT TRUST THESE NUMBERS"
    ]
    assert "chinchilla, compared with rosenfeld: " in err
    check(out, tmp_path / "bayes-scaling-demo")


@pytest.mark.parametrize("law", ["chinchila", "kaplann"])
def test_an_unknown_law_is_told_before_anything_is_made(law, tmp_path):
    with pytest.raises(bs.InputError, match=f"unknown law '{law}'"):
        demo(law=law)
    assert list(tmp_path.iterdir()) == []


def test_other_peoples_files_are_left_alone(capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    (tmp_path / "mine" / "fit.nc").write_text("of an earlier demo")
    assert main(["demo", "-o", "mine"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: the folder mine holds thesis.txt, which is not a demo's; name another\n"
    assert (tmp_path / "mine" / "fit.nc").read_text() == "of an earlier demo"


def test_a_file_is_no_folder(capsys, tmp_path):
    (tmp_path / "taken").write_text("precious")
    assert main(["demo", "-o", "taken"]) == 2
    assert capsys.readouterr().err == "error: taken is a file; name a folder for the demo\n"
    assert main(["demo", "-o", "taken/below"]) == 2
    assert capsys.readouterr().err == "error: cannot make the folder taken/below: Not a directory\n"
