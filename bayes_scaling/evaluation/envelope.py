"""The envelope of training curves: which model size is best at a budget, and the line through them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import tails
from bayes_scaling.laws.elementwise import exp

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.data.runs import Runs

FEWEST = 3
"""Model sizes that make a window, and points that make a line."""

TRIES = 20
"""Draws of noise until as many models share the envelope."""


POINTS = ("approach", "flops", "params", "lower", "upper", "runs")
"""Columns of the points that a line rests on: N_opt with its 90% interval, and how many runs it rests on."""


class Line(NamedTuple):
    """An approach to N_opt.

    Attributes
    ----------
    exponent : xarray.DataArray
        a of N_opt ~ C^a, dims (chain, draw).
    along : callable
        From budgets in FLOPs to draws of N_opt, dims (chain, draw, point).
    points : DataFrame
        What the line rests on; see `POINTS`.
    """

    exponent: "xr.DataArray"
    along: "Callable[[np.ndarray], xr.DataArray]"
    points: "pd.DataFrame"


def envelope(runs: "Runs", sigma: "xr.DataArray", window: float, seed: int) -> Line:
    """The envelope, one line per draw of the noise's scale, dims (chain, draw).

    Each draw adds noise as large as the law's, one value for a whole training curve, and finds the best curve in each
    window of compute. Windows whose best model is the smallest or the largest in them say nothing of an optimum.
    A curve that ends while it is the best is cut off: nobody knows where its stretch would have ended, and it is left
    out. Each other size counts once, in the middle of the stretch where it is best, and the line is drawn from the
    posterior of a regression through these points (flat in the line and in the log of its scatter).

    Raises
    ------
    InputError
        If too few windows have three sizes, too few sizes an optimum, or too many curves end while they are the best.
    """
    # Here and below: pandas and xarray load when approaches are compared, and not on import.
    import pandas as pd
    import xarray as xr

    loss, centres, size = _windows(runs, window)
    there = np.where(np.isfinite(loss), size, np.nan)
    smallest, largest = np.nanmin(there, axis=1), np.nanmax(there, axis=1)
    rng = np.random.default_rng([seed, 707])
    flat = sigma.to_numpy().ravel()
    a, at_reference = np.empty(len(flat)), np.empty(len(flat))
    origin = centres.mean()
    chosen = np.empty((len(flat), len(centres)))
    # The last window of each curve; runs without curves have no end.
    last = (
        len(centres) - 1 - np.isfinite(loss)[::-1].argmax(0)
        if "trajectory" in runs.table
        else np.full(len(size), -1)
    )
    windows = np.arange(len(centres))
    for i, scale in enumerate(flat):
        worst = (0, 0)  # curves cut off, of those at the envelope, in one try
        for _ in range(TRIES):
            winner = np.argmin(loss + scale * rng.standard_normal(len(size)), axis=1)
            best = size[winner]
            chosen[i] = np.where((best > smallest) & (best < largest), best, np.nan)
            known = len(np.unique(chosen[i, np.isfinite(chosen[i])]))
            chosen[i, np.isin(winner, winner[last[winner] == windows])] = np.nan
            inside = np.isfinite(chosen[i])
            sizes, of = np.unique(chosen[i, inside], return_inverse=True)
            if len(sizes) >= FEWEST:
                break
            worst = max(worst, (known - len(sizes), known))
        else:
            if worst[0]:
                raise InputError(
                    f"{worst[0]} of {worst[1]} training curves of the envelope end while they are the best at their "
                    "compute, so that a line through them would be biased: train small models for longer, or use "
                    "isoFLOP profiles"
                )
            raise InputError(
                f"{len(sizes)} model sizes make up the envelope (those at its edges left out); a line takes {FEWEST}"
            )
        # Where a stretch begins and ends is known to a window.
        ends = window * np.log(10) * rng.uniform(-0.5, 0.5, (2, len(sizes)))
        middle = np.bincount(of, centres[inside]) / np.bincount(of) + ends.mean(axis=0)
        a[i], at_reference[i] = _regressed(middle - origin, sizes, rng)

    def as_draws(values: np.ndarray) -> "xr.DataArray":
        return xr.DataArray(values.reshape(sigma.shape), dims=sigma.dims)

    def along(flops: np.ndarray) -> "xr.DataArray":
        beyond = xr.DataArray(np.log(np.atleast_1d(flops)) - origin, dims="point")
        sizes: xr.DataArray = exp(as_draws(at_reference) + as_draws(a) * beyond)
        return sizes

    identified = np.isfinite(chosen).mean(0) >= 0.5
    low, middle_n, high = np.exp(np.nanquantile(chosen[:, identified], tails(0.9), axis=0))
    counts = np.isfinite(loss[identified]).sum(1)
    columns = ("envelope", np.exp(centres[identified]), middle_n, low, high, counts)
    return Line(as_draws(a), along, pd.DataFrame(dict(zip(POINTS, columns, strict=True))))


def _windows(runs: "Runs", window: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log loss of each curve in the middle of each window, shape (windows, curves), infinite where it has none there.

    Also log C of the windows and log N of the curves. Without training curves each run is a curve.
    """
    x, log_n = np.log(runs.flops), np.log(runs.params)
    width = window * np.log(10)
    edges = x.min() + width * np.arange(int(np.ceil(np.ptp(x) / width + 1e-9)) + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    curves = runs.clusters if "trajectory" in runs.table else np.arange(len(runs))
    count = int(curves.max()) + 1
    size = np.array([log_n[curves == c].mean() for c in range(count)])
    loss = np.full((len(centres), count), np.inf)
    if "trajectory" in runs.table:
        for c in range(count):
            order = np.argsort(x[curves == c])
            at, y = x[curves == c][order], runs.log_loss[curves == c][order]
            inside = (centres >= at[0]) & (centres <= at[-1])
            loss[inside, c] = np.interp(centres[inside], at, y)
    else:
        which = np.clip(np.digitize(x, edges) - 1, 0, len(centres) - 1)
        fall = 0.0
        for _ in range(3):  # how the envelope falls, so that a later run of a window has no head start
            loss[which, curves] = runs.log_loss - fall * (x - centres[which])
            some = np.isfinite(loss).any(1)
            fall = np.polyfit(centres[some], loss[some].min(1), 1)[0] if some.sum() > 1 else 0.0
    # One curve alone is best by default; two are not enough to tell an optimum from an edge.
    full = np.isfinite(loss).sum(1) >= 3
    if full.sum() < FEWEST:
        raise InputError(
            f"{full.sum()} windows of compute hold three model sizes; an envelope takes {FEWEST}"
        )
    return loss[full], centres[full], size


def _regressed(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """One draw of the slope and intercept of y in x, from the posterior under the usual flat prior."""
    design = np.stack([x, np.ones_like(x)], axis=1)
    information = design.T @ design
    best = np.linalg.solve(information, design.T @ y)
    freedom = max(len(x) - 2, 1)
    scatter = np.sqrt(np.sum((y - design @ best) ** 2) / rng.chisquare(freedom))
    drawn = best + scatter * np.linalg.solve(np.linalg.cholesky(information).T, rng.standard_normal(2))
    return float(drawn[0]), float(drawn[1])
