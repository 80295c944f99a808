"""Figures on real tables of training runs: what the package says, beside what was published or held out.

    BAYES_SCALING_DATA=... python benchmarks/real_tables.py [--only SECTION] [--redo] [--page]

Each section writes benchmarks/results/<section>.json as soon as it is done, and is skipped while that file is
there (--redo: made again). The page benchmarks/results/real_tables.md is written from these files alone; --page
writes it and samples nothing.
"""

import argparse
import json
import platform
import subprocess
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import bayes_scaling as bs
from bayes_scaling.forecast.new_run import new_run_scale
from bayes_scaling.inference import intervals
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/real_tables.py"
MACHINE = "2-core x86-64 CPU"
PACKAGES = ("bayes-scaling", "pymc", "pytensor", "jax", "blackjax", "numpy", "scipy", "arviz-stats")
SEED, DRAWS, CHAINS = 1, 1000, 4
POOLED_TABLES = ("gadre", "gzip_pcfg")
KINDS = ("none", "partial", "complete")
REFIT_SECONDS = 60  # exact refits of leave-one-out where they are expected to take less than this

# -- one fit, with its health beside it
# --------------------------------------------------------------------------------------------------------


def health(fit: Any) -> dict[str, Any]:
    """R-hat, ESS, divergences and the sentences of the diagnosis."""
    d = fit.diagnose()
    return {
        "r_hat": d.r_hat, "ess_bulk": d.ess_bulk, "ess_tail": d.ess_tail, "divergences": d.divergences,
        "e_bfmi": d.e_bfmi, "ok": d.ok, "failures": list(d.failures), "doubts": list(d.warnings),
        "draws": fit.provenance["draws"], "seconds": fit.provenance["seconds"], "runs": len(fit.runs),
    }  # fmt: skip


def fitted(label: str, runs: Any, law: str = "chinchilla", **options: Any) -> tuple[Any, dict[str, Any]]:
    """A fit and its health; drawn twice as long where R-hat is above 1.01 or transitions diverged."""
    options = {"noise": "constant"} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # all of it is in the health
        fit = bs.fit(runs, law, seed=SEED, draws=DRAWS, chains=CHAINS, **options)
        record = {"label": label, "law": law, **health(fit), "first": None}
        if record["r_hat"] > 1.01 or record["divergences"]:
            fit = bs.fit(runs, law, seed=SEED, draws=2 * DRAWS, chains=CHAINS, **options)
            first = {k: record[k] for k in ("r_hat", "ess_bulk", "divergences", "ok", "draws")}
            record = {"label": label, "law": law, **health(fit), "first": first}
    print(f"  {health_line(record)}", flush=True)
    return fit, record


def health_line(r: dict[str, Any]) -> str:
    verdict = "ok" if r["ok"] else "FAILS: " + "; ".join(r["failures"])
    again = ""
    if f := r["first"]:
        again = (
            f" (drawn again with {r['draws']} draws: at {f['draws']} it had R-hat {f['r_hat']:.3f}, "
            f"bulk ESS {f['ess_bulk']:.0f}, {f['divergences']} divergences)"
        )
    return (
        f"{r['label']}: R-hat {r['r_hat']:.3f}, bulk ESS {r['ess_bulk']:.0f}, {r['divergences']} divergences, "
        f"{r['seconds']:.1f} s, {verdict}{again}"
    )


def quantiles(draws: Any, *probs: float) -> dict[str, Any]:
    """Median and equal-tailed intervals of all draws."""
    flat = np.asarray(draws).ravel()
    flat = flat[np.isfinite(flat)]
    cut = {f"{100 * p:g}": [float(x) for x in np.quantile(flat, [(1 - p) / 2, (1 + p) / 2])] for p in probs}
    return {"median": float(np.median(flat)), **cut}


def inside(x: float, bounds: Any) -> bool:
    return bool(bounds[0] <= x <= bounds[1])


# -- sections
# --------------------------------------------------------------------------------------------------------

PUBLISHED = {  # Besiroglu et al. 2024: bootstrap; a: 1.96 standard errors on each side
    "E": (1.769, 1.871), "alpha": (0.317, 0.373), "beta": (0.331, 0.415),
    "a": (0.513 - 1.96 * 0.020, 0.513 + 1.96 * 0.020), "A_1": (285.0, 744.0), "B_1": (1042.0, 5810.0),
}  # fmt: skip
TOKENS_PER_PARAM = {"Besiroglu et al. 2024": 18.4, "Hoffmann et al. 2022, unrounded": 59.0,
                    "Hoffmann et al. 2022, rounded": 92.8}  # fmt: skip


def chinchilla() -> dict[str, Any]:
    runs = bs.datasets.external("chinchilla_epoch")
    fit, record = fitted("chinchilla_epoch", runs)
    posterior = fit.posterior
    law = {name: posterior[name] for name in fit.law.parameters}
    values = {**law, **fit.law.constants(fit.reference, **law)}
    table = []
    for name, published in PUBLISHED.items():
        q = quantiles(values[name], 0.9, 0.95)
        table.append({"name": name, **q, "published": published, "inside": inside(q["median"], published)})
    q = quantiles(fit.allocate("5.88e23").tokens_per_param, 0.9, 0.95)
    ratio = {**q, "published": {k: [v, inside(v, q["90"])] for k, v in TOKENS_PER_PARAM.items()}}
    noise = {name: quantiles(posterior[name], 0.9) for name in ("sigma", "nu")}
    return {"fits": [record], "rows": len(runs), "table": table, "ratio": ratio, "noise": noise}


def score(fit: Any, group: str, held: Any) -> dict[str, Any]:
    """How well the runs held out of a group were foreseen."""
    from scipy.special import logsumexp
    from scipy.stats import t as student

    forecast = fit.predict(held.params, held.tokens, group=group, drift=False)
    posterior = fit.draws(group)
    n = len(held)
    mean = forecast.mean.to_numpy().reshape(-1, n)
    scale = np.asarray(new_run_scale(fit, posterior, forecast.inputs)).reshape(-1, 1)
    nu = posterior["nu"].to_numpy().reshape(-1, 1)
    density = student.logpdf(held.log_loss, nu, loc=np.log(mean), scale=scale)
    lpd = logsumexp(density, axis=0) - np.log(len(density))
    low, median, high = intervals.quantiles(forecast.new_run, intervals.tails(0.9)).to_numpy()
    miss = np.log(median) - held.log_loss
    covered = (held.loss >= low) & (held.loss <= high)
    return {
        "n": n, "lpd_sum": float(lpd.sum()), "lpd": float(lpd.mean()), "covered": int(covered.sum()),
        "rmse": float(np.sqrt(np.mean(miss**2))), "bias": float(miss.mean()),
        "width": float(np.mean(np.log(high / low))),
    }  # fmt: skip


def step(section: str, key: str, work: Callable[[], Any]) -> Any:
    """A piece of a section, kept in a file of its own until the section is done, so that a stop costs little."""
    path = RESULTS / f"{section}.partial"
    known = json.loads(path.read_text()) if path.is_file() else {}
    if key not in known:
        known[key] = work()
        path.write_text(json.dumps(known))
    return known[key]


def by_compute(runs: Any, group: str) -> np.ndarray:
    """Rows of a group, the smallest compute first."""
    own = np.flatnonzero(runs.group_index == runs.groups.index(group))
    return own[np.argsort(runs.flops[own], kind="stable")]


def leave_one_out(name: str, runs: Any) -> dict[str, Any]:
    """The three poolings of one table by PSIS-LOO, with exact refits where they are few."""
    fits, records = {}, []
    for kind in KINDS:
        fits[kind], record = fitted(f"{name}, {kind}", runs, pooling=kind)
        records.append(record)
    result = bs.compare(fits, refit=False)
    bad = int((~(result.pareto_k <= 0.7)).to_numpy().sum())
    exact = bad * 8.0 < REFIT_SECONDS
    began = time.perf_counter()
    if bad and exact:
        result = bs.compare(fits, refit=True)
    difference = result.pointwise.sub(result.pointwise["partial"], axis=0)
    error = difference.std(ddof=1) * np.sqrt(len(difference))
    return {
        "fits": records, "bad_k": bad, "exact": exact, "seconds": time.perf_counter() - began,
        "table": json.loads(result.table().to_json(orient="index")),
        "against_partial": {k: [float(difference[k].sum()), float(error[k])] for k in KINDS},
    }  # fmt: skip


def hold_out_larger_half(name: str, runs: Any, group: str, kind: str) -> dict[str, Any]:
    ranked = by_compute(runs, group)
    larger = ranked[len(ranked) // 2 :]
    rest = runs.select(np.setdiff1d(np.arange(len(runs)), larger))
    fit, record = fitted(f"{name} without the larger half of {group}, {kind}", rest, pooling=kind)
    return {
        "fits": [record], "group": group, "pooling": kind, "ok": record["ok"],
        **score(fit, group, runs.select(larger)),
    }  # fmt: skip


def pooling() -> dict[str, Any]:
    out: dict[str, Any] = {"loo": {}, "holdout": {}}
    for name in POOLED_TABLES:
        runs = bs.datasets.external(name)
        out["holdout"][name] = [
            step(
                "pooling",
                f"{name}/{group}/{kind}",
                lambda g=group, k=kind: hold_out_larger_half(name, runs, g, k),
            )
            for group in runs.groups
            for kind in KINDS
        ]
        out["loo"][name] = step("pooling", f"{name}/loo", lambda: leave_one_out(name, runs))
    pieces = [*out["loo"].values(), *(row for rows in out["holdout"].values() for row in rows)]
    return {"fits": [record for piece in pieces for record in piece.pop("fits")], **out}


BUDGETS = {"gadre": ["1e21"], "gzip_pcfg": ["1e16", "1e21"]}


def best_sizes(name: str, label: str, runs: Any, groups: list[str], kind: str) -> dict[str, Any]:
    """N_opt by group and budget."""
    fit, record = fitted(f"{name}, {label}, {kind}", runs, pooling=kind)
    sizes: dict[str, Any] = {}
    for group in groups:
        allocation = fit.allocate(BUDGETS[name], group=group)
        for i, budget in enumerate(BUDGETS[name]):
            q = quantiles(allocation.params.isel(point=i), 0.9)
            sizes.setdefault(group, {})[budget] = {
                **q, "decades": float(np.log10(q["90"][1] / q["90"][0])),
                "beyond": float(allocation.decades_beyond[i]), "interior": float(allocation.interior[i]),
            }  # fmt: skip
    return {"fits": [record], "ok": record["ok"], "sizes": sizes}


def borrow() -> dict[str, Any]:
    out: dict[str, Any] = {"fits": [], "tables": {}}
    for name in POOLED_TABLES:
        runs = bs.datasets.external(name)
        full = {
            kind: step(
                "borrow", f"{name}/{kind}", lambda k=kind: best_sizes(name, "all runs", runs, runs.groups, k)
            )
            for kind in ("none", "partial")
        }
        out["fits"] += [record for piece in full.values() for record in piece["fits"]]
        rows = []
        for group in runs.groups:
            ranked = by_compute(runs, group)
            smaller = ranked[: len(ranked) // 2]
            kept = smaller[np.round(np.linspace(0, len(smaller) - 1, 5)).astype(int)]
            few = runs.select(np.concatenate([np.setdiff1d(np.arange(len(runs)), ranked), kept]))
            for kind in ("none", "partial"):
                piece = step(
                    "borrow", f"{name}/{group}/{kind}",
                    lambda g=group, k=kind, r=few: best_sizes(name, f"5 runs of {g}", r, [g], k),
                )  # fmt: skip
                out["fits"] += piece["fits"]
                for budget, at in piece["sizes"][group].items():
                    row = {"group": group, "pooling": kind, "flops": budget, "ok": piece["ok"], **at}
                    for other, all_of_it in full.items():
                        row[f"full_{other}"] = all_of_it["sizes"][group][budget]
                        row[f"covers_{other}"] = inside(row[f"full_{other}"]["median"], at["90"])
                    rows.append(row)
        out["tables"][name] = {"rows": rows}
    return out


def seeds() -> dict[str, Any]:
    import os

    import pandas as pd

    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "datablations/datablations_c4_runs.csv")
    table = table[table["seed"] > 0].rename(columns={"N": "params", "D": "tokens", "U": "unique_tokens"})
    table = table.assign(size=(table["params"] / 1e9).map("{:.1f}B".format))[
        ["size", "params", "tokens", "unique_tokens", "seed", "loss"]
    ]
    log = np.log(table["loss"]).groupby([table["size"], table["unique_tokens"]])
    sample = np.sqrt((log.var(ddof=1)).groupby("size").mean())
    cells = log.std(ddof=1)
    runs = bs.load_runs(
        table, inputs=("unique_tokens",), group="size", seed="seed", name="datablations, seeds 1-4"
    )
    out: dict[str, Any] = {
        "fits": [],
        "described": repr(runs),
        "given": {"2.8B": 0.00051, "4.2B": 0.0055},
        "rows": [],
    }
    for kind in ("partial", "none"):
        fit, record = fitted(f"seeds, {kind}", runs, pooling=kind)
        out["fits"].append(record)
        nu = fit.posterior["nu"]
        out.setdefault("nu", {})[kind] = quantiles(nu, 0.9, 0.95)
        out.setdefault("lack_of_fit", {})[kind] = quantiles(fit.posterior["lack_of_fit"], 0.9, 0.95)
        for label in runs.groups:
            sigma = fit.draws(label)["sigma"]
            sd = sigma * np.sqrt(1 + 2 / (nu - 2).where(nu > 2))
            out["rows"].append({
                "pooling": kind, "group": label, "sigma": quantiles(sigma, 0.9, 0.95),
                "sd": quantiles(sd, 0.9, 0.95), "nu_at_most_2": float((nu <= 2).mean()),
                "sample": float(sample[label]), "cells": [float(x) for x in cells[label]],
            })  # fmt: skip
    return out


def pile_holdout() -> dict[str, Any]:
    runs = bs.datasets.load("pile")
    large = runs.params >= 6.5e9
    train, held = runs.select(~large), runs.select(large)
    out: dict[str, Any] = {"fits": [], "rows": [], "train": repr(train)}
    for law in ("chinchilla", "skaling"):
        fit, record = fitted(f"pile below 6.5B, {law}", train, law)
        out["fits"].append(record)
        for i in range(len(held)):
            row = held.table.iloc[i]
            forecast = fit.predict(row["params"], row["tokens"], group=row["group"], drift=False)
            new, mean = quantiles(forecast.new_run, 0.9), quantiles(forecast.mean, 0.9)
            out["rows"].append({
                "law": law, "model": row["model"], "group": row["group"], "loss": float(row["loss"]), "new": new,
                "mean": mean, "inside": inside(row["loss"], new["90"]), "ok": record["ok"],
                "below": float((forecast.new_run <= row["loss"]).mean()),
                "beyond": {k: float(v[0]) for k, v in forecast.decades_beyond.data_vars.items()},
            })  # fmt: skip
    return out


def single_epoch() -> Any:
    import os

    import pandas as pd

    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "datablations/datablations_c4_runs.csv")
    table = table[table["epochs"] <= 1][["N", "D", "seed", "loss"]]
    return bs.load_runs(table, params="N", tokens="D", seed="seed", name="datablations, single epoch")


TARGETS: dict[str, Callable[[], Any]] = {
    "chinchilla_epoch": lambda: bs.datasets.external("chinchilla_epoch"),
    "gadre": lambda: bs.datasets.external("gadre"),
    "gzip_pcfg": lambda: bs.datasets.external("gzip_pcfg"),
    "datablations (single epoch)": single_epoch,
    "pile": lambda: bs.datasets.load("pile"),
}


def targets() -> dict[str, Any]:
    budgets = ["1e24", "1e25", "1e26"]
    out: dict[str, Any] = {"fits": [], "loss": [], "optimum": [], "tables": {}, "budgets": budgets}
    for name, load in TARGETS.items():
        runs = load()
        fit, record = fitted(name, runs)
        out["fits"].append(record)
        out["tables"][name] = {"described": repr(runs), "extent": runs.extent, "doubts": list(runs.warnings)}
        for label in runs.groups:
            forecast = fit.predict("100B", "2T", group=label, drift=False)
            out["loss"].append({
                "table": name, "group": label, "ok": record["ok"], "mean": quantiles(forecast.mean, 0.9),
                "new": quantiles(forecast.new_run, 0.9), "E": quantiles(fit.draws(label)["E"], 0.9),
                "beyond": {k: float(v[0]) for k, v in forecast.decades_beyond.data_vars.items()},
            })  # fmt: skip
            allocation = fit.allocate(budgets, group=label)
            for i, budget in enumerate(budgets):
                at = {w: quantiles(getattr(allocation, w).isel(point=i), 0.9)
                      for w in ("params", "tokens", "tokens_per_param", "loss")}  # fmt: skip
                out["optimum"].append({
                    "table": name, "group": label, "flops": budget, "ok": record["ok"], **at,
                    "beyond": float(allocation.decades_beyond[i]), "interior": float(allocation.interior[i]),
                })  # fmt: skip
    return out


SECTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "chinchilla": chinchilla, "pile_holdout": pile_holdout, "seeds": seeds,
    "targets": targets, "pooling": pooling, "borrow": borrow,
}  # fmt: skip

# -- the page
# --------------------------------------------------------------------------------------------------------


def big(x: float) -> str:
    """A count of parameters or tokens."""
    for size, letter in ((1e15, ""), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if x >= size:
            return f"{x:.2e}" if not letter else f"{x / size:.3g}{letter}"
    return f"{x:.3g}"


def span(q: dict[str, Any], key: str = "90", show: Callable[[float], str] = "{:.3g}".format) -> str:
    return f"{show(q[key][0])} to {show(q[key][1])}"


def both(q: dict[str, Any], show: Callable[[float], str] = "{:.3g}".format) -> str:
    return f"{show(q['median'])} ({span(q, '90', show)})"


def table(head: str, rows: list[list[Any]]) -> list[str]:
    return [*markdown(head.split(" | "), rows).splitlines(), ""]


def fits_lines(fits: list[dict[str, Any]]) -> list[str]:
    """Every fit's health, and the failures once more in words."""
    rows = []
    for f in fits:
        again = (
            f"{f['first']['draws']}: R-hat {f['first']['r_hat']:.3f}, {f['first']['divergences']} div."
            if f["first"]
            else ""
        )
        rows.append([f["label"], f["runs"], f["draws"], f"{f['r_hat']:.3f}", f"{f['ess_bulk']:.0f}", f["divergences"],
                     f"{f['seconds']:.1f}", "yes" if f["ok"] else "**no**", again])  # fmt: skip
    lines = table(
        "fit | runs | draws x 4 | R-hat | bulk ESS | divergences | seconds | diagnosis passed | first try, where drawn again",
        rows,
    )
    failed = [
        f"- **{f['label']} fails its diagnosis**: {'; '.join(f['failures'])}." for f in fits if not f["ok"]
    ]
    return ["", *lines, *failed, ""] if failed else ["", *lines]


def doubts_lines(fits: list[dict[str, Any]]) -> list[str]:
    return [f"- {f['label']}: {d}." for f in fits for d in f["doubts"]]


def yes(flag: bool) -> str:
    return "inside" if flag else "**outside**"


def page_chinchilla(r: dict[str, Any]) -> list[str]:
    four = "{:.4g}".format
    rows = [[t["name"], four(t["median"]), span(t, "90", four), span(t, "95", four),
             f"{t['published'][0]:.4g} to {t['published'][1]:.4g}", yes(t["inside"])] for t in r["table"]]  # fmt: skip
    hits = sum(t["inside"] for t in r["table"])
    ratio = r["ratio"]
    others = "; ".join(
        f"{who} {x:g} ({'inside' if ok else 'outside'})" for who, (x, ok) in ratio["published"].items()
    )
    return [
        f"Law chinchilla on the {r['rows']} rows that Besiroglu et al. 2024 used. {hits} of {len(rows)} posterior medians lie "
        "inside their 95% intervals (bootstrap; for a: .513 +/- 1.96 x .020).",
        "",
        *table("quantity | median | 90% interval | 95% interval | published 95% | median is", rows),
        f"Optimal tokens per parameter at 5.88e23 FLOPs: **{both(ratio)}**, 95% {span(ratio, '95')}. "
        f"Published, against the 90% interval: {others}. "
        f"Noise: sigma {both(r['noise']['sigma'])}, nu {both(r['noise']['nu'])}.",
    ]


def page_pooling(r: dict[str, Any]) -> list[str]:
    lines = []
    bad = {fit["label"] for fit in r["fits"] if not fit["ok"]}
    for name, loo in r["loo"].items():
        how = (
            f"exact refits where Pareto-k > 0.7 ({loo['bad_k']} in all)"
            if loo["exact"]
            else f"no refits: {loo['bad_k']} configurations with Pareto-k > 0.7 (too slow); their elpd is rough"
        )
        rows = [[kind + (" (fit fails)" if f"{name}, {kind}" in bad else ""), f"{t['elpd']:.1f}", f"{t['elpd_diff']:.1f}", f"{t['dse']:.1f}", f"{loo['against_partial'][kind][0]:+.1f} "
                 f"({loo['against_partial'][kind][1]:.1f})", f"{t['p']:.1f}", f"{t['weight']:.2f}", f"{t['worst_k']:.2f}", t["refits"]]
                for kind, t in loo["table"].items()]  # fmt: skip
        lines += [f"**{name}, PSIS-LOO over configurations** ({how}).", "",
                  *table("pooling | elpd | behind the best | dse | minus partial (se) | p | stacking weight | worst k | refits", rows)]  # fmt: skip
    lines += [
        "**One group's larger half held out** (half of its runs, those with the larger compute; all others train). "
        "Log predictive density of log loss per held-out run, higher is better; 90% new-run interval; "
        "RMSE of log loss of the median; band width in log loss.",
        "",
    ]
    for name, rows in r["holdout"].items():
        cells = [[h["group"], h["pooling"] + ("" if h["ok"] else " (fit fails)"), f"{h['lpd']:.2f}", f"{h['covered']}/{h['n']}",
                  f"{h['rmse']:.4f}", f"{h['bias']:+.4f}", f"{h['width']:.3f}"] for h in rows]  # fmt: skip
        for kind in ("none", "partial", "complete"):
            of = [h for h in rows if h["pooling"] == kind]
            n = sum(h["n"] for h in of)
            covered = sum(h["covered"] for h in of)
            rmse = np.sqrt(sum(h["n"] * h["rmse"] ** 2 for h in of) / n)
            cells.append(["**all**", kind, f"**{sum(h['lpd_sum'] for h in of) / n:.2f}**", f"{covered}/{n} = {covered / n:.0%}",
                          f"{rmse:.4f}", f"{sum(h['n'] * h['bias'] for h in of) / n:+.4f}",
                          f"{sum(h['n'] * h['width'] for h in of) / n:.3f}"])  # fmt: skip
        lines += [
            f"{name}:",
            "",
            *table("group | pooling | log density | covered | RMSE | bias | width", cells),
        ]
    whole = [f for f in r["fits"] if "without" not in f["label"]]
    return [*lines, "What the diagnosis doubts in the fits to all runs:", "", *doubts_lines(whole)]


def page_borrow(r: dict[str, Any]) -> list[str]:
    lines = [
        "Rule: a group's runs are sorted by compute; of the smaller half, 5 are kept at evenly spaced ranks from its first to "
        "its last; all runs of the other groups stay. N_opt and 90% interval; width in decades; 'covers' asks whether the "
        "interval holds the median of a fit to all of the group's runs under no pooling / partial pooling.",
        "",
    ]
    for name, t in r["tables"].items():
        cells = []
        for row in t["rows"]:
            cells.append([row["group"], row["flops"], row["pooling"] + ("" if row["ok"] else " (fit fails)"),
                          f"{big(row['median'])} ({span(row, '90', big)})", f"{row['decades']:.2f}",
                          f"{big(row['full_none']['median'])} / {big(row['full_partial']['median'])}",
                          f"{'yes' if row['covers_none'] else '**no**'} / {'yes' if row['covers_partial'] else '**no**'}",
                          f"{row['beyond']:.1f}"])  # fmt: skip
        lines += [
            f"{name}:",
            "",
            *table(
                "group | C | pooling | N_opt from 5 runs | decades | N_opt from all: none / partial | covers | decades beyond",
                cells,
            ),
        ]
        for budget in dict.fromkeys(row["flops"] for row in t["rows"]):
            said = []
            for kind in ("none", "partial"):
                of = [w for w in t["rows"] if w["flops"] == budget and w["pooling"] == kind]
                said.append(
                    f"{kind}: median width {np.median([w['decades'] for w in of]):.2f} decades, covers the all-runs median in "
                    f"{sum(w['covers_none'] for w in of)} / {sum(w['covers_partial'] for w in of)} of {len(of)} groups"
                )
            lines += [f"{name} at {budget}: {'; '.join(said)}.", ""]
    return lines


def page_seeds(r: dict[str, Any]) -> list[str]:
    rows = []
    for s in r["rows"]:
        x = s["sample"]
        rows.append([s["pooling"], s["group"], both(s["sigma"]), span(s["sigma"], "95"), both(s["sd"]), span(s["sd"], "95"),
                     f"{x:.2g} ({r['given'][s['group']]:g})", f"{min(s['cells']):.1g} to {max(s['cells']):.2g}",
                     f"{yes(inside(x, s['sigma']['90']))} / {yes(inside(x, s['sigma']['95']))}",
                     f"{yes(inside(x, s['sd']['90']))} / {yes(inside(x, s['sd']['95']))}"])  # fmt: skip
    lines = [
        f"{r['described']}; law chinchilla; within a size nothing but unique tokens varies, which the law does not know, so the "
        "lack of fit must take it up. sigma is the scale of a Student-t; its standard deviation is sigma sqrt(nu/(nu-2)), over "
        "the draws with nu > 2. The sample value is the pooled standard deviation of log loss within cells (in brackets: as "
        "noted with the data).",
        "",
        *table(
            "pooling | size | sigma (90%) | 95% | sd = sigma sqrt(nu/(nu-2)) (90%) | 95% | sample sd | by cell | sample in sigma's 90% / 95% | in sd's 90% / 95%",
            rows,
        ),
    ]
    for kind, q in r["lack_of_fit"].items():
        lines.append(f"- {kind}: lack of fit {both(q)}, nu {both(r['nu'][kind])}.")
    lines += ["", "What the diagnosis says:", ""]
    for f in r["fits"]:
        lines += [f"- {f['label']}: {s}." for s in (*f["failures"], *f["doubts"])] or [
            f"- {f['label']}: nothing."
        ]
    return lines


def page_pile_holdout(r: dict[str, Any]) -> list[str]:
    rows = [[h["law"] + ("" if h["ok"] else " (fit fails)"), h["model"], f"{h['loss']:.3f}", f"{h['new']['median']:.3f}", span(h["new"], "90", "{:.3f}".format),
             span(h["mean"], "90", "{:.3f}".format), yes(h["inside"]), f"{h['below']:.2f}",
             f"{np.log(h['new']['median'] / h['loss']):+.1%}", f"{h['beyond']['params']:.2f}"] for h in r["rows"]]  # fmt: skip
    counts = []
    for law in dict.fromkeys(h["law"] for h in r["rows"]):
        of = [h["inside"] for h in r["rows"] if h["law"] == law]
        counts.append(f"{law} {sum(of)} of {len(of)}")
    return [
        f"Fitted to the models below 6.5B, partial pooling by suite; inside the 90% new-run band: {', '.join(counts)}.",
        "",
        *table("law | model | loss reached | median | 90% new run | 90% mean | it is | share of draws below | log miss | decades beyond in N", rows),
        *doubts_lines(r["fits"]),
    ]  # fmt: skip


def page_targets(r: dict[str, Any]) -> list[str]:
    lines = []
    for name, t in r["tables"].items():
        lines.append(f"- {name}: {t['described']}" + "".join(f"; {d}" for d in t["doubts"]))
    lines += [
        "",
        "Loss at 100B parameters and 2T tokens, nats per token of each table's own tokenizer and corpus:",
        "",
    ]
    rows = [[x["table"] + ("" if x["ok"] else " (fit fails)"), x["group"], both(x["mean"], "{:.3f}".format), both(x["new"], "{:.3f}".format), both(x["E"], "{:.3f}".format),
             f"{x['beyond']['params']:.1f} / {x['beyond']['tokens']:.1f} / {x['beyond']['flops']:.1f}"] for x in r["loss"]]  # fmt: skip
    lines += table("table | group | mean (90%) | new run (90%) | E (90%) | decades beyond: N / D / C", rows)
    lines += ["Compute-optimal N and D:", ""]
    rows = [[x["table"] + ("" if x["ok"] else " (fit fails)"), x["group"], x["flops"], both(x["params"], big), both(x["tokens"], big), both(x["tokens_per_param"]),
             f"{x['beyond']:.1f}", "" if x["interior"] == 1 else f"{x['interior']:.1%}"] for x in r["optimum"]]  # fmt: skip
    lines += table(
        "table | group | C | N_opt (90%) | D_opt (90%) | D/N (90%) | decades beyond | draws with an optimum, if not all",
        rows,
    )
    lines += [
        "These intervals hold the uncertainty of the law's parameters, given that the law is right; they hold no drift of the law "
        "beyond the data. gzip_pcfg is absurdly far from these targets (losses on 10 million tokens of a toy grammar): its rows "
        "show what the arithmetic gives, and are no forecast.",
        "", "What the diagnosis doubts:", "", *doubts_lines(r["fits"]),
    ]  # fmt: skip
    return lines


TITLES = {
    "chinchilla": "1. Chinchilla's table against the published refit",
    "pooling": "2. Pooling: none, partial, complete",
    "borrow": "3. Five runs of a group, and the other groups",
    "seeds": "4. The variance of seeds against replicates",
    "pile_holdout": "5. The largest Pile models held out",
    "targets": "6. Forecasts at the targets",
}


def write_page() -> None:
    lines = ["# Real tables", ""]
    made = []
    for name, title in TITLES.items():
        path = RESULTS / f"{name}.json"
        lines += [f"## {title}", ""]
        if not path.is_file():
            lines += [f"Not run yet: `{COMMAND} --only {name}`.", ""]
            continue
        r = json.loads(path.read_text())
        made.append(r["meta"])
        lines += [*globals()[f"page_{name}"](r), "", "Fits:", *fits_lines(r["fits"]),
                  f"(section `{name}`: {r['meta']['seconds']:.0f} s, {r['meta']['made'][:10]}, commit {r['meta'].get('commit', 'before 18c25c6')})", ""]  # fmt: skip
    versions = made[0]["versions"] if made else {p: version(p) for p in PACKAGES}
    head = [
        f"Made by `{COMMAND}` (one section: `--only NAME`); {MACHINE}, Python {platform.python_version()}; seed {SEED}, "
        f"{DRAWS} draws x {CHAINS} chains; {', '.join(f'{k} {v}' for k, v in versions.items())}. Data are third-party tables "
        "that are read from outside of the project and not shipped. Forecasts are without drift: they show the law alone. Seconds include compilation where a table's shape is new. "
        "A fit drawn again with 2000 draws says so. Diagnosis passed: R-hat, ESS, divergences and E-BFMI as in `Fit.diagnose()`.",
        "",
    ]
    (RESULTS / "real_tables.md").write_text("\n".join([*lines[:2], *head, *lines[2:]]).rstrip() + "\n")


def run_sections(
    about: str | None,
    sections: dict[str, Callable[[], dict[str, Any]]],
    prefix: str,
    write_page: Callable[[], None],
) -> None:
    """Runs those that were asked for and have no results yet; a JSON file each, and a page of them all."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--only", choices=list(sections), action="append")
    parser.add_argument("--redo", action="store_true", help="make sections again that have results")
    parser.add_argument("--page", action="store_true", help="only write the page")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=RESULTS, capture_output=True, text=True
    ).stdout.strip()
    for name in [] if options.page else options.only or sections:
        path = RESULTS / f"{prefix}{name}.json"
        if path.is_file() and not options.redo:
            print(f"{name}: there already", flush=True)
            continue
        if options.redo:
            path.with_suffix(".partial").unlink(missing_ok=True)
        print(f"{name} ...", flush=True)
        began = time.perf_counter()
        result = sections[name]()
        result["meta"] = {
            "seed": SEED, "draws": DRAWS, "chains": CHAINS, "machine": MACHINE,
            "seconds": time.perf_counter() - began, "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {p: version(p) for p in PACKAGES}, "commit": commit,
        }  # fmt: skip
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(result, indent=1))
        aside.replace(path)
        path.with_suffix(".partial").unlink(missing_ok=True)
        write_page()
        print(f"{name}: {result['meta']['seconds']:.0f} s", flush=True)
    write_page()


if __name__ == "__main__":
    run_sections(__doc__, SECTIONS, "", write_page)
