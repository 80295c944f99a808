"""Simulation-based calibration: parameters drawn from the prior, runs drawn with them, and their ranks in the posterior.

    python benchmarks/calibration.py [--only CELL] [--page]

Each cell (a law, a noise, a pooling) writes benchmarks/results/calibration_<cell>.json after every ten simulations,
and goes on where it stopped. The page benchmarks/results/calibration.md and its picture are made from these files alone
(`calibration_page`).
"""

import argparse
import json
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from calibration_page import PRODUCT, RANKS, write

import bayes_scaling as bs
from bayes_scaling.evaluation.compare_pooling import OFFSETS, structures
from bayes_scaling.evaluation.simulate import Simulation, from_prior
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.laws import get_law
from bayes_scaling.planning.optimise import closed_form

RESULTS = Path(__file__).parent / "results"
COMMAND = "python benchmarks/calibration.py"
CHUNK, SAVED = 100, 10
"""Simulations that are drawn with one seed, and that are fitted before the next writing."""

DRAWS = {True: 1000, False: 500}
"""Draws of each of four chains, with groups and without."""

ALIKE: dict[str, tuple[int, dict[str, Any]]] = {
    "skaling": (1000, {"law": "skaling"}),
    "chinchilla": (200, {"law": "chinchilla"}),
    "kaplan": (200, {"law": "kaplan"}),
    "skaling-flops": (200, {"law": "skaling", "noise": "flops"}),
    "skaling-params": (200, {"law": "skaling", "noise": "params"}),
    "skaling-tokens": (200, {"law": "skaling", "noise": "tokens"}),
    "skaling-seeds": (200, {"law": "skaling", "seeds": 2}),
    "skaling-checkpoints": (200, {"law": "skaling", "checkpoints": 3}),
    "skaling-undertuned": (200, {"law": "skaling", "noise": "undertuned"}),
    "skaling-partial": (200, {"law": "skaling", "pooling": "partial"}),
    "skaling-none": (200, {"law": "skaling", "pooling": "none"}),
    "chinchilla-partial": (200, {"law": "chinchilla", "pooling": "partial"}),
    "power_floor-curve": (200, {"law": "power_floor:flops", "noise": "curve"}),
    "rosenfeld": (200, {"law": "rosenfeld"}),
    "precision": (200, {"law": "precision"}),
    "task_of_loss": (200, {"law": "task_of_loss"}),
    "task_of_compute": (200, {"law": "task_of_compute"}),
}
"""Simulations, and what is fitted: two groups where there is a pooling, two seeds or three checkpoints of each run.

These cells draw priors and noise with the same seeds, so that they differ in their model alone."""

CROSSED: dict[str, tuple[int, dict[str, Any]]] = {
    "chinchilla-discrepancy": (200, {"law": "chinchilla", "noise": "discrepancy"}),
    "chinchilla-discrepancy-partial": (
        200,
        {"law": "chinchilla", "noise": "discrepancy", "pooling": "partial"},
    ),
    "chinchilla-shared_discrepancy": (
        200,
        {"law": "chinchilla", "noise": "shared_discrepancy", "pooling": "partial"},
    ),
    "chinchilla-partial-12": (200, {"law": "chinchilla", "pooling": "partial", "groups": 12}),
    "skaling-measured": (200, {"law": "skaling", "measured": True}),
    "chinchilla-flops-seeds": (1000, {"law": "chinchilla", "noise": "flops", "seeds": 2}),
    "chinchilla-flops-seeds-checkpoints-measured": (
        200,
        {"law": "chinchilla", "noise": "flops", "seeds": 2, "checkpoints": 2, "measured": True},
    ),
    "power_law-seeds-checkpoints": (200, {"law": "power_law:flops", "seeds": 2, "checkpoints": 2}),
    "skaling-none-tokens-checkpoints": (
        200,
        {"law": "skaling", "noise": "tokens", "pooling": "none", "checkpoints": 2},
    ),
}
"""A discrepancy, as many groups as have coordinates of their own, losses measured to between .2% and 5%, and layers of the noise
together."""

CURVES = {name: (200, {"law": f"{name}:flops"}) for name in ("hestness", "m4", "bnsl1", "bnsl2")}
"""Laws of one input with five and more parameters: against compute, of which the design has 23 values, because its four
amounts of data do not tell them."""

OTHER_LAWS = {name: (200, {"law": name}) for name in bs.LAWS if name not in ALIKE | CURVES}

CHOICES: dict[str, tuple[Any, ...]] = {
    "law": (
        "chinchilla", "skaling", "kaplan", "equal_exponents", "rosenfeld", "gadre", "farseer", "precision",
        "kaplan_steps", "power_law", "power_floor", "log_linear", "m3", "gpt4", "task_of_loss", "task_of_compute",
        "task_of_loss_exponential",
    ),
    "noise": ("constant", "flops", "params", "tokens", "undertuned", "curve"),
    "pooling": (None, "partial", "none", "complete", "offsets differ"),
    "seeds": (1, 2),
    "checkpoints": (1, 2),
    "measured": (False, True),
}  # fmt: skip
"""Each simulation of the cell `PRODUCT` asks for a model of its own, drawn from these; what is not offered is drawn
again. Left out are laws whose form stands here under another name, and those whose pooled fits take minutes."""

CELLS = ALIKE | CROSSED | CURVES | OTHER_LAWS | {PRODUCT: (200, {})}
"""Beyond `ALIKE` each cell has seeds of its own."""

OTHERS = {
    "x": (0.3, 3.0), "active_share": (0.05, 1.0), "bits": (3.0, 16.0), "lr": (3e-4, 6e-3), "batch": (3e4, 3e6),
    "unique_tokens": (0.02, 1.0), "min_steps": (3e3, 3e5), "val_loss": (2.0, 3.5),
    "loss_se": (0.002, 0.05),
}  # fmt: skip
"""Ranges of the other inputs; of unique tokens, as a share of the tokens."""


def design(groups: int, seeds: int, checkpoints: int) -> pd.DataFrame:
    """Six sizes by four amounts of data, by group and seed; checkpoints at half, a quarter ... of a run's data.

    What else laws take is spread over its usual range, each column in an order of its own.
    """
    sizes, amounts = np.geomspace(2e7, 2e9, 6), np.geomspace(1e9, 1e11, 4)
    rows = [
        {"params": n, "tokens": d / 2**c, "flops": 6 * n * d / 2**c, "loss": 1.0, "group": g, "seed": s}
        | ({"trajectory": f"{n:.0f} {d:.0f} {s}"} if checkpoints > 1 else {})
        for g in ("abcdefghijkl"[:groups] if groups else ("all",))
        for n in sizes
        for d in amounts
        for s in range(seeds)
        for c in range(checkpoints)
    ]
    table = pd.DataFrame(rows)
    n, d, i = table["params"], table["tokens"], np.arange(len(table))
    turns = {name: (0.5 + (k + 1) * 0.6180339887 * i) % 1 for k, name in enumerate(OTHERS)}
    spread = {name: low * (high / low) ** turns[name] for name, (low, high) in OTHERS.items()}
    others = {
        "tokens_per_param": d / n,
        "min_flops": 3 * n * d,
        "unique_tokens": d * spread.pop("unique_tokens"),
    }
    return table.assign(**others, **spread, items=1000)


def asked(
    law: str,
    noise: str = "constant",
    pooling: Any = None,
    seeds: int = 1,
    checkpoints: int = 1,
    measured: bool = False,
    groups: int = 2,
) -> Any:
    """The request of a cell; its losses are not looked at."""
    chosen = get_law(law)
    table = design(groups if pooling else 0, seeds, checkpoints)
    unused = {"seed": seeds == 1, "loss_se": not measured, "items": chosen.response != "share"}
    table = table.drop(columns=[name for name, drop in unused.items() if drop])
    inputs = dict.fromkeys(
        (*chosen.columns, *(["flops"] if {"params", "tokens"} & set(chosen.columns) else []))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
        runs = bs.load_runs(table, name="design", inputs=list(inputs))
    return make_spec(runs, law, noise=noise, pooling=pooling)


def one_of_the_product(number: int) -> tuple[dict[str, Any], Any]:
    """What the simulation of this number chooses of laws, noises and poolings, and its request."""
    rng = np.random.default_rng([crc32(PRODUCT.encode()), number])
    while True:
        chosen = {name: options[rng.integers(len(options))] for name, options in CHOICES.items()}
        law, options = get_law(chosen["law"]), dict(chosen)
        if law.columns == ("tokens",):  # of which the design has four values only
            options["law"] = f"{law.name}:flops"
        if chosen["pooling"] == OFFSETS:
            options["pooling"] = structures(law).get(OFFSETS, "partial")
        try:
            return chosen, asked(**options)
        except bs.InputError:
            continue


def beyond(runs: Any, law: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Of the first group, at a hundred times the largest compute: log N_opt, log D_opt, and the loss at ten N, ten D.

    Inputs other than N and D are as at the reference point.
    """
    own = {name: parameters[name] for name in law.parameters}
    out = {}
    if law.response == "share":
        return out
    if law.columns[:2] == ("params", "tokens"):
        n, d = (10 * runs.column(c).max() / runs.reference[c] for c in law.columns[:2])
        out["loss at 100x"] = law(n, d, *[1.0] * (len(law.columns) - 2), **own)
        if law.columns[2:] == () and law.power_terms:
            out["N_opt at 100x"] = closed_form(law, own, n * d)
            out["D_opt at 100x"] = np.log(n * d) - out["N_opt at 100x"]
    elif len(law.columns) == 1:
        x = 100 * runs.column(law.columns[0]).max() / runs.reference[law.columns[0]]
        out["loss at 100x"] = law(x, **own)
    return out


def ranked(simulation: Simulation, fit: Any) -> dict[str, int]:
    """The rank of each true quantity among the draws; of group quantities, of the first group."""
    first = {name: np.asarray(value).ravel()[0] for name, value in simulation.truth.items()}
    posterior = fit.posterior
    draws = {
        name: (values.isel(group=0) if "group" in values.dims else values).to_numpy().ravel()
        for name, values in posterior.data_vars.items()
        if name in first
    }
    first |= beyond(fit.runs, fit.law, first)
    draws |= beyond(fit.runs, fit.law, draws)
    kept = np.linspace(0, next(iter(draws.values())).size - 1, RANKS).astype(int)
    return {name: int((draws[name][kept] < first[name]).sum()) for name in draws}


def some(cell: str, done: int) -> Iterator[dict[str, Any]]:
    """The ranks and the health of the next simulations, the same wherever the last writing was."""
    if cell == PRODUCT:
        for number in range(done, done + SAVED):
            chosen, wanted = one_of_the_product(number)
            simulation = next(from_prior(wanted, 1, seed=number))
            for record in refitted(wanted, {str(number): simulation}, seed=number):
                yield {"chosen": chosen} | record
        return
    wanted = asked(**CELLS[cell][1])
    start = done - done % CHUNK
    seed = start + (1000 if cell in ALIKE else crc32(cell.encode()))
    drawn = islice(from_prior(wanted, CHUNK, seed=seed), done - start, done - start + SAVED)
    yield from refitted(wanted, {str(done + i): s for i, s in enumerate(drawn)}, seed=start)


def refitted(wanted: Any, simulations: dict[str, Simulation], seed: int) -> Iterator[dict[str, Any]]:
    """Simulations fitted by the model that they were drawn from: the ranks of the truths, and the health of the fits."""
    tables = {name: s.runs for name, s in simulations.items()}
    # Priors by name stay as they are, whatever the unit that a table's losses seem to have.
    priors, pooling = dict(wanted.law.priors), dict(wanted.structure.pooling)
    options = {"noise": wanted.noise, "pooling": pooling, "priors": priors, "seed": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        draws = DRAWS[len(wanted.runs.groups) > 1]
        for outcome in bs.fit_many(tables, wanted.law, draws=draws, **options):
            if outcome.fit is None:
                yield {"error": outcome.error}
                continue
            health = outcome.fit.diagnose()
            yield {
                "ranks": ranked(simulations[outcome.name], outcome.fit),
                "r_hat": round(health.r_hat, 4), "divergences": health.divergences, "ok": health.ok,
            }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CELLS)
    parser.add_argument("--page", action="store_true")
    args = parser.parse_args()
    for cell in [] if args.page else [args.only] if args.only else CELLS:
        count, _ = CELLS[cell]
        path = RESULTS / f"calibration_{cell}.json"
        records = json.loads(path.read_text()) if path.exists() else []
        while len(records) < count:
            records += some(cell, len(records))
            path.write_text(json.dumps(records))
            print(f"{cell}: {len(records)} of {count}", flush=True)
    write(RESULTS, tuple(CELLS), COMMAND)


if __name__ == "__main__":
    main()
