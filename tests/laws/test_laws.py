"""One battery that every law of the catalogue passes, later laws too; and the published numbers of each."""

import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from helpers import instant_fit, multiples, table_of
from scipy.optimize import least_squares

import bayes_scaling as bs
from bayes_scaling import InputError, LogNormal
from bayes_scaling.laws.base import Law, law
from bayes_scaling.laws.names import get_law

CATALOGUE = sorted(bs.LAWS.values(), key=lambda law: law.name)


@pytest.fixture(params=CATALOGUE, ids=lambda law: law.name)
def any_law(request):
    return request.param


@pytest.fixture
def scratch():
    """Lets a test register laws that are gone afterwards."""
    before = dict(bs.LAWS)
    yield
    bs.LAWS.clear()
    bs.LAWS.update(before)


def medians(law):
    return {name: prior.forward(prior.location) for name, prior in law.priors.items()}


def inputs(law, n=7):
    """Points around the reference, of every input."""
    rng = np.random.default_rng(4)
    return [np.exp(rng.uniform(-3, 3, n)) for _ in law.inputs]


@cache
def fit_of(name):
    """A fit of this law, and a point among its runs."""
    law = get_law(name)
    table = table_of(law, medians(law))
    runs = bs.load_runs(table, inputs=law.columns, name="simulated", response=law.response)
    at = {column: low * high for column, (low, high) in runs.extent.items() if column in law.columns}
    return instant_fit(runs, law), at


FALLING = ("N", "D", "C", "U", "C_min", "S_min", "active_share", "bits")
"""Inputs of which more never hurts, in any law but these:"""

MAY_TURN = {("farseer", "N"), ("step_law", "N"), ("step_law", "D"), ("sparsity", "active_share")}


class TestEveryLaw:
    def test_says_what_it_is(self, any_law):
        assert bs.LAWS[any_law.name] is any_law
        named = set(re.findall(r"[A-Za-z_]\w*", any_law.formula))
        assert set(any_law.parameters) <= named
        assert any_law.cite
        assert any_law.function.__doc__

    def test_is_finite_and_possible_where_its_priors_are(self, any_law):
        rng = np.random.default_rng(1)
        draws = {
            name: prior.forward(prior.location + prior.spread * rng.standard_normal((1000, 1)))
            for name, prior in any_law.priors.items()
        }
        loss = any_law(*inputs(any_law), **draws)
        assert loss.shape == (1000, 7)
        assert np.all(np.isfinite(loss))
        assert any_law.response == "score" or np.all(loss > 0)
        assert any_law.response != "share" or np.all(loss <= 1)  # 1 by rounding alone

    def test_numpy_gives_the_values_of_plain_floats(self, any_law):
        points = inputs(any_law)
        at_once = any_law(*points, **medians(any_law))
        one_by_one = [any_law(*map(float, point), **medians(any_law)) for point in zip(*points, strict=True)]
        np.testing.assert_allclose(at_once, one_by_one, rtol=1e-14)

    def test_xarray_gives_the_same_along_its_dims(self, any_law):
        import xarray as xr

        points = [xr.DataArray(x, dims="point") for x in inputs(any_law)]
        factors = np.array([1.0, 1.05])
        draws = {n: xr.DataArray(v * factors, dims="draw") for n, v in medians(any_law).items()}
        loss = any_law(*points, **draws)
        assert set(loss.dims) == {"point", "draw"}
        for i, factor in enumerate(factors):
            scaled = {name: value * factor for name, value in medians(any_law).items()}
            np.testing.assert_allclose(loss.isel(draw=i), any_law(*inputs(any_law), **scaled), rtol=1e-14)

    def test_jax_gives_the_same(self, any_law, x64):
        import jax

        parameters = {name: jax.numpy.asarray(value) for name, value in medians(any_law).items()}
        loss = jax.jit(lambda points, parameters: any_law(*points, **parameters))(inputs(any_law), parameters)
        np.testing.assert_allclose(loss, any_law(*inputs(any_law), **medians(any_law)), rtol=1e-12)

    def test_pytensor_gives_the_same(self, any_law):
        import pytensor
        import pytensor.tensor as pt

        points = [pt.vector(name) for name in any_law.inputs]
        parameters = {name: pt.scalar(name) for name in any_law.parameters}
        loss = pytensor.function(
            [*points, *parameters.values()], any_law(*points, **parameters), mode="FAST_COMPILE"
        )
        expected = any_law(*inputs(any_law), **medians(any_law))
        np.testing.assert_allclose(loss(*inputs(any_law), *medians(any_law).values()), expected, rtol=1e-12)

    def test_gradients_are_those_of_finite_differences(self, any_law, x64):
        import jax

        k = len(any_law.inputs)
        at = np.array([1.7, 0.6, 1.3, 0.8, 0.9][:k] + list(medians(any_law).values()))

        def loss(x):
            return any_law(*x[:k], **dict(zip(any_law.parameters, x[k:], strict=True)))

        step = 1e-6 * np.maximum(np.abs(at), 0.1)
        differences = [
            (loss(at + h * e) - loss(at - h * e)) / (2 * h)
            for h, e in zip(step, np.eye(len(at)), strict=True)
        ]
        np.testing.assert_allclose(jax.grad(loss)(at), differences, rtol=1e-6, atol=1e-9)

    def test_more_of_an_input_never_hurts(self, any_law):
        grid = np.exp(np.linspace(-6, 6, 101))
        for i, name in enumerate(any_law.inputs):
            if name not in FALLING or (any_law.name, name) in MAY_TURN:
                continue
            points = [grid if j == i else 1.0 for j in range(len(any_law.inputs))]
            falls = any_law.response == "loss" and not any_law.rises
            loss = any_law(*points, **medians(any_law)) * (1 if falls else -1)
            assert np.all(np.diff(loss) < 1e-14), f"rises with {name}"
            assert loss[0] > loss[-1]

    def test_its_reparametrisation_has_the_jacobian_that_it_says(self, any_law, x64):
        import jax

        if any_law.reparametrise is None:
            pytest.skip("has none")
        priors = any_law.priors

        def reparametrised(x):
            values, log_det = any_law.reparametrise(**dict(zip(priors, x, strict=True)))
            assert values.keys() == priors.keys()
            return jax.numpy.stack([values[name] for name in priors]), log_det

        at = np.random.default_rng(6).normal([p.location for p in priors.values()], 1.0, (5, len(priors)))
        jacobians, log_dets = jax.jit(jax.vmap(jax.jacobian(reparametrised, has_aux=True)))(at)
        np.testing.assert_allclose(np.linalg.slogdet(jacobians)[1], log_dets, atol=1e-9)

    def test_known_parameters_are_recovered_from_simulated_runs(self, any_law):
        """By the mode: the sampler, which other tests try, would take minutes for all laws."""
        rng = np.random.default_rng(3)
        priors, noise = any_law.priors, 1e-3
        truth = np.array([p.location + 0.5 * p.spread * rng.standard_normal() for p in priors.values()])
        location = np.array([p.location for p in priors.values()])
        spread = np.array([p.spread for p in priors.values()])

        def log_law(at, free):  # but a score as it is
            values = {n: p.forward(x) for (n, p), x in zip(priors.items(), free, strict=True)}
            found = any_law(*at, **values)
            return found if any_law.response == "score" else np.log(found)

        at = multiples(any_law, 400)
        runs = log_law(at, truth) + noise * rng.standard_normal(400)

        def misfit(free):
            return np.r_[(log_law(at, free) - runs) / noise, (free - location) / spread]

        starts = [location, *(location + 0.5 * spread * rng.standard_normal((3, len(priors))))]
        with np.errstate(over="ignore", invalid="ignore"):  # of steps that are too bold, and not taken
            modes = (least_squares(misfit, start) for start in starts)
            mode = next((found for found in modes if found.cost < 250), None)  # 200 are expected of 400 runs
        assert mode, "no start leads to a mode that explains the runs"
        sd = np.sqrt(np.diag(np.linalg.inv(mode.jac.T @ mode.jac)))
        off = (mode.x - truth) / sd
        assert np.max(np.abs(off)) < 5, dict(zip(priors, off, strict=True))
        elsewhere = multiples(any_law, 50, seed=5)
        np.testing.assert_allclose(log_law(elsewhere, mode.x), log_law(elsewhere, truth), atol=4 * noise)

    @pytest.mark.seconds
    def test_a_fit_of_it_is_used(self, any_law):
        """Beside the sampling, every verb works on the law's own inputs, or says why it cannot."""
        fit, at = fit_of(any_law.name)
        assert list(fit.predict(**at).table())[: len(any_law.columns)] == list(any_law.columns)
        assert np.all(np.isfinite(fit.summary()["median"]))
        assert fit.diagnose().warnings is not None
        if not any_law.allocates:
            with pytest.raises(InputError, match="a budget cannot be split into params and tokens"):
                fit.allocate("1e22")

    @pytest.mark.seconds
    def test_a_fit_of_it_is_saved_and_opened(self, any_law, tmp_path):
        fit, at = fit_of(any_law.name)
        again = bs.open_fit(fit.save(tmp_path / "fit.nc"))
        assert (again.law, again.runs.inputs) == (fit.law, fit.runs.inputs)
        np.testing.assert_array_equal(again.predict(**at).new_run, fit.predict(**at).new_run)

    def test_an_unknown_parameter_or_input_is_refused(self, any_law):
        with pytest.raises(TypeError, match="unexpected keyword"):
            any_law(*inputs(any_law), **medians(any_law), zeta=1.0)
        with pytest.raises(TypeError, match="positional argument"):
            any_law(*inputs(any_law), 1.0, **medians(any_law))

    def test_its_constants_do_not_depend_on_where_it_is_centred(self, any_law):
        """The law of the constants is the same at any reference: centring is bookkeeping."""
        if any_law.constants is None or not {"A", "B", "alpha", "beta"} <= set(any_law.parameters):
            pytest.skip("prints no constants of two power terms")
        p = medians(any_law)
        if any_law.name == "step_law":
            pytest.skip("its constants are tested below")
        here = any_law.constants({"params": 1e9, "tokens": 2e10}, **p)
        moved = p | {"A": p["A"] * 4.0 ** -p["alpha"], "B": p["B"] * 0.5 ** -p["beta"]}
        there = any_law.constants({"params": 4e9, "tokens": 1e10}, **moved)
        assert here == pytest.approx(there, rel=1e-12)

    def test_other_priors_make_another_law_of_the_same_family(self, any_law):
        name = any_law.parameters[0]
        tight = any_law.with_priors({name: LogNormal(1.5, 0.01)})
        assert tight.priors[name] == LogNormal(1.5, 0.01)
        assert tight.priors.keys() == any_law.priors.keys()
        assert tight != any_law
        assert bs.LAWS[any_law.name] is any_law
        assert any_law.with_priors({}) == any_law
        assert hash(any_law.with_priors({})) == hash(any_law)

    def test_a_prior_for_a_parameter_that_it_does_not_have_is_refused(self, any_law):
        has = ", ".join(any_law.parameters)
        message = f"law {any_law.name!r} has no parameter 'zeta'; its parameters are {has}"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            any_law.with_priors({"zeta": LogNormal(1.0, 1.0)})


@pytest.fixture
def x64():
    """JAX in float64, as sampling sets it."""
    import jax

    with jax.enable_x64(True):
        yield


class TestDeclaration:
    def declare(self, function, **priors):
        return law(formula="E + A N^-1", cite="nobody", **priors)(function)

    def test_a_parameter_without_a_prior_is_refused_by_name(self, scratch):
        def lonely(N, *, E, A):
            """A law."""

        message = "law 'lonely': 'A' has no prior; declare both or neither"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            self.declare(lonely, E=LogNormal(1.7, 0.3))
        assert "lonely" not in bs.LAWS

    def test_a_prior_without_a_parameter_is_refused_by_name(self, scratch):
        def lonely(N, *, E):
            """A law."""

        message = "law 'lonely': 'A' has no keyword-only parameter of the function; declare both or neither"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            self.declare(lonely, E=LogNormal(1.7, 0.3), A=LogNormal(0.3, 1.0))

    def test_a_name_that_is_taken_is_refused(self, scratch):
        def chinchilla(N, *, E):
            """Another law."""

        message = "a law named 'chinchilla' is already registered; choose another name"
        before = bs.LAWS["chinchilla"]
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            self.declare(chinchilla, E=LogNormal(1.7, 0.3))
        assert bs.LAWS["chinchilla"] is before

    def test_parameters_stand_in_the_order_of_the_function(self, scratch):
        def ordered(N, Z, *, E, A, k):
            """A law."""

        made = self.declare(ordered, k=LogNormal(1.0, 0.1), A=LogNormal(0.3, 1.0), E=LogNormal(1.7, 0.3))
        assert made.parameters == ("E", "A", "k")
        assert made.inputs == ("N", "Z")
        assert made.columns == ("params", "Z")
        assert get_law("ordered") is made

    def test_a_letter_of_the_field_is_read_from_its_column(self, scratch):
        def of_compute(C, *, E):
            """A law."""

        assert self.declare(of_compute, E=LogNormal(1.7, 0.3)).columns == ("flops",)


class TestGetLaw:
    def test_a_law_is_its_own_name(self):
        assert get_law(bs.LAWS["kaplan"]) is bs.LAWS["kaplan"]

    def test_a_slip_of_the_pen_gets_a_suggestion(self):
        names = ", ".join(sorted(bs.LAWS))
        message = f"unknown law 'chinchila': did you mean 'chinchilla'? the laws are {names}"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            get_law("chinchila")

    def test_a_name_like_no_other_gets_the_list(self):
        message = f"unknown law 'xyz': the laws are {', '.join(sorted(bs.LAWS))}"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            get_law("xyz")


def centred(law, reference, **published):
    """Parameters at a reference point from constants at N = D = 1."""
    return published | {
        "A": published["A"] * reference["params"] ** -published["alpha"],
        "B": published["B"] * reference["tokens"] ** -published["beta"],
    }


HOFFMANN = {"E": 1.6934, "A": 406.4, "B": 410.7, "alpha": 0.33917, "beta": 0.28491}
REFERENCE = {"params": 1.3e9, "tokens": 2.7e10}


class TestChinchilla:
    def test_is_the_published_law(self):
        """Hoffmann et al. 2022, equation 10, at 70B parameters and 1.4T tokens."""
        N, D = 70e9, 1.4e12
        p = HOFFMANN
        published = p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"]
        law = bs.LAWS["chinchilla"]
        at = (N / REFERENCE["params"], D / REFERENCE["tokens"])
        assert law(*at, **centred(law, REFERENCE, **p)) == pytest.approx(published, rel=1e-12)

    def test_its_constants_are_the_published_ones(self):
        law = bs.LAWS["chinchilla"]
        found = law.constants(REFERENCE, **centred(law, REFERENCE, **HOFFMANN))
        assert found["A_1"] == pytest.approx(406.4, rel=1e-12)
        assert found["B_1"] == pytest.approx(410.7, rel=1e-12)
        assert found["a"] == pytest.approx(0.28491 / (0.33917 + 0.28491), rel=1e-12)
        assert found["a"] == pytest.approx(0.4565, abs=5e-5)

    @pytest.mark.parametrize(
        ("constants", "tokens_per_param"),
        [
            # As published; and refitted to the same runs by Besiroglu et al. 2024, arXiv:2404.10102.
            (HOFFMANN, 59.0),
            ({"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}, 18.4),
        ],
    )
    def test_the_optimum_at_the_budget_of_chinchilla(self, constants, tokens_per_param):
        from bayes_scaling.planning.optimise import closed_form

        law = bs.LAWS["chinchilla"]
        product = 5.88e23 / 6 / (REFERENCE["params"] * REFERENCE["tokens"])
        n = np.exp(closed_form(law, centred(law, REFERENCE, **constants), product))
        ratio = (product / n * REFERENCE["tokens"]) / (n * REFERENCE["params"])
        assert ratio == pytest.approx(tokens_per_param, abs=0.05)

    def test_the_exponent_of_the_optimum_is_a(self):
        from bayes_scaling.planning.optimise import closed_form

        law = bs.LAWS["chinchilla"]
        parameters = centred(law, REFERENCE, **HOFFMANN)
        low, high = (closed_form(law, parameters, product) for product in (1.0, 100.0))
        a = law.constants(REFERENCE, **parameters)["a"]
        assert (high - low) / np.log(100.0) == pytest.approx(a, rel=1e-12)


class TestSkaling:
    def test_is_chinchilla_at_k_one(self):
        N, D = np.exp(np.random.default_rng(2).uniform(-4, 4, (2, 20)))
        parameters = medians(bs.LAWS["chinchilla"])
        coupled, plain = (
            bs.LAWS["skaling"](N, D, **parameters, k=1.0),
            bs.LAWS["chinchilla"](N, D, **parameters),
        )
        np.testing.assert_allclose(coupled, plain, rtol=4e-16)  # the terms add up in another order

    def test_the_outer_exponent_bends_the_joint_shortage(self):
        p = {"E": 1.7, "A": 0.3, "B": 0.4, "alpha": 0.3, "beta": 0.3}
        both = (0.3**0.5 + 0.4**0.5) ** 2
        assert bs.LAWS["skaling"](1.0, 1.0, **p, k=2.0) == pytest.approx(1.7 + both, rel=1e-14)

    def test_with_endless_data_k_does_not_matter(self):
        p = {"E": 1.7, "A": 0.3, "B": 0.4, "alpha": 0.3, "beta": 0.3}
        for k in (0.5, 2.0):
            assert bs.LAWS["skaling"](3.0, 1e60, **p, k=k) == pytest.approx(1.7 + 0.3 * 3**-0.3, rel=1e-6)


class TestKaplan:
    ALPHA_N, ALPHA_D, N_C, D_C = 0.076, 0.103, 6.4e13, 1.8e13

    def parameters(self, reference):
        return {
            "A": (self.N_C / reference["params"]) ** self.ALPHA_N,
            "B": (self.D_C / reference["tokens"]) ** self.ALPHA_D,
            "alpha": self.ALPHA_N,
            "beta": self.ALPHA_D,
        }

    @pytest.mark.parametrize("reference", [REFERENCE, {"params": 1e6, "tokens": 1e12}])
    def test_is_the_published_law_where_nothing_is_irreducible(self, reference):
        """Kaplan et al. 2020, equation 1.5 with the constants of section 1.2."""
        rng = np.random.default_rng(3)
        N, D = 10 ** rng.uniform(6, 10, 20), 10 ** rng.uniform(8, 11, 20)
        published = ((self.N_C / N) ** (self.ALPHA_N / self.ALPHA_D) + self.D_C / D) ** self.ALPHA_D
        at = (N / reference["params"], D / reference["tokens"])
        found = bs.LAWS["kaplan"](*at, E=0.0, **self.parameters(reference))
        np.testing.assert_allclose(found, published, rtol=1e-12)

    def test_its_constants_are_the_published_ones(self):
        found = bs.LAWS["kaplan"].constants(REFERENCE, E=0.0, **self.parameters(REFERENCE))
        assert found["N_c"] == pytest.approx(6.4e13, rel=1e-10)
        assert found["D_c"] == pytest.approx(1.8e13, rel=1e-10)
        assert found["a"] == pytest.approx(0.103 / (0.103 + 0.076), rel=1e-12)

    def test_endless_data_or_an_endless_model_leave_one_term(self):
        p = {"E": 1.2, "A": 0.6, "B": 0.5, "alpha": 0.2, "beta": 0.3}
        assert bs.LAWS["kaplan"](2.0, 1e30, **p) == pytest.approx(1.2 + 0.6 * 2**-0.2, rel=1e-8)
        assert bs.LAWS["kaplan"](1e40, 2.0, **p) == pytest.approx(1.2 + 0.5 * 2**-0.3, rel=1e-8)


def test_a_law_needs_no_registration(truth):
    mine = Law("mine", bs.LAWS["chinchilla"].function, bs.LAWS["chinchilla"].priors, "formula", "me")
    assert mine(1.0, 1.0, **truth) == pytest.approx(1.8 + 0.35 + 0.3)
    assert "mine" not in bs.LAWS


def test_a_parameter_is_what_it_is_in_its_own_law():
    laws = bs.LAWS
    assert laws["chinchilla"].meaning("A") == "loss from finite N at the reference"
    assert laws["power_floor"].meaning("A") == "loss above E at the reference"
    assert laws["kaplan_c"].meaning("alpha") == "exponent of C"
    assert laws["m3"].over("examples").meaning("alpha") == "exponent of examples"
    assert laws["skaling"].meaning("k") == "outer exponent"
    assert laws["covariate"].meaning("A_x") == "power of the covariate in A"
    assert laws["power_law"].over("steps").meaning("A_1") == "A at steps = 1"


def test_the_catalogue_is_listed_without_numpy():
    code = "import sys, bayes_scaling as bs; bs.LAWS; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
