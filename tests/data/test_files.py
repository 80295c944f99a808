"""Files are written whole or not at all."""

import pytest

from bayes_scaling.data.files import replacing
from bayes_scaling.errors import InputError


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_appears_when_it_is_done(tmp_path):
    path = tmp_path / "page.html"
    with replacing(path) as aside:
        aside.write_text("half")
        assert names(tmp_path) == [aside.name] != [path.name]
    assert path.read_text() == "half"
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize(("error", "raised"), [(OSError("disk full"), InputError), (ValueError, ValueError)])
def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, error, raised):
    path = tmp_path / "page.html"
    path.write_text("old")

    def fail(aside):
        aside.write_text("new")
        raise error

    with pytest.raises(raised), replacing(path) as aside:
        fail(aside)
    assert path.read_text() == "old"
    assert names(tmp_path) == [path.name]


def test_a_file_is_kept_unless_forced(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(InputError, match="exists"), replacing(path, force=False) as aside:
        aside.write_text("new")
    assert path.read_text() == "old"
