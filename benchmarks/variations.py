"""The kinds of tables that people bring, each simulated many times: answers that are wrong, and said nothing of.

    uv run benchmarks/variations.py [--tables 5] [--only KIND,KIND] [--page]

Each kind varies sizes, numbers of rows, seeds, units and strengths. An answer is right where it is near the truth; else it must
come with a sentence of the diagnosis that says so. Fits are short and without a discrepancy, whose diagnosis reads residuals of
the law alone too. Each kind writes into benchmarks/results/variations.json; variations.md is made from that file.
"""

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.data.cost import cost_of
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
PIECES = RESULTS / "variations.json"
COMMAND = "uv run benchmarks/variations.py"
LAW = {"E": 1.7, "A": 0.4, "B": 0.5, "alpha": 0.34, "beta": 0.28}
N0, D0 = 5e8, 2e10
"""The reference point of the truth."""


class Verdict(NamedTuple):
    """Whether an answer is right, and whether the diagnosis says what is the matter."""

    right: bool
    said: bool


def truth(n: Any, d: Any, **other: float) -> Any:
    """The loss of a run."""
    return bs.LAWS["chinchilla"](n / N0, d / D0, **LAW | other)


def grid(rng: np.random.Generator) -> pd.DataFrame:
    """Runs of a true law: 4 to 7 sizes on 4 to 6 amounts of data."""
    sizes = np.geomspace(10 ** rng.uniform(7, 8), 10 ** rng.uniform(9.3, 10.3), rng.integers(4, 8))
    data = np.geomspace(10 ** rng.uniform(9, 9.7), 10 ** rng.uniform(11, 11.7), rng.integers(4, 7))
    n, d = (x.ravel() for x in np.meshgrid(sizes, data, indexing="ij"))
    noise = np.exp(rng.uniform(0.001, 0.004) * rng.normal(size=n.size))
    return pd.DataFrame({"params": n, "tokens": d, "loss": truth(n, d) * noise})


def fitted(table: Any, law: str = "chinchilla", **options: Any) -> tuple[bs.Fit, str]:
    """A short fit, and what its diagnosis says."""
    short = {"draws": 50, "chains": 2, "max_warmup": 300}
    fit = bs.fit(table, law, noise="constant", seed=1, **short | options)
    diagnosis = fit.diagnose()
    return fit, " ".join((*diagnosis.problems, *diagnosis.warnings))


def near(value: Any, wanted: float, by: float) -> bool:
    """Whether a value is right to a share."""
    return bool(abs(float(value) / wanted - 1) < by)


def one_size_otherwise(rng: np.random.Generator) -> Verdict:
    table = grid(rng)
    sizes = np.unique(table["params"])
    size = sizes[0 if rng.random() < 0.3 else -1]
    table.loc[table["params"] == size, "loss"] *= 1 + rng.choice([-1, 1]) * rng.uniform(0.02, 0.08)
    fit, said = fitted(table)
    n = fit.allocate(1e23)
    wanted = N0 * (
        LAW["alpha"] * LAW["A"] / LAW["beta"] / LAW["B"] * (1e23 / 6 / N0 / D0) ** LAW["beta"]
    ) ** (1 / (LAW["alpha"] + LAW["beta"]))
    low, high = n.interval(0.9, "params")
    return Verdict(bool(low <= wanted <= high), "residuals" in said or "far from the law" in said)


def mid_schedule(rng: np.random.Generator) -> Verdict:
    share = np.array([0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0])[rng.integers(0, 3) :]
    sizes, high = np.geomspace(5e7, 10 ** rng.uniform(8.7, 9.5), rng.integers(4, 9)), rng.uniform(0.02, 0.08)
    n, ratio = np.repeat(sizes, share.size), np.repeat(80 * rng.uniform(0.5, 2, sizes.size), share.size)
    at = np.tile(share, sizes.size)
    loss = truth(n, ratio * n * at) * (1 + high * np.cos(np.pi / 2 * at))
    table = pd.DataFrame({"params": n, "tokens": ratio * n * at, "loss": loss})
    table["loss"] *= np.exp(0.001 * rng.normal(size=n.size))
    if rng.random() < 0.7:
        table["trajectory"] = np.repeat(np.arange(sizes.size), share.size).astype(str)
    fit, said = fitted(table)
    return Verdict(near(fit.draws()["beta"].median(), LAW["beta"], 0.15), "below their own trend" in said)


def repetition(rng: np.random.Generator) -> Verdict:
    n, epochs = (
        x.ravel() for x in np.meshgrid(np.geomspace(5e7, 2e9, 4), [1.0, 2, 4, 8, 16, 40], indexing="ij")
    )
    unique = 10 ** rng.uniform(8, 9)
    at = np.minimum(unique * epochs, unique * (1 + 15 * (1 - np.exp(-(epochs - 1) / 15))))
    table = pd.DataFrame({"params": n, "tokens": unique * epochs, "unique_tokens": unique})
    hurt = np.where(epochs > 30, rng.uniform(0.05, 0.2) * n / n.max(), 0)
    table["loss"] = truth(n, at) * (1 + hurt) * np.exp(0.003 * rng.normal(size=n.size))
    _, said = fitted(table, "muennighoff")
    return Verdict(False, "far from the law" in said or "residuals" in said)


def outlier(rng: np.random.Generator) -> Verdict:
    table = grid(rng)
    row = int(rng.integers(len(table)))
    table.loc[row, "loss"] *= 1 + rng.choice([-1, 1]) * rng.uniform(0.06, 0.3)
    _, said = fitted(table)
    return Verdict(False, f"row {row + 1} of the table lies far" in said)


def rising(rng: np.random.Generator) -> Verdict:
    table = grid(rng)
    table["loss"] = (100 if rng.random() < 0.5 else 1) * (1 - table["loss"] / 10 ** rng.uniform(0.9, 1.5))
    fit, said = fitted(table)
    return Verdict(False, not fit.diagnose().ok and "rises with scale" in said)


def rising_curve(rng: np.random.Generator) -> Verdict:
    n = np.geomspace(10, 10 ** rng.uniform(3, 5), rng.integers(6, 15))
    y = (rng.uniform(0, 1) + 10 ** rng.uniform(-3, 1) * n ** rng.uniform(0.3, 1.5)) * np.exp(
        0.02 * rng.normal(size=n.size)
    )
    runs = bs.load_runs(pd.DataFrame({"n": n, "loss": y}), inputs=["n"], loss_unit="other")
    fit, said = fitted(runs, "power_law:n")
    return Verdict(False, not fit.diagnose().ok and "rises with scale" in said)


def own_flops(rng: np.random.Generator) -> Verdict:
    table = grid(rng)
    power, times = rng.uniform(0.75, 1.05), rng.uniform(1.3, 4)
    cost = 6 * times * N0 * D0 * (table["params"] / N0) ** power * table["tokens"] / D0
    runs = bs.load_runs(table.assign(flops=cost * np.exp(0.02 * rng.normal(size=len(table)))))
    learnt = cost_of(runs).flops(10 * N0, 10 * D0)
    return Verdict(near(learnt, 60 * times * N0 * D0 * 10**power, 0.1), bool(runs.warnings))


def units(rng: np.random.Generator) -> Verdict:
    table, scale = grid(rng), 10 ** rng.uniform(-3, 2)
    runs = bs.load_runs(table.assign(loss=table["loss"] * scale), loss_unit="other")
    fit, said = fitted(runs)
    low, high = fit.predict(2e10, 1e12).interval(0.95)
    return Verdict(bool(low <= scale * truth(2e10, 1e12) <= high), "unit" in said)


def negative_floor(rng: np.random.Generator) -> Verdict:
    r = np.geomspace(0.01, 1, rng.integers(8, 20))
    y = -rng.uniform(0.5, 4) + 10 ** rng.uniform(0, 0.3) * r ** -rng.uniform(0.3, 0.6)
    y = y[y > 0.05]
    table = pd.DataFrame({"r": r[: y.size], "loss": y * np.exp(0.01 * rng.normal(size=y.size))})
    fit, said = fitted(bs.load_runs(table, inputs=["r"], loss_unit="other"), "power_floor:r")
    return Verdict(False, "presses against 0" in said or not fit.diagnose().ok)


def samples(rng: np.random.Generator) -> Verdict:
    n = np.geomspace(50, 10 ** rng.uniform(3.2, 4.5), rng.integers(6, 12))
    E, A, alpha = rng.uniform(0.02, 0.06), rng.uniform(0.3, 0.8), rng.uniform(0.3, 0.7)
    y = (E + A * (n / 50) ** -alpha) * np.exp(0.02 * rng.normal(size=n.size))
    fit, said = fitted(
        bs.load_runs(pd.DataFrame({"n": n, "loss": y}), inputs=["n"], loss_unit="other"),
        "power_floor:n", draws=500, chains=4, max_warmup=1500,
    )  # fmt: skip
    found = fit.plan(target=float(E + A * (2 * n[-1] / 50) ** -alpha))
    low, high = found.interval(0.95)
    return Verdict(
        bool(low <= 2 * n[-1] <= (np.inf if np.isnan(high) else high)),
        bool(found.warnings) or "prior" in said,
    )


def near_guessing(rng: np.random.Generator) -> Verdict:
    c = np.repeat(np.geomspace(3e9, 10 ** rng.uniform(11, 12), rng.integers(3, 6)), 7)
    n = np.tile(np.geomspace(3e3, 2e5, 7), c.size // 7)
    guess = np.log(10 ** rng.uniform(1.5, 4))
    law = {"E": 0.2, "A": 0.25, "B": rng.uniform(0.2, 0.35), "alpha": 0.35, "beta": 0.5}

    def loss(n: Any, d: Any) -> Any:
        t = guess * bs.LAWS["chinchilla"](n / 3e4, d / 3e5, **law)
        return t / (1 + (t / guess) ** 2) ** 0.5

    d = c / 6 / n
    table = pd.DataFrame(
        {"params": n, "tokens": d, "loss": loss(n, d) * np.exp(0.005 * rng.normal(size=n.size))}
    )
    fit, said = fitted(table)
    low, high = fit.predict(2e5, 10 * d.max()).interval(0.95)
    return Verdict(bool(low <= loss(2e5, 10 * d.max()) <= high), "ceiling" in said or "residuals" in said)


def two_recipes(rng: np.random.Generator) -> Verdict:
    """A baseline and a variant, without a second seed: what the variant is worth in compute."""
    c = np.geomspace(10 ** rng.uniform(17, 18), 10 ** rng.uniform(19, 20), rng.integers(4, 8))
    E, A, alpha = rng.uniform(1.4, 1.9), rng.uniform(0.7, 1.2), rng.uniform(0.08, 0.2)
    better = rng.uniform(0.85, 0.99)
    rows = [
        {"flops": x, "group": name, "loss": round(E + A * times * (x / 1e19) ** -alpha, int(rng.integers(3, 6)))}
        for name, times in (("baseline", 1.0), ("variant", better))
        for x in c
    ]  # fmt: skip
    fit = bs.fit(pd.DataFrame(rows), "gpt4", noise="constant", draws=500, seed=1)
    found = fit.contrast(float(10 * c[-1])).table(0.95).iloc[0]
    worth = better ** (1 / alpha)  # of the variant's compute, which does what all of the baseline's does
    held = found["multiplier 95% lower"] <= worth <= found["multiplier 95% upper"]
    return Verdict(bool(held), not fit.diagnose().ok)


def dialect(rng: np.random.Generator) -> Verdict:
    """The same numbers as other programs write them: separators, decimal commas, encodings, names and units."""
    table = grid(rng)
    names = [
        ("N", "D", "loss"),
        ("n_params", "num_tokens", "val_loss"),
        ("params_b", "tokens_b", "eval/loss"),
    ]
    chosen = dict(zip(("params", "tokens", "loss"), names[rng.integers(len(names))], strict=True))
    written = table.assign(**{c: table[c] / 1e9 for c in ("params", "tokens") if chosen[c].endswith("_b")})
    sep, decimal = [(",", "."), (";", ","), (";", "."), ("\t", ","), ("\t", "."), ("|", ".")][rng.integers(6)]
    encoding = ["utf-8", "utf-8-sig", "utf-16", "latin-1"][rng.integers(4)]
    ending = ["", ".gz", ".xz"][rng.integers(3)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"Läufe.csv{ending}"
        written.rename(columns=chosen).assign(note="größer").to_csv(
            path, sep=sep, decimal=decimal, encoding=encoding, index=False
        )
        try:
            runs = bs.load_runs(path)
        except bs.InputError:
            return Verdict(False, True)
    read = runs.table
    right = len(read) == len(table) and all(
        np.allclose(np.sort(read[c].to_numpy(float)), np.sort(table[c].to_numpy())) for c in chosen
    )
    return Verdict(right, False)


KINDS: dict[str, tuple[str, Callable[[np.random.Generator], Verdict]]] = {
    "one size trained otherwise": ("N_opt(1e23) in its 90% interval", one_size_otherwise),
    "checkpoints in mid-schedule": ("beta within 15%", mid_schedule),
    "repetition that hurts": ("those runs named", repetition),
    "a run that diverged": ("that row named", outlier),
    "a share given as a loss": ("refused", rising),
    "a curve that rises": ("refused", rising_curve),
    "FLOPs of the table's own": ("the cost of a run within 10%", own_flops),
    "losses in other units": ("the loss at 10x in its 95% interval", units),
    "a floor below 0": ("said", negative_floor),
    "samples for a target": ("the number in its 95% interval", samples),
    "near guessing": ("the loss at 10x the data in its 95% interval", near_guessing),
    "two recipes of few runs": ("what one is worth in compute in its 95% interval", two_recipes),
    "tables of other programs": ("every number as it was", dialect),
}


def page(found: dict[str, list[list[bool]]]) -> str:
    """Counts of each kind."""
    rows = [
        [
            name,
            wanted,
            len(own),
            sum(r for r, _ in own),
            sum(s and not r for r, s in own),
            sum(not (r or s) for r, s in own),
        ]
        for name, (wanted, _) in KINDS.items()
        if (own := found.get(name))
    ]
    silent, tried = sum(row[5] for row in rows), sum(row[2] for row in rows)
    heads = ["kind", "right", "tables", "right answers", "wrong, and said", "wrong and silent"]
    return (
        "# The kinds of tables that people bring, varied\n\nSizes, rows, seeds, units and strengths at random; fits of 50 draws x 2 "
        f"chains (of recipes and of samples for a target: 500 x 4) without a discrepancy. Of {tried} tables {silent} have an answer that is wrong while nothing is said "
        "(intervals of 95% miss in one of twenty by chance).\n\n"
        f"{markdown(heads, rows)}\n\nMade by `{COMMAND}`.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=5)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    found = json.loads(PIECES.read_text()) if PIECES.exists() else {}
    for name in [] if asked.page else asked.only.split(","):
        own = found.setdefault(name, [])
        for i in range(len(own), asked.tables):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                own.append([*KINDS[name][1](np.random.default_rng([i, [*KINDS].index(name)]))])
            PIECES.write_text(json.dumps(found) + "\n")
        print(name, own, flush=True)
    (RESULTS / "variations.md").write_text(page(found))


if __name__ == "__main__":
    main()
