"""The verbs that show: plot, report, laws."""

import json

import pytest

import bayes_scaling as bs


@pytest.mark.seconds
def test_plot_writes_a_picture(run, single, pile):
    code, out, err = run("plot", single, "--kind", "residuals", "-o", "residuals.png")
    assert (code, out, err) == (0, f"Wrote residuals.png.\n\nNext: bayes-scaling report {single}\n", "")
    with open("residuals.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    assert run("plot", pile)[1].startswith("Wrote pile-overview.png.\n")
    with open("pile-overview.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    code, _, err = run("plot", single, "--kind", "residuals", "-o", "residuals.png")
    assert (code, "--force" in err) == (2, True)
    code, _, err = run("plot", single, "--kind", "residuals", "-o", "residuals.doc")
    assert code == 2
    assert err.startswith("error: cannot write residuals.doc: ")
    code, _, err = run("plot", single, "--kind", "residuals", "--to", "1e25", "-o", "other.png")
    assert (code, err) == (2, "error: --to is not for pictures of kind residuals\n")


def test_plot_passes_on_what_was_given_and_says_what_is_missing(run, single, monkeypatch):
    calls = []
    monkeypatch.setattr(bs.plot, "loss_band", lambda fit, **options: calls.append(options))
    monkeypatch.setattr("bayes_scaling.reporting.image_files.save_picture", lambda ax, path: None)
    assert run("plot", single, "--kind", "loss_band", "--at", "1B", "--prob", 0.8, "-o", "band.png")[0] == 0
    assert calls == [{"at": "1B", "prob": 0.8}]
    code, _, err = run("plot", single, "--kind", "chances", "-o", "chances.png")
    assert (code, err) == (2, "error: pictures of kind chances need --target\n")


def test_report_passes_its_options_on(run, pile, monkeypatch):
    calls = []
    monkeypatch.setattr(bs, "report", lambda *args, **options: calls.append((args[1:], options)))
    asked = ("--targets", "1B:1T,2B:2T", "--budgets", "1e22,1e23", "--no-backtest")
    code, out, err = run("report", pile, "-o", "page.html", *asked)
    assert (code, err) == (0, "")
    assert out.startswith("Wrote page.html.\n")
    assert calls == [
        (
            ("page.html",),
            {
                "comparison": None,
                "backtest": None,
                "targets": [("1B", "1T"), ("2B", "2T")],
                "budgets": ["1e22", "1e23"],
                "group": None,
                "prob": 0.9,
                "force": False,
            },
        )
    ]
    code, _, err = run("report", pile, "-o", "page.html", "--targets", "1B")
    assert (code, err) == (2, "error: --targets '1B' is not of the form params:tokens, such as 100B:2T\n")


def test_report_also_tests_the_fit_on_its_own_table(run, pile, monkeypatch):
    calls = []
    monkeypatch.setattr(bs, "report", lambda *args, **options: calls.append(options["backtest"]))
    monkeypatch.setattr(bs.Fit, "backtest", lambda fit, progress: ("tested", fit.runs.name))
    assert run("report", pile, "-o", "page.html")[0] == 0

    def too_few(fit, progress):
        raise bs.InputError("pile cannot be back-tested")

    monkeypatch.setattr(bs.Fit, "backtest", too_few)
    code, _, err = run("report", pile, "-o", "page.html")
    assert (code, err) == (0, "note: pile cannot be back-tested; the page has no back-test\n")
    assert calls == [("tested", "pile"), None]


def test_laws_are_the_catalogue(run):
    code, out, err = run("laws", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {"name": law.name, "formula": law.formula, "inputs": list(law.columns), "source": law.cite}
        for law in bs.LAWS.values()
    ]
    _, out, _ = run("laws")
    width = max(map(len, bs.LAWS))
    assert f"{'kaplan':{width}}  E + [(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta\n" in out
    assert f"{'':{width}}  inputs: params, tokens, unique_tokens\n" in out
    assert f"{'':{width}}  also: m1\n" in out
