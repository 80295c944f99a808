"""Forecasts on record: what others said before their largest runs, and what this package says of the same small runs.

    uv run benchmarks/on_record.py [--only NAME] [--page]

All losses are figures that their authors printed, typed in with where they stand. Each record is one curve, fitted with
everything at its default; the outcome is known by now, as it was not to those who forecast. Answers go to
benchmarks/results/on_record.json, and a record that is there is not run again; on_record.md is made from that file.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import bayes_scaling as bs
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
PIECES = RESULTS / "on_record.json"
COMMAND = "uv run benchmarks/on_record.py"
SEED = 1


class Target(NamedTuple):
    """A larger run: its size, its loss, and what its authors had forecast (None where they printed no number)."""

    at: float
    reached: float
    forecast: float | None


class Record(NamedTuple):
    """Small runs of one curve, the larger ones, the law of this package, and where the figures are printed."""

    title: str
    column: str
    law: str
    small: dict[float, float]
    targets: tuple[Target, ...]
    source: str


MARIN = {1e18: 3.5273, 3e18: 3.3398, 1e19: 3.1494, 3e19: 3.0066, 1e20: 2.8509, 3e20: 2.7222}
MARIN_SOURCE = (
    "marin-community/marin, experiments/grug/moe/README.md at 04331363 (best run of each budget, law, projections, the "
    "measured 1e21); issue 4697, comment of 2026-05-20 (the final 1e23). Paloma macro loss, nats per token"
)
MARIN_TARGETS = (Target(1e21, 2.599, 2.606), Target(1e23, 2.234, 2.252))

RECORDS = {
    "marin": Record(
        "Marin's mixture of experts of 1e23 FLOPs, 333 times the largest run fitted",
        "flops", "gpt4", MARIN, MARIN_TARGETS, MARIN_SOURCE,
    ),
    "marin, their floor": Record(
        "the same with the floor that Marin assumed, 1.6",
        "flops", "gpt4@E=1.6", MARIN, MARIN_TARGETS, MARIN_SOURCE,
    ),
    "mu-scaling": Record(
        "GPT-2 of ten widths under muP after 20,000 steps, the seven narrowest fitted",
        "params", "power_floor:params",
        {8.53e6: 3.9181, 21.56e6: 3.6054, 39.09e6: 3.4431, 61.12e6: 3.3542, 87.65e6: 3.2902, 118.68e6: 3.2478,
         154.21e6: 3.224},
        (Target(194.24e6, 3.1797, None), Target(676.48e6, 3.0854, None), Target(1446.72e6, 3.0425, None)),
        "cofe-ai/Mu-scaling, fit_scale_loss_prediction.py at 8bf72845, the code of arXiv:2304.06875 (Yao and Wang 2023). "
        "Training loss, nats per token; the script fits the first seven and prints no forecast",
    ),
}  # fmt: skip


def run(record: Record) -> dict[str, object]:
    """The forecasts of one record: medians and 90% intervals, of a new run and of the law alone."""
    table = pd.DataFrame({record.column: list(record.small), "loss": list(record.small.values())})
    runs = bs.load_runs(table, inputs=record.column)
    fit = bs.fit(runs, law=record.law, seed=SEED)
    answers = []
    for target in record.targets:
        asked = {record.column: target.at}
        whole, alone = fit.predict(**asked), fit.predict(**asked, drift=False)
        answers.append(
            {
                "at": target.at,
                "median": float(whole.median("new_run")),
                "band": [float(bound) for bound in whole.interval(0.9, "new_run")],
                "law alone": [float(bound) for bound in alone.interval(0.9, "mean")],
            }
        )
    return {"health": str(fit.diagnose()).splitlines()[0], "answers": answers}


def page(pieces: dict[str, dict]) -> str:
    """The whole page."""
    lines = [
        "# Forecasts on record",
        "",
        "What others said before their largest runs, and what this package says of the same small runs, with everything "
        "at its default and with the outcome known.",
    ]
    for name, record in RECORDS.items():
        if name not in pieces:
            continue
        piece = pieces[name]
        rows = [
            {
                record.column: f"{target.at:.4g}",
                "beyond the runs": f"{target.at / max(record.small):.3g}x",
                "reached": f"{target.reached:.4g}",
                "said before": "-" if target.forecast is None else f"{target.forecast:.4g}",
                "here": f"{answer['median']:.4g}",
                "90% of new runs": "{:.4g} to {:.4g}".format(*answer["band"]),
                "90%, the law alone": "{:.4g} to {:.4g}".format(*answer["law alone"]),
            }
            for target, answer in zip(record.targets, piece["answers"], strict=True)
        ]
        lines += [
            "",
            f"## {record.title[0].upper()}{record.title[1:]}",
            "",
            f"Law `{record.law}`, {len(record.small)} runs. {piece['health']}",
            "",
            markdown(list(rows[0]), [row.values() for row in rows]),
            "",
            f"Figures: {record.source}.",
        ]
    return "\n".join([*lines, "", f"Made by `{COMMAND}`.", ""])


def main() -> None:
    """Run what is missing, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=RECORDS)
    parser.add_argument("--page", action="store_true", help="write the page from the answers there are")
    asked = parser.parse_args()
    pieces = json.loads(PIECES.read_text("utf-8")) if PIECES.exists() else {}
    for name, record in RECORDS.items():
        if asked.page or name in pieces or asked.only not in (None, name):
            continue
        pieces[name] = run(record)
        PIECES.write_text(json.dumps(pieces, indent=1) + "\n", "utf-8")
    (RESULTS / "on_record.md").write_text(page(pieces), "utf-8")


if __name__ == "__main__":
    main()
