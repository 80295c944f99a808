"""A few runs of a new group among known ones: what each kind of pooling says of the group's larger runs.

    BAYES_SCALING_DATA=... python -m benchmarks.new_group [--page]

For each group of each table, all runs of the other groups and 3, 5 or 10 of its own smaller half by compute are fitted with
partial, no and complete pooling, under the default noise and under the law alone with its drift; the group's runs with at
least three times the compute of those are forecast and scored.
Each piece is a line of benchmarks/results/new_group.jsonl, and is skipped while it is there. The page and the picture
beside it are made from that file; --page makes them and samples nothing.
"""

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import bayes_scaling as bs
from bayes_scaling.evaluation.predictive import predictive

RESULTS = Path(__file__).parent / "results"
PIECES = RESULTS / "new_group.jsonl"
COMMAND = "BAYES_SCALING_DATA=../shared/data python -m benchmarks.new_group"
TABLES = ("gadre", "sweep", "okar_sweep", "xlstm", "gzip_pcfg")
POOLED = {
    "discrepancy": ("none", "partial", "complete"),
    "shared_discrepancy": ("partial",),
    "constant": ("none", "partial", "complete"),
}
"""The kinds of pooling under each noise; without pooling, groups have no path together."""

DRAWS = 500  # of each of four chains
OWN = (3, 5, 10)
LABELS = {
    ("discrepancy", "none"): "no pooling",
    ("discrepancy", "partial"): "partial pooling",
    ("shared_discrepancy", "partial"): "partial pooling, and a path together",
    ("discrepancy", "complete"): "complete pooling",
}
KEY = ("noise", "table", "group", "own", "pooling")
FURTHER = 3.0  # times the compute of the group's own largest run that is fitted


def tables() -> Iterator[tuple[str, bs.Runs]]:
    """The tables with groups; of the package's own sweep, grid and larger runs alike."""
    for name in TABLES:
        yield name, bs.datasets.load(name) if name == "sweep" else bs.datasets.external(name)


def cases(runs: bs.Runs) -> Iterator[tuple[str, int, np.ndarray, np.ndarray]]:
    """Group, number of its own runs, and the masks of what is fitted and what is forecast."""
    for index, group in enumerate(runs.groups):
        of_group = runs.group_index == index
        ranked = np.flatnonzero(of_group)[np.argsort(runs.flops[of_group], kind="stable")]
        smaller = ranked[: len(ranked) // 2]
        for count in OWN:
            if len(smaller) < count:
                continue
            own = smaller[np.round(np.linspace(0, len(smaller) - 1, count)).astype(int)]
            fitted = ~of_group
            fitted[own] = True
            larger = of_group & (runs.flops >= FURTHER * runs.flops[own].max())
            if larger.any():
                yield group, count, fitted, larger


def scored(runs: bs.Runs, fitted: np.ndarray, larger: np.ndarray, noise: str, pooling: str) -> dict[str, Any]:
    """Health of the fit and scores of its forecast of the larger runs."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # all of it is in the health
        fit = bs.fit(runs.select(fitted), "chinchilla", pooling=pooling, noise=noise, seed=1, draws=DRAWS)
    seconds, health = time.perf_counter() - began, fit.diagnose()
    s = predictive(fit, runs.select(larger)).scores(fit.drift)
    return {
        "held": int(larger.sum()), "covered": float(np.mean((s.pit >= 0.05) & (s.pit <= 0.95))),
        "width": float(s.width.mean()), "log_density": float(s.log_density.mean()), "crps": float(s.crps.mean()),
        "r_hat": health.r_hat, "ess_bulk": health.ess_bulk, "ess_tail": health.ess_tail,
        "divergences": health.divergences, "seconds": seconds,
    }  # fmt: skip


def sample() -> None:
    """All pieces that are not there yet."""
    done = {tuple(piece[name] for name in KEY) for piece in pieces()}
    for noise, poolings in POOLED.items():
        for table, runs in tables():
            for group, count, fitted, larger in cases(runs):
                for pooling in poolings:
                    if (key := (noise, table, group, count, pooling)) in done:
                        continue
                    piece = dict(zip(KEY, key, strict=True)) | scored(runs, fitted, larger, noise, pooling)
                    with PIECES.open("a") as file:
                        file.write(json.dumps(piece) + "\n")
                    print(*key, f"{piece['log_density']:.2f} {piece['covered']:.2f}", flush=True)


def pieces() -> list[dict[str, Any]]:
    """What is in the file."""
    return [json.loads(line) for line in PIECES.read_text().splitlines()] if PIECES.exists() else []


def page() -> None:
    """The page and the picture, from the file alone."""
    import pandas as pd

    found = pd.DataFrame(pieces())
    found["as"] = [LABELS.get((p["noise"], p["pooling"]), f"{p['noise']}, {p['pooling']}") for p in pieces()]
    shown = ["covered", "width", "log_density"]
    tables = found.groupby(["own", "as", "table"])[shown].mean()
    lines = [
        "# A few runs of a new group among known ones", "",
        f"Made by `{COMMAND}`. Law `chinchilla`, each group's forecast runs have at least {FURTHER:g} times the compute of",
        "its fitted ones; means over runs, then groups. Log density is a run's, of log loss.", "",
    ]  # fmt: skip
    for table in dict.fromkeys(found["table"]):
        means = tables.xs(table, level="table").round(3).reset_index()
        means.columns = ["own runs", "noise and pooling", "90% band holds", "its width", "log density"]
        lines += [f"## {table}", "", means.to_markdown(index=False), ""]
    wide = found.pivot_table(index=["table", "group", "own"], columns="as", values="log_density")
    rivals = wide[["no pooling", "complete pooling"]].max(axis=1)
    lines += ["## Partial pooling against none and complete, all with a discrepancy", ""]
    for label in ("partial pooling", "partial pooling, and a path together"):
        pairs = (wide[label] >= rivals)[wide[label].notna() & rivals.notna()]
        lines.append(f"- {label}: at least as likely as both in {pairs.sum()} of {len(pairs)} cases.")
    worse = found[found["r_hat"] > 1.01]
    lines += [
        "", f"R-hat is above 1.01 in {len(worse)} of {len(found)} fits of {DRAWS} draws a chain (worst {found['r_hat'].max():.3f}); "
        f"{int(found['divergences'].sum())} divergences in all.", "",
        "![Log density and coverage by pooling](new_group.png)", "",
        wide[list(LABELS.values())].round(2).reset_index().to_markdown(index=False), "",
    ]  # fmt: skip
    (RESULTS / "new_group.md").write_text("\n".join(lines))
    picture(tables.groupby(level=["own", "as"]).mean())


def picture(means: Any) -> None:
    """Log density against own runs, and coverage against width, by pooling."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for label in LABELS.values():
        of_kind = means.xs(label, level="as")
        left.plot(of_kind.index, of_kind["log_density"], "o-", label=label)
        right.plot(of_kind["width"], of_kind["covered"], "o-", label=label)
    left.set(xlabel="own runs that are fitted", ylabel="log density a larger run", xticks=OWN)
    right.axhline(0.9, color="0.6", lw=1)
    right.set(xlabel="width of the 90% band, log loss", ylabel="share of larger runs inside", ylim=(0, 1.02))
    right.legend(frameon=False, fontsize=8)
    figure.savefig(RESULTS / "new_group.png", dpi=130)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="store_true", help="make the page and sample nothing")
    if not parser.parse_args().page:
        sample()
    page()
