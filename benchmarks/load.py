"""Large tables and large batches: that they end, how long they take, and in how much memory.

    uv run benchmarks/load.py [--only NAME ...]

Each is done by a process of its own, whose peak of memory is read at its end. All with noise="constant", which sums over
the rows; draws are few, as what is asked is what a draw costs. Writes benchmarks/results/load.json.
"""

import argparse
import json
import os
import resource
import signal
import tempfile
import time
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs

RESULTS = Path(__file__).parent / "results" / "load.json"
TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}
FEW: Any = {"noise": "constant", "draws": 50, "chains": 2, "max_warmup": 200, "seed": 1}
FITS = 200


def runs_of(rng: np.random.Generator, n: int, level: float = 1.0) -> pd.DataFrame:
    """Runs scattered over two decades each of N and D."""
    x, y = 10 ** rng.uniform(-1, 1, (2, n))
    loss = level * bs.LAWS["chinchilla"](x, y, **TRUTH) * np.exp(0.005 * rng.standard_normal(n))
    return pd.DataFrame({"params": 5e8 * x, "tokens": 1e10 * y, "loss": loss})


def groups() -> dict[str, Any]:
    """100 groups of 1,000 runs each."""
    rng = np.random.default_rng(1)
    tables = [
        runs_of(rng, 1000, np.exp(0.05 * rng.standard_normal())).assign(group=f"g{i}") for i in range(100)
    ]
    return fitted(pd.concat(tables, ignore_index=True))


def checkpoints() -> dict[str, Any]:
    """10,000 checkpoints of 100 trajectories."""
    rng = np.random.default_rng(2)
    rows = []
    for i in range(100):
        n, share = 5e8 * 10 ** rng.uniform(-1, 1), np.linspace(0.01, 1, 100)
        d = 20 * n * share
        loss = bs.LAWS["chinchilla"](n / 5e8, d / 1e10, **TRUTH)
        noise = 0.003 * rng.standard_normal() + 0.001 * rng.standard_normal(100)
        rows.append(
            pd.DataFrame({"params": n, "tokens": d, "loss": loss * np.exp(noise), "trajectory": str(i)})
        )
    return fitted(pd.concat(rows, ignore_index=True))


def fitted(table: pd.DataFrame) -> dict[str, Any]:
    """A fit to a table, its diagnosis, and the largest error of a parameter that all groups share, in posterior sd."""
    began = time.perf_counter()
    fit = bs.fit(table, "chinchilla", **FEW)
    took = {"rows": len(table), "fit (s)": time.perf_counter() - began}
    began = time.perf_counter()
    found = fit.diagnose()
    took["diagnosis (s)"] = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = fit.save(Path(folder) / "fit.nc")
        bs.open_fit(path)
        took |= {"saved and opened (s)": time.perf_counter() - began, "file (MB)": path.stat().st_size / 1e6}
    there = fit.predict(5e10, 1e12, group=fit.groups[0]).interval(0.9)
    took["band of a run"] = [float(np.ravel(end)[0]) for end in there]
    steps = fit.tree["sample_stats"]["n_steps"]
    return took | {"leapfrog steps a draw": float(steps.mean()), "R-hat": found.r_hat}


def batch() -> dict[str, Any]:
    """200 fits on a cluster whose workers are killed, beside the same fits in one process."""
    import distributed

    rng = np.random.default_rng(3)
    tables = {f"table {i}": runs_of(rng, 12) for i in range(FITS)}
    options = FEW | {"draws": 20, "max_warmup": 50}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        killed, began = 0, time.perf_counter()
        came = {}
        for outcome in bs.fit_many(tables, "power_law:params", client=client, **options):
            came[outcome.name] = outcome
            if len(came) in (20, 80, 140):
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
                killed += 1
        there = time.perf_counter() - began
    began = time.perf_counter()
    apart, errors = 0, sum(bool(outcome.error) for outcome in came.values())
    for outcome in bs.fit_many(tables, "power_law:params", **options):
        one, other = outcome.fit, came[outcome.name].fit
        apart += one is None or other is None or not one.posterior.equals(other.posterior)
    here = time.perf_counter() - began
    return {"fits": FITS, "workers killed": killed, "on the cluster (s)": there, "in one process (s)": here,
            "failed": errors, "not equal to the last bit": apart}  # fmt: skip


def many_fits() -> dict[str, Any]:
    """Memory of a batch of which nothing is kept: after 20 fits, and after 200."""
    rng, seen = np.random.default_rng(3), {}
    tables = {f"table {i}": runs_of(rng, 12) for i in range(FITS)}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        options = FEW | {"draws": 20, "max_warmup": 50, "folder": folder}
        for done, _ in enumerate(bs.fit_many(tables, "power_law:params", **options), 1):
            if done in (20, FITS):
                seen[f"peak after {done} fits (MB)"] = peak()
    return {"fits": FITS, "batch (s)": time.perf_counter() - began} | seen


def peak() -> float:
    """The peak of this process's memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


LOADS = {load.__name__: load for load in (groups, checkpoints, batch, many_fits)}


def alone(name: str, pipe: Any) -> None:
    """One load, in this process."""
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    found = LOADS[name]() | {"wall (s)": time.perf_counter() - began, "peak memory (MB)": peak()}
    pipe.send(
        {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in found.items()}
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=LOADS)
    asked = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked.only or LOADS:
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=alone, args=(name, theirs))
        process.start()
        theirs.close()
        found[name] = ours.recv()
        process.join()
        print(name, found[name], flush=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
