"""Does the 90% interval of N_opt hold the minimum of an isoFLOP profile at a larger budget?

    BAYES_SCALING_DATA=... python benchmarks/choices.py

The runs of a table below a budget are fitted, with a drift and with a discrepancy, and N_opt at that budget is compared
with the minimum of the parabola through the runs there: of the budgets with at least two profiles below them. Each fit
is written to benchmarks/results/choices.json as soon as it is done, and is skipped while it is there.
"""

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import extrapolation
import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.evaluation.isoflop import isoflop_runs

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/choices.py"
DRAWS, APART = 400, 3.0
"""Draws of each chain; how many times the compute that is fitted a profile must have."""

SETTINGS: dict[str, dict[str, Any]] = {
    "skaling, drift": {"law": "skaling", "noise": "constant"},
    "chinchilla, discrepancy": {"law": "chinchilla", "noise": "discrepancy"},
}


def _bytes() -> Any:
    path = Path(os.environ["BAYES_SCALING_DATA"]) / "small_sweeps/byte_isoflop.csv"
    return bs.load_runs(pd.read_csv(path), params="N", tokens="D", name="byte_isoflop")


TABLES = {
    **{name: extrapolation.TABLES[name] for name in ("chinchilla_epoch", "porian", "misfitting")},
    "byte_isoflop": _bytes,
    "sweep": lambda: bs.datasets.load("sweep"),
}


def minimum(runs: Any) -> float | None:
    """N at the minimum of the parabola through a profile, in log N and log loss; None where it is not inside."""
    n, loss = np.log(runs.params), runs.log_loss
    second, first, _ = np.polyfit(n - n.mean(), loss, 2)
    at = n.mean() - first / (2 * second)
    return float(np.exp(at)) if second > 0 and n.min() < at < n.max() else None


def questions(table: str) -> Iterator[tuple[str, float, float, Any]]:
    """Of each group: its label, a budget, the minimum of its profile, and the runs below."""
    runs = TABLES[table]()
    for g, label in enumerate(runs.groups):
        own = runs.select(runs.group_index == g)
        try:
            grouped = isoflop_runs(own)
        except bs.InputError:
            continue
        budgets = {
            label: float(np.exp(np.log(grouped.flops[grouped.group_index == i]).mean()))
            for i, label in enumerate(grouped.groups)
        }
        for i, profile in enumerate(grouped.groups):
            budget, best = budgets[profile], minimum(grouped.select(grouped.group_index == i))
            below = own.flops < budget / APART
            if best is not None and sum(b < budget / APART for b in budgets.values()) >= 2:
                yield label, budget, best, own.select(below)


def page(rows: list[dict[str, Any]]) -> None:
    found = pd.DataFrame(rows)
    found["held"] = (found["low"] <= found["minimum"]) & (found["minimum"] <= found["high"])
    found["width, decades"] = np.log10(found["high"] / found["low"])
    found["miss, decades"] = np.log10(found["median"] / found["minimum"])
    kept = ["held", "width, decades", "miss, decades"]
    by_table = found.groupby(["setting", "table"])[kept].mean()
    by_table.insert(0, "profiles", found.groupby(["setting", "table"]).size())
    overall = found.groupby("setting")[kept].mean()
    overall.insert(0, "profiles", found.groupby("setting").size())
    lines = [
        "# N_opt at a larger budget, and the minimum of its profile", "", f"Made by `{COMMAND}`; seed 1, {DRAWS} draws x 4 chains.",
        "Runs of less than a third of a budget are fitted, group by group; the minimum is that of a parabola in log N through the",
        "runs of the budget, where it lies among them; its own error is not counted.", "",
        overall.round(3).reset_index().to_markdown(index=False), "", by_table.round(3).reset_index().to_markdown(index=False),
    ]  # fmt: skip
    (RESULTS / "choices.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    path = RESULTS / "choices.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    for table in TABLES:
        for group, budget, best, below in questions(table):
            for setting, options in SETTINGS.items():
                if any(
                    (r["table"], r["group"], r["budget"], r["setting"]) == (table, group, budget, setting)
                    for r in rows
                ):
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    fit = bs.fit(below, seed=1, draws=DRAWS, **options)
                    sizes = fit.allocate(flops=budget).params
                low, median, high = map(float, np.nanquantile(sizes, [0.05, 0.5, 0.95]))
                rows.append(
                    {
                        "table": table, "group": group, "budget": budget, "setting": setting, "fitted": len(below),
                        "minimum": best, "low": low, "median": median, "high": high,
                    }
                )  # fmt: skip
                path.write_text(json.dumps(rows, indent=1))
                print(
                    f"{table} {group} {budget:.2g} {setting}: {best:.3g} in {low:.3g} to {high:.3g}",
                    flush=True,
                )
    page(rows)


if __name__ == "__main__":
    main()
