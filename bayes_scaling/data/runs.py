"""Runs: a validated table of training runs; and the Reference point that laws are centred on."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data import validate
from bayes_scaling.data.columns import canonical, further, read_file
from bayes_scaling.data.units import format_flops, format_quantity, parse_quantity, training_flops
from bayes_scaling.errors import DoubtfulInputWarning, InputError, warn

if TYPE_CHECKING:
    import pandas as pd


SAME_KIND = {"unique_tokens": "tokens"}
"""Columns that are measured from another's reference point, so that a law may compare the two."""


@dataclass(frozen=True)
class Reference:
    """The point that a law's inputs are measured from.

    Attributes
    ----------
    values : dict of str to float
        From each input's name to its geometric mean over the table, such as
        ``{"params": 5e8, "tokens": 1e10, "flops": 3e19}``.
    """

    values: dict[str, float]

    def __getitem__(self, column: str) -> float:
        try:
            return self.values[column]
        except KeyError:
            raise InputError(
                f"the reference point has no '{column}'; it has {', '.join(self.values)}."
            ) from None


@dataclass(frozen=True, eq=False, repr=False)
class Runs:
    """A validated table of training runs, one row each. Made by `load_runs`.

    Attributes
    ----------
    table : DataFrame
        Columns params, tokens (unless a law takes neither), loss (float64); where known flops, group, seed,
        loss_se, trajectory, items; then the columns of the source under their own names. Index 0..n-1.
    name : str
        Where the runs came from, for people.
    warnings : tuple of str
        What looked wrong when the table was read, one sentence each.
    inputs : tuple of str
        Further columns, beside params and tokens, that a law may take as inputs.
    """

    table: pd.DataFrame
    name: str = "runs"
    warnings: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.table)

    @cached_property
    def params(self) -> np.ndarray:
        """Parameters N of each run, shape (n,)."""
        return self._own("params")

    @cached_property
    def tokens(self) -> np.ndarray:
        """Training tokens D of each run, shape (n,)."""
        return self._own("tokens")

    @cached_property
    def loss(self) -> np.ndarray:
        """Loss of each run in nats per token, shape (n,)."""
        return self.table["loss"].to_numpy(dtype=float)

    @cached_property
    def log_loss(self) -> np.ndarray:
        """Natural logarithm of the loss, shape (n,)."""
        return np.log(self.loss)

    @cached_property
    def flops(self) -> np.ndarray:
        """Training FLOPs of each run, shape (n,): the table's own column if it has one, else 6ND."""
        if "flops" in self.table:
            return self.table["flops"].to_numpy(dtype=float)
        return training_flops(self.params, self.tokens)

    @property
    def scale(self) -> np.ndarray:
        """What ranks the runs by size, shape (n,): training FLOPs where known, else the first input."""
        return self.column("flops" if "flops" in self._input_names else self._input_names[0])

    def _own(self, name: str) -> np.ndarray:
        if name not in self.table:
            choices = ", ".join(map(str, self.table.columns))
            raise InputError(f"{self.name} has no column '{name}'; its columns are {choices}.")
        return self.table[name].to_numpy(dtype=float)

    def column(self, name: str) -> np.ndarray:
        """One numeric column, by name.

        Parameters
        ----------
        name : str
            ``"params"``, ``"tokens"``, ``"flops"``, ``"tokens_per_param"``, or any other column of positive
            numbers.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        InputError
            If there is no such column, or a cell of it is not a positive finite number.
        """
        if name == "flops" and name in self._input_names:
            return self.flops
        if name == "tokens_per_param" and name not in self.table and {"params", "tokens"} <= set(self.table):
            return self.tokens / self.params
        if name not in self.table:
            choices = dict.fromkeys([*self._input_names, *self.table.columns])
            raise InputError(f"{self.name} has no column '{name}'; choose one of {', '.join(choices)}.")
        return validate.numbers(self.table[name], name, self.name)

    @property
    def _input_names(self) -> tuple[str, ...]:
        """What is known of every run, of N, D and C, and the further inputs."""
        named = [column for column in ("params", "tokens", "flops") if column in self.table]
        named += ["flops"] if named == ["params", "tokens"] else []
        return (*named, *self.inputs)

    def with_inputs(self, columns: Iterable[str]) -> Runs:
        """The same runs, with these columns among their inputs.

        Parameters
        ----------
        columns : iterable of str
            Those that a law takes; params, tokens and flops need no mention.

        Returns
        -------
        Runs

        Raises
        ------
        InputError
            If there is no such column, or a cell of it is not a positive finite number.
        """
        for name in columns:
            self.column(name)
        new = further(columns)
        return dataclasses.replace(self, inputs=tuple(dict.fromkeys((*self.inputs, *new))))

    def same_as(self, other: Runs) -> bool:
        """Whether these are the same runs: the same losses at the same N, D and C."""
        mine, theirs = (set(runs._input_names) - set(runs.inputs) for runs in (self, other))
        return mine == theirs and all(
            np.array_equal(self.column(name), other.column(name)) for name in ("loss", *mine)
        )

    @cached_property
    def groups(self) -> list[str]:
        """Labels of the groups, sorted; ``["all"]`` where the table has no group column."""
        return sorted(set(self._labels))

    @cached_property
    def _labels(self) -> list[str]:
        return self.table["group"].tolist() if "group" in self.table else ["all"] * self.n

    @cached_property
    def group_index(self) -> np.ndarray:
        """Position in `groups` of each run's group, shape (n,), int."""
        position = {label: i for i, label in enumerate(self.groups)}
        return np.array([position[label] for label in self._labels], dtype=int)

    @cached_property
    def configurations(self) -> np.ndarray:
        """Id of each run's configuration, shape (n,), int, numbered by first appearance.

        Runs of one group with the same params, tokens (or flops) and further `inputs` are replicates of each other.
        """
        names = (*validate.identity(self.table), *self.inputs)
        return _ids(zip(self._labels, *(self.column(name).tolist() for name in names), strict=True))

    @property
    def n_configurations(self) -> int:
        """Number of distinct configurations."""
        return int(self.configurations.max()) + 1

    @property
    def has_replicates(self) -> bool:
        """Whether any configuration was run more than once."""
        return self.n_configurations < self.n

    @cached_property
    def clusters(self) -> np.ndarray:
        """Id of what each run must not be separated from, shape (n,), int, numbered by first appearance.

        The runs of one trajectory (checkpoints of one training run) are one cluster; a run without a
        trajectory belongs to its configuration.
        """
        if "trajectory" not in self.table:
            return self.configurations
        cells = self.table["trajectory"]
        rows = zip(
            self._labels, cells.tolist(), cells.isna().tolist(), self.configurations.tolist(), strict=True
        )
        return _ids(
            ("configuration", config) if alone else ("trajectory", label, run)
            for label, run, alone, config in rows
        )

    @cached_property
    def measurement_sd(self) -> np.ndarray:
        """Standard deviation of the log loss from evaluation alone, shape (n,): loss_se / loss, or zeros."""
        if "loss_se" not in self.table:
            return np.zeros(self.n)
        return self.table["loss_se"].to_numpy(dtype=float) / self.loss

    @property
    def items(self) -> np.ndarray | None:
        """Number of test items behind each run's share, shape (n,); None where the table does not say."""
        return self.table["items"].to_numpy(dtype=float) if "items" in self.table else None

    @cached_property
    def reference(self) -> Reference:
        """Geometric means of params, tokens, flops and the further inputs; counts of one kind share theirs."""
        means = {c: float(np.exp(np.log(self.column(c)).mean())) for c in self._input_names}
        return Reference(
            {c: means[SAME_KIND[c]] if SAME_KIND.get(c) in means else m for c, m in means.items()}
        )

    @cached_property
    def extent(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest params, tokens, flops and further inputs."""
        return {c: (float(self.column(c).min()), float(self.column(c).max())) for c in self._input_names}

    def select(self, mask: Any) -> Runs:
        """Some of the runs, with the name and doubts of all.

        Parameters
        ----------
        mask : array of bool, shape (n,), or array of int
            Which runs to keep.

        Returns
        -------
        Runs

        Raises
        ------
        InputError
            If `mask` does not fit the table, or keeps no run.
        """
        rows = np.asarray(mask)
        if rows.size == 0 or (rows.dtype == bool and rows.shape == (self.n,) and not rows.any()):
            raise InputError(f"the selection keeps none of the {self.n} runs of {self.name}.")
        if rows.dtype == bool and rows.shape == (self.n,):
            rows = np.flatnonzero(rows)
        fits = rows.ndim == 1 and rows.dtype.kind in "iu" and -self.n <= rows.min() and rows.max() < self.n
        if not fits:
            raise InputError(
                f"cannot select from {self.name} with an array of {rows.dtype} and shape {rows.shape}; "
                f"expected {self.n} booleans, or row numbers from 0 to {self.n - 1}."
            )
        return dataclasses.replace(self, table=self.table.iloc[rows].reset_index(drop=True))

    def grouped_by(self, column: str) -> Runs:
        """The same runs, with another column as their group.

        Parameters
        ----------
        column : str
            A column of the table; its cells become labels.

        Returns
        -------
        Runs

        Raises
        ------
        InputError
            If there is no such column, or a cell of it is empty.
        """
        if column not in self.table:
            raise InputError(
                f"cannot group {self.name} by '{column}': there is no such column; "
                f"choose one of {', '.join(map(str, self.table.columns))}."
            )
        labels = validate.labels(self.table[column], self.name)
        return dataclasses.replace(self, table=self.table.assign(group=labels))

    def split(self, holdout_above: float | str) -> tuple[Runs, Runs]:
        """Split at a training budget.

        Parameters
        ----------
        holdout_above : float or str
            FLOPs; runs that took more are held out.

        Returns
        -------
        train, held_out : Runs

        Raises
        ------
        InputError
            If either side would be empty.
        """
        threshold = parse_quantity(holdout_above, "holdout_above")
        large = self.flops > threshold
        if large.all() or not large.any():
            low, high = map(format_flops, self.extent["flops"])
            side = "train on" if large.all() else "hold out"
            raise InputError(
                f"holdout_above={format_flops(threshold)} leaves no run to {side}: "
                f"flops runs from {low} to {high} in {self.name}. Choose a value between."
            )
        return self.select(~large), self.select(large)

    def __repr__(self) -> str:
        parts = (
            _count(self.n, "run"),
            _count(self.n_configurations, "configuration"),
            _count(len(self.groups), "group"),
            *(f"{name} {_range(self.column(name))}" for name in self._told_by),
            f"loss {self.loss.min():.2f}-{self.loss.max():.2f}",
        )
        return f"Runs({self.name}: {', '.join(parts)})"

    @property
    def _told_by(self) -> tuple[str, ...]:
        """The columns that describe the table: N and D, or what there is instead."""
        named = validate.identity(self.table)
        return named if len(named) == 2 else (*named, *self.inputs)

    def describe(self) -> pd.DataFrame:
        """A small table by group, for people.

        Returns
        -------
        DataFrame
            Of text, indexed by group: runs, configurations, params, tokens (or what there is instead), loss.
        """
        import pandas as pd

        rows = {}
        for i, label in enumerate(self.groups):
            part = self.select(self.group_index == i)
            rows[label] = {
                "runs": str(part.n),
                "configurations": str(part.n_configurations),
                **{name: _range(part.column(name)) for name in self._told_by},
                "loss": f"{part.loss.min():.3f}-{part.loss.max():.3f}",
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")


def _ids(keys: Iterable[Hashable]) -> np.ndarray:
    """Number the keys by first appearance."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=int)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _range(values: np.ndarray) -> str:
    low, high = format_quantity(values.min()), format_quantity(values.max())
    return low if low == high else f"{low}-{high}"


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
) -> Runs:
    """Read and check a table of training runs.

    Parameters
    ----------
    source : path, DataFrame or Runs
        A .csv, .tsv or .parquet file with one row per run, or the table itself. Runs come back as they are
        when nothing else is given.
    params, tokens : str
        The columns that hold the model's parameters N and training tokens D. Where one of them is not
        there and FLOPs C are, it is derived from C = 6ND. Cells such as ``"70B"`` are read as numbers.
    loss : str
        The column that holds the loss, in nats per token.
    flops : str, optional
        The column that holds training FLOPs. Like the columns below, it is found without being named when its
        name in the source is that of the keyword.
    group : str, optional
        The column that holds each run's group: its corpus, architecture or suite.
    seed : str, optional
        The column that tells replicates apart.
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

    Returns
    -------
    Runs

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing or named twice, or a cell is empty, text, infinite,
        zero or negative where that cannot be. The message says which, and what to do.

    Warns
    -----
    DoubtfulInputWarning
        Where the table can be used but looks wrong: a count in billions, a perplexity, repeated rows,
        FLOPs far from 6ND, one value of params or tokens. The sentences are kept as ``Runs.warnings``.
    """
    import pandas as pd

    mapping = {
        "params": params, "tokens": tokens, "loss": loss, "flops": flops,
        "group": group, "seed": seed, "loss_se": loss_se, "trajectory": trajectory, "items": items,
    }  # fmt: skip
    inputs = (inputs,) if isinstance(inputs, str) else tuple(dict.fromkeys(inputs))
    where: Callable[[int], str] = validate.row_number
    if isinstance(source, Runs):
        known = {*source.table.columns, "params", "tokens"}  # these two may stand for what is not there
        as_it_is = all(c is None or (c == role and c in known) for role, c in mapping.items())
        if as_it_is and not inputs:
            return source if name is None else dataclasses.replace(source, name=name)
        name, inputs, frame = name or source.name, inputs or source._input_names, source.table
    elif isinstance(source, pd.DataFrame):
        name, frame = name or "the table", source
    elif isinstance(source, (str, os.PathLike)):
        frame, where = read_file(source, text_columns=("group" if group is None else group,))
        name = name or os.path.basename(source)
    else:
        raise InputError(
            f"cannot read runs from {type(source).__name__}; "
            "expected the path of a .csv, .tsv or .parquet file, a pandas DataFrame, or Runs."
        )
    table = canonical(frame, mapping, inputs, name, where)
    doubts = tuple(validate.questionable(table, inputs))
    for doubt in doubts:
        warn(f"{name}: {doubt}", DoubtfulInputWarning)
    return Runs(table=table, name=name, warnings=doubts, inputs=further(inputs))
