"""The loss over N and D for each posterior draw: the law, its drift beyond the data, and the noise of a run.

Plans, risks and contrasts are all asked of it. Numbers are raw (parameters, tokens, FLOPs, nats per token), with dims
chain and draw, group where there are several, and whatever dims the question has.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import cost_of
from bayes_scaling.data.units import Quantities, parse_quantities
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.departure import Departure, departed
from bayes_scaling.forecast.forecast import MOST
from bayes_scaling.forecast.near_runs import asked_of_the_table, beside_missed_runs
from bayes_scaling.forecast.new_run import drift_slopes, new_run_scale, standard_noise
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.laws.derivatives import endless
from bayes_scaling.laws.elementwise import Array, Computed, exp, log
from bayes_scaling.planning.others_alone import others_alone

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.model.drift import Drift

_FIRST = 3
"""Of `LossSurface.given`: where the fixed inputs begin."""

FRESH = "unique_tokens"
"""An input that, where it is not given, is as large as the tokens: no token is seen twice."""


def ordered(values: "xr.DataArray") -> "xr.DataArray":
    """The same with the dims of results in their order: chain, draw, what is chosen or compared, group, point."""
    dims = ("chain", "draw", "choice", "pair", "group", "point", ...)
    return values.transpose(*dims, missing_dims="ignore")


def over_points(values: Quantities, what: str) -> "xr.DataArray":
    """Quantities as people write them, dim ``point``."""
    import xarray as xr  # here and below: loads when there are draws, and not on import

    return xr.DataArray(np.atleast_1d(parse_quantities(values, what)), dims="point", name=what)


class LossSurface:
    """A posterior's draws as functions of N and D, with the law's other inputs fixed.

    Functions take ``(params, tokens)``. For solvers, which cut draws into plain arrays, those of the law take what
    differs between draws as further arguments, in the order of `given`.

    Parameters
    ----------
    fit : Posterior
    group, drift
        As for `predict`.
    inputs : mapping of str to quantities
        The law's inputs beside N and D: one number each, or one for each of the points. Unique tokens that are not
        given are as many as the tokens.
    points : int
        How many points are asked for.

    Attributes
    ----------
    given : tuple of xarray.DataArray
        The slope of the drift, the path of a discrepancy and its slope beyond the data, the fixed inputs, the law's
        parameters; dims of (chain, draw, group, point).
    fresh : bool
        Whether no token is taken to be repeated, for a law that would know.
    cost : Cost
        FLOPs of N and D: 6ND, or the table's own.

    Raises
    ------
    InputError
        If the law takes no N and D, or one of its other inputs is missing or unknown.
    """

    def __init__(
        self,
        fit: "Posterior",
        group: str | None = None,
        drift: "Drift | float | bool | None" = None,
        inputs: Mapping[str, Quantities | None] | None = None,
        points: int = 1,
    ):
        import xarray as xr

        law = fit.law
        if not law.allocates:
            raise InputError(
                f"law {law.name!r} takes {', '.join(law.columns)}: a budget cannot be split into params and tokens"
            )
        self.fit, self.group, self.posterior, self.cost = (
            fit,
            group,
            fit.draws(group),
            cost_of(fit.runs, group),
        )
        values = _fixed(fit, inputs or {}, points)
        self.fresh = FRESH in law.columns and FRESH not in values
        self._fixed = tuple(values)
        self.slope = drift_slopes(fit, drift)
        self._away = Departure(fit, group) if fit.noise.joint else None
        fixed = [xr.DataArray(x, dims="point") if x.size > 1 else xr.DataArray(x[0]) for x in values.values()]
        away = (self._away.draw, self._away.slope) if self._away else (xr.DataArray(0), xr.DataArray(0))
        self.given = (
            self.slope,
            *away,
            *fixed,
            *(self.posterior[p] for p in law.parameters),
        )

    @property
    def closed_form(self) -> bool:
        """Whether the law's best split of a budget has a closed form."""
        return self.fit.law.power_terms is not None and len(self.fit.law.columns) == 2

    @property
    def departs(self) -> bool:
        """Whether the noise has a discrepancy whose paths leave the law."""
        return self._away is not None

    def inputs(self, params: Array, tokens: Array, given: tuple[Array, ...] = ()) -> dict[str, Array]:
        """All inputs, by column, and the compute."""
        given = given or self.given
        fixed = dict(zip(self._fixed, given[_FIRST:], strict=False))
        fresh = {FRESH: tokens} if self.fresh else {}
        return {"params": params, "tokens": tokens, "flops": self.cost.flops(params, tokens)} | fixed | fresh

    def law(self, params: Array, tokens: Array, *given: Array) -> Computed:
        """The law's loss alone."""
        given = given or self.given
        return self.fit.law(*self._scaled(params, tokens, given).values(), **self._parameters(given))

    def loss(self, params: Array, tokens: Array, *given: Array) -> Computed:
        """The loss that ranks choices of one budget: the law's, and the discrepancy's path where the noise has one.

        Without what depends on compute alone.
        """
        given = given or self.given
        return self._departed(params, tokens, given, 0.0)

    def at_budget(self, params: "xr.DataArray", tokens: "xr.DataArray", fallen: Array) -> "xr.DataArray":
        """The loss, with what log reducible loss falls by beyond the data: the same for all choices of a budget."""
        loss: xr.DataArray = self._departed(params, tokens, self.given, fallen)
        return loss

    def fallen(self, params: Array, tokens: Array, *given: Array) -> Computed:
        """What log reducible loss falls by beyond the data, where the noise has a discrepancy."""
        given = given or self.given
        return 0.0 if self._away is None else given[2] * self._away.beyond(params, tokens, given[1])

    def _departed(self, params: Array, tokens: Array, given: tuple[Array, ...], beyond: Array) -> Computed:
        law = self.law(params, tokens, *given)
        if self._away is None:
            return law
        floor = endless(self.fit.law, self._scaled(params, tokens, given), self._parameters(given))
        return departed(law, floor, self._away.delta(params, tokens, given[1]) + beyond)

    def _scaled(self, params: Array, tokens: Array, given: tuple[Array, ...]) -> dict[str, Computed]:
        return self.fit.scaled(self.inputs(params, tokens, given))

    def _parameters(self, given: tuple[Array, ...]) -> dict[str, Array]:
        return dict(zip(self.fit.law.parameters, given[_FIRST + len(self._fixed) :], strict=True))

    def beyond(self, params: Array, tokens: Array, *given: Array) -> Computed:
        """Powers of ten beyond the data: the largest of those in compute and in each input."""
        at = self.inputs(params, tokens, given or self.given)
        far: Computed = 0.0
        for name in dict.fromkeys(("flops", *self.fit.law.columns)):
            far = np.maximum(far, decades_beyond(self.fit.runs, name, at[name]))
        return far

    def drifted(self, params: Array, tokens: Array, *given: Array) -> Computed:
        """The loss with its drift, and with what the discrepancy falls by beyond the data."""
        given = given or self.given
        drift = exp(given[0] * self.beyond(params, tokens, *given))
        return self._departed(params, tokens, given, self.fallen(params, tokens, *given)) * drift

    def drift_at(self, flops: "xr.DataArray") -> "xr.DataArray":
        """The drift of log loss by the distance in compute alone: the same for all N and D of a budget."""
        drift: xr.DataArray = self.slope * decades_beyond(self.fit.runs, "flops", flops)
        return drift

    def scale(self, params: Array, tokens: Array) -> "xr.DataArray":
        """Scale of the Student-t noise of a new run's log loss."""
        import xarray as xr

        at, changes_with = self.inputs(params, tokens, self.given), self.fit.noise.covariates.values()
        for column in changes_with:
            if column not in at:
                raise InputError(f"the noise of this fit changes with {column!r}; give {column}=...")
        points = xr.Dataset({column: at[column] for column in changes_with})
        return new_run_scale(self.fit, self.posterior, points)

    def new_run(self, params: Array, tokens: Array) -> "xr.DataArray":
        """The loss of one more run: the law, its drift and a run's noise, each point with a noise of its own."""
        import xarray as xr

        middle, scale = xr.broadcast(self.drifted(params, tokens), self.scale(params, tokens))
        at = {name: xr.DataArray(x) for name, x in self.inputs(params, tokens).items()}
        standard = standard_noise(self.fit, self.posterior, middle, at, self.group)
        noise = (scale * standard).clip(-MOST, MOST)
        reached: xr.DataArray = middle * exp(noise)
        return reached

    def prob_below(
        self, target: float, loss: "xr.DataArray", params: "xr.DataArray", tokens: "xr.DataArray"
    ) -> "xr.DataArray":
        """Probability that a new run around a loss reaches a target: each draw's Student-t probability, averaged."""
        import xarray as xr
        from scipy.special import stdtr

        z = (np.log(target) - log(loss)) / self.scale(params, tokens)
        nu, z = xr.broadcast(self.fit.noise.degrees_of_freedom(self.posterior), z)
        chance: xr.DataArray = z.copy(data=stdtr(nu.to_numpy(), z.to_numpy())).mean(("chain", "draw"))
        return chance


def about(surface: LossSurface, params: "xr.DataArray", tokens: "xr.DataArray") -> list[str]:
    """What to know of some answers: runs that the law misses, and FLOPs that are the table's own."""
    import xarray as xr

    at = surface.inputs(params, tokens)
    several = xr.broadcast(*(xr.DataArray(at[name]) for name in surface.fit.law.columns))
    values = {name: x.to_numpy().ravel() for name, x in zip(surface.fit.law.columns, several, strict=True)}
    n, d = values["params"], values["tokens"]
    known = np.flatnonzero(np.isfinite(n * d))
    if not known.size:
        return []
    said = beside_missed_runs(surface.fit, {name: x[known] for name, x in values.items()}, surface.group)
    last = n[known[-1]], d[known[-1]]
    return [
        *asked_of_the_table(surface.fit),
        *said,
        *others_alone(surface.fit, surface.cost, surface.cost.flops(*last)),
        *([surface.cost.words(*last)] if surface.cost.own else []),
    ]


def _fixed(fit: "Posterior", inputs: Mapping[str, Quantities | None], points: int) -> dict[str, np.ndarray]:
    """The law's inputs beside N and D, read and checked: one value each, or one for each point."""
    law = fit.law
    of_noise = fit.noise.covariates.values()
    known = ("params", "tokens", "flops")
    wanted = [column for column in dict.fromkeys((*law.columns, *of_noise)) if column not in known]
    given = {name: value for name, value in inputs.items() if value is not None}
    for name in inputs:
        if name not in wanted:
            others = f"beside params and tokens it takes {', '.join(wanted)}"
            raise InputError(
                f"law {law.name!r} has no input {name!r}; {others if wanted else 'it takes no other'}"
            )
    for name in wanted:
        if name not in given and name in law.columns and name != FRESH:
            raise InputError(f"law {law.name!r} needs {name!r} to split a budget; give {name}=...")
    values = {name: np.atleast_1d(parse_quantities(value, name)) for name, value in given.items()}
    for name, value in values.items():
        if value.size not in (1, points):
            raise InputError(f"{name} has {value.size} values for {points} budgets; give one, or as many")
    return values
