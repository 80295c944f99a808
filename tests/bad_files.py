"""Files as people bring them on bad days: each a name, its bytes, and what is to be said of it."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from dataclasses import dataclass

import pandas as pd

HEAD = "params,tokens,loss"
GOOD = ["7e7,2e9,3.4", "1.6e8,5e9,3.1", "4.1e8,1e10,2.8", "1e9,2e10,2.6", "2.8e9,4e10,2.45"]


@dataclass(frozen=True)
class File:
    """A file, and what `load_runs` says of it: words of an error, names of warnings, or nothing."""

    name: str
    data: bytes
    error: tuple[str, ...] = ()
    warns: tuple[str, ...] = ()

    @property
    def id(self):
        return f"{self.name}-{(self.error or self.warns or ('read',))[0]}"


def text(*lines, head=HEAD, end="\n"):
    return end.join([head, *(lines or GOOD)]) + end


def with_flops(times):
    """The rows of a good table with FLOPs of so many times N D."""
    return [f"{row},{times * float(row.split(',')[0]) * float(row.split(',')[1])}" for row in GOOD]


def with_cell(column, cell):
    """A good table but for one cell of its third row."""
    names, rows = HEAD.split(","), [row.split(",") for row in GOOD]
    if column not in names:
        names, rows = [*names, column], [[*row, "0.01"] for row in rows]
    rows[2][names.index(column)] = cell
    return text(*(",".join(row) for row in rows), head=",".join(names))


def bad(name, data, *error):
    return File(name, data if isinstance(data, bytes) else data.encode(), error=error)


def odd(name, data, *warns):
    return File(name, data if isinstance(data, bytes) else data.encode(), warns=warns)


def frame(**columns):
    names = HEAD.split(",")
    cells = [[float(cell) for cell in row.split(",")] for row in GOOD]
    return pd.DataFrame(cells, columns=names).assign(**columns)


def binary(write, table=None):
    """What a method of pandas writes of a good table."""
    buffer = io.BytesIO()
    getattr(frame() if table is None else table, f"to_{write}")(buffer)
    return buffer.getvalue()


def excel(**sheets):
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl") as file:
        for name, table in sheets.items():
            table.to_excel(file, sheet_name=name, index=False)
    return buffer.getvalue()


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def cells():
    """One wrong cell among good ones."""
    wrong = [
        "",
        "NaN",
        "n/a",
        "abc",
        "-",
        "inf",
        "1e400",
        "-3",
        "0",
        "3.1.4",
        "2,5",
        "--",
        "TRUE",
        "3 nats",
        "=1+1",
        "1/2",
    ]
    for column in ("params", "tokens", "loss"):
        for cell in wrong:
            quoted = f'"{cell}"' if "," in cell else cell
            yield bad("runs.csv", with_cell(column, quoted), f"column '{column}', row 3 (line 4 of the file)")
    for cell in ("-1", "nan", "inf", "x"):
        yield bad("runs.csv", with_cell("loss_se", cell), "column 'loss_se', row 3")
        yield bad("runs.csv", with_cell("flops", cell), "column 'flops', row 3")
    yield bad(
        "runs.csv", text(*with_flops(6e-9), head=f"{HEAD},flops"), "a unit of 1e9 FLOPs", "flops='flops*1e9'"
    )
    yield bad("runs.csv", with_cell("group", ""), "column 'group', row 3", "Fill in the label")


def shapes():
    """Not a table, or not quite."""
    yield bad("runs.csv", "", "is empty", "expected a header line")
    yield bad("runs.csv", "\n\n\n", "is empty")
    yield bad("runs.csv", ",,,\n", "is empty")
    yield bad("runs.csv", "# only a comment\n", "is empty")
    yield bad("runs.csv", HEAD, "has columns but no rows")
    yield bad("runs.csv", "\n".join(GOOD), "has no header", "'7e7,2e9,3.4'", "Add a line above")
    yield bad(
        "runs.csv",
        text(*GOOD, "1e9,2e9,3,4,5"),
        "line 7 has 5 cells, and the header has 3",
        "'1e9,2e9,3,4,5'",
    )
    yield bad("runs.csv", text(*GOOD, "1e9,2e9"), "column 'loss', row 6 (line 7 of the file)", "empty")
    yield bad("runs.csv", text(*GOOD, "# a, b, c, d, e"), "line 7 has 5 cells", "# a, b")
    yield bad("runs.csv", text(*GOOD, "# half way"), "column 'params', row 6", "'# half way' is not a number")
    yield bad("runs.csv", text(*GOOD, '"1e9,2e9,3'), "quote that is not closed")
    yield bad("runs.csv", text(head="params,tokens,loss,loss"), "two columns named 'loss'")
    yield bad("runs.csv", text(head="x,y,z"), "no column 'params'", "--column params=...")
    yield bad("runs.csv", text(head="parms,tokens,loss"), "no column 'params'", "Did you mean 'parms'")
    yield bad("runs.csv", text(head="params,loss,steps"), "no column 'tokens'")
    yield bad("runs.csv", text(HEAD, *GOOD), "column 'params', row 1", "'params' is not a number")
    yield bad("runs.csv", "<html><body>404 not found</body></html>", "has columns but no rows")
    yield bad("runs.csv", text("0.07,2,3.4", "12,300,2.1"), "look like billions", "params*1e9")
    yield bad("runs.csv", "x" * 200_000, "has columns but no rows")
    yield bad("runs.csv", text(*GOOD, "1e9,2e9," + "9" * 5000), "row 6", "not finite")
    yield bad("runs.csv", text().replace("7e7", "7\0e7"), "NUL", "line 2")
    yield bad("runs.txt", "just some words that say nothing\n", "has columns but no rows")
    yield bad("runs.doc", text(), "cannot tell the format", "Rename or convert")
    yield bad("runs", text(), "cannot tell the format")
    yield bad("runs.pickle", b"\x80\x04cos\nsystem\n", "cannot tell the format")
    yield bad(
        "runs.csv", text(*(f"{row},a" for row in GOOD[:4]), head=f"{HEAD},group") + '1e9,2e9,"', "quote"
    )


def other_kinds():
    """Files that are of another kind than their name says, or are damaged."""
    yield bad("runs.csv", binary("parquet"), "is not text", "Parquet", "convert it to .csv")
    yield bad("runs.csv", excel(a=frame()), "is not text", "Excel")
    yield bad("runs.csv", gzip.compress(text().encode()), "is not text", "gzip")
    yield bad("runs.csv", b"\x89HDF\r\n\x1a\n" + bytes(99), "is not text", "open_fit")
    yield bad("runs.csv", b"SQLite format 3\0" + bytes(99), "SQLite")
    yield bad("runs.csv", b"\x80\x04\x95cos\nsystem\n(S'ls'\ntR.", "pickle", "never read")
    yield bad("runs.csv", bytes(range(256)) * 50, "NUL")
    yield bad("runs.parquet", text(), "cannot be read as Parquet", "convert it")
    yield bad("runs.parquet", binary("parquet")[:300], "cannot be read as Parquet")
    yield bad("runs.parquet", b"", "cannot be read as Parquet")
    yield bad("runs.feather", text(), "cannot be read as Feather")
    yield bad("runs.orc", text(), "cannot be read as ORC")
    yield bad(
        "runs.parquet",
        binary("parquet", frame(loss=[[1.0, 2.0]] * 5)),
        "column 'loss', row 1",
        "is not a number",
    )
    yield bad("runs.parquet", binary("parquet", frame(loss=[None] * 5)), "column 'loss', row 1", "empty")
    yield bad(
        "runs.parquet", binary("parquet", frame(loss=[True, False] * 2 + [True])), "True is not a number"
    )
    yield bad("runs.parquet", binary("parquet", frame(loss=pd.Timestamp("2026-01-01"))), "is not a number")
    yield bad("runs.xlsx", text(), "cannot be read as an Excel file", "write the sheet as .csv")
    yield bad("runs.xlsx", excel(a=frame())[:900], "cannot be read as an Excel file")
    yield bad("runs.xlsx", zipped(a="b"), "cannot be read as an Excel file")
    yield bad("runs.xlsx", excel(a=pd.DataFrame()), "is empty")
    yield bad("runs.xlsx", excel(a=frame(loss="high")), "column 'loss', row 1 (row 2 of the sheet)", "'high'")
    yield bad("runs.csv.gz", text(), "cannot be read", "Copy it again")
    yield bad("runs.csv.gz", gzip.compress(text().encode())[:-12], "cannot be read")
    yield bad("runs.csv.bz2", text(), "cannot be read")
    yield bad("runs.csv.xz", lzma.compress(text().encode())[:-9], "cannot be read")
    yield bad("runs.csv.zst", text(), "cannot be read")
    yield bad("runs.csv.zip", text(), "cannot be read")
    yield bad("runs.csv.zip", zipped(a="x", b="y"), "2 files inside", "Unpack it")
    yield bad("runs.csv.zip", zipped(), "0 files inside")
    yield bad("runs.parquet.gz", gzip.compress(binary("parquet")), "cannot tell the format")


def as_json():
    runs = frame().to_dict("records")
    yield bad("runs.json", "", "is empty")
    yield bad("runs.json", "{", "is not JSON", "expected [{")
    yield bad("runs.json", text(), "is not JSON")
    yield bad("runs.json", "3", "no table")
    yield bad("runs.json", "[1, 2]", "no table")
    yield bad("runs.json", "[]", "has columns but no rows")
    yield bad("runs.json", "null", "no table")
    yield bad("runs.json", "[" * 100_000, "is not JSON")
    yield bad(
        "runs.json", '{"params": [1e9], "tokens": [1e9, 2e9], "loss": [3]}', "different lengths", "'tokens' 2"
    )
    yield bad("runs.json", '[{"params": 1e9, "tokens": 1e9, "loss": 3, "loss": 4}]', "two values of 'loss'")
    yield bad(
        "runs.json", json.dumps([*runs, {"params": 1e9, "tokens": 2e9}]), "column 'loss', row 6", "empty"
    )
    yield bad("runs.json", json.dumps([*runs, {**runs[0], "loss": None}]), "column 'loss', row 6", "empty")
    yield bad("runs.json", json.dumps([*runs, {**runs[0], "loss": {"value": 3}}]), "row 6", "is not a number")
    yield bad("runs.json", json.dumps([*runs, {**runs[0], "loss": float("nan")}]), "row 6", "NaN")
    yield bad("runs.json", json.dumps([*runs, {**runs[0], "params": 10**400}]), "row 6", "not finite")
    yield bad("runs.json", '[{"params": 1' + "0" * 5000 + "}]", "is not JSON")
    yield bad("runs.jsonl", '{"params": 1e9}\n{"params": 2e9,\n', "line 2 is not JSON")
    yield bad("runs.jsonl", '{"params": 1e9}\n7\n', "line 2 is '7', and no run")
    yield bad("runs.jsonl", "\n", "is empty")


def doubtful():
    """Can be used, but looks wrong."""
    latin = text(*(f"{row},Académie" for row in GOOD), head=f"{HEAD},group")
    semicolons = text(*(row.replace(",", ";") for row in GOOD), head="params;tokens;loss")
    points = semicolons.replace(".", ",")
    yield odd("runs.csv", latin.encode("latin-1"), "encoding")
    yield odd("runs.csv", latin.encode("utf-16")[2:], "encoding")
    yield odd("runs.csv", points, "decimal")
    yield odd("runs.csv", points.replace("7e7", "70.000.000"), "decimal")
    yield odd("runs.xlsx", excel(a=frame(), b=frame()), "sheets")
    yield odd("runs.csv", text(*(row[:-3] + "3.0" for row in GOOD[:4]), "2e9,4e10,3.0"), "one_loss")
    yield odd("runs.csv", with_cell("loss", "14.2"), "far_loss")
    yield odd("runs.csv", with_cell("loss_se", "50"), "large_se")
    yield odd("runs.csv", with_cell("params", "1e-300"), "tiny_counts")
    slip = with_flops(6)
    slip[2] = f"{GOOD[2]},1"
    yield odd("runs.csv", text(*slip, head=f"{HEAD},flops"), "flops")
    rising = (f"{2**i}e7,{2**i}e9,{0.3 + i / 30:.3f}" for i in range(10))
    yield odd("runs.csv", text(*rising), "accuracies")
    yield odd("runs.csv", text(*GOOD, GOOD[0]), "repeats")
    yield odd("runs.csv", with_cell("State", "crashed"), "unfinished")
    apart = (f"{row.rpartition(',')[0]},{float(row.rpartition(',')[2]) / 1.2:.3f},code" for row in GOOD)
    corpora = text(*(f"{row},web" for row in GOOD), *apart, head=f"{HEAD},mixture")
    yield odd("runs.csv", corpora, "unlike_replicates")
    yield odd("runs.csv", text(*(f"1e9,{row.split(',', 1)[1]}" for row in GOOD)), "one_value")
    yield odd(
        "runs.csv", text(*(f"{row.rpartition(',')[0]},{20 + i}" for i, row in enumerate(GOOD))), "perplexity"
    )
    for name in ("a\u202eb", "a\u200bb", "a\x07b", "x" * 10_000):
        yield odd("runs.csv", with_cell("group", name), "control_characters")
    yield odd("runs.csv", text(*(f"{row},{g}" for row, g in zip(GOOD, ["C4", "c4", "C4 ", "a", "b"], strict=True)),
              head=f"{HEAD},group"), "similar_groups")  # fmt: skip


def fine():
    """Unusual, and read."""
    spaces = text(*(row.replace(",", "  ") for row in GOOD), head="params tokens loss")
    runs = frame().to_dict("records")
    for name, data in {
        "runs.csv": text(*(row.replace(",", ";") for row in GOOD), head="params;tokens;loss"),
        "runs.tsv": text(*(row.replace(",", "\t") for row in GOOD), head="params\ttokens\tloss"),
        "runs.txt": spaces,
        "runs.dat": "# " + spaces,
        "RUNS.CSV": text(end="\r\n"),
        "old.csv": text(end="\r"),
        "comments.csv": "# made by hand\n\n" + text(),
        "empty.csv": text(*(f"{row},," for row in GOOD), head=f"{HEAD},,"),
        "ends.csv": text(*(f"{row}," for row in GOOD)),
        "bars.csv": text(*(row.replace(",", " | ") for row in GOOD), head="params | tokens | loss"),
        "quoted.csv": text(*(f'"{row}"'.replace(",", '","') for row in GOOD)),
        "suffixes.csv": text("70M,2B,3.4", "160M,5B,3.1", "1.5B,30B,2.5"),
        "mark.csv": text().encode("utf-8-sig"),
        "wide.csv": text().encode("utf-16"),
        "widest.csv": text().encode("utf-32"),
        "runs.csv.gz": gzip.compress(text().encode()),
        "runs.csv.bz2": bz2.compress(text().encode()),
        "runs.csv.xz": lzma.compress(text().encode()),
        "runs.csv.zip": zipped(**{"runs.csv": text()}),
        "runs.json": json.dumps(runs),
        "columns.json": frame().to_json(),
        "lists.json": json.dumps({name: column.tolist() for name, column in frame().items()}),
        "lines.json": frame().to_json(orient="records", lines=True),
        "runs.jsonl": frame().to_json(orient="records", lines=True),
        "runs.jsonl.gz": gzip.compress(frame().to_json(orient="records", lines=True).encode()),
        "runs.parquet": binary("parquet"),
        "runs.feather": binary("feather"),
        "runs.orc": binary("orc"),
        "runs.xlsx": excel(a=frame()),
    }.items():
        yield odd(name, data)


FILES = [file for files in (cells, shapes, other_kinds, as_json, doubtful, fine) for file in files()]
