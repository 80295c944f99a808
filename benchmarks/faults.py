"""Bad days, made on purpose: processes killed as they write, full disks, two processes that write one file.

    uv run benchmarks/faults.py [--kills 50]

A process that saves a fit, or a page, over and over is killed at a random moment; then the file must be whole, and the next
process must not trip over what was left aside. Linux only. Writes benchmarks/results/faults.json.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path

import bayes_scaling as bs
from bayes_scaling.reporting import html

RESULTS = Path(__file__).parent / "results" / "faults.json"
GOLDEN = Path(__file__).parents[1] / "tests" / "inference" / "golden" / "version_2_groups.nc"
PAGE = f"<html>{'a line of the page\n' * 50_000}</html>"


def forever(work):
    """A process that does this over and over; one that fails ends with exit code 1."""
    child = os.fork()
    if child:
        return child
    try:
        while True:
            work()
    finally:
        os._exit(1)


def killed(work, broken, times, rng):
    """What was wrong after kills at random moments, and how many files were left aside by them."""
    wrong = []
    for _ in range(times):
        child = forever(work)
        time.sleep(rng.uniform(0.02, 0.6))
        os.kill(child, signal.SIGKILL)
        if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            wrong.append("ended by itself")
        if found := broken():
            wrong.append(found)
    return {"kills": times, "wrong": wrong}


def unreadable(path):
    """Why a saved fit does not open, if it does not."""
    try:
        bs.open_fit(path)
    except bs.InputError as error:
        return str(error)
    return None


def saving(fit, folder, kills, rng):
    path = fit.save(folder / "fit.nc")
    found = killed(lambda: fit.save(path, force=True), lambda: unreadable(path), kills, rng)
    left = sum(other != path for other in folder.iterdir())
    fit.save(path, force=True)
    return found | {"left aside": left}


def a_page(fit, folder, kills, rng):
    path = folder / "page.html"
    bs.report(fit, path)

    def broken():
        return None if path.read_text() == PAGE else "half a page"

    return killed(lambda: bs.report(fit, path, force=True), broken, kills, rng)


def full_disk(fit, folder, *_):
    """Files may have 20 kB."""
    wrong, before = [], resource.getrlimit(resource.RLIMIT_FSIZE)
    for name, write in {
        "fit.nc": fit.save,
        "page.html": lambda path, force: bs.report(fit, path, force=force),
    }.items():
        path = folder / name
        shutil.copy(GOLDEN, path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            write(path, force=True)
            wrong.append(f"{name}: no error")
        except bs.InputError as error:
            wrong += [] if str(error).startswith(f"could not write {path}") else [str(error)]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        wrong += [] if path.read_bytes() == GOLDEN.read_bytes() else [f"{name} is another"]
    return {
        "wrong": wrong + [path.name for path in folder.iterdir() if path.name not in ("fit.nc", "page.html")]
    }


def two_writers(fit, folder, *_):
    path = fit.save(folder / "fit.nc")
    both = [forever(lambda: fit.save(path, force=True)) for _ in range(2)]
    wrong = []
    for _ in range(20):
        time.sleep(0.1)
        wrong += [found] if (found := unreadable(path)) else []
    for child in both:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            wrong.append("one ended by itself")
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return {"opened": 20, "wrong": wrong}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="of each kind of writer")
    asked, fit, found = parser.parse_args(), bs.open_fit(GOLDEN), {}
    html._page = lambda *_: PAGE  # what is in it does not matter here
    for scenario in (saving, full_disk, two_writers, a_page):
        with tempfile.TemporaryDirectory() as folder:
            found[scenario.__name__] = scenario(fit, Path(folder), asked.kills, random.Random(1))
        print(scenario.__name__, found[scenario.__name__], flush=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
