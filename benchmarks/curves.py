"""72 learning curves extrapolated: laws of one variable, with and without a discrepancy, and their mixture.

    BAYES_SCALING_DATA=... python benchmarks/curves.py --work FOLDER [--laws M2,M4] [--page]

The curves are those of Alabdulmohsin et al. 2022 (image classification): the law is fitted to the rows of Training = 1
and scored on those of Training = 0, which reach twice as many examples. Each law is also fitted to the half of the
context with the fewer examples and scored on the rest of it (leave-future-out); these scores give the weights of the
mixture, and they alone chose the priors below. No row of Training = 0 is read before it is scored.

Each law and curve leaves a file in FOLDER and is skipped while it is there; benchmarks/results/curves.json and
curves.md are written from them.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

import bayes_scaling as bs
from bayes_scaling.evaluation.predictive import predictive

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/curves.py --work curves-work"
LAWS = {"M2": "power_floor", "M3": "m3", "M4": "m4", "BNSL": "bnsl1"}
NOISE = {"with": "curve", "without": "constant"}
SEED, DRAWS = 1, 1000
LEVELS = (np.arange(199) + 1) / 200

PRIORS = {
    "E": bs.LogNormal(0.1, 1.3),
    "A": bs.LogNormal(0.4, 1.3),
    "G": bs.LogNormal(0.9, 0.3),
    "f1": bs.LogNormal(1.0, 0.4),
}
"""Of an error rate between 0 and 1, where the catalogue's are for any loss. At chance these curves are near 1, and they
leave it slowly: a sharp break would be drawn where the discrepancy already serves."""


def curves() -> dict[str, tuple[Any, Any]]:
    """(context, target) of each curve, by task and model."""
    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "alabdulmohsin_vision/benchmark.vision.csv")
    table = table.rename(columns={"Seen Examples": "examples", "Loss": "loss"})
    out = {}
    for (task, model), rows in table.groupby(["Task", "Model"]):
        name = f"{task} {model.replace('/', '-')}"
        context, target = (
            bs.load_runs(rows[rows["Training"] == used][["examples", "loss"]], inputs="examples", name=name)
            for used in (1, 0)
        )
        out[name] = (context, target)
    return out


def halves(context: Any) -> tuple[Any, Any]:
    """The runs of a context up to half of its examples (6 at least, and all but 2 at most), and the others."""
    order = np.argsort(context.column("examples"), kind="stable")
    few = int(np.sum(context.column("examples") <= context.column("examples").max() / 2))
    few = min(max(few, 6), len(order) - 2)
    return context.select(np.sort(order[:few])), context.select(np.sort(order[few:]))


def scored(fit: Any, test: Any) -> dict[str, np.ndarray]:
    """What a fit says of runs that it has not seen; log densities are of the raw loss."""
    ahead = predictive(fit, test)
    scores = ahead.scores(bs.Drift(0.0))
    rng = np.random.default_rng(SEED)
    tails = (
        rng.standard_normal(ahead.middle.shape)
        if isinstance(fit.noise, bs.Discrepancy)
        else rng.standard_t(ahead.nu)
    )
    return {
        "log_density": scores.log_density - test.log_loss,
        "pit": scores.pit,
        "quantiles": np.quantile(ahead.middle + ahead.scale * tails, LEVELS, axis=1),
        "log_loss": test.log_loss,
    }


def fitted(law: str, noise: str, work: Path) -> Iterator[tuple[str, float]]:
    """Fits of all curves, whole contexts and halves, in one program; each one's scores go to a file."""
    everything = curves()
    wanted: dict[str, tuple[Any, Any]] = {}
    for name, (context, target) in everything.items():
        for part, (train, test) in {"target": (context, target), "future": halves(context)}.items():
            if not (work / f"{name}_{law}_{noise}_{part}.npz").exists():
                wanted[f"{name}_{law}_{noise}_{part}"] = (train, test)
    family = bs.LAWS[LAWS[law]].over("examples")
    priors = {name: prior for name, prior in PRIORS.items() if name in family.priors}
    began = time.process_time()
    tables = {key: train for key, (train, _) in wanted.items()}
    for outcome in bs.fit_many(tables, family, priors=priors, noise=NOISE[noise], draws=DRAWS, seed=SEED):
        spent = time.process_time() - began
        if outcome.fit is None:
            raise RuntimeError(f"{outcome.name}: {outcome.error}")
        diagnosis = outcome.fit.diagnose()
        arrays = scored(outcome.fit, wanted[outcome.name][1])
        health = {"r_hat": diagnosis.r_hat, "divergences": diagnosis.divergences, "ess": diagnosis.ess_bulk}
        np.savez(work / f"{outcome.name}.npz", **arrays, **health, seconds=spent)
        yield outcome.name, spent
        began = time.process_time()


def weights(scores: list[np.ndarray]) -> np.ndarray:
    """Weights of laws from the log densities of the context's future, (points,) for each law."""
    mean = np.array([s.mean() for s in scores])
    return np.exp(mean - logsumexp(mean))


def summary(parts: list[Any], share: np.ndarray) -> dict[str, float]:
    """Scores of a mixture of laws on one curve."""
    log_density = logsumexp([p["log_density"] for p in parts], axis=0, b=share[:, None])
    pit = share @ np.array([p["pit"] for p in parts])
    middle = mixed_median([p["quantiles"] for p in parts], share)
    y = parts[0]["log_loss"]
    return {
        "rmsle": float(np.sqrt(np.mean((middle - y) ** 2))),
        "log_density": float(np.mean(log_density)),
        "coverage": float(np.mean(np.abs(pit - 0.5) <= 0.45)),
        "coverage_50": float(np.mean(np.abs(pit - 0.5) <= 0.25)),
    }


def mixed_median(quantiles: list[np.ndarray], share: np.ndarray) -> np.ndarray:
    """Median of a mixture of distributions that are given by equally spaced quantiles, shape (levels, points)."""
    values = np.concatenate(quantiles)
    weight = np.repeat(share, [len(q) for q in quantiles])
    order = np.argsort(values, axis=0)
    below = np.cumsum(weight[order], axis=0)
    at = (below < below[-1] / 2).sum(0)
    return np.take_along_axis(np.take_along_axis(values, order, 0), at[None], 0)[0]


def collect(work: Path) -> dict[str, Any]:
    """Scores of every curve, law and mixture, from the files."""
    out: dict[str, Any] = {}
    every: dict[str, tuple[list[Any], list[Any]]] = {}
    for noise in NOISE:
        for name in curves():
            files = {
                law: {part: work / f"{name}_{law}_{noise}_{part}.npz" for part in ("target", "future")}
                for law in LAWS
            }
            have = [law for law in LAWS if all(path.exists() for path in files[law].values())]
            if not have:
                continue
            target = [np.load(files[law]["target"]) for law in have]
            future = [np.load(files[law]["future"]) for law in have]
            rows = {}
            for i, law in enumerate(have):
                rows[law] = summary([target[i]], np.ones(1)) | {
                    "future": float(future[i]["log_density"].mean()),
                    "r_hat": max(float(f["r_hat"]) for f in (target[i], future[i])),
                    "divergences": int(target[i]["divergences"] + future[i]["divergences"]),
                    "seconds": float(target[i]["seconds"]),
                }  # fmt: skip
            share = weights([f["log_density"] for f in future])
            rows["mixture"] = summary(target, share) | {
                "weights": dict(zip(have, share.round(3).tolist(), strict=True))
            }
            rows["equal weights"] = summary(target, np.full(len(have), 1 / len(have)))
            out.setdefault(noise, {})[name] = rows
            for parts, more in zip(every.setdefault(name, ([], [])), (target, future), strict=True):
                parts += more
    for name, (target, future) in every.items():
        out.setdefault("both", {})[name] = {
            "mixture": summary(target, weights([f["log_density"] for f in future])),
            "equal weights": summary(target, np.full(len(target), 1 / len(target))),
        }
    return out


PUBLISHED = {
    "published: M4 by MCMC": ("0.0422", "3.024", "", "", "(155)"),
    "published: BNSL by MCMC": ("0.0645", "2.921", "", "", "(281)"),
    "published: LC-PFN": ("0.0428", "2.429"),
    "published: NSL-PFN": ("0.0280", "3.330"),
}
"""Of the same curves and split, as reported with NSL-PFN; taken from a secondary note."""


def by_dataset(by: dict[str, Any]) -> list[str]:
    """The mixture's scores for the curves of each dataset."""
    lines = ["| mixture on | curves | RMSLE | log density | 90% held |", "|---|---|---|---|---|"]
    names = {"bird": "Birds", "c": "CIFAR-100", "cal": "Caltech", "inet": "ImageNet"}
    for start, title in names.items():
        rows = [r["mixture"] for name, r in by.items() if name.split("_")[0] == start]
        mean = {k: np.mean([r[k] for r in rows]) for k in ("rmsle", "log_density", "coverage")}
        lines.append(
            f"| {title} | {len(rows)} | {mean['rmsle']:.4f} | {mean['log_density']:.3f} | {mean['coverage']:.2f} |"
        )
    return lines


def page() -> str:
    """The scores of all curves as one page."""
    records = json.loads((RESULTS / "curves.json").read_text())
    lines = [
        "# Learning curves extrapolated",
        "",
        f"Made by `{COMMAND}`; 2-core x86-64 CPU; seed {SEED}, {DRAWS:,} draws x 4 chains; bayes-scaling {bs.__version__}.",
        "",
        *(__doc__ or "").split("\n\n")[2].splitlines(),
        "",
        "RMSLE of the predictive median, mean log density of the raw loss per target point and coverage are means over the",
        "curves, each counted once. Seconds are of processor time on one core for one fit of a whole context, its scores",
        "included and compilation not: median and mean over the curves; chains share out among cores. R-hat is over the fits",
        "of whole contexts and of halves. The mixture weighs laws, curve by curve, by their density of the context's later half.",
    ]
    titles = {
        "with": "With a discrepancy (Gaussian process in log examples, whose amplitude may shrink to nothing)",
        "without": "Without a discrepancy",
        "both": "All of these mixed, with and without (tried when the tables above had been seen)",
    }
    heads = [
        "law",
        "RMSLE",
        "log density",
        "90% held",
        "50% held",
        "seconds (mean)",
        "R-hat at most 1.01",
        "worst R-hat",
    ]
    for noise, by in records.items():
        names = {name: None for rows in by.values() for name in rows}
        lines += ["", f"## {titles[noise]}", "", f"{len(by)} curves.", ""]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        for name in names:
            rows = [r[name] for r in by.values() if name in r]
            mean = {
                k: np.mean([r[k] for r in rows]) for k in ("rmsle", "log_density", "coverage", "coverage_50")
            }
            cells = [name, f"{mean['rmsle']:.4f}", f"{mean['log_density']:.3f}"]
            cells += [f"{mean[k]:.2f}" for k in ("coverage", "coverage_50")]
            if "r_hat" in rows[0]:
                r_hat = np.array([r["r_hat"] for r in rows])
                seconds = [r["seconds"] for r in rows]
                cells += [
                    f"{np.median(seconds):.1f} ({np.mean(seconds):.1f})",
                    f"{np.mean(r_hat <= 1.01):.0%}",
                ]
                cells += [f"{r_hat.max():.3f}"]
            lines.append("| " + " | ".join([*cells, *[""] * (len(heads) - len(cells))]) + " |")
        if noise == "with":
            lines += [
                "| " + " | ".join([name, *cells, *[""] * (len(heads) - len(cells) - 1)]) + " |"
                for name, cells in PUBLISHED.items()
            ]
        lines += ["", *by_dataset(by)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--laws", default=",".join(LAWS))
    parser.add_argument("--noise", default=",".join(NOISE))
    parser.add_argument("--page", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
    for noise in [] if args.page else args.noise.split(","):
        for law in args.laws.split(","):
            for done, (name, seconds) in enumerate(fitted(law, noise, args.work)):
                print(f"{done} {name}: {seconds:.1f} s", flush=True)
    if not args.page:
        (RESULTS / "curves.json").write_text(json.dumps(collect(args.work), indent=1))
    (RESULTS / "curves.md").write_text(page())


if __name__ == "__main__":
    main()
