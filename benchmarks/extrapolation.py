"""Do 90% bands hold 90% of larger runs? Rolling cuts through real tables, the drift chosen with whole tables left out.

    BAYES_SCALING_DATA=... python benchmarks/extrapolation.py --work FOLDER [--only TABLE] [--laws skaling,chinchilla,peer]
    python benchmarks/extrapolation.py --fresh FOLDER_OF_FRESH_TABLES --work FOLDER
    python benchmarks/extrapolation.py --page

Each table and law writes benchmarks/results/extrapolation_<table>_<law>.json as soon as it is done, and is skipped
while that file is there; fits stay in FOLDER, and are taken up from there; "peer" is `simple-scaling-laws` with its defaults. The page
benchmarks/results/extrapolation.md is written from these files alone.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.evaluation.baselines import huber_bootstrap, laplace
from bayes_scaling.evaluation.cuts import FEWEST, held_out
from bayes_scaling.evaluation.predictive import predictive
from bayes_scaling.evaluation.scores import Scores, scores_of_draws

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/extrapolation.py --work extrapolation-work"
SPREADS = (0.0, 0.005, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.04)
LEANS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
PROBS = (0.5, 0.8, 0.9, 0.95)
STRETCH = np.arange(1, 6.01, 0.1)
DRAWS = 1000
UNUSABLE = {"gzip_pcfg"}
"""Tables that no law of the catalogue fits, and whose fits say so; they are shown and not pooled."""


def single_epoch() -> Any:
    """Runs of datablations that saw no token twice."""
    runs = bs.datasets.external("datablations")
    return runs.select(runs.table["epochs"].to_numpy() <= 1.01)


def porian() -> Any:
    """Tuned runs at their isoFLOP points, parameters counted the standard way."""
    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "porian/isoflop_points.csv")
    table = table[(table["hparams"] == "tuned") & (table["param_count"] == "standard")]
    return bs.load_runs(table, params="N", tokens="D", group="dataset", name="porian")


TABLES: dict[str, Callable[[], Any]] = {
    **{
        name: lambda name=name: bs.datasets.external(name)
        for name in (
            "chinchilla_epoch", "gadre", "xlstm", "misfitting", "steplaw", "okar_sweep", "gzip_pcfg",
        )
    },
    "datablations": single_epoch,
    "pile": lambda: bs.datasets.load("pile"),
    "porian": porian,
}  # fmt: skip

FRESH = {
    "openeurollm": "OpenEuroLLM/dense_english_scaling_laws, 781af43, data/best_HPs/lr_gbsz_min_smooth.csv",
    "llama3": "Open-Athena/scaling-law-analysis, 0124589, data/isoflops/llama3/isoflops.csv",
    "marin": "Open-Athena/scaling-law-analysis, 0124589, data/isoflops/marin_202603/isoflops.csv",
}
"""Public tables that had no part in choosing the law, the priors or the drift: repository, commit and file. They are
scored as released; the folder holds each as <name>.csv."""


def fresh(name: str, folder: Path) -> Any:
    """A fresh table, from its file as its authors wrote it."""
    table = pd.read_csv(folder / f"{name}.csv")
    if name == "openeurollm":
        return bs.load_runs(table, params="N", tokens="D", name=name)
    if name == "llama3":
        return bs.load_runs(table[table["condition"] == "raw_loss"], name=name)
    return bs.load_runs(table, group="dataset", name=name)


def cuts(runs: Any) -> dict[str, tuple[Any, Any]]:
    """(fitted, held out) by cut: in each group, the runs within 3x, 10x and 30x of its largest are held out."""
    out = {}
    for name, held in held_out(runs).items():
        known = np.isin(runs.group_index, np.unique(runs.group_index[~held]))
        if (~held).sum() >= FEWEST and (~held).mean() >= 0.2 and (held & known).any():
            out[name] = (runs.select(~held), runs.select(held & known))
    return out


def scored(scores: Scores) -> dict[str, Any]:
    """Means over the held-out runs of one cut."""
    gap = np.abs(scores.pit - 0.5)
    return {
        "log_density": float(scores.log_density.mean()),
        "width": float(scores.width.mean()),
        "crps": float(scores.crps.mean()),
        **{f"coverage_{p}": float((gap <= p / 2).mean()) for p in PROBS},
    }


def key(drift: bs.Drift) -> str:
    """The name of a drift in the records."""
    return f"{drift.spread:g} {drift.bias:g}" if drift.spread else "0"


DRIFTS = [bs.Drift(0.0)] + [bs.Drift(s, lean) for lean in LEANS for s in SPREADS if s]


def one(table: str, runs: Any, law: str, work: Path) -> dict[str, Any]:
    """Every cut of one table under one law: the posterior under each drift, and the baselines."""
    pieces, began = cuts(runs), time.perf_counter()
    record: dict[str, Any] = {"table": table, "law": law, "cuts": {}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # the health of every fit is in the record
        for outcome in bs.fit_many(
            {n: a for n, (a, _) in pieces.items()},
            law,
            noise="constant",
            seed=1,
            folder=work / f"{table}_{law}",
        ):
            train, test = pieces[outcome.name]
            if outcome.fit is None:
                record["cuts"][outcome.name] = {"error": outcome.error}
                continue
            diagnosis, ahead = outcome.fit.diagnose(), predictive(outcome.fit, test)
            errors = np.exp(np.median(ahead.middle, axis=1) - test.log_loss) - 1
            record["cuts"][outcome.name] = {
                "fitted": len(train), "held_out": len(test), "r_hat": diagnosis.r_hat, "ok": diagnosis.ok,
                "ess_bulk": diagnosis.ess_bulk, "divergences": diagnosis.divergences,
                "misfit_said": [s for s in diagnosis.warnings if "misses the runs" in s or "has reached" in s],
                "decades": float(ahead.decades.max()), "median_error": float(np.median(errors)),
                "drifts": {key(drift): scored(ahead.scores(drift)) for drift in DRIFTS},
                "Huber bootstrap": scored(
                    scores_of_draws(huber_bootstrap(bs.LAWS[law], train, test, 1), test.log_loss)
                ),
                "Laplace": scored(scores_of_draws(laplace(bs.LAWS[law], train, test, 1), test.log_loss)),
            }  # fmt: skip
            print(f"  {table} {law} {outcome.name}: R-hat {diagnosis.r_hat:.3f}", flush=True)
    return record | {"seconds": round(time.perf_counter() - began, 1)}


def peer(table: str, runs: Any) -> dict[str, Any]:
    """Every cut of one table under `simple-scaling-laws` with its defaults: each group alone, a new run."""
    import polars as pl
    from simple_scaling_laws import fit

    record: dict[str, Any] = {"table": table, "cuts": {}}
    for name, (train, test) in cuts(runs).items():
        draws = np.full((DRAWS, len(test)), np.nan)
        labels = [np.array(runs.groups)[runs.group_index] for runs in (train, test)]
        try:
            for group in np.unique(labels[1]):
                own, asked = (x == group for x in labels)
                known, ahead = (
                    pl.DataFrame(
                        {"model_size__params": runs.params[mask], "dataset_size__tokens": runs.tokens[mask]}
                    )
                    for runs, mask in ((train, own), (test, asked))
                )
                ids = pl.Series("training_run_id", np.arange(own.sum()).astype(str))
                loss = pl.Series("test_loss__nats", train.loss[own])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model = fit(known.with_columns(ids, loss), n_draws=DRAWS, seed=1)
                    at = model.fitting_predictors(model.prepare_points(ahead))
                    rng = np.random.default_rng(1)
                    found = model.target_draws("test_loss__nats", at, kind="new-run", rng=rng)
                draws[:, asked] = np.log(np.maximum(found, 1e-3))
        except Exception as error:  # its refusals are its answer, and are counted
            record["cuts"][name] = {"error": str(error)}
            continue
        record["cuts"][name] = scored(scores_of_draws(draws, test.log_loss)) | {
            "stretched": stretched(draws, test)
        }
        print(f"  {table} simple-scaling-laws {name}", flush=True)
    return record


def stretched(draws: np.ndarray, test: Any) -> dict[str, float]:
    """Coverage of 90% intervals that are stretched around their medians by some factors."""
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    return {
        f"{factor:.2f}": float(
            np.mean(
                (test.log_loss >= middle - factor * (middle - low))
                & (test.log_loss <= middle + factor * (high - middle))
            )
        )
        for factor in STRETCH
    }


def mean_of(record: dict[str, Any], pick: Callable[[dict[str, Any]], dict[str, float]]) -> dict[str, float]:
    """A table's scores: each of its cuts counts once."""
    rows = [pick(cut) for cut in record["cuts"].values() if "error" not in cut]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def left_out(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each table, the drift that scores best on all others, and the table's own scores under it."""
    by = {
        t: {key(d): mean_of(r, lambda cut, d=d: cut["drifts"][key(d)]) for d in DRIFTS}
        for t, r in records.items()
    }
    out = {}
    for table in records:
        others = [t for t in records if t != table and t not in UNUSABLE]
        best = max(DRIFTS, key=lambda d: np.mean([by[t][key(d)]["log_density"] for t in others]))
        out[table] = {"drift": best, **by[table][key(best)]}
    return out


def page() -> str:
    """All results as one page."""
    lines = [
        "# Held-out larger runs",
        "",
        f"Made by `{COMMAND}`; 2-core x86-64 CPU; seed 1, 1,000 draws x 4 chains; bayes-scaling {bs.__version__}. In each",
        "group of a table, the runs within 3x, 10x and 30x of its largest compute are held out and the rest is fitted",
        "(at least 10 runs and a fifth of the table). Scores are of log loss, each cut of a table and then each table",
        "counted once. The drift (spread and bias) is that which scores best on all other tables.",
    ]
    found = {law: results(law) for law in ("skaling", "chinchilla", "peer")}
    if found["skaling"] and found["chinchilla"] and found["peer"]:
        lines += rivals(found)
        lines += as_released()
    for law in ("skaling", "chinchilla"):
        records = found[law]
        if len(records.keys() - UNUSABLE) < 2:  # no other table to choose the drift on
            continue
        chosen = left_out(records)
        lines += ["", f"## {law}", ""]
        heads = [
            "table",
            "cuts",
            "spread, lean",
            "50% held",
            "80%",
            "90%",
            "95%",
            "width of 90%",
            "log density",
        ]
        heads += ["no drift: 90% held, log density", "Huber bootstrap", "Laplace"]
        lines += ["| " + " | ".join(heads) + " |"]
        lines += ["|" + "---|" * 12]
        pooled: dict[str, list[dict[str, float]]] = {}
        for table, record in records.items():
            own = {
                "drift": chosen[table],
                "none": mean_of(record, lambda cut: cut["drifts"]["0"]),
                **{m: mean_of(record, lambda cut, m=m: cut[m]) for m in ("Huber bootstrap", "Laplace")},
            }
            lines.append(
                row(table, f"{len(record['cuts'])}", key(chosen[table]["drift"]).replace(" ", ", "), own)
            )
            if table not in UNUSABLE:
                for method, scores in own.items():
                    pooled.setdefault(method, []).append(scores)
        lines.append(
            row("**pooled**", "", "", {method: average(scores) for method, scores in pooled.items()})
        )
        fits = [cut for r in records.values() for cut in r["cuts"].values() if "error" not in cut]
        good = np.mean([cut["r_hat"] <= 1.01 for cut in fits])
        lines += [
            "",
            f"R-hat at most 1.01 in {good:.0%} of {len(fits)} fits; worst {max(c['r_hat'] for c in fits):.3f}.",
        ]
        for table in set(records) & UNUSABLE:
            said = [s for cut in records[table]["cuts"].values() for s in cut.get("misfit_said", [])]
            lines.append(f"{table} is not pooled: no law of the catalogue fits it.")
            lines += [f"What the diagnosis says first: {said[0]}."] if said else []
    return "\n".join(lines) + "\n"


def results(law: str, tables: Iterable[str] = TABLES) -> dict[str, dict[str, Any]]:
    """The records of a law, by table."""
    paths = {t: RESULTS / f"extrapolation_{t}_{law}.json" for t in tables}
    return {t: json.loads(path.read_text()) for t, path in paths.items() if path.exists()}


def average(scores: list[dict[str, float]]) -> dict[str, float]:
    """Each table counts once."""
    return {k: float(np.mean([s[k] for s in scores])) for k in scores[0] if k != "drift"}


def rivals(found: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """`skaling` with its drift beside other methods, on the cuts that all of them answered."""
    tables = [t for t in TABLES if t not in UNUSABLE and all(t in records for records in found.values())]
    shared = {
        t: [
            c
            for c in found["skaling"][t]["cuts"]
            if all("error" not in records[t]["cuts"].get(c, {"error": ""}) for records in found.values())
        ]
        for t in tables
    }
    tables = [t for t in tables if shared[t]]
    if len(tables) < 2:  # no other table to choose the drift on
        return []
    chosen = {t: key(s["drift"]) for t, s in left_out(found["skaling"]).items()}
    picks: dict[str, Callable[[str, str], Any]] = {
        "skaling, drift chosen on the other tables": lambda t, c: found["skaling"][t]["cuts"][c]["drifts"][
            chosen[t]
        ],
        "skaling, drift as released": lambda t, c: found["skaling"][t]["cuts"][c]["drifts"][key(bs.Drift())],
        "skaling, no drift": lambda t, c: found["skaling"][t]["cuts"][c]["drifts"]["0"],
        "chinchilla, no drift": lambda t, c: found["chinchilla"][t]["cuts"][c]["drifts"]["0"],
        "chinchilla, Huber bootstrap": lambda t, c: found["chinchilla"][t]["cuts"][c]["Huber bootstrap"],
        "simple-scaling-laws": lambda t, c: found["peer"][t]["cuts"][c],
    }
    scores = {
        name: {t: average([_flat(pick(t, c)) for c in shared[t]]) for t in tables}
        for name, pick in picks.items()
    }
    own = scores[next(iter(picks))]
    lines = [
        "",
        "## Beside other methods",
        "",
        f"On the {sum(map(len, shared.values()))} cuts of {len(tables)} tables that all of them answered. `Less` is by how much a "
        "method's log density lies below",
        "that of the first line, in nats a run, and on how many tables it does.",
        "",
        "| method | 50% held | 90% held | width of 90% | log density | less |",
        "|---|---|---|---|---|---|",
    ]
    for name, by in scores.items():
        mean = average(list(by.values()))
        gap = np.array([own[t]["log_density"] - by[t]["log_density"] for t in tables])
        less = "" if by is own else f"{gap.mean():.2f}, {np.sum(gap > 0)} of {len(tables)}"
        lines.append("| " + " | ".join([name, *in_short(mean), less]) + " |")
    held, peer = (
        average(list(own.values()))["coverage_0.9"],
        average(list(scores["simple-scaling-laws"].values())),
    )
    factor = next((f for f in STRETCH if peer[f"stretched {f:.2f}"] >= held), None)
    said = (
        f"to hold {held:.0%} too, its bands would have to be {factor:.1f} times as wide: {factor * peer['width']:.3f}"
        if factor
        else f"stretched {STRETCH[-1]:.0f} times, its bands would still hold less"
    )
    return [*lines, "", f"`simple-scaling-laws` in its own width holds {peer['coverage_0.9']:.0%}; {said}."]


def as_released() -> list[str]:
    """The released default on tables that had no part in choosing it, and what all tables together would choose."""
    found = {law: results(law, FRESH) for law in ("skaling", "chinchilla", "peer")}
    tables = [t for t in FRESH if all(t in records for records in found.values())]
    if not tables:
        return []
    released = key(bs.Drift())
    picks: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, float]]]] = {
        "skaling, drift as released": ("skaling", lambda cut: cut["drifts"][released]),
        "skaling, no drift": ("skaling", lambda cut: cut["drifts"]["0"]),
        "skaling, Huber bootstrap": ("skaling", lambda cut: cut["Huber bootstrap"]),
        "chinchilla, no drift": ("chinchilla", lambda cut: cut["drifts"]["0"]),
        "chinchilla, Huber bootstrap": ("chinchilla", lambda cut: cut["Huber bootstrap"]),
        "simple-scaling-laws": ("peer", _flat),
    }
    lines = [
        "",
        "## Fresh tables",
        "",
        "Public tables that had no part in choosing the law, its priors or the drift; fitted and scored as released, once, with",
        "losses read to five or six digits: " + "; ".join(f"{t} ({FRESH[t]})" for t in tables) + ".",
        "",
        "| method | 50% held | 90% held | width of 90% | log density | 90% held of "
        + " | ".join(tables)
        + " |",
        "|---|---|---|---|---|" + "---|" * len(tables),
    ]
    for name, (law, pick) in picks.items():
        by = [mean_of(found[law][t], pick) for t in tables]
        mean = average(by)
        cells = [*in_short(mean), *(f"{s['coverage_0.9']:.2f}" for s in by)]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    own = found["skaling"]
    steps = {
        name: average([own[t]["cuts"][name]["drifts"][released] for t in tables if name in own[t]["cuts"]])
        for name in ("3x", "10x", "30x")
    }
    every = left_out(results("skaling") | own)
    usable = [scores for t, scores in every.items() if t not in UNUSABLE]
    mean = average(usable)
    named = ("gadre", *tables)
    return [
        *lines,
        "",
        "By cut, as released, 90% bands hold "
        + ", ".join(f"{s['coverage_0.9']:.2f} at {name}" for name, s in steps.items())
        + ". With a drift",
        f"chosen for each of all {len(usable)} usable tables on the others, 90% bands hold {mean['coverage_0.9']:.2f} and 50% bands "
        f"{mean['coverage_0.5']:.2f}, log density {mean['log_density']:.2f};",
        "90% held of " + ", ".join(f"{t} {every[t]['coverage_0.9']:.2f}" for t in named) + ".",
    ]


def _flat(scores: dict[str, Any]) -> dict[str, float]:
    return {k: v for k, v in scores.items() if k != "stretched"} | {
        f"stretched {k}": v for k, v in scores.get("stretched", {}).items()
    }


def in_short(mean: dict[str, float]) -> list[str]:
    """Cells: 50% held, 90% held, width and log density."""
    return [
        *(f"{mean[f'coverage_{p}']:.2f}" for p in (0.5, 0.9)),
        f"{mean['width']:.3f}",
        f"{mean['log_density']:.2f}",
    ]


def row(name: str, count: str, spread: str, scores: dict[str, dict[str, float]]) -> str:
    """A table's line."""
    own = scores["drift"]
    cells = [name, count, spread, *(f"{own[f'coverage_{p}']:.2f}" for p in PROBS)]
    cells += [f"{own['width']:.3f}", f"**{own['log_density']:.2f}**"]
    cells += [
        f"{scores[m]['coverage_0.9']:.2f}, {scores[m]['log_density']:.2f}"
        for m in ("none", "Huber bootstrap", "Laplace")
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("extrapolation-work"))
    parser.add_argument("--only", choices=[*TABLES, *FRESH])
    parser.add_argument("--fresh", type=Path, help="a folder with the fresh tables: those, and no others")
    parser.add_argument("--laws", default="skaling,chinchilla,peer")
    parser.add_argument("--page", action="store_true")
    args = parser.parse_args()
    if args.only in FRESH and not args.fresh:
        parser.error(f"{args.only} is a fresh table: name its folder with --fresh")
    for law in [] if args.page else args.laws.split(","):
        for table in [args.only] if args.only else FRESH if args.fresh else TABLES:
            path = RESULTS / f"extrapolation_{table}_{law}.json"
            if not path.exists():
                print(f"{table} under {law} ...", flush=True)
                runs = fresh(table, args.fresh) if table in FRESH else TABLES[table]()
                record = peer(table, runs) if law == "peer" else one(table, runs, law, args.work)
                path.write_text(json.dumps(record, indent=1))
    (RESULTS / "extrapolation.md").write_text(page())


if __name__ == "__main__":
    main()
