"""Whether the best recipe moves with scale, and what keeping it costs."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, quiet_fit, table_of

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.cli.main import main


def medians(law):
    return {name: prior.forward(prior.location) for name, prior in law.priors.items()}


def fit_of(name):
    law = bs.LAWS[name]
    return instant_fit(bs.load_runs(table_of(law, medians(law)), inputs=law.columns), law)


@pytest.fixture(scope="module")
def widths():
    return fit_of("lr_transfer")


@pytest.fixture(scope="module")
def recipe():
    return fit_of("step_law")


@pytest.mark.seconds
def test_the_exponent_is_the_laws_own(widths, recipe):
    np.testing.assert_allclose(widths.transfer().exponent, widths.draws()["lr_width"], atol=1e-9)
    for chosen in ("lr", "batch"):
        for against, letter in (("params", "N"), ("tokens", "D")):
            found = recipe.transfer(chosen, against)
            np.testing.assert_allclose(found.exponent, recipe.draws()[f"{chosen}_{letter}"], atol=1e-9)


def test_factor_and_best_choice_follow_from_it(widths):
    found, draws = widths.transfer(), widths.draws()
    low, high = widths.runs.extent["width"]
    np.testing.assert_allclose(found.factor, (high / low) ** draws["lr_width"], rtol=1e-9)
    expected = (
        draws["lr_opt"] * widths.reference["lr"] * (high / widths.reference["width"]) ** draws["lr_width"]
    )
    np.testing.assert_allclose(found.best.isel(point=-1), expected, rtol=1e-9)
    np.testing.assert_allclose(found.at[[0, -1]], [low, high])


def test_the_cost_is_that_of_the_smallest_models_choice_at_the_largest(widths):
    found, draws = widths.transfer(), widths.draws()
    p = {name: draws[name] for name in widths.law.parameters}
    low, high = (x / widths.reference["width"] for x in widths.runs.extent["width"])
    kept, best = (widths.law(high, p["lr_opt"] * x ** p["lr_width"], **p) for x in (low, high))
    np.testing.assert_allclose(found.cost, kept / best - 1, atol=1e-12)
    assert float(found.cost.min()) >= 0


@pytest.mark.parametrize(
    ("middle", "spread", "verdict"),
    [
        (0.0, 0.02, "The best lr does not move with width, or by less than a power of 0.1"),
        (-0.05, 0.01, "The best lr does not move with width, or by less than a power of 0.1"),
        (-1.0, 0.02, "The best lr moves with width"),
        (-0.1, 0.3, "The best lr was not shown to move with width, and not shown to stay"),
    ],
)
def test_none_is_said_where_the_whole_interval_counts_as_none(widths, middle, spread, verdict):
    found = widths.transfer()
    normal = np.random.default_rng(1).standard_normal(found.exponent.shape)
    found = dataclasses.replace(found, exponent=found.exponent.copy(data=middle + spread * normal))
    assert found.sentences()[0].startswith(verdict + ": it goes as its power")


def test_a_narrow_range_is_warned_of(widths):
    assert widths.transfer().warnings == []
    narrow = dataclasses.replace(widths.transfer(), at=np.array([512.0, 1024.0]))
    assert narrow.warnings == [
        "the runs span a factor of 2 in width: a wider range says more of how the best lr moves"
    ]


def test_what_cannot_be_asked(widths, single_fit):
    with pytest.raises(
        InputError, match="law 'chinchilla' does not say what is best to choose; fit lr_transfer"
    ):
        single_fit.transfer()
    with pytest.raises(InputError, match="'batch' is none of lr, which law 'lr_transfer' has here"):
        widths.transfer("batch")
    with pytest.raises(InputError, match="'lr' is none of width, which law 'lr_transfer' has here"):
        widths.transfer("lr", "lr")


@pytest.mark.seconds
def test_the_command_line_says_the_same(widths, tmp_path, capsys):
    path = str(widths.save(tmp_path / "widths.nc"))
    main(["transfer", path, "--chosen", "lr", "-o", str(tmp_path / "transfer.png")])
    assert capsys.readouterr().out.startswith(f"{widths.transfer().sentences()[0]}.")
    assert (tmp_path / "transfer.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.sampling
@pytest.mark.parametrize(("power", "moves"), [(0.0, False), (-1.0, True)])
def test_mup_and_the_standard_parametrisation_are_told_apart(power, moves):
    """Five widths, eight rates each, seeds of .3%: under muP the best rate stays, and without it falls as 1 / width."""
    rng = np.random.default_rng(3)
    width, lr = (x.ravel() for x in np.meshgrid(2.0 ** np.arange(7, 12), 0.004 * 2.0 ** np.arange(-4, 4)))
    u = np.log(lr / (0.004 * (width / 512) ** power))
    bowl = 1 + 0.03 * (np.expm1(0.5 * u) - 0.5 * u) / 0.25
    loss = (2.2 + 0.9 * (width / 512) ** -0.5) * bowl * np.exp(0.003 * rng.standard_normal(len(u)))
    fit = quiet_fit(pd.DataFrame({"width": width, "lr": lr, "loss": loss}), "lr_transfer", draws=100, seed=1)
    found = fit.transfer()
    low, high = found.interval(0.99)
    assert low < power < high
    assert ("moves with width" in found.sentences()[0]) == moves
