"""The PyMC model, and that what is sampled is that model."""

import re

import jax
import numpy as np
import pytest
from helpers import small_table
from scipy import stats

import bayes_scaling as bs
from bayes_scaling import InputError, Noise
from bayes_scaling.model.build import build_model
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import as_noise
from bayes_scaling.model.pooling import resolve_pooling
from bayes_scaling.model.structure import structure
from bayes_scaling.sampling.engine import engine, prior_draws
from bayes_scaling.sampling.find_map import Geometry
from bayes_scaling.sampling.jax_model import program
from bayes_scaling.sampling.transport_map import adapted

CHINCHILLA = bs.LAWS["chinchilla"]


def from_prior(shape, draws):
    return prior_draws(engine(shape), draws, 3)


MIXED = {"E": "none", "A": "complete", "sigma": "complete", "beta": "none"}

CASES = {
    "one group": (["a"], {}, "constant", None),
    "one group, slope, replicates": (["a"], {"replicates": 3}, "flops", None),
    "complete": (["a", "b"], {}, "constant", "complete"),
    "none": (["a", "b"], {}, "constant", "none"),
    "partial": (["a", "b", "c"], {}, "constant", "partial"),
    "many groups, partial": (list("abcdefghijkl"), {}, "constant", "partial"),
    "many groups, none": (list("abcdefghijkl"), {}, "constant", "none"),
    "many groups, mixed, slope": (list("abcdefghijkl"), {}, "tokens", MIXED),
    "trajectories": (["a"], {"checkpoints": 3, "loss_se": True}, "constant", None),
    "trajectories, partial": (["a", "b"], {"checkpoints": 3}, "constant", "partial"),
    "undertuned, replicates": (["a"], {"replicates": 2}, "undertuned", None),
    "mixed, slope, replicates, measured": (["a", "b"], {"replicates": 2, "loss_se": True}, "tokens", MIXED),
}


def log_population(x, mean, offset, prior):
    """Of one parameter: log p(x, mean, offset) - log p(x), of the groups' values and their population."""
    groups, nodes = len(x), np.linspace(-9, 9, 4001)

    def given(offset):
        ratio = prior.tau(offset) / prior.spread
        return stats.multivariate_normal(np.zeros(groups), ratio**2 * np.eye(groups) + 1).logpdf(x)

    total = np.trapezoid(np.exp([given(t) for t in nodes]) * stats.norm.pdf(nodes), nodes)
    around = stats.norm.logpdf(x, mean, prior.tau(offset) / prior.spread).sum()
    return around + stats.norm.logpdf([mean, offset]).sum() - np.log(total)


def assert_same_density(runs, law, noise, pooling):
    """The Jacobian is differentiated; a population that is integrated out is so by another rule."""
    shape, data = structure(runs, law, noise, pooling), model_data(runs, law, noise)
    geometry = Geometry(program(shape))
    # A map that bends in every way.
    skew = np.random.default_rng(1).standard_normal((400, geometry.layout.n))
    skew += 0.3 * skew[:, :1] ** 2 + 0.2 * skew * skew[:, :1]
    transport = adapted(geometry.find(data), skew, bends=True)
    of_model = build_model(runs, law, noise, pooling).compile_logp(mode="FAST_COMPILE")
    point = jax.jit(lambda xi: geometry.point(xi, transport, data)[0])
    jacobian = jax.jit(jax.jacfwd(lambda xi: jax.numpy.concatenate([x.ravel() for x in point(xi)])))
    log_density = jax.jit(lambda xi: geometry.log_density(xi, transport, data))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        xi = rng.standard_normal(geometry.layout.n)
        at = point(xi)
        numbers = rng.random(geometry.drawn), rng.standard_normal(geometry.drawn)
        free = {k: np.asarray(v) for k, v in geometry.free(at, *numbers).items()}
        expected = float(of_model(free)) + np.linalg.slogdet(jacobian(xi))[1]
        for i, (name, column) in enumerate(zip(shape.pooled("partial"), geometry.partial, strict=True)):
            prior, x = shape.priors[name], np.asarray(at.own)[:, column]
            mean = free["mean"][shape.pooled("complete", "partial").index(name)]
            offset = free["tau_offset"][i]
            # The model has offsets in units of tau where the map has parameters.
            expected -= len(x) * np.log(prior.tau(offset) / prior.spread)
            if geometry.drawn:
                expected -= log_population(x, mean, offset, prior)
        assert float(log_density(xi)) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.sampling
def test_the_density_that_is_sampled_is_that_of_the_pymc_model(case):
    groups, table, noise, pooling = CASES[case]
    assert_same_density(small_table(groups, **table), CHINCHILLA, as_noise(noise), pooling)


@pytest.mark.parametrize("law", ["power_floor", "gpt4:tokens"])
@pytest.mark.sampling
def test_so_it_is_along_a_curve_whose_law_is_as_wide_as_its_discrepancy(law):
    """With a law's reparametrisation, and without."""
    table = small_table(["a"]).table[["tokens", "loss"]]
    runs = bs.load_runs(table, inputs="tokens", name="curve")
    family = bs.laws.get_law(law)
    assert (family.reparametrise is None) == (law != "power_floor")
    assert_same_density(runs, family, as_noise("curve"), None)


@pytest.mark.seconds
def test_curves_that_share_one_law_are_sampled_from_that_model():
    table = small_table(["a", "b", "c"]).table[["tokens", "loss", "group"]]
    runs = bs.load_runs(table, inputs="tokens", name="curves")
    assert_same_density(runs, bs.LAWS["power_floor"], as_noise("curve"), "complete")


@pytest.mark.seconds
class TestNames:
    def shapes(self, runs, noise=None, pooling=None):
        drawn = from_prior(structure(runs, CHINCHILLA, noise or Noise(), pooling), 3)
        return {name: values.shape[1:] for name, values in drawn.items()}

    def test_one_group_has_scalars_and_no_population(self):
        expected = dict.fromkeys(("E", "A", "B", "alpha", "beta", "sigma", "nu"), ())
        assert self.shapes(small_table(["a"])) == expected

    def test_groups_have_a_population_where_they_are_partially_pooled(self):
        by_group = dict.fromkeys(("E", "B", "alpha", "beta"), (2,))
        shared = ("A", "sigma", "nu", "B_population", "B_tau", "alpha_population", "alpha_tau")
        assert self.shapes(small_table(["a", "b"]), pooling=MIXED) == by_group | dict.fromkeys(shared, ())

    def test_the_layers_of_noise_appear_where_data_can_tell_them(self):
        many = self.shapes(small_table(["a"], replicates=3), as_noise("flops"))
        assert many.keys() - self.shapes(small_table(["a"])).keys() == {"lack_of_fit", "slope"}


@pytest.fixture(scope="module")
def drawn():
    """Prior draws of a model that pools its parameters in several ways."""
    pooling = {"E": "complete", "B": "none"}
    return from_prior(structure(small_table(["a", "b"]), CHINCHILLA, Noise(), pooling), 20_000)


@pytest.mark.seconds
class TestPriorDraws:
    def assert_distributed(self, draws, distribution):
        assert stats.kstest(draws, distribution.cdf).pvalue > 0.001

    def test_tau_is_log_normal_and_nine_tenths_of_it_between_a_quarter_and_1_4_of_its_scale(self, drawn):
        scale = CHINCHILLA.priors["A"].group_spread
        self.assert_distributed(drawn["A_tau"], stats.lognorm(0.5, scale=0.6 * scale))
        assert np.quantile(drawn["A_tau"], [0.05, 0.95]) / scale == pytest.approx([0.26, 1.37], abs=0.03)

    def test_a_pooled_parameter_has_its_prior(self, drawn):
        prior = CHINCHILLA.priors["E"]
        self.assert_distributed(np.log(drawn["E"]), stats.norm(np.log(prior.median), prior.spread))

    def test_a_population_has_its_prior(self, drawn):
        prior = CHINCHILLA.priors["alpha"]
        self.assert_distributed(
            np.log(drawn["alpha_population"]), stats.norm(np.log(prior.median), prior.spread)
        )

    def test_groups_scatter_around_their_population_by_tau(self, drawn):
        z = np.log(drawn["A"] / drawn["A_population"][:, None]) / drawn["A_tau"][:, None]
        self.assert_distributed(z[:, 0], stats.norm())
        self.assert_distributed(z[:, 1], stats.norm())
        assert abs(np.corrcoef(z.T)[0, 1]) < 0.03

    def test_the_degrees_of_freedom_stay_above_one(self, drawn):
        prior = Noise().nu
        self.assert_distributed(np.log(drawn["nu"] - 1), stats.norm(np.log(6.0), prior.spread))

    def test_without_pooling_every_group_has_the_whole_prior_to_itself(self, drawn):
        free = np.log(drawn["B"])
        prior = CHINCHILLA.priors["B"]
        self.assert_distributed(free[:, 0], stats.norm(np.log(prior.median), prior.spread))
        assert abs(np.corrcoef(free.T)[0, 1]) < 0.03


class TestPooling:
    def test_default_is_partial_where_there_are_groups(self):
        assert set(dict(resolve_pooling(CHINCHILLA, 2, None)).values()) == {"partial"}
        assert set(dict(resolve_pooling(CHINCHILLA, 1, None)).values()) == {"complete"}

    def test_one_parameter_can_be_chosen(self):
        chosen = dict(resolve_pooling(CHINCHILLA, 3, {"E": "none"}))
        assert chosen == dict.fromkeys(("E", "A", "B", "alpha", "beta", "sigma"), "partial") | {"E": "none"}

    def test_a_single_group_has_nothing_to_pool(self):
        assert set(dict(resolve_pooling(CHINCHILLA, 1, "none")).values()) == {"complete"}

    @pytest.mark.parametrize(
        ("pooling", "message"),
        [
            (
                {"gamma": "partial"},
                "pooling names 'gamma', which law 'chinchilla' does not have; "
                "it has E, A, B, alpha, beta, sigma",
            ),
            ({"E": "full"}, "pooling of 'E' is 'full'; expected one of complete, partial, none"),
            ("full", "pooling of 'E' is 'full'; expected one of complete, partial, none"),
        ],
    )
    def test_what_cannot_be_is_refused(self, pooling, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            resolve_pooling(CHINCHILLA, 2, pooling)


def test_tables_of_one_shape_share_a_structure():
    one, other = (small_table(groups) for groups in (["a", "b"], ["c", "d"]))
    assert structure(one, CHINCHILLA, Noise()) == structure(other, CHINCHILLA, Noise())
    assert hash(structure(one, CHINCHILLA, Noise())) == hash(structure(other, CHINCHILLA, Noise()))
    assert structure(one, CHINCHILLA, Noise()) != structure(small_table(["a"]), CHINCHILLA, Noise())


def test_a_model_is_no_part_of_the_one_in_whose_block_it_is_built():
    """As in ``with model: fit = bs.Fit.from_draws(model, pm.sample())``, which ended in PyMC's 'Duplicate' error."""
    outer = bs.build_model(small_table(["a"]))
    with outer:
        inner = bs.build_model(small_table(["b", "c"]))
    assert inner.parent is None
    assert len(inner.coords["run"]) == 2 * len(outer.coords["run"])
    assert [v.name for v in inner.observed_RVs] == [v.name for v in outer.observed_RVs] == ["log_loss"]
