"""A posterior from draws that were made elsewhere: by PyMC, nutpie or NumPyro, of the built model or of one's own."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.inference.arviz import GROUPS
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.provenance import ELSEWHERE
from bayes_scaling.inference.sample_posterior import posterior_of
from bayes_scaling.inference.spec import Spec
from bayes_scaling.model.data import model_data
from bayes_scaling.sampling.draws import Draws

if TYPE_CHECKING:
    import xarray as xr


def from_draws(model: Any, tree: "xr.DataTree") -> Posterior:
    """The posterior that these draws are of.

    Parameters
    ----------
    model : pymc.Model, Posterior or Spec
        What says the runs, the law, the noise and the pooling: a model of `bs.build_model`, or a fit of them.
    tree : DataTree
        What a sampler of PyMC models gives. Its group ``posterior`` has the law's parameters and those of the noise on
        their natural scales, dims (chain, draw), and group (or groups) where they differ between groups; under partial
        pooling ``E_population`` and ``E_tau`` too. Log likelihoods are taken from it, or computed where it has none.
        Nothing else of the model that was sampled is known: new runs scatter by the noise of ``model``, and what
        rests on priors is reckoned with those of ``model``.

    Raises
    ------
    InputError
        If the model does not say what was fitted, or the tree lacks a parameter or has other groups.
    """
    if GROUPS in tree["posterior"].dims:
        tree = tree.map_over_datasets(
            lambda group: group.rename({GROUPS: "group"} if GROUPS in group.dims else {})
        )
    # JAX and PyMC load when something is computed from draws, and not on import.
    from bayes_scaling.sampling.elsewhere import Elsewhere
    from bayes_scaling.sampling.sample import draw_prior

    spec = model if isinstance(model, Spec) else getattr(model, "spec", None)
    if not isinstance(spec, Spec):
        raise InputError(
            f"a {type(model).__name__} does not say which runs, law and noise it is of; give the model of "
            "bs.build_model(runs, law), which may be another than the one that was sampled"
        )
    s = spec.structure
    parameters = {name: _values(spec, tree, name) for name in _wanted(spec)}
    chains, draws = parameters["sigma"].shape[:2]
    sampler = replace(spec.sampler, draws=draws, chains=chains)
    shared = {name: (prior, parameters[name]) for name, prior in s.global_priors.items()}
    free = [prior.offset(values) for prior, values in shared.values()]
    columns = [prior.inverse(_by_group(parameters[name], s.n_groups)) for name, prior in s.priors.items()]
    log_likelihood = _given_scores(spec, tree, (chains, draws))
    data, theta = model_data(spec.runs, spec.law, spec.noise), np.stack(columns, -1)
    normals = np.stack(free, -1) if free else np.zeros((chains, draws, 0))
    mixing = _mixing(spec, tree) if s.noise.mixed else np.zeros((chains, draws, 0))
    elsewhere = Elsewhere(s, data, theta, normals, mixing)
    if log_likelihood is None:
        log_likelihood = elsewhere.scores()
    prior = draw_prior(s, draws, sampler.seed)
    done = Draws(
        parameters,
        log_likelihood,
        1,
        _stats(tree, (chains, draws)),
        prior,
        warmup=0,
        device=ELSEWHERE,
        weights=elsewhere.weights(sampler.seed),
        mixing=mixing if s.noise.mixed else None,
    )
    return posterior_of(replace(spec, sampler=sampler), done, 0.0)


def _wanted(spec: Spec) -> list[str]:
    """Names of what a posterior of this specification has."""
    s = spec.structure
    partial = [f"{name}_{what}" for name in s.pooled("partial") for what in ("population", "tau")]
    return [*s.priors, *s.global_priors, *partial]


def _values(spec: Spec, tree: "xr.DataTree", name: str) -> np.ndarray:
    """Draws of a quantity, shape (chain, draw), or (chain, draw, group) in the order of the runs' groups."""
    posterior, s = tree["posterior"].to_dataset(), spec.structure
    if name not in posterior:
        raise InputError(
            f"the draws have no {name!r}; a posterior of law {spec.law.name!r} with noise {spec.noise.name!r} "
            f"has {', '.join(_wanted(spec))}: name yours so, with pm.Deterministic where they are computed"
        )
    values, labels = posterior[name], spec.runs.groups
    dims = ("chain", "draw", *(("group",) if name in s.pooled("partial", "none") else ()))
    if set(values.dims) != set(dims):
        raise InputError(f"the draws of {name!r} have dims {values.dims}; expected {dims}")
    if "group" in dims:
        found = [str(label) for label in values["group"].to_numpy()]
        if sorted(found) != sorted(labels):
            raise InputError(
                f"the draws of {name!r} are of the groups {', '.join(found)}; expected {', '.join(labels)}"
            )
        values = values.assign_coords(group=found).sel(group=labels)
    numbers: np.ndarray = values.transpose(*dims).to_numpy()
    return numbers


def _mixing(spec: Spec, tree: "xr.DataTree") -> np.ndarray:
    """Draws of the mixing variables, shape (chain, draw, cluster)."""
    posterior = tree["posterior"].to_dataset()
    if "mixing" not in posterior:
        raise InputError(
            f"the draws have no 'mixing', by which noise {spec.noise.name!r} weighs each cluster of runs; "
            "keep them when you sample (a PyMC model of bs.build_model has them as free variables)"
        )
    values: np.ndarray = posterior["mixing"].transpose("chain", "draw", ...).to_numpy()
    return values


def _by_group(values: np.ndarray, groups: int) -> np.ndarray:
    """Draws of shape (chain, draw, group), whether they differ between groups or not."""
    wide = values if values.ndim == 3 else values[..., None]
    return np.broadcast_to(wide, (*wide.shape[:2], groups))


def _given_scores(spec: Spec, tree: "xr.DataTree", shape: tuple[int, int]) -> np.ndarray | None:
    """The tree's own log likelihoods, where each run has one: they are of the noise that was sampled."""
    name, s = spec.noise.observed, spec.structure
    if (
        "log_likelihood" not in tree
        or s.scored != "run"
        or s.noise.joint
        or name not in tree["log_likelihood"]
    ):
        return None
    values: np.ndarray = tree["log_likelihood"].to_dataset()[name].transpose("chain", "draw", ...).to_numpy()
    return values if values.shape == (*shape, s.n_rows) else None


def _stats(tree: "xr.DataTree", shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """What the diagnosis asks of a sampler; NaN where it does not say."""
    given = tree["sample_stats"].to_dataset() if "sample_stats" in tree else tree["posterior"].to_dataset()

    def of(name: str, otherwise: float) -> np.ndarray:
        if name not in given:
            return np.full(shape, otherwise)
        return np.asarray(given[name].transpose("chain", "draw").to_numpy(), float)

    energy = of("energy", np.nan)
    return {
        "diverging": of("diverging", 0.0).astype(bool),
        "energy": energy,
        "energy_change": np.diff(energy, axis=1, prepend=np.nan),
        "n_steps": of("n_steps", np.nan),
    }
