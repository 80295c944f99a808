"""Tables that people bring, through the command line: what is answered, before and after.

    BAYES_SCALING_CASES=../shared/cases uv run benchmarks/cases.py --work FOLDER [--stage after] [--only NAME] [--page]

Each case is a few commands on one table; exit code, seconds, sentences and warnings of each go to
benchmarks/results/cases.json under the stage, and a case that is there is not run again. cases.md is made from that file.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
PIECES = RESULTS / "cases.json"
COMMAND = "BAYES_SCALING_CASES=../shared/cases uv run benchmarks/cases.py --work cases"
DRAWS = "--draws 400 --chains 4 --seed 1 --force -o fit.nc"
USUAL = "--seed 1 --force -o fit.nc"
"""The default number of draws, where few runs or an outlier need them: sigma is hardly told there."""
TRACKER = (
    "--column params=parameter_count --column tokens=total_tokens --column flops=achieved_flops "
    "--column loss=cd_val_loss"
)


class Case(NamedTuple):
    """A table, the commands, what to look for in what they say, and the right answer."""

    commands: tuple[str, ...]
    look: str
    right: str


CASES = {
    "two-recipes": Case(
        (f"fit TABLE --law gpt4 {USUAL}", "contrast fit.nc --flops 1e20"),
        "R-hat|worth|compute",
        "seconds, converged, 2.39x",
    ),
    "repetition-that-hurts": Case(
        (f"fit TABLE --law muennighoff {USUAL}", "plan fit.nc --flops 3e19 --unique-tokens 100M"),
        "rows? .* of the table|nearest to this answer",
        "the runs at 40 epochs named; no plan into them without a warning (truth 3.88)",
    ),
    "largest-size-differs": Case(
        (f"fit TABLE --law chinchilla {DRAWS}", "allocate fit.nc --flops 1e23"),
        "with params|best split|^alpha",
        "8.7B named, the answer without it (alpha .34)",
    ),
    "mid-schedule": Case(
        (
            f"fit TABLE --law chinchilla {USUAL}",
            "allocate fit.nc --flops 1e22",
            f"fit TABLE --law chinchilla --finished {USUAL}",
        ),
        "their own trend|for finished runs|FLOPs:",
        "the bias named, finished runs alone offered (a .452)",
    ),
    "rising-share": Case(
        (
            f"fit TABLE --column loss=pass_at_100 {DRAWS}",
            "predict fit.nc --params 10B --tokens 1T",
            f"fit TABLE --column loss=inverse {DRAWS}",
            "predict fit.nc --params 10B --tokens 1T",
        ),
        "DO NOT TRUST|perplexity",
        "'is it a share?', exit 1 in every verb; of the inverse, its unit asked for, and again by forecasts",
    ),
    "rising-curve": Case(
        (
            f"fit TABLE --law power_law:n --loss-unit other {USUAL}",
            "predict fit.nc --input n=2000",
            f"fit TABLE --law power_rise:n --loss-unit other {USUAL}",
        ),
        "DO NOT TRUST|^alpha",
        "refused in a sentence, or a form that rises (exponent 1.24)",
    ),
    "tracker-export": Case(
        (f"fit TABLE {USUAL}", f"fit TABLE {TRACKER} {USUAL}", "allocate fit.nc --flops 6.7e18"),
        "no column|own|6.7e18 FLOPs:",
        "all columns named at once; 79M, 6.2B at the recorded cost",
    ),
    "own-flops": Case(
        (f"fit TABLE {DRAWS}", "plan fit.nc --flops 1e20"),
        "own|1e20 FLOPs:",
        "the table's own cost of a run in every planning verb",
    ),
    "small-units": Case(
        (f"fit TABLE --law chinchilla {DRAWS}", "predict fit.nc --params 10B --tokens 1T"),
        "DO NOT TRUST|loss 0",
        "the answer of the same table in other units, or a question",
    ),
    "negative-floor": Case(
        (f"fit TABLE --law power_floor:r --loss-unit other {DRAWS}", "predict fit.nc --input r=0.4"),
        "presses|DO NOT TRUST",
        "'E presses against 0', and what to do",
    ),
    "error-and-samples": Case(
        (f"fit TABLE --law power_floor:n --loss-unit other {USUAL}", "plan fit.nc --target 0.08"),
        "0.08",
        "how many samples, with an interval",
    ),
    "semicolons": Case(
        (f"fit TABLE --law chinchilla {DRAWS}",),
        "cannot be read|decimal|^alpha",
        "read, or the separator named",
    ),
}


def run(name: str, case: Case, work: Path) -> list[dict[str, object]]:
    """What each command of a case answers."""
    table = Path(os.environ["BAYES_SCALING_CASES"]).resolve() / f"{name}.csv"
    work.mkdir(parents=True, exist_ok=True)
    answers = []
    for command in case.commands:
        words = [str(table) if word == "TABLE" else word for word in command.split()]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bayes_scaling", *words],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        seconds = round(time.perf_counter() - began, 1)
        answers.append({"command": command, "exit": done.returncode, "seconds": seconds, "said": lines})
    return answers


def cell(answers: list[dict[str, object]] | None, look: str) -> str:
    """Exit codes, and the sentences that matter."""
    if answers is None:
        return "not run"
    parts = []
    for answer in answers:
        said = [line for line in answer["said"] if re.search(look, line)] or [
            line for line in answer["said"] if line.startswith("The chains")
        ]
        short = "; ".join(line if len(line) < 420 else f"{line[:420]}..." for line in said[:2])
        verb = str(answer["command"]).split()[0]
        parts.append(f"`{verb}` exit {answer['exit']}, {answer['seconds']:.0f} s: {short or 'nothing said'}")
    return "<br>".join(parts).replace("|", "/")


def page(found: dict[str, dict[str, list[dict[str, object]]]]) -> str:
    """The table of cases."""
    rows = [
        [
            name,
            case.right,
            *(cell(found.get(stage, {}).get(name), case.look) for stage in ("before", "after")),
        ]
        for name, case in CASES.items()
    ]
    return (
        "# Tables that people bring\n\nTwelve tables after public reports, through the command line with seed 1 and 400 "
        "draws of 4 chains, or the usual 1,000 (now: two-recipes, repetition-that-hurts, mid-schedule, rising-curve, "
        "tracker-export, error-and-samples): what was answered before, and what is now. Seconds are those of two cores that "
        "had other work, up to six times as much as they could do.\n\n"
        f"{markdown(['case', 'right', 'before', 'after'], rows)}\n\nMade by `{COMMAND}`.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("cases"))
    parser.add_argument("--stage", default="after", choices=["before", "after"])
    parser.add_argument("--only", choices=list(CASES))
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    found = json.loads(PIECES.read_text()) if PIECES.exists() else {}
    for name, case in CASES.items():
        there = found.setdefault(asked.stage, {})
        if not asked.page and name not in there and asked.only in (None, name):
            there[name] = run(name, case, asked.work / name)
            PIECES.write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "cases.md").write_text(page(found))


if __name__ == "__main__":
    main()
