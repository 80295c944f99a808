"""Which answers are sensitive to which prior: how they would move, were a prior's density raised to a power.

Kallioinen et al. 2024, arXiv:2107.14054, scale the prior to p(theta)^a. At a = 1 the derivative of a posterior mean
with respect to log a is its posterior covariance with log p(theta), so that nothing is refitted or reweighted:

    d mean(q) / d log a = cov(q, log p),     d var(q) / d log a = cov((q - mean(q))^2, log p).
"""

from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.provenance import ELSEWHERE

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.laws.priors import Prior

SENSITIVE = 0.15
"""A move of the mean by this many posterior sd, or of the sd by this share, when a prior counts twice."""


def prior_sensitivity(fit: "Posterior", group: str | None = None) -> "pd.DataFrame":
    """How far each answer moves when a prior counts twice.

    Parameters
    ----------
    fit : Posterior
    group : str, optional
        The group whose answers are asked for. Default: the first.

    Returns
    -------
    DataFrame
        Rows: the law's parameters and the constants that papers print, of this group. Columns: the priors of the
        law's parameters (all that a pooling makes of one: population and groups). Values: the larger of the
        shift of the mean in posterior sd, and of the relative change of the sd, per doubling of the prior's
        weight. A quantity that is known only from its prior has .35 (its sd would shrink by that share).
    """
    return _sensitivity(fit, group or fit.groups[0], _log_priors(fit))


def _sensitivity(fit: "Posterior", group: str, log_priors: dict[str, np.ndarray]) -> "pd.DataFrame":
    """`prior_sensitivity`, given what the priors say of each draw."""
    # pandas loads when a table is made, and not on import.
    import pandas as pd

    answers = fit.draws(group)
    quantities = {name: prior.inverse(answers[name]) for name, prior in fit.law.priors.items()}
    if fit.law.constants is not None:
        parameters = {name: answers[name] for name in fit.law.parameters}
        quantities |= fit.law.constants(fit.reference, **parameters)
    flattened = {about: flat(values) for about, values in quantities.items()}
    return pd.DataFrame(
        {
            name: {about: _moved(values, log_prior) for about, values in flattened.items()}
            for name, log_prior in log_priors.items()
        }
    )


def prior_sensitive(fit: "Posterior") -> list[str]:
    """For each prior, a sentence on the answers about other parameters that are sensitive to it."""
    found = []
    groups = fit.groups if "group" in fit.draws().dims else fit.groups[:1]
    log_priors = _log_priors(fit)
    resting = {group: _resting(_sensitivity(fit, group, log_priors)) for group in groups}
    for prior in log_priors:
        moved = {group: on[prior] for group, on in resting.items()}
        about = list(dict.fromkeys(name for own in moved.values() for name in own))
        if not about:
            continue
        where = [group for group, own in moved.items() if own]
        place = (
            ""
            if len(groups) == 1
            else f" of {', '.join(where)}"
            if len(where) < len(groups)
            else " of every group"
        )
        rest, they, their = ("rest", "they", "their") if len(about) > 1 else ("rests", "it", "its")
        most = max(move for own in moved.values() for move in own.values())
        found.append(
            f"{', '.join(about)}{place} {rest} in part on the prior of {prior}: with that prior counted twice, "
            f"{they} would move by up to {most:.2f} of {their} posterior sd"
        )
    if found and fit.provenance.get("device") == ELSEWHERE:
        found.append(
            "these draws were made elsewhere, and what rests on priors is reckoned with those of bs.build_model: where "
            "the model that was sampled has others, look at ArviZ's psense_summary of its own draws"
        )
    return found


def _resting(table: "pd.DataFrame") -> dict[str, dict[str, float]]:
    """For each prior of a `prior_sensitivity` table, what is more sensitive to it than to any other, and how far."""
    own_prior = table.index.to_numpy()[:, None] == table.columns.to_numpy()
    others = table.mask(own_prior, 0.0)
    worst, moved = others.idxmax(axis=1), others.max(axis=1)
    found: dict[str, dict[str, float]] = {str(prior): {} for prior in table.columns}
    for about in table.index[moved > SENSITIVE]:
        found[str(worst[about])][str(about)] = float(moved[about])
    return found


def flat(values: "xr.DataArray") -> np.ndarray:
    """Draws as one array."""
    return values.transpose("chain", "draw", ...).to_numpy().reshape(-1)


def _log_priors(fit: "Posterior") -> dict[str, np.ndarray]:
    """Log density of each prior at each draw, up to a constant; the same whichever group is asked about."""
    return {name: flat(log_prior(fit.posterior, name, prior)) for name, prior in fit.law.priors.items()}


def log_prior(posterior: "xr.Dataset", name: str, prior: "Prior") -> "xr.DataArray":
    """Log density of what this prior says of the parameter, up to a constant, dims (chain, draw)."""
    population = posterior.get(f"{name}_population", posterior[name])
    log_density: xr.DataArray = -0.5 * prior.offset(population) ** 2
    if f"{name}_tau" in posterior:
        log_density = log_density - 0.5 * prior.tau_offset(posterior[f"{name}_tau"]) ** 2
    return log_density.sum("group") if "group" in log_density.dims else log_density


def _moved(q: np.ndarray, log_prior: np.ndarray) -> float:
    """The larger of the two moves of a quantity, per doubling."""
    sd = q.std()
    if not sd > 0:
        return 0.0
    z = (q - q.mean()) / sd
    centred = log_prior - log_prior.mean()
    # d sd / sd is half of d var / var.
    return float(np.log(2) * max(abs(np.mean(z * centred)), abs(np.mean(z**2 * centred)) / 2))
