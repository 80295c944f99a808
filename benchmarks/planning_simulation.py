"""N_opt by three approaches, on a real table and on simulated truths; designed runs against a grid; regret on real runs.

    BAYES_SCALING_DATA=... python benchmarks/planning_simulation.py [--only PART] [--count 20] [--page]

Parts: approaches, bias, simulation, scatter, regret. Each writes benchmarks/results/planning_simulation_<part>.json and is skipped
while that file is complete; the simulations go on where they stopped, --count replications at a call. The page
benchmarks/results/planning_simulation.md is written from these files alone.
"""

import argparse
import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import bayes_scaling as bs
from bayes_scaling.evaluation.isoflop import PROFILES, isoflop_runs, optimum, profile_options
from bayes_scaling.planning.design.candidates import profile_of_cost
from bayes_scaling.reporting.image_files import save_picture

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/planning_simulation.py"
REPLICATIONS = 200
PILOT, EXTRA, BEYOND = 1e20, 3e20, 100.0
"""FLOPs of the first runs, of the batch that follows, and how many times beyond the first runs' largest N_opt is asked."""

REFERENCE = {"params": 3e8, "tokens": 6e9}
CENTRE = {
    "E": 1.8172,
    "A": 482.01 * 3e8**-0.3478,
    "B": 2085.43 * 6e9**-0.3658,
    "alpha": 0.3478,
    "beta": 0.3658,
}
"""Besiroglu et al. 2024, at the reference point; each truth lies around it."""

SPREAD = {"E": 0.1, "A": 0.25, "B": 0.25, "alpha": 0.12, "beta": 0.12}
SCATTER = 0.11
"""How far the optimum of one budget lies from the line, in log N, where it does: what chinchilla_epoch shows."""

OPTIONS: dict[str, Any] = {"draws": 500, "chains": 2, "noise": "constant"}
PUBLISHED = [
    ("Hoffmann et al. 2022, approach 1", ".50", ".488-.502"),
    ("Hoffmann et al. 2022, approach 2", ".49", ".462-.534"),
    ("Hoffmann et al. 2022, approach 3", ".46", ".454-.455"),
    ("Besiroglu et al. 2024, approach 3 again", ".513", "se .020"),
]


def path_of(part: str) -> Path:
    return RESULTS / f"planning_simulation_{part}.json"


# -- real runs -------------------------------------------------------------------------------------


def approaches() -> dict[str, Any]:
    """The three approaches on chinchilla_epoch; the first also on real training curves."""
    runs = bs.datasets.external("chinchilla_epoch")
    fit = bs.fit(runs, "chinchilla", noise="constant", seed=1)
    found = bs.approaches(fit, ["5.88e23", "1e25"])
    save_picture(bs.plot.approaches(found), RESULTS.parents[1] / "docs" / "planning_approaches.png")
    return {
        "table": found.table().to_dict("records"),
        "differences": found.differences().to_dict("records"),
        "verdict": found.sentences()[0],
        "warnings": list(found.warnings),
        "points": found.points.to_dict("records"),
        "r_hat": {name: made.diagnose().r_hat for name, made in found.fits.items()},
        "tau": float(np.median(found.fits["isoFLOP asymmetric"].posterior["m_tau"])),
    }


def regret() -> dict[str, Any]:
    """Sizes chosen for the largest isoFLOP budgets from all smaller runs, against the runs that were trained there."""
    runs = bs.datasets.external("chinchilla_epoch")
    grouped = isoflop_runs(runs)
    budgets = sorted(grouped.groups, key=float)
    record: dict[str, Any] = {}
    for label in budgets[-3:][::-1]:
        held = grouped.select(grouped.group_index == grouped.groups.index(label))
        train = runs.select(runs.flops < 0.98 * held.flops.min())
        flops = float(np.exp(np.log(held.flops).mean()))
        fit = bs.fit(train, "chinchilla", noise="constant", seed=1, draws=500)
        found = bs.approaches(fit, flops)
        plan = fit.allocate(flops)
        # All held-out runs at one budget's compute: what the budget's runs lost by their own N, by their own profile.
        x, y = np.log(held.params), held.log_loss + 0.05 * np.log(held.flops / flops)
        shape = np.polyfit(x, y, 3 if len(x) > 8 else 2)
        grid = np.linspace(x.min(), x.max(), 2001)
        floor = float(np.polyval(shape, grid).min())
        best = int(np.argmin(y))
        chosen = {}
        for name in found.names:
            n = found.params.sel(approach=name).isel(point=0)
            middle = float(np.median(n))
            near = int(np.argmin(np.abs(x - np.log(middle))))
            inside = x.min() <= np.log(middle) <= x.max()
            chosen[name] = {
                "params": middle,
                "interval": [float(q) for q in np.quantile(n, [0.05, 0.95])],
                "regret_of_curve": float(np.polyval(shape, np.log(middle)) - floor) if inside else None,
                "nearest_run": {"params": float(held.params[near]), "regret": float(y[near] - y[best])},
            }
        record[label] = {
            "fitted": len(train), "held_out": len(held), "flops": flops,
            "factor": float(flops / train.flops.max()),
            "best_run": {"params": float(held.params[best]), "loss": float(np.exp(y[best]))},
            "second": float(np.sort(y)[1] - y[best]),
            "residual_sd": float(np.std(y - np.polyval(shape, x))),
            "best_of_curve": float(np.exp(grid[np.argmin(np.polyval(shape, grid))])),
            "predicted": {k: float(np.median(plan.params)) for k in ("params",)},
            "chosen": chosen,
        }  # fmt: skip
        print(f"  {label}: {chosen}", flush=True)
    return record


# -- what a parabola does to an additive law --------------------------------------------------------


def bias() -> list[dict[str, float]]:
    """Without noise: error of a parabola's exponent and of N_opt 100x beyond, by exponents, width and centring."""
    out = []
    budgets = np.geomspace(1e19, 1e21, 5)
    x_c = np.log(budgets / budgets[0])
    for (alpha, beta), reach in itertools.product(
        ((0.348, 0.366), (0.339, 0.285), (0.5, 0.25)), (4.0, 10.0, 30.0)
    ):
        a = beta / (alpha + beta)
        for first, last in ((1.0, 1.0), (1 / 3, 3.0), (3.0, 1 / 3)):
            found = []
            for off in np.geomspace(first, last, len(budgets)):
                # Of a law E + A N^-alpha + B D^-beta all that matters: the profile over u = log(N / N_opt).
                u = np.log(off) + np.linspace(-np.log(reach), np.log(reach), 9)
                c2, c1, _ = np.polyfit(u, np.exp(-alpha * u) / alpha + np.exp(beta * u) / beta, 2)
                found.append(-c1 / (2 * c2))
            slope, start = np.polyfit(x_c, found, 1)
            far = np.exp(start + slope * (x_c[-1] + np.log(100)))
            out.append(
                {"alpha": alpha, "beta": beta, "a": a, "reach": reach, "first": first, "last": last,
                 "exponent": float(slope), "params": float(far)}
            )  # fmt: skip
    return out


# -- simulated truths --------------------------------------------------------------------------------


def truth_of(i: int) -> dict[str, float]:
    """The law and noise of one replication."""
    rng = np.random.default_rng([41, i])
    drawn = {k: v * float(np.exp(SPREAD[k] * rng.standard_normal())) for k, v in CENTRE.items()}
    return drawn | {"sigma": 0.004 * float(np.exp(0.4 * rng.standard_normal())), "nu": 6.0}


def n_opt(truth: dict[str, float], flops: float) -> float:
    product = flops / (6 * REFERENCE["params"] * REFERENCE["tokens"])
    ratio = truth["alpha"] * truth["A"] / (truth["beta"] * truth["B"])
    return REFERENCE["params"] * float(
        (ratio * product ** truth["beta"]) ** (1 / (truth["alpha"] + truth["beta"]))
    )


def drawn(table: Any, i: int, arm: int) -> Any:
    return bs.simulate(table, "chinchilla", truth_of(i), reference=REFERENCE, seed=[43, i, arm])


def told(draws: Any, answer: float) -> dict[str, float]:
    """Median, sd and rank of the truth, in log N."""
    x = np.log(np.asarray(draws).ravel())
    return {
        "error": float(np.median(x) - np.log(answer)),
        "sd": float(x.std()),
        "pit": float(np.mean(x < np.log(answer))),
    }


def fitted(tables: dict[str, Any], law: Any = "chinchilla", **options: Any) -> Iterator[tuple[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # the health of every fit is in the record
        for outcome in bs.fit_many(tables, law, seed=1, **{**OPTIONS, **options}):
            if outcome.fit is None:
                raise RuntimeError(f"{outcome.name}: {outcome.error}")
            yield outcome.name, outcome.fit


def replications(which: list[int]) -> dict[str, dict[str, Any]]:
    """Some replications: approaches 2 and 3 on the first runs; then a designed batch against a grid of equal cost."""
    import pandas as pd

    grid = bs.isoflop_grid(PILOT)
    target = BEYOND * float(grid["flops"].max())
    pilots = {str(i): drawn(grid, i, 0) for i in which}
    records: dict[str, dict[str, Any]] = {
        str(i): {"truth": truth_of(i), "n_opt": n_opt(truth_of(i), target)} for i in which
    }
    batches: dict[str, Any] = {}
    for name, fit in fitted(pilots):
        answer, i = records[name]["n_opt"], int(name)
        diagnosis = fit.diagnose()
        records[name]["law"] = told(fit.allocate(target).params, answer) | {"r_hat": diagnosis.r_hat}
        design = fit.with_drift(bs.Drift(0.0)).design(EXTRA, optimum_at=target)
        rival = profile_of_cost(fit, fit.groups, design.cost, EXTRA)
        records[name]["design"] = {
            "before": design.before, "after": design.after, "grid": design.grid, "cost": design.cost,
            "runs": len(design.runs), "replicates": int((design.runs["what"] == "replicate").sum()),
            "largest": float(design.runs["flops"].max()), "reweighted": design.reweighted,
        }  # fmt: skip
        first = pilots[name].table[["params", "tokens", "loss"]]
        for arm, table in enumerate((design.runs, rival), 1):
            new = drawn(table[["params", "tokens"]], i, arm).table[["params", "tokens", "loss"]]
            kind = ("designed", "grid")[arm - 1]
            batches[f"{name} {kind}"] = pd.concat([first, new], ignore_index=True)
    # Where a batch has replicates, the model has a lack of fit, which the truth has not.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
        loaded = {k: bs.load_runs(v.assign(seed=range(len(v)))) for k, v in batches.items()}
    for name, fit in fitted(loaded):
        number, kind = name.split(" ")
        records[number][kind] = told(fit.allocate(target).params, records[number]["n_opt"])
        records[number][kind]["r_hat"] = fit.diagnose().r_hat
    profiled(records, pilots, target)
    return records


def profiled(records: dict[str, dict[str, Any]], tables: dict[str, Any], target: float) -> None:
    """Adds to each record what the isoFLOP profiles of its table say of the optimum at the target."""
    grouped = {name: isoflop_runs(runs) for name, runs in tables.items()}
    for shape, law in PROFILES.items():
        for name, fit in fitted(grouped, law, **profile_options(law)):
            found = told(optimum(fit, target), records[name]["n_opt"])
            records[name][shape] = found | {"r_hat": fit.diagnose().r_hat}


def scattered(which: list[int]) -> dict[str, dict[str, Any]]:
    """Approaches 2 and 3 where the optimum of each budget lies off the law's line, as real budgets do."""
    grid = bs.isoflop_grid(PILOT)
    target = BEYOND * float(grid["flops"].max())
    tables = {}
    for i in which:
        rng = np.random.default_rng([45, i])
        budgets = dict.fromkeys(grid["flops"])
        off = np.exp(grid["flops"].map({c: SCATTER * rng.standard_normal() for c in budgets}))
        moved = drawn(grid.assign(params=grid["params"] / off, tokens=grid["tokens"] * off), i, 3)
        table = grid[["params", "tokens"]].assign(loss=moved.loss)
        tables[str(i)] = bs.load_runs(table, name=f"scattered {i}")
    records: dict[str, dict[str, Any]] = {str(i): {"n_opt": n_opt(truth_of(i), target)} for i in which}
    for name, fit in fitted(tables):
        found = told(fit.allocate(target).params, records[name]["n_opt"])
        records[name]["law"] = found | {"r_hat": fit.diagnose().r_hat}
    profiled(records, tables, target)
    return records


def replicated(part: str, count: int) -> None:
    """The replications that are still missing, at most so many."""
    path = path_of(part)
    done: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    missing = [i for i in range(REPLICATIONS) if str(i) not in done][:count]
    if missing:
        done |= REPLICATED[part](missing)
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(done))
        aside.replace(path)
        print(f"{part}: {len(done)} of {REPLICATIONS} replications", flush=True)


REPLICATED = {"simulation": replications, "scatter": scattered}


# -- the page ------------------------------------------------------------------------------------------


def share(hits: Any) -> str:
    """A share with its 90% interval (Jeffreys)."""
    from scipy.stats import beta

    hits = np.asarray(hits)
    low, high = beta.ppf([0.05, 0.95], hits.sum() + 0.5, (~hits).sum() + 0.5)
    return f"{hits.mean():.1%} ({low:.1%}-{high:.1%})"


def page() -> str:
    """All results as one page."""
    lines = [
        "# N_opt by three approaches, designed runs, regret",
        "",
        f"Made by `{COMMAND}`; 2-core x86-64 CPU; bayes-scaling {bs.__version__}. Intervals are 90%.",
    ]
    if path_of("approaches").exists():
        lines += _page_approaches(json.loads(path_of("approaches").read_text()))
    if path_of("bias").exists():
        lines += _page_bias(json.loads(path_of("bias").read_text()))
    if path_of("simulation").exists():
        lines += _page_simulation(list(json.loads(path_of("simulation").read_text()).values()))
    if path_of("scatter").exists():
        lines += _page_scatter(list(json.loads(path_of("scatter").read_text()).values()))
    if path_of("regret").exists():
        lines += _page_regret(json.loads(path_of("regret").read_text()))
    return "\n".join(lines) + "\n"


def _page_approaches(found: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## chinchilla_epoch",
        "",
        "| approach | a | interval | N_opt at 5.88e23 | interval |",
        "|---|---|---|---|---|",
    ]
    for row in found["table"]:
        if abs(row["flops"] / 5.88e23 - 1) < 1e-6:
            n = [f"{row[k] / 1e9:.1f}B" for k in ("params", "params 90% lower", "params 90% upper")]
            a = [f"{row[k]:.3f}" for k in ("a", "a 90% lower", "a 90% upper")]
            lines.append(f"| {row['approach']} | {a[0]} | {a[1]}-{a[2]} | {n[0]} | {n[1]}-{n[2]} |")
    lines += [f"| *{name}* | {a} | {interval} | | |" for name, a, interval in PUBLISHED]
    lines += [
        "",
        f"In a sentence: {found['verdict']}.",
        *(f"Note: {warning}." for warning in found["warnings"]),
    ]
    worst = max(found["r_hat"].values())
    return [
        *lines,
        f"Scatter of single budgets about the line: {found['tau']:.3f} in log N. Worst R-hat {worst:.3f}.",
    ]


def _page_bias(rows: list[dict[str, float]]) -> list[str]:
    lines = [
        "", "## What a parabola makes of an additive law, without noise", "",
        "Five budgets 1e19-1e21, nine sizes each, from 1/reach to reach times a centre that is so many times the true optimum",
        "at the first and at the last budget. The asymmetric profile is exact in every row.", "",
        "| alpha, beta | reach | centre, first to last | error of a | N_opt 100x beyond, as a multiple of the truth |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    return lines + [
        f"| {r['alpha']:g}, {r['beta']:g} | {r['reach']:g} | {r['first']:.2g} to {r['last']:.2g} | {r['exponent']:+.4f} | {r['params']:.2f} |"
        for r in rows
    ]


ARMS = (("isoFLOP parabola", "parabola"), ("isoFLOP asymmetric", "asymmetric"), ("law", "law"))


def _held(name: str, rows: list[dict[str, float]]) -> str:
    """A line of a table of coverage."""
    pit, error, sd = (np.array([row[key] for row in rows]) for key in ("pit", "error", "sd"))
    bad = sum(row["r_hat"] > 1.01 for row in rows)
    held = [share(np.abs(pit - 0.5) <= p / 2) for p in (0.9, 0.5)]
    return f"| {name} | {held[0]} | {held[1]} | {np.sqrt((error**2).mean()):.3f} | {sd.mean():.3f} | {bad} |"


def _page_scatter(rows: list[dict[str, Any]]) -> list[str]:
    return [
        "", f"### The same where budgets scatter, {len(rows)} replications", "",
        "The profile model lets the optimum of each budget lie off the line, by an amount whose prior is half-normal with scale",
        "0.1 in log N. In the truths above it is exactly zero, so that its intervals are wider than they need to be. Here each",
        f"budget's optimum is moved by {SCATTER:g} times a normal draw (that of `chinchilla_epoch`), which the law does not know.", "",
        "| approach | 90% held | 50% held | RMSE of log N_opt | mean sd told | R-hat above 1.01 |", "|---|---|---|---|---|---|",
        *(_held(name, [r[kind] for r in rows]) for name, kind in ARMS),
    ]  # fmt: skip


def _page_simulation(rows: list[dict[str, Any]]) -> list[str]:
    rng = np.random.default_rng(1)
    lines = [
        "", f"## Simulated truth, {len(rows)} replications", "",
        f"Truths around Besiroglu et al.'s constants (spreads of their logarithms: {', '.join(f'{k} {v:g}' for k, v in SPREAD.items())};",
        "sigma .004 times e^(.4 z), nu 6). First runs: `isoflop_grid(1e20)`, 4 profiles of 7 sizes laid out by the prior, the same",
        f"for all. Asked: N_opt at {BEYOND:g} times the compute of the largest run.", "",
        "| approach | 90% held | 50% held | RMSE of log N_opt | mean sd told | R-hat above 1.01 |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [_held(name, [r[kind] for r in rows]) for name, kind in ARMS]
    errors = {kind: np.array([r[kind]["error"] for r in rows]) for kind in ("law", "designed", "grid")}
    index = rng.integers(len(rows), size=(4000, len(rows)))

    def ratio(one: str, other: str) -> str:
        """Ratio of root mean squared errors, with the bootstrap over replications."""
        squares = {k: errors[k] ** 2 for k in (one, other)}
        drawn = np.sqrt(squares[one][index].mean(1) / squares[other][index].mean(1))
        low, high = np.quantile(drawn, [0.05, 0.95])
        return f"{np.sqrt(squares[one].mean() / squares[other].mean()):.2f} ({low:.2f}-{high:.2f})"

    plans = [r["design"] for r in rows]
    held = {
        k: share(np.abs(np.array([r[k]["pit"] for r in rows]) - 0.5) <= 0.45) for k in ("designed", "grid")
    }
    return [
        *lines, "", "### A designed batch against a grid of equal cost", "",
        f"Then up to {EXTRA:.0e} FLOPs more: the batch of `design(optimum_at=...)`, or one isoFLOP profile of the same cost, seven",
        "sizes around the posterior's own median optimum. Ratios are of root mean squared errors of log N_opt.", "",
        "| | ratio |", "|---|---|",
        f"| designed to grid | **{ratio('designed', 'grid')}** |",
        f"| designed to first runs alone | {ratio('designed', 'law')} |",
        f"| grid to first runs alone | {ratio('grid', 'law')} |",
        "",
        f"90% intervals held after the batch: designed {held['designed']}, grid {held['grid']}. Mean expected sd: before "
        f"{np.mean([p['before'] for p in plans]):.3f}, designed {np.mean([p['after'] for p in plans]):.3f}, grid "
        f"{np.mean([p['grid'] for p in plans]):.3f}; sd that came out: designed {np.mean([r['designed']['sd'] for r in rows]):.3f}, grid "
        f"{np.mean([r['grid']['sd'] for r in rows]):.3f}. A batch has {np.mean([p['runs'] for p in plans]):.1f} runs, of which "
        f"{np.mean([p['replicates'] for p in plans]):.1f} replicates.",
    ]  # fmt: skip


def _page_regret(record: dict[str, Any]) -> list[str]:
    lines = [
        "", "## Regret on real runs (chinchilla_epoch)", "",
        "All runs from a budget on are held out, N is chosen from the smaller ones. Regret is log loss above the best: of the",
        "trained run whose size is nearest to the one chosen, and of a smooth curve through all runs of the budget at the size chosen.", "",
        "| budget | runs fitted, held out | approach | N chosen, interval | best trained N | regret of the nearest run | regret on the curve | scatter of the runs |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for label, row in record.items():
        for name, got in row["chosen"].items():
            low, high = got["interval"]
            curve = "outside" if got["regret_of_curve"] is None else f"{got['regret_of_curve']:.4f}"
            lines.append(
                f"| {label} | {row['fitted']}, {row['held_out']} | {name} | {got['params'] / 1e9:.2f}B, {low / 1e9:.2f}-{high / 1e9:.2f}B "
                f"| {row['best_run']['params'] / 1e9:.2f}B | {got['nearest_run']['regret']:.4f} | {curve} | {row['residual_sd']:.4f} |"
            )
    worst = max(
        got["regret_of_curve"]
        for row in record.values()
        for got in row["chosen"].values()
        if got["regret_of_curve"] is not None
    )
    scatter = [row["residual_sd"] for row in record.values()]
    return [
        *lines,
        "",
        f"The largest regret on a curve is {worst:.4f} in log loss; single runs scatter by {min(scatter):.4f} to {max(scatter):.4f} (sd)",
        "about these curves, so that the best of some ten runs is luck by about as much.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("approaches", "bias", "simulation", "scatter", "regret"))
    parser.add_argument("--count", type=int, default=REPLICATIONS)
    parser.add_argument("--page", action="store_true")
    args = parser.parse_args()
    parts = {"approaches": approaches, "bias": bias, "regret": regret}
    for part, make in parts.items():
        if not args.page and args.only in (None, part) and not path_of(part).exists():
            path_of(part).write_text(json.dumps(make(), indent=1))
    for part in REPLICATED:
        for start in range(0, 0 if args.page or args.only not in (None, part) else args.count, 20):
            replicated(part, min(20, args.count - start))
    (RESULTS / "planning_simulation.md").write_text(page())


if __name__ == "__main__":
    main()
