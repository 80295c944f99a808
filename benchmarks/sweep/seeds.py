"""How the scatter of seeds depends on N and D, and whether it is normal: read off replicates alone, without a law.

The log losses of a cell scatter around the cell's own mean as sigma times Student-t, log sigma linear in log N and
log D with one level per corpus. The means are integrated out numerically, so that five seeds do not pass for more.
"""

import itertools
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import norm, t

GRID = np.linspace(-7, 7, 401)  # of a cell's mean, in standard errors
DRAWS, WARM_UP = 20_000, 5_000


class Replicates:
    """The cells of a table that were trained more than once.

    Attributes
    ----------
    y : list of array
        Log losses of each cell less their mean.
    design : dict of str to array, shape (cells, columns)
        What log sigma may be linear in, by the name of the form.
    """

    def __init__(self, runs: Any):
        keys = runs.configurations
        sizes = np.bincount(keys)
        firsts = np.array([np.flatnonzero(keys == cell)[0] for cell in np.flatnonzero(sizes > 1)])
        self.y = [runs.log_loss[keys == keys[first]] for first in firsts]
        self.y = [y - y.mean() for y in self.y]
        log_n, log_d = (np.log10(x[firsts]) - np.log10(x).mean() for x in (runs.params, runs.tokens))
        self.groups = runs.group_index[firsts]
        levels = np.eye(len(runs.groups))[self.groups]
        both = [log_n, log_d]
        self.design = {
            "constant": levels,
            "in C": np.column_stack([levels, log_n + log_d]),
            "in N": np.column_stack([levels, log_n]),
            "in N and D": np.column_stack([levels, *both]),
            "in N and D, quadratic": np.column_stack([levels, *both, log_n**2, log_n * log_d, log_d**2]),
            "in N and D, by corpus": np.column_stack([levels, *(levels * x[:, None] for x in both)]),
        }

    def log_likelihood(self, form: str, coefficients: np.ndarray, tail: float) -> float:
        """Of the replicates; ``tail`` is 1 / nu, 0 for the normal."""
        log_sigma = self.design[form] @ coefficients
        total = 0.0
        for y, scale in zip(self.y, np.exp(log_sigma), strict=True):
            se = max(scale, y.std()) / np.sqrt(len(y))
            z = (y[:, None] - se * GRID) / scale
            density = norm.logpdf(z) if tail <= 0 else t.logpdf(z, 1 / tail)
            total += logsumexp((density - np.log(scale)).sum(0)) + np.log(se * (GRID[1] - GRID[0]))
        return float(total)

    def fit(self, form: str, tail: float | None = None) -> tuple[float, np.ndarray]:
        """Greatest log likelihood and where; of the tail too unless it is given."""
        columns = self.design[form].shape[1]
        start = np.zeros(columns + (tail is None))
        start[: len(set(self.groups))] = np.log(0.006)
        if tail is None:
            start[-1] = 0.1

        def cost(x: np.ndarray) -> float:
            own = tail if tail is not None else x[-1]
            return np.inf if not 0 <= own < 0.9 else -self.log_likelihood(form, x[:columns], own)

        best = minimize(
            cost, start, method="Nelder-Mead", options={"maxfev": 4000, "xatol": 1e-3, "fatol": 1e-3}
        )
        return -best.fun, best.x

    def posterior(self, form: str, seed: int = 1) -> np.ndarray:
        """Draws of the coefficients and the tail, priors flat but for slopes ~ N(0, 1); adaptive Metropolis."""
        rng = np.random.default_rng(seed)
        _, at = self.fit(form)
        at[-1] = max(at[-1], 0.02)
        levels = len(set(self.groups))

        def density(x: np.ndarray) -> float:
            if not 0 < x[-1] < 0.9:
                return -np.inf
            return self.log_likelihood(form, x[:-1], x[-1]) - 0.5 * float((x[levels:-1] ** 2).sum())

        now, chain = density(at), np.empty((DRAWS, len(at)))
        cover = np.diag(np.full(len(at), 0.1**2))
        for i in range(DRAWS):
            if 500 <= i <= WARM_UP and i % 500 == 0:
                cover = np.cov(chain[i // 2 : i].T) + 1e-6 * np.eye(len(at))
            there = rng.multivariate_normal(at, 2.38**2 / len(at) * cover)
            ahead = density(there)
            if np.log(rng.random()) < ahead - now:
                at, now = there, ahead
            chain[i] = at
        return chain[WARM_UP:]


def findings(runs: Any) -> dict[str, Any]:
    """What the replicates of a table say."""
    cells = Replicates(runs)
    forms = {}
    for form in cells.design:
        best, at = cells.fit(form)
        normal, _ = cells.fit(form, tail=0.0)
        forms[form] = {
            "parameters": len(at), "log_likelihood": best, "normal": normal, "aic": 2 * len(at) - 2 * best,
            "aic_normal": 2 * (len(at) - 1) - 2 * normal,
        }  # fmt: skip
    draws = cells.posterior("in N and D")
    names = [*(f"sigma[{group}]" for group in runs.groups), "slope N", "slope D", "tail"]
    draws[:, : len(runs.groups)] = np.exp(draws[:, : len(runs.groups)])
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    by_cell = [
        {"group": runs.groups[g], "seeds": len(y), "log10 N": float(x[-2]), "log10 D": float(x[-1]),
         "sd": float(y.std(ddof=1))}
        for g, y, x in zip(cells.groups, cells.y, cells.design["in N and D"], strict=True)
    ]  # fmt: skip
    return {
        "cells": len(cells.y),
        "runs": sum(map(len, cells.y)),
        "forms": forms,
        "posterior": {
            n: [float(a), float(b), float(c)] for n, a, b, c in zip(names, low, middle, high, strict=True)
        },
        "prob_nu_below_10": float((draws[:, -1] > 0.1).mean()),
        "by_cell": by_cell,
        "by_width": _by(runs.params, runs),
        "by_tokens": _by(runs.tokens, runs),
    }


def _by(x: np.ndarray, runs: Any) -> list[dict[str, float]]:
    """Seed standard deviation pooled over the cells of each tercile of x, with a 90% interval as of normal noise."""
    from scipy.stats import chi2

    keys = runs.configurations
    squares = np.array(
        [
            ((runs.log_loss[keys == k] - runs.log_loss[keys == k].mean()) ** 2).sum()
            for k in range(keys.max() + 1)
        ]
    )
    freedom = np.bincount(keys) - 1
    at = np.array([x[keys == k][0] for k in range(keys.max() + 1)])
    edges = np.quantile(at[freedom > 0], [0, 0.25, 0.5, 0.75, 1])
    out = []
    for low, high in itertools.pairwise(edges):
        own = (freedom > 0) & (at >= low) & ((at < high) | (high == edges[-1]))
        n = int(freedom[own].sum())
        if n:
            s = squares[own].sum()
            out.append({"from": float(at[own].min()), "to": float(at[own].max()), "freedom": n, "sd": float(np.sqrt(s / n)),
                        "lower": float(np.sqrt(s / chi2.ppf(0.95, n))), "upper": float(np.sqrt(s / chi2.ppf(0.05, n)))})  # fmt: skip
    return out
