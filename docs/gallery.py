"""Draws every picture of a fit and writes the page that shows them.

    python docs/gallery.py [--fit bayes-scaling-demo/fit.nc] [name ...]

The fit is the one that `bayes-scaling demo` saves; without it, the table is fitted here. With names, only those
pictures are drawn anew.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("agg")

import bayes_scaling as bs
from bayes_scaling.reporting.image_files import save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).parent
PAGE, FOLDER = HERE / "gallery.md", HERE / "gallery"
ANSWER = HERE.parent / "benchmarks" / "results" / "demo.json"

PICTURES: dict[str, tuple[str, str, str, str]] = {
    "overview": (
        "The fit at a glance",
        "fit.plot()",
        "bayes-scaling plot fit.nc",
        "Left, each run beside its law: points along the diagonal, inside of the band. Middle, what larger runs reach. "
        "Right, the best model size, beside 20 tokens per parameter.",
    ),
    "extrapolation": (
        "What larger runs reach",
        'bs.plot.extrapolation(fit, to="1e25", group="cerebras")',
        "bayes-scaling plot fit.nc --kind extrapolation --to 1e25 --group cerebras",
        "Dark, what is not known of the law; dotted, with its discrepancy; light, one more run.",
    ),
    "allocation": (
        "How to split a budget",
        'bs.plot.allocation(fit, group="cerebras")',
        "bayes-scaling plot fit.nc --kind allocation --group cerebras",
        "Where the band is wide, these runs do not say.",
    ),
    "chances": (
        "The chance of a target",
        "bs.plot.chances(fit, [1.5, 1.4])",
        "bayes-scaling plot fit.nc --kind chances --target 1.5,1.4",
        "The probability that a new run reaches a loss, by the budget.",
    ),
    "design": (
        "Which runs to train next",
        'fit.design("1e22", optimum_at="1e24", group="pythia").plot()',
        "bayes-scaling design fit.nc --budget 1e22 --optimum-at 1e24 --group pythia -o design.png",
        "Left, the runs that narrow the optimal size most for their cost; right, how far they do.",
    ),
    "isoflop": (
        "isoFLOP valleys",
        "bs.plot.isoflop(fit)",
        "bayes-scaling plot fit.nc --kind isoflop",
        "Loss against model size at five budgets; the bar at each minimum is its interval, squares are runs of about "
        "that compute. Where the bar is as wide as the valley, these runs do not say which size is best.",
    ),
    "isoflop_profiles": (
        "isoFLOP profiles as measured",
        'bs.plot.isoflop_profiles(bs.fit(bs.datasets.load("sweep"), noise="constant", seed=1), group="prose")',
        "bayes-scaling plot sweep.nc --kind isoflop_profiles --group prose",
        "Runs of a sweep at three budgets, the posterior of a parabola through each, and the interval of its minimum: "
        "Chinchilla's second approach, which needs no law of N and D.",
    ),
    "approaches": (
        "Chinchilla's three approaches",
        'bs.fit(bs.datasets.load("sweep"), "chinchilla", noise="constant", seed=1).approaches(group="prose").plot()',
        "bayes-scaling approaches sweep.nc --group prose -o approaches.png",
        "The exponent of N_opt by the envelope of the runs, by isoFLOP profiles and by the law, and where each leads. "
        "Bands that part beyond the data say how much the approach decides.",
    ),
    "published": (
        "The best split beside published ones",
        "bs.plot.published(fit)",
        "bayes-scaling plot fit.nc --kind published",
        "N and D against compute, beside what others would train; `bs.PUBLISHED` has their constants and sources. Most "
        "lie inside of the band: these runs do not tell them apart.",
    ),
    "isoloss": (
        "Lines of equal loss",
        "bs.plot.isoloss(fit)",
        "bayes-scaling plot fit.nc --kind isoloss",
        "The plane of N and D with the runs, and the compute-optimal path with its band.",
    ),
    "loss_band": (
        "Loss of one model size",
        'bs.plot.loss_band(fit, "12B")',
        "bayes-scaling plot fit.nc --kind loss_band --at 12B",
        "What more data buy a model of one size.",
    ),
    "posterior": (
        "Posterior against prior",
        "bs.plot.posterior(fit)",
        "bayes-scaling plot fit.nc --kind posterior",
        "A posterior (colour) as flat as its prior (grey) learnt nothing from the runs.",
    ),
    "prior_sensitivity": (
        "What rests on priors",
        "bs.plot.prior_sensitivity(fit)",
        "bayes-scaling plot fit.nc --kind prior_sensitivity",
        "How far each answer (row) would move if one prior (column) were counted twice beside the same runs, in units "
        "of the answer's posterior sd. Near 0 the runs decide; what is bold rests on the prior too, and is warned of.",
    ),
    "forest": (
        "Groups and their population",
        "bs.plot.forest(fit)",
        "bayes-scaling plot fit.nc --kind forest",
        "Each parameter by group. Tau is how far groups differ; where it is small, they share what they know.",
    ),
    "pair": (
        "Parameters together",
        "bs.plot.pair(fit)",
        "bayes-scaling plot fit.nc --kind pair",
        "A ridge, as between A and alpha: the runs know the combination better than either.",
    ),
    "measured_against_law": (
        "Each run beside its law",
        "bs.plot.measured_against_law(fit)",
        "bayes-scaling plot fit.nc --kind measured_against_law",
        "Points along the diagonal, inside of the band of a new run.",
    ),
    "residual_trends": (
        "Residuals against N, D, C and D/N",
        "bs.plot.residual_trends(fit)",
        "bayes-scaling plot fit.nc --kind residual_trends",
        "Scatter is noise; a pattern says that the law is wrong there. Each run has its own band beside it, and a ring "
        "where it lies outside of that.",
    ),
    "predictive_check": (
        "Posterior predictive check",
        "bs.plot.predictive_check(fit)",
        "bayes-scaling plot fit.nc --kind predictive_check",
        "Left, each run among runs drawn from the fit. Right, LOO-PIT: inside of the lens runs are spread as they "
        "should be; a slope says that bands are off to one side, an S that they are too wide or too narrow.",
    ),
    "pareto_k": (
        "What single runs do to the fit",
        "bs.plot.pareto_k(fit)",
        "bayes-scaling plot fit.nc --kind pareto_k",
        "Above 0.7 the fit without that run would be another one: look at the row.",
    ),
    "trace": (
        "The chains",
        "bs.plot.trace(fit)",
        "bayes-scaling plot fit.nc --kind trace",
        "Left, draws in their order; right, ranks. Flat rows of ranks are chains that agree.",
    ),
    "diagnosis": (
        "Convergence",
        "fit.diagnose().plot()",
        "",
        "Each measure of convergence against its bound.",
    ),
    "coverage": (
        "The reliability of a back-test",
        "bs.plot.coverage(bs.backtest(fit.runs, fit.law, seed=1))",
        "bayes-scaling backtest runs.csv --seed 1 -o backtest.png",
        "On the diagonal, intervals cover what they say; below it they are too narrow.",
    ),
}
"""Name -> title, the call that draws it, the command that does, and what to see. The call's result is drawn."""


def page() -> str:
    """The page of all pictures."""
    parts = [
        "# Gallery",
        "Each picture takes a fit and, if wanted, Axes to draw on: `bs.plot.<name>(fit, ax=ax)`; `bs.plot.dark(ax)` "
        "(`--dark`) turns it over for a dark page. All are of the demo's "
        "fit but for the isoFLOP profiles and the approaches, and made by `python docs/gallery.py`.",
    ]
    for name, (title, call, command, words) in PICTURES.items():
        shell = f"\n\n```sh\n{command}\n```" if command else ""
        parts.append(
            f"## {title}\n\n{words}\n\n```python\n{call}\n```{shell}\n\n![{title}](gallery/{name}.png)"
        )
    return "\n\n".join(parts) + "\n"


def draw(call: str, fit: bs.Fit) -> "Axes":
    """What a call draws."""
    made: Callable[[], Axes] = eval(f"lambda: {call}", {"bs": bs, "fit": fit})
    return made()


def main() -> None:
    """Draws what is asked for, and writes the page."""
    asked = argparse.ArgumentParser(description="Draws the gallery.")
    asked.add_argument("--fit")
    asked.add_argument("names", nargs="*", default=[*PICTURES])
    given = asked.parse_args()
    warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # of refits to few runs
    fit = bs.open_fit(given.fit) if given.fit else bs.fit(bs.datasets.load("pile"), seed=1)
    FOLDER.mkdir(exist_ok=True)
    for name in given.names or PICTURES:
        save_picture(draw(PICTURES[name][1], fit), FOLDER / f"{name}.png")
    PAGE.write_text(page(), encoding="utf-8")
    ANSWER.write_text(
        json.dumps({"answer": fit.predict("100B", "2T").sentences()[fit.groups.index("pythia")]}, indent=2)
        + "\n"
    )


if __name__ == "__main__":
    main()
