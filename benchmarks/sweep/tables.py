"""From the file of finished runs to the tables: ``python -m benchmarks.sweep.tables``.

Writes the package's tables ``sweep`` (grid and holdout) and ``sweep_trajectories`` (their evaluations on the way),
and benchmarks/results/sweep_bowl.csv (the runs whose learning rate was scaled, beside those whose was not).
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.sweep.__main__ import OUT, finished
from benchmarks.sweep.corpora import corpus, language
from benchmarks.sweep.design import BOWL, CORPORA

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "bayes_scaling" / "data" / "datasets"
BOWL_TABLE = ROOT / "benchmarks" / "results" / "sweep_bowl.csv"
DIGITS = {"loss": 6, "eval_se": 6, "bits_per_byte": 6, "rate": 7, "epochs": 4, "seconds": 1, "oracle_loss": 6}
ORDER = ["group", "role", "budget", "params", "tokens", "seed"]


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table, whole or not at all, and never in the place of a longer one."""
    there = len(pd.read_csv(path)) if path.exists() else 0
    if there > len(table):
        raise SystemExit(
            f"{path.relative_to(ROOT)} has {there} rows and is kept: the finished runs make {len(table)}; "
            "train the others first (python -m benchmarks.sweep), or move it away"
        )
    partial = path.with_suffix(".partial")
    rounded = table.round({name: digits for name, digits in DIGITS.items() if name in table})
    rounded.to_csv(partial, index=False, lineterminator="\n")
    os.replace(partial, path)
    print(f"{path.relative_to(ROOT)}: {len(table)} rows, {path.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    if not OUT.exists():
        raise SystemExit(
            f"no finished runs in {OUT.relative_to(ROOT)}: python -m benchmarks.sweep trains them"
        )
    records = list(finished(OUT).values())
    runs = pd.DataFrame([record["row"] for record in records]).rename(columns={"corpus": "group"})
    assert set(runs["group"]) <= set(CORPORA)
    known = np.mean(language().oracle(corpus("words").windows))
    runs["oracle_loss"] = np.where(runs["group"] == "words", known, np.nan)
    runs["flops"] = 6 * runs["params"] * runs["tokens"]
    first = ["group", "role", "params", "tokens", "loss", "seed", "flops", "eval_se"]
    runs = runs[[*first, *(name for name in runs if name not in first)]].sort_values(ORDER)
    design = runs[runs["role"] != "bowl"].drop(columns="rate_factor")
    write(design, TABLES / "sweep.csv")

    on_the_way = pd.DataFrame([point for record in records for point in record["trajectory"]])
    on_the_way = on_the_way.merge(
        design[["run", "group", "role", "params", "seed"]], on="run"
    )  # without the bowl
    on_the_way["share"] = (on_the_way["step"] / on_the_way.groupby("run")["step"].transform("max")).round(4)
    on_the_way = on_the_way.rename(columns={"run": "trajectory"})
    columns = ["group", "role", "params", "tokens", "loss", "seed", "trajectory", "share"]
    write(on_the_way.sort_values(["trajectory", "tokens"])[columns], TABLES / "sweep_trajectories.csv")

    unscaled = [
        (runs["width"] == width) & (runs["layers"] == layers) & np.isclose(runs["budget"], 1e12 * 10**power)
        for power, (width, layers) in BOWL.items()
    ]
    in_bowl = (runs["role"] == "bowl") | (
        (runs["seed"] == 0) & (runs["role"] == "grid") & np.any(unscaled, axis=0)
    )
    columns = ["group", "params", "tokens", "steps", "rate_factor", "rate", "loss", "eval_se"]
    write(runs[in_bowl].sort_values(["group", "params", "rate_factor"])[columns], BOWL_TABLE)


if __name__ == "__main__":
    main()
