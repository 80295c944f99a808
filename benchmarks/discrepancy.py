"""What laws of N and D miss of larger runs: forecasts with a process of the reducible loss, learnt with families left out.

    BAYES_SCALING_DATA=... python benchmarks/discrepancy.py --work FOLDER [--only TABLE] [--settings NAME,NAME]
    python benchmarks/discrepancy.py --work FOLDER --page

Each cut of each table is fitted once a setting; what is needed to score it under any population of amplitudes and any
slope beyond the data stays in FOLDER, one file each, and is skipped while that file is there.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.evaluation.cuts import FEWEST, held_out
from bayes_scaling.evaluation.predictive import predictive
from bayes_scaling.forecast.new_run import new_run_scale
from bayes_scaling.forecast.predict import predict
from bayes_scaling.laws.priors import LogNormal, Normal
from bayes_scaling.model.surface import AMPLITUDES, Surface

DRAWS, KEPT = 400, 1000
"""Draws of each chain, and those that are kept of each fit."""

WIDE = Surface(
    amplitude_flops=LogNormal(0.03, 1.3), amplitude_ratio=LogNormal(0.10, 1.0), amplitude_local=LogNormal(0.05, 1.2),
    beyond=Normal(0.0, 1e-9),
)  # fmt: skip
"""Of the fits: wide enough to be weighted to any population."""


def _read(path: str, **columns: Any) -> Any:
    return bs.load_runs(
        pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / path),
        params="N",
        tokens="D",
        name=path,
        **columns,
    )


def _single_epoch() -> Any:
    runs = bs.datasets.external("datablations")
    return runs.select(runs.table["epochs"].to_numpy() <= 1.01)


def _porian() -> Any:
    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "porian/isoflop_points.csv")
    table = table[(table["hparams"] == "tuned") & (table["param_count"] == "standard")]
    return bs.load_runs(table, params="N", tokens="D", group="dataset", name="porian")


def _sweep() -> Any:
    return bs.datasets.load("sweep")


TABLES: dict[str, tuple[str, Callable[[], Any]]] = {
    **{
        name: (name, lambda name=name: bs.datasets.external(name))
        for name in ("chinchilla_epoch", "gadre", "xlstm", "misfitting", "steplaw", "okar_sweep", "gzip_pcfg")
    },
    "datablations": ("datablations", _single_epoch),
    "pile": ("pile", lambda: bs.datasets.load("pile")),
    "porian": ("porian", _porian),
    "sweep": ("sweep", _sweep),
    **{
        name: ("published_curves", lambda name=name: _read(f"published_curves/{name}.csv"))
        for name in ("opt", "t5_pile", "gpt3", "moduleformer")
    },
    "byte_isoflop": ("byte_isoflop", lambda: _read("small_sweeps/byte_isoflop.csv")),
    "wikitext_curves": ("wikitext_curves", lambda: _read("small_sweeps/wikitext_curves.csv")),
    "routing": ("routing", lambda: _read("routing/curves.csv", group="group")),
}  # fmt: skip
"""Family of each table, and how it is read."""

RELATIVE = {
    "E": LogNormal(0.65, 0.4, between=0.3, of="lowest"),
    "A": LogNormal(0.4, 1.0, between=0.3, of="range"),
    "B": LogNormal(0.4, 1.0, between=0.3, of="range"),
}
CEILING = {"G": LogNormal(1.35, 0.3, between=0.2, of="highest")}

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "drift": ("skaling", {}),
    "nats": ("chinchilla", {"noise": WIDE}),
    "surface": ("chinchilla", {"noise": WIDE, "priors": RELATIVE}),
    "rosenfeld": ("rosenfeld", {"noise": WIDE, "priors": RELATIVE | CEILING}),
    "constant": ("chinchilla", {}),
}


def cuts(runs: Any) -> dict[str, tuple[Any, Any]]:
    """(fitted, held out) by cut: in each group, the runs within 3x, 10x and 30x of its largest are held out."""
    out = {}
    for name, held in held_out(runs).items():
        known = np.isin(runs.group_index, np.unique(runs.group_index[~held]))
        if (~held).sum() >= FEWEST and (~held).mean() >= 0.2 and (held & known).any():
            out[name] = (runs.select(~held), runs.select(held & known))
    return out


def kept(fit: bs.Fit, test: Any) -> dict[str, np.ndarray]:
    """What scores the held-out runs of a cut: arrays of shape (runs, draws), (runs,) and (draws,)."""
    labels, own_labels = (np.array(runs.groups)[runs.group_index] for runs in (test, fit.runs))
    n, total = len(test), fit.one_per_draw.size
    which = np.linspace(0, total - 1, min(KEPT, total)).astype(int)
    found = {name: np.zeros((n, len(which)), np.float32) for name in ("law", "move", "share", "scale")}
    ratio = np.zeros(n)
    for group in dict.fromkeys(labels) if len(fit.groups) > 1 else [None]:
        rows = np.flatnonzero(labels == group) if group is not None else np.arange(n)
        seen = own_labels == group if group is not None else np.full(len(fit.runs), True)
        ahead = predict(fit, group=group, drift=False, **{c: test.column(c)[rows] for c in fit.law.columns})
        posterior = fit.draws(group)
        E = posterior.get("E", 0.0)
        for name, value in {
            "law": np.log(ahead.mean), "move": ahead.drift, "share": 1 - E / ahead.mean,
            "scale": new_run_scale(fit, posterior, ahead.inputs),
        }.items():  # fmt: skip
            wide = value.broadcast_like(ahead.mean).transpose("point", "chain", "draw").to_numpy()
            found[name][rows] = wide.reshape(len(rows), -1)[:, which]
        ratio[rows] = test.scale[rows] / fit.runs.scale[seen].max()
    amplitudes = (
        np.stack([fit.posterior[a].to_numpy().ravel()[which] for a in AMPLITUDES])
        if fit.noise.joint
        else np.zeros((3, 0))
    )
    ratio_seen = np.log10(fit.runs.tokens / fit.runs.params)
    return found | {
        "y": test.log_loss, "ratio": ratio, "amplitudes": amplitudes, "group": labels.astype(str),
        "tokens_per_param": test.tokens / test.params,
        "outside": np.maximum(
            np.log10(test.tokens / test.params) - ratio_seen.max(), ratio_seen.min() - np.log10(test.tokens / test.params)
        ),
    }  # fmt: skip


def run(table: str, setting: str, work: Path) -> None:
    """Every cut of one table under one setting."""
    law, options = SETTINGS[setting]
    pieces, began = cuts(TABLES[table][1]()), time.perf_counter()
    for cut, (train, test) in pieces.items():
        path = work / f"{table}_{setting}_{cut}.npz"
        if path.exists():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = bs.fit(train, law, seed=1, draws=DRAWS, **options)
            diagnosis = fit.diagnose()
            arrays = kept(fit, test)
            record = {
                "fitted": len(train), "held_out": len(test), "r_hat": diagnosis.r_hat, "ok": diagnosis.ok,
                "divergences": diagnosis.divergences, "seconds": fit.provenance["seconds"],
                "steps": float(fit.tree["sample_stats"]["n_steps"].mean()), "spacing": fit.provenance["spacing"],
            }  # fmt: skip
            if not fit.noise.joint:
                ahead = predictive(fit, test)
                scores = ahead.scores(bs.Drift())
                arrays |= {"log_density": scores.log_density, "pit": scores.pit, "width": scores.width}
        np.savez_compressed(path, record=json.dumps(record), **arrays)
        print(f"{table} {setting} {cut}: {record}", flush=True)
    print(f"{table} {setting}: {time.perf_counter() - began:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only")
    parser.add_argument("--settings", default="drift,surface")
    args = parser.parse_args()
    args.work.mkdir(exist_ok=True, parents=True)
    for table in args.only.split(",") if args.only else TABLES:
        for setting in args.settings.split(","):
            try:
                run(table, setting, args.work)
            except Exception as error:
                print(f"{table} {setting} failed: {type(error).__name__} {error}", flush=True)


if __name__ == "__main__":
    main()
