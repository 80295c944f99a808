"""Fits with groups: seconds, leapfrog steps, R-hat, effective draws and divergences of each.

    BAYES_SCALING_DATA=... uv run benchmarks/hierarchies.py [--only TABLE] [--page]

Each fit is a line of benchmarks/results/hierarchies.jsonl, and is skipped while it is there; the page beside it is made
from that file, and --page makes it and samples nothing. A process fits every table and law twice, with other seeds: what
was compiled for the first serves the second, which is the one that counts; seconds of the first stand beside.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.inference.convergence import convergence
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
PIECES = RESULTS / "hierarchies.jsonl"
COMMAND = "BAYES_SCALING_DATA=../shared/data uv run benchmarks/hierarchies.py"
CASES = [
    *[("sweep", law, "partial") for law in ("rosenfeld", "skaling", "chinchilla")],
    *[("pile", law, "partial") for law in ("skaling", "kaplan", "chinchilla")],
    ("gadre", "chinchilla", "partial"),
    ("gzip_pcfg", "chinchilla", "partial"),
    ("sweep", "chinchilla", "none"),
    ("30 groups", "chinchilla", "partial"),
    ("300 groups", "chinchilla", "partial"),
]
LARGEST = "1.2e12"  # FLOPs of the largest runs of the sweep's grid


def table(name: str) -> bs.Runs:
    """A table by name; `N groups` are simulated, 20 runs each."""
    if name == "sweep":
        return bs.datasets.load(name).split(LARGEST)[0]
    if name == "pile":
        return bs.datasets.load(name)
    if not name.endswith(" groups"):
        return bs.datasets.external(name)
    groups, each, rng = int(name.split()[0]), 20, np.random.default_rng(0)
    own = {
        key: np.repeat(middle * np.exp(spread * rng.standard_normal(groups)), each)
        for key, (middle, spread) in {
            "E": (1.7, 0.1), "A": (0.4, 0.1), "B": (0.3, 0.1), "alpha": (0.33, 0.05), "beta": (0.3, 0.05),
        }.items()
    }  # fmt: skip
    n, d = 10 ** rng.uniform(7.5, 9.5, groups * each), 10 ** rng.uniform(9, 11, groups * each)
    law = own["E"] + own["A"] * (n / 5e8) ** -own["alpha"] + own["B"] * (d / 1e10) ** -own["beta"]
    group = np.repeat([f"g{i}" for i in range(groups)], each)
    loss = law * np.exp(0.005 * rng.standard_normal(len(law)))
    return bs.load_runs(pd.DataFrame({"group": group, "params": n, "tokens": d, "loss": loss}), name=name)


def measured(name: str, law: str, pooling: str) -> dict[str, Any]:
    """Two fits at default draws: seconds of both, and the health of the second."""
    runs, seconds = table(name), []
    for seed in (1, 2):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # all of it is in the figures
            fit = bs.fit(runs, law, pooling=pooling, noise="constant", seed=seed)
        seconds.append(time.perf_counter() - began)
    found, stats = convergence(fit.posterior), fit.tree["sample_stats"]
    return {
        "table": name, "law": law, "pooling": pooling, "runs": len(runs), "groups": len(runs.groups),
        "first": seconds[0], "seconds": seconds[1], "steps": float(stats["n_steps"].mean()),
        "spacing": int(fit.provenance["spacing"]), "r_hat": float(found["r_hat"].max()),
        "bulk": float(found["ess_bulk"].min()), "tail": float(found["ess_tail"].min()),
        "divergences": int(stats["diverging"].sum()),
    }  # fmt: skip


def pieces() -> list[dict[str, Any]]:
    """What is in the file."""
    return [json.loads(line) for line in PIECES.read_text().splitlines()] if PIECES.exists() else []


def page() -> None:
    """The page, from the file alone."""
    rows = [
        [
            p["table"], p["runs"], p["groups"], p["law"], p["pooling"], f"{p['seconds']:.1f}", f"{p['first']:.0f}",
            f"{p['steps']:.0f}", p["spacing"], f"{p['r_hat']:.3f}", f"{p['bulk']:.0f}", f"{p['tail']:.0f}",
            f"{min(p['bulk'], p['tail']) / p['seconds']:.0f}", p["divergences"],
        ]
        for p in pieces()
    ]  # fmt: skip
    headings = [
        "table", "runs", "groups", "law", "pooling", "seconds", "first fit, s", "steps a draw", "draws made for one",
        "R-hat", "bulk ESS", "tail ESS", "effective a second", "divergences",
    ]  # fmt: skip
    text = [
        "# Fits with groups", "",
        f"Made by `{COMMAND}` on a 2-core x86-64 CPU. 4 chains of 1,000 draws; seconds hold warm-up and everything else of a",
        "fit whose program is compiled, those of the first fit compilation too, or its cache on disk. R-hat and effective draws are",
        "the worst of all quantities; a tail is the 5% or the 95% quantile. Steps are leapfrog steps for each kept draw.", "",
        markdown(headings, rows), "",
    ]  # fmt: skip
    (RESULTS / "hierarchies.md").write_text("\n".join(text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="fit this table alone")
    parser.add_argument("--page", action="store_true", help="make the page and sample nothing")
    chosen = parser.parse_args()
    done = {(p["table"], p["law"], p["pooling"]) for p in pieces()}
    for case in [] if chosen.page else CASES:
        if case not in done and chosen.only in (None, case[0]):
            piece = measured(*case)
            with PIECES.open("a") as file:
                file.write(json.dumps(piece) + "\n")
            print(piece, flush=True)
    page()
