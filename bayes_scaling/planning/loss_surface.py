"""What each posterior draw says of any N and D: the law's loss, its drift, the noise of a run, and the best split.

Plans, risks and contrasts are all asked of this one view of a fit. Numbers are raw (parameters, tokens, FLOPs, nats per
token) and labelled: chain and draw, group where there are several, and whatever dims the question has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import parse_quantity, training_flops
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.new_run import drift_slopes, new_run_scale
from bayes_scaling.forecast.points import decades_beyond
from bayes_scaling.model.drift import Drift
from bayes_scaling.planning.allocate import closed_form, minimise

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

_NEVER = 1e300
"""Stands for infinity where quantiles interpolate."""

BELOW, ABOVE = 1e-6, 1e12
"""How far below the smallest and above the largest budget of the data a target loss is looked for, as factors."""


@dataclass(frozen=True)
class Limits:
    """What a plan may not change: a given N or D, and caps on either. Numbers or DataArrays over ``point``."""

    params: Any = None
    tokens: Any = None
    max_params: Any = None
    max_tokens: Any = None


class Outlook:
    """A fit's draws as functions of N and D, with the law's other inputs held.

    Parameters
    ----------
    fit : Posterior
    group, drift
        As for `predict`.
    inputs : dict
        The law's inputs beside N and D, one number each. Unique tokens that are not given are as many as the tokens:
        no token is seen twice.

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
        inputs: dict[str, Any] | None = None,
    ):
        law = fit.law
        if not law.allocates:
            raise InputError(
                f"law {law.name!r} takes {', '.join(law.columns)}: a plan needs a law of params and tokens"
            )
        self.fit, self.law_family = fit, law
        self.posterior = fit.draws(group)
        self.parameters = {name: self.posterior[name] for name in law.parameters}
        of_noise = fit.noise.covariates.values()
        wanted = [
            c for c in dict.fromkeys((*law.columns, *of_noise)) if c not in ("params", "tokens", "flops")
        ]
        self.held: dict[str, float] = {}
        for name, value in (inputs or {}).items():
            if name not in wanted:
                takes = (
                    f"beside params and tokens it takes {', '.join(wanted)}"
                    if wanted
                    else "it takes no other"
                )
                raise InputError(f"law {law.name!r} has no input {name!r} to hold; {takes}")
            if value is not None:
                self.held[name] = parse_quantity(value, name)
        self.fresh = "unique_tokens" in wanted and "unique_tokens" not in self.held
        for name in wanted:
            if name not in self.held and not (name == "unique_tokens" and self.fresh):
                raise InputError(f"law {law.name!r} needs {name!r} to split a budget; give {name}=...")
        self.nu = fit.noise.degrees_of_freedom(self.posterior)
        self.slope = drift_slopes(fit, drift)  # the same drift as that of `predict`

    def law(self, params: Any, tokens: Any) -> Any:
        """The law's loss, without drift."""
        at: dict[str, Any] = {"params": params, "tokens": tokens, **self.held}
        if self.fresh:
            at["unique_tokens"] = tokens
        scaled = (at[column] / self.fit.reference[column] for column in self.law_family.columns)
        return self.law_family(*scaled, **self.parameters)

    def beyond(self, params: Any, tokens: Any) -> Any:
        """Powers of ten beyond the data: the largest of those in compute and in each input."""
        at = {"params": params, "tokens": tokens, "flops": training_flops(params, tokens), **self.held}
        if self.fresh:
            at["unique_tokens"] = tokens
        far: Any = 0.0
        for name, value in at.items():
            if name in (*self.law_family.columns, "flops"):
                far = np.maximum(far, decades_beyond(self.fit.runs, name, value))
        return far

    def drifted(self, params: Any, tokens: Any) -> Any:
        """The law's loss with its drift."""
        return self.law(params, tokens) * np.exp(self.slope * self.beyond(params, tokens))

    def scale(self, params: Any, tokens: Any) -> Any:
        """Scale of the Student-t noise of a new run's log loss."""
        at: Any = {"params": params, "tokens": tokens, "flops": training_flops(params, tokens), **self.held}
        return new_run_scale(self.fit, self.posterior, at)

    def new_run(self, params: Any, tokens: Any) -> "xr.DataArray":
        """The loss of one more run: the law, its drift and a run's noise, each point with a noise of its own."""
        import xarray as xr

        middle, scale, nu = xr.broadcast(self.drifted(params, tokens), self.scale(params, tokens), self.nu)
        rng = np.random.default_rng([self.fit.seed, 202])
        return middle * np.exp(scale * rng.standard_t(nu.to_numpy()))

    def prob_below(self, target: Any, params: Any, tokens: Any) -> "xr.DataArray":
        """Probability that a new run reaches a loss: each draw's Student-t probability, averaged."""
        import xarray as xr
        from scipy.special import stdtr

        z = (np.log(target) - np.log(self.drifted(params, tokens))) / self.scale(params, tokens)
        nu, z = xr.broadcast(self.nu, z)
        return z.copy(data=stdtr(nu.to_numpy(), z.to_numpy())).mean(("chain", "draw"))

    # -- the best split of a budget
    # ----------------------------------------------------------------------

    def split(
        self, flops: Any, limits: Limits = Limits(), *, rough: bool = False
    ) -> "tuple[xr.DataArray, xr.DataArray]":
        """The N and D of the least loss that a budget affords within limits, for each draw.

        The budget is spent in full unless caps on both N and D forbid it. NaN where a draw has no optimum: its loss
        falls all the way to the smallest or the largest model. ``rough`` saves half of the time where the law has
        no closed form, at 1e-3 of N.
        """
        import xarray as xr

        flops = xr.DataArray(flops)
        most_n = np.inf if limits.max_params is None else limits.max_params
        most_d = np.inf if limits.max_tokens is None else limits.max_tokens
        if limits.params is not None:
            tokens = np.minimum(flops / (6 * limits.params), most_d)
            return limits.params + 0 * tokens, tokens
        if limits.tokens is not None:
            params = np.minimum(flops / (6 * limits.tokens), most_n)
            return params, limits.tokens + 0 * params
        low, high = np.maximum(1.0, flops / (6 * most_d)), np.minimum(flops / 6, most_n)
        capped = flops / (6 * most_d) > most_n  # both caps bind before the budget is spent
        if self.law_family.power_terms and len(self.law_family.columns) == 2:
            ref = self.fit.reference
            product = flops / (6 * ref["params"] * ref["tokens"])
            best = closed_form(self.law_family, self.parameters, product) + np.log(ref["params"])
            # A cap is an answer; one parameter and one token are not.
            inside = (np.exp(best) > 1) | (low > 1)
            inside &= (np.exp(best) < flops / 6) | (high < flops / 6)
            log_n = best.clip(np.log(low), np.log(np.maximum(high, low))).where(inside)
        else:

            def along(log_n: Any) -> Any:
                n = np.exp(log_n)
                return self.law(n, flops / (6 * n))

            ends = np.log(low), np.log(np.maximum(high, low))
            effort = {"points": 33, "sections": 20} if rough else {}
            log_n = minimise(along, *ends, closed=(low > 1, high < flops / 6), **effort)
        params = xr.where(capped, most_n, np.exp(log_n))
        return params, np.minimum(flops / (6 * params), most_d)

    def path(self, limits: Limits = Limits()) -> "tuple[xr.DataArray, xr.DataArray]":
        """log N and log C of each draw's best splits, from far below the data to far above, along the dim ``step``."""
        import xarray as xr

        first, last = self.fit.runs.extent["flops"]
        decades = np.log10(last * ABOVE / (first * BELOW))
        exact = self.law_family.power_terms is not None and len(self.law_family.columns) == 2
        count = int(np.ceil(decades * (5 if exact else 1))) + 1
        log_c = xr.DataArray(np.linspace(np.log(first * BELOW), np.log(last * ABOVE), count), dims="step")
        n, d = self.split(np.exp(log_c), limits, rough=True)
        return xr.DataArray(np.log(n)), xr.DataArray(np.log(training_flops(n, d)))

    def least(
        self, target: Any, limits: Limits = Limits(), *, path: Any = None, drift: bool = True
    ) -> "xr.DataArray":
        """The least budget at which the law, with its drift or without, reaches a loss; inf where none does.

        Drift can make loss rise again far beyond the data, so that what is looked for is the first crossing along
        ``path`` (made here unless given).
        """
        import xarray as xr

        loss = self.drifted if drift else self.law
        log_n, log_c = self.path(limits) if path is None else path
        reached = loss(np.exp(log_n), np.exp(log_c - log_n) / 6) <= target
        k = reached.argmax("step")
        before = (k - 1).clip(0)
        at = {s: log_n.isel(step=i) for s, i in (("a", before), ("b", k))}
        spent = {s: log_c.isel(step=i) for s, i in (("a", before), ("b", k))}

        def there(share: Any) -> Any:
            n = np.exp(at["a"] + share * (at["b"] - at["a"]))
            c = np.exp(spent["a"] + share * (spent["b"] - spent["a"]))
            return loss(n, c / (6 * n))

        low, high = xr.zeros_like(k, dtype=float), xr.ones_like(k, dtype=float)
        for _ in range(40):
            middle = (low + high) / 2
            enough = there(middle) <= target
            low, high = low.where(enough, middle), high.where(~enough, middle)
        found = np.exp(spent["a"] + high * (spent["b"] - spent["a"]))
        return found.where(reached.any("step"), np.inf)

    def matched(self, *, params: Any = None, tokens: Any = None) -> "xr.DataArray":
        """The D for which a given N is the compute-optimal one, or the N for a given D; NaN where there is none."""
        step = 1e-3

        def too_large(n: Any, d: Any) -> Any:
            """Whether a smaller model on more data has a lower loss at the same compute."""
            up, down = np.exp(step), np.exp(-step)
            return self.law(n * up, d * down) > self.law(n * down, d * up)

        if params is not None:
            return _root(lambda x: ~too_large(params, np.exp(x)), self.slope + 0 * params)
        return _root(lambda x: too_large(np.exp(x), tokens), self.slope + 0 * tokens)


def _root(passed: Callable[[Any], Any], like: Any, end: float = np.log(1e30)) -> Any:
    """exp(x) at the x between 0 and ``end`` from which on a condition holds; NaN where it holds always or never."""
    low, high = 0 * like, 0 * like + end
    some = ~passed(low) & passed(high)
    for _ in range(60):
        middle = (low + high) / 2
        yes = passed(middle)
        low, high = low.where(yes, middle), middle.where(yes, high)
    return np.exp(high).where(some)


def bounds(draws: "xr.DataArray", prob: float = 0.9) -> "xr.DataArray":
    """Equal-tailed interval over the draws, dims (..., bound): lower, median, upper.

    Draws that are NaN are left out; infinite ones count, so that an upper end may be infinite.
    """
    import warnings

    if not 0 < prob < 1:
        raise InputError(f"the probability of an interval lies between 0 and 1; got {prob!r}")
    tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    finite = draws.where(draws != np.inf, _NEVER)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        found = finite.quantile(tails, dim=("chain", "draw"), skipna=True)
    named = found.rename(quantile="bound").assign_coords(bound=["lower", "median", "upper"])
    return named.where(named < _NEVER / 1e90, np.inf).where(named.notnull()).transpose(..., "bound")
