"""The sweep's smaller runs again, evaluated more often on the way: ``python -m benchmarks.sweep.dense``.

    python -m benchmarks.sweep.dense [--minutes 60]

Two seeds of each cell up to 1e11 FLOPs, one of each at 3.2e11: the runs of the sweep, of the same seeds, with an evaluation
at every eighth of their length too. Each is a line of ``dense.jsonl`` and is never run twice; the table,
benchmarks/results/sweep_dense.csv, is written at the end.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import pandas as pd

from benchmarks.sweep.__main__ import append, finished
from benchmarks.sweep.design import design
from benchmarks.sweep.training import CHECKPOINTS, Run, train

OUT = Path(__file__).parent / "dense.jsonl"
TABLE = Path(__file__).parents[1] / "results" / "sweep_dense.csv"
SHARES = tuple(sorted({*CHECKPOINTS, *(k / 8 for k in range(1, 8))}))
SEEDS = {"3e+09": 2, "1e+10": 2, "3e+10": 2, "1e+11": 2, "3e+11": 1}
"""Budget -> how many seeds of each of its cells."""


def chosen() -> list[Run]:
    """The runs, the small ones first."""
    runs = [
        run for run in design(1e12) if run.role == "grid" and run.seed < SEEDS.get(f"{run.budget:.0e}", 0)
    ]
    return sorted(runs, key=lambda run: run.budget)


def table() -> pd.DataFrame:
    """A row for each evaluation."""
    rows = []
    for record in finished(OUT).values():
        row = record["row"]
        about = {
            "group": row["corpus"],
            "params": row["params"],
            "seed": row["seed"],
            "trajectory": row["run"],
        }
        rows += [
            about
            | {"tokens": at["tokens"], "loss": round(at["loss"], 6), "share": at["tokens"] / row["tokens"]}
            for at in record["trajectory"]
        ]
    return pd.DataFrame(rows).sort_values(["trajectory", "tokens"]).round({"share": 4})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep.dense", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no run is begun")
    until = time.monotonic() + 60 * parser.parse_args().minutes
    done = finished(OUT)
    for run in chosen():
        if run.name not in done and time.monotonic() < until:
            row, trajectory = train(run, SHARES)
            append(OUT, {"row": row, "trajectory": trajectory})
            print(f"{run.name}: {row['loss']:.4f} in {row['seconds']:.0f} s", flush=True)
    table().to_csv(TABLE, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
