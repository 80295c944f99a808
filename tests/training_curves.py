"""Simulated training curves of known make, and cards whose forecast is known."""

import dataclasses
from functools import cache

import numpy as np
import pandas as pd
from helpers import instant_fit, simulated_runs

from bayes_scaling.forecast.card import equally_likely
from bayes_scaling.forecast.register import make_card

SHARES = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}


def above(shares, params, tokens):
    """How far log losses lie above their end: less for larger models, more for longer runs."""
    slope = 0.1 - 0.02 * np.log10(params / 1e8) + 0.01 * np.log10(tokens / 1e10)
    return slope * (-np.log(shares)) * (1 + 0.1 * (1 - shares))


def end(params, tokens):
    return 1.8 + 0.35 * (params / 5e8) ** -0.34 + 0.3 * (tokens / 1e10) ** -0.29


def curve(params, tokens, rng, *, sd=0.004, off=0.0, shares=SHARES):
    """Rows of one run: its slope and each step of the way are off by some noise, its end by ``off``."""
    walk = np.cumsum(
        rng.normal(0, sd, len(shares)) * np.sqrt(np.append(0.0, np.diff(-np.log(shares[::-1]))))
    )[::-1]
    final = np.log(end(params, tokens)) + off + rng.normal(0, 0.004)
    scatter = np.where(shares < 1, walk + rng.normal(0, sd) * -np.log(shares), 0.0)
    return pd.DataFrame(
        {
            "params": params,
            "tokens": shares * tokens,
            "loss": np.exp(final + above(shares, params, tokens) + scatter),
        }
    )


def small_runs(count=20, seed=0, **options):
    """A history: a table of checkpoints."""
    rng = np.random.default_rng(seed)
    runs = [
        curve(10 ** rng.uniform(7.5, 8.7), 10 ** rng.uniform(9, 10.2), rng, **options).assign(
            trajectory=f"r{i}"
        )
        for i in range(count)
    ]
    return pd.concat(runs, ignore_index=True)


HERO = (2e9, 4e10)


def hero(upto=1.0, seed=7, **options):
    """Its curve so far: a table with tokens and loss."""
    rows = curve(*HERO, np.random.default_rng(seed), **options)
    return rows[rows["tokens"] <= upto * HERO[1] * 1.0001][["tokens", "loss"]]


@cache
def _card(with_history):
    fit = instant_fit(simulated_runs(TRUTH, n=12), "chinchilla", seed=3, draws=100)
    inputs = dict(zip(("params", "tokens"), HERO, strict=True))
    return make_card(fit, "hero", inputs, history=small_runs() if with_history else None)


def card(sd=0.02, off=0.0, *, with_history=True):
    """A card whose log loss is normal around the truth, or off by so much."""
    import xarray as xr

    draws = np.exp(np.log(end(*HERO)) + off + sd * np.random.default_rng(1).standard_normal((4, 1000)))
    values = equally_likely(xr.DataArray(draws, dims=("chain", "draw")))
    return dataclasses.replace(_card(with_history), values=values)
