"""What of a table enters a model."""

import numpy as np

from bayes_scaling.data.runs import Runs
from bayes_scaling.laws.base import Law
from bayes_scaling.model.structure import ModelData, NoiseModel, Structure


def model_data(runs: Runs, law: Law, noise: NoiseModel) -> ModelData:
    """What of a table enters the model."""
    inputs = {
        letter: runs.column(column) / runs.reference[column]
        for letter, column in zip(law.inputs, law.columns, strict=True)
    }
    return {
        **inputs,
        **noise.data(runs, inputs),
        "unit": np.array([prior.unit for prior in law.priors.values()] + [1.0]),
        "weight": np.ones(len(runs)),
        "group_index": runs.group_index.astype(np.int32),
        "cluster_index": noise.clusters(runs).astype(np.int32),
    }


def blank_data(s: Structure) -> ModelData:
    """Data of the right names, types and shapes, whose values stand for nothing."""
    index = np.zeros(s.n_rows, np.int32)
    return {
        **{letter: np.ones(s.n_rows) for letter in s.law.inputs},
        **s.noise.blank(s),
        "unit": np.ones(len(s.priors)),
        "weight": np.zeros(s.n_rows),
        "group_index": index,
        "cluster_index": index,
        **({"mixing": np.ones(s.n_rows)} if s.noise.mixed else {}),
    }
