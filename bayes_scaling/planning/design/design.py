"""Which runs to train next: the batch within a budget that tells most about what the user wants to know.

Over the posterior's draws, what one wants to know (q) and what each candidate run would show (its log loss y) vary
together. Training a run leaves, on average,

    Var(q | y) = Var(q) - Cov(q, y)^2 / (Var(y) + Var(noise)),

exactly where draws are jointly normal, and as the best linear guess where they are not. Candidates are taken one after
the other, and after each the covariances of all others are brought up to date, so that the second run of a kind is
worth less than the first. Runs of one configuration share what the law misses of it (lack of fit): a replicate averages
seeds and not that. The whole batch is weighed once more without the linear guess, by simulating its outcomes and
reweighting the draws.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.forecast.new_run import new_run_scale
from bayes_scaling.forecast.predict import predict
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.design.batches import State, best_batch, reweighted_sd
from bayes_scaling.planning.design.candidates import isoflop_candidates, own_candidates, profile_of_cost

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior

SHARED = 0.5
"""Share of the noise's variance that replicates of a configuration have in common, where the table cannot tell."""


@dataclass(frozen=True, eq=False)
class Design:
    """The runs to train next, and what they are expected to tell.

    Attributes
    ----------
    goal : str
        What is to be known, in words.
    runs : DataFrame
        The batch, in the order of its choice: group, params, tokens, flops, what ("new configuration" or
        "replicate"), sd (of the goal, once this run and those before it are done), removed (share of the variance that
        this run takes away) and per_flop (that share for each share of the budget: above 1 is better than average).
    candidates : DataFrame
        Every candidate: group, params, tokens, flops, removed and per_flop of this run alone.
    before, after : float
        Standard deviation of the goal now, and expected after the batch; in log loss or log parameters.
    reweighted : float
        As after, without the linear guess; NaN where too few draws carry the weight to say.
    grid : float
        As after, for one isoFLOP profile of equal cost.
    regret : tuple of float
        Where the goal is N_opt: the expected relative loss given up by training the median N_opt at that budget, now
        and after the batch. NaN otherwise.
    budget, cost : float
        FLOPs that may be spent, and that the batch takes.
    """

    goal: str
    runs: "pd.DataFrame"
    candidates: "pd.DataFrame"
    before: float
    after: float
    reweighted: float
    grid: float
    regret: tuple[float, float]
    budget: float
    cost: float

    def table(self) -> "pd.DataFrame":
        """One row per configuration of the batch: how many runs, their cost, the share of variance they take away."""
        keys = ["group", "params", "tokens", "flops"]
        rows = self.runs.groupby(keys, sort=False).agg(
            runs=("sd", "size"), removed=("removed", "sum"), per_flop=("per_flop", "mean")
        )
        return rows.reset_index()

    @property
    def verdict(self) -> str:
        """What the batch buys, in a sentence."""
        if not len(self.runs):
            return f"no candidate within {format_flops(self.budget)} FLOPs says anything about {self.goal}"
        repeats = int((self.runs["what"] == "replicate").sum())
        return (
            f"{len(self.runs)} runs ({repeats} of them replicates) for {format_flops(self.cost)} FLOPs are expected to "
            f"bring the standard deviation of {self.goal} from {self.before:.3g} to {self.after:.3g}; an isoFLOP "
            f"profile of that cost, to {self.grid:.3g}"
        )

    def __str__(self) -> str:
        table = self.table().to_string(index=False, float_format=lambda x: f"{x:.3g}")
        return f"{self.verdict}\n\n{table}"


def design(
    fit: "Posterior",
    budget: Any,
    *,
    optimum_at: Any = None,
    loss_at: Any = None,
    winner_at: Any = None,
    group: str | None = None,
    groups: tuple[str, str] | None = None,
    candidates: Any = None,
    largest: Any = None,
    max_runs: int = 30,
) -> Design:
    """The batch of runs, within a budget, that most reduces the expected variance of what is to be known.

    Parameters
    ----------
    fit : Posterior
    budget : number or str
        FLOPs that the batch may cost.
    optimum_at : number or str, optional
        To know: N_opt at this many FLOPs. Exactly one of this and the two below is given.
    loss_at : (number or str, number or str), optional
        To know: the loss at these params and tokens.
    winner_at : number or str, optional
        To know: which of two ``groups`` has the lower loss at this many FLOPs, each at its own optimum.
    group : str, optional
        The group in question; needed where there is more than one.
    groups : two str, optional
        The groups to tell apart.
    candidates : DataFrame or mapping, optional
        Runs that could be trained: columns params, tokens and, where there are several, group. Default: isoFLOP
        profiles around the optimum, from the smallest compute of the data up.
    largest : number or str, optional
        FLOPs of the largest run that may be trained. Default: half of the budget.
    max_runs : int
        The batch has at most so many runs.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        If the goal is not exactly one, a group is not named or not there, no candidate fits into the budget, or the
        law does not take params and tokens alone.
    """
    import pandas as pd

    if set(fit.law.columns) != {"params", "tokens"}:
        raise InputError(
            f"designs are made for laws of params and tokens; law {fit.law.name!r} takes "
            f"{', '.join(fit.law.columns)}"
        )
    goals = {"optimum_at": optimum_at, "loss_at": loss_at, "winner_at": winner_at}
    chosen = [name for name, value in goals.items() if value is not None]
    if len(chosen) != 1:
        raise InputError(f"give exactly one of {', '.join(goals)}; got {', '.join(chosen) or 'none'}")
    if max_runs < 1:
        raise InputError(f"max_runs is {max_runs}; expected a whole number from 1 on")
    money = parse_quantity(budget, "budget")
    top = min(money, money / 2 if largest is None else parse_quantity(largest, "largest"))
    of_goal = _groups_of_goal(fit, group, groups, winner_at is not None)
    goal, wanted, regret = _goal(fit, of_goal, optimum_at, loss_at, winner_at)
    table = (
        isoflop_candidates(fit, of_goal, top) if candidates is None else own_candidates(candidates, of_goal)
    )
    table = table[table["flops"] <= min(money, top) * (1 + 1e-9)].reset_index(drop=True)
    if not len(table):
        raise InputError(
            f"no candidate costs at most {format_flops(top)} FLOPs; raise the budget, or give smaller candidates"
        )
    shown, noise, lack = _outcomes(fit, table)
    q = wanted.to_numpy().ravel()
    cost = table["flops"].to_numpy()
    state = State.of(q, shown, noise, lack)
    batch = best_batch(state, cost, money, max_runs)

    alone = state.gains() / state.variance
    every = table.assign(removed=alone, per_flop=alone / (cost / money))
    now, rows = state, []
    for order, j in enumerate(batch):
        after = now.given(j)
        removed = (now.variance - after.variance) / state.variance
        what = "replicate" if j in batch[:order] else "new configuration"
        step = {"what": what, "sd": np.sqrt(after.variance), "removed": removed}
        rows.append(table.loc[j].to_dict() | step | {"per_flop": removed / (cost[j] / money)})
        now = after
    columns = [*table.columns, "what", "sd", "removed", "per_flop"]
    spent = float(cost[batch].sum()) if batch else 0.0
    rival = profile_of_cost(fit, of_goal, spent or money, largest=money)
    left = float(np.sqrt(now.variance))
    return Design(
        goal=goal,
        runs=pd.DataFrame(rows, columns=columns),
        candidates=every,
        before=float(np.sqrt(state.variance)),
        after=left,
        reweighted=reweighted_sd(q, shown, noise, lack, batch, fit.seed),
        grid=float(np.sqrt(State.of(q, *_outcomes(fit, rival)).after(range(len(rival))))),
        regret=(regret, float(regret * now.variance / state.variance)),
        budget=money,
        cost=spent,
    )


# -- what is to be known, and what could be run ------------------------------------------------------


def _groups_of_goal(fit: "Posterior", group: str | None, groups: Any, two: bool) -> list[str]:
    """The groups that the goal is about."""
    asked = list(groups or ()) if two else [group or (fit.groups[0] if len(fit.groups) == 1 else None)]
    if two and (len(asked) != 2 or asked[0] == asked[1]):
        raise InputError(
            f"name the two groups to tell apart, of {', '.join(fit.groups)}: groups=(one, other)"
        )
    for name in asked:
        if name is None:
            raise InputError(f"name one group: group=...; the groups are {', '.join(fit.groups)}")
        if name not in fit.groups:
            raise InputError(f"no group {name!r} in this fit; its groups are {', '.join(fit.groups)}")
    return [str(name) for name in asked]


def _goal(
    fit: "Posterior", groups: list[str], optimum_at: Any, loss_at: Any, winner_at: Any
) -> tuple[str, Any, float]:
    """The goal in words, its draws, and the expected regret that goes with it now."""
    if loss_at is not None:
        try:
            params, tokens = loss_at
        except (TypeError, ValueError):
            raise InputError(
                f"loss_at is {loss_at!r}; expected params and tokens, as ('70B', '2T')"
            ) from None
        forecast = predict(fit, params, tokens, group=groups[0])
        n, d = (format_quantity(float(forecast.inputs[c][0])) for c in ("params", "tokens"))
        return f"log loss at {n} and {d} tokens", np.log(_single(forecast.draws("drifted"))), np.nan
    flops = parse_quantity(optimum_at if optimum_at is not None else winner_at, "flops")
    plans = [allocate(fit, flops, group=name) for name in groups]
    for name, plan in zip(groups, plans, strict=True):
        if float(plan.interior.min()) < 1:
            raise InputError(
                f"some draws of {name!r} have no interior optimum at {format_flops(flops)} FLOPs; choose another budget"
            )
    if winner_at is not None:
        gap = np.log(_single(plans[0].loss)) - np.log(_single(plans[1].loss))
        words = (
            f"the difference in log loss between {groups[0]} and {groups[1]} at {format_flops(flops)} FLOPs"
        )
        return words, gap, np.nan
    n = _single(plans[0].params)
    own = fit.draws(groups[0])
    middle = float(np.exp(np.log(n).median()))
    at = middle / fit.reference["params"], flops / (6 * middle) / fit.reference["tokens"]
    trained = fit.law(*at, **{name: own[name] for name in fit.law.parameters})
    regret = float((trained / _single(plans[0].loss) - 1).mean())
    return f"log N_opt at {format_flops(flops)} FLOPs", np.log(n), regret


def _single(values: Any) -> Any:
    """One point of one group."""
    values = values.isel(point=0)
    return values.isel(group=0, drop=True) if "group" in values.dims else values


def _outcomes(fit: "Posterior", table: "pd.DataFrame") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What candidates would show: log loss of every draw (draws, candidates), and variances of seed and lack of fit.

    The seed's variance is that of a normal with the information of the Student-t about its centre.
    """
    shown, seed, lack, order = [], [], [], list[int]()
    for label, part in table.groupby("group", sort=False):
        forecast = predict(fit, part["params"].to_numpy(), part["tokens"].to_numpy(), group=str(label))
        draws = fit.draws(str(label))
        scale = new_run_scale(fit, draws, forecast.inputs).transpose("chain", "draw", ...)
        nu = fit.noise.degrees_of_freedom(draws)
        heavy = (nu + 3) / (nu + 1)
        spread = np.broadcast_to((scale**2 * heavy).mean(("chain", "draw")).to_numpy(), len(part))
        known = "lack_of_fit" in draws
        own = float((draws["lack_of_fit"] ** 2 * heavy).mean()) if known else SHARED * spread
        kept = np.broadcast_to(own, len(part))
        shown.append(np.log(forecast.draws("drifted").to_numpy()).reshape(-1, len(part)))
        seed.append(spread - kept)
        lack.append(kept)
        order += part.index.tolist()
    back = np.argsort(order)
    return np.concatenate(shown, axis=1)[:, back], np.concatenate(seed)[back], np.concatenate(lack)[back]
