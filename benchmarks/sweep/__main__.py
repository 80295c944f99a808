"""Run the sweep: ``python -m benchmarks.sweep``.

    python -m benchmarks.sweep [--budget 1e12] [--workers 2] [--only NAME ...] [--stop-after MINUTES] [--plan]

``--budget`` is the compute of the grid's largest cells: 1e12, the default and the table's own, takes about an hour
of two CPU cores; 1e11 takes minutes. Each finished run is one line of ``--out`` and is never run twice.
"""

import argparse
import json
import os
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# One thread each: on models this small two runs side by side are faster than one run on two threads.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

from bayes_scaling.data.units import format_flops, format_quantity, parse_quantity
from benchmarks.sweep.design import CORPORA, design
from benchmarks.sweep.training import Run, train

OUT = Path(__file__).parent / "runs.jsonl"


def finished(path: Path) -> dict[str, dict[str, Any]]:
    """Lines of the file by the name of their run; a last line that was cut off is no line."""
    lines = path.read_text().split("\n")[:-1] if path.is_file() else []
    return {record["row"]["run"]: record for record in map(json.loads, lines)}


def append(path: Path, record: dict[str, Any]) -> None:
    """Add one line, whole or not at all: what an interruption left of a line is cut first."""
    with path.open("ab") as file:
        if file.tell():
            whole = path.read_bytes().rfind(b"\n") + 1
            file.truncate(whole)
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def sweep(runs: list[Run], out: Path, workers: int, minutes: float) -> None:
    """Train what is not in the file yet, in order, until the minutes are over."""
    done, began = finished(out), time.monotonic()
    waiting = [run for run in runs if run.name not in done]
    left = sum(run.flops for run in waiting)
    trained: list[tuple[float, float]] = []  # seconds and FLOPs of each
    print(
        f"{len(waiting)} of {len(runs)} runs to do, {format_flops(left)} FLOPs, on {workers} workers",
        flush=True,
    )
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        busy: dict[Future[tuple[dict[str, Any], list[dict[str, Any]]]], Run] = {}
        while waiting or busy:
            late = time.monotonic() - began > 60 * minutes
            while waiting and len(busy) < workers and not late:
                run = waiting.pop(0)
                busy[pool.submit(train, run)] = run
            if not busy:
                break
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                run, (row, trajectory) = busy.pop(future), future.result()
                append(out, {"row": row, "trajectory": trajectory})
                left -= run.flops
                trained.append((row["seconds"], run.flops))
                runs_left = len(waiting) + len(busy)
                print(
                    f"{run.name}: loss {row['loss']:.4f} in {row['seconds']:.0f} s; "
                    f"{runs_left} to do, {format_flops(left)} FLOPs{minutes_left(trained, runs_left / workers, left / workers)}",
                    flush=True,
                )


def minutes_left(trained: list[tuple[float, float]], runs_left: float, flops_left: float) -> str:
    """A guess of what is left: the best pace so far for the FLOPs, and for each run what runs took beyond that."""
    if len(trained) < 10:  # the first ones wait for their corpora and for the compiler
        return ""
    seconds, flops = (sum(x) / len(trained) for x in zip(*trained, strict=True))
    pace = min(s / f for s, f in trained)
    beyond = max(0.0, seconds - pace * flops)
    return f", about {(beyond * runs_left + pace * flops_left) / 60:.0f} min"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--budget", default="1e12", help="FLOPs of the grid's largest cells (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs side by side")
    parser.add_argument(
        "--only", nargs="+", choices=[*CORPORA, "grid", "holdout", "bowl"], help="a part of the design"
    )
    parser.add_argument(
        "--stop-after", type=float, default=float("inf"), help="minutes after which none is begun"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="the file of finished runs")
    parser.add_argument("--plan", action="store_true", help="tell what would be run, and run nothing")
    options = parser.parse_args()
    runs = design(parse_quantity(options.budget, "--budget"))
    chosen = set(options.only or ())
    for kinds, value in ((set(CORPORA), "corpus"), ({"grid", "holdout", "bowl"}, "role")):
        if chosen & kinds:
            runs = [run for run in runs if getattr(run, value) in chosen]
    if options.plan:
        for (role, name, budget), count in Counter((r.role, r.corpus, r.budget) for r in runs).items():
            cells = sorted(
                {
                    (r.shape.params, r.tokens)
                    for r in runs
                    if (r.role, r.corpus, r.budget) == (role, name, budget)
                }
            )
            sizes = ", ".join(f"{format_quantity(n)} x {format_quantity(d)}" for n, d in cells)
            print(f"{role:8} {name:7} {format_flops(budget):9} {count:3} runs: {sizes}")
        print(f"{len(runs)} runs, {format_flops(sum(run.flops for run in runs))} FLOPs")
        return
    sweep(runs, options.out, options.workers, options.stop_after)


if __name__ == "__main__":
    main()
