"""The notebooks: every source runs, and its executed copy holds the same cells."""

import re
import runpy
import warnings
from pathlib import Path

import matplotlib
import pytest

import bayes_scaling as bs

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted({path.stem for path in FOLDER.glob("*.py")} - {"execute"})

INSTALL = """\
# In a hosted notebook the package is not there yet.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("bayes_scaling") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "bayes-scaling"])
"""


@pytest.fixture
def aside():
    """What a notebook changes for the whole process, put back: pictures, their style, and the catalogue of laws."""
    import matplotlib.pyplot as plt

    laws = dict(bs.LAWS)
    with matplotlib.rc_context():
        plt.switch_backend("agg")
        yield
    bs.LAWS.clear()
    bs.LAWS.update(laws)


def test_all_are_executed():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES
    listed = re.findall(r"\((\w+)\.ipynb\)", (FOLDER / "README.md").read_text())
    assert sorted(listed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_opens_with_its_question_and_the_picture_that_answers_it(name):
    jupytext = pytest.importorskip("jupytext")  # slow to load
    question, install, answer = jupytext.read(FOLDER / f"{name}.ipynb").cells[:3]
    assert question.source.startswith("# ")
    assert "?" in question.source
    assert install.source == INSTALL.rstrip()
    assert any("image/png" in output.get("data", {}) for output in answer.outputs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sampling
def test_source_runs(name, aside, monkeypatch, capsys):
    monkeypatch.setenv("BAYES_SCALING_DRAWS", "100")
    with warnings.catch_warnings():
        # Posteriors are short on purpose, too short for the tails of importance weights.
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        warnings.filterwarnings("ignore", "Estimated shape parameter of Pareto", UserWarning)
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_executed_copy_belongs_to_its_source(name):
    jupytext = pytest.importorskip("jupytext")  # slow to load
    copy = FOLDER / f"{name}.ipynb"
    source, executed = (jupytext.read(path).cells for path in (copy.with_suffix(".py"), copy))
    rerun = f"run: python notebooks/execute.py {name}"
    assert "site-packages" not in copy.read_text()  # nor any other path of one machine
    assert [(c.cell_type, c.source) for c in executed] == [(c.cell_type, c.source) for c in source], rerun
    code = [cell for cell in executed if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), rerun
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert copy.stat().st_size < 600_000


@pytest.mark.seconds
def test_it_completes_laws_and_groups():
    completer = pytest.importorskip("IPython.core.completer")  # slow to load
    fit = bs.open_fit(FOLDER.parent / "tests" / "inference" / "golden" / "version_2_groups.nc")
    shell = completer.IPCompleter(namespace={"bs": bs, "fit": fit}, use_jedi=False)

    def completed(text):
        with completer.provisionalcompleter():
            return {found.text.rpartition('"')[2] for found in shell.completions(text, len(text))}

    assert completed('bs.LAWS["') == set(bs.LAWS)
    assert completed('fit["py') == {"pythia", "pythia_dedup"}
    assert fit["pythia"].equals(fit.draws("pythia"))


BAR = """
from bayes_scaling.sampling.progress import progress_bar
with progress_bar(True, "a <law>") as report:
    for i in range(2000):
        report("sampling", i + 1, 2000)
"""


@pytest.mark.seconds
def test_a_bar_is_one_output_that_is_replaced():
    import nbclient
    import nbformat

    looks = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, index):
            if message["msg_type"].endswith("display_data"):
                looks.append(message["content"]["data"]["text/html"])
            return super().process_message(message, cell, index)

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BAR)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the kernel's client
        Client(notebook, kernel_name="python3", timeout=300).execute()
    [output] = notebook.cells[0].outputs
    assert output["data"]["text/html"] == ""
    assert "a &lt;law&gt; sampling" in looks[-2]
    assert 'value="2000" max="2000"' in looks[-2]
    assert 3 <= len(looks) < 50
