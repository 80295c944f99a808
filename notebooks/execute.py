"""Executes the sources and writes each, with its outputs, beside it: python notebooks/execute.py [name ...]"""

import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
NOTEBOOKS = sorted({path.stem for path in FOLDER.glob("*.py")} - {Path(__file__).stem})


def execute(name: str) -> Path:
    notebook = jupytext.read(FOLDER / f"{name}.py")
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i}"  # the same in every run, so that a new copy differs only where outputs do
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    NotebookClient(notebook, timeout=1200, record_timing=False, resources={"metadata": {"path": FOLDER}}).execute()
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        if "outputs" in cell:  # what libraries write to stderr names folders of one machine
            cell["outputs"] = [output for output in cell["outputs"] if output.get("name") != "stderr"]
    target = FOLDER / f"{name}.ipynb"
    nbformat.write(notebook, target)
    return target


if __name__ == "__main__":
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # tqdm misses its widget; nothing here needs it
    for name in sys.argv[1:] or NOTEBOOKS:
        print(execute(name))
