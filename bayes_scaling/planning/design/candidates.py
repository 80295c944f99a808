"""Runs that could be trained next: isoFLOP profiles around the optimum of a fit, or of a prior; or the user's own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import cost_of
from bayes_scaling.data.units import (
    Quantity,
    format_flops,
    parse_quantities,
    parse_quantity,
    tokens_for,
)
from bayes_scaling.errors import InputError
from bayes_scaling.inference.intervals import median, tails
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.names import DEFAULT, get_law
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.optimise import closed_form

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior

SIZES, REACH, PER_DECADE = 7, 6.0, 2
"""Model sizes of a profile, how far from the optimum they go as a factor, and profiles for a tenfold of compute."""


def isoflop_grid(
    budget: Quantity,
    law: str | Law = DEFAULT,
    *,
    profiles: int = 4,
    sizes: int = SIZES,
    span: float = 30.0,
    tokens_per_param: float = 20.0,
    prob: float = 0.5,
    seed: int = 0,
) -> "pd.DataFrame":
    """The runs to begin with, before there is any: isoFLOP profiles wide enough for what the prior leaves open.

    Parameters
    ----------
    budget : number or str
        FLOPs that all runs together may cost.
    law : str or Law
        Its priors say how far the optimum may lie from the rule of thumb, and how that grows with compute.
    profiles, sizes : int
        Profiles, and model sizes in each.
    span : float
        How many times more compute a run of the largest profile takes than one of the smallest.
    tokens_per_param : float
        The rule of thumb that the prior is centred on, in the middle of the profiles.
    prob : float
        Each profile covers the central interval of this probability of N_opt.
    seed : int

    Returns
    -------
    DataFrame
        Columns params, tokens and flops, one row per run.

    Raises
    ------
    InputError
        For a law whose optimum has no closed form, fewer than two profiles or three sizes, or a span that is not above
        1.
    """
    # Here and below: pandas loads when runs are proposed, and not on import.
    import pandas as pd

    chosen, money = get_law(law), parse_quantity(budget, "budget")
    if chosen.power_terms is None or not chosen.of_n_and_d:
        raise InputError(
            f"law {chosen.name!r} has no optimum in closed form to take a prior from; name one that has, such as "
            "'chinchilla'"
        )
    if profiles < 2 or sizes < 3 or not span > 1 or not 0 < prob < 1:
        raise InputError(
            f"profiles={profiles}, sizes={sizes}, span={span}, prob={prob} make no grid; expected at least 2 profiles "
            "of 3 sizes, a span above 1 and a probability between 0 and 1"
        )
    shares = np.geomspace(1 / span, 1, profiles)
    flops = money / (sizes * shares.sum()) * shares
    middle = np.exp(np.log(flops).mean())
    rng = np.random.default_rng(seed)
    draws = {n: p.at(rng.standard_normal(4000)) for n, p in chosen.priors.items()}
    rows = []
    for c in flops:
        away = closed_form(chosen, draws, c / middle)
        low, high = np.quantile(away, tails(prob)[::2])
        rule = np.sqrt(middle / (6 * tokens_per_param))
        params = rule * np.geomspace(np.exp(low), np.exp(high), sizes)
        rows.append(pd.DataFrame({"params": params, "tokens": tokens_for(c, params), "flops": c}))
    return pd.concat(rows, ignore_index=True)


def isoflop_candidates(fit: "Posterior", groups: list[str], top: float) -> "pd.DataFrame":
    """isoFLOP profiles around the median optimum, from the smallest compute of the data up to the dearest run."""
    import pandas as pd

    low = float(fit.runs.flops.min())
    if top < low:
        raise InputError(
            f"a new run may cost {format_flops(top)} FLOPs at most, and the smallest of {fit.runs.name} costs "
            f"{format_flops(low)}: what smaller ones would show rests on the law far below its data; raise the "
            "budget, or give candidates"
        )
    budgets = np.geomspace(low, top, max(2, int(np.ceil(PER_DECADE * np.log10(top / low))) + 1))
    return pd.concat([profile(fit, name, budgets) for name in groups], ignore_index=True)


def profile(fit: "Posterior", group: str, budgets: np.ndarray) -> "pd.DataFrame":
    """Profiles at some budgets, around the median optimum."""
    import pandas as pd

    middle = median(allocate(fit, budgets, group=group).params).to_numpy().ravel()  # of one group
    params = np.outer(middle, np.geomspace(1 / REACH, REACH, SIZES)).ravel()
    flops = np.repeat(budgets, SIZES)
    tokens = cost_of(fit.runs).tokens(flops, params)
    return pd.DataFrame({"group": group, "params": params, "tokens": tokens, "flops": flops})


def profile_of_cost(fit: "Posterior", groups: list[str], cost: float, largest: float) -> "pd.DataFrame":
    """One more isoFLOP profile for each group, at the budget that this cost allows."""
    import pandas as pd

    each = np.array([min(cost / (SIZES * len(groups)), largest)])
    return pd.concat([profile(fit, name, each) for name in groups], ignore_index=True)


def own_candidates(
    fit: "Posterior", given: "pd.DataFrame | Mapping[str, Sequence[Quantity | str]]", groups: list[str]
) -> "pd.DataFrame":
    """The user's candidates, checked."""
    import pandas as pd

    frame = pd.DataFrame(given).reset_index(drop=True)
    for name in ("params", "tokens"):
        if name not in frame:
            raise InputError(
                f"candidates have no column {name!r}; they have {', '.join(map(str, frame.columns))}"
            )
    if "group" not in frame and len(groups) > 1:
        raise InputError("candidates have no column 'group', and there are two groups to tell apart")
    table = pd.DataFrame(
        {name: parse_quantities(frame[name].tolist(), name) for name in ("params", "tokens")}
    )
    labels = frame["group"].astype(str).tolist() if "group" in frame else groups[0]
    flops = cost_of(fit.runs).flops(table["params"], table["tokens"])
    return table.assign(group=labels, flops=flops)[["group", "params", "tokens", "flops"]]


def cost_words(fit: "Posterior", candidates: "pd.DataFrame") -> list[str]:
    """A sentence on the dearest candidate, where budgets are the table's own FLOPs."""
    cost = cost_of(fit.runs)
    if not cost.own:
        return []
    dearest = int(candidates["flops"].to_numpy().argmax())
    params, tokens = (candidates[name].iloc[dearest] for name in ("params", "tokens"))
    return [cost.words(float(params), float(tokens)).replace("this answer", "the dearest candidate")]
