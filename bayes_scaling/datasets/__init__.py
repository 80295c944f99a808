"""Tables of real training runs: embedded ones with their citations, and third-party ones found on disk."""

from dataclasses import dataclass
from importlib import resources

from bayes_scaling.datasets.external import external
from bayes_scaling.errors import InputError
from bayes_scaling.runs import Runs, load_runs

__all__ = ["DATASETS", "Dataset", "external", "load", "names"]


@dataclass(frozen=True)
class Dataset:
    """An embedded table and where it comes from.

    Attributes
    ----------
    name : str
        The name that `load` takes.
    title : str
        One line for a list.
    citation : str
        What to cite.
    terms : str
        Under which terms the table is here.
    source : str
        How the numbers got here.
    columns : dict of str to str
        From each column to what it holds.
    flaws : tuple of str
        What is known to be wrong or rough, one sentence each.
    """

    name: str
    title: str
    citation: str
    terms: str
    source: str
    columns: dict[str, str]
    flaws: tuple[str, ...]


DATASETS: dict[str, Dataset] = {
    "pile": Dataset(
        name="pile",
        title="Cerebras-GPT, Pythia and deduplicated Pythia: loss on the Pile's test set, 23 models",
        citation=(
            "Dey et al. 2023, Cerebras-GPT: Open Compute-Optimal Language Models Trained on the Cerebras "
            "Wafer-Scale Cluster, arXiv:2304.03208, Tables 3 and 8"
        ),
        terms="Figures printed in a paper, typed in for this package with the citation.",
        source="The losses printed in the paper, not those of the model cards (5 of 7 differ).",
        columns={
            "group": "the suite: cerebras (20 tokens per parameter), pythia, pythia_dedup (300B tokens)",
            "model": "the model's name",
            "params": "parameters, nominal: the number in the model's name",
            "tokens": "training tokens",
            "loss": "nats per token of the GPT-2 vocabulary, on the Pile's test set",
        },
        flaws=(
            "Parameters are nominal, and Pythia's 300B tokens are 299.9B.",
            "The loss of deduplicated Pythia 1.4B, 1.889, looks like an outlier; it is kept as printed.",
            "One run per configuration, so seed noise cannot be told from lack of fit.",
        ),
    ),
}


def names() -> list[str]:
    """Names of the embedded tables.

    Returns
    -------
    list of str
    """
    return list(DATASETS)


def load(name: str) -> Runs:
    """One of the embedded tables.

    Parameters
    ----------
    name : str
        One of `names`; ``DATASETS[name]`` tells where it comes from.

    Returns
    -------
    Runs

    Raises
    ------
    InputError
        If there is no such table.
    """
    if name not in DATASETS:
        raise InputError(f"there is no embedded table '{name}'; choose one of {', '.join(DATASETS)}.")
    with resources.as_file(resources.files(__name__) / f"{name}.csv") as path:
        return load_runs(path, name=name)
