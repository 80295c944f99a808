"""Runs drawn from a law: at parameters that are known, or at parameters drawn from the prior of a fit.

They are drawn as the model says that runs come about (see `noise`): the rows of a cluster share one effect and one
scale of the Student-t, and measurement error counts where the design holds a column of it.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayes_scaling.data.runs import Reference, Runs, load_runs
from bayes_scaling.errors import DoubtfulInputWarning, InputError
from bayes_scaling.inference.spec import Spec
from bayes_scaling.laws.base import DEFAULT, Law, get_law
from bayes_scaling.model.build import model_data
from bayes_scaling.model.discrepancy import paths
from bayes_scaling.model.noise import Noise, as_noise, drawn_shares, run_scale


@dataclass(frozen=True, eq=False)
class Simulation:
    """One draw from a prior, and runs drawn with it.

    Attributes
    ----------
    runs : Runs
        The design of the request, with losses drawn.
    truth : dict of str to ndarray
        Every named quantity of the posterior (by group where it differs between groups, population means and
        scales between groups, sigma, nu, ...), as it was drawn.
    """

    runs: Runs
    truth: dict[str, np.ndarray]


def simulate(
    design: Any,
    law: str | Law = DEFAULT,
    parameters: Mapping[str, Any] | None = None,
    *,
    noise: str | Noise | None = None,
    group: str | None = None,
    reference: Reference | Mapping[str, float] | None = None,
    seed: int | list[int] = 0,
) -> Runs:
    """Draw the losses of a design from a law whose parameters are known.

    Parameters
    ----------
    design : Runs, DataFrame or path
        What is trained: as for `fit`, but its loss is neither needed nor looked at. A column ``loss_se``, in nats
        per token, adds measurement error; it comes back in proportion to the loss that was drawn. For a law that gives
        a share, a column ``items`` counts the test items that it is drawn from.
    law : str or Law
    parameters : mapping of str to float or sequence
        The law's parameters and sigma, on their natural scales: one number, or one for each group (in the order
        of ``Runs.groups``); nu (none: normal noise), lack_of_fit (none: 0), persistence (of checkpoints; none: 0), and
        slope, excess and discrepancy (then without nu and lack_of_fit), where noise has them.
    noise : str or Noise, optional
        As for `fit`; its ``slope_in``, its ``discrepancy``, and whether it has an excess matter here.
    group : str, optional
        The column that names each run's group.
    reference : Reference or mapping of column to value, optional
        The point that the parameters belong to. Default: the design's own geometric means.
    seed : int or list of int
        One seed gives the same losses.

    Returns
    -------
    Runs

    Raises
    ------
    InputError
        If a parameter is missing, unknown, negative where it cannot be, or has another number of values than there
        are groups; or if the law gives no positive finite loss there.
    """
    chosen, layer = get_law(law), as_noise(noise)
    runs = _as_design(design, chosen, group)
    needed = (*chosen.parameters, "sigma")
    own = ("excess",) if layer.excess else ("lack_of_fit", "persistence")
    optional = ["discrepancy"] if layer.discrepancy else ["nu", *own] if chosen.response == "loss" else []
    optional += ["slope"] if layer.slope_in else []
    given = dict(parameters or {})
    for name in needed:
        if name not in given:
            raise InputError(
                f"no value for {name!r}; law {chosen.name!r} is simulated with {', '.join(needed)}"
            )
    for name in given:
        if name not in (*needed, *optional):
            raise InputError(
                f"law {chosen.name!r} is not simulated with {name!r}; it takes {', '.join(needed)}, "
                f"and if wished {', '.join(optional)}"
            )
    values = {name: np.asarray(value, float) for name, value in given.items()}
    for name, value in values.items():
        if value.shape not in ((), (len(runs.groups),)) or (name in optional and value.shape):
            raise InputError(
                f"{name} has shape {value.shape}; expected one number"
                + (f", or one for each of the {len(runs.groups)} groups" if name in needed else "")
            )
        if not np.isfinite(value).all() and name != "nu":
            raise InputError(f"{name} is {value}; expected finite numbers")
    for name in ("sigma", "lack_of_fit", "persistence", "excess", "discrepancy", "nu"):
        if (values.get(name, np.ones(())) < 0).any() or (name == "nu" and values.get(name, 1) == 0):
            raise InputError(f"{name} is {values[name]}; expected a positive number")
    point = Reference(dict(reference)) if isinstance(reference, Mapping) else reference
    return _drawn(runs, chosen, layer, values, np.random.default_rng(seed), reference=point)


def from_prior(asked: Spec, draws: int, seed: int = 0) -> Iterator[Simulation]:
    """Draw parameters from the prior of a fit, and runs with each.

    Parameters
    ----------
    asked : Spec
        The fit that is asked for: its runs are the design, their losses are not looked at (but where there is a
        loss_se: its ratio to the loss stays); its law, priors, noise and pooling make the prior.
    draws : int
    seed : int

    Yields
    ------
    Simulation
        Draw by draw. A draw whose law is not a positive finite number somewhere in the design raises `InputError`.
    """
    from bayes_scaling.sampling.sample import draw_prior

    drawn = draw_prior(asked.structure, draws, seed)
    for i in range(draws):
        truth = {name: values[i] for name, values in drawn.items()}
        rng = np.random.default_rng([seed, 505, i])
        measured = asked.runs.measurement_sd
        runs = _drawn(asked.runs, asked.law, asked.noise, truth, rng, measurement_sd=measured)
        yield Simulation(runs, truth)


def _as_design(design: Any, law: Law, group: str | None) -> Runs:
    """The design as Runs, whether it has losses or not."""
    import pandas as pd

    if isinstance(design, pd.DataFrame) and "loss" not in design:
        design = design.assign(loss=1.0)
    if not isinstance(design, Runs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DoubtfulInputWarning)  # of losses that nobody looks at
            design = load_runs(design, group=group, inputs=law.columns, name="simulated")
    elif group is not None:
        design = design.grouped_by(group)
    return design.with_inputs(law.columns)


def _drawn(
    runs: Runs,
    law: Law,
    noise: Noise,
    values: Mapping[str, Any],
    rng: np.random.Generator,
    *,
    reference: Reference | None = None,
    measurement_sd: np.ndarray | None = None,
) -> Runs:
    """The runs with losses drawn from the model; measurement_sd, of log loss, stands before that of the design."""
    data = model_data(runs, law, noise)

    def of_rows(name: str) -> Any:
        value = np.asarray(values[name])
        return value[runs.group_index] if value.ndim else value

    def rescaled(column: str, value: np.ndarray) -> np.ndarray:
        return value if reference is None else value * runs.reference[column] / reference[column]

    at = [rescaled(column, data[letter]) for letter, column in zip(law.inputs, law.columns, strict=True)]
    with np.errstate(all="ignore"):
        mean = law(*at, **{name: of_rows(name) for name in law.parameters})
    scale = of_rows("sigma")
    if law.response == "share":
        items = None if runs.items is None else runs.items.astype(int)
        shares = drawn_shares(rng, mean, scale, items)
        return replace(runs, table=runs.table.assign(loss=shares), warnings=())
    if noise.slope_in:
        along = np.exp(data["noise_covariate"])
        scale = run_scale(scale, values.get("slope", 0.0), np.log(rescaled(noise.slope_in, along)))
    measured = "loss_se" in runs.table
    if measurement_sd is None:
        measurement_sd = runs.table["loss_se"].to_numpy(float) / mean if measured else np.zeros(len(runs))
    spread, z = np.sqrt(scale**2 + measurement_sd**2), rng.standard_normal(len(runs))
    if "previous" in data and (persistence := float(values.get("persistence", 0.0))):
        correlation = np.exp(-data["gap"] / persistence)
        for row in np.argsort(runs.scale, kind="stable"):
            carried = correlation[row] * z[data["previous"][row]] if correlation[row] else 0.0
            z[row] = carried + np.sqrt(1 - correlation[row] ** 2) * z[row]
    if noise.excess:
        above = np.sqrt((scale + values.get("excess", 0.0)) ** 2 + measurement_sd**2)
        over = rng.uniform(size=len(runs)) < above / (above + spread)
        spread = np.where(over, above, -spread) * np.sign(z)
    own = spread * z
    if noise.discrepancy:
        path = paths(rng, data["rotation"], data["spectrum"], runs.group_index)
        own += values.get("discrepancy", 0.0) * path
    own_clusters = np.arange(len(runs)) if noise.excess else runs.clusters
    clusters = int(own_clusters.max()) + 1
    shared = values.get("lack_of_fit", 0.0) * rng.standard_normal(clusters)
    nu = float(values.get("nu", np.inf))
    # A multivariate Student-t: normals, all of a cluster divided by one root of chi-squared over nu.
    inflation = np.sqrt(nu / rng.chisquare(nu, clusters)) if np.isfinite(nu) else np.ones(clusters)
    with np.errstate(all="ignore"):
        loss = mean * np.exp((own + shared[own_clusters]) * inflation[own_clusters])
    if (bad := np.flatnonzero(~(np.isfinite(loss) & (loss > 0)))).size:
        where = ", ".join(f"{c} {runs.column(c)[bad[0]]:.3g}" for c in law.columns)
        raise InputError(
            f"law {law.name!r} gives a loss of {loss[bad[0]]:g} at {where}; "
            "choose other parameters, or a design closer to the reference point"
        )
    new = {"loss": loss, "loss_se": measurement_sd * loss} if measured else {"loss": loss}
    return replace(runs, table=runs.table.assign(**new), warnings=())
