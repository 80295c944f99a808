"""How a posterior's discrepancy departs from the law at any N and D: one path for each draw, the same in every verb."""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.laws.elementwise import Array, Computed, exp
from bayes_scaling.model.paths import Paths, draw_paths, joined
from bayes_scaling.model.processes import Basis
from bayes_scaling.model.surface import AMPLITUDES, Surface

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior


class Departure:
    """Log reducible loss beside the law's, delta(N, D), of one group or of all.

    Attributes
    ----------
    draw : xarray.DataArray
        Which it is of the draws of all groups: dims (chain, draw, [group]).
    slope : xarray.DataArray
        Change of log reducible loss per decade beyond the largest compute, dims (chain, draw).
    """

    def __init__(self, fit: "Posterior", group: str | None = None):
        # xarray loads when a forecast is asked for, and not on import.
        import xarray as xr

        assert isinstance(fit.noise, Surface)
        noise, runs = fit.noise, fit.runs
        labels = fit.groups if group is None else [group]
        which = [fit.groups.index(label) if label in fit.groups else -1 for label in labels]
        one = fit.one_per_draw
        rows = one.copy(data=np.arange(one.size).reshape(one.shape))
        if len(labels) > 1:
            rows = rows + xr.DataArray(
                np.arange(len(labels)) * one.size, dims="group", coords={"group": labels}
            )
        self.draw = rows.astype(int)
        normal = np.random.default_rng([fit.seed, 404]).standard_normal(one.shape)
        self.slope = one.copy(data=noise.beyond.mean + noise.beyond.spread * normal)
        middles = np.repeat([noise.middle(runs, g) for g in which], one.size, axis=0)
        self._parts = [_Part(joined([_own_paths(fit, g) for g in which]), middles)]
        if noise.shared:
            self._parts.append(_Part(_common_paths(fit), np.tile(noise.middle(runs, -1), (one.size, 1))))
        own = [runs.group_index == g if g >= 0 else np.full(len(runs), True) for g in which]
        self._last = np.repeat([np.log10(runs.params * runs.tokens)[seen].max() for seen in own], one.size)

    def delta(self, params: Array, tokens: Array, draw: Array) -> Computed:
        """Log reducible loss beside the law's, without its slope beyond; arrays of any library that broadcast."""
        if draw is self.draw and not {"chain", "draw"} & {
            *getattr(params, "dims", ()),
            *getattr(tokens, "dims", ()),
        }:
            return self._at_all(params, tokens)
        return _elementwise(self._delta, params, tokens, draw)

    def beyond(self, params: Array, tokens: Array, draw: Array) -> Computed:
        """Decades of compute beyond the largest of the runs of the draw's group."""
        return _elementwise(self._beyond, params, tokens, draw)

    def _delta(self, params: np.ndarray, tokens: np.ndarray, draw: np.ndarray) -> np.ndarray:
        # Solvers hand draws on as floats, and try what cannot be, such as fewer than no tokens.
        with np.errstate(invalid="ignore", divide="ignore"):
            n, d, draw = np.log10(params), np.log10(tokens), draw.astype(int)
        found = np.zeros(np.shape(draw))
        for paths, middles in self._parts:
            row = draw % len(middles)
            middle = middles[row]
            found += paths.at(row, n + d - middle[..., 0], d - n - middle[..., 1], n, d)
        return found

    def _at_all(self, params: Array, tokens: Array) -> "xr.DataArray":
        """Delta of all draws at points that they share, which takes a tenth of the time."""
        import xarray as xr

        points = xr.broadcast(xr.DataArray(params), xr.DataArray(tokens))
        labels = self.draw["group"].to_numpy() if "group" in self.draw.dims else [None]
        one = self.draw if labels[0] is None else self.draw.isel(group=0, drop=True)
        found = []
        for g, label in enumerate(labels):
            n, d = (
                x if label is None or "group" not in x.dims else x.sel(group=label, drop=True) for x in points
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                log_n, log_d = np.log10(n.to_numpy().ravel()), np.log10(d.to_numpy().ravel())
            delta = np.zeros((one.size, log_n.size))
            for paths, middles in self._parts:
                first = g * one.size % len(middles)
                of_compute, of_ratio = middles[first]
                rows = slice(first, first + one.size)
                delta += paths.at_all(
                    rows, log_n + log_d - of_compute, log_d - log_n - of_ratio, log_n, log_d
                )
            found.append((one + 0.0 * n).copy(data=delta.reshape(*one.shape, *n.shape)))
        return found[0] if labels[0] is None else xr.concat(found, dim=self.draw["group"])

    def _beyond(self, params: np.ndarray, tokens: np.ndarray, draw: np.ndarray) -> np.ndarray:
        beyond: np.ndarray = np.maximum(
            np.log10(params) + np.log10(tokens) - self._last[draw.astype(int)], 0.0
        )
        return beyond


def departed(law: Array, floor: Array, delta: Array) -> Computed:
    """A loss whose part above the floor is exp(delta) times the law's."""
    return floor + (law - floor) * exp(delta)


def _elementwise(function: Callable[..., np.ndarray], *given: Computed) -> Computed:
    """A function of NumPy arrays of one shape, of arrays with dims or without."""
    import xarray as xr

    if any(isinstance(x, xr.DataArray) for x in given):
        even = xr.broadcast(*map(xr.DataArray, given))
        return even[0].copy(data=function(*(x.to_numpy() for x in even)))
    return function(*np.broadcast_arrays(*given))


class _Part(NamedTuple):
    """Paths of a group or of several, or those that all have together."""

    paths: Paths
    middles: np.ndarray  # (paths, 2): where the processes of compute and D/N are 0


@lru_cache(maxsize=32)
def _own_paths(fit: "Posterior", g: int) -> Paths:
    """The paths of one group of a fit, drawn once."""
    noise = fit.noise
    assert isinstance(noise, Surface)
    share = fit.posterior["amplitude_own"].to_numpy().ravel()[:, None] if noise.shared else 1.0
    return _drawn(fit, noise.basis(fit.runs, g), fit.weights(g)[:, noise.tied :], share, g + 1)


@lru_cache(maxsize=32)
def _common_paths(fit: "Posterior") -> Paths:
    """The paths that the groups of a fit have together, drawn once."""
    noise = fit.noise
    assert isinstance(noise, Surface)
    return _drawn(
        fit, noise.common_basis(fit.runs), fit.weights(0)[:, : noise.tied], 1.0, len(fit.groups) + 1
    )


def _drawn(
    fit: "Posterior", basis: Basis, weights: np.ndarray, share: np.ndarray | float, stream: int
) -> Paths:
    noise = fit.noise
    assert isinstance(noise, Surface)
    amplitudes = np.stack([fit.posterior[name].to_numpy().ravel() for name in AMPLITUDES[:3]], axis=1)
    seen = np.log10(np.stack([fit.runs.params, fit.runs.tokens], axis=1))
    rng = np.random.default_rng([fit.seed, 606, stream])
    return draw_paths(rng, basis, weights, share * amplitudes, noise.length, seen)
