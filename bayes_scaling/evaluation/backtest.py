"""Held-out larger runs: what a law, fitted to the smaller runs of a table, said about its larger ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np

from bayes_scaling.data.load import RunsLike
from bayes_scaling.data.runs import Runs
from bayes_scaling.data.units import Quantity
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.baselines import huber_bootstrap, laplace
from bayes_scaling.evaluation.cuts import held_out, make_cuts, reasons
from bayes_scaling.evaluation.predictive import predictive
from bayes_scaling.evaluation.scores import SCORES, Scores, scores_of_draws
from bayes_scaling.inference.diagnostics import verdict
from bayes_scaling.inference.result import Result
from bayes_scaling.inference.sample_many import BatchSettings, sample_many
from bayes_scaling.inference.spec import as_runs
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.names import DEFAULT, get_law
from bayes_scaling.model.drift import Drift, as_drift
from bayes_scaling.model.noise import noise_of, usual_drift
from bayes_scaling.sampling.settings import Sampler

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

PROBS = (0.5, 0.8, 0.9, 0.95)
"""Probabilities of the intervals whose coverage is counted."""

DISTANCES = {3.0: "1-3x", 10.0: "3-10x", 30.0: "10-30x", np.inf: "beyond 30x"}
"""Where bins of distance end, as a multiple of the runs fitted, and their names."""


@dataclass(frozen=True, eq=False, repr=False)
class Backtest(Result):
    """Forecasts of runs that were held out, beside what they reached.

    Attributes
    ----------
    runs : DataFrame
        One row per held-out run, cut and method: cut, method, group, params, tokens, flops (or the law's inputs),
        loss, decades (powers of ten beyond the fitted runs, in compute or in an input), median, width (of the 90%
        interval, in log loss), error (of the median, relative), pit, log_density and crps (both of log loss).
    health : DataFrame
        One row per cut: runs fitted and held out, R-hat, divergences, whether the diagnosis passed.
    drift : Drift
        The drift after these cuts, for forecasts beyond the whole table: ``fit.with_drift(backtest.drift)``.
    left_out : dict of str to str
        Cuts that could not be made, and why.
    """

    runs: "pd.DataFrame"
    health: "pd.DataFrame"
    drift: Drift
    left_out: dict[str, str]

    def table(self, prob: float = 0.9, by: str | Sequence[str] = "method") -> "pd.DataFrame":
        """Coverage, width, scores and errors, pooled over held-out runs, for each value of some columns.

        ``by="distance"`` pools by how far runs lie beyond those fitted: 1-3x, 3-10x, 10-30x, and further.
        """
        import pandas as pd

        names = [by] if isinstance(by, str) else list(by)
        inside = {f"coverage {100 * p:g}%": _covered(self.runs, p) for p in sorted({*PROBS, prob})}
        every = self.runs.assign(**inside, error_size=self.runs["error"].abs())
        if "distance" in names:
            far = pd.cut(10 ** every["decades"], [0.0, *DISTANCES], labels=list(DISTANCES.values()))
            every = every.assign(distance=far)
        grouped = every.groupby(names, sort="distance" in names, observed=True)
        means = grouped[[*inside, "width", "log_density", "crps"]].mean()
        return pd.concat(
            [grouped.size().rename("runs"), means, grouped[["error", "error_size"]].median()], axis=1
        )

    def sentences(self, prob: float = 0.9) -> list[str]:
        """Whether the posterior's intervals covered what was held out; what other methods did; the drift learnt."""
        own = self.runs[self.runs["method"] == "posterior"]
        error = own["error"].median()
        covered = self.table(prob)[f"coverage {100 * prob:g}%"]
        others = [f"{share:.0%} ({name})" for name, share in covered.drop("posterior").items()]
        return [
            f"on held-out runs up to {10 ** own['decades'].max():.3g}x beyond those fitted, {100 * prob:g}% intervals "
            f"covered {covered['posterior']:.0%} of {len(own)}; the median forecast lay {abs(error):.1%} "
            f"{'above' if error > 0 else 'below'} what was reached",
            *([f"other methods covered {', '.join(others)}"] if others else []),
            *([self._drift_learnt] if self.drift.spread else []),
        ]

    @property
    def _drift_learnt(self) -> str:
        mean, sd = self.drift.mean, self.drift.sd
        return (
            f"after these cuts the drift of loss per power of ten beyond a table is {mean:+.1%} (sd {sd:.1%})"
        )

    @property
    def warnings(self) -> list[str]:
        """Cuts that were left out, and fits that failed their diagnosis."""
        failed = self.health.loc[~self.health["ok"], "cut"]
        return [
            *(f"cut {name} was left out: {why}" for name, why in self.left_out.items()),
            *(
                f"the fit below cut {name} failed its diagnosis: its forecasts cannot be trusted"
                for name in failed
            ),
        ]


def backtest(
    runs: RunsLike,
    law: str | Law = DEFAULT,
    *,
    splits: "str | Mapping[str, ArrayLike]" = "rolling",
    holdout_above: Quantity | None = None,
    drift: Drift | float | bool | None = None,
    baselines: bool = True,
    group: str | None = None,
    **options: Unpack[BatchSettings],
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
    **options
        As for `fit_many`: pooling, noise, priors, folder, client, at_once, progress and fields of `Sampler`.

    Raises
    ------
    InputError
        If no cut leaves enough runs to fit.
    """
    # pandas loads when there is a table to make, and not on import.
    import pandas as pd

    family = get_law(law)
    if family.response != "loss":
        raise InputError(
            f"law {family.name!r} gives a {family.response}; back-tests score forecasts of log loss. Fit the smaller "
            "runs (runs.split(...)), and look at what predict says of the larger ones"
        )
    table = as_runs(runs, family, group)
    cuts, left_out = make_cuts(table, held_out(table, splits, holdout_above))
    prior = as_drift(drift, usual_drift(family, noise_of(family, options.get("noise"))))
    found = {}
    for outcome in sample_many({name: cut.train for name, cut in cuts.items()}, family, **options):
        if outcome.fit is None:
            left_out[outcome.name] = outcome.error
            continue
        train, test = cuts[outcome.name]
        ahead = predictive(outcome.fit, test)
        answers = {"posterior": ahead.scores(prior)}
        if baselines:
            seed = options.get("seed", Sampler.seed)
            answers |= {
                **({"no drift": ahead.scores(Drift(0.0))} if prior.spread else {}),
                "Huber bootstrap": scores_of_draws(huber_bootstrap(family, train, test, seed), test.log_loss),
                "Laplace": scores_of_draws(laplace(family, train, test, seed), test.log_loss),
            }
        rows = [
            _rows(outcome.name, method, test, ahead.decades, scores) for method, scores in answers.items()
        ]
        diagnosis = verdict(outcome.fit)
        health = {
            "cut": outcome.name, "fitted": len(train), "held_out": len(test), "r_hat": diagnosis.r_hat,
            "divergences": diagnosis.divergences, "ok": diagnosis.ok,
        }  # fmt: skip
        evidence = [ahead.log_density(prior, s).mean() for s in prior.scales]
        found[outcome.name] = pd.concat(rows), health, evidence
    if not found:
        raise InputError(f"no cut of {table.name} could be fitted: {reasons(left_out)}")
    # In the order of the cuts, whichever was done first.
    tables, healths, evidences = zip(*(found[name] for name in cuts if name in found), strict=True)
    return Backtest(
        pd.concat(tables, ignore_index=True),
        pd.DataFrame(healths),
        prior.updated(np.array(evidences)),
        left_out,
    )


def _rows(cut: str, method: str, test: Runs, decades: np.ndarray, scores: Scores) -> "pd.DataFrame":
    """The held-out runs of one cut, as one method forecast them."""
    import pandas as pd

    return pd.DataFrame(
        {
            "cut": cut,
            "method": method,
            "group": np.array(test.groups)[test.group_index],
            **{name: test.column(name) for name in test.extent},
            "loss": test.loss,
            "decades": decades,
            "median": np.exp(scores.median),
            "error": np.exp(scores.median) / test.loss - 1,
            **{name: getattr(scores, name) for name in SCORES},
        }
    )


def _covered(runs: "pd.DataFrame", prob: float) -> "pd.Series[bool]":
    """Which runs lie inside of their equal-tailed interval."""
    return (runs["pit"] - 0.5).abs() <= prob / 2
