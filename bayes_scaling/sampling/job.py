"""One posterior to draw from, as it travels to whatever runs the chains."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.progress import Report
from bayes_scaling.sampling.settings import Sampler


@dataclass(frozen=True)
class Job:
    """One posterior to draw from.

    Attributes
    ----------
    key : hashable
        Names the job in the outcome.
    structure, data
        As `bayes_scaling.model.build.structure` and `model_data` give them.
    sampler : Sampler
    progress : callable, optional
        ``progress(phase, done, total)``, called between chunks.
    score : mapping of str to ndarray
        Data that differ where the log likelihood of the result is computed, so that a row of weight 0 while
        sampling and 1 here is scored by a posterior that has not seen it.
    """

    key: Hashable
    structure: Structure
    data: Mapping[str, np.ndarray]
    sampler: Sampler = field(default_factory=Sampler)
    progress: Report | None = None
    score: Mapping[str, np.ndarray] = field(default_factory=dict)
