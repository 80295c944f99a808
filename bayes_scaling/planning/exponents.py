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
from typing import TYPE_CHECKING, Any

from bayes_scaling.data.units import Quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.laws.elementwise import Array, Computed
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.planning.results.exponents import Exponents

if TYPE_CHECKING:
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

SMOOTH, LIPSCHITZ = 4.0, 1.0
"""alpha d of a smooth target, and the least of one that is only Lipschitz."""


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
        The point at which doublings are asked for. Default: the largest compute of the data, at its optimum's median.
    group, **inputs
        As for `plan`.

    Returns
    -------
    Exponents

    Raises
    ------
    InputError
        For a law without exponents of N or D, or one of params and tokens without the other.
    """
    # xarray loads when there are draws, and not on import.
    import xarray as xr

    draws = fit.draws(group)
    found = _exponents(fit, draws)
    doubling, at = xr.Dataset(), {}
    if (params is None) != (tokens is None):
        raise InputError("a doubling is asked for at params and tokens; give both, or neither")
    if fit.law.allocates:
        surface = LossSurface(fit, group, False, inputs)
        if params is None or tokens is None:
            most = fit.runs.extent["flops"][1]
            n = float(split(surface, most)[0].median())
            d = most / (6 * n)
        else:
            n, d = parse_quantity(params, "params"), parse_quantity(tokens, "tokens")
        at = {"params": n, "tokens": d}
        here, spent = surface.law(n, d), 6 * n * d
        doubling = xr.Dataset(
            {
                "params": here - surface.law(2 * n, d),
                "tokens": here - surface.law(n, 2 * d),
                "flops": surface.law(*split(surface, spent)) - surface.law(*split(surface, 2 * spent)),
            }
        )
    elif params is not None:
        raise InputError(f"law {fit.law.name!r} takes {', '.join(fit.law.columns)}, not params and tokens")
    of_resource = [name for name in ("params", "tokens") if name in found]
    return Exponents(found, SMOOTH / found[of_resource], doubling, at)


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


def _exponents(fit: "Posterior", draws: Any) -> "xr.Dataset":
    """The exponents of N, D and C, by the law's own parameters."""
    import xarray as xr

    law, names = fit.law, fit.law.parameters
    outer = draws["k"] if law.name.partition(":")[0] == "skaling" else 1.0
    found: dict[str, Any] = {}
    if {"params", "tokens"} <= set(law.columns) and "alpha" in names:
        found = {
            "params": draws["alpha"] * outer,
            "tokens": draws["beta" if "beta" in names else "alpha"] * outer,
        }
    elif law.columns in (("params",), ("tokens",), ("flops",)) and "alpha" in names:
        found = {law.columns[0]: draws["alpha"]}
    elif "eta" in names and "flops" in law.columns:  # Gadre: in C at given D / N; N and D fall twice as fast
        found = {"params": 2 * draws["eta"], "tokens": 2 * draws["eta"], "flops": draws["eta"]}
    if not found:
        raise InputError(
            f"law {law.name!r} ({law.formula}) has no exponent of N, D or C that is one of its parameters"
        )
    if {"params", "tokens"} <= set(found) and "flops" not in found:
        a, b = found["params"], found["tokens"]
        found["flops"] = a * b / (a + b)
    return xr.Dataset({name: values.drop_vars("bound", errors="ignore") for name, values in found.items()})
