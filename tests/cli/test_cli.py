"""The command line, in the process; and in processes of its own where imports or exit codes are at stake."""

import argparse
import dataclasses
import inspect
import json
import math
import subprocess
import sys
from importlib import import_module

import matplotlib
import numpy as np
import pandas as pd
import pytest
from helpers import simulated_runs

import bayes_scaling as bs
from bayes_scaling.cli import main as cli
from bayes_scaling.cli import options as arguments
from bayes_scaling.reporting import tables as text
from bayes_scaling.sampling.progress import progress_bar

HEAVY = {
    "jax",
    "pymc",
    "pytensor",
    "pandas",
    "xarray",
    "arviz",
    "arviz_stats",
    "matplotlib",
    "scipy",
    "rich",
}

CSV = "params,tokens,loss\n1e8,2e9,3.4\n2e8,4e9,3.1\n4e8,8e9,2.9\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def judged(monkeypatch):
    """Sets what every diagnosis finds wrong, for fits too short to pass on their own."""
    found = bs.Fit.diagnose

    def judge(*failures):
        monkeypatch.setattr(
            bs.Fit, "diagnose", lambda fit: dataclasses.replace(found(fit), failures=failures)
        )

    judge()
    return judge


@pytest.fixture(scope="session")
def saved(tmp_path_factory, pile_fit, single_fit):
    """A folder with pile.nc and single.nc."""
    folder = tmp_path_factory.mktemp("fits")
    pile_fit.save(folder / "pile.nc")
    single_fit.save(folder / "single.nc")
    return folder


@pytest.fixture
def pile(saved, judged):
    return str(saved / "pile.nc")


@pytest.fixture
def single(saved, judged):
    return str(saved / "single.nc")


@pytest.fixture
def table(tmp_path):
    (tmp_path / "runs.csv").write_text(CSV)
    return "runs.csv"


@pytest.fixture
def sampled(monkeypatch, single_fit, judged):
    """Replaces sampling by a fit that is there already, and keeps the arguments."""
    calls = []

    def fake(runs, law, **options):
        calls.append({"runs": runs, "law": law, **options})
        with progress_bar(options["progress"]) as report:
            if report:
                report("sampling", 1, 2)
        return single_fit

    monkeypatch.setattr(bs, "fit", fake)
    return calls


@pytest.fixture
def run(capsys):
    """Runs one command line: exit code, stdout, stderr."""

    def call(*argv):
        try:
            code = cli.main(list(map(str, argv)))
        except SystemExit as stop:  # argparse: --help and usage
            code = stop.code
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def answers(run):
    """The JSON document of a command line that went well."""

    def call(*argv):
        code, out, err = run(*argv, "--json")
        assert (code, err) == (0, "")
        return json.loads(out, parse_constant=lambda token: pytest.fail(f"{token} is no JSON"))

    return call


def fresh(code):
    """Runs Python code in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def same(records, frame):
    """Whether JSON records hold a frame, to the last digit."""
    expected = frame.to_dict("records")
    return len(records) == len(expected) and all(
        set(got) == set(want)
        and all(
            got[name] is None if isinstance(value, float) and math.isnan(value) else got[name] == value
            for name, value in want.items()
        )
        for got, want in zip(records, expected, strict=True)
    )


# -- before anything loads ------------------------------------------------------------


@pytest.mark.parametrize("argv", [["--help"], ["fit", "--help"], ["--version"], ["laws"], ["laws", "--json"]])
def test_help_and_laws_load_nothing_heavy(argv):
    unwanted = HEAVY if "laws" in argv else HEAVY | {"numpy"}
    done = fresh(
        "import sys\nfrom bayes_scaling.cli.main import main\n"
        f"try:\n    main({argv!r})\nexcept SystemExit:\n    pass\n"
        f"print(sorted({unwanted!r} & set(sys.modules)), file=sys.stderr)"
    )
    assert done.stderr == "[]\n"
    assert done.stdout


def test_python_m_is_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "bayes_scaling", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"bayes-scaling {bs.__version__}\n", "")


def test_a_reader_that_leaves_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m bayes_scaling laws --json | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def options_of(verb):
    subparsers = next(a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {a.dest: a.default for a in subparsers.choices[verb]._actions if a.dest != "help"}


def arguments_of(*functions):
    return {
        name: parameter.default
        for function in functions
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD and name not in ("self", "progress")
    }


LOADED = {"column", "inputs"}
"""Options that `load_runs` takes; the columns' roles are tested below."""

AS_FILES = {"path": "output"}
"""Arguments that go by another name on the command line."""


@pytest.mark.parametrize(
    ("verb", "functions", "python_only", "command_line_only"),
    [
        ("fit", [bs.fit, bs.Fit.save, bs.Fit.summary], {"fit", "priors"}, LOADED | {"json"}),
        ("fit-many", [bs.fit_many], {"priors", "tables"}, LOADED | {"runs", "json"}),
        ("summary", [bs.Fit.summary], set(), {"json"}),
        ("diagnose", [bs.Fit.diagnose], set(), {"json"}),
        ("predict", [bs.Fit.predict, bs.Forecast.table], set(), {"input", "below", "json"}),
        ("two-step", [bs.two_step, bs.Forecast.table], set(), {"input", "below", "json"}),
        ("allocate", [bs.Fit.allocate, bs.Allocation.table], set(), {"input", "json"}),
        ("approaches", [bs.approaches, bs.Approaches.table], set(), {"output", "force", "json"}),
        ("design", [bs.design], set(), {"law", "output", "force", "json"}),
        ("report", [bs.report], set(), set()),
    ],
)
def test_options_are_the_arguments_of_the_functions(verb, functions, python_only, command_line_only):
    arguments = {AS_FILES.get(name, name): default for name, default in arguments_of(*functions).items()}
    options = options_of(verb)
    assert set(options) - command_line_only == set(arguments) - python_only
    for name in set(options) & set(arguments):
        if options[name] is not None and arguments[name] is not inspect.Parameter.empty:
            assert options[name] == arguments[name], name


def test_options_of_compare_and_demo_are_the_arguments_of_the_functions():
    from bayes_scaling.cli.demo import demo

    assert options_of("compare").keys() == (
        (arguments_of(bs.compare, bs.fit).keys() - {"fits", "runs", "law", "priors"})
        | LOADED
        | {"source", "laws", "json"}
    )
    assert options_of("backtest").keys() == (
        (arguments_of(bs.backtest, bs.fit).keys() - {"priors"}) | LOADED | {"output", "force", "json"}
    )
    assert options_of("demo").keys() - {"json"} == (arguments_of(demo).keys() - {"folder"}) | {"output"}
    assert {
        options_of("demo")[name] == value for name, value in arguments_of(demo).items() if name != "folder"
    } == {True}


@pytest.mark.parametrize("verb", ["plan", "risk", "serve", "contrast", "exponents"])
def test_options_of_planning_verbs_are_the_arguments_of_their_functions(verb):
    rooms = {"serve": "serving", "contrast": "groups"}
    function = getattr(import_module(f"bayes_scaling.{rooms.get(verb, verb)}"), verb)
    own = {"accelerators", "kind", "time", "utilisation", "peak"} if verb == "plan" else set()
    options = options_of(verb)
    assert set(options) - {"json", "prob", "input", "output", "force"} - own == (
        arguments_of(function).keys() - {"hardware"}
    )
    for name in set(options) & arguments_of(function).keys() - {"fit", "served", "flops"}:
        assert options[name] == arguments_of(function)[name], name


def test_options_of_compare_pooling_are_the_arguments_of_the_functions():
    assert options_of("compare-pooling").keys() - {"json", "output", "force"} == (
        (arguments_of(bs.compare_pooling, bs.fit).keys() - {"priors"}) | LOADED
    )


def test_every_picture_of_a_fit_has_a_kind():
    others = {"comparison", "loss_band", "coverage", "misses", "approaches", "design"}
    others |= {"plan", "valley", "chances", "serving", "contrast", "pooling", "doublings"}
    assert set(cli.PICTURES) == set(bs.plot.__all__) - others


# -- results ------------------------------------------------------------


def test_predict_agrees_with_python(answers, run, pile, pile_fit):
    argv = ("predict", pile, "--params", "1B,100B", "--tokens", "2T", "--prob", 0.8, "--below", "1.5")
    forecast = pile_fit.predict(["1B", "100B"], "2T")
    expected = forecast.table(0.8)
    expected["prob below 1.5"] = forecast.prob_below(1.5).to_numpy().ravel()
    document = answers(*argv)
    assert (document["law"], document["prob"]) == ("chinchilla", 0.8)
    assert same(document["forecast"], expected)

    code, out, err = run(*argv)
    assert (code, err) == (0, "")
    heading, first, *rest = out.splitlines()
    assert heading.split("  ")[0] == "group"
    assert "80% new run" in heading
    assert {"cerebras", "1B", "2T", "1.2e22"} <= set(first.split())
    assert len(rest) == 5
    assert max(map(len, out.splitlines())) <= 100


def test_repeated_options_are_values_with_commas(answers, pile):
    repeated = answers(
        "predict", pile, "--params", "1B", "--params", "2B", "--tokens", "1T,2T", "--group", "new"
    )
    listed = answers(
        "predict", pile, "--params", "1B,2B", "--tokens", "1T", "--tokens", "2T", "--group", "new"
    )
    assert repeated == listed
    assert [row["params"] for row in repeated["forecast"]] == [1e9, 2e9]


def test_inputs_go_by_name(run, pile):
    code, _, err = run("predict", pile, "--params", "1B", "--tokens", "1T", "--input", "unique_tokens=1B")
    assert (code, err) == (
        2,
        "error: law 'chinchilla' has no input 'unique_tokens'; its inputs are params, tokens\n",
    )
    code, _, err = run("predict", pile, "--input", "params=1B", "--tokens", "1T")
    assert (code, err) == (2, "error: --input params=... has an option of its own: --params\n")


def test_allocate_agrees_with_python(answers, run, pile, pile_fit):
    expected = pile_fit.allocate(["1e24", "1e25"], group="pythia")
    argv = ("allocate", pile, "--flops", "1e24,1e25", "--group", "pythia")
    document = answers(*argv)
    assert same(document["allocation"], expected.table())
    assert document["warnings"] == expected.warnings
    _, out, _ = run(*argv)
    assert out.split()[:2] == ["flops", "params"]
    assert max(map(len, out.splitlines())) <= 100


def test_plan_reads_hardware_and_says_what_cannot_be(run, answers, single, single_fit, tmp_path):
    machine = ("--accelerators", "100", "--kind", "a100", "--time", "1 month", "--utilisation", "0.3,0.5")
    found = answers("plan", single, *machine, "--max-params", "5B")
    hardware = bs.Hardware(100, "A100", "1 month", (0.3, 0.5))
    expected = single_fit.plan(hardware=hardware, max_params="5B")
    assert same(found["plan"], expected.table())
    assert found["sentences"] == expected.sentences()
    code, out, err = run("plan", single, "--target", "0.9")
    assert code == 0
    assert out.startswith("a loss of 0.9\n")
    assert "loss of a new run" not in out, "what has no answer is left out"
    assert err.startswith("warning: a loss of 0.9 is out of reach in ")
    code, out, _ = run("plan", single, *machine)
    assert out.splitlines()[0].startswith("100 A100 for 30.4 days at 30% to 50% of 3.12e14 FLOPs a second")
    assert [line.split("  ")[1] for line in out.splitlines()[1:4]] == [
        "flops (90%)",
        "params (90%)",
        "tokens (90%)",
    ]
    code, _, err = run("plan", single, *machine, "--utilisation", "0.5x")
    assert (code, err.partition(";")[0]) == (2, "error: utilisation is '0.5x'")
    code, out, err = run("plan", single, "--kind", "H100")
    assert (code, err.startswith("error: hardware is --accelerators, --kind and --time together")) == (
        2,
        True,
    )


def test_planning_verbs_agree_with_python_and_draw(
    answers, run, single, pile, single_fit, pile_fit, tmp_path
):
    found = answers("risk", single, "--flops", "1e23", "--target", "2.05", "-o", "risk.png")
    assert same(found["risk"], single_fit.risk("1e23", target=2.05).table())
    found = answers("serve", single, "--served", "1T,10T", "--like", "10B:200B", "-o", "serve.png")
    assert same(found["serving"], single_fit.serve(["1T", "10T"], like=("10B", "200B")).table())
    found = answers("contrast", pile, "--flops", "1e21,1e22", "-o", "contrast.png")
    assert same(found["contrast"], pile_fit.contrast(["1e21", "1e22"]).table())
    found = answers("exponents", single, "--params", "1B", "--tokens", "20B", "-o", "exponents.png")
    assert same(found["exponents"], single_fit.exponents("1B", "20B").table())
    found = answers("plan", single, "--flops", "1e23,1e24", "-o", "plan.png")
    assert same(found["plan"], single_fit.plan(["1e23", "1e24"]).table())
    found = run("exponents", pile)[1].splitlines()
    assert found[0].split() == ["quantity", "cerebras", "pythia", "pythia_dedup"]
    assert len(found) == 1 + 3 + 2 + 3 + 2, (
        "quantities downwards, groups sideways, and where doublings are asked for"
    )
    for name in ("risk", "serve", "contrast", "exponents", "plan"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_doubts_about_an_allocation_go_to_stderr(run, pile, monkeypatch):
    monkeypatch.setattr(bs.Allocation, "warnings", ["half of the draws have no optimum"])
    code, out, err = run("allocate", pile, "--flops", "1e24")
    assert code == 0
    assert err == "warning: half of the draws have no optimum\n"
    assert "half" not in out


def test_summary_and_diagnose_agree_with_python(answers, run, pile, pile_fit):
    document = answers("summary", pile)
    assert same(document["summary"], pile_fit.summary().reset_index(names="quantity"))
    diagnosis = answers("diagnose", pile)
    assert diagnosis == document["diagnosis"]
    assert (diagnosis["ok"], diagnosis["ess_bulk"]) == (True, pile_fit.diagnose().ess_bulk)
    _, out, _ = run("summary", pile)
    assert "E[cerebras]" in out
    assert "A_tau" in out
    assert max(map(len, out.splitlines())) <= 110


def test_plot_writes_a_picture(run, single):
    code, out, err = run("plot", single, "--kind", "residuals", "-o", "residuals.png")
    assert (code, out, err) == (0, "Wrote residuals.png.\n", "")
    with open("residuals.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    code, _, err = run("plot", single, "--kind", "residuals", "-o", "residuals.png")
    assert (code, "--force" in err) == (2, True)
    code, _, err = run("plot", single, "--kind", "residuals", "-o", "residuals.doc")
    assert code == 2
    assert err.startswith("error: cannot write residuals.doc: ")
    code, _, err = run("plot", single, "--kind", "residuals", "--to", "1e25", "-o", "other.png")
    assert (code, err) == (2, "error: --to is not for pictures of kind residuals\n")


def test_report_passes_its_options_on(run, pile, monkeypatch):
    calls = []
    monkeypatch.setattr(bs, "report", lambda *args, **options: calls.append((args[1:], options)))
    code, out, err = run(
        "report", pile, "-o", "page.html", "--targets", "1B:1T,2B:2T", "--budgets", "1e22,1e23"
    )
    assert (code, out, err) == (0, "Wrote page.html.\n", "")
    assert calls == [
        (
            ("page.html",),
            {
                "comparison": None,
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


# -- fitting ------------------------------------------------------------


def test_fit_saves_and_prints(run, table, sampled, single_fit):
    code, out, err = run("fit", table, "-o", "fit.nc")
    assert (code, err) == (0, "")
    assert "The chains converged" in out
    assert "sigma" in out
    assert out.endswith("\nSaved as fit.nc.\n")
    assert max(map(len, out.splitlines())) <= 110
    assert bs.open_fit("fit.nc").summary().equals(single_fit.summary())


def test_fit_passes_its_options_on(answers, tmp_path, sampled):
    (tmp_path / "runs.csv").write_text(CSV.replace("params,", "N,"))
    document = answers(
        *("fit", "runs.csv", "-o", "fit.nc", "--law", "kaplan", "--column", "params=N", "--noise", "flops"),
        *("--pooling", "E=complete", "--pooling", "A=none", "--draws", 7, "--chains", 2, "--max-warmup", 9),
        *("--seed", 5, "--prob", 0.5),
    )
    (call,) = sampled
    assert call.pop("runs").params.tolist() == [1e8, 2e8, 4e8]
    assert call == {
        "law": "kaplan",
        "noise": "flops",
        "pooling": {"E": "complete", "A": "none"},
        "draws": 7,
        "chains": 2,
        "max_warmup": 9,
        "seed": 5,
        "parallel": None,
        "progress": False,
    }
    assert "50% lower" in document["summary"][0]
    assert document["diagnosis"]["ok"]


@pytest.mark.parametrize(
    ("given", "pooling"),
    [
        ([], None),
        (["--pooling", "none"], "none"),
        (["--pooling", "E=none,A=complete"], {"E": "none", "A": "complete"}),
    ],
)
def test_pooling(run, table, sampled, given, pooling):
    assert run("fit", table, "-o", "fit.nc", *given)[0] == 0
    assert sampled[0]["pooling"] == pooling


def test_group_is_read_as_text(run, tmp_path, sampled):
    (tmp_path / "runs.csv").write_text(
        "params,tokens,loss,corpus\n1e8,2e9,3.4,007\n2e8,4e9,3.1,007\n4e8,8e9,2.9,08\n"
    )
    assert run("fit", "runs.csv", "-o", "fit.nc", "--group", "corpus")[0] == 0
    assert sampled[0]["runs"].groups == ["007", "08"]


def test_progress_stays_out_of_stdout(run, table, sampled, monkeypatch):
    monkeypatch.setattr(arguments, "at_a_terminal", lambda: True)
    code, out, _ = run("fit", table, "-o", "fit.nc", "--json")
    assert code == 0
    assert sampled[0]["progress"] is True
    assert json.loads(out)["law"] == "chinchilla"


def test_doubts_about_a_table_are_sentences_on_stderr(run, tmp_path, sampled):
    (tmp_path / "runs.csv").write_text(CSV + "1e8,2e9,3.4\n")
    code, out, err = run("fit", "runs.csv", "-o", "fit.nc", "--json")
    assert code == 0
    assert err.startswith("warning: runs.csv: ")
    assert err.count("\n") == 1
    assert json.loads(out)["fit"] == "fit.nc"


def test_a_failed_diagnosis_is_loud_and_exits_with_1(run, table, sampled, judged, pile):
    judged("the chains disagree", "too few draws")
    code, out, err = run("fit", table, "-o", "fit.nc", "--json")
    assert code == 1
    assert err == (
        "DO NOT TRUST THESE NUMBERS: fit.nc failed its diagnosis: the chains disagree "
        "(and 1 more: see `bayes-scaling diagnose`)\n"
    )
    assert json.loads(out)["diagnosis"]["failures"] == ["the chains disagree", "too few draws"]
    assert bs.open_fit("fit.nc").law.name == "chinchilla"

    code, out, err = run("predict", pile, "--params", "1B", "--tokens", "1T")
    assert code == 1
    assert out.startswith("group")
    assert err.startswith("DO NOT TRUST THESE NUMBERS: ")


# -- comparing ------------------------------------------------------------


@pytest.fixture
def compared(monkeypatch):
    """Replaces the comparison, which refits, by a table; keeps the fits."""
    calls = []

    def fake(fits, *, refit=True, ahead=True, progress=False):
        calls.append((list(fits), refit))
        columns = ("elpd", "se", "elpd_diff", "dse", "p", "weight", "worst_k", "refits", "ahead")
        frame = pd.DataFrame({name: np.arange(2.0) for name in columns}, index=["one", "two"])
        frame.loc["two", "dse"] = np.nan
        ahead = pd.DataFrame({"one": [2.0], "two": [1.0]}, index=["3x"])
        return bs.Comparison(dict(fits), frame, frame, frame, ahead)

    monkeypatch.setattr(bs, "compare", fake)
    return calls


def test_compare_fits_each_law_to_the_table(answers, run, table, sampled, compared):
    document = answers("compare", table, "--laws", "chinchilla,kaplan", "--no-refit", "--seed", 3)
    assert compared == [(["chinchilla", "kaplan"], False)]
    assert [(call["law"].name, call["seed"]) for call in sampled] == [("chinchilla", 3), ("kaplan", 3)]
    assert [row["law"] for row in document["comparison"]] == ["one", "two"]
    assert document["comparison"][1]["dse"] is None
    assert document["weights"]["one"] / document["weights"]["two"] == pytest.approx(np.e)
    _, out, _ = run("compare", table, "--laws", "chinchilla", "--laws", "kaplan")
    assert out.splitlines()[0].split("  ")[0] == "law"


def test_compare_opens_saved_fits(run, pile, single, compared):
    assert run("compare", pile, single)[0] == 0
    assert compared == [([pile, single], True)]  # two of one law go by their files


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["a.nc", "runs.csv"], "compare takes one table of runs, or saved fits (.nc); not both at once"),
        (["a.nc", "b.nc", "--seed", "3"], "--seed is for a table of runs; saved fits stay as they were made"),
        (
            ["a.nc", "b.nc", "--max-warmup", "3"],
            "--max-warmup is for a table of runs; saved fits stay as they were made",
        ),
        (["runs.csv", "more.csv"], "compare takes one table of runs, not 2; put them into one"),
    ],
)
def test_compare_refuses_a_mixture(run, argv, message):
    assert run("compare", *argv) == (2, "", f"error: {message}\n")


def test_compare_wants_two_known_laws(run, table, sampled):
    code, _, err = run("compare", table, "--laws", "kaplan")
    assert code == 2
    assert err.startswith("error: name two or more laws, as in --laws chinchilla,kaplan; the laws are ")
    code, _, err = run("compare", table, "--laws", "chinchilla,caplan")
    assert code == 2
    assert err.startswith("error: unknown law 'caplan': did you mean 'kaplan'?")
    assert sampled == []


# -- bad input ------------------------------------------------------------


def test_a_missing_column_says_how_to_map_it(run, tmp_path):
    (tmp_path / "runs.csv").write_text(CSV.replace("params,", "N,"))
    assert run("fit", "runs.csv", "-o", "fit.nc") == (
        2,
        "",
        "error: runs.csv has no column 'params' to read params from; its columns are 'N', 'tokens', 'loss'. "
        "Did you mean 'N'? Map it with params='N' (command line: --column params=N).\n",
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--law", "chinchila"], "unknown law 'chinchila': did you mean 'chinchilla'? the laws are "),
        (
            ["--noise", "pink"],
            "unknown noise 'pink'; expected 'constant', 'curve', 'flops', 'params', 'tokens', 'undertuned' or a "
            "Noise\n",
        ),
        (
            ["--column", "parms=N"],
            "--column parms=... is unknown; the columns are params, tokens, loss, flops, ",
        ),
        (["--column", "N"], "--column 'N' is not of the form name=value\n"),
        (["--column", "params=N", "--column", "params=M"], "--column gives 'params' twice\n"),
        (
            ["--group", "a", "--column", "group=b"],
            "--group and --column group=... both name the group's column; ",
        ),
        (["--pooling", "E=some"], "pooling of 'E' is 'some'; expected one of complete, partial, none\n"),
        (["--draws", "0"], "draws is 0; expected a whole number from 1 on\n"),
        (["--group", "corpus"], "runs.csv has no column 'corpus' to read group from; "),
    ],
)
def test_bad_options_of_fit(run, table, argv, message):
    code, out, err = run("fit", table, "-o", "fit.nc", *argv)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_a_table_that_is_not_there(run):
    code, out, err = run("fit", "runs.csv", "-o", "fit.nc")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no file 'runs.csv'; check the path (relative to ")


def test_an_output_in_no_folder_is_refused_before_sampling(run, table, sampled):
    assert run("fit", table, "-o", "none/fit.nc") == (
        2,
        "",
        "error: cannot write none/fit.nc: the folder none does not exist\n",
    )
    assert sampled == []


def test_an_existing_output_is_kept_byte_for_byte_unless_forced(run, table, tmp_path, sampled):
    output = tmp_path / "fit.nc"
    output.write_bytes(b"precious")
    code, out, err = run("fit", table, "-o", "fit.nc")
    assert (code, out) == (2, "")
    assert err == "error: fit.nc exists and is kept; pass force=True (command line: --force) to replace it\n"
    assert output.read_bytes() == b"precious"
    assert sampled == []
    assert run("fit", table, "-o", "fit.nc", "--force")[0] == 0
    assert bs.open_fit(output).law.name == "chinchilla"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.nc", "runs.csv"]


def test_files_that_are_no_fits(run, tmp_path, saved):
    (tmp_path / "corrupt.nc").write_bytes((saved / "single.nc").read_bytes()[:2000])
    code, out, err = run("predict", "corrupt.nc", "--params", "1B", "--tokens", "1T")
    assert (code, out) == (2, "")
    assert err.startswith("error: corrupt.nc cannot be read as a netCDF file (")
    assert err.endswith("; is it damaged?\n")

    import xarray as xr

    xr.Dataset({"x": ("i", [1.0])}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    assert run("summary", "foreign.nc") == (
        2,
        "",
        "error: foreign.nc was not written by bayes_scaling: it holds no provenance\n",
    )
    assert run("diagnose", "absent.nc") == (2, "", "error: no file absent.nc\n")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--params", "1B"], "law 'chinchilla' needs 'tokens'; its inputs are params, tokens"),
        (
            ["--params", "huge", "--tokens", "1T"],
            "params is 'huge'; expected a positive number such as 7e10, or '70B'.",
        ),
        (
            ["--params", "1B,2B", "--tokens", "1T,2T,3T"],
            "inputs of unequal length: params has 2, tokens has 3; give one value, or as many of each",
        ),
        (
            ["--params", "1B", "--tokens", "1T", "--prob", "90"],
            "the probability of an interval lies between 0 and 1; got 90.0",
        ),
        (
            ["--params", "1B", "--tokens", "1T", "--group", "gpt"],
            "no group 'gpt' in this fit; its groups are cerebras, pythia, pythia_dedup, or 'new'",
        ),
    ],
)
def test_bad_points(run, pile, argv, message):
    assert run("predict", pile, *argv) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fits"],
        ["fit", "runs.csv"],
        ["allocate", "fit.nc"],
        ["fit", "r.csv", "-o", "f.nc", "--draws", "x"],
    ],
)
def test_usage_errors_exit_with_2(run, argv):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("usage: bayes-scaling")


def test_an_interrupt_is_one_word(run, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(bs, "open_fit", interrupted)
    assert run("summary", "fit.nc") == (130, "", "interrupted\n")


# -- text ------------------------------------------------------------


def test_numbers_stand_to_the_right_and_words_to_the_left():
    rows = [{"law": "kaplan", "elpd": "-1.5"}, {"law": "chinchilla", "elpd": "-10.25"}]
    assert text.aligned(rows) == "law           elpd\nkaplan        -1.5\nchinchilla  -10.25"


def test_json_holds_every_digit_and_no_nan():
    document = {
        "x": np.float64(0.1) + 0.2,
        "n": np.int64(3),
        "bad": [math.nan, math.inf],
        "ok": np.bool_(True),
    }
    assert json.loads(text.to_json(document)) == {"x": 0.1 + 0.2, "n": 3, "bad": [None, None], "ok": True}


def test_many_tables_are_fitted_and_a_bad_one_is_said(tmp_path, capsys):
    runs = simulated_runs({"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}, n=40)
    runs.table.to_csv(tmp_path / "good.csv", index=False)
    runs.table.drop(columns="loss").to_csv(tmp_path / "bad.csv", index=False)
    words = [
        "fit-many",
        str(tmp_path / "good.csv"),
        str(tmp_path / "bad.csv"),
        "--folder",
        str(tmp_path / "fits"),
    ]
    assert cli.main([*words, "--draws", "500", "--chains", "2"]) == cli.FAILED_DIAGNOSIS
    said = capsys.readouterr()
    assert "1 of 2 tables have no fit to trust: bad" in said.err
    assert [path.name for path in (tmp_path / "fits").iterdir()] == ["good.nc"]
    assert cli.main([words[0], words[1], *words[3:], "--draws", "500", "--chains", "2", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["fits"]
    assert (row["table"], row["resumed"], row["ok"]) == ("good", True, True)
