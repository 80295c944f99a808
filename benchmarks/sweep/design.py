"""Which runs the sweep is made of: isoFLOP grids with seeds, a ladder of larger runs, and the bowl.

Everything follows from one number, the compute of the grid's largest budget. Six budgets half a power of ten apart
end there. At each, every size of `SIZES` is trained whose tokens per parameter lie between 0.5 and 350, on both
sides of the optimum but at the smallest budget. The ladder holds three further budgets, up to 31.6 times the grid's
largest: the two sizes nearest to 15 tokens per parameter at the first two, the nearest at the last. A run that would
see its corpus more than 1.6 times is left out.
"""

import itertools

from bayes_scaling.data.units import tokens_for
from benchmarks.sweep.corpora import CHARACTERS
from benchmarks.sweep.training import TOKENS_PER_STEP, Run, architecture

CORPORA = tuple(CHARACTERS)
SIZES = (
    (16, 1),
    (16, 2),
    (24, 2),
    (32, 2),
    (48, 2),
    (64, 3),
    (80, 4),
    (128, 3),
    (160, 4),
    (192, 6),
    (256, 8),
    (384, 8),
)
"""Width and layers: from five thousand parameters to fourteen million, each about twice the last."""

GRID, LADDER = (-2.5, -2.0, -1.5, -1.0, -0.5, 0.0), (0.5, 1.0, 1.5)
"""Powers of ten from the grid's largest budget."""

SEEDS = {-2.5: 5, -2.0: 5, -1.5: 5, -1.0: 5, -0.5: 3, 0.0: 2}
RATIOS, LADDER_RATIO = (0.5, 350.0), 15.0  # tokens per parameter
EPOCHS = 1.6
BOWL = {-2.0: (16, 2), -1.0: (32, 2), -0.5: (64, 3)}
FACTORS = (0.25, 0.5, 2.0, 4.0)


def run_of(role: str, name: str, budget: float, size: tuple[int, int], seed: int, factor: float = 1.0) -> Run:
    """The run of a size that a budget buys."""
    tokens = tokens_for(budget, architecture(*size).params)
    return Run(role, name, budget, *size, max(1, round(tokens / TOKENS_PER_STEP)), seed, factor)


def _enough_text(run: Run) -> bool:
    return run.tokens <= EPOCHS * CHARACTERS[run.corpus]


def design(largest: float) -> list[Run]:
    """All runs, in the order in which they are made, so that a sweep that is cut short is a balanced one.

    Parameters
    ----------
    largest : float
        FLOPs of the grid's largest budget.

    Returns
    -------
    list of Run
    """
    stages: dict[int, list[Run]] = {stage: [] for stage in range(8)}
    for power, seed in itertools.product(GRID, range(max(SEEDS.values()))):
        if seed >= SEEDS[power]:
            continue
        # First one seed of all budgets but the largest; then the large ones and the ladder; then the other seeds.
        stage = (1 if power == 0 else 0) if seed == 0 else (3 if seed < 3 and power < -0.5 else 5)
        for size, name in itertools.product(SIZES, CORPORA):
            run = run_of("grid", name, largest * 10**power, size, seed)
            if _enough_text(run) and RATIOS[0] <= run.tokens / run.shape.params <= RATIOS[1]:
                stages[stage].append(run)
    for power, name in itertools.product(LADDER, CORPORA):
        ladder = [run_of("holdout", name, largest * 10**power, size, 0) for size in SIZES]
        nearest = sorted(ladder, key=lambda run: abs(run.tokens / run.shape.params - LADDER_RATIO))
        for rank, run in enumerate(nearest[: 2 if power < 1.5 else 1]):
            if _enough_text(run):
                stages[7 if power == 1.5 else 6 if rank else 2].append(run)
    for (power, size), name, factor in itertools.product(BOWL.items(), CORPORA, FACTORS):
        stages[4].append(run_of("bowl", name, largest * 10**power, size, 0, factor))
    return [run for stage in sorted(stages) for run in stages[stage]]
