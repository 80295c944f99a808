"""Runs that lie in trackers and logs, as a table: `collect` and what it gives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.endings import KEEPABLE
from bayes_scaling.data.collect.read import read_sources
from bayes_scaling.data.collect.settle import Request, Settled, names_of_one_metric, settle
from bayes_scaling.data.files import replacing
from bayes_scaling.data.load import load_runs
from bayes_scaling.data.runs import Runs
from bayes_scaling.data.units import Quantity
from bayes_scaling.errors import InputError
from bayes_scaling.inference.result import Result

if TYPE_CHECKING:
    import pandas as pd

type Source = str | os.PathLike[str]
"""A folder, a file, or the address of a store."""


@dataclass(frozen=True, eq=False, repr=False)
class Collection(Result):
    """Runs that were collected.

    Attributes
    ----------
    settled : tuple of Settled
        Every run that was found, with what was read of it or why it is left out.
    request : Request
        What was asked for.
    """

    settled: tuple[Settled, ...]
    request: Request

    @cached_property
    def runs(self) -> Runs:
        """The table, as `load_runs` gives it; its inputs are those that were asked for."""
        table = self.rows
        inputs = tuple(keys.plain(name.rpartition("/")[2]) for name in self.request.inputs)
        share = "items" in table or bool(table["metric"].map(keys.kind_of).eq(keys.SHARE).any())
        asked = ("params", "tokens", *inputs) if inputs else ()
        return load_runs(table, name="collected runs", inputs=asked, response="share" if share else None)

    @property
    def rows(self) -> pd.DataFrame:
        """A row for each run that is taken: what `load_runs` reads, then where each cell is from."""
        import pandas as pd

        return pd.DataFrame([one.row for one in self.settled if one.row is not None])

    def table(self, prob: float = 0.9) -> pd.DataFrame:
        """A row a run: its counts and its loss, or why it is left out; ``prob`` is not used."""
        import pandas as pd

        columns = ("params", "tokens", "loss")
        rows = {
            one.history.name: {
                **{column: (one.row or {}).get(column, float("nan")) for column in columns},
                "step": one.step if one.metric else float("nan"),
                "left out": one.problem.words if one.problem and one.row is None else "",
            }
            for one in self.settled
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")

    def left_out(self) -> pd.DataFrame:
        """A row for each run that is left out: its name, the reason in one word and in a sentence, and its source."""
        import pandas as pd

        rows = [
            (
                one.history.name,
                one.problem.kind,
                f"{one.history.name} {one.problem.words}",
                one.history.source,
            )
            for one in self.settled
            if one.row is None and one.problem
        ]
        return pd.DataFrame(rows, columns=["run", "reason", "sentence", "source"])

    def sentences(self, prob: float = 0.9) -> list[str]:
        """How many runs were taken, by which metric, and which were left out and why."""
        names = names_of_one_metric(self.settled)
        taken, all_ = names.total(), len(self.settled)
        metric = ", ".join(f"{name!r}" for name in names)
        kind = keys.kind_of(next(iter(names)))
        what = keys.KINDS[kind] if kind is not None else "metric that was asked for"
        how = (
            f"the mean of the last {self.request.stretch:.0%} of steps, with its standard error"
            if kind == keys.TRAINING
            else "the last value"
        )
        said = [f"{taken} of {all_} runs are taken, by their {what} {metric}: {how}"]
        return said + [_one_line(sentence) for sentence in self.left_out()["sentence"]]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before fitting the table: names that changed, runs kept on request, counts that disagree."""
        names = names_of_one_metric(self.settled)
        said = []
        if len(names) > 1:
            by = ", ".join(f"{name!r} ({count} runs)" for name, count in names.items())
            said.append(f"the metric goes by several names, which are taken as one: {by}")
        for one in self.settled:
            if one.row is not None:
                kept = [f"kept on request, though it {one.problem.words}"] if one.problem else []
                said += [_one_line(f"{one.history.name}: {words}") for words in (*kept, *one.warnings)]
        return tuple(said)

    def save(self, path: Source, *, force: bool = False) -> None:
        """Writes the table as .csv, with a column for the source of each row, its metric, and where counts are from.

        Raises
        ------
        InputError
            If the file exists and ``force`` is false, its name does not end in .csv, or it cannot be written.
        """
        target = Path(path)
        if target.suffix != ".csv":
            raise InputError(f"the table is written as .csv; got '{target}'")
        with replacing(target, force) as aside:
            self.rows.to_csv(aside, index=False)


def collect(
    *sources: Source,
    metric: str | None = None,
    params: str | None = None,
    tokens: str | None = None,
    tokens_per_step: Quantity | None = None,
    group: str | None = None,
    seed: str | None = None,
    inputs: Sequence[str] = (),
    without_embeddings: bool = False,
    stretch: float = 0.05,
    keep: Sequence[str] = (),
) -> Collection:
    """Brings runs together that lie in trackers and logs: one row a run.

    The loss is the last evaluation, never the lowest; where nothing was evaluated, the mean of the last training
    losses. Left out by name are runs that diverged, still run, stopped early, were last evaluated in the middle of a
    decay of the learning rate, or are there twice, and those whose loss, parameters or tokens are not known.

    Parameters
    ----------
    *sources : path or address
        Folders of runs (logs of JSON lines; ``trainer_state.json`` of Hugging Face; TensorBoard event files; results of
        the LM Evaluation Harness; each with a ``config.json`` beside it), one of these files, .csv exports of Weights &
        Biases (its table of runs and its charts, together), or an MLflow store (``mlflow.db``, ``mlruns``, ``http://...``).
    metric : str, optional
        The metric to read. Default: the evaluation loss, or else the training loss.
    params : str, optional
        The key of the config that has the parameters, as ``"n"`` or ``"n*1e6"``. Default: a usual one, or the
        architecture.
    tokens : str, optional
        The key or metric that has the tokens. Default: tokens as logged, or steps x batch x length.
    tokens_per_step : quantity, optional
        Tokens of one step of the optimiser, where the config does not say them.
    group : str, optional
        The key of the config that is each run's group.
    seed : str, optional
        The key of the config that has the seed. Default: a usual one.
    inputs : sequence of str
        Keys of the config that are further inputs of a law.
    without_embeddings : bool
        Count parameters and FLOPs without embeddings, as Kaplan et al. 2020 do.
    stretch : float
        The last share of the steps, whose training losses are averaged.
    keep : sequence of str
        Runs to keep all the same: diverged, running, stopped, decaying, duplicate.

    Returns
    -------
    Collection
        Its ``runs`` can be fitted, its ``save`` writes the table; ``plot`` shows all curves and what was read of them.

    Raises
    ------
    InputError
        If a source cannot be read, or no run can be taken; the message has the reason for each.
    """
    inputs, keep = ((given,) if isinstance(given, str) else tuple(given) for given in (inputs, keep))
    if unknown := set(keep) - set(KEEPABLE):
        raise InputError(f"keep has {min(unknown)!r}; expected some of {', '.join(KEEPABLE)}")
    if not 0 < stretch < 1:
        raise InputError(f"stretch is {stretch!r}; expected a share of the steps between 0 and 1")
    if not sources:
        raise InputError("name a folder, a file or a store to collect from")
    for source in sources:
        if not isinstance(source, str | os.PathLike):
            raise InputError(
                f"a source is {source!r}; expected a path or an address, several one after another: collect('a', 'b')"
            )
    request = Request(
        metric,
        params,
        tokens,
        tokens_per_step,
        group,
        seed,
        tuple(inputs),
        without_embeddings,
        stretch,
        tuple(keep),
    )
    settled = tuple(settle(read_sources([os.fspath(source) for source in sources]), request))
    found = Collection(settled, request)
    if all(one.row is None for one in settled):
        why = [_one_line(sentence) for sentence in found.left_out()["sentence"]]
        more = [f"and {len(why) - 10} more"] if len(why) > 10 else []
        raise InputError(f"none of {len(settled)} runs can be taken: {'; '.join([*why[:10], *more])}.")
    return found


def _one_line(sentence: str) -> str:
    """A sentence in one line and without a full stop, whatever names and messages it has inside."""
    return " ".join(sentence.split()).rstrip(" .")
