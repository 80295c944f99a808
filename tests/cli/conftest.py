"""Fits whose sampling is left out, as files; and a command line in the process."""

import dataclasses
import json
from functools import cache

import matplotlib
import pytest
from helpers import instant_fit, simulated_runs

import bayes_scaling as bs
from bayes_scaling.cli.main import main
from bayes_scaling.inference import diagnostics
from bayes_scaling.sampling.progress import progress_bar


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def single_fit(truth):
    return instant_fit(simulated_runs(truth), "chinchilla", seed=3, draws=100)


@pytest.fixture(scope="session")
def pile_fit():
    return instant_fit(bs.datasets.load("pile"), "chinchilla", seed=1, draws=100)


@pytest.fixture(scope="session")
def diagnosed():
    """A fit's diagnosis, and that without warnings, each made once for each fit."""
    return cache(bs.Fit.diagnose), cache(diagnostics.verdict)


@pytest.fixture
def judged(monkeypatch, diagnosed):
    """Sets what every diagnosis finds wrong, for fits too short to pass on their own."""
    diagnose, verdict = diagnosed

    def judge(*failures, unbelievable=()):
        found = {"failures": failures, "unbelievable": unbelievable}
        monkeypatch.setattr(bs.Fit, "diagnose", lambda fit: dataclasses.replace(diagnose(fit), **found))
        monkeypatch.setattr(diagnostics, "verdict", lambda fit: dataclasses.replace(verdict(fit), **found))

    judge()
    return judge


@pytest.fixture(scope="session")
def saved(tmp_path_factory, pile_fit, single_fit):
    """A folder with pile.nc and single.nc."""
    folder = tmp_path_factory.mktemp("fits")
    pile_fit.save(folder / "pile.nc")
    single_fit.save(folder / "single.nc")
    return folder


@pytest.fixture(scope="session")
def opened(saved):
    """What is in the files of `saved`, by their paths."""
    return {str(path): bs.open_fit(path) for path in saved.iterdir()}


@pytest.fixture
def read_once(opened, monkeypatch):
    """Files of `saved` are not read for each command line."""
    read = bs.open_fit
    monkeypatch.setattr(bs, "open_fit", lambda path: opened.get(str(path)) or read(path))


@pytest.fixture
def pile(saved, judged, read_once):
    return str(saved / "pile.nc")


@pytest.fixture
def single(saved, judged, read_once):
    return str(saved / "single.nc")


@pytest.fixture
def table(tmp_path):
    (tmp_path / "runs.csv").write_text("params,tokens,loss\n1e8,2e9,3.4\n2e8,4e9,3.1\n4e8,8e9,2.9\n")
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
        code = main(list(map(str, argv)))
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def answers(run):
    """The JSON document of a command line that went well; stderr has its warnings, and nothing else."""

    def call(*argv):
        code, out, err = run(*argv, "--json")
        document = json.loads(out, parse_constant=lambda token: pytest.fail(f"{token} is no JSON"))
        assert (code, err) == (0, "".join(f"warning: {said}\n" for said in document.get("warnings", [])))
        return document

    return call
