"""Tables that cannot tell what is asked of them: is any answer wrong, and given without a word of doubt?

    uv run benchmarks/geometry.py --work FOLDER [--tables 18] [--only KIND,KIND] [--noise default] [--page]

Tables of 12 kinds, each from known parameters of its own, and sound ones beside them, are fitted, diagnosed, and asked
for a run at ten times the compute of their largest. Fits lie in FOLDER, and what is there is not sampled again.
benchmarks/results/geometry.json, in which what is made replaces what was there of the same table, noise and seed, and .md are
written after every kind; --page makes the page alone.
"""

import argparse
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
COMMAND = "uv run benchmarks/geometry.py --work geometry"
REFERENCE = (5e8, 1e10)
FAR, APART, DRAWS = 2.0, 0.4, 250
TWICE = 3
"""How many tables of each kind are fitted with a second seed."""

HOW = f"""
The truth is the loss without noise, at √10 times the parameters and tokens of the table's largest run. The band is the
90% interval of the law with its drift or discrepancy (`interval(.9, "drifted")`). An answer is *missed* where the truth
lies outside of the band, as 10% may; *wrong* where on log loss it lies more than {FAR:g} times as far from the median as the
band's end on that side (of a normal, 3.3 sd: one in a thousand, .2 of all tables). A fit *passes* where the law is not
said to miss its runs or to go the other way (`wrong_way`, `unbelievable`); chains are short ({DRAWS} draws), so that what they
say of convergence excuses nothing. It is *silent* where neither the table, the diagnosis nor the forecast has a warning.
**Wrong but confident is wrong and passing**, and counted apart where it is silent too. *Named* are the tables whose own
defect is said, or which do not pass. Some tables are fitted with two seeds: *apart* are those that are both reported as
converged, and whose medians differ by more than {APART:g} posterior sd (the Monte-Carlo error of 400 effective draws is .09).
"""

READ = """
## What falls short
Every answer that is wrong and passing is of losses that turn: a law that falls goes on falling. A fit is not ok whose losses rise
at the end of the data by three standard errors, a bound that was chosen on these same tables, or where the prior alone says what
more of an input saves. The slope is that of the law and a parabola fitted together; of the law and a parabola on its residuals, as
before, 6 (constant noise) and 4 (default) were wrong and passed, now 3 and 2. Their turn lies at the end of the runs or beyond it
(slopes there of -.4, -.3 and 1.8 standard errors), where nothing tells it. One run that diverged at the end, which was a turn before,
is none. Of eighteen public tables one turns, the isoFLOP grid of Porian et al., whose largest models rise. On 200 tables that their
law describes none is found (false_alarms.md). Counts with constant noise are of today's version for turning, of an earlier one for
the other kinds, in which what the prior alone says was a warning: judged again, 1 each of one d and one n pass, 11 of three runs, 17 of
all noise, none that rise, all others. Those with the default noise are of today's: 18 that turn, six each of sound, one d and one n
(one of each other kind is older). Of pure noise the truth lies just above the band, as a law must fall. Seconds were measured beside
ten other processes on two cores.
"""


class Case(NamedTuple):
    """A table, its truth at a place beyond it, and the words by which its defect is known."""

    table: pd.DataFrame
    at: tuple[float, float]
    loss: float
    words: str


type Truth = Callable[[Any, Any], Any]
type Places = tuple[np.ndarray, np.ndarray]


def scattered(rng: np.random.Generator, n: int = 24) -> Places:
    """N and D of runs over two decades each, in multiples of the reference point."""
    return tuple(10 ** rng.uniform(-1, 1, (2, n)))


def chinchilla(rng: np.random.Generator, **parameters: float) -> Truth:
    """A truth with parameters of its own, but for those that are given."""
    own = {"E": rng.uniform(1.2, 2.5), "A": rng.uniform(0.15, 0.6), "B": rng.uniform(0.15, 0.6)}
    own |= {"alpha": rng.uniform(0.2, 0.5), "beta": rng.uniform(0.2, 0.5)} | parameters
    return lambda n, d: bs.LAWS["chinchilla"](n, d, **own)


def case(
    rng: np.random.Generator, places: Places, truth: Truth, words: str, sigma: float | None = None
) -> Case:
    """Runs of this truth at these places, with noise."""
    n, d = places
    sigma = rng.uniform(0.002, 0.02) if sigma is None else sigma
    loss = truth(n, d) * np.exp(sigma * rng.standard_normal(n.size))
    table = pd.DataFrame({"params": n * REFERENCE[0], "tokens": d * REFERENCE[1], "loss": loss})
    largest = (n * d).argmax()
    at = float(n[largest] * 10**0.5), float(d[largest] * 10**0.5)
    return Case(table, (at[0] * REFERENCE[0], at[1] * REFERENCE[1]), float(truth(*at)), words)


def sound(rng: np.random.Generator) -> Case:
    return case(rng, scattered(rng), chinchilla(rng), "")


def one_d(rng: np.random.Generator) -> Case:
    n, d = scattered(rng)
    return case(rng, (n, np.full_like(d, d[0])), chinchilla(rng), "share one value of tokens")


def one_n(rng: np.random.Generator) -> Case:
    n, d = scattered(rng)
    return case(rng, (np.full_like(n, n[0]), d), chinchilla(rng), "share one value of params")


def proportional(rng: np.random.Generator) -> Case:
    n, _ = scattered(rng)
    return case(rng, (n, n * rng.uniform(0.2, 5)), chinchilla(rng), "params and tokens move together")


def three_runs(rng: np.random.Generator) -> Case:
    return case(rng, scattered(rng, 3), chinchilla(rng), "3 configurations for the 5 parameters")


def all_noise(rng: np.random.Generator) -> Case:
    level = rng.uniform(1.2, 3.5)
    return case(
        rng, scattered(rng), lambda n, d: level + 0 * n, "only from its prior", sigma=rng.uniform(0.005, 0.05)
    )


def outliers(rng: np.random.Generator) -> Case:
    """One to three runs at 1.3 to 3 times their loss."""
    made = case(rng, scattered(rng), chinchilla(rng), "")
    rows = np.sort(rng.choice(24, rng.integers(1, 4), replace=False))
    loss = made.table["loss"].to_numpy(copy=True)
    loss[rows] *= rng.uniform(1.3, 3, rows.size)
    listed = ", ".join(str(row + 1) for row in rows)
    return made._replace(table=made.table.assign(loss=loss), words=rf"rows? {listed} of the table lie")


def no_floor(rng: np.random.Generator) -> Case:
    return case(rng, scattered(rng), chinchilla(rng, E=10 ** rng.uniform(-3, -1)), r"\bE\b")


def flat(rng: np.random.Generator) -> Case:
    alpha, beta = 10 ** rng.uniform(-3, -1.3, 2)
    return case(rng, scattered(rng), chinchilla(rng, alpha=alpha, beta=beta), "prior")


def rising(rng: np.random.Generator) -> Case:
    alpha, beta = -rng.uniform(0.05, 0.3, 2)
    return case(rng, scattered(rng), chinchilla(rng, alpha=alpha, beta=beta), "response rises")


def turning(rng: np.random.Generator) -> Case:
    """Beyond some tokens the loss rises."""
    law, bend = chinchilla(rng), rng.uniform(0.02, 0.1)
    return case(
        rng, scattered(rng), lambda n, d: law(n, d) + bend * np.log(d) ** 2, "turns|residuals|misses|far from"
    )


def duplicated(rng: np.random.Generator) -> Case:
    """Six configurations, each four times with one loss."""
    made = case(rng, scattered(rng, 6), chinchilla(rng), "more than once|twice|copies|alike|repeat")
    return made._replace(table=pd.concat([made.table] * 4, ignore_index=True))


def one_run_a_group(rng: np.random.Generator) -> Case:
    """Each of six groups has a floor of its own; asked is the one of the largest run."""
    n, d = scattered(rng, 6)
    level = np.exp(0.05 * rng.standard_normal(6))
    law, largest = chinchilla(rng), (n * d).argmax()
    made = case(
        rng, (n, d), lambda n, d: law(n, d) * (level if np.ndim(n) else level[largest]), "has one run"
    )
    return made._replace(table=made.table.assign(group=[f"g{i}" for i in range(6)]))


KINDS = (
    sound, one_d, one_n, proportional, three_runs, all_noise, outliers, no_floor, flat, rising, turning, duplicated,
    one_run_a_group,
)  # fmt: skip


def judged(fit: Any, made: Case) -> dict[str, Any]:
    """What a fit says of itself, and of the run beyond its table."""
    diagnosis = fit.diagnose()
    group = fit.groups[(fit.runs.params * fit.runs.tokens).argmax() if len(fit.groups) > 1 else 0]
    there = fit.predict(*made.at, group=group)
    x = np.log(there.drifted.to_numpy().ravel())
    low, middle, high = np.quantile(x, [0.05, 0.5, 0.95])
    off = np.log(made.loss) - middle
    refused = [*diagnosis.wrong_way, *diagnosis.unbelievable, *diagnosis.turns, *diagnosis.prior_alone]
    said = [*refused, *diagnosis.warnings, *there.warnings]
    return {
        "converged": diagnosis.converged,
        "passes": not refused,
        "silent": not said,
        "named": bool(refused) or bool(re.search(made.words, " ".join(said))),
        "off": round(float(off / (high - middle if off > 0 else middle - low)), 3),
        "width": round(float(high - low), 4),
        "median": float(middle),
        "sd": float(x.std()),
        "seconds": round(float(fit.provenance["seconds"]), 1),
        "said": [sentence[:70] for sentence in said],
    }


def answers(asked: argparse.Namespace) -> Iterator[list[dict[str, Any]]]:
    """One entry for each fit, kind by kind."""
    for noise, seed, number in (
        ("constant", 1, asked.tables),
        ("constant", 2, TWICE),
        (None, 1, asked.tables),
    ):
        if asked.noise not in (None, noise or "default"):
            continue
        for made in KINDS:
            name, entries = made.__name__, []
            if asked.only and name not in asked.only.split(","):
                continue
            folder = asked.work / f"{name}-{noise}-{seed}"
            cases = {
                f"{name}-{i}": made(np.random.default_rng([i, KINDS.index(made)]))
                for i in range(number)
                if not asked.there or (folder / f"{name}-{i}.nc").exists()
            }
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for outcome in bs.fit_many(
                    {key: one.table for key, one in cases.items()}, "chinchilla", noise=noise, seed=seed, draws=DRAWS, at_once=1,
                    folder=folder,
                ):  # fmt: skip
                    entry = {"kind": name, "table": outcome.name, "noise": noise or "default", "seed": seed}
                    of_fit = outcome.fit and judged(outcome.fit, cases[outcome.name])
                    entries.append(entry | (of_fit or {"error": outcome.error}))
            print(noise, seed, name, flush=True)
            yield entries


def key(entry: dict[str, Any]) -> tuple[Any, ...]:
    """What an entry is of."""
    return entry["table"], entry["noise"], entry["seed"]


def counted(entries: list[dict[str, Any]]) -> list[list[Any]]:
    """A row for each kind."""
    rows = []
    for kind in (made.__name__ for made in KINDS):
        own = [e for e in entries if e["kind"] == kind and "error" not in e]
        if not own:
            continue
        wrong = [e for e in own if abs(e["off"]) > FAR]
        rows.append(
            [
                kind.replace("_", " "), len(own), sum(e["converged"] for e in own), sum(e["passes"] for e in own),
                sum(e["silent"] for e in own), sum(e["named"] for e in own),
                f"{np.median([np.expm1(e['width']) for e in own]):.1%}",
                sum(abs(e["off"]) > 1 for e in own), len(wrong), sum(e["passes"] for e in wrong),
                sum(e["silent"] for e in wrong), max(e["seconds"] for e in own),
            ]
        )  # fmt: skip
    return rows


def apart(entries: list[dict[str, Any]]) -> int:
    """Tables whose two fits both say that they converged, and disagree."""
    found = 0
    one = {e["table"]: e for e in entries if e["noise"] == "constant" and e["seed"] == 1 and "error" not in e}
    for other in entries:
        if other["noise"] == "constant" and other["seed"] == 2 and (first := one.get(other["table"])):
            away = abs(first["median"] - other["median"]) > APART * max(first["sd"], other["sd"])
            found += bool(away and first["converged"] and other["converged"])
    return found


def page(entries: list[dict[str, Any]]) -> str:
    """The counts in words and tables."""
    heads = ["tables", "fits", "converged", "passes", "silent", "named", "width of the band", "missed", "wrong",
             "wrong and passes", "wrong and silent", "longest (s)"]  # fmt: skip
    parts = []
    for noise in ("constant", "default"):
        if rows := counted([e for e in entries if e["noise"] == noise and e["seed"] == 1]):
            parts.append(f"## Noise: {noise}\n{markdown(heads, rows)}\n")
    errors = [f"{e['table']}: {e['error']}" for e in entries if "error" in e]
    bad = [e for e in entries if "error" not in e and e["kind"] != "sound"]
    confident = [e for e in bad if e["passes"] and abs(e["off"]) > FAR]
    unnamed = [e for e in confident if not e["named"]]
    return (
        "# Tables that cannot tell\n\n"
        f"{tables(bad)} random tables of 12 kinds: wrong but confident {tables(confident)}, of these with no word of the "
        f"defect {tables(unnamed)}, silent {tables([e for e in confident if e['silent']])}; two seeds apart "
        f"{apart(entries)}; refused {len(errors)}.\n{HOW}\n" + "\n".join(parts) + "".join(f"\n- {e}" for e in errors) +
        f"{READ}\nMade by `{COMMAND}`.\n"
    )  # fmt: skip


def tables(entries: list[dict[str, Any]]) -> int:
    """How many tables these are of."""
    return len({entry["table"] for entry in entries})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("geometry"))
    parser.add_argument("--tables", type=int, default=18, help="of each kind")
    parser.add_argument("--there", action="store_true", help="judge the fits that are there, and make none")
    parser.add_argument("--only", help="kinds, with commas between")
    parser.add_argument("--noise", choices=("constant", "default"), help="only this noise")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    target = RESULTS / "geometry.json"
    known = {key(entry): entry for entry in json.loads(target.read_text())} if target.exists() else {}
    for entries in [] if asked.page else answers(asked):
        known |= {key(entry): entry for entry in entries}
        lines = ",\n".join(map(json.dumps, known.values()))
        target.write_text(f"[\n{lines}\n]\n")
    (RESULTS / "geometry.md").write_text(page(json.loads(target.read_text())))


if __name__ == "__main__":
    main()
