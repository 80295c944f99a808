"""What the literature reads off exponents, as posterior draws.

**Intrinsic dimension.** A model that resolves a data manifold of dimension d has loss ~ N^-alpha with alpha about 4/d
for cross-entropy and squared error (Sharma and Kaplan 2022, JMLR 23(9)); Bahri et al. 2021, arXiv:2102.06701, say the
same of N and D where resolution is the limit, with at least 1/d for a target that is only Lipschitz. Read the other way
round: d is about 4/alpha, and not below 1/alpha.

**Scale-free weights.** Losses that fall at different rates drift apart as models grow, and a fixed sum of them ends up
as the slowest one. Divided by its own power of scale each keeps its size.

**Doubling.** What twice the parameters, the data or the compute buys, at a point.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import Cost
from bayes_scaling.data.reference import Reference
from bayes_scaling.data.units import Quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.derivatives import endless, evaluate, slope
from bayes_scaling.laws.derivatives import exponents as law_exponents
from bayes_scaling.laws.elementwise import Array, Computed, log
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.planning.optimise import closed_form, minimise
from bayes_scaling.planning.results.exponents import Exponents

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

SMOOTH = 4.0
"""alpha d of a smooth target; one that is only Lipschitz has 1 at the least."""


def exponents(
    fit: "Posterior",
    params: Quantity | None = None,
    tokens: Quantity | None = None,
    *,
    group: str | None = None,
    **inputs: Quantity,
) -> Exponents:
    """Exponents of a law, the intrinsic dimension that they suggest, and what a doubling buys.

    Parameters
    ----------
    fit : Posterior
    params, tokens : number or str, optional
        The point at which all is asked for. Default: the largest compute of the data, at its optimum's median; for a
        law that does not split a budget, the largest inputs of the data.
    group, **inputs
        As for `plan`.

    Raises
    ------
    InputError
        For a law whose loss has no exponents, or one of params and tokens without the other.
    """
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    law, draws = fit.law, fit.draws(group)
    parameters = {name: draws[name] for name in law.parameters}
    if (params is None) != (tokens is None):
        raise InputError("a doubling is asked for at params and tokens; give both, or neither")
    if params is not None and not law.allocates:
        raise InputError(f"law {law.name!r} takes {', '.join(law.columns)}, not params and tokens")
    largest = {
        letter: fit.runs.extent[column][1] / fit.reference[column]
        for letter, column in zip(law.inputs, law.columns, strict=True)
        if letter in law.resources and letter not in law.chosen
    }
    if not law.allocates:
        return _result(law, law_exponents(law, largest, parameters), xr.Dataset(), {})
    surface = LossSurface(fit, group, False, inputs)
    if params is None or tokens is None:
        most = fit.runs.extent["flops"][1]
        n = float(split(surface, most)[0].median())
        if np.isnan(n):  # no split is best, as for a law of N D alone
            return _result(law, law_exponents(law, largest, parameters), xr.Dataset(), {})
        d = float(surface.cost.tokens(most, n))
    else:
        n, d = parse_quantity(params, "params"), parse_quantity(tokens, "tokens")
    here, spent = surface.loss(n, d), surface.cost.flops(n, d)
    doubling = xr.Dataset(
        {
            "params": here - surface.loss(2 * n, d),
            "tokens": here - surface.loss(n, 2 * d),
            "flops": surface.loss(*split(surface, spent)) - surface.loss(*split(surface, 2 * spent)),
        }
    )
    point = {"params": n, "tokens": d}
    given = {name: parse_quantity(value, name) for name, value in inputs.items() if value is not None}
    at = {
        letter: (point | given)[column] / fit.reference[column]
        for letter, column in zip(law.inputs, law.columns, strict=True)
        if column in point or (column in given and letter not in law.chosen)
    }
    found = law_exponents(law, at, parameters)
    along = _along_the_optimum(law, at, parameters, spent, fit.reference, surface.cost)
    if bool(np.isfinite(along).mean() > 0.5):
        found["flops"] = along
    return _result(law, found, doubling, point)


def _result(
    law: Law, found: "Mapping[str, xr.DataArray]", doubling: "xr.Dataset", at: dict[str, float]
) -> Exponents:
    import xarray as xr

    if not found:
        raise InputError(
            f"the loss of law {law.name!r} ({law.formula}) does not fall as a power of any input"
        )
    exponents = xr.Dataset({n: x.drop_vars("bound", errors="ignore") for n, x in found.items()})
    of_resource = [name for name in ("params", "tokens") if name in found]
    return Exponents(exponents, SMOOTH / exponents[of_resource], doubling, at)


def _along_the_optimum(
    law: Law,
    at: Mapping[str, float],
    parameters: "Mapping[str, xr.DataArray]",
    flops: float,
    reference: Reference,
    cost: Cost,
) -> "xr.DataArray":
    """The exponent of compute along each draw's compute-optimal path, at a budget; NaN where it has no optimum."""
    n_in, d_in = (law.inputs[law.columns.index(column)] for column in ("params", "tokens"))
    product = flops / cost.flops(reference["params"], reference["tokens"])

    def loss(n: Array, d: Array, values: Mapping[str, Array]) -> Computed:
        return evaluate(law, {**at, n_in: n, d_in: d}, values)

    if law.power_terms is not None:
        n = np.exp(closed_form(law, parameters, product, cost.p))
    else:

        def along(log_n: np.ndarray, *values: np.ndarray) -> Computed:
            n = np.exp(log_n)
            return loss(n, product / n**cost.p, dict(zip(law.parameters, values, strict=True)))

        low, high = (float(np.log(x / reference["params"])) for x in (1.0, cost.params(flops, 1.0)))
        n = np.exp(minimise(along, low, high, [parameters[name] for name in law.parameters]))
    floor = endless(law, at, parameters)

    def log_reducible(factor: Computed) -> Computed:
        with np.errstate(all="ignore"):  # a law may have no limit, or one that lies above
            return log(loss(n * factor**step, product / n**cost.p * factor**step, parameters) - floor)

    # At the optimum compute is worth as much in N as in D: it may go into both alike.
    step = 1 / (1 + cost.p)
    found: xr.DataArray = -slope(log_reducible, 1.0)
    return found


def scale_free_weights(exponents: Mapping[str, Array], ratio: Quantity) -> dict[str, Computed]:
    """Weights that keep several losses in balance as scale grows.

    Parameters
    ----------
    exponents : mapping of name to float, array or DataArray
        How each reducible loss falls with scale, as `Exponents.exponents` gives it.
    ratio : float
        The scale, over that at which all weights are equal.

    Returns
    -------
    dict of name to array
        ratio^exponent for each loss, in shares that add up to one, so that weight times loss stays in proportion.
    """
    if len(exponents) < 2:
        raise InputError("weights balance two losses or more")
    scale = parse_quantity(ratio, "ratio")
    powers = {name: scale**value for name, value in exponents.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}
