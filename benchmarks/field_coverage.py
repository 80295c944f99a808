"""Do 90% bands hold larger runs of tables as people bring them: training curves of published models, routers, tiny models?

    BAYES_SCALING_DATA=... uv run benchmarks/field_coverage.py --work FOLDER [--only TABLE,TABLE] [--arms NAME,NAME] [--page]

Tables are cut as for a back-test, training runs held out as a whole. Each cut is fitted as users had it before (`skaling` with a drift), as released, and after
what `diagnose` advises of the rows below the cut alone, where it advises anything. Fits lie in FOLDER, and what is
in benchmarks/results/field_coverage.json is not made again; field_coverage.md is written from that file.
"""

import argparse
import json
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.evaluation.cuts import Cut, held_out, make_cuts
from bayes_scaling.evaluation.predictive import predictive
from bayes_scaling.model.noise import usual_drift
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
PIECES = RESULTS / "field_coverage.json"
DRAWS, CHAINS = 200, 2
ROUTERS = ("Dense-1", "Hash-8", "Hash-64", "S-Base-8", "S-Base-64", "RL-R-64")


def read(path: str, group: str | None = None) -> bs.Runs:
    """A table of the shared data."""
    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / path)
    if group:
        table = table[table[group].isin(ROUTERS)]
    return bs.load_runs(table, params="N", tokens="D", group=group, name=Path(path).stem)


TABLES: dict[str, Callable[[], bs.Runs]] = {
    **{
        name: lambda name=name: read(f"published_curves/{name}.csv")
        for name in ("opt", "t5_pile", "gpt3", "moduleformer")
    },
    **{
        name: lambda name=name: read(f"small_sweeps/{name}.csv")
        for name in ("byte_isoflop", "wikitext_curves")
    },
    "routing": lambda: read("routing/curves.csv", group="group"),
}
ARMS: dict[str, tuple[str | None, str]] = {
    "before": ("skaling", "constant"),
    "released": (None, "discrepancy"),
}
ADVISED = "advised"
COMMAND = "BAYES_SCALING_DATA=../shared/data uv run benchmarks/field_coverage.py --work field-work"
BINS = {"1-3x": 3.0, "3-10x": 10.0, "10-30x": 30.0, "30x and more": np.inf}


class Advice(NamedTuple):
    """What the diagnosis of the rows below a cut says to do."""

    law: str
    finished: bool

    @classmethod
    def of(cls, said: list[str]) -> "Advice | None":
        """Read off its sentences, as a user would; None where they name nothing to do."""
        words = " ".join(said)
        law = re.search(r"fit law='([^']+)'", words)
        finished = "finished=True" in words
        return cls(law[1] if law else "chinchilla", finished) if law or finished else None


def fitted(train: bs.Runs, test: bs.Runs, law: str | None, noise: str, path: Path) -> dict[str, Any]:
    """A fit, its diagnosis, and where each held-out run lies in its forecast."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.exists():
            fit = bs.open_fit(path)
        else:
            fit = bs.fit(train, law, noise=noise, draws=DRAWS, chains=CHAINS, seed=1)
            fit.save(path)
        diagnosis = fit.diagnose()
    ahead = predictive(fit, test)
    scores = ahead.scores(usual_drift(fit.law, fit.noise))
    own = [np.array(runs.groups)[runs.group_index] for runs in (train, test)]
    reached = {group: train.scale[own[0] == group].max() for group in np.unique(own[0])}
    errors = np.exp(np.median(ahead.middle, axis=1) - test.log_loss) - 1
    runs = {
        "ratio": test.scale / [reached[group] for group in own[1]],
        "pit": scores.pit,
        "width": scores.width,
        "error": errors,
        "end": [
            x == test.tokens[test.clusters == i].max()
            for x, i in zip(test.tokens, test.clusters, strict=True)
        ],
    }
    return {
        "law": fit.law.name, "fitted": len(train), "draws": f"{DRAWS} x {CHAINS}", "r_hat": round(diagnosis.r_hat, 3), "problems": diagnosis.problems,
        "warnings": diagnosis.warnings, "seconds": round(fit.provenance["seconds"]),
        "runs": {name: [float(f"{x:.3g}") for x in values] for name, values in runs.items()},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("field-work"))
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--arms", default=",".join([*ARMS, ADVISED]))
    parser.add_argument("--cuts", default="3x,10x,30x")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    for table in [] if asked.page else asked.only.split(","):
        runs = TABLES[table]()
        cuts, _ = make_cuts(runs, held_out(runs))
        # Of cuts that leave the same runs to fit the one that holds out most.
        for name, cut in {len(cut.train): (name, cut) for name, cut in cuts.items()}.values():
            for arm in asked.arms.split(",") if name in asked.cuts.split(",") else []:
                one(f"{table} {name}", arm, cut, asked.work)
    (RESULTS / "field_coverage.md").write_text(page(known()))


def known() -> dict[str, Any]:
    """What has been fitted so far."""
    return json.loads(PIECES.read_text()) if PIECES.exists() else {}


def one(cut_name: str, arm: str, cut: Cut, work: Path) -> None:
    """One arm of one cut, unless it is there."""
    found, name = known(), f"{cut_name} {arm}"
    train, (law, noise) = cut.train, ARMS.get(arm, ARMS["released"])
    if arm == ADVISED:
        said = found.get(f"{cut_name} released", {"warnings": []})["warnings"]
        if (advice := Advice.of(said)) is None:
            return
        law = advice.law
        train = bs.load_runs(train, finished=True) if advice.finished else train
    if name in found:
        return
    done = fitted(train, cut.test, law, noise, work / f"{name.replace(' ', '_')}.nc")
    PIECES.write_text(json.dumps(known() | {name: done}))
    inside = np.abs(np.array(done["runs"]["pit"]) - 0.5) <= 0.45
    print(
        name,
        done["law"],
        done["fitted"],
        f"{done['seconds']} s, R-hat {done['r_hat']}, held {inside.mean():.2f}",
        flush=True,
    )


def held_runs(found: dict[str, Any]) -> pd.DataFrame:
    """A row for each held-out run of each cut and arm; where nothing is advised, what is advised is what is released."""
    parts = []
    for name, fit in found.items():
        table, cut, arm = name.split(" ")
        runs = pd.DataFrame(fit["runs"]).assign(
            table=table, cut=cut, arm=arm, row=range(len(fit["runs"]["pit"]))
        )
        parts.append(runs)
        if arm == "released" and f"{table} {cut} {ADVISED}" not in found:
            parts.append(runs.assign(arm=ADVISED))
    runs = pd.concat(parts, ignore_index=True)
    runs["held"] = (runs["pit"] - 0.5).abs() <= 0.45
    runs["beyond"] = pd.cut(runs["ratio"], [0, *BINS.values()], labels=[*BINS])
    every = runs.groupby(["table", "cut"])["arm"].transform("nunique")
    return runs[every == len(ARMS) + 1]


def by_distance(runs: pd.DataFrame) -> pd.DataFrame:
    """Coverage, width and error of each arm on the same runs."""
    arms = [*ARMS, ADVISED]
    out = pd.DataFrame({"runs": runs[runs["arm"] == "before"].groupby("beyond", observed=True).size()})
    for what, values in (("held 90%", "held"), ("width", "width")):
        mean = runs.groupby(["beyond", "arm"], observed=True)[values].mean().unstack()[arms]
        out = out.join(mean.round(3 if what == "width" else 2).add_prefix(f"{what}: "))
    return out.reset_index(names="compute beyond the fit")


def page(found: dict[str, Any]) -> str:
    """What bands held, by distance and by table, and what was changed."""
    runs, rows = held_runs(found), []
    counts = Counter(fit["draws"] for fit in found.values())
    draws = ", ".join(f"{name} in {count} fits" for name, count in counts.items())
    for (table, cut), own in runs.groupby(["table", "cut"], sort=False):
        fits = {arm: found.get(f"{table} {cut} {arm}") for arm in (*ARMS, ADVISED)}
        cells = []
        for arm, fit in fits.items():
            one = own[own["arm"] == arm]
            words = f"{one['held'].mean():.2f} ({one['width'].mean():.2f}, {one['error'].median():+.1%})"
            refused = fit is not None and any("can be believed" in said for said in fit["problems"])
            cells.append(words + (", refused" if refused else "") if fit else "nothing to do")
        advised = fits[ADVISED]
        changed = "" if advised is None else f"{advised['law']}, {advised['fitted']} rows"
        rows.append([table, cut, fits["released"]["fitted"], len(own) // 3, *cells, changed])
    heads = [
        "table",
        "cut",
        "fitted",
        "held out",
        "before",
        "released",
        "advised",
        "what the diagnosis advised",
    ]
    return "\n".join(
        [
            "# Larger runs of tables from the field",
            "",
            f"Made by `{COMMAND}`; seed 1, draws x chains: {draws}.",
            "Before: `skaling` with its drift; released: the default, `chinchilla` with a discrepancy; advised: what `diagnose` of the",
            "released fit says to fit instead (a ceiling, finished runs alone), which never saw a held-out run. A training run is held",
            "out as a whole, and its checkpoints beyond the cut are scored. `routing` has six groups: "
            + ", ".join(ROUTERS)
            + ".",
            "",
            by_distance(runs).to_markdown(index=False),
            "",
            "The ends of runs alone:",
            "",
            by_distance(runs[runs["end"] > 0]).to_markdown(index=False),
            "",
            "By table and cut: share of runs in the 90% band (its width, median error of the forecast); refused: the diagnosis said that",
            "no band of the fit can be believed.",
            "",
            markdown(heads, rows),
            "",
        ]
    )


if __name__ == "__main__":
    main()
