"""Reading a table of runs from a file, a DataFrame or other runs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bayes_scaling.data.aliases import of_export, unit_of_name
from bayes_scaling.data.columns import canonical, further, usual_names
from bayes_scaling.data.loss_unit import LossUnit, Unit, in_nats
from bayes_scaling.data.other_units import refuse_other_units
from bayes_scaling.data.questions import check_silenced, questionable
from bayes_scaling.data.read_file import KINDS, read_file
from bayes_scaling.data.response import RESPONSES, Response
from bayes_scaling.data.runs import Runs
from bayes_scaling.data.validate import row_number
from bayes_scaling.errors import DoubtfulInputWarning, InputError, printable, warn

if TYPE_CHECKING:
    import pandas as pd


type RunsLike = Runs | pd.DataFrame | str | os.PathLike[str]
"""Runs, or whatever `load_runs` makes runs of: a table, or the path of one."""


def load_runs(
    source: RunsLike,
    *,
    params: str = "params",
    tokens: str = "tokens",
    loss: str = "loss",
    flops: str | None = None,
    group: str | None = None,
    seed: str | None = None,
    loss_se: str | None = None,
    trajectory: str | None = None,
    items: str | None = None,
    inputs: Sequence[str] = (),
    name: str | None = None,
    response: Response | None = None,
    loss_unit: LossUnit = "nats",
    bytes_per_token: float | None = None,
    trust_units: bool = False,
    encoding: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    silence: str | Sequence[str] = (),
    finished: bool = False,
) -> Runs:
    """Read and check a table of training runs.

    Parameters
    ----------
    source : path, DataFrame or Runs
        A file with one row per run: text (.csv, .tsv, .txt, with any separator), .json, .jsonl, also packed (.gz, .zip,
        .xz, .bz2, .zst); .parquet, .feather, .orc; .xlsx with the extra ``excel``. Or the table itself. Runs come back
        as they are when nothing else is given.
    params, tokens : str
        The columns that hold the model's parameters N and training tokens D. A table that has none of these names
        is looked through for the usual ones (``N``, ``num_params``, ``params_b``, ``D``, ``val_loss``, ...), and
        ``Runs.renamed`` says which was taken. Where one of the two is not there and FLOPs C are, it is derived from
        C = 6ND. Cells such as ``"70B"`` are read as numbers; a column in
        billions is named ``"N*1e9"``, one of decimal logarithms ``"10**N"``, and so is any column of numbers below.
    loss : str
        The column that holds the loss, in nats per token or in ``loss_unit``.
    flops : str, optional
        The column that holds training FLOPs. Like the columns below, it is found without being named when its
        name in the source is that of the keyword.
    group : str, optional
        The column that holds each run's group: its corpus, architecture or suite.
    seed : str, optional
        The column that distinguishes replicates.
    loss_se : str, optional
        The column that holds the standard error with which the loss was evaluated, in nats per token.
    trajectory : str, optional
        The column that says which training run a checkpoint belongs to; empty for a run of its own.
    items : str, optional
        The column that holds the number of test items, where ``loss`` holds the share of them that a run gets right:
        such laws take any share between 0 and 1.
    inputs : sequence of str
        The numeric columns that a law takes, such as ``("params", "tokens", "unique_tokens")`` or ``("flops",)``.
        Only these must then be there; without any, params and tokens must.
    name : str, optional
        What to call the runs; the file's name by default.
    response : {"loss", "share", "score"}, optional
        What the column ``loss`` holds: a loss, which falls with scale; a share of test items, from 0 to 1; a score,
        which rises and may be any number (BLEU, Elo, accuracy in percent). Then only laws of it apply.
    loss_unit : {"nats", "bits", "bits_per_byte", "perplexity", "other"}
        What the loss is given in; it is converted, with its standard error, to nats per token, and forecasts say it in
        both. Other: a loss that is none of these, as an error rate, taken as it is.
    bytes_per_token : float, optional
        Of the tokenizer, for bits per byte.
    trust_units : bool
        Take counts that look like billions or millions, and FLOPs that look like GFLOPs, as they are.
    encoding : str, optional
        Of a text: utf-8, cp1252, ... Default: guessed, and said where that may be wrong.
    separator : str, optional
        What stands between the cells of a text. Default: guessed from the header.
    decimal : {".", ","}, optional
        What stands between the units and the tenths of a text. Default: guessed from the cells, and said.
    silence : sequence of str
        Warnings not to give, by the names that they end with.
    finished : bool
        Of each trajectory take the last checkpoint alone: those in the middle of a schedule lie above finished runs.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing or named twice, or a cell is empty, text, infinite,
        zero or negative where that cannot be, or counts look like billions. The message says which, and what to do.

    Warns
    -----
    DoubtfulInputWarning
        Where the table can be used but looks wrong: a perplexity, repeated rows, FLOPs far from 6ND, one value of
        params or tokens (`bayes_scaling.data.questions` has all). The sentences are kept as ``Runs.warnings``.
    """
    import pandas as pd

    mapping = {
        "params": params, "tokens": tokens, "loss": loss, "flops": flops,
        "group": group, "seed": seed, "loss_se": loss_se, "trajectory": trajectory, "items": items,
    }  # fmt: skip
    if response not in (None, *RESPONSES):
        raise InputError(f"response is {response!r}; expected one of {', '.join(RESPONSES)}")
    if response in ("share", "score") and loss_unit != "nats":
        raise InputError(f"loss_unit is {loss_unit!r}, and a {response} has no such unit; leave it out")
    inputs = (inputs,) if isinstance(inputs, str) else tuple(dict.fromkeys(inputs))
    silenced = check_silenced(silence)
    where: Callable[[int], str] = row_number
    guessed: dict[str, str] = {}
    if isinstance(source, Runs):
        known = {*source.table.columns, "params", "tokens"}  # these two may stand for what is not there
        as_it_is = all(c is None or (c == role and c in known) for role, c in mapping.items())
        if as_it_is and not inputs and not finished and response in (None, source.response):
            return source if name is None else dataclasses.replace(source, name=name)
        response = response or source.response
        name, inputs, frame = name or source.name, inputs or source.input_names, source.table
    elif isinstance(source, pd.DataFrame):
        name, frame = name or "the table", source
    elif isinstance(source, (str, os.PathLike)):
        texts = ("group" if group is None else group,)
        read = read_file(source, texts, encoding=encoding, separator=separator, decimal=decimal)
        frame, where, guessed = read.table, read.where, read.guessed
        name = name or printable(os.path.basename(source))
    else:
        raise InputError(
            f"cannot read runs from {type(source).__name__}; "
            f"expected the path of a {KINDS} file, a pandas DataFrame, or Runs."
        )
    try:
        renamed = usual_names(frame, mapping, inputs, name)
        read_from = {**mapping, **renamed}
        table = canonical(frame, read_from, inputs, name, where, response)
    except InputError as error:
        raise InputError(f"{error}{of_export(frame.columns, name)}") from error.__cause__
    if finished:
        table = _last_checkpoints(table, name)
    table = in_nats(table, loss_unit, bytes_per_token, name)
    if not trust_units:
        refuse_other_units(table, inputs, name, read_from)
    unit = (
        source.unit if isinstance(source, Runs) and loss_unit == "nats" else Unit(loss_unit, bytes_per_token)
    )
    a_loss = response in (None, "loss") and unit.name != "other"
    found = {**guessed, **questionable(table, inputs, a_loss)}
    if a_loss and unit.name == "nats" and (named := unit_of_name(read_from["loss"] or "")):
        found["perplexity"] = (
            f"'{read_from['loss']}' is read as nats per token, and looks like {named.replace('_', ' ')}: name its unit "
            f"with loss_unit='{named}' (command line: --loss-unit {named}), or with 'other'."
        )
    said = {kind: sentence for kind, sentence in found.items() if kind not in silenced}
    for kind, sentence in said.items():
        warn(f"{name}: {sentence} [{kind}]", DoubtfulInputWarning)
    return Runs(table, name, tuple(said.values()), further(inputs), response, unit, renamed)


def _last_checkpoints(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The last row of each trajectory, by tokens or compute, and the rows of none."""
    along = next((column for column in ("tokens", "flops") if column in table), None)
    if "trajectory" not in table or along is None:
        raise InputError(
            f"{name} has no column 'trajectory' with tokens or flops along it: finished runs cannot be told from "
            "checkpoints. Map the column that says which training run a row belongs to with trajectory='...' (command "
            "line: --column trajectory=...), or leave out finished=True."
        )
    keys = [column for column in ("group", "trajectory") if column in table]
    most = table.groupby(keys, dropna=False)[along].transform("max")
    return table[(table[along] == most) | table["trajectory"].isna()].reset_index(drop=True)
