"""Files are written whole or not at all."""

import os

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


def test_a_file_that_another_process_wrote_meanwhile_is_kept(tmp_path):
    path = tmp_path / "page.html"

    def both(aside):
        aside.write_text("new")
        path.write_text("theirs")

    with pytest.raises(InputError, match="exists and is kept"), replacing(path, force=False) as aside:
        both(aside)
    assert path.read_text() == "theirs"
    assert names(tmp_path) == [path.name]


def test_a_file_without_force_appears_under_one_name(tmp_path):
    with replacing(tmp_path / "page.html", force=False) as aside:
        aside.write_text("new")
    assert names(tmp_path) == ["page.html"]


def test_what_a_killed_process_left_is_swept_after_a_day(tmp_path):
    """And not before: it may be that of a process at work."""
    old, new, other = (
        tmp_path / name for name in (".page.html.1.tmp", ".page.html.2.tmp", ".other.html.1.tmp")
    )
    for left in (old, new, other):
        left.write_text("half")
    for left in (old, other):
        os.utime(left, (0, 0))
    with replacing(tmp_path / "page.html") as aside:
        aside.write_text("new")
    assert sorted(names(tmp_path)) == [other.name, new.name, "page.html"]
