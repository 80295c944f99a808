"""Plans from real tables: worked examples beside two rules, risk, inference, groups against groups, exponents.

    BAYES_SCALING_DATA=... python benchmarks/planning.py [--only SECTION] [--redo] [--page]

As in real_tables.py, each section leaves benchmarks/results/planning_<section>.json, is skipped while that is there,
and picks up where it was stopped. benchmarks/results/planning.md and docs/planning.md are written from these files
alone.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from real_tables import CHAINS, DRAWS, MACHINE, RESULTS, SEED, fitted, health_line, quantiles

import bayes_scaling as bs
from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.evaluation.compare_pooling import judged, structures
from bayes_scaling.planning.frontier import split
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.planning.risk import chances
from bayes_scaling.reporting.tables import as_text, shown, written

COMMAND = "BAYES_SCALING_DATA=../shared/data python benchmarks/planning.py"
DOCS = Path(__file__).parents[1] / "docs"

HARDWARE = {
    "100 A100 for one month": bs.Hardware(100, "A100", "1 month", (0.3, 0.5)),
    "1,000 H100 for six months, 10T tokens": bs.Hardware(1000, "H100", "6 months", (0.3, 0.5)),
    "10,000 H100 for one month": bs.Hardware(10_000, "H100", "1 month", (0.3, 0.5)),
}
REQUESTS: dict[str, dict[str, Any]] = {
    "100 A100 for one month": {"hardware": HARDWARE["100 A100 for one month"]},
    "1,000 H100 for six months, 10T tokens": {
        "hardware": HARDWARE["1,000 H100 for six months, 10T tokens"], "max_tokens": "10T",
    },
    "10,000 H100 for one month": {"hardware": HARDWARE["10,000 H100 for one month"]},
    "the least data for a 10B model": {"params": "10B"},
    "the same for 100B": {"params": "100B"},
    "the best model for 1T tokens": {"tokens": "1T"},
    "the least compute for a loss of 2.0": {"target": 2.0},
    "the same by the law alone": {"target": 2.0, "drift": False},
    "the least data for a loss of 2.05 with 10B": {"target": 2.05, "params": "10B"},
}  # fmt: skip
SCARCE, UNIQUE = "1e22", ("1T", "100B", "30B", "10B")
"""A budget, and tokens at hand for it."""

IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "a loss below E": {"target": 1.7, "drift": False},
    "a loss that 1B parameters never reach": {"target": 2.0, "max_params": "1B", "drift": False},
    "caps that leave the budget unspent": {"flops": "1e24", "max_params": "1B", "max_tokens": "100B"},
    "a budget of five FLOPs": {"flops": 5},
}


def opened(name: str, law: str = "chinchilla") -> tuple[Any, dict[str, Any]]:
    """The fit of a table, sampled once per process."""
    if (name, law) not in _FITS:
        _FITS[name, law] = fitted(f"{name}, {law}", bs.datasets.external(name), law)
    return _FITS[name, law]


_FITS: dict[tuple[str, str], tuple[Any, dict[str, Any]]] = {}


def rule(fit: Any, name: str, budget: float) -> dict[str, Any]:
    """What a rule would train with a budget, and the loss that it gives up under the posterior."""
    n, d = {"20": bs.rule_of_thumb, "Kaplan": bs.kaplan_split}[name](budget)
    surface = LossSurface(fit, drift=False)
    lost = surface.law(n, d) - surface.law(*split(surface, budget))
    return {"params": float(n), "tokens": float(d), "lost": quantiles(lost, 0.9)}


def repeats() -> tuple[dict[str, Any], dict[str, Any]]:
    """One budget with fewer and fewer tokens at hand, by a law that knows what repeating them is worth."""
    runs = bs.datasets.external("datablations").with_inputs(("unique_tokens",))
    fit, record = fitted("datablations, muennighoff", runs, "muennighoff")
    found: dict[str, Any] = {}
    for unique in UNIQUE:
        plan = fit.plan(SCARCE, unique_tokens=unique)
        epochs = plan.tokens / float(bs.units.parse_quantity(unique))
        drawn = {
            "params": plan.params,
            "tokens": plan.tokens,
            "epochs": epochs,
            "drifted": plan.forecast["drifted"],
        }
        found[unique] = {name: quantiles(values, 0.9) for name, values in drawn.items()}
    return found, record


def worked() -> dict[str, Any]:
    fit, record = opened("chinchilla_epoch")
    answers = {}
    for label, request in REQUESTS.items():
        began = time.perf_counter()
        found = fit.plan(**request)
        row = found.table().iloc[0]
        answers[label] = {
            "request": {k: str(v) for k, v in request.items()},
            "text": shown(found), "warnings": found.warnings, "seconds": time.perf_counter() - began,
            **{k: [float(row[f"{k} 90% lower"]), float(row[k]), float(row[f"{k} 90% upper"])]
               for k in ("flops", "params", "tokens", "tokens_per_param", "mean", "drifted", "new_run")},
            "beyond": float(row["decades beyond"]), "answered": float(row["answered"]),
            "prob_target": float(row["prob target"]) if "prob target" in row else None,
        }  # fmt: skip
        budget = float(np.median(found.flops))
        if np.isfinite(budget):
            answers[label] |= {name: rule(fit, name, budget) for name in ("20", "Kaplan")}
    pair = fit.plan(params=["10B", "100B"])
    law = pair.forecast["mean"]
    noise = pair.forecast["new_run"]
    gain = {
        "drifted": quantiles(pair.gain(), 0.9),
        "law": quantiles(law.isel(point=0) - law.isel(point=1), 0.9),
        "prob new run better": float((noise.isel(point=1) < noise.isel(point=0)).mean()),
    }
    scarce, scarce_record = repeats()
    impossible = {label: fit.plan(**request) for label, request in IMPOSSIBLE.items()}
    others = {}
    health = [record, scarce_record]
    for law_name in ("kaplan", "skaling"):
        rival, rival_record = opened("chinchilla_epoch", law_name)
        health.append(rival_record)
        others[law_name] = {
            f"{budget:g}": quantiles(rival.allocate(budget).params, 0.9) for budget in (1e22, 1e24, 1e26)
        }
    others["chinchilla"] = {
        f"{budget:g}": quantiles(fit.allocate(budget).params, 0.9) for budget in (1e22, 1e24, 1e26)
    }
    return {
        "fits": health, "answers": answers, "gain": gain, "by_law": others, "repeats": scarce,
        "impossible": {k: v.warnings for k, v in impossible.items()},
    }  # fmt: skip


def risk() -> dict[str, Any]:
    fit, record = opened("chinchilla_epoch")
    began = time.perf_counter()
    found = fit.risk(["1e22", "1e24", "1e26"], target=1.95)
    seconds = time.perf_counter() - began
    budgets = np.geomspace(1e21, 1e27, 7)
    odds = {f"{loss:g}": chances(fit, loss, budgets).to_numpy().tolist() for loss in (2.1, 2.0, 1.95, 1.9)}
    draw("planning_valley.png", bs.plot.valley(found, 1))
    draw("planning_chances.png", bs.plot.chances(fit, [2.1, 2.0, 1.95, 1.9], to="1e27"))
    return {
        "fits": [record], "table": found.table().to_dict("records"), "sentences": [f"{s}." for s in found.floors()],
        "safe": {end: found.safe[end].to_numpy().tolist() for end in ("lower", "upper")},
        "valley": [quantiles(x, 0.9) for x in np.moveaxis(
            (found.valley.sel(end="upper") / found.valley.sel(end="lower")).to_numpy(), -1, 0)],
        "budgets": budgets.tolist(), "chances": odds, "seconds": seconds,
    }  # fmt: skip


def serving() -> dict[str, Any]:
    fit, record = opened("chinchilla_epoch")
    demand = np.geomspace(1e11, 1e15, 9)
    began = time.perf_counter()
    like = fit.serve(demand, like=("70B", "1.4T"))
    total = fit.serve(demand, flops="1e24")
    seconds = time.perf_counter() - began
    draw("planning_serving.png", bs.plot.serving(like))
    return {
        "fits": [record], "seconds": seconds, "like": like.table().to_dict("records"),
        "total": total.table().to_dict("records"), "sentences": [f"{s}." for s in like.sentences()],
        "warnings": [*like.warnings, *total.warnings],
    }  # fmt: skip


def bounds_named(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table of exponents: median, 90% lower, 90% upper."""
    return table.rename(columns=lambda name: name.removeprefix("median ")).to_dict("records")


def groups() -> dict[str, Any]:
    fit, record = opened("gadre")
    began = time.perf_counter()
    found = fit.contrast(["1e19", "1e21", "1e23"])
    seconds = time.perf_counter() - began
    exponents = fit.exponents()
    weights = bs.scale_free_weights({g: exponents.exponents["flops"].sel(group=g) for g in fit.groups}, 1e3)
    epoch, _ = opened("chinchilla_epoch")
    draw("planning_contrast.png", bs.plot.contrast(fit.contrast(np.geomspace(1e18, 1e24, 25))))
    draw("planning_doublings.png", bs.plot.doublings(epoch.exponents("70B", "1.4T")))
    return {
        "fits": [record], "seconds": seconds, "table": found.table().to_dict("records"),
        "sentences": [f"{s}." for s in found.sentences()], "warnings": found.warnings,
        "exponents": bounds_named(exponents.table()),
        "epoch_exponents": bounds_named(epoch.exponents("70B", "1.4T").table()),
        "weights": {name: quantiles(w, 0.9) for name, w in weights.items()},
    }  # fmt: skip


def following() -> dict[str, Any]:
    """Which runs to train next, for N_opt at 1e24 FLOPs."""
    fit, record = opened("chinchilla_epoch")
    began = time.perf_counter()
    found = fit.design("1e22", optimum_at="1e24", max_runs=12)
    seconds = time.perf_counter() - began
    draw("planning_design.png", bs.plot.design(found))
    return {
        "fits": [record], "seconds": seconds, "verdict": found.sentences()[0], "text": shown(found),
        "before": found.before, "after": found.after, "reweighted": found.reweighted, "grid": found.grid,
        "regret": list(found.regret),
    }  # fmt: skip


def pooling(table: str, law_name: str) -> dict[str, Any]:
    runs, law = bs.datasets.external(table), bs.LAWS[law_name]
    fits, records = {}, []
    for name, pools in structures(law).items():
        fits[name], record = fitted(f"{table}: {name}", runs, law_name, pooling=pools)
        records.append(record)
    began = time.perf_counter()
    found = judged(bs.compare(fits, ahead=False), law)
    draw(f"planning_pooling_{table}.png", bs.plot.pooling(found))
    return {
        "law": f"{law.name}: {law.formula}", "fits": records, "loo_seconds": time.perf_counter() - began,
        "parameters": found.parameters.reset_index().to_dict("records"), "verdicts": found.sentences(),
        "structures": found.comparison.table().reset_index().to_dict("records"),
        "offsets": found.difference("all differ", "offsets differ"),
        "slopes": found.difference("all differ", "slopes differ"),
    }  # fmt: skip


SECTIONS = {
    "worked": worked,
    "risk": risk,
    "serving": serving,
    "groups": groups,
    "design": following,
    "pooling_gadre": lambda: pooling("gadre", "gadre"),
    "pooling_gzip_pcfg": lambda: pooling("gzip_pcfg", "chinchilla"),
}


def draw(name: str, axes: Any) -> None:
    from bayes_scaling.reporting.image_files import save_picture

    save_picture(axes, DOCS / name)


# -- the pages
# --------------------------------------------------------------------------------------------------------


def band(values: Any, form: Any) -> str:
    """Median and 90% interval: from (lower, median, upper), or from `quantiles`."""
    if isinstance(values, dict):
        values = [values["90"][0], values["median"], values["90"][1]]
    low, middle, high = (form(x) if x is not None and np.isfinite(x) else "no bound" for x in values)
    return middle if low == high else f"{middle} ({low} to {high})"


def line(*cells: Any) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*cells: str) -> list[str]:
    return ["", line(*cells), "|" + "---|" * len(cells)]


def three(x: float) -> str:
    return f"{x:.3f}"


def worked_lines(r: dict[str, Any]) -> list[str]:
    out = ["## Worked examples, from `chinchilla_epoch`", ""]
    out += [
        "Medians and 90% intervals, per draw. Utilisation is uncertain, 30% to 50% (90%). The loss is that of one new run of",
        'the plan of the medians, with its drift; beyond are powers of ten beyond the data. "The least data" of a model are',
        'those from which on no smaller model does better with the same compute, and "the best model" likewise.',
    ]
    out += head("question", "FLOPs", "N", "D", "D/N", "new run, 90%", "beyond", "answered")
    for label, a in r["answers"].items():
        run = a["new_run"]
        out.append(
            line(
                label, band(a["flops"], format_flops), band(a["params"], format_quantity),
                band(a["tokens"], format_quantity), band(a["tokens_per_param"], lambda x: f"{x:.3g}"),
                f"{three(run[0])} to {three(run[2])}", f"{a['beyond']:.1f}", f"{a['answered']:.0%}",
            )
        )  # fmt: skip
    out += [
        "",
        "The same budgets by two rules, and the loss that each gives up under this posterior (nats; 90%):",
    ]
    out += head("question", "20 tokens per parameter", "gives up", "Kaplan et al. 2020", "gives up")
    for label, a in r["answers"].items():
        if "20" in a:
            cells = []
            for name in ("20", "Kaplan"):
                rule_of = a[name]
                cells += [
                    f"{format_quantity(rule_of['params'])} on {format_quantity(rule_of['tokens'])}",
                    band(rule_of["lost"], lambda x: f"{x:.2g}"),
                ]
            out.append(line(label, *cells))
    gain = r["gain"]
    out += [
        "", f"From 10B to 100B parameters, each on its own best data: {band(gain['drifted'], three)} nats are gained with the "
        f"drift and {band(gain['law'], three)} by the law alone; one run of the larger beats one of the smaller with "
        f"probability {gain['prob new run better']:.3f}.",
        "", f"{SCARCE} FLOPs and fewer and fewer unique tokens, by `muennighoff` fitted to `datablations`:",
        *head("unique tokens", "N", "D", "epochs", "law's loss, with drift"),
        *(line(unique, *(band(q[name], form) for name, form in (
            ("params", format_quantity), ("tokens", format_quantity), ("epochs", lambda x: f"{x:.3g}"), ("drifted", three))))
          for unique, q in r["repeats"].items()),
        "", "N_opt under other laws, fitted to the same runs:",
        *head("law", *(format_flops(float(c)) + " FLOPs" for c in next(iter(r["by_law"].values())))),
        *(line(law, *(band(q, format_quantity) for q in cells.values())) for law, cells in r["by_law"].items()),
        "", "Requests that cannot be met:", "",
        *(f"- {label}: " + " ".join(s if s.endswith(".") else s + "." for s in told)
          for label, told in r["impossible"].items()),
    ]  # fmt: skip
    return out


def risk_lines(r: dict[str, Any]) -> list[str]:
    out = [
        "## Risk and regret",
        "",
        f"A loss of 1.95 as the target; all of this table takes {r['seconds']:.1f} s.",
    ]
    out += head(
        "FLOPs", "choice", "N", "D", "loss given up", "expected loss", "90% quantile", "P(loss <= 1.95)"
    )
    for row in r["table"]:
        lost = [row["regret 90% lower"], row["regret"], row["regret 90% upper"]]
        out.append(
            line(
                format_flops(row["flops"]), row["choice"], format_quantity(row["params"]),
                format_quantity(row["tokens"]), band(lost, lambda x: f"{x:.2g}"), f"{row['expected loss']:.4f}",
                f"{row['loss 90% quantile']:.4f}", f"{row['prob target']:.2f}",
            )
        )  # fmt: skip
    budgets = sorted({row["flops"] for row in r["table"]})
    out += [""]
    for c, low, high, width in zip(budgets, r["safe"]["lower"], r["safe"]["upper"], r["valley"], strict=True):
        out.append(
            f"- {format_flops(c)} FLOPs: every N from {format_quantity(low)} to {format_quantity(high)} is within 0.1% of the "
            f"least expected loss; in a single draw the largest such N is {band(width, lambda x: f'{x:.2f}')} times the smallest."
        )
    out += ["", "The chance that one run reaches a loss, each budget spent on its median N_opt:"]
    out += head("loss", *map(format_flops, r["budgets"]))
    out += [line(loss, *(f"{p:.2f}" for p in odds)) for loss, odds in r["chances"].items()]
    return out


def serving_lines(r: dict[str, Any]) -> list[str]:
    out = ["## Paying for inference", "", f"Nine demands, both questions: {r['seconds']:.1f} s."]
    out += head(
        "tokens served", "as good as 70B on 1.4T: N", "D/N", "total FLOPs", "compute-optimal costs more by",
        "1e24 FLOPs in total: N", "D/N", "law's loss", "compute-optimal gives up",
    )  # fmt: skip

    def of(row: dict[str, Any], what: str, form: Any) -> str:
        return band([row[f"{what} 90% lower"], row[what], row[f"{what} 90% upper"]], form)

    for a, b in zip(r["like"], r["total"], strict=True):
        out.append(
            line(
                format_quantity(a["served"]), of(a, "params", format_quantity),
                of(a, "tokens_per_param", lambda x: f"{x:.3g}"), format_flops(a["total"]), f"{max(a['saved'], 0):.1%}",
                of(b, "params", format_quantity), of(b, "tokens_per_param", lambda x: f"{x:.3g}"),
                three(b["loss"]), f"{max(b['saved'], 0):.4f}",
            )
        )  # fmt: skip
    return out + [""] + [f"- {warning}" for warning in r["warnings"]]


def design_lines(r: dict[str, Any]) -> list[str]:
    return [
        "## Runs to train next", "",
        f"`design('1e22', optimum_at='1e24', max_runs=12)` on `chinchilla_epoch`, {r['seconds']:.1f} s: {r['verdict']}. Without the",
        f"linear guess, by reweighting draws: {r['reweighted']:.3g}. Expected relative regret of the median N_opt: {r['regret'][0]:.2g} now,",
        f"{r['regret'][1]:.2g} after.", "", "```text", r["text"], "```",
    ]  # fmt: skip


def groups_lines(r: dict[str, Any]) -> list[str]:
    out = ["## Groups against groups: three corpora (`gadre`, loss on C4)", ""]
    out += [f"- {s}" for s in r["sentences"]]
    out += ["", f"Three budgets: {r['seconds']:.1f} s. Notes: " + "; ".join(r["warnings"]) + "."]
    out += ["", "## What exponents say"]
    out += head("table", "group", "quantity", "median (90%)")
    for name, rows in (("gadre", r["exponents"]), ("chinchilla_epoch", r["epoch_exponents"])):
        for row in rows:
            values = [row["90% lower"], row["median"], row["90% upper"]]
            out.append(line(name, row.get("group", ""), row["quantity"], band(values, lambda x: f"{x:.3g}")))
    weights = ", ".join(f"{name} {band(w, three)}" for name, w in r["weights"].items())
    return [*out, "", f"Scale-free weights of the three losses after a thousandfold of compute: {weights}."]


def pooling_lines(table: str, r: dict[str, Any]) -> list[str]:
    out = [f"### {table}"]
    out += head(
        "parameter",
        "kind",
        "lost by sharing it, others free (se)",
        "won by freeing it, others shared (se)",
        "verdict",
    )
    for row in r["parameters"]:
        out.append(
            line(
                row["parameter"], row["kind"], f"{row['needed']:.1f} ({row['needed se']:.1f})",
                f"{row['alone']:.1f} ({row['alone se']:.1f})", row["verdict"],
            )
        )  # fmt: skip
    out += head("structure", "elpd", "difference to the best", "se", "worst k", "refits")
    for row in r["structures"]:
        out.append(
            line(
                row["law"], f"{row['elpd']:.1f}", f"{row['elpd_diff']:.1f}", f"{row['dse']:.1f}", f"{row['worst_k']:.2f}",
                row["refits"],
            )
        )  # fmt: skip
    out += ["", *(f"- {verdict}" for verdict in r["verdicts"])]
    bad = [f for f in r["fits"] if not f["ok"]]
    worst = max(f["r_hat"] for f in r["fits"])
    out += ["", f"{len(r['fits'])} fits, worst R-hat {worst:.3f}, {len(bad)} failed their diagnosis."]
    return out


def page(found: dict[str, Any]) -> str:
    lines = [
        "# Plans from real tables", "",
        f"Made by `{COMMAND}`; {MACHINE}; seed {SEED}, {DRAWS} draws x {CHAINS} chains; bayes-scaling {bs.__version__}.",
        "Law: `chinchilla` unless said. Drift is in forecasts, chances and the compute for a target, and not in regret,",
        "inference, groups or exponents.", "",
    ]  # fmt: skip
    for name, told in (
        ("worked", worked_lines),
        ("risk", risk_lines),
        ("serving", serving_lines),
        ("groups", groups_lines),
        ("design", design_lines),
    ):
        if name in found:
            lines += [*told(found[name]), ""]
    tables = [name for name in found if name.startswith("pooling_")]
    if tables:
        lines += [
            "## Which parameters differ between groups", "",
            "Differences of expected log predictive density by leave-one-out over configurations, paired, with standard",
            "errors. A difference counts above 4 and above two standard errors.", "",
        ]  # fmt: skip
    for name in tables:
        lines += [*pooling_lines(name.removeprefix("pooling_"), found[name]), ""]
    lines += ["## The fits", ""]
    seen = {r["label"]: r for part in found.values() for r in part["fits"]}
    lines += [f"- {health_line(r)}" for r in seen.values()]
    return "\n".join(lines) + "\n"


CALLS = {
    "100 A100 for one month": (
        'fit.plan(hardware=bs.Hardware(100, "A100", "1 month", utilisation=(0.3, 0.5)))',
        "plan fit.nc --accelerators 100 --kind A100 --time '1 month' --utilisation 0.3,0.5",
    ),
    "1,000 H100 for six months, 10T tokens": (
        'fit.plan(hardware=bs.Hardware(1000, "H100", "6 months", (0.3, 0.5)), max_tokens="10T")',
        "plan fit.nc --accelerators 1000 --kind H100 --time '6 months' --utilisation 0.3,0.5 --max-tokens 10T",
    ),
    "10,000 H100 for one month": (
        'fit.plan(hardware=bs.Hardware(10_000, "H100", "1 month", (0.3, 0.5)))',
        "plan fit.nc --accelerators 10000 --kind H100 --time '1 month' --utilisation 0.3,0.5",
    ),
    "the least data for a 10B model": ('fit.plan(params="10B")', "plan fit.nc --params 10B"),
    "the best model for 1T tokens": ('fit.plan(tokens="1T")', "plan fit.nc --tokens 1T"),
    "the least compute for a loss of 2.0": ("fit.plan(target=2.0)", "plan fit.nc --target 2.0"),
    "the least data for a loss of 2.05 with 10B": (
        'fit.plan(target=2.05, params="10B")', "plan fit.nc --target 2.05 --params 10B",
    ),
}  # fmt: skip
"""How each worked example is asked in Python and at the command line."""


def approaches_guide(r: dict[str, Any]) -> list[str]:
    table = pd.DataFrame(r["table"])
    return [
        "## Do other ways of reading the table agree?", "", "```python", 'fit.approaches(["5.88e23", "1e25"])', "```", "",
        "`bayes-scaling approaches fit.nc --flops 5.88e23,1e25`", "",
        "```text", as_text(written(table)), "```", "", f"> {r['verdict'][0].upper()}{r['verdict'][1:]}.", "",
        *(f"> Note: {warning}.\n" for warning in r["warnings"]),
        "A parabola through a profile is biased where sizes are not centred on the optimum; the asymmetric profile is what an",
        "additive law makes. How much, and whether 90% intervals cover the truth in 90 of 100 simulated tables, stand in",
        "[planning_simulation.md](../benchmarks/results/planning_simulation.md).", "",
        "![Compute-optimal size by Chinchilla's three approaches](planning_approaches.png)", "",
    ]  # fmt: skip


def design_guide(r: dict[str, Any]) -> list[str]:
    return [
        "## Which runs should be trained next?", "", "```python", 'fit.design("1e22", optimum_at="1e24", max_runs=12)',
        'bs.isoflop_grid("1e20")  # before there is any run', "```", "",
        "`bayes-scaling design fit.nc --budget 1e22 --optimum-at 1e24 --max-runs 12` and `bayes-scaling design --budget 1e20`", "",
        "```text", r["text"], "```", "", f"> {r['verdict']}.", "",
        "Such a batch goes to the corners of the candidates, where runs are most informative if the law is right there. Where",
        "that is uncertain, give `candidates=` that you trust.", "",
        "![Candidates, the runs chosen, and how the standard deviation falls with what is spent](planning_design.png)", "",
    ]  # fmt: skip


def guide(found: dict[str, Any]) -> str:
    """docs/planning.md: every question with its call, and what `chinchilla_epoch` answers."""
    worked, risks, demand = found["worked"], found["risk"], found["serving"]
    lines = [
        "# From a posterior to a plan", "",
        "Every answer is a distribution: the law's parameters are draws, each draw has its own best plan, and an interval is",
        "one of those. The answers below are those of `chinchilla` fitted to the 240 runs of `chinchilla_epoch`; all of them,",
        "beside the rule of 20 tokens per parameter and Kaplan's law, stand in",
        f"[planning.md](../benchmarks/results/planning.md). This page is written by `{COMMAND}`.", "",
        "| what | with drift | with a run's noise |", "|---|---|---|",
        "| best N and D of a budget, regret, valley, inference, groups, exponents | no | no |",
        "| compute or data for a target loss | yes (`drift=False`: no) | no |",
        "| `mean`, `drifted`, `new_run` of a plan's forecast | no, yes, yes | no, no, yes |",
        "| P(loss <= target) | yes | yes |", "| expected loss and its quantile, in `risk` | yes, by the distance in compute | no |", "",
        "## What should be trained?", "",
    ]  # fmt: skip
    for label, (python, shell) in CALLS.items():
        answer = worked["answers"][label]
        warned = [line for text in answer["warnings"] for line in ("", f"> {text[0].upper()}{text[1:]}.")]
        lines += [
            f"**{label[0].upper()}{label[1:]}.**", "", "```python", python, "```", "", f"`bayes-scaling {shell}`", "",
            "```text", answer["text"], "```", *warned, "",
        ]  # fmt: skip
    gain = worked["gain"]
    lines += [
        "**From 10B to 100B, what is gained?**", "", "```python",
        'plan = fit.plan(params=["10B", "100B"])', "plan.gain()  # paired by draw", "```", "",
        f"> {band(gain['drifted'], three)} nats per token, drift included; {band(gain['law'], three)} by the law alone.", "",
        "Where tokens are few, `unique_tokens=` fixes them: a law that knows repetition (`muennighoff`) repeats them,",
        f"any other takes them for a cap. {SCARCE} FLOPs with fewer and fewer tokens at hand, by `muennighoff` fitted to",
        "`datablations`:",
        *head("unique tokens", "N", "D", "epochs"),
        *(line(unique, band(q["params"], format_quantity), band(q["tokens"], format_quantity),
               band(q["epochs"], lambda x: f"{x:.3g}")) for unique, q in worked["repeats"].items()),
        "", "A request that cannot be met is answered in a sentence:", "",
        *(f"> {sentence}." for sentence in worked["impossible"]["a loss below E"]), "",
        "## What could go wrong?", "", "```python", 'fit.risk("1e24", target=1.95)', 'fit.risk(params="70B", tokens="1.4T")',
        'bs.plot.chances(fit, [2.1, 2.0, 1.95, 1.9], to="1e27")', "```", "",
        "`bayes-scaling risk fit.nc --flops 1e24 --target 1.95`", "",
        *(f"> {s}" for s in risks["sentences"] if s.startswith("1e24")), "",
        "![Loss given up against model size at 1e24 FLOPs, with the choices marked](planning_valley.png)", "",
        "![Probability that a new run reaches a loss, against its budget](planning_chances.png)", "",
        "## And if it is served?", "", "```python",
        'fit.serve(["1T", "10T"], like=("70B", "1.4T"))  # the same quality, for the least total',
        'fit.serve(["1T", "10T"], flops="1e24")  # the least loss for the same total', "```", "",
        "`bayes-scaling serve fit.nc --served 1T,10T --like 70B:1.4T`", "",
        f"> {demand['sentences'][4]}", "",
        "![Tokens per parameter against the tokens served](planning_serving.png)", "",
        "## Which group is better, and in what do they differ?", "", "```python",
        'fit.contrast(["1e21", "1e23"])  # of a fit with groups', 'bs.compare_pooling(runs, "chinchilla")', "```", "",
        "`bayes-scaling contrast fit.nc --flops 1e21,1e23` and `bayes-scaling compare-pooling runs.csv --group corpus`", "",
    ]  # fmt: skip
    if "groups" in found:
        lines += [*(f"> {s}" for s in found["groups"]["sentences"] if s.startswith("1e21")), "",
                  "![What the compute of one corpus is worth in another's](planning_contrast.png)", ""]  # fmt: skip
    if "pooling_gadre" in found:
        lines += [*(f"> {s}" for s in found["pooling_gadre"]["verdicts"][:3]), "",
                  "![What sharing each parameter costs](planning_pooling_gadre.png)", ""]  # fmt: skip
    if (path := RESULTS / "planning_simulation_approaches.json").is_file():
        lines += approaches_guide(json.loads(path.read_text()))
    if "design" in found:
        lines += design_guide(found["design"])
    lines += [
        "## What do the exponents say?", "", "```python", 'fit.exponents("70B", "1.4T")',
        'bs.scale_free_weights({"text": 0.12, "code": 0.15}, ratio=1000)', "```", "",
        "`bayes-scaling exponents fit.nc --params 70B --tokens 1.4T`", "",
        "![Exponents, the intrinsic dimension read off them, and what a doubling buys](planning_doublings.png)", "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(SECTIONS), action="append")
    parser.add_argument("--redo", action="store_true", help="make sections again that have results")
    parser.add_argument("--page", action="store_true", help="only write the pages")
    options = parser.parse_args()
    for name in [] if options.page else options.only or SECTIONS:
        path = RESULTS / f"planning_{name}.json"
        if path.is_file() and not options.redo:
            print(f"{name}: there already", flush=True)
            continue
        print(f"{name} ...", flush=True)
        began = time.perf_counter()
        result = SECTIONS[name]()
        result["meta"] = {
            "seed": SEED, "draws": DRAWS, "chains": CHAINS, "machine": MACHINE,
            "seconds": time.perf_counter() - began, "version": bs.__version__,
        }  # fmt: skip
        path.write_text(json.dumps(result, indent=1))
    found = {
        name: json.loads(path.read_text())
        for name in SECTIONS
        if (path := RESULTS / f"planning_{name}.json").is_file()
    }
    (RESULTS / "planning.md").write_text(page(found))
    if {"worked", "risk", "serving"} <= found.keys():
        (DOCS / "planning.md").write_text(guide(found))


if __name__ == "__main__":
    main()
