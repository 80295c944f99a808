"""Which runs to train next: the batch within a budget that most reduces the variance of what is to be known.

Over the posterior's draws, what one wants to know (q) and what each candidate run would show (its log loss y) vary
together. Training a run leaves, on average,

    Var(q | y) = Var(q) - Cov(q, y)^2 / (Var(y) + Var(noise)),

exactly where draws are jointly normal, and as the best linear guess where they are not. Candidates are taken one after
the other, and after each the covariances of all others are brought up to date, so that the second run of a kind is
worth less than the first. Runs of one configuration share what the law misses of it (lack of fit): a replicate averages
seeds and not that. The whole batch is assessed once more without the linear guess, by simulating its outcomes and
reweighting the draws.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.cost import cost_of
from bayes_scaling.data.units import Quantity, format_flops, parse_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.planning.design import goals
from bayes_scaling.planning.design.batches import State, best_batch, reweighted_sd
from bayes_scaling.planning.design.candidates import (
    cost_words,
    isoflop_candidates,
    own_candidates,
    profile_of_cost,
)
from bayes_scaling.planning.design.outcomes import outcomes
from bayes_scaling.planning.results.design import Design

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.inference.posterior import Posterior


def design(
    fit: "Posterior",
    budget: Quantity,
    *,
    optimum_at: Quantity | None = None,
    loss_at: tuple[Quantity, Quantity] | None = None,
    winner_at: Quantity | None = None,
    group: str | None = None,
    groups: tuple[str, str] | None = None,
    candidates: "pd.DataFrame | Mapping[str, Sequence[Quantity | str]] | None" = None,
    largest: Quantity | None = None,
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

    Raises
    ------
    InputError
        If the goal is not exactly one, a group is not named or not there, no candidate fits into the budget, or the
        law does not take params and tokens alone.
    """
    import pandas as pd  # loads when a design is asked for, and not on import

    if not fit.law.of_n_and_d:
        raise InputError(
            f"designs are made for laws of params and tokens; law {fit.law.name!r} takes "
            f"{', '.join(fit.law.columns)}"
        )
    asked = {"optimum_at": optimum_at, "loss_at": loss_at, "winner_at": winner_at}
    chosen = [name for name, value in asked.items() if value is not None]
    if len(chosen) != 1:
        raise InputError(f"give exactly one of {', '.join(asked)}; got {', '.join(chosen) or 'none'}")
    if max_runs < 1:
        raise InputError(f"max_runs is {max_runs}; expected a whole number from 1 on")
    money = parse_quantity(budget, "budget")
    top = min(money, money / 2 if largest is None else parse_quantity(largest, "largest"))
    of_goal = goals.groups_of_goal(fit, group, groups, winner_at is not None)
    if loss_at is not None:
        goal = goals.loss(fit, of_goal[0], loss_at)
    elif winner_at is not None:
        goal = goals.winner(fit, of_goal, winner_at)
    elif optimum_at is not None:
        goal = goals.optimum(fit, of_goal[0], optimum_at)
    table = (
        isoflop_candidates(fit, of_goal, top)
        if candidates is None
        else own_candidates(fit, candidates, of_goal)
    )
    table = table[table["flops"] <= min(money, top) * (1 + 1e-9)].reset_index(drop=True)
    if not len(table):
        raise InputError(
            f"no candidate costs at most {format_flops(top)} FLOPs; raise the budget, or give smaller candidates"
        )
    found = outcomes(fit, table)
    cost = table["flops"].to_numpy()
    first = State.of(goal.draws, found)
    batch = best_batch(first, cost, money, max_runs)

    def shares(removed: np.ndarray, cost: np.ndarray) -> dict[str, np.ndarray]:
        """Shares of the variance, and those per share of the budget."""
        return {"removed": removed / first.variance, "per_flop": removed / first.variance / (cost / money)}

    variances = np.array([first.after(batch[:done]) for done in range(len(batch) + 1)])
    repeats = [j in batch[:order] for order, j in enumerate(batch)]
    spent = float(cost[batch].sum())
    rival = profile_of_cost(fit, of_goal, spent or money, largest=money)
    of_rival = State.of(goal.draws, outcomes(fit, rival))
    return Design(
        goal=goal.words,
        runs=table.loc[batch]
        .reset_index(drop=True)
        .assign(
            what=pd.Series(np.where(repeats, "replicate", "new configuration"), dtype=str).to_numpy(),
            sd=np.sqrt(variances[1:]),
            **shares(-np.diff(variances), cost[batch]),
        ),
        candidates=table.assign(**shares(first.gains(), cost)),
        before=float(np.sqrt(first.variance)),
        after=float(np.sqrt(variances[-1])),
        reweighted=reweighted_sd(goal.draws, found, batch, fit.seed),
        grid=float(np.sqrt(of_rival.after(range(len(rival))))),
        regret=(goal.regret, float(goal.regret * variances[-1] / first.variance)),
        budget=money,
        cost=spent,
        own_cost=cost_words(fit, table),
        counted=cost_of(fit.runs),
    )
