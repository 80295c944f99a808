"""Held-out larger runs: what a law, fitted to the smaller runs of a table, said about its larger ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.load import load_runs
from bayes_scaling.data.runs import Runs
from bayes_scaling.data.units import parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.baselines import huber_bootstrap, laplace
from bayes_scaling.forecast.new_run import curve_ahead, new_run_scale
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.diagnostics import diagnose
from bayes_scaling.inference.sample_many import sample_many
from bayes_scaling.laws.base import DEFAULT, Law, get_law
from bayes_scaling.model.discrepancy import Discrepancy
from bayes_scaling.model.drift import Drift, as_drift, distance
from bayes_scaling.model.likelihood import two_piece_log_likelihood
from bayes_scaling.sampling.settings import Sampler

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior

PROBS = (0.5, 0.8, 0.9, 0.95)
"""Probabilities of the intervals whose coverage is counted."""

FACTORS = (3.0, 10.0, 30.0)
"""Rolling cuts: how many times more compute the largest run has than the largest that is fitted."""

FEWEST = 10
"""Runs that a cut must leave to fit."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts of runs that were held out, beside what they reached.

    Attributes
    ----------
    runs : DataFrame
        One row per held-out run, cut and method: cut, method, group, params, tokens, flops (or the law's inputs),
        loss, decades (powers of ten beyond the fitted runs, in compute or in an input), median, width (of the 90%
        interval, in log loss), error (of the median, relative), pit, log_density and crps (both of log loss).
    health : DataFrame
        One row per cut: runs fitted, R-hat, divergences, whether the diagnosis passed.
    drift : Drift
        The drift after these cuts, for forecasts beyond the whole table: ``fit.with_drift(backtest.drift)``.
    left_out : dict of str to str
        Cuts that could not be made, and why.
    """

    runs: "pd.DataFrame"
    health: "pd.DataFrame"
    drift: Drift
    left_out: dict[str, str]

    def table(self, by: str | Sequence[str] = "method") -> "pd.DataFrame":
        """Coverage, width, scores and errors, pooled over held-out runs, for each value of some columns."""
        import pandas as pd

        names = [by] if isinstance(by, str) else list(by)
        inside = {f"coverage {prob:.0%}": (self.runs["pit"] - 0.5).abs() <= prob / 2 for prob in PROBS}
        every = self.runs.assign(**inside, error_size=self.runs["error"].abs())
        grouped = every.groupby(names, sort=False)
        means = grouped[[*inside, "width", "log_density", "crps"]].mean()
        return pd.concat(
            [grouped.size().rename("runs"), means, grouped[["error", "error_size"]].median()], axis=1
        )

    @property
    def verdict(self) -> str:
        """What happened, in a sentence."""
        own = self.runs[self.runs["method"] == "posterior"]
        held = float(np.mean(np.abs(own["pit"] - 0.5) <= 0.45))
        side = own["error"].median()
        lean = "above" if side > 0 else "below"
        return (
            f"on held-out runs up to {10 ** own['decades'].max():.3g}x beyond those fitted, 90% bands held "
            f"{held:.0%} of {len(own)}; the median forecast lay {abs(side):.1%} {lean} what was reached"
        )

    def __str__(self) -> str:
        return f"{self.verdict}\n\n{self.table().to_string(float_format=lambda x: f'{x:.3g}')}"


def backtest(
    runs: Any,
    law: str | Law = DEFAULT,
    *,
    splits: str | Mapping[str, Any] = "rolling",
    holdout_above: float | str | None = None,
    drift: Drift | float | bool | None = None,
    baselines: bool = True,
    group: str | None = None,
    sampler: Sampler | None = None,
    **options: Any,
) -> Backtest:
    """Fit the smaller runs, forecast the larger, and compare with what they reached.

    Parameters
    ----------
    runs : Runs, DataFrame or path
    law : str or Law
    splits : {"rolling", "largest", "groups"} or mapping of name to mask
        Rolling cuts hold out, in each group, the runs within a factor of 3, 10 and 30 of its largest compute (of
        its largest first input where compute is not known); "largest" holds out each group's largest run;
        "groups" holds out, group by group, the half of its runs with the larger compute. A mask is true for the
        runs held out.
    holdout_above : number or str, optional
        One cut instead: hold out the runs above this many FLOPs.
    drift : Drift, number or bool, optional
        As for `predict`; the default's prior.
    baselines : bool
        Also the bootstrap of a Huber fit, Laplace's approximation, and the posterior without drift.
    group : str, optional
        The column that names each run's group.
    sampler : Sampler, optional
    **options
        As for `sample_many`: pooling, noise, priors, folder, client, at_once, progress.

    Returns
    -------
    Backtest

    Raises
    ------
    InputError
        If no cut leaves enough runs to fit.
    """
    import pandas as pd

    family = get_law(law)
    table = runs if isinstance(runs, Runs) else load_runs(runs, group=group, inputs=family.columns)
    masks = _masks(table, splits, holdout_above)
    pieces: dict[str, tuple[Runs, Runs]] = {}
    left_out: dict[str, str] = {}
    for name, held in masks.items():
        # A group with nothing left to fit cannot be forecast from its own past.
        known = np.isin(table.group_index, np.unique(table.group_index[~held]))
        if (~held).sum() < FEWEST or not (held & known).any():
            left_out[name] = f"{(~held).sum()} runs are left to fit and {(held & known).sum()} to forecast"
            continue
        pieces[name] = (table.select(~held), table.select(held & known))
    if not pieces:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"{table.name} cannot be back-tested: {why} (at least {FEWEST} and 1 wanted)")
    prior = as_drift(drift, Drift.of(family))
    rows, health, evidence = [], [], []
    fitted = {name: train for name, (train, _) in pieces.items()}
    for outcome in sample_many(fitted, family, sampler=sampler, **options):
        if outcome.fit is None:
            left_out[outcome.name] = outcome.error
            continue
        train, test = pieces[outcome.name]
        ahead = Ahead(outcome.fit, test)
        answers = {"posterior": ahead.scores(prior)}
        if baselines:
            answers["no drift"] = ahead.scores(Drift(0.0))
            for method, baseline in {"Huber bootstrap": huber_bootstrap, "Laplace": laplace}.items():
                drawn = baseline(family, train, test, (sampler or Sampler()).seed)
                answers[method] = of_draws(drawn, test.log_loss)
        for method, scores in answers.items():
            rows.append(_rows(outcome.name, method, test, ahead.decades, scores))
        diagnosis = diagnose(outcome.fit)
        health.append(
            {
                "cut": outcome.name, "fitted": len(train), "held_out": len(test), "r_hat": diagnosis.r_hat,
                "divergences": diagnosis.divergences, "ok": diagnosis.ok,
            }
        )  # fmt: skip
        evidence.append([ahead.scores(prior, s)["log_density"].mean() for s in prior.scales])
    if not rows:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"no cut of {table.name} could be fitted: {why}")
    return Backtest(
        pd.concat(rows, ignore_index=True), pd.DataFrame(health), prior.updated(evidence), left_out
    )


def _masks(runs: Runs, splits: str | Mapping[str, Any], above: float | str | None) -> dict[str, np.ndarray]:
    """The runs held out by each cut."""
    if above is not None:
        return {f"above {above}": runs.flops > parse_quantity(above, "holdout_above")}
    if not isinstance(splits, str):
        return {name: np.asarray(mask, bool) for name, mask in splits.items()}
    groups = range(len(runs.groups))
    own = [runs.group_index == g for g in groups]
    largest = np.array([runs.scale[mask].max() for mask in own])[runs.group_index]
    if splits == "rolling":
        return {f"{factor:g}x": runs.scale >= largest / factor for factor in FACTORS}
    if splits == "largest":
        return {"largest": runs.scale == largest}
    if splits == "groups":
        return {
            f"larger half of {runs.groups[g]}": own[g] & (runs.scale > np.median(runs.scale[own[g]]))
            for g in groups
        }
    raise InputError(f"splits is {splits!r}; expected 'rolling', 'largest', 'groups' or a mapping of masks")


class Ahead:
    """The forecast of log loss for runs that a fit has not seen, taken apart so that any drift can be put in."""

    def __init__(self, fit: "Posterior", test: Runs):
        self.y, n = test.log_loss, len(test)
        labels = np.array(test.groups)[test.group_index]
        parts = []
        for group in dict.fromkeys(labels) if len(fit.groups) > 1 else [None]:
            rows = np.flatnonzero(labels == group) if group is not None else np.arange(n)
            columns = {name: test.column(name)[rows] for name in (*fit.law.columns, *_noise_input(fit))}
            forecast = predict(fit, group=group, drift=False, **columns)
            posterior = fit.draws(group)
            spread = new_run_scale(fit, posterior, forecast.inputs).broadcast_like(forecast.mean)
            tails = fit.noise.degrees_of_freedom(posterior).broadcast_like(forecast.mean)
            excess = posterior.get("excess", 0 * posterior["sigma"]).broadcast_like(forecast.mean)
            beyond = distance(forecast.decades_beyond).to_numpy()
            flat: list[np.ndarray] = [
                x.transpose("point", "chain", "draw").to_numpy().reshape(len(rows), -1)
                for x in (forecast.mean, spread, tails, excess)
            ]
            flat[0] = np.log(flat[0])
            if isinstance(fit.noise, Discrepancy):
                (curve,) = curve_ahead(fit, group, forecast.inputs)
                flat[:2] = flat[0] + curve.center.T, np.hypot(flat[1], curve.spread.T)
            parts.append((rows, *flat, beyond))
        order = np.argsort(np.concatenate([rows for rows, *_ in parts]))
        self.middle, self.scale, self.nu, self.excess, self.decades = (
            np.concatenate([part[i] for part in parts])[order] for i in range(1, 6)
        )
        self.seed = fit.seed

    def scores(self, drift: Drift, s: float | None = None) -> dict[str, np.ndarray]:
        """Scores of the forecast under a drift, or under one whose s is known."""
        from scipy.special import logsumexp
        from scipy.stats import t

        rng = np.random.default_rng([self.seed, 505])
        count = self.middle.shape[1]
        middle = self.middle + self.decades[:, None] * drift.slopes(rng, (count,), s)
        # In two pieces where runs are undertuned: what is held out was tuned no better than what was fitted.
        residual, wide = self.y[:, None] - middle, self.scale + self.excess
        over, share = residual > 0, self.scale / (self.scale + wide)
        z = residual / np.where(over, wide, self.scale)
        density = two_piece_log_likelihood(residual, self.scale**2, wide**2, self.nu, 1.0)
        density = logsumexp(density, axis=1) - np.log(count)
        if s is not None:
            return {"log_density": density}
        tail = t.cdf(z, self.nu)
        pit = np.where(over, share + (1 - share) * (2 * tail - 1), 2 * share * tail).mean(1)
        drawn = np.abs(rng.standard_t(self.nu))
        below = rng.uniform(size=drawn.shape) < share
        draws = (middle + np.where(below, -self.scale, wide) * drawn).T
        return of_draws(draws, self.y) | {"log_density": density, "pit": pit}


def _noise_input(fit: "Posterior") -> tuple[str, ...]:
    """The column that the noise asks for, where the law does not."""
    asked = fit.noise.covariates.values()
    return tuple(column for column in asked if column not in (*fit.law.columns, "flops"))


def of_draws(draws: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of forecasts that are given as draws of log loss, shape (draws, runs), for what was reached.

    The log density is that of a kernel estimate: Silverman's bandwidth, and Student-t kernels of 4 degrees of freedom,
    because the tails of Gaussian ones would say of a run outside all draws what no draw has told. The CRPS is that of
    Gneiting and Raftery 2007, equation 21.
    """
    from scipy import stats
    from scipy.special import logsumexp

    ordered = np.sort(draws, axis=0)
    count = len(draws)
    low, middle, high = np.quantile(ordered, [0.05, 0.5, 0.95], axis=0)
    quarter = np.subtract(*np.quantile(ordered, [0.75, 0.25], axis=0)) / 1.34
    width = 0.9 * np.minimum(ordered.std(0), np.where(quarter > 0, quarter, np.inf)) * count**-0.2
    scale = np.maximum(width, 1e-6) / np.sqrt(2)  # of kernels whose variance is that of Gaussian ones
    density = logsumexp(stats.t.logpdf(y, 4, loc=draws, scale=scale), axis=0) - np.log(count)
    ranks = 2 * np.arange(1, count + 1)[:, None] - count - 1
    crps = np.abs(draws - y).mean(0) - (ranks * ordered).sum(0) / count**2
    return {
        "median": middle, "width": high - low, "pit": (draws < y).mean(0), "log_density": density, "crps": crps,
    }  # fmt: skip


def _rows(
    cut: str, method: str, test: Runs, decades: np.ndarray, scores: dict[str, np.ndarray]
) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "cut": cut,
            "method": method,
            "group": np.array(test.groups)[test.group_index],
            **{name: test.column(name) for name in test.extent},
            "loss": test.loss,
            "decades": decades,
            "median": np.exp(scores["median"]),
            "error": np.exp(scores["median"]) / test.loss - 1,
            **{name: scores[name] for name in ("width", "pit", "log_density", "crps")},
        }
    )
