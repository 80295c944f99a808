"""Runs of known ends, registered and followed as if they went on: does the end lie where their first part says?

    BAYES_SCALING_DATA=... python -m benchmarks.follow --work FOLDER [--page]

A run is registered from other runs by a law, and followed with the curves of those others alone; nothing of it, nor of the
runs of its cell (one corpus, size and length; or one group and size), is in the fit or the history. **In turn**: of six
parts of the cells each is left out once. **Ahead**: only runs of at most a tenth of the compute are known (in the routing
table, whose runs all have 130B tokens, only those of smaller models).

Tables: the sweep's own trajectories (evaluated at 1/64 ... 1/2 of each run), some of them trained again with evaluations at
every eighth (sweep_dense.csv, made by `python -m benchmarks.sweep.dense`), and the routing table (Clark et al. 2022).
The law is chinchilla: of the sweep with its discrepancy and the corpora as groups, of the routing table with constant noise,
of the parameters that a token sees and the number of experts. Each fit leaves a file in FOLDER and is skipped while it is
there, and so is each part whose runs were followed; benchmarks/results/follow.json and follow.md are written from them.
"""

import argparse
import dataclasses
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.data.trajectories import Trajectories, Trajectory, read_history
from bayes_scaling.forecast.card import equally_likely
from bayes_scaling.forecast.register import make_card

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python -m benchmarks.follow --work follow-work"
POINTS = (0.25, 0.5, 0.75)
FOLDS, SEED, DRAWS = 6, 1, 250


@dataclasses.dataclass(frozen=True)
class Table:
    """Runs with their curves.

    Attributes
    ----------
    runs : list of Trajectory
    law : Law
    at : callable of a Trajectory
        Its inputs.
    cell, size : callables of a Trajectory
        What runs of one cell share; what ranks runs.
    below : float
        Ahead, a run is registered from those of at most this share of its size.
    grouped : bool
        Whether the law's parameters differ between groups.
    """

    runs: list[Trajectory]
    law: Any
    at: Any
    cell: Any
    size: Any
    below: float
    grouped: bool


def sweep() -> Table:
    return Table(
        list(read_history(bs.datasets.load("sweep_trajectories")).runs),
        bs.LAWS["chinchilla"],
        lambda run: {"params": run.inputs["params"], "tokens": run.inputs["tokens"]},
        lambda run: (run.group, run.inputs["params"], round(2 * np.log10(run.inputs["flops"]))),
        lambda run: 10 ** (round(2 * np.log10(run.inputs["flops"])) / 2),
        0.11,
        True,
    )


def routing() -> Table:
    path = Path(os.environ["BAYES_SCALING_DATA"]) / "routing/curves.csv"
    rows = pd.read_csv(path).rename(columns={"N": "params", "D": "tokens"})
    runs = bs.load_runs(
        rows[["group", "params", "tokens", "loss", "trajectory"]],
        silence=("similar_groups", "repeats"),
        name="routing",
    )
    return Table(
        list(read_history(runs).runs),
        bs.LAWS["chinchilla"],
        # Tokens are the same in all runs; what differs beside the size is the number of experts.
        lambda run: {"params": run.inputs["params"], "tokens": float(run.group.split("-")[-1])},
        lambda run: (run.group, run.inputs["params"]),
        lambda run: run.inputs["params"],
        0.9,
        False,
    )


TABLES = {"sweep": sweep, "routing": routing}


def parts(table: Table, how: str) -> Iterator[tuple[str, list[Trajectory], list[Trajectory]]]:
    """(name, runs that are known, runs that are followed)."""
    if how == "in turn":
        cells = sorted({table.cell(run) for run in table.runs}, key=str)
        order = np.random.default_rng(SEED).permutation(len(cells)) % FOLDS
        of = dict(zip(cells, order, strict=True))
        for fold in range(FOLDS):
            known = [run for run in table.runs if of[table.cell(run)] != fold]
            yield str(fold), known, [run for run in table.runs if of[table.cell(run)] == fold]
        return
    for size in sorted({table.size(run) for run in table.runs}):
        known = [run for run in table.runs if table.size(run) <= table.below * size]
        if len({table.size(run) for run in known}) >= 2:
            yield f"{size:.3g}", known, [run for run in table.runs if table.size(run) == size]


def registered(table: Table, known: list[Trajectory], asked: list[Trajectory], path: Path) -> list[bs.Card]:
    """The card of each run that is asked for, from one fit to those that are known."""
    rows = pd.DataFrame(
        [table.at(run) | {"loss": run.end} | ({"group": run.group} if table.grouped else {}) for run in known]
    )
    if path.exists():
        fit = bs.open_fit(path)
    else:
        runs = bs.load_runs(rows, trust_units=True)
        noise = "discrepancy" if table.grouped else "constant"
        fit = bs.fit(runs, table.law, noise=noise, seed=SEED, draws=DRAWS)
        fit.save(path)
    template = None
    cards = []
    for run in asked:
        at, group = table.at(run), run.group if table.grouped else None
        template = template or make_card(fit, "template", at, group=group)
        values = equally_likely(fit.predict(group=group, **at).new_run.isel(point=0))
        cards.append(
            dataclasses.replace(
                template, name=run.name, group=run.group, inputs=dict(run.inputs), values=values
            )
        )
    return cards


def followed(
    card: bs.Card, run: Trajectory, known: list[Trajectory], points: tuple[float, ...]
) -> list[dict[str, Any]]:
    """What is said at each point, and whether the end is as said."""
    out = []
    for upto in points:
        seen = run.progress <= upto * 1.02
        curve = pd.DataFrame({"progress": run.progress[seen], "loss": run.loss[seen]})
        began = time.perf_counter()
        found = bs.follow(card, curve, history=Trajectories(tuple(known), "the others"))
        spent = time.perf_counter() - began
        alone, sd = found.course.end(found.read, found.curve.trajectory.log_loss(found.read))
        (low, high), (before_low, before_high) = found.interval(0.9), card.interval(0.9)
        values, before = np.array(found.values), np.array(card.values)
        out.append({
            "at": upto, "inside": bool(low <= run.end <= high), "pit": float((values < run.end).mean()),
            "width": float(np.log(high / low)), "registered width": float(np.log(before_high / before_low)),
            "registered inside": bool(before_low <= run.end <= before_high),
            "miss": float(np.log(np.median(values) / run.end)), "registered miss": float(np.log(np.median(before) / run.end)),
            "alone inside": bool(abs(np.log(run.end) - alone) < 1.645 * sd),
            "outside": sum(found.outside()), "left": found.left, "seconds": spent,
        })  # fmt: skip
    return out


def study(name: str, how: str, work: Path) -> None:
    """Registers and follows all runs of a table that are not done yet."""
    table = TABLES[name]()
    dense = dense_runs() if name == "sweep" else {}
    for part, known, asked in parts(table, how):
        base = work / f"{name}_{how.replace(' ', '-')}_{part}"
        names = {run.name for run in known}
        # Curves of the runs that were trained again, beside those of the others that were.
        of_dense = [run for run in dense.values() if run.name in names]
        for kind, curves, others, points in (
            ("table", {run.name: run for run in asked}, known, POINTS[:2] if name == "sweep" else POINTS),
            ("dense", dense, of_dense, POINTS),
        ):
            target = base.with_name(f"{base.name}_{kind}.json")
            if target.exists() or len(others) < 10:
                continue
            cards = registered(table, known, asked, base.with_name(f"{base.name}.nc"))
            rows = [
                {"run": run.name, "group": run.group, **row}
                for card, run in zip(cards, asked, strict=True)
                if run.name in curves
                for row in followed(card, curves[run.name], others, points)
            ]
            target.write_text(json.dumps(rows))
            print(target.name, len(rows), flush=True)


def dense_runs() -> dict[str, Trajectory]:
    path = RESULTS / "sweep_dense.csv"
    return {run.name: run for run in read_history(pd.read_csv(path)).runs} if path.exists() else {}


NOTES = """## What it shows
- **Routing, in turn**: 90%, 90% and 93% of the ends in their 90% interval, which is a twentieth to a fourteenth as wide as
  the registered one. Ahead, the 111 runs are four sizes: those of one size err together, by .1% to .2% of the loss.
- **The sweep, in turn**: 85% and 87%. The curve alone, without the card, has 89% and 89%: what is missing at a quarter is
  missing in the cards, which have 87% (81% of the runs that were trained again, most of them small: their seeds scatter up
  to twice as much as those of larger ones, and the noise is one for all). Here a card is as narrow as seeds scatter, so that its
  interval cannot be halved: .60 at half of the run, .40 at three quarters.
- **Ahead of three budgets or more**, where a card has a tenth of the compute to go by, its intervals have 73%, and half of
  the run mends that: 94%, at .42 of the width. Of two budgets of the smallest runs no law forecasts well, and a curve has to
  reach further before it can say so.
- **The curve alone** has 84% to 96% of the ends but for routing ahead (71% at half of the runs): `follow` says what it says
  beside the answer. A card that is wrong and sure of itself is believed until the curve reaches far enough.
- **Runs that are said to have left their band** mostly end outside of the registered interval: at half of the
  run 18 of 22 of the sweep in turn, 13 of 15 of routing in turn. At a quarter few of the sweep are said so, and 2 of 6 rightly.
- Before scatter of the ends was told from that of the curves, the sweep in turn had 80% and 86%.
""".splitlines()
"""Read off the tables above."""

FIRST = "1e+11"
"""The part of the sweep, ahead, of which two budgets alone are known."""

STUDIES = {
    "the sweep, in turn": ("sweep_in-turn_*_table.json", ""),
    "the sweep trained again, in turn": ("sweep_in-turn_*_dense.json", ""),
    "the sweep, ahead of two budgets": (f"sweep_ahead_{FIRST}_table.json", ""),
    "the sweep, ahead of three or more": ("sweep_ahead_*_table.json", FIRST),
    "the sweep trained again, ahead": ("sweep_ahead_*_dense.json", ""),
    "routing, in turn": ("routing_in-turn_*_table.json", ""),
    "routing, ahead": ("routing_ahead_*_table.json", ""),
}
"""What a row is called -> the files that it is made of, and what is in the names of those left out."""


def summary(work: Path) -> list[dict[str, Any]]:
    """A row for each study and point."""
    out = []
    for title, (pattern, without) in STUDIES.items():
        files = sorted(p for p in work.glob(pattern) if not without or f"_{without}_" not in p.name)
        rows = pd.DataFrame([row for path in files for row in json.loads(path.read_text())])
        if not len(rows):
            continue
        for at, part in rows.groupby("at"):
            left = part["left"]
            out.append({
                "study": title, "at": float(at), "runs": len(part), "inside": int(part["inside"].sum()),
                "inside 50%": int((np.abs(part["pit"] - 0.5) <= 0.25).sum()),
                "registered inside": int(part["registered inside"].sum()),
                "alone inside": int(part["alone inside"].sum()),
                "width": float((part["width"] / part["registered width"]).median()),
                "registered width": float(part["registered width"].median()),
                "miss": float(part["miss"].abs().median()), "registered miss": float(part["registered miss"].abs().median()),
                "left": int(left.sum()), "left and outside": int((left & ~part["registered inside"]).sum()),
                "outside": int((~part["registered inside"]).sum()), "chance outside": float(part["outside"].sum()),
                "seconds": float(part["seconds"].median()),
            })  # fmt: skip
    return out


def page(rows: list[dict[str, Any]]) -> str:
    """The results as one page."""
    about = (__doc__ or "").split("\n\n", 2)[2].rstrip().splitlines()
    lines = [
        "# Runs followed beside their registered forecast", "", f"Made by `{COMMAND}`; seed {SEED}, {DRAWS} draws x 4 chains; "
        f"bayes-scaling {bs.__version__}.", "", *about, "",
        "| study | at | runs | end in 90% | end in 50% | width, of the registered | median miss (registered) | registered 90% has | curve alone |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for r in rows:
        n = r["runs"]
        lines.append(
            f"| {r['study']} | {r['at']:.0%} | {n} | {r['inside']} ({r['inside'] / n:.2f}) | {r['inside 50%'] / n:.2f} | "
            f"{r['width']:.2f} | {r['miss']:.2%} ({r['registered miss']:.2%}) | {r['registered inside'] / n:.2f} | {r['alone inside'] / n:.2f} |"
        )
    lines += [
        "", "Widths are medians over runs, in log loss. Whether a run has left its band:", "",
        "| study | at | ended outside of the registered 90% | chances given, summed | said to have left | of these outside |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {r['study']} | {r['at']:.0%} | {r['outside']} | {r['chance outside']:.1f} | {r['left']} | {r['left and outside']} |"
        for r in rows
    ]
    slow = max(r["seconds"] for r in rows)
    lines += ["", f"Each call of `follow`, the history read anew: {slow:.2f} s or less (medians)."]
    return "\n".join([*lines, "", *NOTES]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--page", action="store_true", help="write the page from what is there")
    parser.add_argument("--only", nargs="+", default=["sweep", "routing"])
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name in [] if args.page else args.only:
        for how in ("in turn", "ahead"):
            study(name, how, args.work)
    rows = summary(args.work)
    (RESULTS / "follow.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "follow.md").write_text(page(rows))


if __name__ == "__main__":
    main()
