"""A batch chosen from candidates by the variance that it takes away: Gaussian updates of second moments, greedily."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayes_scaling.planning.design.outcomes import Outcomes

LEAST_GAIN = 0.002
"""A batch is complete when no run takes away this share of the variance."""


@dataclass(frozen=True)
class State:
    """Second moments of the goal and of what each candidate would show without its seed."""

    variance: float
    with_goal: np.ndarray  # (candidates,)
    between: np.ndarray  # (candidates, candidates)
    seed: np.ndarray  # (candidates,)

    @classmethod
    def of(cls, goal: np.ndarray, outcomes: Outcomes) -> "State":
        """The state before any run, by draws of the goal, (draws,), and what candidates would show under each."""
        shown, q = outcomes.shown - outcomes.shown.mean(0), goal - goal.mean()
        n = len(q) - 1
        return cls(
            float(q @ q / n), shown.T @ q / n, shown.T @ shown / n + np.diag(outcomes.lack), outcomes.seed
        )

    def gains(self) -> np.ndarray:
        """Variance of the goal that one run of each candidate takes away."""
        gains: np.ndarray = self.with_goal**2 / (np.diag(self.between) + self.seed)
        return gains

    def given(self, j: int) -> "State":
        """Once a run of candidate j is done."""
        column = self.between[:, j]
        size = column[j] + self.seed[j]
        return State(
            self.variance - self.with_goal[j] ** 2 / size,
            self.with_goal - column * self.with_goal[j] / size,
            self.between - np.outer(column, column) / size,
            self.seed,
        )

    def after(self, batch: Sequence[int]) -> float:
        """Variance of the goal after a batch, in any order."""
        state = self
        for j in batch:
            state = state.given(j)
        return state.variance


def best_batch(state: State, cost: np.ndarray, budget: float, max_runs: int) -> list[int]:
    """The best of three greedy batches (by gain over cost^0, ^1/2 and ^1), its runs then tried against others."""
    starts = [_greedy(state, cost, budget, max_runs, power) for power in (0.0, 0.5, 1.0)]
    best = min(starts, key=state.after)
    for _ in range(2):
        before = state.after(best)
        for j in sorted(set(best), key=lambda k: -cost[k]):
            kept = list(best)
            kept.remove(j)
            after = state
            for k in kept:
                after = after.given(k)
            filled = kept + _greedy(after, cost, budget - cost[kept].sum(), max_runs - len(kept), 0.0)
            if state.after(filled) < state.after(best) * (1 - 1e-6):
                best = filled
        if state.after(best) > before * (1 - 1e-3):
            break
    return best


def _greedy(state: State, cost: np.ndarray, budget: float, max_runs: int, power: float) -> list[int]:
    """Runs by falling gain over cost^power, as long as they fit and take away enough."""
    batch: list[int] = []
    first = state.variance
    while len(batch) < max_runs:
        gains = np.where(cost <= budget * (1 + 1e-9), state.gains(), 0.0)
        if gains.max() < LEAST_GAIN * first:
            break
        j = int(np.argmax(np.where(gains >= LEAST_GAIN * first, gains / cost**power, 0.0)))
        batch.append(j)
        budget -= cost[j]
        state = state.given(j)
    return batch


def reweighted_sd(
    goal: np.ndarray, outcomes: Outcomes, batch: list[int], seed: int, count: int = 200
) -> float:
    """Expected sd of the goal after a batch, by simulated outcomes and reweighted draws; NaN where weights are few.

    Each outcome is what one draw would show, with its noise; every draw counts by how likely it makes the outcome.
    """
    if not batch:
        return float(np.std(goal, ddof=1))
    rng = np.random.default_rng([seed, 808])
    same = np.equal.outer(batch, batch)
    root = np.linalg.cholesky(np.where(same, outcomes.lack[batch], 0.0) + np.diag(outcomes.seed[batch]))
    white = np.linalg.solve(root, outcomes.shown[:, batch].T).T
    truths = rng.choice(len(goal), count, replace=len(goal) < count)
    seen = white[truths] + rng.standard_normal((count, len(batch)))
    far = np.stack([((row - white) ** 2).sum(1) for row in seen])
    weights = np.exp(-0.5 * (far - far.min(1, keepdims=True)))
    weights /= weights.sum(1, keepdims=True)
    variance = weights @ goal**2 - (weights @ goal) ** 2
    effective = 1 / (weights**2).sum(1)
    return float(np.sqrt(variance.mean())) if np.median(effective) >= 50 else float("nan")
