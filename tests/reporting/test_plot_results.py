"""Pictures of results: each result has one, and it shows the result's own numbers."""

import dataclasses

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import bayes_scaling as bs
from bayes_scaling.evaluation.compare import Comparison

matplotlib.use("agg")


def title_of(ax):
    return ax.get_title(loc="left")


@pytest.fixture
def comparison(pile_fit):
    """Two laws, one of which importance sampling cannot judge."""
    rows = {
        "chinchilla": {
            "elpd": 51.6,
            "elpd_diff": 0.0,
            "dse": 0.0,
            "weight": 0.71,
            "worst_k": 0.5,
            "refits": 0,
        },
        "kaplan": {"elpd": 49.1, "elpd_diff": -2.5, "dse": 1.2, "weight": 0.29, "worst_k": 0.93, "refits": 0},
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return Comparison({"chinchilla": pile_fit}, table, *(pd.DataFrame() for _ in range(3)))


RESULTS = {
    "Forecast": lambda fit: fit.predict("100B", ["2T", "3T"]),
    "Allocation": lambda fit: fit.allocate(["1e24", "1e25"]),
    "Plan": lambda fit: fit.plan(["1e23", "1e24"], target=1.8),
    "Risk": lambda fit: fit.risk("1e23"),
    "Serving": lambda fit: fit.serve("1T", flops="1e24"),
    "Contrast": lambda fit: fit.contrast("1e22"),
    "Exponents": lambda fit: fit.exponents("1B", "20B"),
    "Diagnosis": lambda fit: fit.diagnose(),
    "Approaches": lambda fit: fit.approaches(group="cerebras"),
    "Design": lambda fit: fit.design("1e22", optimum_at="1e24", group="pythia", max_runs=2),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_has_its_picture(pile_fit, name):
    found = RESULTS[name](pile_fit)
    assert type(found).__name__ == name
    ax = Figure(figsize=(9, 5), layout="constrained").subplots()
    assert found.plot(ax) is ax
    ax.figure.draw_without_rendering()
    assert all(title_of(panel) or panel.get_xlabel() for panel in bs.plot.panels(ax))


def test_a_comparison_has_its_picture(comparison):
    assert "Laws compared" in title_of(comparison.plot(Figure().subplots()))


def test_a_forecast_is_drawn_with_its_bounds(pile_fit):
    forecast = pile_fit.predict("100B", "2T", group="pythia")
    ax = bs.plot.forecast(forecast, prob=0.8, ax=Figure().subplots())
    bars = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    wanted = sorted(tuple(map(float, forecast.interval(0.8, what))) for what in ("new_run", "mean"))
    np.testing.assert_allclose(bars, wanted)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["params 100B\ntokens 2T"]


def test_budgets_of_an_allocation_are_drawn_in_order(pile_fit):
    found = pile_fit.allocate(["1e25", "1e24"], group="pythia")
    n, _ = bs.plot.panels(bs.plot.allocated(found, ax=Figure().subplots()))
    line = dashed_or_dots(n)
    np.testing.assert_allclose(line.get_xdata(), [1e24, 1e25])
    np.testing.assert_allclose(line.get_ydata(), found.params.median(("chain", "draw")).to_numpy()[::-1])


def dashed_or_dots(ax):
    """The open dots that say 'beyond the data'."""
    return next(line for line in ax.lines if line.get_markerfacecolor() == "white")


def test_a_diagnosis_says_which_measure_falls_short(single_fit):
    found = dataclasses.replace(
        single_fit.diagnose(), r_hat=1.2, ess_bulk=4e3, failures=("the chains disagree",)
    )
    ax = bs.plot.diagnosis(found, ax=Figure().subplots())
    shown = [drawn.get_offsets()[0] for drawn in ax.collections if len(drawn.get_offsets())]
    margin = {round(float(y)): float(x) for x, y in shown}
    assert margin[3] == pytest.approx(0.1)  # R-hat: clipped at the edge
    assert margin[2] == pytest.approx(10)
    assert "did NOT converge" in title_of(ax)


def test_comparison_says_what_is_told_apart_and_flags_what_cannot_be_trusted(comparison):
    ax = bs.plot.comparison(comparison, ax=Figure().subplots())
    texts = [text.get_text() for text in ax.texts]
    behind = "2.5 ± 1.2 behind: not told from the best"
    assert texts == ["best here", behind, "⚠ Pareto-k 0.93, not trusted: refit"]
    assert "nats" in ax.get_xlabel()
