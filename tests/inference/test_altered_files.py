"""Files that are not as they were written: found out by their checksum, or by what they lead to; never believed."""

import dataclasses
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers import refuses, with_posterior

import bayes_scaling as bs
from bayes_scaling import InputError
from bayes_scaling.inference.checksum import SEAL
from benchmarks import mutations


@pytest.fixture(scope="module")
def fit():
    """Three groups, 25 draws of two chains."""
    return bs.open_fit(Path(__file__).parent / "golden" / "version_2_groups.nc")


@pytest.mark.seconds
class TestOpening:
    def rewritten(self, fit, path, **changes):
        """Saved with another provenance, and a checksum that is right for it."""
        tree = fit.tree.copy()
        tree.attrs = {"provenance": json.dumps(fit.provenance | changes)}
        return dataclasses.replace(fit, tree=tree).save(path)

    @pytest.mark.parametrize(
        "changes",
        [{"pooling": {"E": "some"}}, {"priors": {"E": {"family": "os.system"}}}, {"runs": "x"}, {"format": "4; exit"},
         {"noise": "constant"}, {"law": ["chinchilla"]}, {"runs": {"columns": ["x"]}}],
        ids=str,
    )  # fmt: skip
    def test_a_provenance_that_this_package_does_not_write(self, fit, tmp_path, changes):
        path = self.rewritten(fit, tmp_path / "fit.nc", **changes)
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}"):
            bs.open_fit(path)

    def test_a_number_in_another_last_digit(self, fit, tmp_path):
        path = fit.save(tmp_path / "fit.nc")
        with h5py.File(path, "r+") as file:
            file["posterior/alpha"][1, 7] = np.nextafter(file["posterior/alpha"][1, 7], 1)
        with refuses(
            f"{path} is not as it was written: its checksum differs, so a number or a name in it was altered; "
            "take another copy, or fit again"
        ):
            bs.open_fit(path)

    def test_a_file_in_which_hdf5_would_go_round_without_end(self, fit, tmp_path):
        """A heap whose objects have no length, as a block of zeros leaves it."""
        path = fit.save(tmp_path / "fit.nc")
        data = bytearray(path.read_bytes())
        first = data.index(b"GCOL") + 16
        data[first : first + 512] = bytes(512)
        path.write_bytes(data)
        with refuses(
            f"{path} is not as it was written: the checksum of its bytes differs, so it is damaged or altered; "
            "take another copy, or fit again"
        ):
            bs.open_fit(path)

    def test_a_file_without_its_seal_opens_as_earlier_ones_do(self, fit, tmp_path):
        path = fit.save(tmp_path / "fit.nc")
        path.write_bytes(path.read_bytes().partition(SEAL)[0])
        assert mutations.same(bs.open_fit(path), bs.open_fit(fit.save(tmp_path / "sealed.nc")))

    def test_a_file_without_its_checksum(self, fit, tmp_path):
        path = tmp_path / "fit.nc"
        fit.tree.to_netcdf(path, engine="h5netcdf")
        with pytest.raises(InputError, match="its checksum differs"):
            bs.open_fit(path)

    def test_draws_that_a_prior_does_not_allow(self, fit, tmp_path):
        wrong = -fit.posterior["nu"].to_numpy()
        path = with_posterior(fit, nu=wrong).save(tmp_path / "fit.nc")
        with pytest.raises(InputError, match="draws of 'nu' that its prior does not allow"):
            bs.open_fit(path)


class TestHostileFiles:
    """Whoever writes such a file can write a checksum that is right."""

    def opened(self, fit, path, alter):
        fit.save(path)
        with h5py.File(path, "r+") as file:
            alter(file)
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}") as caught:
            bs.open_fit(path)
        return str(caught.value)

    @pytest.mark.seconds
    @pytest.mark.parametrize(
        "link", [h5py.ExternalLink("/etc/passwd", "/"), h5py.SoftLink("/posterior")], ids=["file", "group"]
    )
    def test_a_link(self, fit, tmp_path, link):
        def alter(file):
            file["prior/E2"] = link

        assert "'E2' is a link" in self.opened(fit, tmp_path / "fit.nc", alter)

    @pytest.mark.seconds
    def test_a_group_that_is_its_own_child(self, fit, tmp_path):
        def alter(file):
            file["posterior/again"] = file["posterior"]

        assert "'again' is no array" in self.opened(fit, tmp_path / "fit.nc", alter)

    @pytest.mark.seconds
    def test_an_array_that_is_another_file(self, fit, tmp_path):
        (tmp_path / "secret").write_bytes(bytes(80))

        def alter(file):
            file["prior"].create_dataset("x", (10,), "f8", external=[(str(tmp_path / "secret"), 0, 80)])

        assert "'x' lies in another file" in self.opened(fit, tmp_path / "fit.nc", alter)

    @pytest.mark.seconds
    def test_an_array_that_no_memory_holds(self, fit, tmp_path):
        def alter(file):
            file["prior"].create_dataset("x", (2**40,), "f8", chunks=(2**20,), compression="gzip")

        assert "arrays of 8.8e+12 bytes" in self.opened(fit, tmp_path / "fit.nc", alter)


@pytest.mark.seconds
def test_altered_copies(fit, tmp_path):
    """One of each of the mutations that `benchmarks/mutations.py` makes a thousand of."""
    original = fit.save(tmp_path / "fit.nc")
    fit = bs.open_fit(original)
    for i, how in enumerate((*mutations.BYTES, *mutations.INSIDE)):
        path = tmp_path / f"{i}.nc"
        if mutations.mutated(original, path, how, np.random.default_rng(i)):
            assert mutations.outcome(path, fit) in ("refused", "the same"), how.__name__


@pytest.mark.seconds
def test_an_altered_copy_is_found_out(fit, tmp_path):
    """That the comparison sees one number that differs."""
    wrong = fit.posterior["nu"].to_numpy() + np.eye(2, 25) * 1e-9
    fit = bs.open_fit(original := fit.save(tmp_path / "fit.nc"))
    assert mutations.outcome(original, fit) == "the same"
    path = with_posterior(fit, nu=wrong).save(tmp_path / "other.nc")
    assert mutations.outcome(path, fit) == "ALTERED"
