"""Three approaches to N_opt: each alone against a truth that is known, and side by side."""

import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers import quiet_fit
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from scipy.optimize import least_squares

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.evaluation.envelope import envelope
from bayes_scaling.evaluation.isoflop import PROFILES, isoflop_runs

matplotlib.use("agg")

REFERENCE = {"params": 3e8, "tokens": 6e9}
TRUTH = {"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.36, "beta": 0.3}
BUDGETS = np.geomspace(1e19, 1e21, 4)


def best_size(flops):
    """N_opt of the truth."""
    product = flops / (6 * REFERENCE["params"] * REFERENCE["tokens"])
    g = TRUTH["alpha"] * TRUTH["A"] / (TRUTH["beta"] * TRUTH["B"])
    return REFERENCE["params"] * (g * product ** TRUTH["beta"]) ** (1 / (TRUTH["alpha"] + TRUTH["beta"]))


def sweep(off=1.0, sizes=7, reach=4.0):
    """isoFLOP profiles whose sizes are centred on ``off`` times the optimum."""
    factors = np.geomspace(1 / reach, reach, sizes)
    params = (off * best_size(BUDGETS)[:, None] * factors).ravel()
    flops = np.repeat(BUDGETS, sizes)
    return pd.DataFrame({"params": params, "tokens": flops / (6 * params)})


def runs_of(table, sigma=0.002, seed=1):
    return bs.simulate(table, "chinchilla", TRUTH | {"sigma": sigma}, reference=REFERENCE, seed=seed)


@pytest.fixture(scope="module")
def fit():
    return quiet_fit(runs_of(sweep()), draws=150, chains=2, seed=2)


@pytest.fixture(scope="module")
def found(fit):
    return bs.approaches(fit, ["1e21", "1e23"])


class TestShapes:
    def minimum(self, shape, off, alpha, beta, reach=10.0):
        """log N at the minimum of one profile by least squares, without noise; the law's is at 0."""
        x = np.log(off) + np.linspace(-np.log(reach), np.log(reach), 9)
        loss = 2.0 + 0.1 * (np.exp(-alpha * x) / alpha + np.exp(beta * x) / beta)
        law = PROFILES[shape]
        fixed = {"slope": 0.0, "fading": 0.0, "a": 0.0}
        names = [name for name in law.parameters if name not in fixed]
        start = {"level": 2.5, "curvature": 0.07, "m": 0.1, "alpha": 0.35, "beta": 0.35}

        def miss(values):
            return law(np.exp(x), 1.0, **fixed, **dict(zip(names, values, strict=True))) - loss

        done = least_squares(miss, [start[n] for n in names], xtol=1e-14, ftol=1e-14, gtol=1e-14)
        return dict(zip(names, done.x, strict=True))

    @pytest.mark.parametrize("off", [0.4, 1.0, 2.5])
    def test_the_asymmetric_profile_is_that_of_an_additive_law(self, off):
        best = self.minimum("asymmetric", off, 0.5, 0.25)
        assert best["m"] == pytest.approx(0, abs=1e-5)
        assert (best["alpha"], best["beta"]) == pytest.approx((0.5, 0.25), rel=1e-3)

    def test_a_parabola_is_pulled_off_where_exponents_differ(self):
        assert self.minimum("parabola", 1.0, 0.5, 0.25)["m"] == pytest.approx(0.161, abs=0.002)
        assert self.minimum("parabola", 1.0, 0.25, 0.5)["m"] == pytest.approx(-0.161, abs=0.002)
        assert self.minimum("parabola", 1.0, 0.4, 0.4)["m"] == pytest.approx(0, abs=1e-6)

    def test_and_where_sizes_are_not_centred(self):
        assert abs(self.minimum("parabola", 0.33, 0.4, 0.4, reach=4)["m"]) > 0.04


class TestBudgets:
    def test_they_are_found_where_runs_crowd(self):
        table = sweep()
        table["tokens"] *= np.exp(np.random.default_rng(1).uniform(-0.05, 0.05, len(table)))
        stray = pd.DataFrame({"params": [1e8, 3e8], "tokens": [1e9, 6e10]})
        grouped = isoflop_runs(runs_of(pd.concat([table, stray], ignore_index=True)))
        assert len(grouped) == len(table)
        assert sorted(map(float, grouped.groups)) == pytest.approx(BUDGETS, rel=0.06)

    def test_they_may_be_named(self):
        grouped = isoflop_runs(runs_of(sweep()), [f"{c:.4g}" for c in BUDGETS[:3]])
        assert len(grouped.groups) == 3

    @pytest.mark.parametrize(
        ("rows", "budgets", "message"),
        [
            (14, None, "2 budgets of simulated have 5 model sizes within 0.1 powers of ten of compute"),
            (28, ["1e18"], "0 model sizes lie within 0.1 powers of ten of 1e18 FLOPs; a profile takes 5"),
        ],
    )
    def test_too_few_are_refused(self, rows, budgets, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}"):
            isoflop_runs(runs_of(sweep().iloc[:rows]), budgets)


def training_curves(most=400):
    """Twelve sizes, each trained past its optimum and looked at on the way."""
    rows = []
    for i, n in enumerate(np.geomspace(2e7, 4e9, 12)):
        for c in np.geomspace(1e18, 1e22, 60):
            d = c / (6 * n)
            if 2 < d / n < most:
                rows.append({"params": n, "tokens": d, "trajectory": f"run {i}"})
    return pd.DataFrame(rows)


def noise_of(sigma):
    return xr.DataArray(np.full((2, 150), sigma), dims=("chain", "draw"))


class TestEnvelope:
    @pytest.mark.parametrize("curves", [True, False])
    def test_it_finds_the_line(self, curves):
        runs = runs_of(training_curves(), sigma=1e-4)
        if not curves:
            runs = bs.load_runs(runs.table.drop(columns="trajectory"))
        a, line, points = envelope(runs, noise_of(1e-4), 0.1, 3)
        truth = TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"])
        low, high = np.quantile(a, [0.005, 0.995])
        assert low < truth < high
        assert high - low < 0.25
        middle = np.median(np.log(line([1e20]) / best_size(1e20)))
        assert abs(middle) < 0.3
        assert (points["lower"] <= points["upper"]).all()

    @pytest.mark.parametrize("sizes", [8, 16])
    def test_curves_that_end_while_they_are_the_best_do_not_make_the_line(self, sizes):
        """Trained to 20 (10) tokens a parameter: with their ends, 90% reached from .475 up, where the truth is .455."""
        rows = []
        for i, n in enumerate(np.geomspace(3e7, 3e9, sizes)):
            last = 160 * n / sizes
            at = 1e8 * 1.15 ** np.arange(np.floor(np.log(last / 1e8) / np.log(1.15)) + 1)
            rows += [{"params": n, "tokens": d, "trajectory": f"run {i}"} for d in at]
        a, _, _ = envelope(runs_of(pd.DataFrame(rows), sigma=1e-4), noise_of(1e-3), 0.1, 3)
        low, high = np.quantile(a, [0.05, 0.95])
        assert low < TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"]) < high

    def test_where_all_end_so_there_is_no_line(self):
        rows = [
            {"params": n, "tokens": d, "trajectory": f"run {i}"}
            for i, n in enumerate(np.geomspace(3e7, 3e9, 12))
            for d in 1e8 * 1.15 ** np.arange(np.floor(np.log(10 * n / 1e8) / np.log(1.15)) + 1)
        ]
        with pytest.raises(InputError, match="training curves of the envelope end while they are the best"):
            envelope(runs_of(pd.DataFrame(rows), sigma=1e-4), noise_of(1e-5), 0.1, 3)

    @pytest.mark.parametrize(("sizes", "most", "window"), [(6, 100, 0.2), (6, 400, 0.4), (7, 200, 0.2)])
    def test_few_sizes_on_a_regular_grid_do_not_look_exact(self, sizes, most, window):
        """Their stretches are counted in windows and lie on a line by chance: a was .500 to .500 for 6 sizes."""
        rows = [
            {"params": n, "tokens": d, "trajectory": f"run {i}"}
            for i, n in enumerate(np.geomspace(3e7, 3e9, sizes))
            for d in n * np.geomspace(1, most, 24)
        ]
        a, _, _ = envelope(runs_of(pd.DataFrame(rows), sigma=1e-4), noise_of(1e-5), window, 3)
        low, high = np.quantile(a, [0.05, 0.95])
        assert low < TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"]) < high

    def test_more_noise_is_more_uncertainty(self):
        runs = runs_of(training_curves(), sigma=1e-4)
        quiet, loud = (float(envelope(runs, noise_of(s), 0.1, 3)[0].std()) for s in (1e-4, 0.003))
        assert loud > 1.5 * quiet

    def test_three_windows_are_needed(self):
        with pytest.raises(
            InputError, match="1 windows of compute hold three model sizes; an envelope takes 3"
        ):
            envelope(runs_of(sweep().iloc[:7]), noise_of(0.001), 0.1, 3)

    def test_the_edge_of_what_was_trained_is_no_optimum(self):
        """Small models only: the best is always the largest."""
        runs = runs_of(training_curves(9000).query("params < 1e8 and params * tokens > 5e17"), sigma=1e-4)
        with pytest.raises(
            InputError, match=r"model sizes make up the envelope \(those at its edges left out\)"
        ):
            envelope(runs, noise_of(1e-4), 0.1, 3)


class TestSideBySide:
    def test_all_are_there_and_hold_the_truth(self, found):
        assert found.names == ["envelope", "isoFLOP parabola", "isoFLOP asymmetric", "law"]
        table = found.table(0.99)
        truth = TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"])
        for name in ("isoFLOP asymmetric", "law"):
            rows = table[table["approach"] == name]
            assert (rows["a 99% lower"] < truth).all()
            assert (rows["a 99% upper"] > truth).all()
            assert (rows["params 99% lower"] < best_size(rows["flops"])).all()
            assert (rows["params 99% upper"] > best_size(rows["flops"])).all()

    def test_the_law_is_that_of_the_fit(self, fit, found):
        plan = fit.allocate(["1e21", "1e23"])
        np.testing.assert_allclose(found.params.sel(approach="law"), plan.params)
        np.testing.assert_allclose(
            found.exponent.sel(approach="law"), fit.draws().pipe(lambda d: d.beta / (d.alpha + d.beta))
        )

    def test_what_is_not_in_the_table_is_said(self, found):
        assert any("no training curves" in warning for warning in found.warnings)

    def test_disagreement_is_told(self, found):
        assert "the approaches agree" in found.sentences(0.999)[0]
        moved = found.exponent.copy()
        moved.loc[{"approach": "isoFLOP parabola"}] += 0.2
        apart = bs.Approaches(
            moved, found.flops, found.params, found.points, found.fits, found.warnings, found.lines
        )
        assert apart.sentences()[0].startswith("the approaches disagree: a of isoFLOP parabola less that of")
        assert "and" in apart.sentences()[0]

    def test_the_picture(self, found):
        left, right = bs.plot.panels(bs.plot.approaches(found, prob=0.8, ax=Figure().subplots()))
        assert "80%" in left.get_xlabel()
        assert right.get_xlabel() == "training compute C (FLOPs)"
        assert right.get_ylabel() == "model size N (parameters)"
        assert [t.get_text() for t in left.get_yticklabels()] == found.names

    def test_the_picture_of_profiles(self, found):
        made = found.fits["isoFLOP parabola"]
        ax = bs.plot.isoflop_profiles(made, ax=Figure().subplots())
        assert len([text for text in ax.texts if text.get_text().endswith("FLOPs")]) == len(made.groups)
        scattered = [drawn.get_offsets() for drawn in ax.collections if isinstance(drawn, PathCollection)]
        minima = [places[0] for places in scattered if len(places) == 1]
        wanted = found.points[found.points["approach"] == "isoFLOP parabola"]
        assert [float(size) for size, _ in minima] == pytest.approx([*wanted["params"]])
        with pytest.raises(
            bs.InputError, match="no profiles of shape 'line'; there are parabola, asymmetric"
        ):
            bs.plot.isoflop_profiles(made, shape="line")

    def test_a_table_without_profiles_has_no_picture_of_them(self, single_fit):
        with pytest.raises(bs.InputError, match="budgets of simulated have 5 model sizes"):
            bs.plot.isoflop_profiles(single_fit)

    def test_a_table_without_profiles_keeps_the_law(self, single_fit):
        alone = single_fit.approaches("1e23")
        assert "law" in alone.names
        assert any("no isoFLOP profiles: " in warning for warning in alone.warnings)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"group": "none"}, "no group 'none' in this fit"),
            ({"window": 0.0}, "window is 0.0; expected a positive number of powers of ten"),
        ],
    )
    def test_what_cannot_be_is_refused(self, single_fit, options, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}"):
            single_fit.approaches("1e23", **options)

    def test_groups_are_told_apart(self, pile_fit):
        with pytest.raises(InputError, match="name one group"):
            pile_fit.approaches("1e23")
