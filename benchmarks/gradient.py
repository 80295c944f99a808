"""What a gradient of the log likelihood costs, in microseconds of processor time.

    BAYES_SCALING_DATA=... uv run benchmarks/gradient.py [--label NAME] [--redo]

Each table is written to benchmarks/results/gradient.json when it is done, and skipped while it is there; ``--label`` names
the version that was measured. The loop is compiled, on one thread; the least of four runs counts.
"""

import argparse
import json
import os
import time
from itertools import product
from pathlib import Path
from typing import Any

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import as_noise
from bayes_scaling.model.structure import structure
from bayes_scaling.sampling.jax_model import program
from bayes_scaling.sampling.padding import padded_data, padded_structure

RESULTS = Path(__file__).parent / "results" / "gradient.json"
SIMULATED = {"24 runs": (3, 8), "96 runs": (3, 32), "400 runs": (20, 20), "6000 runs": (300, 20)}
CASES = {"sweep": "rosenfeld", "pile": "skaling", "gadre": "skaling"} | dict.fromkeys(
    ["chinchilla_epoch", *SIMULATED], "chinchilla"
)
NOISES = ("constant", "discrepancy")


def table(name: str) -> Any:
    """One of the embedded tables, of those that are not, or so many groups of so many configurations."""
    if name in SIMULATED:
        groups, configurations = SIMULATED[name]
        rng, count = np.random.default_rng(0), groups * configurations
        n, d = 10 ** rng.uniform(7.5, 9.5, count), 10 ** rng.uniform(9, 11, count)
        loss = (1.7 + 0.4 * (n / 5e8) ** -0.33 + 0.3 * (d / 1e10) ** -0.3) * np.exp(
            0.01 * rng.normal(size=count)
        )
        group = np.repeat([f"group {g}" for g in range(groups)], configurations)
        return bs.load_runs(pd.DataFrame({"group": group, "params": n, "tokens": d, "loss": loss}), name=name)
    if name == "gadre":
        found = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "gadre/runs.csv")
        found["loss_se"] = (found["hi95_c4_val"] - found["lo95_c4_val"]) / 3.92
        names = {"N": "params", "D": "tokens", "train_data": "group", "loss_c4_val": "loss"}
        return bs.load_runs(found.rename(columns=names)[[*names.values(), "loss_se"]], name=name)
    return bs.datasets.external(name) if name == "chinchilla_epoch" else bs.datasets.load(name)


def measured(name: str, law_name: str, noise_name: str) -> dict[str, Any]:
    """Rows that the sampler reads, and microseconds a gradient in theta and the shared parameters."""
    runs, law, noise = table(name), bs.LAWS[law_name], as_noise(noise_name)
    shape = structure(runs, law, noise, "partial" if len(runs.groups) > 1 else None)
    wide = padded_structure(shape)
    data, of = padded_data(model_data(runs, law, noise), wide), program(wide).log_likelihood
    location, spread = (
        np.array([getattr(p, k) for p in shape.priors.values()]) for k in ("location", "spread")
    )
    cut, n = shape.n_groups * len(spread), max(60, 150_000 // (wide.n_rows + 30))

    def density(x: Any, data: Any) -> Any:
        theta = location + spread * x[:cut].reshape(-1, len(spread))
        return of(theta, x[cut:], data).sum() - 0.5 * jnp.sum(x**2)

    @jax.jit
    def loop(x: Any, data: Any) -> Any:
        return jax.lax.fori_loop(0, n, lambda _, y: y + 1e-9 * jnp.tanh(jax.grad(density)(y, data)), x)

    at = 0.1 * np.random.default_rng(0).standard_normal(cut + len(shape.global_priors))
    jax.block_until_ready(loop(at, data))
    times = []
    for _ in range(4):
        start = time.process_time()
        jax.block_until_ready(loop(at, data))
        times.append(time.process_time() - start)
    return {"runs": len(runs), "rows": wide.n_rows, "microseconds": round(min(times) / n * 1e6, 1)}


def main() -> None:
    """Measures what is not there yet, and prints all that is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--label", default="now")
    parser.add_argument("--redo", action="store_true")
    args = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    mine = found.setdefault(args.label, {})
    for (name, law), noise in product(CASES.items(), NOISES):
        key = name if noise == "constant" else f"{name}, {noise}"
        if args.redo or key not in mine:
            mine[key] = {"law": law, **measured(name, law, noise)}
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    for label, rows in found.items():
        print(label, pd.DataFrame.from_dict(rows, orient="index"), sep="\n")


if __name__ == "__main__":
    main()
