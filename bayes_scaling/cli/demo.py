"""A walk-through on an embedded table: fit, forecast, allocation, comparison, pictures and report."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bayes_scaling.data.units import format_quantity
from bayes_scaling.errors import InputError
from bayes_scaling.laws import get_law
from bayes_scaling.reporting.image_files import save_picture
from bayes_scaling.reporting.tables import as_text, written

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.api import Fit
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.evaluation.compare import Comparison

LAWS = ("rosenfeld", "chinchilla", "kaplan")
"""The families that the demo compares. Models this small have not left random guessing far behind, which the first
of them knows."""

TARGET_LOSS = 1.25
"""A loss that somebody might want, in nats per token."""

BUDGETS = ("1e13", "1e14", "1e15")
"""Training budgets in FLOPs that the demo splits; the largest that is fitted is 1e12."""

LARGEST = "1.2e12"
"""FLOPs up to which runs are fitted: the grid, and not the ladder above it."""

PICTURES = ("extrapolation", "isoloss", "allocation", "posterior", "residuals")
"""Kinds of pictures of the fit that the demo writes."""

FILES = ("fit.nc", "report.html", *(f"{name}.png" for name in (*PICTURES, "comparison")))
"""Everything that the demo writes."""

PROB = 0.9


@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo found.

    Attributes
    ----------
    folder : Path
        Where `FILES` are.
    fit : Fit
        Of the law that is shown first.
    comparison : Comparison
        Of all laws.
    forecast, allocation : DataFrame
        Of `fit`: `Forecast.table` of a run that was held out, with the probability of a loss of at most
        `TARGET_LOSS` and the loss that was reached, and `Allocation.table`.
    seconds : dict of str to float
        What took how long.
    """

    folder: Path
    fit: "Fit"
    comparison: "Comparison"
    forecast: "pd.DataFrame"
    allocation: "pd.DataFrame"
    seconds: dict[str, float]

    def __str__(self) -> str:
        law, names = self.fit.law, (*self.fit.law.parameters, "sigma", *self.fit.structure.global_priors)
        shown = self._summary["quantity"].str.partition("[")[0].isin(names)
        size, data = (format_quantity(self.forecast[name].iloc[0]) for name in ("params", "tokens"))
        sections = {
            f"{self.fit.runs.name}: {len(self.fit.runs)} training runs": self.fit.runs.describe(),
            f"The posterior of law {law.name}: {law.formula}": self._summary[shown].drop(
                columns=["r_hat", "ess_bulk", "ess_tail"]
            ),
            f"A larger run, {size} parameters and {data} tokens, nats per token": self.forecast.drop(
                columns=["params", "tokens", "flops", *self.forecast.filter(like="drifted")]
            ),
            "Compute-optimal parameters and tokens": self.allocation.drop(
                columns=[
                    "interior",
                    "decades beyond (flops)",
                    *self.allocation.filter(like="tokens_per_param "),
                ]
            ),
            "Laws by leave-one-out over configurations; larger runs: mean log density of all held out": (
                self.comparison.table(PROB)
            ),
        }
        text = "\n\n".join(f"{title}\n{as_text(written(table))}" for title, table in sections.items())
        took = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in self.seconds.items())
        return f"{text}\n\nTime: {took}.\nOpen {self.folder / 'report.html'} to see it all with pictures."

    @property
    def _summary(self) -> "pd.DataFrame":
        return self.fit.summary(PROB).reset_index(names="quantity")

    @property
    def document(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "law": self.fit.law.name,
            "runs": self.fit.runs.describe().reset_index().to_dict("records"),
            "summary": self._summary.to_dict("records"),
            "forecast": self.forecast.to_dict("records"),
            "allocation": self.allocation.to_dict("records"),
            "comparison": self.comparison.table(PROB).reset_index().to_dict("records"),
            "seconds": self.seconds,
            "files": [str(self.folder / name) for name in FILES],
        }


def demo(
    folder: str | Path = "bayes-scaling-demo",
    *,
    law: str = "rosenfeld",
    seed: int = 1,
    draws: int = 1000,
    progress: bool = False,
) -> Demo:
    """Fit three laws to small models of three corpora, forecast a larger run, and write a report with pictures.

    Parameters
    ----------
    folder : path
        Made if it is not there; of an earlier demo, its files are replaced.
    law : str
        The law to show; the others are compared with it.
    seed : int
        One seed reproduces the demo.
    draws : int
        Draws kept per chain.
    progress : bool
        Show on stderr what is being done.

    Returns
    -------
    Demo

    Raises
    ------
    InputError
        If there is no such law of params and tokens, or the folder holds other files than a demo's.
    """
    import bayes_scaling as bs

    families = {name: get_law(name) for name in (law, *LAWS)}
    if families[law].columns != ("params", "tokens"):
        raise InputError(
            f"the demo shows laws of params and tokens; {law!r} takes {', '.join(families[law].columns)}"
        )
    folder = _own_folder(Path(folder))
    runs, larger = bs.datasets.load("sweep").split(LARGEST)
    began = perf_counter()
    fits = {}
    for name, family in families.items():
        if progress:
            print(f"fitting {name}", file=sys.stderr)
        fits[name] = bs.fit(runs, family, seed=seed, draws=draws, progress=progress)
    fitted = perf_counter()
    comparison = _on_the_ladder(bs.compare(fits, ahead=False, progress=progress), larger)
    compared = perf_counter()

    fit = fits[law]
    fit.save(folder / "fit.nc", force=True)
    reached = _held_out(larger)
    forecast = fit.predict(reached["params"].iloc[0], reached["tokens"].iloc[0])
    loss = forecast.table(PROB)
    loss[f"prob below {TARGET_LOSS}"] = (
        forecast.prob_below(TARGET_LOSS).transpose(..., "point").to_numpy().ravel()
    )
    loss["reached"] = loss["group"].map(reached.set_index("group")["loss"])
    allocation = fit.allocate(BUDGETS).table(PROB)
    for name in PICTURES:
        save_picture(getattr(bs.plot, name)(fit), folder / f"{name}.png")
    save_picture(bs.plot.comparison(comparison), folder / "comparison.png")
    size, data = (format_quantity(reached[name].iloc[0]) for name in ("params", "tokens"))
    targets, page = [(size, data)], folder / "report.html"
    bs.report(fit, page, comparison=comparison, targets=targets, budgets=BUDGETS, prob=PROB, force=True)
    seconds = {
        "fits": fitted - began,
        "comparison": compared - fitted,
        "pictures and report": perf_counter() - compared,
    }
    return Demo(folder, fit, comparison, loss, allocation, seconds)


def _on_the_ladder(comparison: "Comparison", larger: "Runs") -> "Comparison":
    """The comparison with what each fit said of the held-out runs, in place of cuts that would be fitted anew."""
    import pandas as pd

    from bayes_scaling.evaluation.predictive import predictive

    density = {
        name: predictive(fit, larger).log_density(fit.drift).mean() for name, fit in comparison.fits.items()
    }
    ahead = pd.DataFrame(density, index=pd.Index([f"above {LARGEST}"], name="cut"))
    return replace(comparison, ranking=comparison.ranking.assign(ahead=ahead.mean()), ahead=ahead)


def _held_out(larger: "Runs") -> "pd.DataFrame":
    """The largest of the held-out configurations that every group was trained at, one row per group."""
    cells = larger.table.groupby(["params", "tokens"])
    everywhere = larger.table[cells["group"].transform("nunique") == len(larger.groups)]
    return everywhere[everywhere["flops"] == everywhere["flops"].max()]


def _own_folder(folder: Path) -> Path:
    """The folder, made if need be; `InputError` where it holds what is not the demo's."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the demo")
    if folder.is_dir() and (others := sorted({path.name for path in folder.iterdir()} - set(FILES))):
        raise InputError(f"the folder {folder} holds {others[0]}, which is not a demo's; name another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    return folder
