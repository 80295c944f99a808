"""A page with sliders that plans with a fit: the losses of its draws on a grid of N and D are in the page itself."""

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.forecast.new_run import drift_slopes
from bayes_scaling.forecast.predict import forecast
from bayes_scaling.laws.elementwise import log
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.compute.hardware import ACCELERATORS
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.reporting.page import checked, rendered, written_to
from bayes_scaling.reporting.plot.groups import largest_group, of_group

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

SIZE, DRAWS = 41, 200
"""Nodes of the grid in each direction, and draws, at most."""

DECADES = 3.0
"""How far beyond the largest run budgets go, in powers of ten."""

KIND = "H100"


def planner(
    fit: "Posterior", path: str | Path | None = None, *, group: str | None = None, force: bool = False
) -> Path | str:
    """One page that plans as sliders move: no network, whole or not written at all.

    Some draws of the posterior are in the page, each as its loss on a grid of N and D, so that any law and noise of N
    and D is drawn by the same few formulas.

    Parameters
    ----------
    fit : Posterior
    path : str or Path, optional
        Where to write it. Default: nowhere; the page is returned as text.
    group : str, optional
        Default: the group with the largest run.
    force : bool
        Replace a file that exists.

    Returns
    -------
    Path or str
        The file written, or the page.

    Raises
    ------
    InputError
        For a law of other inputs, a noise that changes with size, or a file that cannot be written.
    """
    # Slow to load, and wanted for pages alone.
    from markupsafe import Markup

    target = checked(path, force)
    group = group or largest_group(fit)
    # No text of the table may end the script that holds the numbers.
    numbers = json.dumps(numbers_of(thinned(fit), group)).replace("<", "\\u003c")
    page = rendered(
        "planner.html.j2",
        ("planner.js", "planner_page.js"),
        title=f"{fit.runs.name}{of_group(fit, group)}",
        about=f"{fit.law.name}, fitted to {fit.runs.n} runs. {fit.runs.unit.sentence}.",
        kind=KIND,
        page=Markup(numbers),
    )
    return written_to(target, page, force)


def thinned(fit: "Posterior", draws: int = DRAWS) -> "Posterior":
    """The same posterior with at most so many of its draws."""
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    chains, each = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    keep = np.linspace(0, each - 1, max(1, min(each, draws // chains))).astype(int)
    kept = {}
    for name, node in fit.tree.children.items():
        data = node.to_dataset()
        whole = "chain" in data.dims and data.sizes["draw"] == each and name != "prior"
        kept[name] = data.isel(draw=keep).assign_coords(draw=np.arange(len(keep))) if whole else data
    tree = xr.DataTree.from_dict(kept)
    tree.attrs = fit.tree.attrs
    return fit.with_tree(tree)


def numbers_of(fit: "Posterior", group: str) -> dict[str, object]:
    """What the page computes with: grids of log loss by draw, drift, noise, and the range of the data."""
    import xarray as xr

    if not fit.law.of_n_and_d:
        raise InputError(
            f"a planner needs a law of params and tokens; law {fit.law.name!r} takes {', '.join(fit.law.columns)}"
        )
    if fit.noise.covariates:
        raise InputError(
            f"a planner needs a noise that is the same at all sizes; that of this fit changes with "
            f"{', '.join(fit.noise.covariates.values())}"
        )
    first, end = fit.runs.extent["flops"]
    budgets = np.geomspace(first, end * 10**DECADES, 7)
    split = allocate(fit, budgets, group=group)
    reach: dict[str, list[float]] = {}
    for name, draws in {"params": split.params, "tokens": split.tokens}.items():
        low, high = np.nanquantile(draws, 0.02), np.nanquantile(draws, 0.98)
        seen = fit.runs.extent[name]
        reach[name] = np.log10([min(low, seen[0]) / 2, 2 * max(high, seen[1])]).tolist()
    n, d = (10 ** np.linspace(low, high, SIZE) for low, high in reach.values())
    plane = [xr.DataArray(x.ravel(), dims="point") for x in np.meshgrid(n, d, indexing="ij")]
    surface = LossSurface(fit, group, points=SIZE**2)
    found: dict[str, object] = {
        "surface": _packed(surface.loss(*plane)),
        "drifted_surface": _packed(surface.drifted(*plane)) if fit.noise.joint else None,
        "size": SIZE,
        "logN": reach["params"],
        "logD": reach["tokens"],
        "extent": {name: np.log10(fit.runs.extent[name]).tolist() for name in ("flops", "params", "tokens")},
        "budgets": np.log10([first, end * 10**DECADES, 10 * end]).tolist(),
        "cost": {"level": float(np.log10(surface.cost.c)), "power": surface.cost.p},
        "peak": ACCELERATORS[KIND].peak,
    }
    here = forecast(fit, {c: fit.reference[c] for c in fit.law.columns}, group=group, alike=True)
    slope = drift_slopes(fit, None)
    found["noise"] = _of_draws(log(here.new_run / here.drifted))
    found["slope"] = _of_draws(slope + 0 * here.mean)
    return found


def _of_draws(values: "xr.DataArray") -> list[float]:
    """One number for each draw, chains one after the other."""
    flat: list[float] = values.squeeze().transpose("chain", "draw").to_numpy().ravel().tolist()
    return flat


def _packed(loss: "xr.DataArray") -> str:
    """Log loss by (chain, draw, point) as little-endian float32 in base64."""
    table = np.log(loss.squeeze().transpose("chain", "draw", "point").to_numpy()).astype("<f4")
    return b64encode(table.tobytes()).decode()
