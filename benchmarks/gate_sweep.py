"""`gate` on the package's own sweep: corpora as variants, fitted at the three smallest budgets, against all larger ones.

    python -m benchmarks.gate_sweep [--page]

The truth is measured: the loss of a corpus at a larger budget, up to the held-out ladder, and the compute at which the other
corpus has that loss, both at 15 tokens per parameter, between whose neighbours in size and budget log losses are
interpolated. Each fit is kept in benchmarks/results/gate_sweep.json as soon as it is done. --page writes
benchmarks/results/gate_sweep.md from it.
"""

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
COMMAND = "python -m benchmarks.gate_sweep"
RATIO, SMALLEST, LADDER = 15.0, 3, 2e12
FITS: dict[str, dict[str, Any]] = {
    "default: corpora pooled partially, discrepancy": {},
    "law alone: corpora pooled partially, constant noise": {"noise": "constant"},
    "settings for variants of one recipe: floor and exponents shared": dict(bs.for_variants("chinchilla")),
}


VERDICT = (
    "Between `prose` and `python`, whose losses are alike, every measured speedup lies inside under the default, 9 of 9 up to "
    "300 times the largest budget, though the two change places on the way. All misses have `words` on one side: its loss at the small "
    "budgets is half a nat lower, so that the other corpora need 30 times the compute or more for it, and their law, fitted to "
    "budgets within a factor of 10, has a floor near there that the larger runs fell through. `gate` warns that the baseline has the "
    "losses of `words` far beyond the runs; the intervals do not have it."
)


def curves() -> dict[str, pd.Series]:
    """By corpus: log loss at `RATIO` tokens per parameter by log budget, from all runs of grid and ladder."""
    table = bs.datasets.load("sweep").table
    table = table.assign(ratio=np.log(table["tokens"] / table["params"]), loss=np.log(table["loss"]))
    means = table.groupby(["group", "budget", "params"], as_index=False)[["ratio", "loss"]].mean()
    found = {}
    for group, own in means.groupby("group"):
        at = {
            np.log(budget): np.interp(
                np.log(RATIO), *sizes.sort_values("ratio")[["ratio", "loss"]].to_numpy().T
            )
            for budget, sizes in own.groupby("budget")
        }
        found[str(group)] = pd.Series(at).sort_index()
    return found


def truths() -> list[dict[str, Any]]:
    """Measured speedups: variant, baseline, budget, and the factor, or the bound beyond which it lies."""
    known, rows = curves(), []
    for variant, own in known.items():
        for baseline in known:
            for budget in np.exp(own.index[SMALLEST:]):
                loss, other = own[np.log(budget)], known[baseline]
                if variant != baseline:
                    inside = other.iloc[-1] <= loss <= other.iloc[0]
                    needed = np.exp(np.interp(-loss, -other.to_numpy(), other.index.to_numpy()))
                    rows.append(
                        {
                            "variant": variant, "baseline": baseline, "budget": float(budget),
                            "speedup": float(needed / budget), "measured": bool(inside),
                        }
                    )  # fmt: skip
    return rows


def answers(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What `gate` says of each, from the smallest budgets."""
    table = bs.datasets.load("sweep").table
    budgets = np.sort(table["budget"].unique())[:SMALLEST]
    small = table[table["budget"].isin(budgets)][["params", "tokens", "loss", "group", "seed"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = bs.fit(
            bs.load_runs(small, name="small rungs", trust_units=True), "chinchilla", seed=1, **settings
        )
    rows = []
    for truth in truths():
        found = bs.gate(fit, truth["baseline"], at=truth["budget"], rungs=budgets, tokens_per_param=RATIO)
        low, high = (float(bound.sel(group=truth["variant"]).isel(point=-1)) for bound in found.interval(0.9))
        middle = float(found.median().sel(group=truth["variant"]).isel(point=-1))
        rows.append(
            {**truth, "low": low, "median": middle, "high": high if np.isfinite(high) else 1e300,
             "warnings": list(found.warnings)}
        )  # fmt: skip
    return rows


def inside(row: dict[str, Any]) -> bool:
    """Whether an interval has the measured speedup; of one beyond what was measured, whether it reaches there."""
    if row["measured"]:
        return bool(row["low"] <= row["speedup"] <= row["high"])
    return bool(row["high"] >= row["speedup"])


def page(found: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for name, answers in found.items():
        row = {"fit": name}
        for times in sorted({_times(a) for a in answers}):
            own = [a for a in answers if a["measured"] and _times(a) == times]
            row[f"{times:g} times"] = f"{sum(map(inside, own))} of {len(own)}"
        far = [a for a in answers if a["budget"] > LADDER]
        rows.append({**row, "ladder, bounds too": f"{sum(map(inside, far))} of {len(far)}"})
    (first, answers), *_ = found.items()
    table = [
        {
            "variant": a["variant"], "baseline": a["baseline"], "FLOPs": f"{a['budget']:.2g}",
            "measured": ("" if a["measured"] else "beyond ") + f"{a['speedup']:.3g}",
            "gate": f"{a['median']:.3g}",
            "90%": f"{a['low']:.3g} to " + ("no bound" if a["high"] > 1e100 else f"{a['high']:.3g}"),
            "inside": "yes" if inside(a) else "no",
        }
        for a in answers
    ]  # fmt: skip
    said = list(dict.fromkeys(w for a in answers for w in a["warnings"]))
    lines = [
        "# Gate on the sweep",
        "",
        f"Made by `{COMMAND}`. Corpora of the [sweep](../../docs/sweep.md) as variants, fitted with `chinchilla` at the three "
        "smallest budgets (3.2e9 to 3.2e10 FLOPs, some 65 runs each), and `gate` asked for speedups at all larger ones: 3 to 30 "
        "times the largest of these, and at the held-out ladder 100 to 1000 times. Corpora differ in floor and exponents, "
        "which variants of one recipe hardly do: this is the harder case.",
        "",
        "Measured speedups inside of the 90% interval, by how far beyond the fitted budgets:",
        "",
        markdown(list(rows[0]), [row.values() for row in rows]),
        "",
        VERDICT,
        "",
        f"## {first[0].upper()}{first[1:]}",
        "",
        markdown(list(table[0]), [row.values() for row in table]),
        "",
        *(f"- Warned: {w}." for w in said),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _times(answer: dict[str, Any]) -> float:
    """How far beyond the fitted budgets, as a factor of one digit."""
    return float(f"{answer['budget'] / 10**10.5:.0e}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", action="store_true")
    record = RESULTS / "gate_sweep.json"
    found = json.loads(record.read_text())["fits"] if record.exists() else {}
    if not parser.parse_args().page:
        for name, settings in FITS.items():
            if name not in found:
                found[name] = answers(settings)
                record.write_text(json.dumps({"command": COMMAND, "fits": found}, indent=1) + "\n")
    (RESULTS / "gate_sweep.md").write_text(page(found))


if __name__ == "__main__":
    main()
