"""What every source is read into: the history of one training run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

type Row = tuple[float, Mapping[str, float]]
"""A step, and the metrics that were logged there."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A metric over a run: rising steps and the values there, both of shape (n,), n > 0; a value may be NaN."""

    steps: np.ndarray
    values: np.ndarray

    @property
    def end(self) -> float:
        """The last step."""
        return float(self.steps[-1])

    def at(self, step: float) -> float:
        """The value at a step, linear between those that were logged; beyond them the nearest one."""
        return float(np.interp(step, self.steps, self.values))

    def starts_as(self, other: Curve) -> bool:
        """Whether this is the other curve, or a first part of it, in single precision: TensorBoard has no other."""
        n = len(self.steps)
        mine, theirs = (curve.values[:n].astype(np.float32) for curve in (self, other))
        return (
            n <= len(other.steps)
            and np.array_equal(self.steps, other.steps[:n])
            and np.array_equal(mine, theirs, equal_nan=True)
        )


@dataclass(frozen=True, eq=False)
class History:
    """One training run, as its source has it.

    Attributes
    ----------
    name : str
        What people call the run.
    source : str
        The file, folder or address that it was read from.
    reader : str
        Which kind of source that is.
    curves : mapping of metric to Curve
    config : mapping of str to scalar
        Settings, nested ones under names with slashes.
    state : str
        As the tracker says it: finished, running, crashed, ...; empty where it does not say.
    items : mapping of metric to int
        Test items behind metrics that are shares of them.
    unreadable : str
        Why there is nothing of it, as the rest of a sentence about the run; mostly empty.
    """

    name: str
    source: str
    reader: str
    curves: Mapping[str, Curve] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    state: str = ""
    items: Mapping[str, int] = field(default_factory=dict)
    unreadable: str = ""

    @property
    def end(self) -> float:
        """The last step at which anything was logged; 0 where nothing was."""
        return max((curve.end for curve in self.curves.values()), default=0.0)

    def with_more(self, other: History) -> History:
        """The run, with what another source knows of it; what both have stays as it is here."""
        return dataclasses.replace(
            self,
            source=", ".join(dict.fromkeys((self.source, other.source))),
            # A table of runs has the last value alone; an export of curves has them all.
            curves={
                name: max(
                    (h.curves[name] for h in (self, other) if name in h.curves), key=lambda c: len(c.steps)
                )
                for name in {**self.curves, **other.curves}
            },
            config={**other.config, **self.config},
            state=self.state or other.state,
            items={**other.items, **self.items},
        )


def curves(rows: Iterable[Row]) -> dict[str, Curve]:
    """Curves of rows in the order in which they were written.

    A metric that goes back says that the run was resumed there: whatever had been written from that step on belongs to
    the part that was lost, and is replaced. Of two values at one step the later counts.
    """
    found: dict[str, tuple[list[float], list[float]]] = {}
    for step, metrics in rows:
        if any(name in found and step < found[name][0][-1] for name in metrics):
            for steps, values in found.values():
                while steps and steps[-1] >= step:
                    steps.pop()
                    values.pop()
            found = {name: curve for name, curve in found.items() if curve[0]}
        for name, value in metrics.items():
            steps, values = found.setdefault(name, ([], []))
            if steps and steps[-1] == step:
                values[-1] = value
            else:
                steps.append(step)
                values.append(value)
    return {name: Curve(np.array(steps), np.array(values)) for name, (steps, values) in found.items()}


def flat(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Scalars of nested settings, under names with slashes; lists are left out, as no key of a table names one."""
    return dict(_flat(settings, prefix))


def _flat(settings: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        elif isinstance(value, str | int | float | bool) or value is None:
            yield f"{prefix}{key}", value
