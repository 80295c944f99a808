"""A validated table of training runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data import validate
from bayes_scaling.data.columns import further
from bayes_scaling.data.loss_unit import NATS, Unit
from bayes_scaling.data.notebook import notebook_html
from bayes_scaling.data.reference import SAME_KIND, Reference
from bayes_scaling.data.response import Response
from bayes_scaling.data.units import format_flops, format_losses, format_range, parse_quantity, training_flops
from bayes_scaling.errors import InputError

# Here and in the other files of this folder: pandas loads when a table is read, and not on import.
if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from bayes_scaling.data.units import Quantity


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
    inputs : tuple of str, further columns beside params and tokens that a law may take
    response : {"loss", "share", "score"}, optional
        What the column loss holds, where that was declared.
    unit : Unit of the source's losses
    renamed : mapping of role to the usual name under which its column was found
    """

    table: pd.DataFrame
    name: str = "runs"
    warnings: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    response: Response | None = None
    unit: Unit = NATS
    renamed: Mapping[str, str] = field(default_factory=dict)

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
        return np.asarray(training_flops(self.params, self.tokens))

    @property
    def scale(self) -> np.ndarray:
        """What ranks the runs by size, shape (n,): training FLOPs where known, else the first input."""
        return self.column("flops" if "flops" in self.input_names else self.input_names[0])

    def _own(self, name: str) -> np.ndarray:
        if name not in self.table:
            choices = ", ".join(map(str, self.table.columns))
            raise InputError(f"{self.name} has no column '{name}'; its columns are {choices}.")
        return self.table[name].to_numpy(dtype=float)

    def column(self, name: str) -> np.ndarray:
        """A column of positive numbers, shape (n,): flops and tokens_per_param too, where N and D tell them.

        Raises
        ------
        InputError
            If there is no such column, or a cell of it is not a positive finite number.
        """
        if name == "flops" and name in self.input_names:
            return self.flops
        if name == "tokens_per_param" and name not in self.table and {"params", "tokens"} <= set(self.table):
            return np.asarray(self.tokens / self.params)
        if name not in self.table:
            choices = dict.fromkeys([*self.input_names, *self.table.columns])
            raise InputError(f"{self.name} has no column '{name}'; choose one of {', '.join(choices)}.")
        return validate.numbers(self.table[name], name, self.name)

    @property
    def input_names(self) -> tuple[str, ...]:
        """What is known of every run, of N, D and C, and the further inputs."""
        named = [column for column in ("params", "tokens", "flops") if column in self.table]
        named += ["flops"] if named == ["params", "tokens"] else []
        return (*named, *self.inputs)

    def with_inputs(self, columns: Iterable[str]) -> Runs:
        """The same runs, with the columns that a law takes among their inputs; errors as of `column`."""
        for name in columns:
            self.column(name)
        new = further(columns)
        return dataclasses.replace(self, inputs=tuple(dict.fromkeys((*self.inputs, *new))))

    def same_as(self, other: Runs) -> bool:
        """Whether these are the same runs: the same losses at the same N, D and C."""
        mine, theirs = (set(runs.input_names) - set(runs.inputs) for runs in (self, other))
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
        return validate.numbered(
            zip(self._labels, *(self.column(name).tolist() for name in names), strict=True)
        )

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
        """Id of each run's trajectory, or of its configuration where it has none, shape (n,), int, by first appearance.

        The runs of a cluster must not be separated: they share what they err by.
        """
        if "trajectory" not in self.table:
            return self.configurations
        cells = self.table["trajectory"]
        lists = (self._labels, cells.tolist(), cells.isna().tolist(), self.configurations.tolist())
        return validate.numbered(
            ("configuration", config) if alone else ("trajectory", label, run)
            for label, run, alone, config in zip(*lists, strict=True)
        )

    @property
    def loss_se(self) -> np.ndarray:
        """Standard error with which each loss was evaluated, shape (n,); 0 where the table does not say."""
        return self._own("loss_se") if "loss_se" in self.table else np.zeros(self.n)

    @cached_property
    def measurement_sd(self) -> np.ndarray:
        """Standard deviation of the log loss from evaluation alone, shape (n,)."""
        return np.asarray(self.loss_se / self.loss)

    @property
    def items(self) -> np.ndarray | None:
        """Number of test items behind each run's share, shape (n,); None where the table does not say."""
        return self.table["items"].to_numpy(dtype=float) if "items" in self.table else None

    @cached_property
    def reference(self) -> Reference:
        """Geometric means of params, tokens, flops and the further inputs; counts of one kind share theirs."""
        means = {c: float(np.exp(np.log(self.column(c)).mean())) for c in self.input_names}
        return Reference({c: means.get(SAME_KIND.get(c, c), m) for c, m in means.items()})

    @cached_property
    def extent(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest params, tokens, flops and further inputs."""
        return {c: (float(self.column(c).min()), float(self.column(c).max())) for c in self.input_names}

    def select(self, mask: ArrayLike) -> Runs:
        """Some of the runs: where a mask, shape (n,), is true, or by row numbers.

        Raises
        ------
        InputError
            If the mask does not fit the table, or keeps no run.
        """
        rows = np.asarray(mask)
        if rows.size == 0 or (rows.dtype == bool and rows.shape == (self.n,) and not rows.any()):
            raise InputError(f"the selection keeps none of the {self.n} runs of {self.name}.")
        if rows.dtype == bool and rows.shape == (self.n,):
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or rows.min() < -self.n or rows.max() >= self.n:
            raise InputError(
                f"cannot select from {self.name} with an array of {rows.dtype} and shape {rows.shape}; "
                f"expected {self.n} booleans, or row numbers from 0 to {self.n - 1}."
            )
        return dataclasses.replace(self, table=self.table.iloc[rows].reset_index(drop=True))

    def grouped_by(self, column: str) -> Runs:
        """The same runs, with the cells of another column as the labels of their groups.

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

    def split(self, holdout_above: Quantity) -> tuple[Runs, Runs]:
        """The runs of at most so many FLOPs, and those of more, which are held out.

        Raises
        ------
        InputError
            If either side would be empty.
        """
        large = self.flops > (threshold := parse_quantity(holdout_above, "holdout_above"))
        if large.all() or not large.any():
            extent = " to ".join(map(format_flops, self.extent["flops"]))
            raise InputError(
                f"holdout_above={format_flops(threshold)} leaves no run to {'train on' if large.all() else 'hold out'}"
                f": flops runs from {extent} in {self.name}. Choose a value between."
            )
        return self.select(~large), self.select(large)

    def __repr__(self) -> str:
        counts = {"run": self.n, "configuration": self.n_configurations, "group": len(self.groups)}
        parts = [f"{n} {noun}{'s' * (n != 1)}" for noun, n in counts.items()]
        parts += [f"{name} {format_range(self.column(name))}" for name in self._shown]
        return f"Runs({self.name}: {', '.join(parts)}, loss {format_losses(self.loss, 2)})"

    def _repr_html_(self) -> str:
        return notebook_html([repr(self)], self.warnings, self.describe())

    @property
    def _shown(self) -> tuple[str, ...]:
        """The columns that describe the table: N and D, or what there is instead."""
        named = validate.identity(self.table)
        return named if len(named) == 2 else (*named, *self.inputs)

    def describe(self) -> pd.DataFrame:
        """A small table of text by group, for people: runs, configurations, params, tokens (or other inputs), loss."""
        import pandas as pd

        rows = {}
        for i, label in enumerate(self.groups):
            part = self.select(self.group_index == i)
            rows[label] = {
                "runs": str(part.n),
                "configurations": str(part.n_configurations),
                **{name: format_range(part.column(name)) for name in self._shown},
                "loss": format_losses(part.loss),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")
