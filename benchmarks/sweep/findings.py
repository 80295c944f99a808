"""What the sweep says of seeds, of E and of larger runs: ``python -m benchmarks.sweep.findings [--page]``.

Each part is kept in benchmarks/results/sweep.json as soon as it is done, and is not made again while the table and the
law's declaration are the same. The page benchmarks/results/sweep.md is written from that file alone.
"""

import argparse
import hashlib
import inspect
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from platformdirs import user_cache_path

import bayes_scaling as bs
from benchmarks.sweep import seeds
from benchmarks.sweep.corpora import CONTEXT, corpus, language
from benchmarks.sweep.pages import page
from benchmarks.sweep.tables import BOWL_TABLE, ROOT, TABLES

RESULTS = ROOT / "benchmarks" / "results"
RECORD = RESULTS / "sweep.json"
FLOOR_LAWS = ("chinchilla", "skaling", "equal_exponents", "kaplan", "gadre", "rosenfeld", "gpt4")
"""Laws with a limit where N and D are endless; that of `farseer` goes on falling with N."""

AHEAD = (
    ("chinchilla", "partial"), ("chinchilla", "none"), ("rosenfeld", "partial"), ("rosenfeld", "none"),
    ("kaplan", "partial"), ("kaplan", "none"), ("skaling", "none"), ("skaling", "partial"),
)  # fmt: skip
FITS = user_cache_path("bayes_scaling") / "sweep" / "fits"
ABOVE = 10**12.25
"""FLOPs between the grid's largest budget and the ladder's smallest."""


def entropy() -> dict[str, Any]:
    """The floor of ``words``, from the source: at the context of the models, and without end."""
    fresh = language().sample(20_000, CONTEXT + 1, np.random.default_rng(11))
    windows = language().oracle(fresh)
    long = language().oracle(language().sample(400, 8193, np.random.default_rng(12)))
    own = language().oracle(corpus("words").windows)
    return {
        "evaluation": float(own.mean()),
        "evaluation_se": float(own.std(ddof=1) / np.sqrt(len(own))),
        "context": float(windows.mean()),
        "context_se": float(windows.std(ddof=1) / np.sqrt(len(windows))),
        "rate": float(long.mean()),
        "rate_se": float(long.std(ddof=1) / np.sqrt(len(long))),
    }


def bowl() -> list[dict[str, Any]]:
    """By cell: the loss at each factor of the rule's learning rate, relative to that of the rule."""
    table = pd.read_csv(BOWL_TABLE)
    out = []
    for (group, params, tokens), cell in table.groupby(["group", "params", "tokens"]):
        loss = cell.set_index("rate_factor")["loss"]
        log_factor = np.log2(loss.index.to_numpy(float))
        near = np.argsort(loss.to_numpy())[:3]
        curve = np.polyfit(log_factor[near], np.log(loss.to_numpy()[near]), 2) if len(loss) > 2 else [0, 0, 0]
        best = -curve[1] / (2 * curve[0]) if curve[0] > 0 else float(log_factor[loss.argmin()])
        lowest = min(np.polyval(curve, best), np.log(loss.min())) if curve[0] > 0 else np.log(loss.min())
        out.append(
            {
                "group": group, "params": int(params), "tokens": int(tokens), "rate": float(cell["rate"][cell["rate_factor"] == 1].iloc[0]),
                "change": {f"{factor:g}": float(value / loss[1.0] - 1) for factor, value in loss.items()},
                "best_factor": float(2**best), "given_up": float(np.log(loss[1.0]) - lowest),
            }
        )  # fmt: skip
    return out


def health(fit: Any) -> dict[str, Any]:
    diagnosis = fit.diagnose()
    return {
        "r_hat": diagnosis.r_hat,
        "ess_bulk": diagnosis.ess_bulk,
        "divergences": diagnosis.divergences,
        "ok": diagnosis.ok,
    }


def declared(law: str) -> str:
    """A law's declaration in short: another formula, prior or body is another law."""
    own = bs.LAWS[law]
    text = f"{own.formula} {sorted(own.priors.items())} {inspect.getsource(own.function)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def frontier(table: pd.DataFrame) -> pd.Series:
    """The runs of the size that did best at its budget, of one corpus."""
    means = table.groupby(["budget", "params"])["loss"].mean().reset_index()
    best = means.loc[means.groupby("budget")["loss"].idxmin()].set_index("budget")["params"]
    return table["params"] == table["budget"].map(best)


def floor(law: str, part: str, truth: float) -> dict[str, Any]:
    """The posterior of the law's limit on ``words``, from the grid alone or with the ladder."""
    runs = bs.datasets.load("sweep")
    mask = runs.table["group"] == "words"
    if part == "grid":
        mask &= runs.table["role"] == "grid"
    if bs.LAWS[law].inputs == ("C",):
        mask &= frontier(runs.table[mask]).reindex(mask.index, fill_value=False)
    fit = bs.fit(runs.select(mask.to_numpy()), law, seed=1)
    endless = {"N": np.inf, "D": np.inf, "C": np.inf, "M": 1.0}
    parameters = {name: fit.posterior[name] for name in fit.law.parameters}
    draws = fit.law(*(endless[name] for name in fit.law.inputs), **parameters).to_numpy().ravel()
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    extra = {k: float(np.median(fit.posterior[k])) for k in ("sigma", "lack_of_fit") if k in fit.posterior}
    return {
        "law": law, "declared": declared(law), "part": part, "runs": len(fit.runs), "lower": float(low), "median": float(middle), "upper": float(high),
        "prob_below_truth": float((draws <= truth).mean()), "lowest_loss": float(fit.runs.loss.min()),
        **extra, **health(fit),
    }  # fmt: skip


def ahead(law: str, pooling: str) -> dict[str, Any]:
    """Held-out ladder: what the fit to the grids of all three corpora said of it."""
    runs = bs.datasets.load("sweep")
    result = bs.backtest(
        runs,
        law,
        holdout_above=ABOVE,
        pooling=pooling,
        seed=1,
        folder=FITS / f"{law}_{declared(law)}_{pooling}",
    )
    columns = [
        "method",
        "group",
        "params",
        "tokens",
        "loss",
        "decades",
        "error",
        "pit",
        "width",
        "log_density",
        "crps",
    ]
    return {
        "law": law, "declared": declared(law), "pooling": pooling, "rows": result.runs[columns].to_dict("records"),
        "health": result.health.drop(columns="cut").iloc[0].to_dict(), "drift_sd": result.drift.sd,
    }  # fmt: skip


def kept() -> dict[str, Path]:
    """The file of each law's fit with partial pooling that `ahead` has made."""
    folders = {law: FITS / f"{law}_{declared(law)}_partial" for law, pooling in AHEAD if pooling == "partial"}
    return {law: path for law, folder in folders.items() for path in folder.glob("*.nc")}


def inside() -> dict[str, Any]:
    """What the grids alone say of the laws, by the fits that `ahead` kept: leave-one-out, and lack of fit."""
    fits = {law: bs.open_fit(path) for law, path in kept().items()}
    compared = bs.compare(fits, refit=False, ahead=False).table()
    compared["lack_of_fit"] = {
        law: float(np.median(fit.posterior["lack_of_fit"])) for law, fit in fits.items()
    }
    columns = ["elpd", "elpd_diff", "dse", "worst_k", "lack_of_fit"]
    return {"laws": compared[columns].reset_index().to_dict("records")}


def plain(value: Any) -> Any:
    """NumPy's scalars as Python's, for JSON."""
    return value.item() if isinstance(value, np.generic) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep.findings")
    parser.add_argument("--page", action="store_true", help="write the page from what is there")
    only_page = parser.parse_args().page
    digest = hashlib.sha256((TABLES / "sweep.csv").read_bytes()).hexdigest()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if record.get("table") != digest and not only_page:
        record = {"table": digest}

    def part(name: str, make: Callable[..., Any], *given: Any) -> Any:
        kept = record.get(name)
        if isinstance(kept, dict) and "declared" in kept and kept["declared"] != declared(given[0]):
            kept = None
        if kept is None and not only_page:
            print(name, flush=True)
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", bs.DoubtfulFitWarning
                )  # the health of every fit is in the record
                record[name] = make(*given)
            partial = RECORD.with_suffix(".partial")
            partial.write_text(json.dumps(record, indent=1, default=plain) + "\n")
            os.replace(partial, RECORD)
        return record.get(name)

    truth = part("entropy", entropy)["evaluation"]
    part("bowl", bowl)
    runs = bs.datasets.load("sweep")
    part("seeds", seeds.findings, runs.select((runs.table["role"] == "grid").to_numpy()))
    for law in FLOOR_LAWS:
        part(f"floor {law} grid", floor, law, "grid", truth)
    for law in FLOOR_LAWS:
        part(f"floor {law} all", floor, law, "all", truth)
    for law, pooling in AHEAD:
        part(f"ahead {law} {pooling}", ahead, law, pooling)
        compared = {row["law"] for row in record.get("inside", {"laws": []})["laws"]}
        if len(kept()) > 1 and compared < set(kept()) and not only_page:  # another law has come
            record.pop("inside", None)
            part("inside", inside)
    Path(RESULTS / "sweep.md").write_text(page(record, runs))


if __name__ == "__main__":
    main()
