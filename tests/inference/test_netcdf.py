"""Posteriors as files: written whole, opened as they were, and refused in a sentence."""

import dataclasses
import json
import os
import re

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, quiet_fit, refuses, table

import bayes_scaling as bs
from bayes_scaling import InputError, LogNormal, Noise, Normal
from bayes_scaling.inference.convergence import convergence
from bayes_scaling.inference.residuals import residuals


class TestRoundTrip:
    @pytest.fixture(params=["single_fit", "pile_fit"])
    def pair(self, request, tmp_path):
        fit = request.getfixturevalue(request.param)
        return fit, bs.open_fit(fit.save(tmp_path / "fit.nc"))

    def test_every_draw_comes_back_bit_for_bit(self, pair):
        fit, opened = pair
        assert set(opened.tree.children) - {"convergence"} == set(fit.tree.children)
        for name, group in fit.tree.children.items():
            if name == "constant_data":
                continue
            there = opened.tree[name].to_dataset()
            assert set(there.variables) == set(group.variables)
            for key, variable in group.variables.items():
                assert there[key].dims == variable.dims
                np.testing.assert_array_equal(there[key], variable)

    def test_what_every_verb_asks_is_kept(self, pair):
        fit, opened = pair
        pd.testing.assert_frame_equal(opened.convergence, convergence(fit.posterior), check_names=False)
        assert set(opened.known) == {"of_loss", "scaled", "apart", "unfinished"}
        for kept, found in zip(residuals(opened), residuals(fit), strict=True):
            np.testing.assert_array_equal(kept, found)

    def test_what_is_known_of_the_runs_goes_with_them(self, pair):
        _, opened = pair
        table = opened.runs.table.assign(loss=opened.runs.loss * np.linspace(1.0, 1.2, len(opened.runs)))
        moved = dataclasses.replace(opened, runs=dataclasses.replace(opened.runs, table=table))
        assert np.abs(residuals(moved).of_loss - residuals(opened).of_loss).max() > 0.05
        kept = opened.with_drift(bs.Drift(0.0))
        assert residuals(kept).of_loss is residuals(opened).of_loss

    def test_the_runs_come_back(self, pair):
        fit, opened = pair
        pd.testing.assert_frame_equal(opened.runs.table, fit.runs.table, check_dtype=False)
        assert (opened.runs.name, opened.runs.warnings) == (fit.runs.name, fit.runs.warnings)
        assert opened.reference == fit.reference
        np.testing.assert_array_equal(opened.runs.clusters, fit.runs.clusters)

    def test_what_was_fitted_comes_back(self, pair):
        fit, opened = pair
        assert (opened.law, opened.noise, opened.pooling) == (fit.law, fit.noise, fit.pooling)
        assert opened.structure == fit.structure
        assert opened.provenance == fit.provenance

    def test_answers_are_the_same(self, pair):
        fit, opened = pair
        for kind in ("mean", "new_run"):
            here, there = (f.predict("100B", "2T").draws(kind) for f in (fit, opened))
            np.testing.assert_array_equal(here, there)
        np.testing.assert_array_equal(fit.allocate("1e24").params, opened.allocate("1e24").params)
        np.testing.assert_array_equal(fit.draws("new")["E"], opened.draws("new")["E"])
        pd.testing.assert_frame_equal(fit.summary(), opened.summary())
        assert str(fit.diagnose()) == str(opened.diagnose())


@pytest.fixture(scope="module")
def odd_fit(truth):
    """Priors, noise and columns of the user's own: text, gaps, and names that netCDF would not take."""
    runs = table(truth, n=12)
    runs["trajectory"] = ["one"] * 3 + ["two"] * 3 + [None] * 6
    runs["run"] = [f"run {i}" for i in range(12)]
    runs["learning rate/peak"] = np.linspace(1e-4, 1e-3, 12)
    runs["resumed"] = [True, False] * 6
    return quiet_fit(
        bs.load_runs(runs, name="odd"),
        priors={"E": LogNormal(1.9, 0.05, between=0.01)},
        noise=Noise(slope_in="params", slope=Normal(0.1, 0.05), nu=LogNormal(4.0, 0.1, above=1.0)),
        draws=20,
        chains=2,
        max_warmup=100,
        seed=7,
    )


class TestWhatIsTheUsersOwn:
    def test_priors_and_noise_survive(self, odd_fit, tmp_path):
        opened = bs.open_fit(odd_fit.save(tmp_path / "odd.nc"))
        assert opened.law.priors["E"] == LogNormal(1.9, 0.05, between=0.01)
        assert opened.law.priors["A"] == bs.LAWS["chinchilla"].priors["A"]
        assert opened.noise == odd_fit.noise
        assert opened.structure == odd_fit.structure

    def test_every_column_survives(self, odd_fit, tmp_path):
        there = bs.open_fit(odd_fit.save(tmp_path / "odd.nc")).runs.table
        here = odd_fit.runs.table
        assert there.columns.tolist() == here.columns.tolist()
        np.testing.assert_array_equal(there["learning rate/peak"], here["learning rate/peak"])
        assert there["run"].tolist() == here["run"].tolist()

    def test_runs_of_their_own_do_not_become_one_trajectory(self, odd_fit, tmp_path):
        opened = bs.open_fit(odd_fit.save(tmp_path / "odd.nc"))
        assert odd_fit.runs.clusters.max() == 7
        np.testing.assert_array_equal(opened.runs.clusters, odd_fit.runs.clusters)


class TestSaving:
    def test_leaves_nothing_but_the_file(self, single_fit, tmp_path):
        assert single_fit.save(tmp_path / "fit.nc") == tmp_path / "fit.nc"
        assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]

    def test_takes_a_path_as_text(self, single_fit, tmp_path):
        single_fit.save(str(tmp_path / "fit.nc"))
        assert bs.open_fit(str(tmp_path / "fit.nc")).runs.n == 60

    def test_keeps_a_file_that_is_there_byte_for_byte(self, single_fit, tmp_path):
        path = tmp_path / "fit.nc"
        path.write_bytes(b"years of work")
        with refuses(f"{path} exists and is kept; pass force=True (command line: --force) to replace it"):
            single_fit.save(path)
        assert path.read_bytes() == b"years of work"
        assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]

    def test_replaces_it_at_once_and_never_writes_into_it(self, single_fit, tmp_path):
        """Whoever has the old file open, here by another name, keeps the whole of it."""
        path, opened = tmp_path / "fit.nc", tmp_path / "opened"
        path.write_bytes(b"years of work")
        os.link(path, opened)
        single_fit.save(path, force=True)
        assert opened.read_bytes() == b"years of work"

    def test_replaces_it_when_forced(self, single_fit, tmp_path):
        path = tmp_path / "fit.nc"
        path.write_bytes(b"years of work")
        single_fit.save(path, force=True)
        assert bs.open_fit(path).runs.n == 60
        assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]

    def test_needs_a_folder(self, single_fit, tmp_path):
        path = tmp_path / "nowhere" / "fit.nc"
        with refuses(f"cannot write {path}: the folder {path.parent} does not exist"):
            single_fit.save(path)
        assert not path.parent.exists()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_needs_a_folder_that_it_may_write(self, single_fit, tmp_path):
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
        path = folder / "fit.nc"
        with refuses(f"cannot write {path}: the folder {folder} is not writable"):
            single_fit.save(path)

    def test_a_write_that_fails_is_one_sentence_and_keeps_the_old_file(
        self, single_fit, tmp_path, monkeypatch
    ):
        def full(*_):
            raise OSError(28, "No space left on device")

        path = tmp_path / "fit.nc"
        path.write_bytes(b"years of work")
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(InputError, match=f"^could not write {re.escape(str(path))}: .*No space left"):
            single_fit.save(path, force=True)
        assert path.read_bytes() == b"years of work"
        assert list(tmp_path.iterdir()) == [path]


class TestOpening:
    def test_a_file_that_is_not_there(self, tmp_path):
        with refuses(f"no file {tmp_path / 'fit.nc'}"):
            bs.open_fit(tmp_path / "fit.nc")

    @pytest.mark.parametrize(
        "content", [b"", np.random.default_rng(0).bytes(5000)], ids=["empty", "random bytes"]
    )
    def test_a_file_that_is_no_netcdf(self, tmp_path, content):
        path = tmp_path / "fit.nc"
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            bs.open_fit(path)
        assert str(caught.value).startswith(f"{path} cannot be read as a netCDF file (")
        assert str(caught.value).endswith("); is it damaged?")

    def test_a_file_cut_short(self, single_fit, tmp_path):
        path = single_fit.save(tmp_path / "fit.nc")
        path.write_bytes(path.read_bytes()[:20_000])
        with pytest.raises(InputError, match=f"^{re.escape(str(path))} cannot be read as a netCDF file"):
            bs.open_fit(path)

    def test_a_netcdf_file_of_another_program(self, tmp_path):
        import xarray as xr

        path = tmp_path / "weather.nc"
        xr.Dataset({"rain": ("day", [1.0, 2.0])}).to_netcdf(path, engine="h5netcdf")
        with refuses(f"{path} was not written by bayes_scaling: it has no provenance"):
            bs.open_fit(path)

    def rewritten(self, fit, path, **changes):
        """Saved with another provenance, and a checksum that is right for it."""
        tree = fit.tree.copy()
        tree.attrs["provenance"] = json.dumps(fit.provenance | changes)
        return dataclasses.replace(fit, tree=tree).save(path)

    def test_a_file_of_a_later_version(self, single_fit, tmp_path):
        path = self.rewritten(single_fit, tmp_path / "fit.nc", format=99)
        with refuses(f"{path} has file format 99; this version reads up to 4: upgrade bayes_scaling"):
            bs.open_fit(path)

    def test_a_law_that_is_not_in_the_catalogue(self, single_fit, tmp_path):
        path = self.rewritten(single_fit, tmp_path / "fit.nc", law="my_law")
        laws = ", ".join(sorted(bs.LAWS))
        with refuses(
            f"{path}: unknown law 'my_law': the laws are {laws}; define it with @law before opening the file"
        ):
            bs.open_fit(path)


class TestFormula:
    """A law of one's own that another says otherwise by the time the file is opened."""

    def declared(self, exponent):
        def mine(N, *, E, A):
            return E + A * N**exponent

        mine.__module__ = "__main__"  # where a cell that is run again replaces the law
        return bs.law(formula="E + A / N^a", cite="nobody", E=LogNormal(1.7, 0.3), A=LogNormal(0.3, 1.0))(
            mine
        )

    @pytest.fixture
    def path(self, tmp_path):
        before = dict(bs.LAWS)
        runs = pd.DataFrame({"params": np.geomspace(1e7, 1e9, 8), "loss": np.linspace(3.0, 2.5, 8)})
        yield instant_fit(runs, self.declared(-0.3)).save(tmp_path / "fit.nc")
        bs.LAWS.clear()
        bs.LAWS.update(before)

    def test_the_same_formula_opens(self, path):
        self.declared(-0.3)
        assert bs.open_fit(path).law.name == "mine"

    def test_one_with_other_parameters_is_refused(self, path):
        def mine(N, *, E, B):
            return E + B / N**0.3

        mine.__module__, mine.__qualname__ = "__main__", bs.LAWS["mine"].function.__qualname__
        bs.law(formula="E + B / N^.3", cite="nobody", E=LogNormal(1.7, 0.3), B=LogNormal(0.3, 1.0))(mine)
        with pytest.raises(
            InputError, match="draws of E, A, where today's law 'mine' has E, B; open it with the law"
        ):
            bs.open_fit(path)

    def test_another_one_is_refused(self, path):
        self.declared(-0.5)
        with pytest.raises(InputError, match="draws of another formula than today's law 'mine', which gives"):
            bs.open_fit(path)
