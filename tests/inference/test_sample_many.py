"""Many fits: one program, results as they come, resumable, here and on a cluster."""

import os
import signal
import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import simulated_runs

import bayes_scaling as bs
from bayes_scaling.sampling.engine import engine
from bayes_scaling.sampling.padding import padded_structure
from bayes_scaling.sampling.warm_up import Chains

SMALL = {"noise": "constant", "draws": 60, "chains": 2, "max_warmup": 100, "seed": 5}


pytestmark = pytest.mark.sampling


@pytest.fixture(scope="module")
def tables(truth):
    """One table and two of its subsets, of different lengths."""
    runs = simulated_runs(truth, n=40, seed=3)
    return {
        "all": runs,
        "small": runs.select(np.arange(40) < 33),
        "odd one": runs.select(np.arange(40) != 7),
    }


@pytest.fixture(scope="module")
def outcomes(tables):
    return {outcome.name: outcome for outcome in quietly(tables)}


def quietly(tables, **options):
    """The batch with small draws, whose fits need not pass their diagnosis."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        yield from bs.fit_many(tables, **{**SMALL, **options})


def same(a, b):
    return all(np.array_equal(a.posterior[name], b.posterior[name]) for name in a.posterior)


def test_lengths_are_rounded_up_by_at_most_a_quarter(outcomes):
    shape = outcomes["all"].fit.structure
    for n in [*range(1, 300), 12_345, 100_000]:
        wide = padded_structure(replace(shape, n_rows=n, n_clusters=n, box=(n, 1)))
        assert n <= wide.n_rows == wide.n_clusters <= 1.25 * n
        clustered = padded_structure(
            replace(shape, n_rows=n, n_clusters=1 + n // 2, box=(1 + n // 2, 2), clustered=True)
        )
        assert clustered.n_clusters >= 1 + n // 2


def test_tables_of_different_length_share_one_program(tables, outcomes):
    assert set(outcomes) == set(tables)
    shapes = [outcome.fit.structure for outcome in outcomes.values()]
    wide = padded_structure(*shapes)
    assert engine(wide).chunk._cache_size() == 1


def test_each_fit_is_of_its_own_runs(tables, outcomes):
    for name, runs in tables.items():
        fit = outcomes[name].fit
        assert fit.runs.table.equals(runs.table)
        assert fit.tree["log_likelihood"].sizes["run"] == len(runs)


def test_order_and_company_change_no_fit(tables, outcomes):
    again = {o.name: o for o in quietly(dict(reversed(tables.items())), at_once=1)}
    assert all(same(outcomes[name].fit, again[name].fit) for name in tables)


def test_a_table_that_cannot_be_fitted_is_reported_and_the_rest_goes_on(tables):
    broken = tables["all"].table.drop(columns="loss")
    came = {o.name: o for o in quietly({"broken": broken, "small": tables["small"]})}
    assert came["broken"].fit is None
    assert "loss" in came["broken"].error
    assert came["small"].fit is not None


def test_a_run_that_raises_while_sampling_is_reported(tables, monkeypatch):
    original, calls = Chains.draw, []

    def fails_once(run, *arguments):
        calls.append(run)
        if len(calls) == 1:
            raise FloatingPointError("nothing is finite here")
        return original(run, *arguments)

    monkeypatch.setattr(Chains, "draw", fails_once)
    came = list(quietly({name: tables[name] for name in ("all", "small")}))
    assert sorted(o.error for o in came) == ["", "FloatingPointError: nothing is finite here"]


class TestFolder:
    def test_an_interrupted_batch_goes_on_where_it_stopped(self, tables, outcomes, tmp_path):
        batch = quietly(tables, folder=tmp_path / "fits", at_once=1)
        first = next(batch)
        batch.close()
        saved = list((tmp_path / "fits").glob("*.nc"))
        assert [path.stem for path in saved] == [first.name]
        written = saved[0].stat().st_mtime_ns
        came = {o.name: o for o in quietly(tables, folder=tmp_path / "fits")}
        assert {name for name, o in came.items() if o.resumed} == {first.name}
        assert saved[0].stat().st_mtime_ns == written
        assert all(same(outcomes[name].fit, came[name].fit) for name in tables)

    def test_a_fit_that_was_made_otherwise_is_kept_and_said(self, tables, tmp_path):
        one = {"small": tables["small"]}
        list(quietly(one, folder=tmp_path))
        before = (tmp_path / "small.nc").read_bytes()
        (other_draws,) = quietly(one, folder=tmp_path, draws=50)
        assert other_draws.error == (
            f"{tmp_path / 'small.nc'} is another fit (its draws differs) and is kept; choose another folder"
        )
        changed = tables["small"].table.assign(loss=tables["small"].table["loss"] * 1.01)
        (other_runs,) = quietly({"small": changed}, folder=tmp_path)
        assert "differs) and is kept" in other_runs.error
        assert (tmp_path / "small.nc").read_bytes() == before


def test_what_no_table_could_use_is_refused_at_once(tables):
    with pytest.raises(bs.InputError, match="unknown law 'chinchila'"):
        bs.fit_many(tables, "chinchila")


def test_two_files_of_one_name_are_refused(tmp_path):
    with pytest.raises(bs.InputError, match="have one name"):
        bs.fit_many([tmp_path / "a" / "runs.csv", tmp_path / "b" / "runs.csv"])


def test_fits_that_fail_their_diagnosis_are_named_at_the_end(tables):
    with pytest.warns(bs.DoubtfulFitWarning, match="1 of 1 fits failed their diagnosis: small") as caught:
        list(bs.fit_many({"small": tables["small"]}, **{**SMALL, "draws": 10}))
    assert caught[0].filename == __file__, "the warning points at the caller"


def test_side_by_side_gives_the_posterior_of_threads(tables, outcomes):
    """Other programs end in other last digits, and chains soon part: the posteriors agree, not the draws."""
    came = {o.name: o for o in quietly(tables, parallel="vectorised", draws=400)}
    for name, outcome in came.items():
        assert "chains vectorised" in outcome.fit.provenance["device"]
        a, b = outcome.fit.posterior, outcomes[name].fit.posterior
        for quantity in ("E", "alpha", "beta", "sigma"):
            gap = float(abs(a[quantity].mean() - b[quantity].mean()))
            assert gap < 0.5 * float(a[quantity].std())


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


class TestCluster:
    def test_fits_equal_the_local_ones(self, client, tables, outcomes):
        came = {o.name: o for o in quietly(tables, client=client)}
        assert {name: o.error for name, o in came.items()} == dict.fromkeys(tables, "")
        assert all(same(outcomes[name].fit, came[name].fit) for name in tables)
        assert all("on a cluster" in o.fit.provenance["device"] for o in came.values())

    def test_a_lost_worker_costs_its_fits_only(self, client, tables):
        runs = tables["all"]
        many = {f"without {i}": runs.select(np.arange(40) != i) for i in range(8)}
        workers = client.run(os.getpid)
        batch = quietly(many, client=client)
        came = [next(batch)]
        os.kill(next(iter(workers.values())), signal.SIGKILL)
        came += batch
        assert {o.name: o.error for o in came} == dict.fromkeys(many, "")
        here = {o.name: o for o in quietly({name: many[name] for name in ("without 7", "without 1")})}
        elsewhere = {o.name: o for o in came}
        assert all(same(here[name].fit, elsewhere[name].fit) for name in here)
