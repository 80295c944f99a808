"""The page of the sweep's findings, from their record alone."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.reporting.tables import markdown
from benchmarks.sweep import verdicts
from benchmarks.sweep.verdicts import PROBS

COMMAND = "python -m benchmarks.sweep.findings"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return markdown(list(heads), rows).splitlines()


def interval(bounds: list[float], form: str = ".2f") -> str:
    low, middle, high = (format(x, form) for x in bounds)
    return f"{middle} ({low} to {high})"


def of_seeds(record: dict[str, Any]) -> list[str]:
    found = record["seeds"]
    posterior, forms = found["posterior"], found["forms"]
    least = min(min(form["aic"], form["aic_normal"]) for form in forms.values())
    tail = posterior["tail"]
    lines = [
        "## The scatter of seeds",
        "",
        f"{found['runs']} runs of the grid in {found['cells']} cells with two to five seeds. Standard deviation of log loss "
        "about the cell's own mean, pooled over the cells of a range (90% interval as of normal noise):",
        "",
    ]
    for what, key in (("N", "by_width"), ("D", "by_tokens")):
        lines += table(
            [f"{what} from", "to", "degrees of freedom", "sd of log loss", "90% interval"],
            (
                [
                    format_quantity(r["from"]),
                    format_quantity(r["to"]),
                    f"{r['freedom']}",
                    f"{r['sd']:.4f}",
                    f"{r['lower']:.4f} to {r['upper']:.4f}",
                ]
                for r in found[key]
            ),
        )
        lines.append("")
    lines += [
        "Together, log sigma linear in log10 N and log10 D with one level per corpus, Student-t noise, the cells' means "
        "integrated out (median, 90% interval; levels at the middle of the grid):",
        "",
        *table(
            ["quantity", "posterior"],
            [
                *(
                    [name, interval(bounds, ".4f")]
                    for name, bounds in posterior.items()
                    if name.startswith("sigma")
                ),
                [
                    "change of sigma per power of ten of N",
                    "x " + interval([float(np.exp(b)) for b in posterior["slope N"]]),
                ],
                [
                    "change of sigma per power of ten of D",
                    "x " + interval([float(np.exp(b)) for b in posterior["slope D"]]),
                ],
                ["nu", f"{1 / tail[1]:.1f} ({1 / tail[2]:.1f} to {1 / tail[0]:.0f})"],
            ],
        ),
        "",
        "Does the log-linear form hold, and is the noise normal? AIC above the least (smaller is better):",
        "",
        *table(
            ["log sigma is", "parameters", "Student-t", "normal"],
            (
                [
                    name,
                    f"{form['parameters']}",
                    f"{form['aic'] - least:.1f}",
                    f"{form['aic_normal'] - least:.1f}",
                ]
                for name, form in forms.items()
            ),
        ),
        "",
        verdicts.of_seeds(found),
    ]
    return lines


def of_the_floor(record: dict[str, Any]) -> list[str]:
    known = record["entropy"]
    fits = [value for key, value in record.items() if key.startswith("floor ")]
    lines = [
        "## E, where it is known",
        "",
        f"A reader who knows the source of `words` has a loss of **{known['evaluation']:.4f}** nats per token on the windows "
        f"that every run is evaluated on. Over all windows of that length it is {known['context']:.4f} (se {known['context_se']:.4f}), "
        f"and without the limit of 64 characters, the entropy rate of the source, {known['rate']:.4f} (se {known['rate_se']:.4f}). "
        "The first is what a law should find where N and D are endless: its error and that of the runs' losses are the same "
        "windows'. The limit is E, but for `rosenfeld`, whose guessing bends it; `gpt4` is fitted in C to the best size of each "
        "budget; `farseer` has none, as its floor goes on falling with N.",
        "",
        *table(
            ["law", "fitted to", "runs", "least loss", "limit, median", "90% interval", "P(limit below the truth)", "holds it", "sigma", "lack of fit", "R-hat"],
            (
                [
                    f["law"], {"grid": "grid", "all": "grid and ladder"}[f["part"]], f"{f['runs']}", f"{f['lowest_loss']:.3f}",
                    f"{f['median']:.3f}", f"{f['lower']:.3f} to {f['upper']:.3f}", f"{f['prob_below_truth']:.2f}",
                    "yes" if f["lower"] <= known["evaluation"] <= f["upper"] else "**no**",
                    f"{f['sigma']:.4f}", f"{f.get('lack_of_fit', float('nan')):.4f}", f"{f['r_hat']:.3f}",
                ]
                for f in fits
            ),
        ),
        "",
        verdicts.of_the_floor(fits, known["evaluation"]),
    ]  # fmt: skip
    return lines


def of_the_ladder(record: dict[str, Any], runs: Any) -> list[str]:
    parts = [value for key, value in record.items() if key.startswith("ahead ")]
    ladder = runs.select((runs.table["role"] == "holdout").to_numpy())
    lines = [
        "## The ladder, held out",
        "",
        f"Fitted to the grids of all three corpora, up to {format_flops(runs.table.loc[runs.table['role'] == 'grid', 'budget'].max())} "
        f"FLOPs; {len(ladder)} larger runs, up to {format_flops(ladder.table['budget'].max())} FLOPs, are held out. Share of them inside "
        "the bands of a new run, and the error of the median forecast (positive: the run was better than forecast):",
        "",
    ]
    heads = ["law", "pooling", "corpus", *HEADS, "R-hat"]
    rows, without = [], []
    for part in parts:
        every = pd.DataFrame(part["rows"])
        own = every[every["method"] == "posterior"]
        for group in (*sorted(own["group"].unique()), "all"):
            g = own if group == "all" else own[own["group"] == group]
            rows.append(
                [part["law"], part["pooling"], group, *scores(g), chains(part["health"]) if group == "all" else ""]
            )  # fmt: skip
        without.append([part["law"], part["pooling"], *scores(every[every["method"] == "no drift"])])
    return [
        *lines, *verdicts.of_the_choice(record), *table(heads, rows), "", *verdicts.of_the_ladder(parts), "",
        "The same fits without drift, all corpora together:", "", *table(["law", "pooling", *HEADS], without), "",
        *of_the_grid_alone(record),
    ]  # fmt: skip


HEADS = ["runs", "50% held", "80%", "90%", "median error", "largest", "width of 90%", "log density"]


def chains(health: dict[str, Any]) -> str:
    """R-hat, and what kept a fit from passing its diagnosis."""
    failed = f"; {health['divergences']} divergent, **did not pass**" if not health["ok"] else ""
    return f"{health['r_hat']:.3f}{failed}"


def scores(g: pd.DataFrame) -> list[str]:
    """Cells under `HEADS` of some held-out runs."""
    gap = (g["pit"] - 0.5).abs()
    return [
        f"{len(g)}",
        *(f"{(gap <= p / 2).mean():.2f}" for p in PROBS),
        f"{g['error'].median():+.1%}",
        f"{g['error'].abs().max():.1%}",
        f"{g['width'].mean():.3f}",
        f"{g['log_density'].mean():.2f}",
    ]


def of_the_grid_alone(record: dict[str, Any]) -> list[str]:
    if "inside" not in record:
        return []
    return [
        "Could one have known? The same fits by what the grids alone say: PSIS leave-one-out over configurations, and lack of "
        "fit (sd of log loss that the law misses of a configuration), partial pooling:",
        "",
        *table(
            ["law", "elpd", "to the best", "its error", "worst Pareto-k", "lack of fit"],
            (
                [
                    law["law"], f"{law['elpd']:.0f}", f"{law['elpd_diff']:.0f}", f"{law['dse']:.0f}", f"{law['worst_k']:.2f}", f"{law['lack_of_fit']:.4f}",
                ]
                for law in record["inside"]["laws"]
            ),
        ),
        "",
        "Above 0.7, Pareto-k says that the estimate of some configuration is rough; `bayes-scaling demo` leaves such a one out "
        "in truth.",
    ]  # fmt: skip


def of_the_bowl(record: dict[str, Any]) -> list[str]:
    factors = ("0.25", "0.5", "1", "2", "4")
    return [
        "## The rule of the learning rate",
        "",
        "`peak_rate` of benchmarks/sweep/training.py, scaled by the factor; loss relative to the rule's, one seed each. "
        "The vertex of the parabola through the best three says what another rate would have gained.",
        "",
        *table(
            ["corpus", "N", "D", "rule's rate", *(f"x {f}" for f in factors), "best factor", "given up"],
            (
                [
                    cell["group"], format_quantity(cell["params"]), format_quantity(cell["tokens"]), f"{cell['rate']:.4f}",
                    *(f"{cell['change'][f]:+.1%}" if f in cell["change"] else "" for f in factors),
                    f"{cell['best_factor']:.2f}", f"{cell['given_up']:.2%}",
                ]
                for cell in record["bowl"]
            ),
        ),
    ]  # fmt: skip


def page(record: dict[str, Any], runs: Any) -> str:
    """The page.

    Parameters
    ----------
    record : dict
        The parts that `findings` keeps.
    runs : Runs
        The table that they were made from.

    Returns
    -------
    str
        Markdown.
    """
    lines = [
        "# What the sweep shows",
        "",
        f'Made by `{COMMAND}` from `bs.datasets.load("sweep")` ({len(runs)} runs); seed 1, 1000 draws x 4 chains; '
        f"bayes-scaling {bs.__version__}. The table's datasheet: [docs/sweep.md](../../docs/sweep.md).",
        "",
    ]
    for part in (of_seeds(record), of_the_floor(record), of_the_ladder(record, runs), of_the_bowl(record)):
        lines += [*part, ""]
    return "\n".join(lines).rstrip() + "\n"
