"""Simulated tables and short fits, for tests."""

import dataclasses
import re
import warnings
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "$x^{{{ 7 * 7 }}",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "[red]{% raw %}",
    "a\x1b[31mb\x07",
    "a\u202eb",
    "x" * 10_000,
]
"""Names that are markup, formulas, paths or commands."""

REFERENCE = {"params": 5e8, "tokens": 1e10}
"""Geometric means of every simulated table, so that a fit's parameters are those it was simulated with."""


def table(parameters, *, law="chinchilla", n=60, sigma=0.005, nu=6.0, seed=20):
    """Runs scattered over two decades around a law whose parameters are known at `REFERENCE`."""
    rng = np.random.default_rng(seed)
    log_n, log_d = rng.uniform(-2.5, 2.5, (2, n))
    N, D = np.exp(log_n - log_n.mean()), np.exp(log_d - log_d.mean())
    loss = bs.LAWS[law](N, D, **parameters) * np.exp(sigma * rng.standard_t(nu, n))
    return pd.DataFrame({"params": N * REFERENCE["params"], "tokens": D * REFERENCE["tokens"], "loss": loss})


def simulated_runs(parameters, **options):
    """`table` as Runs."""
    return bs.load_runs(table(parameters, **options), name="simulated")


def quiet_fit(*args, **options):
    """`bs.fit` for posteriors that are short on purpose, of the simplest noise where none is named.

    Doubts about them are no failure.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        return bs.fit(*args, **{"noise": "constant"} | options)


UNITS = REFERENCE | {
    "unique_tokens": REFERENCE["tokens"],
    "flops": 3e19,
    "min_flops": 3e19,
    "tokens_per_param": 20.0,
}
"""Where the tables of `table_of` have their reference point; 1 for other columns."""


def multiples(law, n, seed=20, reach=2.5):
    """Inputs of a law around its reference point, each of geometric mean 1; unique tokens are at most tokens."""
    rng = np.random.default_rng(seed)
    logs = {column: rng.uniform(-reach, reach, n) for column in law.columns}
    logs = {column: x - x.mean() for column, x in logs.items()}
    if "unique_tokens" in logs:
        logs["unique_tokens"] = logs["tokens"] - rng.uniform(0, 4, n)
    return [np.exp(x) for x in logs.values()]


def table_of(law, parameters, n=60, sigma=0.005, seed=20):
    """A table of the law's own inputs and the loss, scattered around known parameters."""
    at = multiples(law, n, seed)
    if law.response == "share":
        hits = np.random.default_rng(seed + 1).binomial(1000, law(*at, **parameters))
        columns = {c: x * UNITS.get(c, 1.0) for c, x in zip(law.columns, at, strict=True)}
        return pd.DataFrame(columns | {"loss": hits / 1000, "items": 1000})
    noise = sigma * np.random.default_rng(seed + 1).standard_normal(n)
    mean = law(*at, **parameters)
    columns = {c: x * UNITS.get(c, 1.0) for c, x in zip(law.columns, at, strict=True)}
    return pd.DataFrame(columns | {"loss": mean + noise if law.response == "score" else mean * np.exp(noise)})


def instant_fit(runs, law, chains=2, draws=30, **options):
    """`bs.fit` under `instant_sampling`."""
    with instant_sampling(chains, draws):
        return quiet_fit(runs, law, **options)


@contextmanager
def instant_sampling(chains=2, draws=30):
    """Every posterior's draws come from around the priors' medians: all but the sampling is real."""
    from bayes_scaling.sampling import sample as module
    from bayes_scaling.sampling.draws import Draws

    def around_the_medians(structure, shape, seed):
        rng = np.random.default_rng(seed)
        priors = dict(structure.priors) | structure.global_priors
        sizes = dict.fromkeys(structure.pooled("partial", "none"), (*shape, structure.n_groups))
        found = {
            n: p.forward(p.location + 0.1 * p.spread * rng.standard_normal(sizes.get(n, shape)))
            for n, p in priors.items()
        }
        for n in structure.pooled("partial"):
            p = priors[n]
            found[f"{n}_population"] = p.forward(p.location + 0.1 * p.spread * rng.standard_normal(shape))
            found[f"{n}_tau"] = 0.1 * p.group_spread * rng.random(shape)
        return found

    def sample(job):
        structure, seed = job.structure, job.sampler.seed
        shape, rng = (chains, draws), np.random.default_rng(seed)
        stats = {name: rng.random(shape) for name in ("energy", "lp", "acceptance_rate", "step_size")}
        stats["energy_change"] = np.diff(stats["energy"], axis=1, prepend=np.nan)
        stats |= {"diverging": np.zeros(shape, bool), "n_steps": np.ones(shape, int)}
        of_process = structure.noise.rank
        return Draws(
            parameters=around_the_medians(structure, shape, seed),
            log_likelihood=rng.normal(size=(*shape, structure.n_clusters)),
            thin=1,
            stats=stats,
            prior=around_the_medians(structure, (draws,), seed + 1),
            warmup=0,
            weights=0.1 * rng.normal(size=(*shape, structure.n_groups, of_process)) if of_process else None,
        )

    def sample_many(jobs, **_):
        return ((job.key, sample(job)) for job in jobs)

    with mock.patch.multiple(module, sample=sample, sample_many=sample_many):
        yield


def refuses(message):
    """That this `InputError` is raised, word for word."""
    return pytest.raises(bs.InputError, match=f"^{re.escape(message)}$")


def with_posterior(fit, stats=None, **variables):
    """The fit with some draws replaced: values of shape (chain, draw)."""
    tree = fit.tree.copy()
    posterior = tree["posterior"].to_dataset()
    tree["posterior"] = posterior.assign({k: posterior[k].copy(data=v) for k, v in variables.items()})
    if stats:
        before = tree["sample_stats"].to_dataset()
        tree["sample_stats"] = before.assign({k: before[k].copy(data=v) for k, v in stats.items()})
    return dataclasses.replace(fit, tree=tree)


def change(energy):
    """The change of each draw's energy from the draw before."""
    return np.diff(energy, axis=1, prepend=np.nan)


def small_table(groups, *, replicates=1, loss_se=False, checkpoints=1):
    """Six configurations in each group, each trained once or more often, and looked at once or more often."""
    rng = np.random.default_rng(5)
    rows = []
    for group in groups:
        for _ in range(6):
            n, d = 10 ** rng.uniform(7.5, 9.5), 10 ** rng.uniform(9, 11)
            loss = 1.7 + 0.4 * (n / 5e8) ** -0.33 + 0.3 * (d / 1e10) ** -0.3
            for seed in range(replicates):
                for at in range(checkpoints):
                    noise = np.exp(0.01 * rng.standard_normal())
                    row = {"group": group, "params": n, "tokens": d * 2**at, "loss": loss * noise}
                    rows.append(row | {"seed": seed, "trajectory": f"{n:g}, {seed}"})
    table = pd.DataFrame(rows)
    if checkpoints == 1:
        table = table.drop(columns="trajectory")
    if loss_se:
        table["loss_se"] = rng.uniform(0.001, 0.02, len(table))
    return bs.load_runs(table, name="small")
