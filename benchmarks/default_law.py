"""Does a ceiling on the default law, where the largest losses bend towards one, forecast larger runs better?

    BAYES_SCALING_DATA=... python benchmarks/default_law.py [--only TABLE,TABLE] [--page]

Each cut of each table is fitted with `chinchilla`, with `chinchilla+ceiling`, and asked which of them the default takes; the
larger runs are scored. Last, what the default takes is fitted with as many draws as by default. A piece is a line of benchmarks/results/default_law.jsonl, and is skipped while it is there; the page
benchmarks/results/default_law.md is made from that file alone.
"""

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import discrepancy
import extrapolation
import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.evaluation.loo import leave_one_out
from bayes_scaling.evaluation.predictive import predictive
from bayes_scaling.inference.default_law import default_law
from bayes_scaling.laws.names import DEFAULT

RESULTS = Path(__file__).parent / "results"
PIECES = RESULTS / "default_law.jsonl"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/default_law.py"
CAPPED, CHOSEN, RELEASED = f"{DEFAULT}+ceiling", "default", "as released"
DRAWS = 400  # of each of four chains, but of the last
KEY = ("table", "cut", "law")
DISTANCES = {"1-3x": (0, 3), "3-10x": (3, 10), "10-30x": (10, 30), "30x and more": (30, np.inf)}


def scored(train: bs.Runs, test: bs.Runs, law: str | None, **settings: int) -> dict[str, Any]:
    """One fit, and what it said of the larger runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = bs.fit(train, law, seed=1, **settings)
        health = fit.diagnose()
        scores = predictive(fit, test).scores(fit.drift)
        loo = leave_one_out(fit, fit.law.name, refit=False)
    largest = [train.scale[train.group_index == i].max(initial=0) for i in range(len(train.groups))]
    own = [train.groups.index(test.groups[i]) for i in test.group_index]
    found = {
        "fitted": len(train), "takes": fit.law.name, "r_hat": health.r_hat, "ok": health.ok, "converged": health.converged,
        "seconds": fit.provenance["seconds"],
        "loo": float(loo.log_density.sum()),
        "beyond": np.round(test.scale / np.array(largest)[own], 3).tolist(),
        "log_density": np.round(scores.log_density, 3).tolist(), "pit": np.round(scores.pit, 4).tolist(),
        "width": np.round(scores.width, 4).tolist(),
    }  # fmt: skip
    if "G" in fit.posterior:
        found["ceiling"] = float(fit.posterior["G"].median()) / float(train.loss.max())
    return found


def sample(only: list[str]) -> None:
    """All pieces that are not there yet."""
    there = {tuple(piece[name] for name in KEY) for piece in pieces()}
    for table in only:
        for cut, (train, test) in extrapolation.cuts(discrepancy.TABLES[table][1]()).items():
            for law in (DEFAULT, CAPPED, CHOSEN, RELEASED):
                if (table, cut, law) in there:
                    continue
                piece: dict[str, Any] = dict(zip(KEY, (table, cut, law), strict=True))
                if law == CHOSEN:
                    piece |= {"takes": default_law(train)[0].name}
                elif law == RELEASED:
                    piece |= scored(train, test, None)
                else:
                    piece |= scored(train, test, law, draws=DRAWS)
                with PIECES.open("a") as file:
                    file.write(json.dumps(piece) + "\n")
                print(*piece.values(), flush=True) if law == CHOSEN else None


def pieces() -> list[dict[str, Any]]:
    """What is in the file."""
    return [json.loads(line) for line in PIECES.read_text().splitlines()] if PIECES.exists() else []


def page() -> None:
    """The page, from the file alone."""
    of = {tuple(piece[name] for name in KEY): piece for piece in pieces()}
    rows, runs = [], []
    for table, cut, law in of:
        if law != CHOSEN or (table, cut, DEFAULT) not in of:
            continue
        takes = of[table, cut, CHOSEN]["takes"]
        row: dict[str, Any] = {"table": table, "cut": cut, "default": takes}
        for name, piece in {
            "none": of[table, cut, DEFAULT], "ceiling": of.get((table, cut, CAPPED)), "default": of.get((table, cut, takes))
        }.items():  # fmt: skip
            if piece is None:
                continue
            gap = np.abs(np.array(piece["pit"]) - 0.5)
            row[f"log density, {name}"] = np.mean(piece["log_density"])
            row[f"held, {name}"], row[f"width, {name}"] = np.mean(gap <= 0.45), np.mean(piece["width"])
            row[f"leave-one-out, {name}"] = piece["loo"]
            if name != "ceiling":
                runs += [
                    {"law": name, "beyond": b, "90%": g <= 0.45, "50%": g <= 0.25, "width": w}
                    for b, g, w in zip(piece["beyond"], gap, piece["width"], strict=True)
                ]
        rows.append(row)
    cuts, found = pd.DataFrame(rows), pd.DataFrame(runs)
    by_table = cuts.groupby("table", sort=False).mean(numeric_only=True)
    shown = pd.DataFrame(
        {
            "default below a ceiling": [f"{(cuts['default'][cuts['table'] == t] == CAPPED).sum()} of {(cuts['table'] == t).sum()} cuts" for t in by_table.index],
            **{f"{what}, {name}": by_table[f"{what}, {name}"].round(3) for what in ("log density", "held", "width") for name in ("none", "ceiling", "default")},
        }
    )  # fmt: skip
    means = shown.drop(columns="default below a ceiling").mean().round(3)
    both = cuts.dropna(subset=["leave-one-out, ceiling"])
    gained = both["leave-one-out, ceiling"] - both["leave-one-out, none"]
    better = both["log density, ceiling"] - both["log density, none"]
    lines = [
        "# The default law: a ceiling where the largest losses bend towards one", "",
        f"Made by `{COMMAND}`; {DRAWS} draws x 4 chains, seed 1, noise `discrepancy`. none: `{DEFAULT}`; ceiling: `{CAPPED}`; "
        "default: what a fit takes where no law is named. Held: of the larger runs by the 90% band. Means of cuts.", "",
        "A ceiling is taken by the rule that `diagnose` offers one by, but for one condition (that it leaves .85 of the noise), which "
        "was dropped after these scores were seen: they are not held out from that choice. Nothing else was.", "",
        shown.reset_index().to_markdown(index=False), "",
        f"Means of tables: log density {means['log density, none']:.3f} without, {means['log density, default']:.3f} by default; "
        f"held {means['held, none']:.3f} and {means['held, default']:.3f}; width {means['width, none']:.3f} and {means['width, default']:.3f} "
        "(those of a ceiling everywhere are in the table; tables where it was not fitted have none).", "",
        f"Of {len(both)} cuts, leave-one-out prefers the ceiling by more than a nat in {(gained > 1).sum()}, there larger runs are likelier below it by "
        f"{better[gained > 1].mean():+.2f} a run on average, elsewhere by {better[gained <= 1].mean():+.2f}.", "",
        "By distance, runs pooled:", "",
        "| compute beyond | runs | 90% holds: none | default | 50% holds: none | default | width: none | default |", "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for label, (low, high) in DISTANCES.items():
        there = found[(found["beyond"] > low) & (found["beyond"] <= high)]
        a, b = (
            there[there["law"] == name][["90%", "50%", "width"]].astype(float).mean()
            for name in ("none", "default")
        )
        cells = " | ".join(f"{x[w]:.3f}" for w in ("90%", "50%", "width") for x in (a, b))
        lines.append(f"| {label} | {len(there) // 2} | {cells} |")
    healthy = [
        np.mean([of[r.table, r.cut, law]["r_hat"] <= 1.01 for r, law in zip(cuts.itertuples(), laws, strict=True)])
        for laws in ([DEFAULT] * len(cuts), cuts["default"])
    ]  # fmt: skip
    lines += ["", f"R-hat is at most 1.01 in {healthy[0]:.0%} of fits without, {healthy[1]:.0%} by default."]
    if released := [piece for (*_, law), piece in of.items() if law == RELEASED]:
        r_hat = np.array([piece["r_hat"] for piece in released])
        held = np.mean([np.mean(np.abs(np.array(p["pit"]) - 0.5) <= 0.45) for p in released])
        lines += [
            "",
            f"With 1,000 draws, as `fit` takes by default: R-hat is at most 1.01 in {np.mean(r_hat <= 1.01):.0%} of {len(released)} fits (worst "
            f"{r_hat.max():.3f}), {np.median([p['seconds'] for p in released]):.0f} s each at the median; held {held:.3f}, log density "
            f"{np.mean([np.mean(p['log_density']) for p in released]):.3f} (means of cuts).",
        ]
    (RESULTS / "default_law.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="tables, with commas between")
    parser.add_argument("--page", action="store_true", help="make the page and sample nothing")
    args = parser.parse_args()
    if not args.page:
        sample(args.only.split(",") if args.only else list(discrepancy.TABLES))
    page()
