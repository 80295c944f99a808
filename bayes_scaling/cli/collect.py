"""The verb that brings runs together: collect."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.options import FILE, JSON, output, verb
from bayes_scaling.data.files import check_writable

ORIGINS = ("flops", "params_", "tokens_", "run_", "metric", "step", "source", "reader")
"""What the columns of a saved table begin with that a terminal does without."""


@verb(
    click.Argument(
        ["sources"], nargs=-1, required=True, type=FILE, metavar="SOURCE...",
        help="Folders of runs, logs, trainer_state.json, event files, W&B exports (.csv), MLflow stores.",
    ),
    *output("The table to write, a .csv file. Default: runs.csv.", "runs.csv"),
    click.Option(["--picture"], type=FILE, help="Also the curves, with what was read of them: .png, .svg or .pdf."),
    "inference.collection.collect",
    JSON,
    then="fit {output}",
)  # fmt: skip
def collect(sources: tuple[str, ...], output: str, force: bool, picture: str | None, **asked: Any) -> Answer:
    """Bring runs together from logs and trackers: one row each, and why some have none."""
    from bayes_scaling.reporting.image_files import save_picture

    if picture:
        check_writable(Path(picture), force)
    found = bs.collect(*sources, **asked)
    found.save(output, force=force)
    if picture:
        save_picture(found.plot(), Path(picture))
    about = {"left_out": found.left_out().to_dict("records")}
    front = ["run", *(name for name in found.rows if name != "run")]
    said = answer(found, {}, table=found.rows[front], hidden=ORIGINS, about=about)
    return replace(
        said, text="\n\n".join([said.text, f"Wrote {' and '.join(filter(None, [output, picture]))}."])
    )
