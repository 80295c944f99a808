"""The contract that every result of the package keeps: see `bayes_scaling.inference.result`."""

import importlib
import inspect
import json
import pkgutil
import re
import warnings
from functools import cache
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import matplotlib
import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, simulated_runs, table_of
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from training_curves import card, hero
from training_logs import lines, write_run

import bayes_scaling as bs
from bayes_scaling.data.notebook import FEW, FEW_ROWS
from bayes_scaling.evaluation import backtest as backtest_
from bayes_scaling.evaluation import baselines
from bayes_scaling.evaluation.compare_pooling import judged, structures
from bayes_scaling.evaluation.ledger import Entry, Ledger
from bayes_scaling.evaluation.outcome import Outcome
from bayes_scaling.forecast.register import make_card
from bayes_scaling.inference.result import LONGEST, Result
from bayes_scaling.inference.sample_many import FitOutcome
from bayes_scaling.reporting.plot.style import panels

matplotlib.use("agg")

pytestmark = pytest.mark.seconds  # together: one of each kind is made, drawn and written


def results():
    """Every kind of result that the package defines."""
    for module in pkgutil.walk_packages(bs.__path__, "bayes_scaling."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, open_ = set(), [Result]
    while open_:
        for kind in open_.pop().__subclasses__():
            if kind.__module__.startswith("bayes_scaling.") and not inspect.isabstract(kind):
                found.add(kind)
            open_.append(kind)
    return {kind.__name__: kind for kind in found}


def pooling(fit):
    fits = {
        name: instant_fit(fit.runs, fit.law, pooling=asked) for name, asked in structures(fit.law).items()
    }
    return judged(bs.compare(fits, refit=False, ahead=False), fit.law)


def backtest(fit):
    def instantly(tables, law, **options):
        return (FitOutcome(name, instant_fit(table, law)) for name, table in tables.items())

    with (
        mock.patch.object(backtest_, "sample_many", instantly),
        mock.patch.object(baselines, "BOOTSTRAPS", 5),
    ):
        return bs.backtest(fit.runs, fit.law)


def recipe(groups=("a",)):
    """A fit of several widths and learning rates."""
    law = bs.LAWS["lr_transfer"]
    rows = table_of(law, {name: prior.forward(prior.location) for name, prior in law.priors.items()})
    rows["group"] = np.resize(groups, len(rows))
    return instant_fit(bs.load_runs(rows, inputs=law.columns), law)


def curve(groups=("a",)):
    """A fit of a law of one input."""
    law = bs.LAWS["power_floor"]
    rows = table_of(law, {name: prior.forward(prior.location) for name, prior in law.priors.items()})
    rows["group"] = np.resize(groups, len(rows))
    return instant_fit(bs.load_runs(rows, inputs=law.columns), law)


def variants(groups=("base", "a")):
    """A fit of variants of a recipe at three rungs."""
    rows = [
        {"flops": c, "loss": 1.6 + 0.8 * (c / 1e20) ** -0.15, "group": name}
        for name in groups
        for c in (1e19, 1e20, 1e21)
    ]
    runs = bs.load_runs(pd.DataFrame(rows), inputs=("flops",))
    return instant_fit(runs, "gpt4", **bs.for_variants("gpt4"))


def collection():
    """Of a run that is taken, and of one that is left out."""
    with TemporaryDirectory() as folder:
        write_run(Path(folder), "a")
        return bs.collect(write_run(Path(folder), "b", lines(end=400)))


@cache
def registered(fit, group=None):
    return make_card(fit, "hero", {"params": "100B", "tokens": "2T"}, group=group)


def outcome(fit, **options):
    return Outcome(registered(fit, **options), 1.9, "2027-01-01T00:00:00+00:00")


EXAMPLES = {
    "Collection": lambda one, many: [collection()],
    "Forecast": lambda one, many: [one.predict("100B", "2T"), many.predict(["10B", "100B"], "2T")],
    "Allocation": lambda one, many: [one.allocate("1e24"), many.allocate(["1e24", "1e25"])],
    "Plan": lambda one, many: [one.plan("1e24"), many.plan(["1e24", "1e25"], target=2.0)],
    "Needed": lambda one, many: [curve().plan(target=2.0), curve(["a", "b"]).plan(target=[1.5, 2.0])],
    "Risk": lambda one, many: [one.risk("1e24", target=2.0), many.risk("1e23")],
    "Serving": lambda one, many: [one.serve("10T", target=2.1), many.serve(["1T", "10T"], flops="1e24")],
    "Contrast": lambda one, many: [many.contrast(["1e22", "1e24"])],
    "Gate": lambda one, many: [
        variants().gate("base"),
        variants(["base", "a", "b", "c"]).gate("base", at="1e24"),
        many.gate("pythia"),
    ],
    "Exponents": lambda one, many: [one.exponents(), many.exponents()],
    "Design": lambda one, many: [one.design("1e21", optimum_at="1e23")],
    "Comparison": lambda one, many: [bs.compare({"a": one, "b": one}, refit=False, ahead=False)],
    "PoolingComparison": lambda one, many: [pooling(many)],
    "Backtest": lambda one, many: [backtest(one)],
    "Approaches": lambda one, many: [one.approaches("1e23")],
    "Transfer": lambda one, many: [recipe().transfer(), recipe(["a", "b"]).transfer()],
    "Card": lambda one, many: [registered(one), registered(many, group="new")],
    "Outcome": lambda one, many: [outcome(one), outcome(many, group="pythia")],
    "Following": lambda one, many: [bs.follow(card(), hero(0.5)), bs.follow(card(), hero(0.5, off=0.1))],
    "Ledger": lambda one, many: [
        Ledger((Entry(registered(one), None), Entry(outcome(one).card, outcome(one))))
    ],
    "Diagnosis": lambda one, many: [one.diagnose(), many.diagnose()],
}
"""Results of a fit without groups, and of one with several."""


@pytest.fixture(scope="module")
def fits():
    truth = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}
    return instant_fit(simulated_runs(truth), "chinchilla"), instant_fit(
        bs.datasets.load("pile"), "chinchilla"
    )


LONG = "PoolingComparison"


@pytest.fixture(
    scope="module", params=[*sorted({*EXAMPLES} - {LONG}), pytest.param(LONG, marks=pytest.mark.sampling)]
)
def examples(request, fits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)  # the draws are not of these tables
        return EXAMPLES[request.param](*fits)


def test_every_result_has_an_example_here_and_a_place_on_the_public_page():
    known = results()
    assert set(known) == set(EXAMPLES)
    assert {name: getattr(bs, name) for name in known} == known


def test_a_result_is_frozen_and_says_the_same_in_every_way(examples):
    for result in examples:
        assert type(result).__dataclass_params__.frozen
        assert type(result).__repr__ is Result.__repr__
        for name in ("sentences", "table"):
            first = next(iter(inspect.signature(getattr(result, name)).parameters.values()))
            assert (first.name, first.default) == ("prob", 0.9)


def test_the_answer_comes_first_in_sentences_without_a_stop(examples):
    for result in examples:
        said, table = result.sentences(0.8), repr(result)
        assert said
        assert table.splitlines()[0] == f"{result.sentences()[0]}."
        assert len(table.splitlines()) <= LONGEST
        for sentence in (*said, *result.warnings):
            assert sentence == sentence.strip(" .")
            assert "\n" not in sentence


def test_a_notebook_shows_the_answer_then_what_to_know_then_a_small_table(examples):
    for result in examples:
        page = result._repr_html_()
        assert page.startswith(f"<p>{escape(result.sentences()[0])}.</p>")
        said = [f"{escape(sentence)}.</p>" for sentence in (*result.sentences(), *result.warnings)]
        assert all(sentence in page for sentence in said)
        assert page.index(said[-1]) < page.index("<table")
        assert page.count("<b>Warning:</b>") == len(result.warnings)
        unfolded = re.sub("<details>.*?</details>", "", page.partition("<table")[0])
        assert unfolded.count("<p") <= 2 * FEW
        assert page.partition("<tbody>")[2].count("<tr>") <= FEW_ROWS + 1  # and the row of dots


def test_a_notebook_shows_runs_and_a_fit_as_it_shows_results():
    runs = bs.datasets.load("pile")
    page = runs._repr_html_()
    assert page.startswith("<p>Runs(")
    assert "pythia_dedup" in page.partition("<table")[2]
    fit = instant_fit(runs, "chinchilla")
    page = fit._repr_html_()
    assert page.startswith("<p>chinchilla, E + A N^-alpha")
    assert all(f"{escape(why)}.</p>" in page for why in fit.diagnose().problems)
    assert "irreducible loss" in page.partition("<table")[2]


def test_a_table_names_its_columns_and_their_probability(examples):
    for result in examples:
        table = result.table(0.8)
        assert len(table)
        assert all(isinstance(name, str) for name in table.columns)
        assert isinstance(table.index, pd.RangeIndex) or None not in table.index.names
        for name in table.columns:
            if name.endswith((" lower", " upper")):
                assert name.rsplit(" ", 2)[1] == "80%"
                assert f"{name.rsplit(' ', 1)[0]} upper" in table.columns


def test_bounds_lie_around_the_median_and_agree_with_the_table(examples):
    for result in examples:
        table = result.table(0.8)
        for what in result.quantities:
            low, high = result.interval(0.8, what)
            middle = result.median(what)
            assert low.dims == high.dims == middle.dims
            assert not {"chain", "draw"} & set(low.dims)
            assert 1 not in low.shape
            known = middle.notnull()
            assert bool(((low <= middle) & (middle <= high) | ~known).all())
            if f"{what} 80% lower" in table:
                for bound, name in ((low, f"{what} 80% lower"), (middle, what), (high, f"{what} 80% upper")):
                    np.testing.assert_array_equal(np.unique(bound), np.unique(table[name].astype(float)))
        if result.quantities:
            assert result.interval(0.8).lower.equals(result.interval(0.8, result.quantities[0]).lower)
            with pytest.raises(bs.InputError, match="has no quantity 'beauty'"):
                result.interval(what="beauty")
            with pytest.raises(bs.InputError, match="lies between 0 and 1; got 90"):
                result.interval(90)
        else:
            with pytest.raises(bs.InputError, match="has no draws to take an interval of"):
                result.interval()


def test_a_result_is_a_json_document(examples):
    for result in examples:
        document = json.loads(json.dumps(result.to_dict(0.8), allow_nan=False))
        assert document["sentences"] == result.sentences(0.8)
        assert document["warnings"] == list(result.warnings)
        assert len(document["table"]) == len(result.table(0.8))


def test_a_result_is_drawn_on_axes_or_on_its_own(examples):
    for result in examples:
        ax = Figure().subplots()
        assert result.plot(ax) is ax
        for drawn in (ax, result.plot()):
            assert all(panel.has_data() for panel in panels(drawn))
        plt.close("all")
