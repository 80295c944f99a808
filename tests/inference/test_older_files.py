"""Files that earlier versions wrote."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.inference.intervals import tails
from bayes_scaling.inference.sample_many import _resumed
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.model.undertuned import Undertuned

GOLDEN = Path(__file__).parent / "golden"
LARGER = {"params": "100B", "tokens": "2T", "group": "cerebras"}


@pytest.fixture(scope="module")
def groups():
    """Two groups under noise "undertuned", with a drift of one's own."""
    return bs.open_fit(GOLDEN / "version_1_groups.nc")


@pytest.fixture(scope="module")
def curve():
    """One curve with a discrepancy."""
    return bs.open_fit(GOLDEN / "version_1_curve.nc")


@pytest.fixture(scope="module")
def version_2():
    """Three groups."""
    return bs.open_fit(GOLDEN / "version_2_groups.nc")


@pytest.mark.seconds
def test_what_was_fitted_is_read_from_the_old_words(groups, curve):
    sigma = bs.LogNormal(0.01, 1.2, between=0.7)  # which reached 0 then
    assert groups.noise == Undertuned(sigma=sigma)
    assert curve.noise == bs.Discrepancy(sigma=sigma)
    assert (groups.law.name, curve.law.name) == ("chinchilla", "power_floor:flops")
    assert groups.runs.warnings == ("two rows are equal",)
    assert groups.drift == bs.Drift(0.02, 0.25)
    assert groups.sampler == bs.Sampler(draws=25, chains=2, max_warmup=100, seed=1)


def test_the_draws_are_those_that_were_saved(groups, curve):
    assert float(groups.posterior["E"].mean()) == 1.098686777591684
    assert float(curve.posterior["discrepancy"].mean()) == 0.016165791275212057


@pytest.mark.parametrize(
    ("name", "inputs", "bounds"),
    [
        ("groups", LARGER, (1.3032207166111873, 1.5380430161341176)),
        ("curve", {"flops": "1e24"}, (1.275698778322385, 1.4832021109983733)),
        ("version_2", LARGER, (1.3593229960669, 1.505729101725886)),
    ],
)  # fmt: skip
def test_forecasts_are_those_of_the_version_that_wrote_the_file(request, name, inputs, bounds):
    fit = request.getfixturevalue(name)
    drifted = fit.predict(**inputs).drifted  # noise of a new run is drawn otherwise since
    np.testing.assert_allclose(np.quantile(drifted, tails(0.9)[::2]), bounds, rtol=1e-12)


@pytest.mark.seconds
def test_a_file_written_anew_has_the_present_words(groups, tmp_path):
    opened = bs.open_fit(groups.save(tmp_path / "fit.nc"))
    assert opened.provenance == groups.provenance
    assert opened.provenance["format"] == 4
    assert set(opened.provenance["runs"]) == {"name", "inputs", "warnings", "columns"}


@pytest.mark.seconds
def test_a_batch_goes_on_with_an_old_file(groups, tmp_path):
    shutil.copy(GOLDEN / "version_1_groups.nc", tmp_path / "one.nc")
    spec = make_spec(groups.runs, "chinchilla", noise=groups.noise, sampler=groups.sampler)
    assert _resumed(tmp_path, "one", spec).provenance == groups.provenance
    with pytest.raises(bs.InputError, match="its noise differs"):
        _resumed(tmp_path, "one", make_spec(groups.runs, "chinchilla", sampler=groups.sampler))


@pytest.mark.seconds
def test_a_discrepancy_whose_weights_meant_something_else_is_refused():
    with pytest.raises(bs.InputError, match="has a discrepancy of an earlier version"):
        bs.open_fit(GOLDEN / "version_3_discrepancy.nc")
