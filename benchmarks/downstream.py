"""Tasks of the largest models, forecast from the smaller: compute -> loss -> share of test items.

    BAYES_SCALING_DATA=... python benchmarks/downstream.py --work FOLDER [--only gadre] [--page]

`gadre`: 41 tasks whose number of test items is told by their shares (the smallest whole number that makes every share
a count). Runs of at most .41B parameters are fitted: C4 loss by `skaling` with corpora pooled partially, and each task
by `task_of_loss`. The nine runs of 1.4B and 6.9B are forecast. `families`: published base models; step one is the error
on HellaSwag against compute (a power law in each family), step two another benchmark against that error. The largest
model of each family with at least three is forecast from the others.

Fits stay in FOLDER, and a run that was interrupted goes on; the page is written from downstream_<section>.json.
"""

import argparse
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.evaluation.scores import scores_of_draws

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/downstream.py --work downstream-work"
SPREADS = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Drifts of the log odds of a task, per power of ten of compute beyond the runs: chosen with each task left out."""

SEED, DRAWS = 1, 500
FAMILY_ITEMS = {"MMLU": 14042, "ARC-C": 1172, "Winograd": 1267, "GSM8K": 1319, "HumanEval": 164}


def data(path: str) -> pd.DataFrame:
    return pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / path)


def number_of_items(shares: np.ndarray, most: int = 25_000) -> int | None:
    """The smallest number of test items for which every share is a whole count; None where there is none."""
    counts = np.arange(10, most)
    off = np.zeros(len(counts))
    for share in shares:
        off = np.maximum(off, np.abs(share * counts - np.round(share * counts)))
    fits = np.flatnonzero(off < 2e-7 * counts + 1e-3)
    return int(counts[fits[0]]) if len(fits) else None


def gadre() -> tuple[Any, dict[str, pd.DataFrame], pd.DataFrame, dict[str, Any]]:
    """Runs for step one, a table per task for step two, the runs to forecast, and how step one is fitted."""
    table = data("gadre/runs.csv").rename(
        columns={"N": "params", "D": "tokens", "train_data": "group", "loss_c4_val": "val_loss"}
    )
    held = table["params"] > 1e9
    first = bs.load_runs(
        table.loc[~held, ["params", "tokens", "group", "val_loss"]], loss="val_loss", name="gadre"
    )
    tasks = {}
    for column in (c for c in table if c.startswith("acc:")):
        if items := number_of_items(table[column].to_numpy()):
            tasks[column[4:]] = table.loc[~held, ["val_loss"]].assign(
                loss=table.loc[~held, column], items=items
            )
    return first, tasks, table[held].rename(columns=lambda c: c.removeprefix("acc:")), {"law": "skaling"}


def families() -> tuple[Any, dict[str, pd.DataFrame], pd.DataFrame, dict[str, Any]]:
    """As `gadre`, of published models."""
    table = data("downstream_observational/base_llm_benchmark_eval.csv").dropna(subset="FLOPs (1E21)")
    table = table.rename(columns={"Model Family": "group"}).assign(
        flops=1e21 * table["FLOPs (1E21)"], val_loss=1 - table["HellaSwag"]
    )
    table = table[table.groupby("group")["flops"].transform("nunique") >= 3]
    held = table["flops"] == table.groupby("group")["flops"].transform("max")
    first = bs.load_runs(
        table.loc[~held, ["flops", "group", "val_loss"]], loss="val_loss", inputs="flops", name="families"
    )
    tasks = {}
    for task, items in FAMILY_ITEMS.items():
        seen = table[~held & table[task].notna()]
        tasks[task] = seen[["val_loss"]].assign(loss=seen[task], items=items)
    return first, tasks, table[held], {"law": "power_law:flops"}


def scored(draws: Any, outcome: np.ndarray) -> list[dict[str, float]]:
    """Each point's scores; ties of counts are split at random."""
    flat = draws.stack(every=("chain", "draw")).transpose("every", "point").to_numpy()
    rng = np.random.default_rng(SEED)
    flat = flat + 1e-9 * rng.standard_normal(flat.shape)
    scores = scores_of_draws(flat, outcome)
    wanted = {
        "pit": scores.pit,
        "crps": scores.crps,
        "width": scores.width,
        "error": scores.median - outcome,
    }
    return [{k: float(v[i]) for k, v in wanted.items()} for i in range(len(outcome))]


def section(name: str, work: Path) -> dict[str, Any]:
    """Both steps, and what they say of the runs held out."""
    first, tasks, held, how = {"gadre": gadre, "families": families}[name]()
    (step_one,) = bs.fit_many({name: first}, draws=DRAWS, seed=SEED, folder=work, **how)
    if step_one.fit is None:
        raise RuntimeError(step_one.error)
    loss = step_one.fit
    tables = {
        task: bs.load_runs(rows, items="items", inputs="val_loss", name=task) for task, rows in tasks.items()
    }
    record: dict[str, Any] = {"r_hat": loss.diagnose().r_hat, "tasks": {}}
    for outcome in bs.fit_many(tables, "task_of_loss", draws=DRAWS, seed=SEED, folder=work / "tasks"):
        if outcome.fit is None:
            record["tasks"][outcome.name] = {"error": outcome.error}
            continue
        task, rows = outcome.fit, []
        for group, runs in held[held[outcome.name].notna()].groupby("group"):
            at = {column: runs[column].to_numpy() for column in loss.law.columns}
            reached = runs[outcome.name].to_numpy()
            both = {
                str(s): scored(bs.two_step(loss, task, group=group, task_drift=s, **at).new_run, reached)
                for s in SPREADS
            }
            alone = scored(task.predict(val_loss=runs["val_loss"].to_numpy(), drift=False).new_run, reached)
            rows += [
                {"group": group, "reached": float(reached[i]), "given the loss": alone[i]}
                | {s: b[i] for s, b in both.items()}
                for i in range(len(runs))
            ]
        chance = task.posterior["chance"].quantile([0.05, 0.95]).to_numpy().round(4).tolist()
        record["tasks"][outcome.name] = {"r_hat": task.diagnose().r_hat, "chance": chance, "runs": rows}
        print(f"  {name} {outcome.name}: {len(rows)} runs forecast", flush=True)
    return record


def pooled(rows: list[dict[str, float]]) -> dict[str, float]:
    """Scores of many forecasts, each counted once."""
    gap = np.abs(np.array([row["pit"] for row in rows]) - 0.5)
    return {
        **{f"{p:.0%}": float(np.mean(gap <= p / 2)) for p in (0.5, 0.8, 0.9, 0.95)},
        **{k: float(np.mean([abs(row[k]) for row in rows])) for k in ("width", "crps", "error")},
    }


def left_out(tasks: dict[str, Any]) -> dict[str, str]:
    """For each task, the drift of the second step that scores best (CRPS) on all others."""
    crps = {
        t: {s: np.mean([run[str(s)]["crps"] for run in v["runs"]]) for s in SPREADS} for t, v in tasks.items()
    }
    return {
        t: str(min(SPREADS, key=lambda s: np.mean([crps[other][s] for other in tasks if other != t])))
        for t in tasks
    }


def page() -> str:
    lines = [
        "# Downstream tasks of larger models",
        "",
        f"Made by `{COMMAND}`; seed {SEED}, {DRAWS} draws x 4 chains; bayes-scaling {bs.__version__}.",
        "",
        *(__doc__ or "").split("\n\n")[2].splitlines(),
        "",
        "Coverage of the intervals of a new run, their mean width, the mean CRPS and the mean size of the median's error,",
        "all in shares. The drift of log odds is that which scores best on all other tasks.",
    ]
    for name in ("gadre", "families"):
        path = RESULTS / f"downstream_{name}.json"
        if not path.exists():
            continue
        record = json.loads(path.read_text())
        tasks = {t: v for t, v in record["tasks"].items() if "error" not in v}
        drift = left_out(tasks)
        parts = {
            "**two steps, drift of other tasks**": [r[drift[t]] for t, v in tasks.items() for r in v["runs"]],
            "two steps, no drift of the task": [r["0.0"] for v in tasks.values() for r in v["runs"]],
            "second step alone, at the loss that was reached": [
                r["given the loss"] for v in tasks.values() for r in v["runs"]
            ],
        }
        good = [v["r_hat"] for v in tasks.values()]
        lines += [
            "",
            f"## {name}",
            "",
            "| forecast | 50% held | 80% | 90% | 95% | width of 90% | CRPS | error |",
        ]
        lines += ["|" + "---|" * 8]
        for label, rows in parts.items():
            s = pooled(rows)
            cells = [f"{s[k]:.2f}" for k in ("50%", "80%", "90%", "95%")]
            lines.append(
                f"| {label} | "
                + " | ".join(cells + [f"{s[k]:.4f}" for k in ("width", "crps", "error")])
                + " |"
            )
        chosen = sorted(set(drift.values()))
        lines += [
            "",
            f"{len(tasks)} tasks, {len(parts['two steps, no drift of the task'])} forecasts; drift chosen: "
            f"{', '.join(chosen)}. R-hat at most 1.01 in {np.mean(np.array(good) <= 1.01):.0%} of the tasks' fits "
            f"(worst {max(good):.3f}), {record['r_hat']:.3f} in step one.",
            "",
            "| task | forecasts | 90% held | error of the median | width of 90% |",
            "|---|---|---|---|---|",
        ]
        for task, value in tasks.items():
            s = pooled([r[drift[task]] for r in value["runs"]])
            lines.append(
                f"| {task} | {len(value['runs'])} | {s['90%']:.2f} | {s['error']:.4f} | {s['width']:.4f} |"
            )
        refused = {t: v["error"] for t, v in record["tasks"].items() if "error" in v}
        lines += [f"Not fitted: {t} ({e})." for t, e in refused.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", choices=("gadre", "families"))
    parser.add_argument("--page", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
    warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
    for name in [] if args.page else [args.only] if args.only else ["gadre", "families"]:
        (args.work / name / "tasks").mkdir(parents=True, exist_ok=True)
        record = section(name, args.work / name)
        (RESULTS / f"downstream_{name}.json").write_text(json.dumps(record))
    (RESULTS / "downstream.md").write_text(page())


if __name__ == "__main__":
    main()
