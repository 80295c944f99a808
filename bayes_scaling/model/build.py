"""The PyMC model of a table of runs: the only room that builds PyMC models.

Every free variable is standard normal. For parameter k of group g, on the free scale of its prior,

    theta[g, k] = mu_k + scale_k * offset[g, k],   mu_k = location_k + spread_k * mean_k,   scale_k = tau_k

with tau_k = 0 for complete pooling, tau_k half-normal for partial pooling, and mean_k = 0, tau_k = spread_k
for no pooling. The columns of theta are the law's parameters and the noise's sigma; the noise's other
parameters are shared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.discrepancy import curve_log_likelihood
from bayes_scaling.model.noise import (
    Noise,
    cluster_log_likelihood,
    of_trajectory,
    run_scale,
    share_log_likelihood,
    single_log_likelihood,
    two_piece_log_likelihood,
)

if TYPE_CHECKING:
    import pymc as pm

    from bayes_scaling.data.runs import Runs

Pooling = Literal["complete", "partial", "none"]
POOLINGS: tuple[Pooling, ...] = ("complete", "partial", "none")


@dataclass(frozen=True)
class Structure:
    """All that shapes a model but the data: two tables with equal structures share one compiled program."""

    law: Law
    noise: Noise
    pooling: tuple[tuple[str, Pooling], ...]  # of every column of theta, in order
    n_groups: int
    n_rows: int
    n_clusters: int
    clustered: bool  # whether some rows share a configuration or a trajectory; else each row is a cluster
    along: bool = False  # whether some clusters are trajectories
    counted: bool = False  # whether the number of test items is known

    @property
    def priors(self) -> dict[str, Prior]:
        """Prior of each column of theta."""
        return {**self.law.priors, "sigma": self.noise.scale_prior(self.law.response)}

    @property
    def global_priors(self) -> dict[str, Prior]:
        if self.law.response == "share":
            return {}
        return self.noise.global_priors(self.clustered, self.along)

    def pooled(self, *kinds: Pooling) -> list[str]:
        """The columns of theta that are pooled in one of these ways."""
        return [name for name, kind in self.pooling if kind in kinds]


def resolve_pooling(
    law: Law, n_groups: int, pooling: Pooling | Mapping[str, Pooling] | None
) -> tuple[tuple[str, Pooling], ...]:
    """Pooling of every law parameter and of sigma: partial unless chosen, complete for a single group."""
    names = (*law.parameters, "sigma")
    chosen = dict.fromkeys(names, pooling) if isinstance(pooling, str) else dict(pooling or {})
    for name, kind in chosen.items():
        if name not in names:
            raise InputError(
                f"pooling names {name!r}, which law {law.name!r} does not have; it has {', '.join(names)}"
            )
        if kind not in POOLINGS:
            raise InputError(f"pooling of {name!r} is {kind!r}; expected one of {', '.join(POOLINGS)}")
    default: Pooling = "partial"
    return tuple((name, chosen.get(name, default) if n_groups > 1 else "complete") for name in names)


def structure(runs: "Runs", law: Law, noise: Noise, pooling: Any = None) -> Structure:
    """The structure of a model of these runs."""
    groups = len(runs.groups)
    pools = resolve_pooling(law, groups, pooling)
    if law.response == "share":
        _check_share(runs, law, noise)
        return Structure(
            law, noise, pools, groups, len(runs), len(runs), False, counted=runs.items is not None
        )
    if noise.discrepancy:
        _check_curve(runs, law)
        return Structure(law, noise, pools, groups, len(runs), groups, False)  # each group is one curve
    clusters = int(runs.clusters.max()) + 1
    along = _has_trajectories(runs, noise)
    return Structure(law, noise, pools, groups, len(runs), clusters, clusters < len(runs), along)


def _has_trajectories(runs: "Runs", noise: Noise) -> bool:
    """Whether some clusters are trajectories whose checkpoints err alike."""
    shared = not (noise.excess or noise.discrepancy) and runs.clusters.max() + 1 < len(runs)
    return bool(shared) and "trajectory" in runs.table


def _check_curve(runs: "Runs", law: Law) -> None:
    """`InputError` where a discrepancy along a curve has no meaning."""
    if len(law.inputs) != 1:
        raise InputError(
            f"noise 'curve' is for laws of one input; {law.name!r} takes {', '.join(law.columns)}. "
            "Forecasts of such laws hold a drift beyond the data instead"
        )
    if np.any(runs.measurement_sd > 0):
        raise InputError("noise 'curve' takes no column of standard errors (loss_se); leave it out")


def _check_share(runs: "Runs", law: Law, noise: Noise) -> None:
    """`InputError` for outcomes that are no shares, or a noise that is not theirs."""
    if runs.loss.max() > 1:
        raise InputError(
            f"law {law.name!r} gives a share between 0 and 1, but {runs.name} reaches {runs.loss.max():.4g}; "
            "divide percentages by 100, or choose a law of losses"
        )
    if runs.items is None and runs.loss.max() == 1:
        raise InputError(
            f"{runs.name} has a share of 1; name the column that counts test items (items='...')"
        )
    of_losses = noise.slope_in or ("undertuned" if noise.excess else "curve" if noise.discrepancy else None)
    if of_losses:
        raise InputError(f"noise {of_losses!r} is of losses; law {law.name!r} gives a share of test items")


def model_data(runs: "Runs", law: Law, noise: Noise) -> dict[str, np.ndarray]:
    """What of a table enters the model, by the names of the model's data variables."""
    data = {
        letter: runs.column(column) / runs.reference[column]
        for letter, column in zip(law.inputs, law.columns, strict=True)
    }
    if noise.slope_in:
        data["noise_covariate"] = np.log(runs.column(noise.slope_in) / runs.reference[noise.slope_in])
    if noise.discrepancy:
        log_x = np.log(data[law.inputs[0]])
        data["rotation"], data["spectrum"] = noise.discrepancy.spectra(log_x, runs.group_index)
    if law.response == "share":
        return data | {
            "share": runs.loss,
            "items": runs.items if runs.items is not None else np.ones(len(runs)),
            "weight": np.ones(len(runs)),
            "group_index": runs.group_index.astype(np.int32),
            "cluster_index": np.arange(len(runs), dtype=np.int32),
        }
    if _has_trajectories(runs, noise):
        data["previous"], data["gap"] = _steps(runs)
    return data | {
        "log_loss": runs.log_loss,
        "measurement_variance": runs.measurement_sd**2,
        "weight": np.ones(len(runs)),
        "group_index": runs.group_index.astype(np.int32),
        "cluster_index": (runs.group_index if noise.discrepancy else runs.clusters).astype(np.int32),
    }


FIRST = 1e4
"""E-folds since the checkpoint before, where there is none."""


def _steps(runs: "Runs") -> tuple[np.ndarray, np.ndarray]:
    """The checkpoint before each one of its trajectory (itself, if it is the first), and e-folds of compute since."""
    log_scale = np.log(runs.scale)
    order = np.lexsort((log_scale, runs.clusters))
    follows = np.diff(runs.clusters[order], prepend=-1) == 0
    follows &= runs.table["trajectory"].notna().to_numpy()[order]
    previous, gap = np.arange(len(runs), dtype=np.int32), np.full(len(runs), FIRST)
    previous[order[follows]] = order[:-1][follows[1:]]
    later = previous != np.arange(len(runs))
    # Two rows of one checkpoint are kept apart by a hair, or they would foretell each other exactly.
    gap[later] = np.maximum((log_scale - log_scale[previous])[later], 1e-3)
    return previous, gap


def build_model(runs: "Runs", law: Law, noise: Noise, pooling: Any = None) -> "pm.Model":
    """The PyMC model of these runs.

    Parameters
    ----------
    runs : Runs
    law : Law
    noise : Noise
    pooling : {"partial", "complete", "none"} or mapping of parameter name to one of them, optional
        Default: partial for every parameter where there is more than one group.

    Returns
    -------
    pymc.Model
        Free variables ``mean``, ``tau_offset``, ``offset`` and ``shared`` (those that the structure needs),
        data variables as in `model_data`, deterministics ``theta``, ``residual`` (of a trajectory: what
        the checkpoint before does not foretell), ``row_variance`` (squared scale of a row, its share of the
        cluster's effect included) and one per parameter, and the potential ``log_likelihood`` (one value per
        cluster).
    """
    return build_structure(structure(runs, law, noise, pooling), model_data(runs, law, noise))


def build_structure(s: Structure, data: Mapping[str, np.ndarray]) -> "pm.Model":
    """`build_model` from its two halves."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as model:
        d = {name: pm.Data(name, values) for name, values in data.items()}
        theta = pm.Deterministic("theta", _theta(s))
        shared = _named_normals("shared", s.global_priors)
        values = {name: prior.forward(theta[:, i]) for i, (name, prior) in enumerate(s.priors.items())}
        for name, value in values.items():
            pm.Deterministic(name, value if name in s.pooled("partial", "none") else value[0])
        for name, value in shared.items():
            pm.Deterministic(name, value)

        # Gathered once for all parameters: the gradient of a gather is a slow scattered sum.
        of_rows = pt.stack(list(values.values()), axis=1)[d["group_index"]].T if s.n_groups > 1 else None
        rows = {name: values[name][0] if of_rows is None else of_rows[i] for i, name in enumerate(values)}
        sigma = rows.pop("sigma")
        law_at = s.law(*(d[letter] for letter in s.law.inputs), **rows)
        if s.law.response == "share":
            pm.Potential("log_likelihood", _share(s, d, law_at, sigma))
            return model
        residual = d["log_loss"] - pt.log(law_at)
        if s.noise.discrepancy:
            pm.Potential("log_likelihood", _curve(s, d, residual, sigma, shared))
            return model
        scale = run_scale(sigma, shared["slope"], d["noise_covariate"]) if s.noise.slope_in else sigma
        variance = scale**2 + d["measurement_variance"]

        def total(x: Any) -> Any:
            return pt.inc_subtensor(pt.zeros(s.n_clusters)[d["cluster_index"]], x) if s.clustered else x

        if s.noise.excess:
            above = (scale + shared["excess"]) ** 2 + d["measurement_variance"]
            log_likelihood = total(
                two_piece_log_likelihood(pt.gammaln, residual, variance, above, shared["nu"], d["weight"])
            )
            variance = (variance * above) ** 0.5  # the sampler's map wants it smooth
        elif s.clustered:
            effect: Any = pt.ones(s.n_rows)
            if s.along:
                residual, variance, effect = of_trajectory(
                    residual, variance, d["previous"], d["gap"], shared["persistence"]
                )
            spread = shared["lack_of_fit"] ** 2
            log_likelihood = cluster_log_likelihood(
                pt.gammaln, total, residual, variance, spread, shared["nu"], d["weight"], effect
            )
            told = total(d["weight"] * effect**2 / variance)
            variance = variance * (1 + spread * told[d["cluster_index"]])
        else:
            log_likelihood = single_log_likelihood(pt.gammaln, residual, variance, shared["nu"], d["weight"])
        pm.Deterministic("residual", residual)
        pm.Deterministic("row_variance", variance)
        pm.Potential("log_likelihood", log_likelihood)
    return model


def _share(s: Structure, d: Mapping[str, Any], expected: Any, sigma: Any) -> Any:
    """Log likelihood of each row's share of test items; leaves its residual and variance."""
    import pymc as pm
    import pytensor.tensor as pt

    expected = pt.clip(expected, 1e-9, 1 - 1e-9)
    own = sigma**2 / (1 + sigma**2)
    pm.Deterministic("residual", d["share"] - expected)
    pm.Deterministic(
        "row_variance", expected * (1 - expected) * (own + (1 - own) * float(s.counted) / d["items"])
    )
    return share_log_likelihood(pt.gammaln, d["share"], d["items"], expected, sigma, d["weight"], s.counted)


def _curve(s: Structure, d: Mapping[str, Any], residual: Any, sigma: Any, shared: Mapping[str, Any]) -> Any:
    """Log likelihood of each group's curve; leaves the residuals of its middle length, which are independent."""
    import pymc as pm
    import pytensor.tensor as pt

    lengths = len(s.noise.discrepancy.lengths)  # type: ignore[union-attr]
    flat = d["rotation"].reshape((s.n_rows * lengths, s.n_rows))
    rotated = (flat @ residual).reshape((s.n_rows, lengths))
    middle, amplitude = lengths // 2, shared["discrepancy"]
    variance = sigma**2 + pt.zeros(s.n_rows)
    pm.Deterministic("residual", rotated[:, middle])
    pm.Deterministic("row_variance", amplitude**2 * d["spectrum"][:, middle] + variance)

    def total(x: Any) -> Any:
        if s.n_groups == 1:
            return x.sum(axis=0, keepdims=True)
        return pt.inc_subtensor(pt.zeros((s.n_groups, lengths))[d["group_index"]], x)

    def over_lengths(x: Any) -> Any:
        return pt.logsumexp(x, axis=1) - np.log(lengths)

    return curve_log_likelihood(
        over_lengths, total, rotated, d["spectrum"], amplitude, variance[:, None], d["weight"][:, None]
    )


def _named_normals(name: str, priors: Mapping[str, Prior]) -> dict[str, Any]:
    """One standard-normal vector for these parameters, pushed forward to their natural scales."""
    import pymc as pm

    free = pm.Normal(name, 0.0, 1.0, shape=len(priors))
    return {
        key: prior.forward(prior.location + prior.spread * free[i])
        for i, (key, prior) in enumerate(priors.items())
    }


def _theta(s: Structure) -> Any:
    """Free-scale parameters by group, shape (n_groups, parameters)."""
    import pymc as pm
    import pytensor.tensor as pt

    priors, names = list(s.priors.values()), list(s.priors)
    means, partial = s.pooled("complete", "partial"), s.pooled("partial")
    varying = s.pooled("partial", "none")
    spread = np.array([prior.spread for prior in priors])
    mu = pt.as_tensor(np.array([prior.location for prior in priors]))
    if means:
        mean = pm.Normal("mean", 0.0, 1.0, shape=len(means))
        mu = mu + mean @ (_select(means, names) * spread)
    mu = pm.Deterministic("mu", mu)
    scale = pt.as_tensor(spread * [name in s.pooled("none") for name in names])
    if partial:
        tau = half_normal(pm.Normal("tau_offset", 0.0, 1.0, shape=len(partial)))
        scale = scale + tau @ (_select(partial, names) * [prior.group_spread for prior in priors])
        for name in partial:
            i = names.index(name)
            pm.Deterministic(f"{name}_population", priors[i].forward(mu[i]))
            pm.Deterministic(f"{name}_tau", scale[i])
    scale = pm.Deterministic("scale", scale)
    if not varying:
        return mu[None, :] + pt.zeros((s.n_groups, 1))
    offset = pm.Normal("offset", 0.0, 1.0, shape=(s.n_groups, len(varying)))
    return mu[None, :] + scale[None, :] * (offset @ _select(varying, names))


def _select(chosen: list[str], names: list[str]) -> np.ndarray:
    """Places values of the chosen columns among all columns: a 0-1 matrix, shape (chosen, names)."""
    return np.array([[float(name == other) for other in names] for name in chosen])


def half_normal(offset: Any) -> Any:
    """Standard normal to half-normal, quantile by quantile.

    Sampled so, tau reaches zero along a Gaussian tail and not along the long exponential tail of log tau.
    """
    import pytensor.tensor as pt

    return np.sqrt(2.0) * pt.erfinv(0.5 * pt.erfc(-offset / np.sqrt(2.0)))
