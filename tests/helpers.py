"""Simulated tables and short fits, for tests."""

import warnings

import numpy as np
import pandas as pd

import bayes_scaling as bs

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
    """`bs.fit` for posteriors that are short on purpose: doubts about them are no failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        return bs.fit(*args, **options)
