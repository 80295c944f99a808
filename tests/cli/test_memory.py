"""Verbs under a limit of memory: their own exit code, or a sentence where the process ended before it had one."""

import re
import signal
import subprocess
import sys

import pytest

from bayes_scaling.cli.main import main

ENDED = re.compile(
    r"error: it ended in the middle, under a limit of memory of [\d.]+ GB \(ulimit -v\): .* raise the limit\. "
    r"No file is half written"
)


def ended(verb, **options):
    """How a process ends in which this verb, an expression, is watched."""
    imports = "import os, sys, time; from bayes_scaling.cli.memory import watched"
    program = f"{imports}; sys.exit(watched(lambda: {verb}, 10**9))"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_the_exit_code_is_that_of_the_verb(code):
    done = ended(str(code))
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_what_is_printed_arrives():
    assert ended("print('a table') or 0").stdout == "a table\n"


@pytest.mark.parametrize(
    "verb", ["os.abort()", "os._exit(1)", "bytes(10**15) and 0"], ids=["killed", "ended", "raised"]
)
def test_a_process_that_ends_in_the_middle_is_a_sentence(verb):
    done = ended(verb)
    assert done.returncode == 2
    assert ENDED.fullmatch(done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr


def test_a_signal_reaches_the_verb():
    program = "os.kill(os.getppid(), 2) or time.sleep(60) or 0"
    done = ended(program, timeout=30)
    assert done.returncode == 2  # of KeyboardInterrupt, which `main` turns into 130
    done = ended(program.replace(", 2)", f", {signal.SIGTERM})"), timeout=30)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")


@pytest.mark.seconds
def test_a_fit_that_runs_out_of_memory_leaves_no_file(tmp_path):
    pytest.importorskip("resource")
    runs = "params,tokens,loss\n7e7,2e9,3.4\n1.6e8,2e9,3.1\n4.1e8,1e10,2.8\n1e9,2e10,2.6\n2.8e9,4e10,2.45\n"
    (tmp_path / "runs.csv").write_text(runs)
    command = f"ulimit -v {600 * 2**10}; exec '{sys.executable}' -m bayes_scaling fit runs.csv -o fit.nc"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert ENDED.fullmatch(done.stderr.splitlines()[-1])
    assert [path.name for path in tmp_path.iterdir()] == ["runs.csv"]


def test_without_a_limit_nothing_is_watched(capsys, monkeypatch):
    monkeypatch.setattr("os.fork", lambda: pytest.fail("a process was made"))
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("bayes-scaling ")
