"""Roles of parameters, and slopes, exponents and limits by differentiation: for every law and for one of a stranger."""

import numpy as np
import pytest
import xarray as xr
from scipy.differentiate import derivative

import bayes_scaling as bs
from bayes_scaling import InputError, LogNormal, Normal
from bayes_scaling.laws import derivatives
from bayes_scaling.laws.base import Law, law
from bayes_scaling.laws.roles import Kind, amplitude, coupling, exponent, irreducible


def corpora(N, images, quality, *, floor, loss_n, loss_i, of_n, of_i, of_q):
    """An additive law of images, whose amplitude falls with their quality; no name of it is known elsewhere."""
    return floor + loss_n * N**-of_n + loss_i * images**-of_i * quality**-of_q


CUSTOM = Law(
    "corpora",
    corpora,
    {
        "floor": LogNormal(0.5, 0.3), "loss_n": LogNormal(0.3, 0.5), "loss_i": LogNormal(0.4, 0.5),
        "of_n": LogNormal(0.25, 0.2), "of_i": LogNormal(0.45, 0.2), "of_q": Normal(0.2, 0.1),
    },
    "floor + loss_n N^-of_n + loss_i images^-of_i quality^-of_q",
    "nobody",
    roles={
        "floor": irreducible(), "loss_n": amplitude("N"), "loss_i": amplitude("images"),
        "of_n": exponent("N"), "of_i": exponent("images"), "of_q": exponent("quality"),
    },
    resources=("N", "images"),
)  # fmt: skip

EVERY = [*sorted(bs.LAWS.values(), key=lambda law: law.name), CUSTOM]
OF_LOSSES = [law for law in EVERY if law.response == "loss"]
every_law = pytest.mark.parametrize("any_law", EVERY, ids=lambda law: law.name)
every_law_of_losses = pytest.mark.parametrize("any_law", OF_LOSSES, ids=lambda law: law.name)


def medians(law):
    return {name: prior.forward(prior.location) for name, prior in law.priors.items()}


def somewhere(law):
    """A point where nothing is at its reference."""
    return dict(zip(law.inputs, (1.7, 2.9, 1.3, 0.8, 0.9), strict=False))


def numeric_slope(f, x):
    """d f / d log x by SciPy, which knows nothing of this package."""
    found = derivative(np.vectorize(lambda u: f(np.exp(u))), np.log(x), initial_step=0.01)
    return float(found.df)


def moved(law, name, by=0.2):
    """The medians, with one parameter a little larger on its free scale."""
    prior = law.priors[name]
    return medians(law) | {name: prior.forward(prior.location + by * prior.spread)}


class TestRoles:
    @every_law
    def test_every_parameter_has_one_and_a_meaning(self, any_law):
        for name, role in any_law.roles.items():
            assert role.kind is not Kind.OTHER, name
            assert any_law.meaning(name), name
        assert tuple(any_law.roles) == any_law.parameters

    @every_law
    def test_an_exponent_changes_the_slope_along_its_input(self, any_law):
        at = somewhere(any_law)
        for name in any_law.with_kind(Kind.EXPONENT):
            for x in any_law.roles[name].of:
                before, after = (
                    derivatives.local_slope(any_law, at, p, x)
                    for p in (medians(any_law), moved(any_law, name))
                )
                assert abs(after - before) > 1e-6, (name, x)

    @every_law
    def test_an_amplitude_changes_what_is_lost_at_the_reference(self, any_law):
        at = dict.fromkeys(any_law.inputs, 1.0)
        for name in any_law.with_kind(Kind.AMPLITUDE):
            before, after = (
                derivatives.evaluate(any_law, at, p) for p in (medians(any_law), moved(any_law, name))
            )
            assert abs(after - before) > 1e-6, name

    @every_law_of_losses
    def test_what_is_irreducible_is_left_by_endless_scale(self, any_law):
        for name in any_law.with_kind(Kind.IRREDUCIBLE):
            before, after = (
                derivatives.endless(any_law, {}, p) for p in (medians(any_law), moved(any_law, name))
            )
            assert after > before + 1e-3

    def test_what_bends_a_curve_and_what_moves_it(self):
        bends = {law: [n for n, r in bs.LAWS[law].roles.items() if r.bends] for law in ("bnsl1", "covariate")}
        assert bends["bnsl1"] == ["c0", "c1", "f1"]
        assert {"alpha", "beta", "alpha_x", "beta_x"} <= set(bends["covariate"])
        assert not {"E", "A", "B"} & set(bends["covariate"])

    def test_an_undeclared_role_is_no_mistake_but_a_wrong_one_is(self):
        priors = {"E": LogNormal(1.0, 0.1)}
        plain = Law("plain", lambda N, *, E: E + N**-0.3, priors, "E + N^-0.3", "nobody")
        assert plain.roles["E"].kind is Kind.OTHER
        assert plain.meaning("E") == ""
        with pytest.raises(InputError, match="'A' has a role and is no parameter"):
            Law("wrong", plain.function, priors, "E", "nobody", roles={"A": irreducible()})
        with pytest.raises(InputError, match="'D' is no input of the function, which takes N"):
            Law("wrong", plain.function, priors, "E", "nobody", roles={"E": coupling("both", "D")})


class TestDerivatives:
    @every_law
    def test_local_slopes(self, any_law):
        at, p = somewhere(any_law), medians(any_law)
        on_scale = np.asarray if any_law.response == "score" else np.log
        for x in any_law.inputs:
            found = derivatives.local_slope(any_law, at, p, x)
            expected = numeric_slope(
                lambda value, x=x: on_scale(any_law(*{**at, x: value}.values(), **p)), at[x]
            )
            assert found == pytest.approx(expected, abs=1e-6), x

    @every_law_of_losses
    @pytest.mark.parametrize("alone", [True, False])
    def test_local_exponents_are_slopes_of_what_lies_above_the_limit(self, any_law, alone):
        at, p = somewhere(any_law), medians(any_law)
        end = dict.fromkeys(any_law.resources, 1e120)
        floor = any_law(*(at | end).values(), **p)
        for x in any_law.resources:

            def reducible(value, x=x):
                others = end if alone else {}
                return any_law(*(at | others | {x: value}).values(), **p) - floor

            with np.errstate(all="ignore"):
                expected = -numeric_slope(reducible, at[x]) / reducible(at[x])
            found = derivatives.local_exponent(any_law, at, p, x, alone=alone)
            if np.isfinite(expected) and reducible(at[x]) > 0:  # a fixed recipe is no limit of step_law
                assert found == pytest.approx(expected, abs=1e-3), x
            else:
                assert not np.isfinite(found)

    @every_law
    def test_a_doubling_is_a_difference_of_the_law(self, any_law):
        at, p = somewhere(any_law), medians(any_law)
        x = any_law.inputs[0]
        expected = any_law(*at.values(), **p) - any_law(*(at | {x: 2 * at[x]}).values(), **p)
        assert derivatives.doubling(any_law, at, p, x) == pytest.approx(expected, rel=1e-12)

    @every_law_of_losses
    def test_draws_keep_their_dims_and_values(self, any_law):
        draws = {
            n: xr.DataArray(np.stack([v, moved(any_law, n)[n]]), dims="draw")
            for n, v in medians(any_law).items()
        }
        at = {x: xr.DataArray([1.0, 3.0], dims="point") for x in any_law.inputs[:1]}
        found = derivatives.local_slope(any_law, at, draws, any_law.inputs[0])
        assert set(found.dims) == {"draw", "point"}
        one = {n: float(v[1]) for n, v in draws.items()}
        alone = derivatives.local_slope(any_law, {any_law.inputs[0]: 3.0}, one, any_law.inputs[0])
        assert float(found.isel(draw=1, point=1)) == pytest.approx(float(alone), abs=1e-9)


POWERS = {
    "chinchilla": {"params": "alpha", "tokens": "beta"},
    "skaling": {"params": "alpha", "tokens": "beta"},
    "kaplan": {"params": "alpha", "tokens": "beta"},
    "equal_exponents": {"params": "alpha", "tokens": "alpha"},
    "covariate": {"params": "alpha", "tokens": "beta"},
    "precision": {"params": "alpha", "tokens": "beta"},
    "precision_of_parts": {"params": "alpha", "tokens": "beta"},
    "step_law": {"params": "alpha", "tokens": "beta"},
    "muennighoff": {"params": "alpha", "tokens": "beta", "unique_tokens": "beta"},
    "kaplan_steps": {"params": "alpha", "min_steps": "alpha_S"},
    "kaplan_n": {"params": "alpha"},
    "power_floor": {"tokens": "alpha"},
    "gpt4": {"flops": "alpha"},
}


class TestExponents:
    def test_inputs_that_act_as_one_product_have_its_exponent(self):
        priors = {"E": LogNormal(1.5, 0.1), "A": LogNormal(0.4, 0.1), "alpha": LogNormal(0.2, 0.1)}
        joint = Law(
            "joint",
            lambda N, D, *, E, A, alpha: E + A * (N * D) ** -alpha,
            priors,
            "E + A (N D)^-alpha",
            "me",
        )
        found = derivatives.exponents(joint, somewhere(joint), medians(joint))
        assert found == pytest.approx({"params": 0.2, "tokens": 0.2}, abs=1e-6)
        shape = bs.LAWS["depth_width"]
        found = derivatives.exponents(shape, {}, medians(shape) | {"k": 0.0})
        alpha = medians(shape)["alpha"]
        assert found == pytest.approx({"d_model": 2 * alpha, "n_layer": alpha}, abs=1e-6)

    @pytest.mark.parametrize("k", [0.7, 1.1, 2.6])
    def test_of_depth_and_width_where_further_layers_are_wasted(self, k):
        """Endless layers are no help there: numbers this large are not endless, and had an exponent of their own."""
        shape, at = bs.LAWS["depth_width"], {"d_model": 0.7, "n_layer": 1.4}
        p = medians(shape) | {"k": k}
        found = derivatives.exponents(shape, at, p)
        for x in at:
            expected = -numeric_slope(
                lambda value, x=x: np.log(shape(*(at | {x: value}).values(), **p) - p["E"]), at[x]
            )
            assert found[x] == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize("name", POWERS)
    def test_are_the_parameters_of_laws_that_are_powers(self, name):
        p = medians(bs.LAWS[name]) | {"alpha": 0.31, "beta": 0.23}
        p = {n: p[n] for n in bs.LAWS[name].parameters} | ({"k": 1.6} if name == "skaling" else {})
        found = derivatives.exponents(bs.LAWS[name], {}, p)
        assert found == pytest.approx({column: p[n] for column, n in POWERS[name].items()}, abs=1e-6)

    def test_of_a_law_of_compute_and_tokens_per_parameter(self):
        p = medians(bs.LAWS["gadre"])
        found = derivatives.exponents(bs.LAWS["gadre"], {}, p)
        eta = p["eta"]
        assert found == pytest.approx({"flops": eta, "params": 2 * eta, "tokens": 2 * eta}, abs=1e-6)

    def test_of_a_strangers_law(self):
        found = derivatives.exponents(CUSTOM, {"quality": 2.0}, medians(CUSTOM))
        assert found == pytest.approx({"params": 0.25, "images": 0.45}, abs=1e-6)

    def test_are_left_out_where_the_loss_has_no_limit(self):
        p = medians(bs.LAWS["bnsl1"])
        assert "tokens" in derivatives.exponents(bs.LAWS["bnsl1"], {}, p)
        assert derivatives.exponents(bs.LAWS["bnsl1"], {}, p | {"c1": -1.0}) == {}

    def test_a_share_has_none(self):
        law = bs.LAWS["task_of_loss"]
        with pytest.raises(InputError, match="gives a share, not a loss"):
            derivatives.exponents(law, {}, medians(law))

    def test_an_input_that_the_law_does_not_have_is_refused(self):
        with pytest.raises(InputError, match="law 'chinchilla' has no input 'U'; its inputs are N, D"):
            derivatives.evaluate(bs.LAWS["chinchilla"], {"U": 1.0}, medians(bs.LAWS["chinchilla"]))


class TestAgain:
    """A cell of a notebook that is run twice."""

    def declare(self, shift, module="__main__"):
        def mine(N, *, E):
            return E + shift + 0 * N

        mine.__module__ = module
        return law(formula="E", cite="nobody", also=("ours",), E=LogNormal(1.0, 0.1))(mine)

    @pytest.fixture(autouse=True)
    def scratch(self):
        before = dict(bs.LAWS)
        yield
        bs.LAWS.clear()
        bs.LAWS.update(before)

    def test_replaces_the_law_and_leaves_the_old_one_as_it_was(self):
        old, new = self.declare(0.0), self.declare(1.0)
        assert bs.LAWS["mine"] is new
        assert bs.laws.get_law("ours") is new
        assert (old(1.0, E=1.0), new(1.0, E=1.0)) == (1.0, 2.0)

    def test_in_another_module_is_refused(self):
        old = self.declare(0.0)
        with pytest.raises(InputError, match="a law named 'mine' is already registered"):
            self.declare(1.0, module="elsewhere")
        assert bs.LAWS["mine"] is old
