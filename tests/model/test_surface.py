"""The discrepancy of laws of N and D: its density, its weights, its paths, against dense normals."""

from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pymc as pm
import pytest
from helpers import quiet_fit
from scipy.stats import gamma, multivariate_normal

import bayes_scaling as bs
from bayes_scaling import InputError, LogNormal
from bayes_scaling.data.scales import loss_scales
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import noise_from_dict, usual_drift
from bayes_scaling.model.paths import draw_paths
from bayes_scaling.model.structure import structure
from bayes_scaling.model.surface import AMPLITUDES, Surface

LAW = bs.LAWS["chinchilla"]
THETA = {"E": 1.7, "A": 0.4, "B": 0.5, "alpha": 0.35, "beta": 0.3, "sigma": 0.004}
SIZES = {"amplitude_flops": 0.05, "amplitude_ratio": 0.2, "amplitude_local": 0.08, "amplitude_own": 0.6}
NOISE = Surface(ranks=(20, 20, 40), own_ranks=(20, 20, 40))
PATHS = {"paths of their own": NOISE, "and one together": replace(NOISE, shared=True)}
paths = pytest.mark.parametrize("noise", PATHS.values(), ids=PATHS)


def table(kind="grid", seed=1):
    """Eighteen runs of two groups: alone, with replicates, or with checkpoints."""
    rng = np.random.default_rng(seed)
    rows = [
        {"params": n, "tokens": d * n, "group": group}
        for group, sizes in {"a": (1e8, 3e8, 1e9), "b": (2e8, 7e8)}.items()
        for n in sizes
        for d in (5.0, 20.0, 90.0)
    ]
    runs = pd.DataFrame(rows)
    if kind == "seeds":
        runs = pd.concat([runs, runs.iloc[::2], runs.iloc[:3]], ignore_index=True)
        runs["seed"] = np.arange(len(runs))
    if kind == "checkpoints":
        runs["trajectory"] = [f"{row.group} {row.params:g}" for row in runs.itertuples()]
    runs["loss"] = 3.0 * np.exp(
        -0.1 * np.log(runs.params * runs.tokens / 1e18) + 0.02 * rng.standard_normal(len(runs))
    )
    return bs.load_runs(runs, group="group")


def standard(prior, value):
    return (prior.inverse(value) - prior.location) / prior.spread


def sizes(noise):
    return [SIZES[name] for name in noise.amplitudes]


def dense(runs, noise, lack=0.0, persistence=None, mixing=None):
    """Residuals of all rows, the covariance of their process and of their noise, and their shares, by the book."""
    mixing = np.ones(len(runs)) if mixing is None else mixing[runs.clusters]
    n, d = runs.params, runs.tokens
    at = n / runs.reference["params"], d / runs.reference["tokens"]
    law = LAW(*at, **{k: v for k, v in THETA.items() if k != "sigma"})
    share = 1 - THETA["E"] / law
    kernels = noise.basis(runs, 0).kernels

    def paths(group):
        points = noise.points(runs, group, n, d)
        return sum(
            SIZES[name] ** 2 * k(x, x) for name, k, x in zip(AMPLITUDES[:3], kernels, points, strict=True)
        )

    process = paths(-1) if noise.shared else np.zeros((len(runs), len(runs)))
    for g in range(len(runs.groups)):
        own = runs.group_index == g
        process += np.outer(own, own) * paths(g) * (SIZES["amplitude_own"] ** 2 if noise.shared else 1)
    same = runs.clusters[:, None] == runs.clusters
    alone = THETA["sigma"] ** 2 * np.eye(len(runs))
    if persistence is not None:
        log_c = np.log(n * d)
        alone = THETA["sigma"] ** 2 * same * np.exp(-np.abs(log_c[:, None] - log_c) / persistence)
    covariance = share[:, None] * process * share
    return runs.log_loss - np.log(law), covariance, (alone + lack**2 * same) / mixing, share


def at(runs, noise, wide, mixing=None):
    """The arguments of a program: theta, what the groups share, and the data."""
    from bayes_scaling.sampling.padding import cluster_places, padded_data

    priors = wide.priors
    theta = np.array([[priors[k].inverse(THETA[k]) for k in priors]] * wide.n_groups)
    values = SIZES | {"lack_of_fit": 0.006, "persistence": 0.4}
    shared = np.array([standard(prior, values[name]) for name, prior in wide.global_priors.items()])
    data = padded_data(model_data(runs, LAW, noise), wide)
    if mixing is not None:
        every = np.ones(wide.n_clusters)
        every[cluster_places(model_data(runs, LAW, noise), wide)] = mixing
        data["mixing"] = every[data["cluster_index"]]
    return theta, shared, data


def drawn_mixing(runs):
    return np.random.default_rng(7).gamma(2.5, 1 / 2.5, runs.clusters.max() + 1)


CASES = {"grid": {}, "seeds": {"lack": 0.006}, "checkpoints": {"lack": 0.006, "persistence": 0.4}}


@pytest.mark.sampling
@paths
@pytest.mark.parametrize("kind", CASES)
def test_the_density_and_that_of_each_cluster_given_all_others_are_those_of_dense_normals(kind, noise):
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import cluster_places, padded_structure

    runs = table(kind)
    wide, mixing = padded_structure(structure(runs, LAW, noise)), drawn_mixing(runs)
    found, given = program(wide), at(runs, noise, wide, mixing)
    of_log = np.linspace(-12, 3, 301)
    prior = gamma.pdf(np.exp(of_log), 2.5, scale=1 / 2.5) * np.exp(of_log) * (of_log[1] - of_log[0])
    joint = np.asarray(found.log_likelihood(*given))
    places = cluster_places(model_data(runs, LAW, noise), wide)
    scores = np.asarray(found.score(*given))[places]
    residual, process, alone, _ = dense(runs, noise, **CASES[kind], mixing=mixing)
    covariance = process + alone
    assert joint.sum() == pytest.approx(multivariate_normal.logpdf(residual, cov=covariance), abs=2e-3)
    for cluster in np.unique(runs.clusters):
        rest, here = runs.clusters != cluster, runs.clusters == cluster
        others = covariance[np.ix_(rest, rest)]
        gain = covariance[np.ix_(here, rest)] @ np.linalg.inv(others)
        miss = residual[here] - gain @ residual[rest]
        left = process[np.ix_(here, here)] - gain @ covariance[np.ix_(rest, here)]
        white = alone[np.ix_(here, here)] * mixing[cluster]
        density = [multivariate_normal.pdf(miss, cov=left + white / np.exp(x)) for x in of_log]
        assert scores[cluster] == pytest.approx(np.log(density @ prior), abs=2e-3)


@pytest.mark.sampling
@paths
def test_the_density_is_the_same_in_boxes_and_in_pymc(noise):
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import padded_structure

    runs = table("seeds")
    model = bs.build_model(runs, LAW, noise=noise)
    point = model.initial_point()
    ours = padded_structure(structure(runs, LAW, noise))
    point["mixing_log__"][:] = 0.0
    logp = model.compile_logp(vars=[model["log_loss"]])(point)
    theta = np.array([[prior.location for prior in ours.priors.values()]] * 2)
    given = at(runs, noise, ours)
    assert logp == pytest.approx(
        float(np.sum(program(ours).log_likelihood(theta, 0 * given[1], given[2]))), rel=1e-9
    )


@pytest.mark.seconds
@paths
def test_weights_are_drawn_from_the_process_given_the_runs(noise):
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import padded_structure

    runs = table()
    wide = padded_structure(structure(runs, LAW, noise))
    mixing = drawn_mixing(runs)
    theta, shared, data = at(runs, noise, wide, mixing)
    normals = np.random.default_rng(5).standard_normal((1500, 2, noise.rank))
    weights = np.asarray(jax.jit(jax.vmap(lambda x: program(wide).weights(x, theta, shared, data)))(normals))
    delta = noise.at_rows(model_data(runs, LAW, noise), weights, np.tile(sizes(noise), (len(weights), 1)))
    residual, process, alone, share = dense(runs, noise, mixing=mixing)
    covariance, process = process + alone, process / share[:, None] / share
    gain = (process * share) @ np.linalg.inv(covariance)
    mean, left = gain @ residual, process - gain @ (share[:, None] * process)
    sd = np.sqrt(np.diag(left))
    assert np.abs(delta.mean(0) - mean).max() < 5 * (sd / np.sqrt(1500)).max()
    assert delta.std(0) == pytest.approx(sd, rel=0.12)


@pytest.mark.seconds
@paths
@pytest.mark.parametrize("kind", CASES)
def test_mixing_variables_are_gamma_by_what_the_process_misses_of_a_cluster(kind, noise):
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import cluster_places, padded_structure

    runs = table(kind)
    wide, mixing = padded_structure(structure(runs, LAW, noise)), drawn_mixing(runs)
    theta, shared, data = at(runs, noise, wide, mixing)
    normal = np.random.default_rng(5).standard_normal((2, noise.rank))
    weights = np.asarray(program(wide).weights(normal, theta, shared, data))[None]
    places = cluster_places(model_data(runs, LAW, noise), wide)
    shape, rate = (np.asarray(x)[places] for x in program(wide).mixing(normal, theta, shared, data))
    delta = noise.at_rows(model_data(runs, LAW, noise), weights, np.array([sizes(noise)]))[0]
    residual, _, alone, share = dense(runs, noise, **CASES[kind])
    misses = residual - share * delta
    for cluster in np.unique(runs.clusters):
        here = runs.clusters == cluster
        squares = misses[here] @ np.linalg.solve(alone[np.ix_(here, here)], misses[here])
        assert shape[cluster] == pytest.approx(2.5 + here.sum() / 2)
        assert rate[cluster] == pytest.approx(2.5 + squares / 2, rel=1e-6)


def test_paths_go_through_what_the_weights_say_of_the_runs_and_widen_beyond():
    runs, rng, draws = table(), np.random.default_rng(3), 2000
    noise = PATHS["paths of their own"]
    weights = np.tile(rng.standard_normal(noise.rank), (draws, 1))
    amplitudes = np.tile(sizes(noise), (draws, 1))
    basis, seen = noise.basis(runs, 0), np.log10(np.stack([runs.params, runs.tokens], axis=1))
    paths = draw_paths(rng, basis, weights, amplitudes, noise.length, seen)

    def along(n, d):
        c, m, place = noise.points(runs, 0, np.array([n]), np.array([d]))
        one = np.ones(draws)
        return paths.at(np.arange(draws), c[0, 0] * one, m[0, 0] * one, place[0, 0] * one, place[0, 1] * one)

    own = runs.group_index == 0
    data = model_data(runs, LAW, noise)
    known = noise.at_rows(data, np.stack([weights[:1], weights[:1]], axis=1), amplitudes[:1])[0, own]
    read = np.array([along(n, d).mean() for n, d in zip(runs.params[own], runs.tokens[own], strict=True)])
    assert read == pytest.approx(known, abs=0.004)
    spread = [along(1e9 * k, 2e10 * k).std() for k in (1, 3, 10, 100, 1000)]
    assert spread == sorted(spread)
    # Far from the runs, the variance of a straight continuation from where they are.
    c = noise.points(runs, 0, np.array([1e12]), np.array([2e13]))[0][0, 0]
    whole = SIZES["amplitude_flops"] ** 2 * c**3 / 3 + SIZES["amplitude_local"] ** 2
    assert spread[-1] ** 2 < whole


@pytest.mark.seconds
def test_priors_of_the_table_s_own_scale_do_not_know_the_unit_of_a_loss():
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import padded_data, padded_structure

    relative = LAW.with_priors(
        {
            "E": LogNormal(0.65, 0.4, of="lowest"),
            "A": LogNormal(0.4, 1.0, of="range"),
            "B": LogNormal(0.4, 1.0, of="range"),
        }
    )
    runs = table()
    in_bits = bs.load_runs(runs.table.assign(loss=runs.table["loss"] / np.log(2)), group="group")
    found = []
    for each in (runs, in_bits):
        law = relative.in_units(loss_scales(each))
        wide = padded_structure(structure(each, law, NOISE))
        theta = np.array([[prior.location for prior in wide.priors.values()]] * 2) + 0.1
        _, shared, _ = at(each, NOISE, wide)
        data = padded_data(model_data(each, law, NOISE), wide)
        found.append((wide, float(np.sum(program(wide).log_likelihood(theta, shared, data)))))
    assert found[0][0] == found[1][0]  # one compiled program serves both
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-9)


def test_priors_of_one_s_own_take_the_scale_of_the_table_that_is_fitted():
    runs = table()
    given = {"E": LogNormal(0.65, 0.4, of="lowest"), "A": LogNormal(0.4, 1.0, of="range")}
    law = make_spec(runs, "chinchilla", priors=given).law
    assert law.priors["E"].unit == pytest.approx(loss_scales(runs)["lowest"])
    assert law.priors["A"].forward(law.priors["A"].location) == pytest.approx(
        0.4 * loss_scales(runs)["range"]
    )
    assert law.priors["alpha"] == LAW.priors["alpha"]


def test_groups_that_share_nothing_have_no_path_together():
    runs = table()
    asked = {"noise": "shared_discrepancy"}
    for pooling, shared in {"none": False, "partial": True, "complete": True}.items():
        assert make_spec(runs, "chinchilla", pooling=pooling, **asked).noise.shared is shared
    assert make_spec(runs, "chinchilla", pooling={"E": "none"}, **asked).noise.shared
    assert not make_spec(runs, "chinchilla").noise.shared
    assert not make_spec(runs.select(runs.group_index == 0), "chinchilla", **asked).noise.shared


def test_a_file_says_whether_groups_have_a_path_together():
    older = {name: value for name, value in NOISE.to_dict().items() if name != "shared"}
    assert noise_from_dict(older) == NOISE
    assert all(noise_from_dict(noise.to_dict()) == noise for noise in PATHS.values())


def test_no_drift_is_put_on_top_of_the_process():
    assert usual_drift(LAW, NOISE).spread == 0
    assert usual_drift(LAW, bs.Noise()) == bs.Drift.of(LAW) != usual_drift(LAW, NOISE)


def test_a_law_without_n_and_d_is_refused_with_a_remedy():
    runs = table()
    with pytest.raises(InputError, match="laws of N and D"):
        structure(runs, bs.LAWS["kaplan_n"], NOISE)


@pytest.mark.sampling
@pytest.mark.filterwarnings("ignore:Skipping Assert")  # of shapes, under JAX
@pytest.mark.parametrize("shared", [True, False])
def test_a_fit_forecasts_above_its_floor_and_its_verbs_share_their_paths(tmp_path, shared):
    fit = quiet_fit(table(), "chinchilla", noise=Surface(shared=shared), draws=200, chains=2, seed=1)
    far = fit.predict(params="10T", tokens="200T", group="a")
    floor = fit.draws("a")["E"]
    assert bool((far.drifted > floor).all())
    near = fit.predict(params="1B", tokens="20B", group="a")
    width = [float(np.log(x.drifted).std()) for x in (near, far)]
    assert width[1] > 2 * width[0]
    new = fit.predict(params="10T", tokens="200T", group="new")
    assert bool((new.drifted > fit.draws("new")["E"]).all())
    assert float(np.log(new.drifted).std()) > float(np.log(far.drifted).std())
    plan = fit.plan(params="10T", tokens="200T", group="a")
    same = plan.forecast["drifted"].squeeze("point").to_numpy()
    assert same == pytest.approx(far.drifted.squeeze("point").to_numpy(), rel=1e-9)
    again = bs.open_fit(fit.save(tmp_path / "fit.nc"))
    assert again.predict(params="10T", tokens="200T", group="a").drifted.equals(far.drifted)
    assert not [s for s in fit.diagnose().warnings if "scales of the noise" in s]
    # PyMC finds all free variables, mixing variables too, and its draws make the same fit.
    tree = again.to_arviz()
    back = bs.Fit.from_draws(again.model, tree)
    same = [x.predict(params="1B", tokens="20B", group="a").mean.to_numpy() for x in (back, fit)]
    np.testing.assert_allclose(*same, rtol=1e-9)
    with again.model:
        scores = pm.compute_log_likelihood(tree, extend_inferencedata=False, progressbar=False)
    assert np.isfinite(scores["log_loss"]).all()


@pytest.mark.seconds
def test_a_program_that_is_first_asked_for_while_tracing_serves_others_too():
    """Its constants are kept with it, and must not be of the trace."""
    from bayes_scaling.sampling.jax_model import program
    from bayes_scaling.sampling.padding import padded_structure

    runs, noise = (
        table(),
        Surface(ranks=(3, 4, 20), own_ranks=(2, 3, 9)),
    )  # of no other test: programs are kept
    wide = padded_structure(structure(runs, LAW, noise))
    given = at(runs, noise, wide, drawn_mixing(runs))
    normal = np.random.default_rng(5).standard_normal((2, noise.rank))
    traced = jax.jit(lambda x: program(wide).weights(x, *given))(normal)
    np.testing.assert_allclose(traced, program(wide).weights(normal, *given), rtol=1e-9)
