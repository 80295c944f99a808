"""Tables of real training runs: embedded ones with their citations, and third-party ones found on disk."""

from dataclasses import dataclass
from importlib import resources

from bayes_scaling.data.datasets.external import external
from bayes_scaling.data.load import load_runs
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError

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


_SWEEP = {
    "source": "Trained for this package, by `python -m benchmarks.sweep`; docs/sweep.md is the datasheet.",
    "citation": "This package, its own sweep (docs/sweep.md)",
    "terms": "MIT, as the package. No text of the corpora is in it.",
}

DATASETS: dict[str, Dataset] = {
    "sweep": Dataset(
        name="sweep",
        title="Small transformers on three corpora, many seeds in each cell, one entropy known: 353 runs",
        columns={
            "group": "the corpus: words (synthetic, its entropy known), python (SymPy's code), prose (Jane Austen)",
            "role": "grid (isoFLOP grids, 3.2e9 to 1e12 FLOPs), or holdout (larger runs, 3.2e12 to 3.2e13)",
            "params": "all parameters, the tied embedding among them",
            "tokens": "training tokens; a token is a byte",
            "loss": "nats per token after training, on 2048 windows of the corpus that are the same for all runs",
            "seed": "tells the runs of a cell apart; first weights and order of the data both differ",
            "flops": "training FLOPs C = 6ND",
            "eval_se": "standard error of the loss from the evaluation windows; common to all runs of a corpus",
            "budget": "FLOPs of the run's place in the design; flops up to the rounding of steps",
            "bits_per_byte": "the loss in bits per byte",
            "exact_flops": "training FLOPs counted matrix by matrix",
            "non_embedding_params": "parameters without the embedding, N of Kaplan et al. 2020",
            "width": "of the model",
            "layers": "of the model",
            "steps": "of the optimiser, 512 tokens each",
            "rate": "peak learning rate",
            "unique_tokens": "tokens of the corpus that the run can have seen",
            "epochs": "training tokens over those of the corpus",
            "seconds": "wall clock of the training, one thread of a shared machine",
            "run": "name of the run, as in the table sweep_trajectories",
            "oracle_loss": "words alone: loss of a reader who knows the source, on the same windows",
        },
        flaws=(
            "Contexts are 64 bytes and models tiny: what is learnt here about laws need not hold for large ones.",
            "The error of the evaluation windows is common to all runs of a corpus, so it is eval_se and not "
            "loss_se: it moves E and is no noise of a run.",
            "Runs of prose on more than 3.7M tokens see part of it twice (column epochs, 1.6 at most).",
            "The ladder's models are larger than the best at their budgets.",
            "Width and depth do not grow evenly from size to size, which the laws do not know.",
        ),
        **_SWEEP,
    ),
    "sweep_trajectories": Dataset(
        name="sweep_trajectories",
        title="Loss along the training of each run of the sweep",
        columns={
            "group": "the corpus",
            "role": "grid or holdout",
            "params": "all parameters, the tied embedding among them",
            "tokens": "training tokens so far",
            "loss": "nats per token, on every eighth of the evaluation windows",
            "seed": "tells the runs of a cell apart",
            "trajectory": "name of the run, column run of the table sweep",
            "share": "of the run that is over",
        },
        flaws=(
            "The learning rate is still high on the way: only the last checkpoint of a run is a point of its law.",
            "The evaluation windows are 256, and not the 2048 of the table sweep.",
        ),
        **_SWEEP,
    ),
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
    """Names of the embedded tables."""
    return list(DATASETS)


def load(name: str) -> Runs:
    """One of the embedded tables.

    Parameters
    ----------
    name : str
        One of `names`; ``DATASETS[name]`` tells where it comes from.

    Raises
    ------
    InputError
        If there is no such table.
    """
    if name not in DATASETS:
        raise InputError(f"there is no embedded table '{name}'; choose one of {', '.join(DATASETS)}.")
    with resources.as_file(resources.files(__name__) / f"{name}.csv") as path:
        return load_runs(path, name=name)
