"""Runs drawn from a law: at parameters that are known, or at parameters drawn from the prior of a fit.

Each noise draws its own runs: see `bayes_scaling.model.noise`. Measurement error counts where there is a column of it.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bayes_scaling.data.load import RunsLike, load_runs
from bayes_scaling.data.reference import Reference
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import DoubtfulInputWarning, InputError
from bayes_scaling.inference.spec import Spec
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.derivatives import endless
from bayes_scaling.laws.names import DEFAULT, get_law
from bayes_scaling.laws.priors import LogNormal
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import NoiseModel, as_noise
from bayes_scaling.model.structure import Design


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
    design: RunsLike,
    law: str | Law = DEFAULT,
    parameters: Mapping[str, ArrayLike] | None = None,
    *,
    noise: str | NoiseModel | None = None,
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

    Raises
    ------
    InputError
        If a parameter is missing, unknown, negative where it cannot be, or has another number of values than there
        are groups; or if the law gives no positive finite loss there.
    """
    chosen = get_law(law)
    layer = as_noise(noise or "constant", chosen.response)
    runs = _as_design(design, chosen, group)
    values = _values(runs, chosen, layer, dict(parameters or {}))
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
    # JAX and PyMC load when something is drawn, and not on import.
    from bayes_scaling.sampling.sample import draw_prior

    drawn = draw_prior(asked.structure, draws, seed)
    for i in range(draws):
        truth = {name: values[i] for name, values in drawn.items()}
        rng = np.random.default_rng([seed, 505, i])
        measured = asked.noise.measured(asked.runs)[1]
        runs = _drawn(asked.runs, asked.law, asked.noise, truth, rng, measurement_sd=measured)
        yield Simulation(runs, truth)


def _values(runs: Runs, law: Law, noise: NoiseModel, given: dict[str, ArrayLike]) -> dict[str, np.ndarray]:
    """The parameters that were given, checked; each of shape () or (groups,)."""
    needed = (*law.parameters, "sigma")
    optional = noise.shared_priors(clustered=True, along=True)
    for name in needed:
        if name not in given:
            raise InputError(f"no value for {name!r}; law {law.name!r} is simulated with {', '.join(needed)}")
    for name in given:
        if name not in (*needed, *optional):
            raise InputError(
                f"law {law.name!r} is not simulated with {name!r}; it takes {', '.join(needed)}, "
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
    positive = ["sigma", *(name for name, prior in optional.items() if isinstance(prior, LogNormal))]
    for name in (name for name in positive if name in values):
        if (values[name] < 0).any() or (name == "nu" and values[name] == 0):
            raise InputError(f"{name} is {values[name]}; expected a positive number")
    return values


def _as_design(design: RunsLike, law: Law, group: str | None) -> Runs:
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
    noise: NoiseModel,
    values: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    reference: Reference | None = None,
    measurement_sd: np.ndarray | None = None,
) -> Runs:
    """The runs with losses drawn from the model; measurement_sd, on the noise's scale, stands before the design's."""
    data = model_data(runs, law, noise)

    def of_rows(name: str) -> np.ndarray:
        value = np.asarray(values[name])
        return value[runs.group_index] if value.ndim else value

    def rescaled(column: str, value: np.ndarray) -> np.ndarray:
        return value if reference is None else value * runs.reference[column] / reference[column]

    at = [rescaled(column, data[letter]) for letter, column in zip(law.inputs, law.columns, strict=True)]
    with np.errstate(all="ignore"):
        parameters = {name: of_rows(name) for name in law.parameters}
        mean = law(*at, **parameters)
        floor = (
            endless(law, dict(zip(law.inputs, at, strict=True)), parameters) if noise.reads_floor else None
        )
    for name, column in noise.covariates.items():
        data[name] = np.log(rescaled(column, np.exp(data[name])))
    measured = "loss_se" in runs.table
    unit = 1.0 if law.response == "score" else mean  # of standard errors, on the noise's scale
    if measurement_sd is None:
        measurement_sd = runs.loss_se / unit
    sigma = np.broadcast_to(of_rows("sigma"), len(runs))
    shared = {name: float(value) for name, value in values.items() if np.ndim(value) == 0}
    counted = runs.items is not None
    loss = noise.draw(rng, Design(data, mean, sigma, shared, measurement_sd, counted, floor))
    above = {"loss": loss > 0, "share": loss >= 0, "score": True}[law.response]
    possible = np.isfinite(loss) & above
    if (bad := np.flatnonzero(~possible)).size:
        where = ", ".join(f"{c} {runs.column(c)[bad[0]]:.3g}" for c in law.columns)
        raise InputError(
            f"law {law.name!r} gives a loss of {loss[bad[0]]:g} at {where}; "
            "choose other parameters, or a design closer to the reference point"
        )
    errors = {"loss_se": measurement_sd * (1.0 if law.response == "score" else loss)} if measured else {}
    return replace(runs, table=runs.table.assign(loss=loss, **errors), warnings=())
