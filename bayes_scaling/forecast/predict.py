"""The loss at inputs that nobody has trained yet: the law, one more run, and how far from the data it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import parse_quantities, parse_quantity, training_flops
from bayes_scaling.errors import InputError
from bayes_scaling.model.discrepancy import Ahead, ahead
from bayes_scaling.model.drift import Drift, as_drift, distance
from bayes_scaling.model.noise import drawn_shares, run_scale

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Forecast:
    """Posterior draws of the loss at some points.

    Attributes
    ----------
    inputs : xarray.Dataset
        The points, dim ``point``: params, tokens and flops where the law has them, else the law's own inputs.
    mean : xarray.DataArray
        The law's loss in nats per token, dims (chain, draw, [group,] point).
    drift : xarray.DataArray
        How far log loss has drifted from the law there, dims (chain, draw, [group,] point): 0 inside the data, and
        shared by all points of a draw beyond them. Where the noise holds a `Discrepancy`, its path is part of it.
    new_run : xarray.DataArray
        The loss of one more training run there: the law, its drift, its lack of fit and the noise of a run; dims
        as those of the mean.
    decades_beyond : xarray.Dataset
        For each input, how many powers of ten the point lies outside of the range of the data (0 inside), dim
        point.
    outcome : {"loss", "share"}
        What is forecast. A share of test items stands where the loss does above, and its drift is of its log odds.
    """

    inputs: "xr.Dataset"
    mean: "xr.DataArray"
    drift: "xr.DataArray"
    new_run: "xr.DataArray"
    decades_beyond: "xr.Dataset"
    outcome: str = "loss"

    def draws(self, kind: str = "new_run") -> "xr.DataArray":
        """The draws of one kind: "mean" (the law), "drifted" (with its drift) or "new_run" (with a run's noise)."""
        if kind == "drifted":
            return shifted(self.mean, self.drift, self.outcome).transpose(*self.mean.dims)
        if kind not in ("mean", "new_run"):
            raise InputError(f"unknown kind of forecast {kind!r}; expected 'mean', 'drifted' or 'new_run'")
        return getattr(self, kind)

    def interval(self, prob: float = 0.9, kind: str = "new_run") -> "xr.DataArray":
        """Equal-tailed interval, dims ([group,] point, bound), where bound is lower, median or upper."""
        if not 0 < prob < 1:
            raise InputError(f"the probability of an interval lies between 0 and 1; got {prob!r}")
        tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
        quantiles = self.draws(kind).quantile(tails, dim=("chain", "draw"))
        named = quantiles.rename(quantile="bound").assign_coords(bound=["lower", "median", "upper"])
        return named.transpose(..., "bound")

    def prob_below(self, loss: Any, kind: str = "new_run") -> "xr.DataArray":
        """Probability that the loss is at most this, dims ([group,] point)."""
        return (self.draws(kind) <= parse_quantity(loss, "loss")).mean(("chain", "draw"))

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per point and group: inputs, medians and intervals of each kind, decades beyond."""
        columns = dict(self.inputs.data_vars)
        percent = f"{100 * prob:g}%"
        for kind in ("mean", "drifted", "new_run"):
            bounds = self.interval(prob, kind)
            columns[kind] = bounds.sel(bound="median", drop=True)
            columns[f"{kind} {percent} lower"] = bounds.sel(bound="lower", drop=True)
            columns[f"{kind} {percent} upper"] = bounds.sel(bound="upper", drop=True)
        columns |= {
            f"decades beyond ({name})": values for name, values in self.decades_beyond.data_vars.items()
        }
        return long_table(columns, self.mean)


def shifted(value: Any, drift: Any, outcome: str) -> Any:
    """A loss moved on its logarithm, or a share on its log odds."""
    moved = value * np.exp(drift)
    return moved if outcome == "loss" else moved / (1 - value + moved)


def long_table(columns: dict[Any, Any], like: "xr.DataArray") -> "pd.DataFrame":
    """Columns with dims ([group,] point) as a plain table, groups first."""
    import xarray as xr

    dims = [dim for dim in ("group", "point") if dim in like.dims]
    template = like.isel(chain=0, draw=0, drop=True)
    full = xr.Dataset({name: values.broadcast_like(template) for name, values in columns.items()})
    frame = full.transpose(*dims).to_dataframe(dim_order=dims).reset_index()
    wanted = [*(["group"] if "group" in dims else []), *columns]
    return frame[wanted]


def predict(
    fit: "Posterior",
    params: Any = None,
    tokens: Any = None,
    *,
    group: str | None = None,
    drift: "Drift | float | bool | None" = None,
    **inputs: Any,
) -> Forecast:
    """The loss at other inputs, as posterior draws.

    Parameters
    ----------
    fit : Posterior
    params, tokens : number, string such as "100B", or sequence of them
        Parameters N and training tokens D; scalars and equal lengths broadcast together.
    group : str, optional
        One group's label, or "new" for a group not seen yet. Default: every group, along the dim ``group``.
    drift : Drift, number or bool, optional
        How far the truth may drift from the law beyond the data: a `Drift`, its spread in log loss per power of
        ten, or False for none. Default: the fit's own (`Fit.drift`).
    **inputs
        Further inputs of the law, by column name.

    Returns
    -------
    Forecast

    Raises
    ------
    InputError
        If an input of the law is missing, or one is given that it does not have.
    """
    import xarray as xr

    points = _points(fit, {"params": params, "tokens": tokens, **inputs})
    posterior = fit.draws(group)
    law = fit.law
    at = [points[column] / fit.reference[column] for column in law.columns]
    scale = new_run_scale(fit, posterior, points)
    if law.response == "share":
        return _share_forecast(
            fit, points, law(*at, **{n: posterior[n] for n in law.parameters}), scale, drift
        )
    # Where groups share the law, they may still differ in noise: one group dim for both.
    mean, scale = xr.broadcast(law(*at, **{name: posterior[name] for name in law.parameters}), scale)
    leading = [dim for dim in ("chain", "draw", "group", "point") if dim in mean.dims]
    mean = mean.transpose(*leading).rename("loss")
    rng = np.random.default_rng([fit.seed, 202])
    if fit.noise.discrepancy:
        drawn = rng.standard_normal(mean.shape)
    else:
        drawn = rng.standard_t(posterior["nu"].broadcast_like(mean).transpose(*leading).to_numpy())
    scatter = xr.DataArray(drawn, coords=mean.coords, dims=mean.dims)
    beyond = _beyond(fit, points)
    far = distance(beyond)
    drifted = _slopes(fit, drift) * far
    if fit.noise.discrepancy:
        drifted = (drifted + _along_curve(fit, group, points, mean)).rename("drift")
    new_run = (mean * np.exp(drifted + scale * scatter)).transpose(*leading).rename("loss")
    return Forecast(points, mean, drifted, new_run, beyond)


def _beyond(fit: "Posterior", points: "xr.Dataset") -> "xr.Dataset":
    """How far each input of the points lies outside of the data, dim point."""
    import xarray as xr

    return xr.Dataset(
        {
            str(name): ("point", decades_beyond(fit.runs, str(name), values.to_numpy()))
            for name, values in points.items()
        }
    )


def _slopes(fit: "Posterior", drift: "Drift | float | bool | None") -> "xr.DataArray":
    """Draws of the drift per power of ten, dims (chain, draw)."""
    draws = fit.one_per_draw
    rng = np.random.default_rng([fit.seed, 404])
    return draws.copy(data=as_drift(drift, fit.drift).slopes(rng, draws.shape)).rename("drift")


def _share_forecast(
    fit: "Posterior", points: "xr.Dataset", mean: "xr.DataArray", sigma: "xr.DataArray", drift: Any
) -> Forecast:
    """The forecast of a share of test items: as many items as the runs of the fit had."""
    import xarray as xr

    mean, sigma = xr.broadcast(mean, sigma)
    leading = [dim for dim in ("chain", "draw", "group", "point") if dim in mean.dims]
    mean, sigma = mean.transpose(*leading).rename("share"), sigma.transpose(*leading)
    beyond = _beyond(fit, points)
    drifted = _slopes(fit, drift) * distance(beyond)
    rng = np.random.default_rng([fit.seed, 202])
    new_run = share_of_items(fit, rng, shifted(mean, drifted, "share").transpose(*leading), sigma)
    return Forecast(points, mean, drifted, new_run, beyond, "share")


def share_of_items(
    fit: "Posterior", rng: np.random.Generator, expected: "xr.DataArray", sigma: "xr.DataArray"
) -> "xr.DataArray":
    """One run's share of test items around what is expected, dims as there."""
    items = None if fit.runs.items is None else int(np.median(fit.runs.items))
    return expected.copy(data=drawn_shares(rng, expected.to_numpy(), sigma.to_numpy(), items))


def curve_ahead(fit: "Posterior", group: str | None, points: "xr.Dataset") -> "list[Ahead]":
    """What the discrepancy of a fit is at new points, for each of its groups or for the one that is named.

    Draws are those of the posterior, chains after one another.
    """
    assert fit.noise.discrepancy is not None
    runs, law = fit.runs, fit.law
    answers: list[Ahead] = []
    (column,) = law.columns
    log_new = np.log(points[column].to_numpy() / fit.reference[column])
    for name in fit.groups if group is None else [group]:
        posterior = fit.draws(name).stack(draws=("chain", "draw"))
        own = np.isin(np.array(runs.groups)[runs.group_index], [name])
        at = runs.column(column)[own] / fit.reference[column]
        law_at = law(at, **{p: posterior[p].to_numpy()[:, None] for p in law.parameters})
        answers.append(
            ahead(
                fit.noise.discrepancy,
                np.random.default_rng([fit.seed, 606, len(answers)]),
                np.log(at),
                runs.log_loss[own] - np.log(law_at),
                log_new,
                amplitude=posterior["discrepancy"].to_numpy(),
                sigma=posterior["sigma"].to_numpy(),
            )
        )
    return answers


def _along_curve(
    fit: "Posterior", group: str | None, points: "xr.Dataset", like: "xr.DataArray"
) -> "xr.DataArray":
    """Paths of the discrepancy, with the dims of the forecast."""
    import xarray as xr

    answers = curve_ahead(fit, group, points)
    shape = (like.sizes["chain"], like.sizes["draw"], -1)
    stacked = np.stack([answer.paths.reshape(shape) for answer in answers])
    paths = xr.DataArray(stacked, dims=("group", "chain", "draw", "point"))
    return paths.assign_coords(group=fit.groups) if "group" in like.dims else paths.isel(group=0)


def new_run_scale(fit: "Posterior", posterior: "xr.Dataset", points: "xr.Dataset") -> "xr.DataArray":
    """Scale of log loss around the law for a new run of a new configuration."""
    noise = fit.noise
    scale = posterior["sigma"]
    if noise.slope_in:
        seen = fit.runs.column(noise.slope_in)
        # Frozen at the edge of the data: beyond it nobody has seen how noise goes on.
        at = points[noise.slope_in].clip(seen.min(), seen.max())
        scale = run_scale(scale, posterior["slope"], np.log(at / fit.reference[noise.slope_in]))
    if "lack_of_fit" in posterior:
        scale = (scale**2 + posterior["lack_of_fit"] ** 2) ** 0.5
    return scale


def decades_beyond(runs: "Runs", column: str, values: np.ndarray) -> np.ndarray:
    """Powers of ten by which values lie outside of the range of a column of the data; 0 inside."""
    low, high = np.log10(runs.column(column).min()), np.log10(runs.column(column).max())
    x = np.log10(values)
    return np.maximum(np.maximum(x - high, low - x), 0.0)


def _points(fit: "Posterior", given: dict[str, Any]) -> "xr.Dataset":
    """The points as a Dataset over the inputs, and flops where N and D are among them."""
    import xarray as xr

    given = {name: value for name, value in given.items() if value is not None}
    columns = fit.law.columns
    derived = {"flops"} if {"params", "tokens"} <= set(columns) else set()
    if fit.noise.slope_in and fit.noise.slope_in not in {*columns, *derived}:
        columns = (*columns, fit.noise.slope_in)  # the noise of a new run asks for it
    for name in given:
        if name not in columns:
            raise InputError(
                f"law {fit.law.name!r} has no input {name!r}; its inputs are {', '.join(columns)}"
            )
    for name in columns:
        if name not in given:
            raise InputError(f"law {fit.law.name!r} needs {name!r}; its inputs are {', '.join(columns)}")
    arrays = {
        name: np.atleast_1d(parse_quantities(value, name)).astype(float) for name, value in given.items()
    }
    try:
        even = dict(zip(arrays, np.broadcast_arrays(*arrays.values()), strict=True))
    except ValueError as error:
        lengths = ", ".join(f"{name} has {len(value)}" for name, value in arrays.items())
        raise InputError(
            f"inputs of unequal length: {lengths}; give one value, or as many of each"
        ) from error
    if derived - set(even):
        even["flops"] = training_flops(even["params"], even["tokens"])
    return xr.Dataset({name: ("point", value) for name, value in even.items()})
