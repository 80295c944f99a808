"""The pictures of a page with their captions, in the order of the questions that they answer."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from bayes_scaling.data.units import Quantity, format_flops
from bayes_scaling.reporting.page_runs import RunsOfPage
from bayes_scaling.reporting.plot import marks, style
from bayes_scaling.reporting.plot.fits.checks import posterior, residuals
from bayes_scaling.reporting.plot.fits.losses import extrapolation, loss_band
from bayes_scaling.reporting.plot.fits.optimum import allocation, isoloss
from bayes_scaling.reporting.plot.results.backtests import misses
from bayes_scaling.reporting.plot.results.comparisons import comparison as law_comparison
from bayes_scaling.reporting.plot.results.risks import valley

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_scaling.evaluation.backtest import Backtest
    from bayes_scaling.evaluation.compare import Comparison
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.planning.results.risk import Risk

MOST = 2000
"""Runs that a picture names under the pointer; of more, none."""


SMALL = (5.8, 4.4)
"""Inches of a picture whose words can still be read across a phone."""


class Picture(NamedTuple):
    """A picture as a data URI of SVG, its words, its size in points, and where its runs lie, with theirs."""

    uri: str
    caption: str
    width: float
    height: float
    runs: list[tuple[float, float, str]]


def path_picture(fit: "Posterior", group: str, runs: RunsOfPage, prob: float) -> Picture:
    """The law of a group along the compute-optimal path, or along its first input."""
    path = "the compute-optimal path" if fit.law.of_n_and_d else fit.law.columns[0]
    departs = "discrepancy" if fit.noise.joint else "drift beyond the data"
    return _picture(
        lambda: extrapolation(fit, group=group, prob=prob, ax=style.axes(None, SMALL)),
        f"The law along {path}. The dark band is the law's, the dotted lines add its {departs}, the light band is that "
        "of a new run; what is dashed and hatched lies beyond the data.",
        runs.words,
    )


def backtest_picture(backtest: "Backtest", prob: float) -> Picture:
    """How far held-out runs lay from what was said of them."""
    return _picture(
        partial(misses, backtest, prob=prob),
        "How far runs that were held out lay from the median that the smaller ones gave, by the distance beyond these.",
    )


def page_pictures(
    fit: "Posterior",
    comparison: "Comparison | None",
    sizes: Sequence[Quantity],
    risk: "Risk | None",
    group: str,
    runs: RunsOfPage,
    prob: float,
) -> Iterator[Picture]:
    """Those that this fit allows; a loss band for each size of a model."""
    columns = fit.law.columns
    if fit.law.of_n_and_d or len(columns) == 1:
        yield path_picture(fit, group, runs, prob)
    if fit.law.of_n_and_d:
        for params in dict.fromkeys(sizes):
            yield _picture(
                partial(loss_band, fit, params, group=group, prob=prob),
                f"Loss of a model of {params} parameters against its training data.",
                runs.words,
            )
        yield _picture(
            partial(allocation, fit, group=group, prob=prob),
            "How to split a budget. Where the band is wide, these runs do not say.",
        )
        if risk is not None:
            yield _picture(
                partial(valley, risk),
                f"What another model size would give up at {format_flops(float(risk.flops[0]))} FLOPs, and what rules "
                "of thumb would train. A flat valley forgives a wide interval of N.",
            )
        yield _picture(
            partial(isoloss, fit, group=group, prob=prob),
            "Lines of equal loss. The band shows the optimum along each diagonal of equal compute; grey is beyond the "
            "range of the data.",
            runs.words,
        )
    if comparison is not None:
        yield _picture(
            partial(law_comparison, comparison),
            "Laws compared by how they predict configurations left out.",
        )
    yield _picture(
        partial(residuals, fit, columns[0], prob=prob),
        "What the law misses of each run. A pattern here, rather than scatter, says that the law is wrong.",
        runs.words,
    )
    yield _picture(
        partial(posterior, fit, prob=prob),
        "What is known of each parameter after the runs (colour) and before them (grey).",
    )


@style.styled
def _picture(draw: Callable[[], "Axes"], caption: str, words: Sequence[str] = ()) -> Picture:
    with style.without_pyplot():
        figure = draw().get_figure(root=True)
    assert figure is not None
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor="none")
    width, height = 72 * figure.get_size_inches()
    shown = [
        (round(x * width, 1), round(y * height, 1), words[row])
        for row, x, y in (marks.runs_in(figure) if len(words) <= MOST else ())
    ]
    uri = "data:image/svg+xml;base64," + b64encode(buffer.getvalue()).decode()
    return Picture(uri, caption, width, height, shown)
