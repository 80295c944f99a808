"""What laws of N and D miss of larger runs: forecasts under `noise="discrepancy"`, learnt with families left out in turn.

    BAYES_SCALING_DATA=... python benchmarks/discrepancy.py --work FOLDER [--only TABLE,TABLE] [--settings NAME,NAME]
    python benchmarks/discrepancy.py --work FOLDER --simulate
    python benchmarks/discrepancy.py --work FOLDER --page
    python benchmarks/discrepancy.py --work FOLDER --against FOLDER_OF_NORMAL_NOISE

Each cut of each table is fitted once a setting, under amplitudes with wide priors; what scores it under any other
population of amplitudes (draws are weighted) and any slope beyond the data stays in FOLDER, and is skipped while it is
there. The page learns the population on all families but the one that is scored, by the log density of its held-out
runs, and writes benchmarks/results/discrepancy.json and .md.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import extrapolation
import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp
from scipy.stats import t

import bayes_scaling as bs
from bayes_scaling.evaluation.predictive import predictive
from bayes_scaling.forecast.new_run import new_run_scale
from bayes_scaling.forecast.predict import predict
from bayes_scaling.laws.priors import LogNormal, Normal
from bayes_scaling.model.surface import AMPLITUDES, Surface

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/discrepancy.py --work discrepancy-work"
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


TABLES: dict[str, tuple[str, Callable[[], Any]]] = {
    **{name: (name, read) for name, read in extrapolation.TABLES.items()},
    "sweep": ("sweep", lambda: bs.datasets.load("sweep")),
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
    "drift": ("skaling", {"noise": "constant"}),
    "nats": ("chinchilla", {"noise": WIDE}),
    "surface": ("chinchilla", {"noise": WIDE, "priors": RELATIVE}),
    "rosenfeld": ("rosenfeld", {"noise": WIDE, "priors": RELATIVE | CEILING}),
    "constant": ("chinchilla", {"noise": "constant"}),
}


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
    pieces, began = extrapolation.cuts(TABLES[table][1]()), time.perf_counter()
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


TAIL = WIDE.degrees
"""Degrees of freedom of the noise."""


class Cut(NamedTuple):
    """One cut of one table, as `kept` left it."""

    table: str
    name: str
    family: str
    arrays: dict[str, np.ndarray]
    record: dict[str, Any]
    delta: np.ndarray  # (runs, draws): log reducible loss beside the law's
    normal: np.ndarray  # (draws,): of the slope beyond the data

    def weights(self, h: "Population") -> np.ndarray:
        """Of the draws under a population of amplitudes, truncated (Ionides 2008, doi:10.1198/106186008X320456)."""
        logs = np.log(self.arrays["amplitudes"])
        wide = [getattr(WIDE, name) for name in AMPLITUDES]
        total = np.zeros(logs.shape[1])
        for x, median, spread, prior in zip(logs, h.medians, h.spreads, wide, strict=True):
            total += 0.5 * ((x - prior.location) / prior.spread) ** 2
            total -= 0.5 * ((x - np.log(median)) / spread) ** 2
        weights = np.exp(total - total.max())
        weights = np.minimum(weights / weights.sum(), 1 / np.sqrt(len(weights)))
        found: np.ndarray = weights / weights.sum()
        return found

    def middle(self, h: "Population") -> np.ndarray:
        """Log loss before a run's noise, (runs, draws)."""
        beyond = np.log10(np.maximum(self.arrays["ratio"], 1.0))[:, None]
        moved = self.delta + beyond * (h.slope + h.slope_sd * self.normal)
        found: np.ndarray = self.arrays["law"] + np.log1p(
            np.maximum(self.arrays["share"] * np.expm1(moved), -0.999)
        )
        return found

    def log_density(self, h: "Population") -> np.ndarray:
        """Log predictive density of each run, (runs,)."""
        scale = self.arrays["scale"]
        z = (self.arrays["y"][:, None] - self.middle(h)) / scale
        kernel = -(TAIL + 1) / 2 * np.log1p(z**2 / TAIL) - np.log(scale)
        norm = gammaln((TAIL + 1) / 2) - gammaln(TAIL / 2) - 0.5 * np.log(TAIL * np.pi)
        found: np.ndarray = norm + logsumexp(kernel, axis=1, b=self.weights(h))
        return found

    def scores(self, h: "Population") -> dict[str, np.ndarray]:
        """Log density, PIT, width of the 90% interval and error of the median of each run, (runs,)."""
        a, weights, middle = self.arrays, self.weights(h), self.middle(h)
        drawn = middle + a["scale"] * np.random.default_rng(8).standard_t(TAIL, middle.shape)
        order = np.argsort(drawn, axis=1)
        share = np.cumsum(weights[order], axis=1)
        at = [np.minimum((share < p).sum(axis=1), drawn.shape[1] - 1) for p in (0.05, 0.5, 0.95)]
        low, median, high = (np.take_along_axis(drawn, order, 1)[np.arange(len(drawn)), k] for k in at)
        pit = (t.cdf((a["y"][:, None] - middle) / a["scale"], TAIL) * weights).sum(axis=1)
        return {
            "log_density": self.log_density(h), "pit": pit, "width": high - low, "error": np.expm1(median - a["y"])
        }  # fmt: skip

    def thinned(self, by: int) -> "Cut":
        """The same cut with fewer draws."""
        drawn = ("law", "move", "share", "scale", "amplitudes")
        arrays = {name: v[:, ::by] if name in drawn else v for name, v in self.arrays.items()}
        return self._replace(arrays=arrays, delta=self.delta[:, ::by], normal=self.normal[::by])


class Population(NamedTuple):
    """What tables share: log-normal amplitudes, and the slope of log R per decade beyond the data."""

    medians: tuple[float, ...]
    spreads: tuple[float, ...]
    slope: float
    slope_sd: float


START = Population((0.025, 0.10, 0.065), (1.0, 0.6, 0.6), -0.04, 0.02)
"""Found on tables before these fits were made; also the middle of what a population is taken to be beforehand."""

_LOOSE = np.array([0.7, 0.7, 0.7, 0.3, 0.3, 0.3, 0.04, 0.5])
"""How far, sd, a population may lie from it: of log medians and log spreads, of the slope, and of its log sd."""


def _packed(h: Population) -> np.ndarray:
    return np.array([*np.log(h.medians), *np.log(h.spreads), h.slope, np.log(h.slope_sd)])


def _unpacked(x: np.ndarray) -> Population:
    return Population(tuple(np.exp(x[:3])), tuple(np.exp(x[3:6])), float(x[6]), float(np.exp(x[7])))


def by_family(cuts: Sequence[Cut], score: Callable[[Cut], float]) -> dict[str, float]:
    """Means over the cuts of each table, and then over the tables of each family."""
    tables: dict[tuple[str, str], list[float]] = {}
    for cut in cuts:
        tables.setdefault((cut.family, cut.table), []).append(score(cut))
    families: dict[str, list[float]] = {}
    for (family, _), values in tables.items():
        families.setdefault(family, []).append(float(np.mean(values)))
    return {family: float(np.mean(values)) for family, values in families.items()}


def learn(cuts: Sequence[Cut]) -> Population:
    """The population under which held-out runs are likeliest, each family counting as two runs."""
    start, few = _packed(START), [cut.thinned(4) for cut in cuts]

    def badness(x: np.ndarray) -> float:
        h = _unpacked(x)
        densities = by_family(few, lambda cut: float(cut.log_density(h).mean()))
        return -2 * sum(densities.values()) + 0.5 * float(np.sum(((x - start) / _LOOSE) ** 2))

    simplex = np.vstack([start, start + np.diag(_LOOSE)])
    options = {"maxfev": 300, "xatol": 0.02, "fatol": 0.01, "initial_simplex": simplex}
    return _unpacked(minimize(badness, start, method="Nelder-Mead", options=options).x)


def collected(work: Path, setting: str) -> list[Cut]:
    """All cuts that were fitted under a setting."""
    found = []
    for table, (family, _) in TABLES.items():
        for path in sorted(work.glob(f"{table}_{setting}_*.npz")):
            arrays = dict(np.load(path))
            record = json.loads(str(arrays.pop("record")))
            wide = {name: value.astype(float) for name, value in arrays.items() if value.dtype.kind == "f"}
            share = np.maximum(wide["share"], 1e-9)
            delta = np.log1p(np.maximum(np.expm1(wide["move"]) / share, -1 + 1e-9))
            normal = np.random.default_rng(7).standard_normal(delta.shape[1])
            found.append(Cut(table, path.stem.rsplit("_", 1)[1], family, wide, record, delta, normal))
    return found


def drifting(cuts: set[tuple[str, str]]) -> dict[str, np.ndarray]:
    """Of each table, log density, coverage and width of the same cuts under the drift, where they are on record."""
    found = {}
    for table in TABLES:
        path = RESULTS / f"extrapolation_{table}_skaling.json"
        known = json.loads(path.read_text())["cuts"] if path.exists() else {}
        drifts = [
            c["drifts"]["0.02 1"] for name, c in known.items() if (table, name) in cuts and "error" not in c
        ]
        if drifts:
            names = ("log_density", "coverage_0.9", "width")
            found[table] = np.mean([[drift[name] for name in names] for drift in drifts], axis=0)
    return found


def page(work: Path) -> None:
    """Learns, scores and writes."""
    cuts = collected(work, "surface")
    families = sorted({cut.family for cut in cuts})
    learnt = {family: learn([cut for cut in cuts if cut.family != family]) for family in families}
    everything = learn(cuts)
    rows = []
    for cut in cuts:
        scores = cut.scores(learnt[cut.family])
        for i in range(len(cut.arrays["y"])):
            rows.append(
                {
                    "family": cut.family, "table": cut.table, "cut": cut.name,
                    "ratio": float(cut.arrays["ratio"][i]), "outside": float(cut.arrays["outside"][i]),
                    **{name: float(values[i]) for name, values in scores.items()},
                }
            )  # fmt: skip
    runs = pd.DataFrame(rows)
    runs["held 90%"], runs["held 50%"] = ((runs["pit"] - 0.5).abs() <= p / 2 for p in (0.9, 0.5))
    shown = ["held 90%", "held 50%", "width", "log_density", "error"]
    tables = runs.groupby(["family", "table", "cut"])[shown].mean().groupby(["family", "table"]).mean()
    steps = pd.cut(runs["ratio"], [0, 3, 10, 30, np.inf], labels=["1-3x", "3-10x", "10-30x", "30x and more"])
    far = runs.groupby(steps, observed=True)[["held 90%", "held 50%", "width"]].mean()
    far.insert(0, "runs", runs.groupby(steps, observed=True).size())
    outside = runs[runs["outside"] > 0]
    record = {
        "population": everything._asdict(), "left out": {f: h._asdict() for f, h in learnt.items()},
        "fits": [{"table": c.table, "cut": c.name, **c.record} for c in cuts],
        "tables": tables.reset_index().to_dict("records"),
        "by distance": far.reset_index(names="compute beyond").to_dict("records"),
        "outside of D/N": {"runs": len(outside), "held 90%": float(outside["held 90%"].mean())},
    }  # fmt: skip
    (RESULTS / "discrepancy.json").write_text(json.dumps(record, indent=1, default=float))
    before = drifting({(cut.table, cut.name) for cut in cuts})
    listed = tables.round(3).reset_index()
    for i, name in enumerate(("log_density", "held 90%", "width")):
        listed[f"drift: {name}"] = [
            round(float(before[x][i]), 3) if x in before else "" for x in listed["table"]
        ]
    both = listed[listed["table"].isin(list(before))]
    ahead = both["log_density"] - both["drift: log_density"].astype(float)
    h, simulated = everything, RESULTS / "discrepancy_simulated.json"
    lines = [
        "# Larger runs under a discrepancy of compute and D/N", "",
        f"Made by `{COMMAND}`, and with `--simulate` and `--page`; seed 1, {DRAWS} draws x 4 chains. Law `chinchilla`, noise `discrepancy`,",
        "priors of E, A and B in units of each table. Scores are of log loss, runs, then cuts, then tables, then families",
        "averaged; the population of each line is learnt on the other families. Beside it the default before, `skaling`",
        "with its drift (which was chosen on most of these tables), on the same cuts.", "",
        listed.to_markdown(index=False), "",
        f"All families: {tables.groupby('family').mean().mean().round(3).to_dict()}.", "",
        f"On the {len(both)} tables that both have: log density {ahead.mean():+.3f} nats a run beside the drift's, ahead on "
        f"{(ahead > 0).sum()}; 90% bands hold {both['held 90%'].mean():.2f} and {both['drift: held 90%'].astype(float).mean():.2f}, "
        f"widths {both['width'].mean():.3f} and {both['drift: width'].astype(float).mean():.3f}.", "",
        far.round(3).reset_index(names="compute beyond").to_markdown(index=False), "",
        f"Of {len(outside)} runs outside of their table's range of D/N, 90% bands hold {outside['held 90%'].mean():.2f}.", "",
        "Learnt on all families: medians of the amplitudes " + ", ".join(f"{m:.3f}" for m in h.medians)
        + ", sd of their logs " + ", ".join(f"{s:.2f}" for s in h.spreads)
        + f"; log reducible loss changes by {h.slope:.3f} (sd {h.slope_sd:.3f}) per decade of compute beyond the data.", "",
        f"R-hat at most 1.01 in {np.mean([c.record['r_hat'] <= 1.01 for c in cuts]):.0%} of {len(cuts)} fits.",
    ]  # fmt: skip
    if simulated.exists():
        table = pd.DataFrame(json.loads(simulated.read_text()))
        table = (
            table.groupby(["setting", "decades"], sort=False)
            .mean(numeric_only=True)
            .drop(columns="seed")
            .round(4)
            .reset_index()
        )
        lines += [
            "",
            "## A true law, 24 runs of 30M to 1B parameters (E = 1.7)",
            "",
            table.to_markdown(index=False),
        ]
    (RESULTS / "discrepancy.md").write_text("\n".join(lines) + "\n")


def against(sides: dict[str, tuple[Path, str]], page: str, heading: list[str]) -> None:
    """The same cuts fitted in two ways, both under the populations that were learnt for the page.

    Each side has a name, a folder of fits and a setting.
    """
    known = json.loads((RESULTS / "discrepancy.json").read_text())
    learnt = {f: Population(**h) for f, h in known["left out"].items()}
    cuts = [{(c.table, c.name): c for c in collected(*side)} for side in sides.values()]
    rows = []
    for at in cuts[0].keys() & cuts[1].keys():
        row: dict[str, Any] = {"table": at[0], "cut": at[1], "runs": len(cuts[0][at].arrays["y"])}
        for noise, cut in zip(sides, (own[at] for own in cuts), strict=True):
            scores = cut.scores(learnt[cut.family])
            held = np.abs(scores["pit"] - 0.5) <= 0.45
            for name, values in {
                "held 90%": held,
                **{k: scores[k] for k in ("width", "log_density")},
            }.items():
                row[f"{noise}: {name}"] = round(float(values.mean()), 3)
        rows.append(row)
    table = pd.DataFrame(rows).sort_values(["table", "cut"])
    means = table.drop(columns=["cut", "runs"]).groupby("table").mean().round(3)
    mean = means.mean().round(3).to_frame("all tables").T
    means = pd.concat([means, mean]).reset_index(names="table")
    lines = [*heading, "", table.to_markdown(index=False), "", means.to_markdown(index=False)]
    (RESULTS / page).write_text("\n".join(lines) + "\n")


def noises(work: Path, before: Path) -> None:
    """The same cuts with another noise."""
    heading = [
        "# Student-t or normal noise around a discrepancy", "",
        f"Made by `{COMMAND} --against FOLDER`; the fits with normal noise are those of [discrepancy.md](discrepancy.md), made "
        "before the noise was a Student-t, in a basis of 24 columns. Each table is scored under the population of the other families.",
    ]  # fmt: skip
    sides = {"normal": (before, "surface"), "Student-t": (work, "surface")}
    against(sides, "discrepancy_noise.md", heading)


def priors(work: Path) -> None:
    """The same cuts with the default's priors of E, A and B, which are for nats, and with priors in units of the table."""
    heading = [
        "# Priors in nats, or in units of the table", "",
        f"Made by `{COMMAND} --settings nats`, and `--priors`. Noise `discrepancy`; priors in nats are the default of tables that "
        "look like nats. Each table is scored under the population of the other families, learnt with priors in units of the table.",
    ]  # fmt: skip
    sides = {"in units of the table": (work, "surface"), "in nats": (work, "nats")}
    against(sides, "discrepancy_priors.md", heading)


def simulate(count: int = 6) -> None:
    """Forecasts of one to four decades beyond runs that a law is true of."""
    n = np.repeat(np.geomspace(3e7, 1e9, 6), 4)
    d = n * np.tile([5.0, 15.0, 40.0, 120.0], 6)

    def truth(params: Any, tokens: Any) -> Any:
        return 1.7 + 400 * params**-0.34 + 410 * tokens**-0.28

    settings = {
        "chinchilla, discrepancy": ("chinchilla", {"noise": "discrepancy"}),
        "chinchilla, discrepancy, priors in units of the table": ("chinchilla", {"noise": "discrepancy", "priors": RELATIVE}),
        "skaling, drift": ("skaling", {"noise": "constant"}),
    }  # fmt: skip
    path = RESULTS / "discrepancy_simulated.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    for setting, (law, options) in settings.items():
        for seed in range(count):
            if any(row["setting"] == setting and row["seed"] == seed for row in rows):
                continue
            noise = 0.003 * np.random.default_rng(seed).standard_normal(len(n))
            table = pd.DataFrame({"params": n, "tokens": d, "loss": truth(n, d) * np.exp(noise)})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = bs.fit(table, law, seed=1, draws=DRAWS, **options)
            for decades in (1, 2, 3, 4):
                at = 1e9 * 10 ** (decades / 2), 2e10 * 10 ** (decades / 2)
                forecast, true = fit.predict(params=at[0], tokens=at[1]), truth(*at)
                low, median, high = forecast.new_run.quantile([0.05, 0.5, 0.95]).to_numpy().ravel()
                rows.append(
                    {
                        "setting": setting, "seed": seed, "decades": decades, "holds": float(low < true < high),
                        "width": (high - low) / true, "error": median / true - 1,
                        "below the true E": float((forecast.drifted < 1.7).mean()),
                        "below its own E": float((forecast.drifted < fit.draws()["E"]).mean()),
                    }
                )  # fmt: skip
            path.write_text(json.dumps(rows, indent=1))
            print(f"{setting} {seed}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only")
    parser.add_argument("--settings", default="surface")
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--against", type=Path)
    parser.add_argument("--priors", action="store_true")
    args = parser.parse_args()
    if args.against:
        return noises(args.work, args.against)
    if args.priors:
        return priors(args.work)
    if args.page or args.simulate:
        return page(args.work) if args.page else simulate()
    args.work.mkdir(exist_ok=True, parents=True)
    for table in args.only.split(",") if args.only else TABLES:
        for setting in args.settings.split(","):
            try:
                run(table, setting, args.work)
            except Exception as error:
                print(f"{table} {setting} failed: {type(error).__name__} {error}", flush=True)


if __name__ == "__main__":
    main()
