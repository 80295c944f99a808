"""Pictures of fits: drawn on the Axes given, with units and probabilities, and marked beyond the data."""

import dataclasses
import math

import matplotlib
import numpy as np
import pytest
from helpers import with_posterior
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

import bayes_scaling as bs
from bayes_scaling.evaluation.loo import psis_loo
from bayes_scaling.inference.prior_sensitivity import SENSITIVE
from bayes_scaling.reporting.plot.style import without_pyplot

matplotlib.use("agg")

ONE_PANEL = {
    "extrapolation": lambda fit, ax: bs.plot.extrapolation(fit, prob=0.8, ax=ax),
    "loss_band": lambda fit, ax: bs.plot.loss_band(fit, "1B", prob=0.8, ax=ax),
    "isoloss": lambda fit, ax: bs.plot.isoloss(fit, prob=0.8, ax=ax),
    "residuals": lambda fit, ax: bs.plot.residuals(fit, prob=0.8, ax=ax),
    "isoflop": lambda fit, ax: bs.plot.isoflop(fit, prob=0.8, ax=ax),
    "measured_against_law": lambda fit, ax: bs.plot.measured_against_law(fit, prob=0.8, ax=ax),
}
SEVERAL_PANELS = {
    "overview": lambda fit, ax: bs.plot.overview(fit, prob=0.8, ax=ax),
    "forest": lambda fit, ax: bs.plot.forest(fit, prob=0.8, ax=ax),
    "predictive_check": lambda fit, ax: bs.plot.predictive_check(fit, prob=0.8, ax=ax),
    "residual_trends": lambda fit, ax: bs.plot.residual_trends(fit, prob=0.8, ax=ax),
    "trace": lambda fit, ax: bs.plot.trace(fit, ax=ax),
    "pair": lambda fit, ax: bs.plot.pair(fit, ax=ax),
    "allocation": lambda fit, ax: bs.plot.allocation(fit, prob=0.8, ax=ax),
    "published": lambda fit, ax: bs.plot.published(fit, prob=0.8, ax=ax),
    "posterior": lambda fit, ax: bs.plot.posterior(fit, prob=0.8, ax=ax),
}


@pytest.fixture(params=["pile_fit", "single_fit"])
def fit(request):
    return request.getfixturevalue(request.param)


def legend_of(drawn):
    return [text.get_text() for text in drawn.get_legend().get_texts()]


def title_of(ax):
    return ax.get_title(loc="left")


def dashed(ax):
    """The line whose dashes say 'beyond the data'."""
    return next(line for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata()) > 2)


def solid(ax):
    return next(line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 2)


@pytest.mark.parametrize("name", ONE_PANEL | SEVERAL_PANELS)
def test_draws_on_the_axes_given_and_leaves_pyplot_alone(fit, name):
    import matplotlib.pyplot as plt

    ax, settings, figures = Figure().subplots(), dict(matplotlib.rcParams), plt.get_fignums()
    assert (ONE_PANEL | SEVERAL_PANELS)[name](fit, ax) is ax
    assert plt.get_fignums() == figures
    assert dict(matplotlib.rcParams) == settings
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize("name", SEVERAL_PANELS)
def test_panels_lie_in_place_of_the_axes(fit, name):
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    panels = bs.plot.panels(SEVERAL_PANELS[name](fit, right))
    figure.draw_without_rendering()
    assert len(panels) > 1
    assert min(panel.get_window_extent().x0 for panel in panels) > left.get_window_extent().x1
    assert bs.plot.panels(left) == [left]


def test_panels_need_a_place_in_a_grid(single_fit):
    with pytest.raises(bs.InputError, match="Axes of a grid"):
        bs.plot.allocation(single_fit, ax=Figure().add_axes((0, 0, 1, 1)))


def test_without_pyplot_no_figure_is_shown(single_fit):
    import matplotlib.pyplot as plt

    figures = plt.get_fignums()
    with without_pyplot():
        ax = bs.plot.residuals(single_fit)
    assert plt.get_fignums() == figures
    assert isinstance(ax.figure, Figure)


def test_makes_a_figure_when_none_is_given(single_fit):
    import matplotlib.pyplot as plt

    ax = bs.plot.residuals(single_fit)
    assert plt.fignum_exists(ax.figure.number)


@pytest.mark.parametrize("name", ONE_PANEL)
def test_legend_carries_the_probability(fit, name):
    ax = ONE_PANEL[name](fit, Figure().subplots())
    assert any(label.startswith("80% band") for label in legend_of(ax))


def test_axes_carry_units(pile_fit):
    drawn = {name: draw(pile_fit, Figure().subplots()) for name, draw in ONE_PANEL.items()}
    n, d = bs.plot.panels(bs.plot.allocation(pile_fit, ax=Figure().subplots()))
    loss, compute = "loss (nats per token)", "training compute C (FLOPs)"
    size, data = "model size N (parameters)", "training data D (tokens)"
    labels = {name: (ax.get_xlabel(), ax.get_ylabel()) for name, ax in drawn.items()}
    assert labels == {
        "extrapolation": (compute, loss),
        "loss_band": (data, loss),
        "isoloss": (size, data),
        "isoflop": (size, loss),
        "measured_against_law": (f"{loss}, by the law", f"{loss}, measured"),
        "residuals": (size, "loss minus law (% of loss)"),
    }
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in (n, d)] == [(compute, size), (compute, data)]


def test_ticks_are_written_as_people_write_them(pile_fit):
    ax = bs.plot.residuals(pile_fit, "params", ax=Figure().subplots())
    assert {"100M", "1B", "10B"} <= {tick.get_text() for tick in ax.get_xticklabels()}


def test_beyond_the_data_is_dashed_and_hatched_and_meets_the_rest(fit):
    ax = bs.plot.extrapolation(fit, ax=Figure().subplots())
    end = fit.runs.flops.max()
    inside, beyond = (np.asarray(line.get_xdata(), float) for line in (solid(ax), dashed(ax)))
    assert np.nanmax(inside) == pytest.approx(end)
    assert np.nanmin(beyond) == pytest.approx(end)
    assert np.nanmax(beyond) >= 1e3 * end
    assert any(band.get_hatch() for band in ax.collections)
    assert any("data end here" in text.get_text() for text in ax.texts)


def test_nothing_is_marked_where_the_axis_ends_within_the_data(single_fit):
    middle = np.sqrt(np.prod(single_fit.runs.extent["flops"]))
    ax = bs.plot.extrapolation(single_fit, to=middle, ax=Figure().subplots())
    assert not any("beyond" in label for label in legend_of(ax))


def test_extrapolation_draws_the_forecast_of_the_median_plan(pile_fit):
    ax = bs.plot.extrapolation(pile_fit, to="1e25", group="pythia", ax=Figure().subplots())
    plan = float(pile_fit.allocate("1e25", group="pythia").median("params"))
    forecast = pile_fit.predict(plan, 1e25 / (6 * plan), group="pythia")
    assert dashed(ax).get_ydata()[-1] == pytest.approx(forecast.mean.median().item())


def test_extrapolation_of_one_group_or_several(pile_fit):
    one = bs.plot.extrapolation(pile_fit, group="cerebras", ax=Figure().subplots())
    assert "cerebras" in title_of(one)
    several = bs.plot.extrapolation(pile_fit, group=pile_fit.groups, ax=Figure().subplots())
    assert set(pile_fit.groups) <= set(legend_of(several))
    assert title_of(bs.plot.extrapolation(pile_fit, group="new", ax=Figure().subplots())).endswith("(new)")


def test_a_law_of_one_input_is_drawn_along_it(compute_fit):
    ax = bs.plot.extrapolation(compute_fit, to="1e24", ax=Figure().subplots())
    assert dashed(ax).get_ydata()[-1] == pytest.approx(compute_fit.predict(flops="1e24").mean.median().item())


def test_a_size_that_nobody_trained_is_all_beyond_the_data(pile_fit):
    ax = bs.plot.loss_band(pile_fit, "100B", ax=Figure().subplots())
    assert any("all of this is beyond the data" in text.get_text() for text in ax.texts)
    assert "law, median" not in legend_of(ax)


def test_loss_band_refuses_an_axis_that_the_law_does_not_have(pile_fit):
    with pytest.raises(bs.InputError, match="along"):
        bs.plot.loss_band(pile_fit, "1B", along="flops")


def test_allocation_draws_the_medians_of_the_budget(pile_fit):
    drawn = bs.plot.allocation(pile_fit, to="1e25", group="pythia", ax=Figure().subplots())
    n, d = bs.plot.panels(drawn)
    best = pile_fit.allocate("1e25", group="pythia")
    for ax, what in ((n, "params"), (d, "tokens")):
        assert dashed(ax).get_ydata()[-1] == pytest.approx(best.median(what).item(), rel=1e-9)


def test_posterior_has_a_panel_for_each_parameter(fit):
    panels = bs.plot.panels(bs.plot.posterior(fit, ax=Figure(layout="constrained").subplots()))
    assert [title_of(ax) for ax in panels] == [*fit.law.parameters, "sigma", "nu"]


def test_residuals_ring_the_runs_outside_of_their_band(pile_fit):
    ax = bs.plot.residuals(pile_fit, prob=0.5, ax=Figure().subplots())
    points = [drawn for drawn in ax.collections if isinstance(drawn, PathCollection)]
    rings = sum(len(drawn.get_offsets()) for drawn in points if not len(drawn.get_facecolor()))
    assert title_of(ax) == f"Residuals: {rings} of 23 runs outside of their 50% band"
    assert 0 < rings < 23


@pytest.mark.parametrize("against", ["params", "tokens"])
def test_a_ring_is_around_a_run_that_lies_outside_of_the_band_beside_it(pile_fit, against):
    ax = bs.plot.residuals(pile_fit, against, prob=0.5, ax=Figure().subplots())
    bands = {
        round(math.log(x), 9): (low, high)
        for drawn in ax.collections
        if isinstance(drawn, LineCollection)
        for (x, low), (_, high) in drawn.get_segments()
    }
    assert len(bands) == 23  # beside each other, runs of one size too
    points = [drawn for drawn in ax.collections if isinstance(drawn, PathCollection)]
    rings = {tuple(at) for drawn in points if not len(drawn.get_facecolor()) for at in drawn.get_offsets()}
    for drawn in points:
        for x, y in drawn.get_offsets():
            low, high = bands[round(math.log(x), 9)]
            assert ((x, y) in rings) is not (low <= y <= high)


def test_an_isoflop_valley_has_its_minimum_where_the_plan_is(pile_fit):
    ax = bs.plot.isoflop(pile_fit, ["1e21", "1e23"], group="pythia", ax=Figure().subplots())
    best = pile_fit.allocate(["1e21", "1e23"], group="pythia")
    bars = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(np.array(bars).T, [np.ravel(end) for end in best.interval(0.9)], rtol=1e-9)
    with pytest.raises(bs.InputError, match="isoflop draws a law of params and tokens"):
        bs.plot.isoflop(dataclasses.replace(pile_fit, law=bs.LAWS["gpt4"]))


@pytest.mark.seconds
def test_published_lines_lie_beside_the_plan(golden_fit):
    n, d = bs.plot.panels(bs.plot.published(golden_fit, to="1e25", group="pythia", ax=Figure().subplots()))
    for ax, what in ((n, "params"), (d, "tokens")):
        own = golden_fit.allocate("1e25", group="pythia").median(what)
        assert dashed(ax).get_ydata()[-1] == pytest.approx(float(own), rel=1e-9)
        ends = {line.get_label().partition(":")[0]: line.get_ydata()[-1] for line in ax.lines}
        for name in bs.PUBLISHED:
            assert ends[name] == pytest.approx(bs.published_split(name, 1e25)[what == "tokens"])
    with pytest.raises(bs.InputError, match="published draws a law of params and tokens"):
        bs.plot.published(dataclasses.replace(golden_fit, law=bs.LAWS["gpt4"]))


def test_sensitivity_has_a_number_for_each_answer_and_prior(golden_fit):
    ax = bs.plot.prior_sensitivity(golden_fit, group="cerebras", ax=Figure().subplots())
    table = golden_fit.prior_sensitivity("cerebras")
    shown = [text.get_text() for text in ax.texts]
    assert shown == [f"{moved:.2f}" for moved in table.to_numpy().ravel()]
    assert [tick.get_text().partition(":")[0] for tick in ax.get_yticklabels()] == [*table.index]
    bold = [text.get_fontweight() == "bold" for text in ax.texts]
    assert bold == list(table.to_numpy().ravel() > SENSITIVE)


def test_the_lens_of_a_predictive_check_has_its_probability(pile_fit):
    _, right = bs.plot.panels(bs.plot.predictive_check(pile_fit, prob=0.8, ax=Figure().subplots()))
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["80% if the fit is right"]


def test_pareto_k_is_that_of_leaving_out_each_configuration(pile_fit):
    ax = bs.plot.pareto_k(pile_fit, ax=Figure().subplots())
    shown = sorted(float(y) for drawn in ax.collections for _, y in np.asarray(drawn.get_offsets()))
    np.testing.assert_allclose(shown, sorted(psis_loo(pile_fit.log_likelihood)[1]))
    [shade] = ax.patches
    assert shade.get_y() + shade.get_height() >= ax.get_ylim()[1]  # what is worse than 1 is no better


def test_a_forest_has_the_groups_and_their_population(pile_fit):
    panels = bs.plot.panels(bs.plot.forest(pile_fit, ax=Figure().subplots()))
    rows = [label.get_text() for label in panels[0].get_yticklabels()]
    assert rows == [*pile_fit.groups, "population"]
    medians = {float(drawn.get_offsets()[0][0]) for drawn in panels[0].collections}
    assert float(pile_fit.posterior["E_population"].median()) in medians
    assert "tau" in panels[0].get_xlabel()


def test_ranks_of_chains_that_disagree_differ(single_fit):
    apart = single_fit.posterior["E"].to_numpy().copy()
    apart[0] += 1.0
    ax = bs.plot.trace(with_posterior(single_fit, E=apart), ["E"], ax=Figure().subplots())
    ranks = bs.plot.panels(ax)[1]
    first, *others = (patch.get_data().values for patch in ranks.patches)
    assert first[-1] > 1.5
    assert first[0] == 0 < min(other[0] for other in others)


def test_axes_say_how_far_they_reach_beyond_the_data(pile_fit):
    ax = bs.plot.extrapolation(pile_fit, to=1e3 * pile_fit.runs.flops.max(), ax=Figure().subplots())
    assert {"10x", "100x", "1,000x"} <= {text.get_text() for text in ax.texts}


def test_groups_keep_their_looks_over_pictures(pile_fit):
    from bayes_scaling.reporting.plot.groups import look

    looks = [look(pile_fit, group) for group in pile_fit.groups]
    assert len({each["color"] for each in looks}) == len({each["marker"] for each in looks}) == 3


def test_every_kind_needs_nothing_but_a_fit_and_options():
    import inspect

    for name, path in bs.plot.KINDS.items():
        arguments = inspect.signature(getattr(bs.plot, name)).parameters
        assert next(iter(arguments)) == "fit"
        assert arguments["ax"].default is None
        assert path.endswith(f".{name}")
    assert set(bs.plot.KINDS) >= {"extrapolation", "isoloss", "allocation", "posterior", "residuals"}
