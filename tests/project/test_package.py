"""What is released: built, installed in an empty environment, and run from outside of the clone."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import bayes_scaling as bs

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "inference" / "golden" / "version_2_groups.nc"


def done(*command, where):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    ran = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command}: {ran.stderr[-2000:]}"
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A source distribution, and the wheel that is built from it."""
    if (
        not shutil.which("uv")
        or subprocess.run(["uv", "--version"], check=False, capture_output=True).returncode
    ):
        pytest.skip("builds with uv")
    folder = tmp_path_factory.mktemp("dist")
    done("uv", "build", "--quiet", "--out-dir", str(folder), where=ROOT)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


@pytest.mark.slow
def test_files_of_a_release(built):
    source, wheel = built
    inside = set(zipfile.ZipFile(wheel).namelist())
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "bayes_scaling").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in inside if ".dist-info/" not in name} == here
    assert {"bayes_scaling/py.typed", "bayes_scaling/__init__.pyi"} <= here
    with tarfile.open(source) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {"bayes_scaling", "tests", "docs", "LICENSE", "PKG-INFO"} <= tops
    assert not {".hypothesis", ".venv", ".git", "dist"} & tops


@pytest.mark.slow
def test_a_wheel_runs_in_an_empty_environment(built, tmp_path):
    _, wheel = built
    home = tmp_path / "environment"
    done("uv", "venv", "--quiet", "--python", sys.executable, str(home), where=ROOT)
    python, command = str(home / "bin" / "python"), str(home / "bin" / "bayes-scaling")
    # From here, so that versions are those of pyproject.toml.
    done("uv", "pip", "install", "--quiet", "--python", python, str(wheel), where=ROOT)
    assert done(command, "--version", where=tmp_path) == f"bayes-scaling {bs.__version__}\n"
    assert "chinchilla" in done(command, "laws", where=tmp_path)
    sampled = (
        "import bayes_scaling as bs, warnings\n"
        "warnings.simplefilter('ignore')\n"
        f"print(bs.__file__, bs.open_fit({str(GOLDEN)!r}).summary())\n"
        "few = {'noise': 'constant', 'draws': 20, 'chains': 2, 'max_warmup': 50}\n"
        "fit = bs.fit(bs.datasets.load('pile'), 'power_law:params', **few)\n"
        "print(bs.open_fit(fit.save('fit.nc')).predict('100B'))"
    )
    said = done(python, "-c", sampled, where=tmp_path)
    assert said.startswith(str(home)), "the installed package, and not the clone"
    assert "E[cerebras]" in said
    assert "new_run 90% lower" in said
