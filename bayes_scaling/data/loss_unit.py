"""Losses in the units that people report: read as nats per token, and said in both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from bayes_scaling.data.arrays import Array
from bayes_scaling.data.units import bits_per_unit, nats_per_token
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LossUnit = Literal["nats", "bits", "bits_per_byte", "perplexity", "other"]
LOSS_UNITS: tuple[LossUnit, ...] = get_args(LossUnit)

_LABELS = {
    "nats": "nats per token", "bits": "bits per token", "bits_per_byte": "bits per byte", "perplexity": "perplexity",
}  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """What a table gives its losses in. Inside the package, and in every table, they are nats per token.

    Attributes
    ----------
    name : {"nats", "bits", "bits_per_byte", "perplexity", "other"}
        Other stands for a loss that is none of these, as an error rate: it is taken as it is.
    bytes_per_token : float, optional
        For bits per byte.
    """

    name: LossUnit = "nats"
    bytes_per_token: float | None = None

    @property
    def other(self) -> str:
        """The table's own unit in words, where it is not that of the answers; else empty."""
        return _LABELS[self.name] if self.name not in ("nats", "other") else ""

    @property
    def axis(self) -> str:
        """The label of an axis of losses."""
        return "loss" if self.name == "other" else f"loss ({_LABELS['nats']})"

    @property
    def sentence(self) -> str:
        """What the numbers of losses are in, without a full stop."""
        if self.name == "other":
            return "Losses are in the unit of the table"
        if self.name == "perplexity":
            return "Losses are in nats per token; the table has perplexities, which are exp(loss)"
        if self.other:
            times = f"{self.given(1.0):.4g} times as large"
            return f"Losses are in nats per token; in the table's {self.other} they are {times}"
        return "Losses are in nats per token"

    def target(self, nats: float) -> list[str]:
        """How a loss that is asked for was taken, where the table has another unit."""
        there = f"{nats:.4g} nats per token, {float(self.given(nats)):.4g} in the table's {self.other}"
        return [f"the target is {there}"] if self.other else []

    def given[A: Array](self, nats: A) -> A:
        """Nats per token as the table would give them; anything with arithmetic and `numpy.exp`."""
        if self.name == "perplexity":
            return cast("A", np.exp(nats))  # type: ignore[call-overload]
        return cast("A", bits_per_unit(nats, self.bytes_per_token or 1.0)) if self.other else nats

    def nats(self, given: np.ndarray) -> np.ndarray:
        """Inverse of `given`."""
        if self.name == "perplexity":
            return np.log(given)
        return np.asarray(nats_per_token(given, self.bytes_per_token or 1.0)) if self.other else given


NATS = Unit()


def in_nats(table: pd.DataFrame, unit: LossUnit, bytes_per_token: float | None, name: str) -> pd.DataFrame:
    """A canonical table whose ``loss`` and ``loss_se`` are in nats per token.

    Raises
    ------
    InputError
        For an unknown unit, bits per byte without the bytes of a token, or a perplexity of 1 or less.
    """
    if unit not in LOSS_UNITS:
        raise InputError(f"loss_unit is {unit!r}; expected one of {', '.join(LOSS_UNITS)}")
    if (unit == "bits_per_byte") != (bytes_per_token is not None):
        raise InputError(
            "bits per byte become nats per token by the bytes of a token: give loss_unit='bits_per_byte' together "
            "with bytes_per_token=... (command line: --loss-unit bits_per_byte --bytes-per-token 4.4)"
        )
    if bytes_per_token is not None and not 0 < bytes_per_token < math.inf:
        raise InputError(f"bytes_per_token is {bytes_per_token!r}; expected a positive number, such as 4.4")
    own = Unit(unit, bytes_per_token)
    if not own.other:
        return table
    loss = table["loss"].to_numpy(float)
    if unit == "perplexity" and (low := np.flatnonzero(loss <= 1)).size:
        raise InputError(
            f"{name}, row {low[0] + 1}: a perplexity of {loss[low[0]]:g}; expected more than 1. "
            "Correct the cell, or name the unit that the column has."
        )
    per_unit = 1 / loss if unit == "perplexity" else own.nats(np.ones_like(loss))
    errors = {"loss_se": table["loss_se"] * per_unit} if "loss_se" in table else {}
    return table.assign(loss=own.nats(loss), **errors)
