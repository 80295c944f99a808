"""Properties of reading: for any table, and for any bytes at all."""

import gzip
import io
import tempfile
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_files import HEAD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bayes_scaling as bs

quick = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
NUMBERS = {
    "params": st.floats(1e5, 1e13),
    "tokens": st.floats(1e6, 1e15),
    "loss": st.floats(1e-3, 11),
    "group": st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=9),
}
ROWS = st.lists(st.fixed_dictionaries(NUMBERS), min_size=1, max_size=8)
CELL = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(max_size=8),
    st.dates(),
    st.lists(st.integers(), max_size=2),
)


def read(source, **options):
    """The runs, or nothing where they are refused; whatever else is raised fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
        with suppress(bs.InputError):
            return bs.load_runs(source, **options)
    return None


def from_file(name, data, **options):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        return read(Path(folder) / name, **options)


@pytest.mark.seconds
@quick
@given(
    ROWS, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])
)
def test_a_table_comes_back_whichever_way_it_was_written(rows, separator, encoding):
    table = pd.DataFrame(rows)
    table["group"] = "g" + table["group"]  # pandas reads a lone NA as an empty cell
    written = table.to_csv(sep=separator, index=False)
    lines = table.to_json(orient="records", lines=True, double_precision=15, force_ascii=False)
    for name, data in {
        "runs.csv": written.encode(encoding),
        "runs.csv.gz": gzip.compress(written.encode(encoding)),
        "runs.jsonl": lines.encode(encoding),
    }.items():
        runs = from_file(name, data)
        np.testing.assert_allclose(runs.loss, table["loss"], rtol=1e-9)
        np.testing.assert_allclose(runs.tokens, table["tokens"], rtol=1e-9)
        assert runs.table["group"].tolist() == table["group"].tolist()


@pytest.mark.seconds
@quick
@given(st.lists(st.floats(1e-3, 11), min_size=2, max_size=8))
def test_a_decimal_comma_is_a_decimal_point(losses):
    losses = [round(loss, 4) for loss in losses]
    rows = [f"1e9;2e10;{loss:.4f}".replace(".", ",") for loss in losses]
    runs = from_file("runs.csv", "\n".join(["params;tokens;loss", *rows]).encode())
    assert runs.loss.tolist() == losses


@pytest.mark.seconds
@quick
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5))
def test_any_cells(rows):
    """Read or refused by column and row, from a DataFrame, and what is read is positive and finite."""
    runs = read(pd.DataFrame(rows, columns=HEAD.split(","), dtype=object), trust_units=True)
    if runs is not None:
        for values in (runs.params, runs.tokens, runs.loss):
            assert (np.isfinite(values) & (values > 0)).all()


@quick
@given(
    st.binary(max_size=300),
    st.sampled_from([".csv", ".txt", ".json", ".jsonl", ".csv.gz", ".csv.zip", ".xlsx"]),
)
def test_any_bytes(data, suffix):
    from_file(f"runs{suffix}", data)


@quick
@given(st.text(max_size=300), st.sampled_from([".csv", ".tsv", ".txt", ".json", ".jsonl"]))
def test_any_text(text, suffix):
    from_file(f"runs{suffix}", f"{HEAD}\n{text}".encode("utf-8", "replace"))


@pytest.mark.seconds
def test_many_rows(tmp_path):
    """Memory that is bounded by the file's size, as is the time: a million rows take seconds."""
    rng, n = np.random.default_rng(0), 200_000
    N, D = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(9, 12, n)
    loss = 1.7 + 400 * N**-0.34 + 400 * D**-0.28
    buffer = io.BytesIO()
    pd.DataFrame({"params": N, "tokens": D, "loss": loss}).round(4).to_csv(buffer, index=False)
    path = tmp_path / "runs.csv"
    path.write_bytes(buffer.getvalue())
    size = len(buffer.getvalue())
    del buffer, loss
    tracemalloc.start()
    runs = bs.load_runs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert runs.n == n
    np.testing.assert_allclose(runs.params, N, rtol=1e-9)
    assert peak < 12 * size
