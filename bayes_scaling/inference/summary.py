"""Every quantity of a posterior with its interval, its convergence, and what it means in words."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.convergence import by_label, convergence
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.laws.pinned import pins

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior


def summary(fit: "Posterior", prob: float = 0.9) -> "pd.DataFrame":
    """Median and equal-tailed interval of every quantity, with what it means, R-hat and ESS.

    Parameters
    ----------
    fit : Posterior
    prob : float
        Probability of the interval; the columns' names carry it.

    Returns
    -------
    DataFrame
        Index: the quantity, with its group. Rows: the law's parameters, the constants that papers print
        (derived at N = D = 1), and the noise.
    """
    # pandas and xarray load when a table is made, and not on import.
    import pandas as pd
    import xarray as xr

    law, posterior = fit.law, fit.posterior
    if law.constants is not None:
        parameters = {name: posterior[name] for name in law.parameters}
        posterior = posterior.assign(law.constants(fit.reference, **parameters))
    constants = [name for name in posterior.data_vars if name not in fit.posterior]
    first = [*law.parameters, *constants, *fit.noise.meanings(fit.structure.clustered)]
    order = [name for name in dict.fromkeys([*first, *posterior.data_vars]) if name in posterior]
    draws = by_label(posterior := posterior[order])
    stacked = xr.DataArray(np.stack(list(draws.values())), dims=("quantity", "chain", "draw"))
    lower, median, upper = quantiles(stacked, tails(prob)).to_numpy()
    bounds = {"median": median, f"{100 * prob:g}% lower": lower, f"{100 * prob:g}% upper": upper}
    table = pd.DataFrame(bounds, index=list(draws)).join(convergence(posterior))
    table = table.assign(meaning=[meaning(fit, label.partition("[")[0]) for label in draws])
    for name, value in pins(law).items():
        table.loc[name] = {**dict.fromkeys(bounds, value), "meaning": "pinned: known, and not sampled"}
    return table


def without_convergence(table: "pd.DataFrame") -> "pd.DataFrame":
    """A summary, for where the diagnosis stands beside it."""
    return table.drop(columns=["r_hat", "ess_bulk", "ess_tail"])


def meaning(fit: "Posterior", name: str) -> str:
    """What a quantity of the posterior is, in a few words."""
    if name.endswith("_tau"):
        return f"sd of {name.removesuffix('_tau')} between groups (log scale)"
    if name.endswith("_population"):
        return f"{name.removesuffix('_population')} of a typical group"
    return fit.law.meaning(name) or fit.noise.meanings(fit.structure.clustered).get(name, "")
