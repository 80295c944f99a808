"""How the scatter of seeds depends on N and D, and whether it is normal: read off replicates alone, without a law.

The log losses of a cell scatter around the cell's own mean as sigma times Student-t, log sigma linear in log N and
log D with one level per corpus. The means are integrated out numerically, so that five seeds do not pass for more.
"""

import itertools
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp

GRID = np.linspace(-6, 6, 61)  # of a cell's mean, in standard errors
DRAWS, WARM_UP = 20_000, 5_000


class Replicates:
    """The cells of a table that were trained more than once.

    Attributes
    ----------
    y : array, shape (cells, seeds)
        Log losses of each cell less their mean; 0 where a cell has fewer seeds.
    there : array of bool, shape (cells, seeds)
    design : dict of str to array, shape (cells, columns)
        What log sigma may be linear in, by the name of the form.
    """

    def __init__(self, runs: Any):
        keys = runs.configurations
        sizes = np.bincount(keys)
        cells = np.flatnonzero(sizes > 1)
        firsts = np.array([np.flatnonzero(keys == cell)[0] for cell in cells])
        self.there = np.arange(sizes.max()) < sizes[cells][:, None]
        self.y = np.zeros(self.there.shape)
        for row, cell in zip(self.y, cells, strict=True):
            own = runs.log_loss[keys == cell]
            row[: len(own)] = own - own.mean()
        self.spread = np.sqrt((self.y**2).sum(1) / sizes[cells])
        self.sizes = sizes[cells]
        log_n, log_d = (np.log10(x[firsts]) - np.log10(x).mean() for x in (runs.params, runs.tokens))
        self.groups = runs.group_index[firsts]
        levels = np.eye(len(runs.groups))[self.groups]
        both = [log_n, log_d]
        self.design = {
            "constant": levels,
            "in C": np.column_stack([levels, log_n + log_d]),
            "in N": np.column_stack([levels, log_n]),
            "in D": np.column_stack([levels, log_d]),
            "in N and D": np.column_stack([levels, *both]),
            "in N and D, quadratic": np.column_stack([levels, *both, log_n**2, log_n * log_d, log_d**2]),
            "in N and D, by corpus": np.column_stack([levels, *(levels * x[:, None] for x in both)]),
        }

    def log_likelihood(self, form: str, coefficients: np.ndarray, tail: float) -> float:
        """Of the replicates; ``tail`` is 1 / nu, 0 for the normal."""
        scale = np.exp(self.design[form] @ coefficients)
        se = np.maximum(scale, self.spread) / np.sqrt(self.sizes)
        z = (self.y[:, :, None] - se[:, None, None] * GRID) / scale[:, None, None]
        if tail <= 1e-4:
            density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
        else:
            nu = 1 / tail
            constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
            density = constant - (nu + 1) / 2 * np.log1p(z**2 / nu)
        of_cells = ((density - np.log(scale)[:, None, None]) * self.there[:, :, None]).sum(1)
        return float((logsumexp(of_cells, axis=1) + np.log(se * (GRID[1] - GRID[0]))).sum())

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

        corners = np.vstack([start, start + 0.3 * np.eye(len(start))])
        options = {"maxfev": 6000, "xatol": 1e-4, "fatol": 1e-4, "initial_simplex": corners}
        best = minimize(cost, start, method="Nelder-Mead", options=options)
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
    return {
        "cells": len(cells.y),
        "runs": int(cells.sizes.sum()),
        "forms": forms,
        "posterior": {
            n: [float(a), float(b), float(c)] for n, a, b, c in zip(names, low, middle, high, strict=True)
        },
        "prob_nu_below_10": float((draws[:, -1] > 0.1).mean()),
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
