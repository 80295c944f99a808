"""What the literature reads off exponents, as posterior draws.

**Intrinsic dimension.** A model that resolves a data manifold of dimension d has loss ~ N^-alpha with alpha about 4/d
for cross-entropy and squared error (Sharma and Kaplan 2022, JMLR 23(9)); Bahri et al. 2021, arXiv:2102.06701, say the
same of N and D where resolution is the limit, with at least 1/d for a target that is only Lipschitz. Read the other way
round: d is about 4/alpha, and not below 1/alpha.

**Scale-free weights.** Losses that fall at different rates drift apart as models grow, and a fixed sum of them ends up
as the slowest one. Divided by its own power of scale each keeps its size.

**Doubling.** What twice the parameters, the data or the compute buys, at a point.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayes_scaling.data.units import format_quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import long_table
from bayes_scaling.planning.loss_surface import Outlook, bounds

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_scaling.inference.posterior import Posterior

SMOOTH, LIPSCHITZ = 4.0, 1.0
"""alpha d of a smooth target, and the least of one that is only Lipschitz."""


@dataclass(frozen=True, eq=False)
class Exponents:
    """Exponents of a law and what follows from them, as draws with dims (chain, draw[, group]).

    Attributes
    ----------
    exponents : xarray.Dataset
        ``params`` and ``tokens``: how the reducible loss falls in each when the other does not limit; ``flops``: along
        the compute-optimal path, where the law tells.
    dimension : xarray.Dataset
        4 over the exponents of params and tokens.
    doubling : xarray.Dataset
        Nats saved by twice the params, tokens and flops (along the optimum) at a point; empty without one.
    at : dict of str to float
        That point.
    """

    exponents: "xr.Dataset"
    dimension: "xr.Dataset"
    doubling: "xr.Dataset"
    at: dict[str, float]

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """One row per quantity (and group): median and interval."""
        import pandas as pd

        percent = f"{100 * prob:g}%"
        frames = []
        parts = {"exponent": self.exponents, "dimension": self.dimension, "doubling": self.doubling}
        for kind, part in parts.items():
            for name, draws in part.data_vars.items():
                interval = bounds(draws.expand_dims(point=1), prob)
                columns: dict[str, Any] = {
                    "median": interval.sel(bound="median", drop=True),
                    f"{percent} lower": interval.sel(bound="lower", drop=True),
                    f"{percent} upper": interval.sel(bound="upper", drop=True),
                }
                frame = long_table(columns)
                frame.insert(0, "quantity", f"{kind} ({name})")
                frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def sentences(self, prob: float = 0.9) -> list[str]:
        """What each exponent says."""
        return list(_sentences(self, prob))

    def __str__(self) -> str:
        return "\n".join(self.sentences())


def exponents(
    fit: "Posterior", params: Any = None, tokens: Any = None, *, group: str | None = None, **inputs: Any
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
    import xarray as xr

    draws = fit.draws(group)
    found = _exponents(fit, draws)
    doubling, at = xr.Dataset(), {}
    if (params is None) != (tokens is None):
        raise InputError("a doubling is asked for at params and tokens; give both, or neither")
    if fit.law.allocates:
        look = Outlook(fit, group, False, inputs)
        if params is None:
            most = fit.runs.extent["flops"][1]
            n = float(look.split(most)[0].median())
            d = most / (6 * n)
        else:
            n, d = parse_quantity(params, "params"), parse_quantity(tokens, "tokens")
        at = {"params": n, "tokens": d}
        here, spent = look.law(n, d), 6 * n * d
        doubling = xr.Dataset(
            {
                "params": here - look.law(2 * n, d),
                "tokens": here - look.law(n, 2 * d),
                "flops": look.law(*look.split(spent)) - look.law(*look.split(2 * spent)),
            }
        )
    elif params is not None:
        raise InputError(f"law {fit.law.name!r} takes {', '.join(fit.law.columns)}, not params and tokens")
    of_resource = [name for name in ("params", "tokens") if name in found]
    return Exponents(found, SMOOTH / found[of_resource], doubling, at)


def scale_free_weights(exponents: Mapping[str, Any], ratio: Any) -> dict[str, Any]:
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
    ratio = parse_quantity(ratio, "ratio")
    powers = {name: ratio**value for name, value in exponents.items()}
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


def _sentences(found: Exponents, prob: float) -> Iterator[str]:
    percent = f"{100 * prob:g}%"
    nouns = {"params": "parameters", "tokens": "tokens", "flops": "compute"}
    for _, row in found.table(prob).iterrows():
        kind, name = row["quantity"].removesuffix(")").split(" (")
        low, high = row[f"{percent} lower"], row[f"{percent} upper"]
        of, where = (f" of {row['group']}", f" in {row['group']}") if "group" in row else ("", "")
        if kind == "exponent":
            path = " along the compute-optimal path" if name == "flops" else ""
            yield (
                f"The reducible loss{of} falls as {nouns[name]} to the power -{row['median']:.3f} ({percent}: "
                f"{low:.3f} to {high:.3f}){path}."
            )
        elif kind == "dimension":
            yield (
                f"Read as the resolution of a manifold in {nouns[name]}, that is an intrinsic dimension{of} of "
                f"{row['median']:.1f} ({percent}: {low:.1f} to {high:.1f}), and not below a quarter of it."
            )
        else:
            point = f"{format_quantity(found.at['params'])} parameters and {format_quantity(found.at['tokens'])} tokens"
            yield (
                f"Twice the {nouns[name]} at {point} saves {row['median']:.4f} nats{where} ({percent}: {low:.4f} to "
                f"{high:.4f})."
            )
