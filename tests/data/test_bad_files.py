"""Whatever arrives: the right table, or a sentence that says what to do; never a traceback."""

import warnings

import numpy as np
import pytest
from bad_files import FILES, GOOD

import bayes_scaling as bs
from bayes_scaling.cli.main import main

IDS = [f"{i}-{file.id[:50]}" for i, file in enumerate(FILES)]


@pytest.fixture(params=FILES, ids=IDS)
def file(request, tmp_path):
    (tmp_path / request.param.name).write_bytes(request.param.data)
    return request.param, tmp_path / request.param.name


def test_there_are_enough():
    assert sum(bool(file.error) for file in FILES) >= 120


def test_in_python(file):
    what, path = file
    said, runs = "", None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            runs = bs.load_runs(path)
        except bs.InputError as error:
            said = str(error)
    assert bool(said) == bool(what.error), said
    assert [words for words in what.error if words not in said] == [], said
    if runs is None:
        return
    assert {str(found.message).rpartition(" [")[2].rstrip("]") for found in caught} == set(what.warns)
    if not what.warns and len(runs) == len(GOOD):
        np.testing.assert_array_equal(runs.loss, [3.4, 3.1, 2.8, 2.6, 2.45])
        np.testing.assert_array_equal(runs.params, [7e7, 1.6e8, 4.1e8, 1e9, 2.8e9])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bs.load_runs(path, silence=what.warns).warnings == ()


def test_on_the_command_line(file, tmp_path, capsys, monkeypatch):
    """Exit code 2 and one sentence; a table that is read reaches the fit."""

    def fit(runs, *_, **__):
        raise bs.InputError(f"{len(runs)} runs are read")

    monkeypatch.setattr(bs, "fit", fit)
    what, path = file
    assert main(["fit", str(path), "-o", str(tmp_path / "fit.nc")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: ")
    assert said[-1].endswith("runs are read") is not bool(what.error)
    assert [line for line in said[:-1] if not line.startswith("warning: ")] == []
    assert "Traceback" not in said


def test_numbers_of_a_decimal_comma(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("params;tokens;loss;group\n70.000.000;2e9;3,105;1,5\n1,6e8;5,5B;2,9;2\n")
    with pytest.warns(bs.DoubtfulInputWarning, match="cells such as '3,105' are read with a decimal comma"):
        runs = bs.load_runs(path)
    assert runs.loss.tolist() == [3.105, 2.9]
    assert runs.params.tolist() == [7e7, 1.6e8]
    assert runs.tokens.tolist() == [2e9, 5.5e9]
    assert runs.groups == ["1,5", "2"]
    path.write_text("params;tokens;loss\n70M;2e9;3,105\n160M;5B;2,900\n")
    thousands = bs.load_runs(path, decimal=".", silence="perplexity")
    assert thousands.loss.tolist() == [3105, 2900]


def test_what_is_told_counts(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_bytes("params^tokens^loss^group\n7e7^2e9^3.1^Zoë\n2e8^3e9^2.9^b\n".encode("latin-1"))
    assert bs.load_runs(path, separator="^", encoding="latin-1").groups == ["Zoë", "b"]
    for told, words in {
        ("separator", "::"): "separator is '::'; expected one character",
        ("decimal", "x"): "decimal is 'x'",
        ("encoding", "klingon"): "encoding is 'klingon', which Python does not know",
        ("encoding", "ascii"): "is not in the encoding ascii: byte 0xeb at position",
        ("silence", "noise"): "silence names 'noise'; expected names of accuracies",
    }.items():
        with pytest.raises(bs.InputError, match=words):
            bs.load_runs(path, **dict([told]))
