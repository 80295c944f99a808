"""The noise layer against SciPy's densities."""

import json
import re
from typing import ClassVar

import numpy as np
import pytest
from scipy import stats

from bayes_scaling import LAWS, Discrepancy, Drift, InputError, LogNormal, Noise, Shares, Undertuned
from bayes_scaling.model.likelihood import (
    cluster_log_likelihood,
    of_trajectory,
    run_scale,
    single_log_likelihood,
    two_piece_log_likelihood,
)
from bayes_scaling.model.noise import NOISES, as_noise, noise_from_dict, usual_noise

CLUSTERS = np.array([0, 1, 0, 2, 1, 0, 3])
"""Seven rows in four clusters of sizes 3, 2, 1 and 1."""


def totals_of(clusters):
    return lambda rows: np.bincount(clusters, weights=rows, minlength=clusters.max() + 1)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return {
        "residual": 0.02 * rng.standard_normal(7),
        # A row's own noise with its measurement variance.
        "variance": np.full(7, 0.004**2) + rng.uniform(0, 0.003, 7) ** 2,
    }


def by_cluster(rows, *, shared, nu=5.0, weight=None, clusters=CLUSTERS, effect=1.0):
    weight = np.ones(len(clusters)) if weight is None else weight
    options = {"shared": shared, "nu": nu, "weight": weight, "effect": effect}
    return cluster_log_likelihood(totals_of(clusters), **rows, **options)


@pytest.mark.parametrize("nu", [1.2, 5.0, 300.0])
def test_single_rows_are_student_t(rows, nu):
    expected = stats.t.logpdf(rows["residual"], nu, scale=np.sqrt(rows["variance"]))
    found = single_log_likelihood(**rows, nu=nu, weight=np.ones(7))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_single_row_of_weight_zero_says_nothing(rows):
    weight = np.array([1.0, 0, 1, 1, 0, 1, 1])
    found = single_log_likelihood(**rows, nu=5.0, weight=weight)
    assert np.all(found[weight == 0] == 0)
    assert np.all(found[weight == 1] != 0)


@pytest.mark.parametrize("nu", [1.2, 5.0, 300.0])
@pytest.mark.parametrize("shared", [0.0, 0.01**2, 0.3**2])
def test_clusters_are_multivariate_student_t(rows, nu, shared):
    found = by_cluster(rows, shared=shared, nu=nu)
    for cluster in range(4):
        own = cluster == CLUSTERS
        shape = shared * np.ones((own.sum(), own.sum())) + np.diag(rows["variance"][own])
        expected = stats.multivariate_t.logpdf(rows["residual"][own], shape=shape, df=nu)
        assert found[cluster] == pytest.approx(expected, rel=1e-9)


def test_clusters_of_one_row_without_a_shared_effect_are_single_rows(rows):
    found = by_cluster(rows, shared=0.0, clusters=np.arange(7))
    expected = single_log_likelihood(**rows, nu=5.0, weight=np.ones(7))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_row_of_weight_zero_leaves_its_cluster_as_if_it_had_never_been(rows):
    weight = np.array([0.0, 1, 1, 1, 1, 1, 0])
    kept = weight == 1
    found = by_cluster(rows, shared=0.01**2, weight=weight)
    without = by_cluster(
        {name: values[kept] for name, values in rows.items()}, shared=0.01**2, clusters=CLUSTERS[kept]
    )
    np.testing.assert_allclose(found[:3], without, rtol=1e-12)
    assert found[3] == 0, "a cluster without rows says nothing"


def test_replicates_that_agree_are_not_counted_as_independent_evidence(rows):
    """A hundred checkpoints that share a large effect move a cluster's density as one run would."""
    same = {"residual": np.full(100, 0.02), "variance": np.full(100, 1e-8)}
    at = lambda shift: by_cluster(  # noqa: E731
        same | {"residual": same["residual"] - shift}, shared=0.01**2, nu=1e6, clusters=np.zeros(100, int)
    )[0]
    one_run = stats.norm.logpdf(0.0, 0, 0.01) - stats.norm.logpdf(0.02, 0, 0.01)
    assert at(0.02) - at(0.0) == pytest.approx(one_run, rel=1e-3)


@pytest.mark.parametrize("persistence", [0.05, 0.7, 20.0])
def test_checkpoints_are_a_multivariate_student_t_that_fades_with_compute(rows, persistence):
    """The Markov form against the whole matrix: an effect that all share, and noise that is correlated along."""
    when = np.array([0.0, 0.0, 0.4, 0.0, 1.1, 0.5, 0.0])  # rows 0, 2, 5 and rows 1, 4 are trajectories
    previous, gap = np.array([0, 1, 0, 3, 1, 2, 6]), np.full(7, 1e4)
    later = previous != np.arange(7)
    gap[later] = (when - when[previous])[later]
    residual, variance, effect = of_trajectory(
        lambda x: x[previous], rows["residual"], rows["variance"], gap, persistence
    )
    found = by_cluster({"residual": residual, "variance": variance}, shared=0.02**2, effect=effect)
    for cluster in range(4):
        own = cluster == CLUSTERS
        sd = np.sqrt(rows["variance"][own])
        fading = np.exp(-np.abs(when[own][:, None] - when[own]) / persistence)
        shape = 0.02**2 + sd[:, None] * sd * fading
        expected = stats.multivariate_t.logpdf(rows["residual"][own], shape=shape, df=5.0)
        assert found[cluster] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("nu", [2.0, 300.0])
def test_two_pieces_are_a_density_that_lies_above_the_law(nu):
    residual = np.linspace(-0.3, 0.9, 240_001)
    logs = two_piece_log_likelihood(residual, 0.004**2, 0.012**2, nu, np.ones(len(residual)))
    density = np.exp(logs) * (residual[1] - residual[0])
    assert density.sum() == pytest.approx(1, abs=2e-3)
    assert density[residual > 0].sum() == pytest.approx(0.75, abs=2e-3), "in proportion to the two scales"
    assert residual[density.argmax()] == pytest.approx(0, abs=1e-5)


def test_two_equal_pieces_are_a_student_t(rows):
    found = two_piece_log_likelihood(rows["residual"], rows["variance"], rows["variance"], 5.0, 1.0)
    np.testing.assert_allclose(found, single_log_likelihood(**rows, nu=5.0, weight=1.0), rtol=1e-12)


def test_the_scale_of_a_run_is_log_linear():
    assert run_scale(0.01, 0.0, 5.0) == 0.01
    assert run_scale(0.01, -0.2, 0.0) == 0.01
    assert run_scale(0.01, -0.2, np.log(10.0)) == pytest.approx(0.01 * 10**-0.2, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "slope_in"),
    [("constant", None), ("flops", "flops"), ("params", "params"), ("tokens", "tokens")],
)
def test_noise_has_short_names(name, slope_in):
    assert as_noise(name) == Noise(slope_in=slope_in)


def test_noise_stays_what_it_is():
    noise = Noise(sigma=LogNormal(0.02, 0.5))
    assert as_noise(noise) is noise


@pytest.mark.parametrize(
    ("law", "name"),
    [
        ("chinchilla", "discrepancy"),
        ("power_floor", "constant"),  # of compute alone
        ("muennighoff", "constant"),
        ("task_of_compute", "shares"),
    ],
)
def test_a_law_of_n_and_d_has_a_discrepancy_where_no_noise_is_named(law, name):
    assert usual_noise(LAWS[law]) is NOISES[name]


def test_an_unknown_noise_is_refused():
    message = f"unknown noise 'gaussian'; expected {str([*NOISES])[1:-1]} or a Noise"
    assert "'constant', 'curve'" in message
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        as_noise("gaussian")


def test_an_unknown_slope_is_refused():
    message = "noise slope_in must be None, 'flops', 'params' or 'tokens', not 'loss'"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Noise(slope_in="loss")


@pytest.mark.parametrize(
    ("noise", "clustered", "along", "names"),
    [
        ("constant", False, False, ["nu"]),
        ("constant", True, False, ["nu", "lack_of_fit"]),
        ("constant", True, True, ["nu", "lack_of_fit", "persistence"]),
        ("flops", False, False, ["nu", "slope"]),
        ("flops", True, False, ["nu", "lack_of_fit", "slope"]),
        ("undertuned", True, False, ["nu", "excess"]),
        ("curve", False, False, ["discrepancy"]),
    ],
)
def test_only_the_parameters_that_data_can_tell_are_in_the_model(noise, clustered, along, names):
    assert list(as_noise(noise).shared_priors(clustered, along)) == names


class TestFiles:
    @pytest.mark.parametrize("name", NOISES)
    def test_every_noise_is_read_as_it_was_written(self, name):
        noise = NOISES[name]
        values = json.loads(json.dumps(noise.to_dict()))
        assert noise_from_dict(values, noise.response) == noise

    def test_other_priors_come_back_too(self):
        noise = Discrepancy(amplitude=LogNormal(0.1, 0.5), lengths=(0.4,), smoothness=0.5)
        assert noise_from_dict(json.loads(json.dumps(noise.to_dict()))) == noise

    OLDER: ClassVar = {
        "slope_in": None,
        "sigma": LogNormal(0.02, 0.5).to_dict(),
        "nu": LogNormal(4.0, 0.3, above=1.0).to_dict(),
        "share": LogNormal(0.1, 0.7).to_dict(),
        "excess": None,
        "discrepancy": None,
    }  # fmt: skip
    """When one class had the priors of all noises."""

    @pytest.mark.parametrize(
        ("changed", "response", "noise"),
        [
            ({}, "loss", Noise(sigma=LogNormal(0.02, 0.5), nu=LogNormal(4.0, 0.3, above=1.0))),
            ({}, "share", Shares(sigma=LogNormal(0.1, 0.7))),
            (
                {"excess": LogNormal(0.05, 1.0).to_dict(), "slope_in": "flops"},
                "loss",
                Undertuned(
                    "flops", LogNormal(0.02, 0.5), LogNormal(4.0, 0.3, above=1.0), excess=LogNormal(0.05, 1.0)
                ),
            ),
            (
                {
                    "discrepancy": {
                        "amplitude": LogNormal(0.1, 1.0).to_dict(),
                        "lengths": [1.0, 2.0],
                        "smoothness": 1.5,
                    }
                },
                "loss",
                Discrepancy(LogNormal(0.1, 1.0), (1.0, 2.0), 1.5, LogNormal(0.02, 0.5)),
            ),
        ],
    )
    def test_older_files_are_read(self, changed, response, noise):
        assert noise_from_dict(self.OLDER | changed, response) == noise

    def test_a_noise_of_a_later_version_is_refused(self):
        with pytest.raises(
            InputError, match="noise 'Cauchy' is not known; expected one of Noise, Discrepancy"
        ):
            noise_from_dict({"family": "Cauchy"})


def test_an_older_file_calls_the_bias_of_a_drift_by_another_name():
    assert Drift.from_dict({"spread": 0.02, "lean": 0.5, "weights": None}) == Drift(0.02, 0.5)
    assert Drift.from_dict({"spread": 0.02, "weights": None}) == Drift(0.02, 0.0)
    drift = Drift(0.03, 0.4, weights=(1 / 40,) * 40)
    assert Drift.from_dict(json.loads(json.dumps(drift.to_dict()))) == drift
