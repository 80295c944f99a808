"""A posterior with every group that ArviZ's functions read, under its standard name.

What takes time or space (predictive draws, log priors) is computed when it is asked for, and not kept in files.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.inference.departures import at_runs
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.prior_sensitivity import log_prior
from bayes_scaling.laws.derivatives import endless
from bayes_scaling.model.data import model_data
from bayes_scaling.model.structure import Design
from bayes_scaling.model.surface import AMPLITUDES

# xarray loads when there are draws, and not on import.
if TYPE_CHECKING:
    import xarray as xr


GROUPS = "groups"
"""The dim of groups in trees for ArviZ."""


def to_arviz(
    fit: Posterior,
    rename: Mapping[str, str] = MappingProxyType({}),
    *,
    free: bool = True,
    by_run: bool = False,
) -> "xr.DataTree":
    """The tree of a posterior with the groups that are not kept: for the functions of ArviZ.

    Parameters
    ----------
    fit : Posterior
    rename : mapping of parameter or dim to the name that ArviZ is given, optional
        Its plots of prior sensitivity take the name ``alpha`` for themselves: ``{"alpha": "exponent of N"}``. That of
        priors beside posteriors takes ``group``, so that this dim is ``groups`` unless it is renamed otherwise.
    free : bool
        Whether posterior and prior have the free variables of `fit.model` too (mean, tau_offset, offset, shared, and
        of the posterior mixing): what PyMC does not find of them it draws from the prior, in silence. Plots of every
        variable are half as long without. A discrepancy is integrated out: PyMC draws it anew, as for another table.
    by_run : bool
        Whether each run has the log likelihood of its whole cluster, where runs err together: what pairs it with rows
        (plot_loo_pit, plot_loo_interval, loo_expectations) then leaves the cluster out. Sums of it would count a
        cluster several times; loo, compare and psense_summary take the default.

    Returns
    -------
    DataTree
        Beside the groups of ``fit.tree``: posterior_predictive and prior_predictive of the rows, dims (chain, draw,
        run), and log_prior, one variable for each parameter. The observed variable (``log_loss`` or ``share``) has
        one name in all groups. Its log_likelihood has dims (chain, draw, run); where runs err together (replicates,
        checkpoints, a curve) it is (chain, draw, cluster), but for ``by_run``.
        Posterior draws are thinned to those whose log likelihood was kept.
    """
    import xarray as xr

    tree, name, rename = fit.tree.copy(), fit.noise.observed, {"group": GROUPS} | dict(rename)
    kept = tree["log_likelihood"]["draw"]
    if by_run and fit.structure.scored == "cluster":
        of_run = xr.DataArray(fit.noise.clusters(fit.runs), dims="run")
        tree["log_likelihood"] = tree["log_likelihood"].to_dataset().isel(cluster=of_run)
    posterior = fit.posterior.sel(draw=kept)
    tree["sample_stats"] = tree["sample_stats"].to_dataset().sel(draw=kept)
    seen = at_runs(fit)
    known = seen.sel(draw=kept) if isinstance(seen, xr.DataArray) else None
    tree["posterior_predictive"] = xr.Dataset({name: predictive(fit, posterior, 909, known)})
    tree["prior_predictive"] = xr.Dataset({name: predictive(fit, fit.prior, 919)})
    priors = fit.structure.priors | fit.structure.global_priors
    log_priors = xr.Dataset({key: log_prior(posterior, key, prior) for key, prior in priors.items()})
    drawn = {"posterior": posterior, "prior": fit.prior}
    if free:
        drawn = {name: free_variables(fit, draws) for name, draws in drawn.items()}
        if "mixing" in fit.tree:
            drawn["posterior"]["mixing"] = fit.tree["mixing"]["mixing"].astype(float)
    for group, draws in {**drawn, "log_prior": log_priors}.items():
        tree[group] = draws.rename(
            {key: new for key, new in rename.items() if key in draws or key in draws.dims}
        )
    return tree


def free_variables(fit: Posterior, draws: "xr.Dataset") -> "xr.Dataset":
    """Draws with the free variables of the model that they are of; see `bayes_scaling.model.build`."""
    import xarray as xr

    s = fit.structure
    normals: dict[str, dict[str, xr.DataArray]] = {"mean": {}, "tau_offset": {}, "offset": {}, "shared": {}}
    for name, pooling in s.pooling:
        prior = s.priors[name]
        if pooling == "none":
            normals["offset"][name] = prior.offset(draws[name])
            continue
        middle = draws[name if pooling == "complete" else f"{name}_population"]
        normals["mean"][name] = prior.offset(middle)
        if pooling == "partial":
            tau = draws[f"{name}_tau"]
            normals["tau_offset"][name] = prior.tau_offset(tau)
            normals["offset"][name] = (prior.inverse(draws[name]) - prior.inverse(middle)) / tau
    for name, prior in s.global_priors.items():
        normals["shared"][name] = prior.offset(draws[name])
    found = {
        variable: xr.Dataset(values)
        .to_dataarray(f"{variable.removesuffix('_offset')}_parameter")
        .transpose("chain", "draw", "group", ..., missing_dims="ignore")
        for variable, values in normals.items()
        if values
    }
    return draws.assign(found)


def predictive(
    fit: Posterior, draws: "xr.Dataset", stream: int, seen: "xr.DataArray | None" = None
) -> "xr.DataArray":
    """The observed variable drawn anew at each row, dims (chain, draw, run).

    Parameters
    ----------
    fit : Posterior
    draws : Dataset
        Parameters of the law and the noise, dims (chain, draw) and group where they differ between groups.
    stream : int
        Draws of different purposes have different streams of the fit's seed.
    seen : DataArray, optional
        What the discrepancy of a joint noise adds to log loss, dims (chain, draw, run): the process as the runs showed
        it. Default: a process that is drawn anew.
    """
    import xarray as xr

    runs, noise, data = fit.runs, fit.noise, model_data(fit.runs, fit.law, fit.noise)
    group, run = xr.DataArray(runs.group_index, dims="run"), np.arange(len(runs))

    def of_rows(name: str) -> "xr.DataArray":
        value = draws[name]
        return value.isel(group=group, drop=True) if "group" in value.dims else value

    at = {letter: xr.DataArray(data[letter], dims="run") for letter in fit.law.inputs}
    zeros = draws["chain"] * 0.0 + draws["draw"] * 0.0 + xr.DataArray(np.zeros(len(run)), {"run": run}, "run")
    with np.errstate(all="ignore"):
        parameters = {name: of_rows(name) for name in fit.law.parameters}
        law = fit.law(**at, **parameters)
        floor = endless(fit.law, at, parameters) if noise.reads_floor else zeros
    shared = {name: draws[name].to_numpy() for name in fit.structure.global_priors}
    if seen is not None:
        law = law * np.exp(seen)
        shared = {name: values for name, values in shared.items() if name not in AMPLITUDES}
    means, sigmas, floors = (
        (values + zeros).transpose(*zeros.dims).to_numpy() for values in (law, of_rows("sigma"), floor)
    )
    rng, drawn = np.random.default_rng([fit.seed, stream]), np.empty(zeros.shape)
    measured = noise.measured(runs)[1]
    for i in np.ndindex(zeros.shape[:2]):
        numbers = {name: float(values[i]) for name, values in shared.items()}
        counted = fit.structure.counted
        design = Design(data, means[i], sigmas[i], numbers, measured, counted, floors[i])
        drawn[i] = noise.draw(rng, design)
    with np.errstate(divide="ignore"):
        return zeros.copy(data=np.log(drawn) if noise.response == "loss" else drawn)
