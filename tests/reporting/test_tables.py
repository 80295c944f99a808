"""Tables as text and as Markdown: numbers as people write them, bounds behind their medians."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_scaling.inference.intervals import columns, long_table
from bayes_scaling.reporting.tables import WIDEST, as_text, markdown, written


@pytest.fixture
def table():
    """Of two budgets, the larger of which has no optimum."""
    params = xr.DataArray([[[1e9, np.nan], [2e9, np.nan], [3e9, np.nan]]], dims=("chain", "draw", "point"))
    named = {"flops": xr.DataArray([1e24, 1.234e25], dims="point")} | columns("params", params, 0.5)
    return long_table(named | {"loss": xr.DataArray([1.9304, np.inf], dims="point")})


def test_numbers_are_written_by_what_they_are(table):
    assert written(table) == [
        {"flops": "1e24", "params (50%)": "2B (1.5B to 2.5B)", "loss": "1.930"},
        {"flops": "1.23e25", "params (50%)": "-", "loss": "no bound"},
    ]


def test_a_named_index_is_a_column():
    by_cut = pd.DataFrame(
        {"elpd_diff": [-2.5], "ok": [True]}, pd.MultiIndex.from_tuples([("a", "b")], names=["cut", "law"])
    )
    assert written(by_cut) == [{"cut": "a", "law": "b", "difference": "-2.50", "ok": "yes"}]
    assert written(pd.DataFrame({"n": [3.0]}, index=[7])) == [{"n": "3"}]


def test_the_farthest_input_says_how_far_beyond_the_data():
    far = pd.DataFrame({"decades beyond (params)": [0.0, 1.0], "decades beyond (tokens)": [0.24, 0.0]})
    assert [row["decades beyond"] for row in written(far)] == ["0.2", "1.0"]


def test_words_to_the_left_and_numbers_to_the_right():
    rows = [{"law": "kaplan", "elpd": "-1.5"}, {"law": "chinchilla", "elpd": "-10.25"}]
    assert as_text(rows) == "law           elpd\nkaplan        -1.5\nchinchilla  -10.25"


def test_what_is_too_wide_is_written_downwards_without_what_has_no_answer():
    row = {"question": "q" * (WIDEST + 1), "flops": "1e24", "params": "-"}
    assert as_text([row, row]) == "\n\n".join([f"question  {row['question']}\nflops     1e24"] * 2)


def test_columns_that_do_not_fit_go_below_with_the_first_ones_and_what_rows_share_is_said_once():
    wide = {f"w{i} (90%)": "1.00 (0.90 to 1.10)" for i in range(5)}
    rows = [{"group": g, **wide, "flops": "1e24"} | {"w4 (90%)": f"{g} (0.90 to 1.10)"} for g in "ab"]
    above, *tables = as_text(
        [
            {**row, **{f"w{i} (90%)": f"{g}{i} (0.90 to 1.10)" for i in range(5)}}
            for g, row in zip("ab", rows, strict=True)
        ]
    ).split("\n\n")
    assert above == "All rows: flops 1e24"
    assert [table.split()[0] for table in tables] == ["group", "group"]
    assert all(len(line) <= WIDEST for table in tables for line in table.splitlines())


def test_words_of_the_last_column_are_wrapped():
    rows = [{"quantity": name, "meaning": "loss that no scale removes " * 4} for name in ("E", "A")]
    text = as_text(rows)
    assert max(map(len, text.splitlines())) <= WIDEST
    assert len(text.splitlines()) > 3


def test_no_rows():
    assert as_text([]) == "(no rows)"


def test_markdown():
    lines = markdown(["law", "elpd"], [["kaplan", -1.5], ["m4", "-"]]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [cells[0], *cells[2:]] == [["law", "elpd"], ["kaplan", "-1.5"], ["m4", "-"]]
