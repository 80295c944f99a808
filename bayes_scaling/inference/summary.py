"""Every quantity of a posterior with its interval, its convergence, and what it means in words."""

from typing import TYPE_CHECKING, Any

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
    import arviz_stats as azs
    import pandas as pd

    posterior = fit.posterior
    if fit.law.constants is not None:
        parameters = {name: posterior[name] for name in fit.law.parameters}
        posterior = posterior.assign(fit.law.constants(fit.reference, **parameters))
    order = [
        *fit.law.parameters,
        *(n for n in posterior.data_vars if n not in fit.posterior),
        *(n for n in fit.noise.meanings(fit.structure.clustered) if n in fit.posterior),
    ]
    order += [n for n in fit.posterior.data_vars if n not in order]
    posterior = posterior[order]
    r_hat, bulk, tail = (
        azs.rhat(posterior),
        azs.ess(posterior, method="bulk"),
        azs.ess(posterior, method="tail"),
    )
    percent = f"{100 * prob:g}%"
    rows = {}
    for name in posterior.data_vars:
        draws = posterior[name]
        quantiles = draws.quantile([(1 - prob) / 2, 0.5, (1 + prob) / 2], dim=("chain", "draw"))
        labels = [str(g) for g in draws["group"].to_numpy()] if "group" in draws.dims else [None]
        for i, label in enumerate(labels):
            pick: dict[Any, int] = {"group": i} if label is not None else {}
            low, median, high = (float(q) for q in quantiles.isel(pick).to_numpy())
            rows[str(name) if label is None else f"{name}[{label}]"] = {
                "median": median,
                f"{percent} lower": low,
                f"{percent} upper": high,
                "r_hat": float(r_hat[name].isel(pick)),
                "ess_bulk": float(bulk[name].isel(pick)),
                "ess_tail": float(tail[name].isel(pick)),
                "meaning": meaning(fit, str(name)),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def meaning(fit: "Posterior", name: str) -> str:
    """What a quantity of the posterior is, in a few words."""
    if name.endswith("_tau"):
        return f"sd of {name.removesuffix('_tau')} between groups (log scale)"
    if name.endswith("_population"):
        return f"{name.removesuffix('_population')} of a typical group"
    return fit.law.meaning(name) or fit.noise.meanings(fit.structure.clustered).get(name, "")
