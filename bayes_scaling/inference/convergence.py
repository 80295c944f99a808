"""R-hat and effective sample sizes of every quantity of a posterior (Vehtari et al. 2021, arXiv:1903.08008)."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.sampling.mixing import TAILS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def convergence(posterior: "xr.Dataset") -> "pd.DataFrame":
    """R-hat, bulk ESS and tail ESS.

    Parameters
    ----------
    posterior : Dataset
        Dims (chain, draw), and group where a quantity differs between groups.

    Returns
    -------
    DataFrame
        Columns r_hat, ess_bulk and ess_tail; a row for each label of `by_label`. A quantity that is held fixed while
        others are drawn has none.
    """
    # pandas and ArviZ load when there are draws, and not on import.
    import pandas as pd
    from arviz_stats.base.array import array_stats

    labelled = by_label(posterior)
    draws = {label: values for label, values in labelled.items() if np.ptp(values) != 0} or labelled
    stacked = np.stack(list(draws.values()))
    with np.errstate(divide="ignore", invalid="ignore"):  # of a quantity that never moves
        columns = {
            "r_hat": array_stats.rhat(stacked),
            "ess_bulk": array_stats.ess(stacked, method="bulk"),
            "ess_tail": array_stats.ess(stacked, method="tail", prob=TAILS),
        }
    return pd.DataFrame(columns, index=list(draws))


def by_label(posterior: "xr.Dataset") -> dict[str, np.ndarray]:
    """Draws of shape (chain, draw) of each quantity, and of each of its groups: ``E``, or ``E[pythia]``."""
    found = dict[str, np.ndarray]()
    for name, quantity in posterior.data_vars.items():
        draws = quantity.transpose(..., "chain", "draw")
        if "group" in draws.dims:
            labels = draws["group"].to_numpy()
            found |= {f"{name}[{label}]": own for label, own in zip(labels, draws.to_numpy(), strict=True)}
        else:
            found[str(name)] = draws.to_numpy()
    return found
