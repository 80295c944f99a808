"""Help, usage, completion and exit codes; in processes of their own where imports are at stake."""

import os
import re
import subprocess
import sys
from importlib import import_module

import pytest

import bayes_scaling as bs
from bayes_scaling.cli.main import VERBS, main

HEAVY = {
    "numpy",
    "pandas",
    "xarray",
    "scipy",
    "jax",
    "pymc",
    "pytensor",
    "arviz",
    "arviz_stats",
    "matplotlib",
    "rich",
}


def process(*argv, **environment):
    return subprocess.run(
        [sys.executable, *argv], capture_output=True, text=True, check=False, env=os.environ | environment
    )


def test_help_and_laws_load_nothing_heavy():
    done = process(
        "-c",
        "import sys\nfrom bayes_scaling.cli.main import main\n"
        "for line in ('--help', 'fit --help', 'plot -h', '--version', 'laws'):\n"
        "    assert main(line.split()) == 0\n"
        f"    print(line, sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)",
    )
    assert done.stderr == "--help []\nfit --help []\nplot -h []\n--version []\nlaws []\n"
    assert done.stdout.count("Usage: bayes-scaling") == 3


@pytest.mark.seconds
def test_a_saved_fit_is_asked_without_a_sampler_or_arviz(saved):
    """They take seconds to load, for answers that take a tenth of one."""
    lines = ["predict pile.nc --params 100B --tokens 2T", "allocate pile.nc --flops 1e24", "diagnose pile.nc"]
    slow = HEAVY - {"numpy", "pandas", "xarray", "scipy", "rich"}
    done = process(
        "-c",
        f"import os, sys\nos.chdir({str(saved)!r})\nfrom bayes_scaling.cli.main import main\n"
        f"for line in {lines}:\n"
        "    main(line.split())\n"
        f"print(sorted({slow} & set(sys.modules)))",
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_shows_each_verb_with_its_first_line_under_the_question_that_it_answers(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert re.findall(r"^(\S.*):$", out, re.MULTILINE) == ["Options", *VERBS]
    for module, verbs in VERBS.values():
        for verb in verbs:
            found = getattr(import_module(f"bayes_scaling.cli.{module}"), verb.replace("-", "_"))
            assert "".join(f"{verb}{found.help}".split()) in "".join(out.split())
            assert found.name == verb


def test_python_m_is_the_command_line():
    done = process("-m", "bayes_scaling", "--version")
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


@pytest.mark.seconds
@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("bayes-scaling pl", ["plain,plan", "plain,plot", "plain,planner"]),
        ("bayes-scaling plot --kind re", ["plain,residual_trends", "plain,residuals"]),
        ("bayes-scaling fit r.csv --max-w", ["plain,--max-warmup"]),
        ("bayes-scaling predict f", ["file,f"]),
    ],
)
def test_a_shell_completes_verbs_options_and_choices(words, completions, run, capsys, monkeypatch):
    monkeypatch.setenv("_BAYES_SCALING_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == 0
    assert capsys.readouterr() == ("".join(f"{line}\n" for line in completions), "")


def test_a_process_completes():
    asked = {"_BAYES_SCALING_COMPLETE": "bash_complete", "COMP_WORDS": "bayes-scaling su", "COMP_CWORD": "1"}
    done = process("-m", "bayes_scaling", **asked)
    assert (done.stdout, done.stderr) == ("plain,summary\n", "")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fits"],
        ["fit"],
        ["allocate", "fit.nc"],
        ["fit", "r.csv", "-o", "f.nc", "--draws", "x"],
        ["fit", "r.csv", "-o", "f.nc", "--dra", "9"],
    ],
)
def test_usage_errors_exit_with_2(run, argv):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: bayes-scaling")


def test_all_that_is_missing_is_said_at_once(run):
    assert run("fit")[2].endswith("\nError: Missing 'RUNS'.\n")
    assert run("allocate", "--prob", "0.5")[2].endswith("\nError: Missing 'FIT' and '--flops'.\n")
    assert run("serve", "fit.nc")[2].endswith("\nError: Missing '--served'.\n")


def test_an_interrupt_is_one_word(run, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(bs, "open_fit", interrupted)
    assert run("summary", "fit.nc") == (130, "", "\ninterrupted\n")


@pytest.mark.parametrize("argv", [["--help"], ["summary", "nothing.nc"]])
def test_no_color_is_respected_at_a_terminal(argv, capsys, monkeypatch):
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream=None, color=None: color is False)

    def shown():
        main(argv)
        return "".join(capsys.readouterr())

    assert "\x1b[" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in shown()
