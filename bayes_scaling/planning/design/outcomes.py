"""What candidate runs would show, draw by draw, and how far one of them scatters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.forecast.new_run import new_run_scale
from bayes_scaling.forecast.predict import predict

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior

SHARED = 0.5
"""Share of the noise's variance that replicates of a configuration have in common, where the table cannot tell."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What candidates would show.

    Attributes
    ----------
    shown : ndarray, shape (draws, candidates)
        Log loss under each draw, with its drift and without noise.
    seed, lack : ndarray, shape (candidates,)
        Variances of log loss: what differs between seeds, and what replicates of a configuration have in common.
    """

    shown: np.ndarray
    seed: np.ndarray
    lack: np.ndarray


def outcomes(fit: "Posterior", candidates: "pd.DataFrame") -> Outcomes:
    """What candidates would show, in the order of their table.

    The seed's variance is that of a normal with the information of the Student-t about its centre.
    """
    count = len(candidates)
    draws = fit.one_per_draw.size
    found = Outcomes(np.empty((draws, count)), np.empty(count), np.empty(count))
    for label, rows in candidates.groupby("group", sort=False).indices.items():
        part = candidates.iloc[rows]
        forecast = predict(fit, part["params"].to_numpy(), part["tokens"].to_numpy(), group=str(label))
        own = fit.draws(str(label))
        scale = new_run_scale(fit, own, forecast.inputs)
        nu = fit.noise.degrees_of_freedom(own)
        heavy = (nu + 3) / (nu + 1)
        spread = np.broadcast_to((scale**2 * heavy).mean(("chain", "draw")).to_numpy(), len(part))
        known = "lack_of_fit" in own
        lack = float((own["lack_of_fit"] ** 2 * heavy).mean()) if known else SHARED * spread
        found.shown[:, rows] = np.log(forecast.draws("drifted").to_numpy()).reshape(draws, len(part))
        found.seed[rows], found.lack[rows] = spread - lack, lack
    return found
