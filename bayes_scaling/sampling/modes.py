"""Modes of a density: climbing to one, and finding those that carry its mass.

Laws of many parameters may explain the same few runs in several ways, far apart. Chains that all start at one mode
agree with each other and miss the rest; so several are climbed to, and chains start in each by its share of
the mass.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

Density = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""A log density and its gradient at a point."""

CLIMBS = 12
"""Climbs from draws of the prior, beside the one from its middle."""

FAINTEST = 0.05
"""A mode with a smaller share of the mass starts no chain."""


@dataclass(frozen=True)
class Mode:
    """A mode and its Laplace approximation.

    Attributes
    ----------
    at : ndarray, shape (n,)
    root : ndarray, shape (n, n)
        ``root @ root.T`` is the covariance.
    mass : float
        Logarithm of the integral around it.
    """

    at: np.ndarray
    root: np.ndarray
    mass: float

    def covers(self, x: np.ndarray) -> bool:
        """Whether a point lies within a standard deviation."""
        return bool(np.linalg.norm(np.linalg.solve(self.root, x - self.at)) < 1)


def modes(density: Density, n: int) -> list[Mode]:
    """The modes that climbs end in, the heaviest first; of modes of the same mass, that from the prior's middle."""
    starts = np.random.default_rng(0).standard_normal((CLIMBS, n))
    found: list[Mode] = []
    for start in (np.zeros(n), *starts):
        at = climb(density, start, np.arange(n))
        if not any(mode.covers(at) for mode in found) and (mode := _laplace(density, at)):
            found.append(mode)
    return sorted(found, key=lambda mode: -mode.mass)


def starts_by_mass(found: list[Mode], chains: int, rng: np.random.Generator) -> list[Mode]:
    """A mode for each chain, by their shares of the mass; draws no random number where one carries all."""
    share = np.exp([mode.mass - found[0].mass for mode in found])
    kept = share / share.sum() >= FAINTEST
    if kept.sum() < 2:
        return [found[0]] * chains
    share, few = share[kept], [mode for mode, keep in zip(found, kept, strict=True) if keep]
    levels = (np.arange(chains) + rng.uniform()) / chains
    return [few[i] for i in np.searchsorted(np.cumsum(share / share.sum())[:-1], levels)]


def climb(density: Density, start: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Climbs the density along some coordinates from a start."""

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        at = start.copy()
        at[free] = x
        value, gradient = density(at)
        # A law may overflow far from its data, in its gradient first: no way up leads there.
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            return 1e10, np.zeros(len(free))
        return -float(value), -np.asarray(gradient)[free]

    found = minimize(
        objective, start[free], jac=True, method="L-BFGS-B", options={"maxiter": 500, "maxcor": 30}
    )
    best = start.copy()
    best[free] = found.x
    return best


def root_of(curvature: np.ndarray) -> np.ndarray:
    """Root of the inverse of a curvature: unit directions times their standard deviations, widest first."""
    values, vectors = np.linalg.eigh(curvature)
    # The prior alone has curvature 1; less than a quarter of it means that the quadratic is no guide here.
    root: np.ndarray = vectors / np.sqrt(np.maximum(values, 0.25))
    return root


def _laplace(density: Density, at: np.ndarray) -> Mode | None:
    """The mode at the end of a climb; None where the climb ended because a law overflows beside it."""
    value, curvature = density(at)[0], -hessian(density, at, np.arange(len(at)))
    if not (np.isfinite(value) and np.all(np.isfinite(curvature))):
        return None
    root = root_of(curvature)
    return Mode(at, root, float(value) + float(np.linalg.slogdet(root)[1]))


def hessian(density: Density, at: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Second derivatives by differences of the gradient, which is compiled already; a metric needs no more."""
    rows = [slope_along(density, at, i)[free] for i in free]
    found = np.array(rows).reshape(len(free), len(free))  # (0, 0) where groups share nothing
    symmetric: np.ndarray = 0.5 * (found + found.T)
    return symmetric


def slope_along(density: Density, at: np.ndarray, moved: int | np.ndarray) -> np.ndarray:
    """Derivative of the gradient as one coordinate moves, or several together."""
    step = 1e-4
    ahead, behind = at.copy(), at.copy()
    ahead[moved] += step
    behind[moved] -= step
    up, down = (np.asarray(density(x)[1]) for x in (ahead, behind))
    slope: np.ndarray = (up - down) / (2 * step)
    return slope
