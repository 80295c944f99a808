"""The catalogue's laws on real tables: repeated data and training recipes, beside what was published.

    BAYES_SCALING_DATA=... python benchmarks/catalogue.py [--only SECTION] [--redo] [--page]

As in real_tables.py, each section leaves benchmarks/results/catalogue_<section>.json, is skipped while that is
there, and picks up where it was stopped; catalogue.md is written from these files alone.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from real_tables import (
    CHAINS,
    DRAWS,
    MACHINE,
    RESULTS,
    SEED,
    fitted,
    health_line,
    quantiles,
    run_sections,
    step,
    table,
)

import bayes_scaling as bs
from bayes_scaling.laws.recipe import best_recipe
from bayes_scaling.laws.repeated import worth

COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/catalogue.py"

# -- repeated data
# --------------------------------------------------------------------------------------------------------

C4 = {
    "E": np.exp(0.6254804),
    "A": np.exp(6.255414),
    "B": np.exp(7.3049974),
    "alpha": 0.3526596,
    "beta": 0.3526596,
}
"""Muennighoff et al. 2023, C4: held while they fitted R_D* and R_N*."""

PUBLISHED_R = {"R_D": 15.387756, "R_N": 5.309743}


def epoch_worth(epoch: int, half_life: Any) -> Any:
    """What the tokens of one epoch are worth, as a share of what they were when new."""
    return worth(1.0, epoch - 1.0, half_life) - worth(1.0, epoch - 2.0, half_life)


def held_at_c4(runs: Any) -> dict[str, Any]:
    """Priors that hold the law's other constants where the paper has them."""
    at = runs.reference
    values = C4 | {
        "A": C4["A"] * at["params"] ** -C4["alpha"],
        "B": C4["B"] * at["tokens"] ** -C4["beta"],
    }
    return {name: bs.LogNormal(float(value), 1e-3) for name, value in values.items()}


def one_datablations(label: str, runs: Any, priors: Any) -> dict[str, Any]:
    fit, record = fitted(label, runs, "muennighoff", priors=priors)
    draws = fit.draws()
    values = {name: draws[name] for name in ("R_D", "R_N", "E", "alpha", "beta", "sigma")}
    values |= {f"epoch {e}": epoch_worth(e, draws["R_D"]) for e in (4, 16)}
    return {"fits": [record], "runs": repr(runs), "values": {k: quantiles(v, 0.9) for k, v in values.items()}}


def datablations() -> dict[str, Any]:
    runs = bs.datasets.external("datablations").with_inputs(("unique_tokens",))
    of_paper = runs.select(runs.table["in_paper_fit"].to_numpy() == 1)
    unique = of_paper.column("unique_tokens")
    cases = {
        "the runs of the paper's fit": (of_paper, None),
        "the same, other constants held as published": (of_paper, held_at_c4(of_paper)),
        "at least 1B unique tokens": (of_paper.select(unique >= 1e9), None),
        "at least 4B unique tokens": (of_paper.select(unique >= 4e9), None),
    }
    pieces = {
        label: step("catalogue_datablations", label, lambda: one_datablations(label, *case))
        for label, case in cases.items()
    }
    published = PUBLISHED_R | {f"epoch {e}": float(epoch_worth(e, PUBLISHED_R["R_D"])) for e in (4, 16)}
    return {
        "fits": [f for p in pieces.values() for f in p.pop("fits")],
        "cases": pieces,
        "published": published,
    }


# -- recipe
# --------------------------------------------------------------------------------------------------------

FAILED = 1.1
"""A run whose loss is more than this times the best of its (N, D) diverged or hardly learned."""

PLACES = {
    "inside: 500M, 50B": (5e8, 5e10),
    "edge: 1.07B, 100B": (1.073741824e9, 1e11),
    "beyond: 7B, 140B": (7e9, 1.4e11),
}


def steplaw_runs() -> Any:
    """All runs of the grid that learned; batch in tokens, as the paper counts it (sequences of 2048)."""
    table = pd.read_csv(Path(os.environ["BAYES_SCALING_DATA"]) / "steplaw" / "dense_lr_bs_loss.csv")
    best = table.groupby(["N", "D"])["smooth_loss"].transform("min")
    kept = table[table["smooth_loss"] < FAILED * best].assign(batch=lambda t: 2048.0 * t["bs"])
    runs = bs.load_runs(kept, params="N", tokens="D", loss="smooth_loss",
                        inputs=bs.LAWS["step_law"].columns, name="steplaw")  # fmt: skip
    return runs, len(table)


def tuned_loss(fit: Any, n: float, d: float) -> Any:
    """L(N, D) of each draw with the recipe at its best, in nats per token."""
    draws = fit.draws()
    p = {name: draws[name] for name in ("E", "A", "B", "alpha", "beta")}
    return bs.LAWS["chinchilla"](n / fit.reference["params"], d / fit.reference["tokens"], **p)


def all_runs() -> dict[str, Any]:
    runs, everything = steplaw_runs()
    fit, record = fitted("steplaw, all runs that learned", runs, "step_law")
    draws, at = fit.draws(), fit.reference
    p = {name: draws[name] for name in fit.law.parameters}
    exponents = {k: quantiles(draws[k], 0.9) for k in ("lr_N", "lr_D", "batch_N", "batch_D", "tilt", "skew")}
    best = {}
    for place, (n, d) in PLACES.items():
        lr, batch = best_recipe(n / at["params"], d / at["tokens"], **p)
        best[place] = {
            "lr": quantiles(lr * at["lr"], 0.9), "batch": quantiles(batch * at["batch"], 0.9),
            "published": [1.79 * n**-0.713 * d**0.307, 0.58 * d**0.571],
        }  # fmt: skip
    return {"fits": [record], "runs": len(runs), "of": everything, "exponents": exponents, "best": best,
            "law": law_of(fit)}  # fmt: skip


def best_runs() -> dict[str, Any]:
    fit, record = fitted("steplaw, the best run of each cell", bs.datasets.external("steplaw"))
    return {"fits": [record], "runs": len(fit.runs), "law": law_of(fit)}


def law_of(fit: Any) -> dict[str, Any]:
    """What a fit says about L(N, D): exponents, floor, and losses inside and outside of the data."""
    draws = fit.draws()
    found = {k: quantiles(draws[k], 0.9) for k in ("E", "alpha", "beta", "sigma")}
    found["a"] = quantiles(draws["beta"] / (draws["alpha"] + draws["beta"]), 0.9)
    return found | {place: quantiles(tuned_loss(fit, *at), 0.9) for place, at in PLACES.items()}


def steplaw() -> dict[str, Any]:
    pieces = {name: step("catalogue_steplaw", name, make) for name, make in
              {"all": all_runs, "best": best_runs}.items()}  # fmt: skip
    return {"fits": [f for p in pieces.values() for f in p.pop("fits")], **pieces}


# -- the page
# --------------------------------------------------------------------------------------------------------


def said(q: dict[str, Any], form: str = ".3g") -> str:
    low, high = q["90"]
    return f"{q['median']:{form}} ({low:{form}} to {high:{form}})"


def page_datablations(r: dict[str, Any]) -> list[str]:
    names = ("R_D", "R_N", "epoch 4", "epoch 16", "E", "alpha", "beta", "sigma")
    cells = [["published", *(f"{r['published'][n]:.3g}" for n in names[:4]), "1.87", ".353", ".353", ""]]
    cells += [[label, *(said(case["values"][n]) for n in names)] for label, case in r["cases"].items()]
    return [
        "Law `muennighoff`. R_D and R_N beside the published R_D* and R_N*; what the tokens of the 4th and of the 16th epoch "
        "are worth, as a share of new ones. Medians and 90% intervals.",
        "",
        *table("runs | R_D | R_N | 4th epoch | 16th epoch | E | alpha | beta | sigma", cells),
        *(f"- {label}: {case['runs']}" for label, case in r["cases"].items()),
    ]


def page_steplaw(r: dict[str, Any]) -> list[str]:
    every, best = r["all"], r["best"]
    recipe = [[place, said(b["lr"]), f"{b['published'][0]:.3g}", said(b["batch"]), f"{b['published'][1]:.3g}"]
              for place, b in every["best"].items()]  # fmt: skip
    laws = [[name, said(every["law"][name], ".4g"), said(best["law"][name], ".4g")] for name in every["law"]]
    published = {"lr_N": "-.713", "lr_D": ".307", "batch_N": "0", "batch_D": ".571"}
    exponents = [[name, said(q), published.get(name, "")] for name, q in every["exponents"].items()]
    return [
        f"Law `step_law` on {every['runs']} of {every['of']} runs of the dense grid (left out: loss above {FAILED} times the best "
        "of their N and D). Step Law: lr = 1.79 N^-.713 D^.307, batch = .58 D^.571 tokens. Medians and 90% intervals.",
        "",
        *table("N, D | best lr | Step Law | best batch, tokens | Step Law", recipe),
        *table("exponent | here | Step Law", exponents),
        f"L(N, D) with the recipe at its best, from all these runs and from the best run of each of {best['runs']} cells "
        "(law `chinchilla`):",
        "",
        *table("quantity | all runs | best of each cell", laws),
    ]


SECTIONS = {"datablations": datablations, "steplaw": steplaw}
TITLES = {"datablations": "1. Repeated data", "steplaw": "2. Learning rate and batch size"}


def write_page() -> None:
    lines = [
        "# The catalogue on real tables",
        "",
        f"Made by `{COMMAND}` (one section: `--only NAME`); {MACHINE}; seed {SEED}, {DRAWS} draws x {CHAINS} chains. Data are "
        "third-party tables that are read from outside of the project and not shipped.",
        "",
    ]
    for name, title in TITLES.items():
        path = RESULTS / f"catalogue_{name}.json"
        lines += [f"## {title}", ""]
        if not path.is_file():
            lines += [f"Not run yet: `{COMMAND} --only {name}`.", ""]
            continue
        r = json.loads(path.read_text())
        lines += [*globals()[f"page_{name}"](r), "", "Fits:", "", *(f"- {health_line(f)}" for f in r["fits"]), "",
                  f"(section `{name}`: {r['meta']['made'][:10]}, commit {r['meta']['commit']})", ""]  # fmt: skip
    (RESULTS / "catalogue.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    run_sections(__doc__, SECTIONS, "catalogue_", write_page)
