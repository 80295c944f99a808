"""Each law where it must agree with another one, with a closed form, or with what its paper prints."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers import multiples

import bayes_scaling as bs
from bayes_scaling.laws.kaplan import PF_DAY
from bayes_scaling.laws.recipe import best_recipe
from bayes_scaling.laws.repeated import worth

LAWS = bs.LAWS
CHINCHILLA = {"E": 1.7, "A": 0.3, "B": 0.4, "alpha": 0.33, "beta": 0.28}
FLOOR = {"E": 0.4, "A": 0.6, "alpha": 0.35}
D = np.exp(np.linspace(-6, 6, 25))


def n_and_d():
    return multiples(LAWS["chinchilla"], 20)


def medians(law):
    return {name: prior.forward(prior.location) for name, prior in law.priors.items()}


class TestCurves:
    def test_m4_solves_its_equation(self):
        """Alabdulmohsin et al. 2022, their equation M4, in their parameters."""
        rng = np.random.default_rng(1)
        e_inf, gap, c = (np.exp(rng.normal(m, 0.5, (200, 1))) for m in (-1, 1, -1))
        beta, delta = (np.exp(rng.normal(0, 0.7, (200, 1))) for _ in range(2))
        y = LAWS["m4"](D, E=e_inf, A=beta * gap**delta, alpha=c, G=gap, delta=delta)
        left = (y - e_inf) / (e_inf + gap - y) ** delta
        inside = (y - e_inf > 1e-6 * gap) & (e_inf + gap - y > 1e-6 * gap)
        assert inside.mean() > 0.9
        np.testing.assert_allclose(left[inside], (beta * D**-c)[inside], rtol=1e-7)

    @pytest.mark.seconds
    def test_m4_has_the_second_derivatives_of_its_root(self):
        """As the inverse function D(y) has them, which is explicit: gradients pass through one step alone."""
        jax = pytest.importorskip("jax")
        p = medians(LAWS["m4"]) | {"alpha": 0.7, "delta": 1.9}

        def m4(log_d):
            return LAWS["m4"](jax.numpy.exp(log_d), **p)

        def log_d(y):
            share = (y - p["E"]) / p["G"]
            left = jax.numpy.log(share) - p["delta"] * jax.numpy.log(1 - share)
            return (jax.numpy.log(p["A"] / p["G"]) - left) / p["alpha"]

        with jax.enable_x64(True):
            for at in (-3.0, 0.2, 4.0):
                y = m4(at)
                first, second = jax.grad(log_d)(y), jax.grad(jax.grad(log_d))(y)
                assert log_d(y) == pytest.approx(at, rel=1e-9)
                assert jax.grad(m4)(at) == pytest.approx(float(1 / first), rel=1e-9)
                assert jax.grad(jax.grad(m4))(at) == pytest.approx(float(-second / first**3), rel=1e-7)

    def test_m4_is_a_power_law_with_a_floor_at_delta_zero_and_logistic_at_one(self):
        far = D[FLOOR["A"] * D ** -FLOOR["alpha"] < 2.0]
        np.testing.assert_allclose(
            LAWS["m4"](far, **FLOOR, G=3.0, delta=0.0), LAWS["power_floor"](far, **FLOOR), rtol=1e-9
        )
        excess = FLOOR["A"] * D ** -FLOOR["alpha"]
        logistic = FLOOR["E"] + excess / (1 + excess / 3.0)
        np.testing.assert_allclose(LAWS["m4"](D, **FLOOR, G=3.0, delta=1.0), logistic, rtol=1e-12)

    @pytest.mark.parametrize("name", ["m4", "hestness"])
    def test_starts_from_guessing_and_ends_at_the_floor(self, name):
        law, p = LAWS[name], medians(LAWS[name]) | FLOOR
        assert law(1e-30, **p) == pytest.approx(p["E"] + p["G"], rel=1e-3)
        assert law(1e60, **p) == pytest.approx(p["E"], rel=1e-9)

    def test_hestness_is_a_power_law_with_a_floor_far_from_guessing(self):
        found = LAWS["hestness"](D, **FLOOR, G=1e6, s=3.0)
        np.testing.assert_allclose(found, LAWS["power_floor"](D, **FLOOR), rtol=1e-12)

    def test_m3_is_a_power_law_without_shift(self):
        np.testing.assert_allclose(
            LAWS["m3"](D, A=0.6, alpha=0.35, g=0.0), LAWS["power_law"](D, A=0.6, alpha=0.35), rtol=1e-12
        )

    def test_log_linear_falls_alike_with_each_doubling_and_stays_above_zero(self):
        loss = LAWS["log_linear"](2.0 ** np.arange(5), A=2.0, b=0.1)
        np.testing.assert_allclose(np.diff(loss), -0.1 * np.log(2))
        assert LAWS["log_linear"](1e300, A=2.0, b=0.1) == 2e-3

    def test_other_names_lead_to_the_same_law(self):
        from bayes_scaling.laws import get_law

        assert get_law("m1") is LAWS["power_law"]
        assert get_law("m2") is LAWS["power_floor"]


BREAK = {"E": 0.2, "A": 0.9, "c0": 0.2, "c1": 0.3, "d1": 2.0, "f1": 0.2}

# The notebook of Muennighoff et al. 2023: fitted to C4.
C4 = {"E": np.exp(0.6254804), "A": np.exp(6.255414), "B": np.exp(7.3049974), "alpha": 0.3526596,
      "beta": 0.3526596, "R_D": 15.387756, "R_N": 5.309743}  # fmt: skip


class TestBrokenNeuralScalingLaws:
    def test_is_the_published_formula(self):
        p = BREAK | {"c2": -0.1, "g": 20.0, "f2": 0.5}
        factors = lambda x: (  # noqa: E731
            (1 + (x / 2.0) ** (1 / 0.2)) ** (-0.3 * 0.2) * (1 + (x / 40.0) ** (1 / 0.5)) ** (0.1 * 0.5)
        )
        published = 0.2 + 0.9 / factors(1.0) * D**-0.2 * factors(D)
        np.testing.assert_allclose(LAWS["bnsl2"](D, **p), published, rtol=1e-12)

    def test_without_a_break_is_the_simpler_law(self):
        plain = LAWS["power_floor"](D, E=0.2, A=0.9, alpha=0.2)
        np.testing.assert_allclose(LAWS["bnsl1"](D, **BREAK | {"c1": 0.0}), plain, rtol=1e-12)
        two = LAWS["bnsl2"](D, **BREAK, c2=0.0, g=20.0, f2=0.5)
        np.testing.assert_allclose(two, LAWS["bnsl1"](D, **BREAK), rtol=1e-12)

    def test_may_turn(self):
        loss = LAWS["bnsl1"](D, **BREAK | {"c1": -0.4})
        assert 0 < np.argmin(loss) < len(D) - 1

    @pytest.mark.parametrize("d1", [1e-80, 1e80])
    def test_a_sharp_break_far_away_is_no_trouble(self, d1):
        loss = LAWS["bnsl1"](D, **BREAK | {"d1": d1, "f1": 1e-3})
        slope = 0.5 if d1 < 1 else 0.2
        np.testing.assert_allclose(loss, 0.2 + 0.9 * D**-slope, rtol=1e-9)


class TestChinchillasKin:
    def test_one_exponent_in_both_of_its_forms(self):
        """C = 6ND and M = D/N as multiples are nd and d/n."""
        n, d = n_and_d()
        p = {"E": 1.8, "A": 0.3, "B": 0.4}
        of_n_d = LAWS["equal_exponents"](n, d, **p, alpha=0.3)
        np.testing.assert_allclose(of_n_d, LAWS["gadre"](n * d, d / n, **p, eta=0.15), rtol=1e-12)
        np.testing.assert_allclose(of_n_d, LAWS["chinchilla"](n, d, **p, alpha=0.3, beta=0.3), rtol=1e-15)

    def test_rosenfeld_is_the_published_envelope(self):
        """epsilon_0 |e / (e - i eta)| with any eta: it only sets the unit of e."""
        n, d = n_and_d()
        e0, eta = 6.9, 2.5
        e = eta / e0 * LAWS["chinchilla"](n, d, **CHINCHILLA)
        np.testing.assert_allclose(
            LAWS["rosenfeld"](n, d, **CHINCHILLA, G=e0), e0 * np.abs(e / (e - 1j * eta)), rtol=1e-12
        )

    def test_rosenfeld_is_chinchilla_far_from_guessing(self):
        n, d = n_and_d()
        far = LAWS["rosenfeld"](n, d, **CHINCHILLA, G=1e9)
        np.testing.assert_allclose(far, LAWS["chinchilla"](n, d, **CHINCHILLA), rtol=1e-14)

    def test_farseer_is_the_published_form_where_data_are_measured_from_one(self):
        a1, b1, alpha, a2, b2, beta, a3, b3, gamma = -0.12, 0.42, 0.12, 0.8, -0.3, 0.1, -0.2, 0.5, 0.17
        n, d = n_and_d()
        published = np.exp(a3 * n**gamma + b3) + np.exp(a2 * n**beta + b2) * d ** -np.exp(a1 * n**alpha + b1)
        found = LAWS["farseer"](
            n, d, E=np.exp(a3 + b3), B=np.exp(a2 + b2), beta=np.exp(a1 + b1),
            e=a3 * gamma, b=a2 * beta, h=a1 * alpha, p=gamma, q=beta, r=alpha,
        )  # fmt: skip
        np.testing.assert_allclose(found, published, rtol=1e-12)

    @pytest.mark.parametrize("n0", [1.0, 3e8])
    def test_farseer_takes_the_published_constants(self, n0):
        """Equation 15 of Li et al. 2025, with data in tokens; the power of N in the amplitude is negative."""
        a1, b1, alpha = -0.124, 0.424, 0.123
        a2, b2, beta = 88.01, -6.287, -0.1
        a3, b3, gamma = -0.021, -0.091, 0.169
        N, tokens = np.array([2e8, 2e9, 2.5e10]), np.array([1e10, 1e11, 5e11])
        slope = np.exp(a1 * N**alpha + b1)
        published = np.exp(a3 * N**gamma + b3) + np.exp(a2 * N**beta + b2) * tokens**-slope
        found = LAWS["farseer"](
            N / n0, tokens,
            E=np.exp(a3 * n0**gamma + b3), B=np.exp(a2 * n0**beta + b2), beta=np.exp(a1 * n0**alpha + b1),
            e=a3 * gamma * n0**gamma, b=a2 * beta * n0**beta, h=a1 * alpha * n0**alpha, p=gamma, q=beta, r=alpha,
        )  # fmt: skip
        np.testing.assert_allclose(found, published, rtol=1e-9)
        assert np.all((found > 0.3) & (found < 1.2))  # bits per character
        assert abs(LAWS["farseer"].priors["q"].offset(beta)) < 2


class TestRepeatedData:
    @pytest.mark.parametrize(
        ("N", "tokens", "loss"), [(6.34e9, 242e9, 2.2256440889984477), (8.67e9, 178e9, 2.2269634075087867)]
    )
    @pytest.mark.parametrize(("n0", "d0"), [(1.0, 1.0), (3e8, 2e10)])
    def test_is_the_published_law(self, N, tokens, loss, n0, d0):
        """The two losses that the paper's repository prints."""
        p = C4 | {"A": C4["A"] * n0**-0.3526596, "B": C4["B"] * d0**-0.3526596}
        found = LAWS["muennighoff"](N / n0, tokens / d0, 25e9 / d0, **p)
        assert found == pytest.approx(loss, rel=1e-14)

    def test_is_chinchilla_where_nothing_is_repeated(self):
        """Up to the parameters that the data can use, and for all as R_N grows."""
        n, d = n_and_d()
        law, plain = LAWS["muennighoff"], LAWS["chinchilla"](n, d, **CHINCHILLA)
        np.testing.assert_allclose(law(n, d, d, **CHINCHILLA, R_D=15.0, R_N=1e14), plain, rtol=1e-12)
        p = CHINCHILLA
        useful = (p["alpha"] * p["A"] / (p["beta"] * p["B"]) * d ** p["beta"]) ** (1 / p["alpha"])
        few = law(n, d, d, **p, R_D=15.0, R_N=5.0)
        np.testing.assert_allclose(few[n < useful], plain[n < useful], rtol=1e-12)
        assert np.all(few[n > 1.01 * useful] > plain[n > 1.01 * useful])

    def test_four_epochs_are_nearly_free_and_there_is_a_ceiling(self):
        assert worth(1.0, 3.0, 15.3878) / 4 == pytest.approx(0.93, abs=0.02)
        assert worth(1.0, 1e9, 15.3878) == pytest.approx(16.39, abs=0.005)


class TestRecipe:
    def test_is_chinchilla_at_the_best_learning_rate_and_batch(self):
        n, d = n_and_d()
        p = medians(LAWS["step_law"]) | CHINCHILLA
        lr, batch = best_recipe(n, d, **p)
        plain = LAWS["chinchilla"](n, d, **CHINCHILLA)
        np.testing.assert_allclose(LAWS["step_law"](n, d, lr, batch, **p), plain, rtol=1e-12)
        for off in (0.8, 1.25):
            assert np.all(LAWS["step_law"](n, d, lr * off, batch, **p) > plain)
            assert np.all(LAWS["step_law"](n, d, lr, batch * off, **p) > plain)

    def test_its_constants_are_the_published_ones(self):
        """Li et al. 2025: lr = 1.79 N^-.713 D^.307, batch = .58 D^.571 tokens."""
        reference = {"params": 4e8, "tokens": 2e10, "lr": 2e-3, "batch": 1e6}
        p = medians(LAWS["step_law"]) | {
            "lr_opt": 1.79 * 4e8**-0.713 * 2e10**0.307 / 2e-3, "lr_N": -0.713, "lr_D": 0.307,
            "batch_opt": 0.58 * 2e10**0.571 / 1e6, "batch_N": 0.0, "batch_D": 0.571,
        }  # fmt: skip
        found = LAWS["step_law"].constants(reference, **p)
        assert found == pytest.approx({"lr_1": 1.79, "batch_1": 0.58}, rel=1e-12)


class TestCovariates:
    def test_is_chinchilla_where_the_covariate_tells_nothing(self):
        n, d = n_and_d()
        flat = dict.fromkeys(("E_x", "A_x", "B_x", "alpha_x", "beta_x"), 0.0)
        plain = LAWS["chinchilla"](n, d, **CHINCHILLA)
        np.testing.assert_allclose(LAWS["covariate"](n, d, 3.0, **CHINCHILLA, **flat), plain, rtol=1e-15)
        np.testing.assert_allclose(LAWS["precision"](n, d, 1e3, **CHINCHILLA, gamma=0.3), plain, rtol=1e-15)
        nothing = {"F": 0.0, "phi": 0.3, "G": 0.0, "delta": 0.3, "gamma": 0.3}
        np.testing.assert_allclose(LAWS["sparsity"](n, d, 0.1, **CHINCHILLA, **nothing), plain, rtol=1e-15)

    def test_low_precision_counts_as_fewer_parameters(self):
        share = 1 - np.exp(-0.5 / 0.3)
        low = LAWS["precision"](2.0, 3.0, 0.5, **CHINCHILLA, gamma=0.3)
        assert low == pytest.approx(LAWS["chinchilla"](2.0 * share, 3.0, **CHINCHILLA), rel=1e-14)

    def test_parts_of_one_precision_count_as_its_cube(self):
        parts = dict.fromkeys(("gamma_w", "gamma_a", "gamma_kv"), 0.3)
        cube = (1 - np.exp(-0.5 / 0.3)) ** 3
        low = LAWS["precision_of_parts"](2.0, 3.0, 0.5, 0.5, 0.5, **CHINCHILLA, **parts)
        assert low == pytest.approx(LAWS["chinchilla"](2.0 * cube, 3.0, **CHINCHILLA), rel=1e-14)

    def test_low_precision_of_the_weights_alone_is_that_of_precision(self):
        parts = {"gamma_w": 0.3, "gamma_a": 0.2, "gamma_kv": 0.1}
        low = LAWS["precision_of_parts"](2.0, 3.0, 0.5, 1e3, 1e3, **CHINCHILLA, **parts)
        assert low == pytest.approx(LAWS["precision"](2.0, 3.0, 0.5, **CHINCHILLA, gamma=0.3), rel=1e-14)


PUBLISHED = [
    ("kaplan_n", "params", {"alpha": 0.076}, "N_c", 8.8e13, 1.0),
    ("kaplan_d", "tokens", {"alpha": 0.095}, "D_c", 5.4e13, 1.0),
    ("kaplan_c", "flops", {"alpha": 0.057}, "C_c", 1.6e7, PF_DAY),
    ("kaplan_c_min", "min_flops", {"alpha": 0.050}, "C_c", 3.1e8, PF_DAY),
]


class TestKaplan:
    @pytest.mark.parametrize(("name", "column", "exponent", "constant", "value", "unit"), PUBLISHED)
    def test_one_resource_at_a_time(self, name, column, exponent, constant, value, unit):
        law, reference = LAWS[name], {column: 3e19}
        p = exponent | {"A": (value * unit / 3e19) ** exponent["alpha"]}
        assert law.columns == (column,)
        assert law.constants(reference, **p) == pytest.approx({constant: value}, rel=1e-10)
        at = value * unit / 1e6
        assert law(at / 3e19, **p) == pytest.approx(1e6 ** exponent["alpha"], rel=1e-12)

    def test_model_size_and_steps(self):
        reference = {"params": 1e8, "min_steps": 1e4}
        p = {"A": (6.5e13 / 1e8) ** 0.077, "alpha": 0.077, "B": (2.1e3 / 1e4) ** 0.76, "alpha_S": 0.76}
        law = LAWS["kaplan_steps"]
        assert law.constants(reference, **p) == pytest.approx({"N_c": 6.5e13, "S_c": 2.1e3}, rel=1e-10)
        assert law(10.0, 3.0, **p) == pytest.approx(
            (6.5e13 / 1e9) ** 0.077 + (2.1e3 / 3e4) ** 0.76, rel=1e-12
        )


CHECKED = ("paper", "code", "second hand", "memory", "own")
"""How the rows of docs/forms.md say that a form was checked; its text says what each means."""


def forms():
    """From each law of docs/forms.md to the cells behind its name."""
    page = (Path(__file__).parents[2] / "docs" / "forms.md").read_text("utf-8")
    return {
        name: rest.split(" | ") for name, rest in re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE)
    }


def test_every_form_is_set_against_its_paper():
    """One line for each law of this package, and no other."""
    own = [law.name for law in bs.LAWS.values() if law.function.__module__.startswith("bayes_scaling.")]
    assert sorted(forms()) == sorted(own)


def test_every_form_says_how_it_was_checked():
    """And none that this package made up claims a paper; one that cites an equation does not call itself its own."""
    for name, (paper, _, checked) in forms().items():
        assert re.match(rf"({'|'.join(CHECKED)})(:|;|$)", checked), f"{name}: {checked}"
        assert checked.startswith("own") == paper.startswith("none"), name
