"""What travels between a model, its noise and its data."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bayes_scaling.laws.elementwise import Computed

type ModelData = dict[str, np.ndarray]
"""The model's data variables by name.

The law's inputs by their letters, (rows,); what the noise reads (`NoiseModel.data`); ``weight`` (1, or 0 for a row
that is left out), ``group_index`` and ``cluster_index`` (int32), (rows,). Where the noise is `NoiseModel.mixed`, the
sampler adds ``mixing``, (rows,): what divides the variance of a row's noise.
"""


class Density(NamedTuple):
    """What a noise makes of its rows, as PyTensor variables."""

    log_likelihood: Computed  # (clusters,); (groups,) where the noise is `NoiseModel.joint`
    residual: Computed  # (rows,)
    row_variance: Computed  # (rows,): squared scale of a row, smooth in the parameters
    given_others: Computed = (
        None  # (clusters,): log density given all others of the group, where noise is joint
    )


class Design(NamedTuple):
    """What simulated runs are drawn from."""

    data: Mapping[str, np.ndarray]  # the model's data variables; what was observed plays no part
    law: np.ndarray  # (rows,), the law at the rows' inputs
    sigma: np.ndarray  # (rows,)
    shared: Mapping[str, float]  # by name; those that are not given play no part
    measurement_sd: np.ndarray  # (rows,), of log loss
    counted: bool = False  # whether data["items"] counts the test items of a share
    floor: np.ndarray | None = None  # broadcasts with (rows,): the law with endless resources
