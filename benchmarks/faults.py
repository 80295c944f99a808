"""Bad days, made on purpose: processes killed, disks full, folders read-only, memory short, pipes closed.

    uv run benchmarks/faults.py [--kills 50] [--only NAME ...]

A process that saves a fit, writes a page, or works through a batch over and over is killed at a random moment; then every
file must be whole, and the next process must not trip over what was left aside. Commands are killed, interrupted and
starved as a shell would. Linux only; root gives up its rights to other files by `setpriv`. Writes benchmarks/results/faults.json.
"""

import argparse
import json
import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import bayes_scaling as bs
from bayes_scaling.reporting import html

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # its helpers
RESULTS = Path(__file__).parent / "results" / "faults.json"
GOLDEN = ROOT / "tests" / "inference" / "golden" / "version_2_groups.nc"
PAGE = f"<html>{'a line of the page\n' * 50_000}</html>"
COMMAND = [sys.executable, "-m", "bayes_scaling"]
FIT = [
    "fit",
    "runs.csv",
    "--law",
    "power_law:params",
    "--noise",
    "constant",
    "--draws=20",
    "--chains=2",
    "-o",
]
AS_A_USER = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Before a command: folders that are read-only are so for root too."""

TABLES = 10
"""In a batch: more than one process gets through before it is killed."""

SAMPLING = f"""
from bayes_scaling.cli.main import main
for seed in range(10_000):
    if seed == 1:
        print("ready", flush=True)
    if (code := main([*{FIT!r}, "fit.nc", "--force", "--seed", str(seed)])) > 1:
        raise SystemExit(code)
"""


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


def killed(work, broken, times, rng, longest=0.6):
    """What was wrong after kills at random moments, and how many files were left aside by them."""
    wrong = []
    for _ in range(times):
        child = forever(work)
        time.sleep(rng.uniform(0.02, longest))
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


def batch(fit, folder, kills, rng):
    """Posteriors are drawn at once; what is around them is real."""
    from helpers import instant_sampling, small_table

    runs = small_table(["a"])
    tables = {f"table {i}": runs for i in range(TABLES)}

    def work(there=folder):
        with instant_sampling():
            return list(bs.fit_many(tables, "chinchilla", noise="constant", folder=there))

    work(None)  # what a process loads at first is there, so that kills come while it works

    def broken():
        found = [why for path in folder.glob("*.nc") if (why := unreadable(path))]
        if len(there := sorted(folder.glob("*.nc"))) > TABLES / 2:
            for path in there[3:]:
                path.unlink()
        return found

    found = killed(work, broken, kills, rng, longest=6)
    there = {path.stem for path in folder.glob("*.nc")}
    outcomes = work()
    resumed = {outcome.name for outcome in outcomes if outcome.resumed}
    if resumed != there or any(outcome.error for outcome in outcomes):
        found["wrong"].append(f"resumed {sorted(resumed)} of {sorted(there)}")
    left = sum(path.suffix != ".nc" for path in folder.iterdir())
    return found | {"resumed": len(resumed), "sampled at last": TABLES - len(resumed), "left aside": left}


def prepared(folder):
    """A table, and an earlier fit; the bytes of that."""
    (folder / "runs.csv").write_text(
        "params,tokens,loss\n7e7,2e9,3.4\n1.6e8,2e9,3.1\n4.1e8,1e10,2.8\n1e9,2e10,2.6\n2.8e9,4e10,2.45\n7e9,1e11,2.3\n"
    )
    shutil.copy(GOLDEN, folder / "fit.nc")
    return GOLDEN.read_bytes()


def run(*argv, folder, **options):
    """A command, run to its end."""
    done = {"cwd": folder, "capture_output": True, "text": True} | options
    return subprocess.run([*AS_A_USER, *COMMAND, *map(str, argv)], check=False, **done)


def started(folder):
    """A process that fits and saves over and over, once it has done so."""
    process = subprocess.Popen(
        [sys.executable, "-c", SAMPLING],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while (line := process.stdout.readline()) != "ready\n":
        assert line, process.stderr.read()
    return process


def sampling(fit, folder, kills, rng):
    prepared(folder)
    wrong = []
    for _ in range(kills // 5):
        process = started(folder)
        time.sleep(rng.uniform(0, 2))
        process.kill()
        process.communicate()
        wrong += [found] if (found := unreadable(folder / "fit.nc")) else []
    wrong += ended(run(*FIT, "fit.nc", "--force", folder=folder))
    return {"kills": kills // 5, "wrong": wrong, "left aside": len(list(folder.glob(".*")))}


def interrupts(fit, folder, kills, rng):
    """Ctrl-C: exit code 130, one line, nothing half-written."""
    prepared(folder)
    wrong = []
    for _ in range(kills // 10):
        process = started(folder)
        time.sleep(rng.uniform(0, 2))
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1].splitlines()
        last = [line for line in said if "diagnosis" not in line]
        if (process.returncode, last[-1:]) != (130, ["interrupted"]) or "Traceback" in str(said):
            wrong.append(f"exit {process.returncode}: {said[-5:]}")
        wrong += [found] if (found := unreadable(folder / "fit.nc")) else []
    left = [path.name for path in folder.iterdir() if path.name not in ("runs.csv", "fit.nc")]
    return {"interrupts": kills // 10, "wrong": wrong + left}


def ended(done, codes=(0, 1), words=""):
    """What is wrong with how a command ended."""
    if done.returncode in codes and "Traceback" not in done.stderr and words in done.stderr:
        return []
    return [f"exit {done.returncode}: {done.stderr[-400:]!r}"]


def read_only_folder(fit, folder, *_):
    prepared(folder)
    folder.chmod(0o555)
    wrong = [
        *ended(run(*FIT, "new.nc", folder=folder), [2], "is not writable"),
        *ended(run(*FIT, "fit.nc", "--force", folder=folder), [2], "is not writable"),
        *ended(run("report", "fit.nc", "-o", "page.html", folder=folder), [2], "is not writable"),
        *ended(run("summary", "fit.nc", folder=folder)),
    ]
    folder.chmod(0o755)
    return {"commands": 4, "wrong": wrong}


def cache(fit, folder, *_):
    """Damaged, read-only, a file in place of a folder; and HOME unset."""
    prepared(folder)
    plain = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}
    wrong = []
    for what in ("damaged", "read-only", "a file", "no home"):
        home, command = folder / what, [*FIT, f"{what}.nc", "--force"]
        environment = plain if what == "no home" else plain | {"XDG_CACHE_HOME": str(home)}
        if what == "a file":
            home.write_text("no folder")
        elif what == "read-only":
            home.mkdir(mode=0o555)
        elif what == "damaged":
            wrong += ended(run(*command, folder=folder, env=environment))
            entries = [path for path in home.rglob("*") if path.is_file()]
            wrong += [] if entries else ["nothing was cached"]
            for path in entries:
                path.write_bytes(b"\0damaged" * 9)
        done = run(*command, folder=folder, env=environment)
        wrong += [f"{what}: {found}" for found in (*ended(done), unreadable(folder / f"{what}.nc")) if found]
    return {"caches": 4, "wrong": wrong}


def little_memory(fit, folder, *_):
    """An address space that ends on the way: a sentence comes last, whatever libraries say; the earlier fit must stay."""
    before, wrong, ends = prepared(folder), [], {}
    for megabytes in (300, 600, 1200, 2400, 4800):
        limit = megabytes * 2**20
        bound = lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # noqa: E731
        done = run(*FIT, "fit.nc", "--force", folder=folder, preexec_fn=bound)
        ends[f"{megabytes} MB"] = done.returncode
        said = done.stderr.rstrip().rpartition("\n")[2]
        if done.returncode not in (0, 1) and (done.returncode != 2 or "raise the limit" not in said):
            wrong.append(f"{megabytes} MB: exit {done.returncode}, {said[:200]!r}")
        if (folder / "fit.nc").read_bytes() != before:
            wrong += [found] if (found := unreadable(folder / "fit.nc")) else []
            wrong += (
                [] if done.returncode in (0, 1) else [f"{megabytes} MB: another fit, exit {done.returncode}"]
            )
        before = (folder / "fit.nc").read_bytes()
    left = [path.name for path in folder.iterdir() if path.name not in ("runs.csv", "fit.nc")]
    return {"exit codes": ends, "wrong": wrong + left}


def closed_pipe(fit, folder, *_):
    """Readers that go early, or at once; and a device that is full."""
    prepared(folder)
    wrong, verbs = [], ("summary fit.nc", "summary fit.nc --json", "laws", "--help", "predict --help")
    for verb in verbs:
        for reader in ("| head -1", "| true", "> /dev/full"):
            line = f"set -o pipefail; {' '.join(COMMAND)} {verb} {reader}"
            done = subprocess.run(
                ["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False
            )
            codes = (2,) if "full" in reader else (0, 1)
            wrong += [f"{verb} {reader}: {found}" for found in ended(done, codes)]
    return {"commands": 3 * len(verbs), "wrong": wrong}


def terminals(fit, folder, *_):
    """None; one of 40 columns; and one without colours."""
    prepared(folder)
    wrong = []
    for number, (columns, plain) in enumerate(((None, False), (40, False), (40, True))):
        more = ({"NO_COLOR": "1"} if plain else {}) | ({"COLUMNS": str(columns)} if columns else {})
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *FIT, f"{number}.nc"], cwd=folder, env=os.environ | {"TERM": "xterm"} | more, text=True,
            stdout=subprocess.PIPE, stderr=theirs if columns else subprocess.PIPE,
        )  # fmt: skip
        os.close(theirs)
        on_terminal = seen(ours) if columns else ""
        out, aside = process.communicate()
        shown = aside or on_terminal
        os.close(ours)
        coloured = any(f"\x1b[{code}" in shown for code in ("3", "1;3", "9"))
        if process.returncode > 1 or "Traceback" in shown or "\x1b" in out or (columns and coloured == plain):
            wrong.append(f"{columns} columns, plain {plain}: exit {process.returncode}, {shown[-300:]!r}")
    return {"commands": 3, "wrong": wrong}


def seen(terminal):
    """What is written to a terminal until its other end is closed."""
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:  # as Linux says that the other end is closed
        pass
    return shown.decode("utf-8", "replace")


SCENARIOS = (
    saving, full_disk, two_writers, a_page, batch, sampling, interrupts, read_only_folder, cache, little_memory,
    closed_pipe, terminals,
)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="of each kind of writer; of sampling a fifth")
    parser.add_argument("--only", nargs="*", choices=[scenario.__name__ for scenario in SCENARIOS])
    asked, fit = parser.parse_args(), bs.open_fit(GOLDEN)
    warnings.simplefilter("ignore")
    html._page = lambda *_: PAGE  # what is in it does not matter here
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for scenario in SCENARIOS:
        if asked.only and scenario.__name__ not in asked.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            found[scenario.__name__] = scenario(fit, Path(folder), asked.kills, random.Random(1))
        print(scenario.__name__, found[scenario.__name__], flush=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
