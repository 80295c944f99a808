"""Losses in the units that people report, as nats per token."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from bayes_scaling.data.units import nats_per_token
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LossUnit = Literal["nats", "bits", "bits_per_byte", "perplexity"]
LOSS_UNITS: tuple[LossUnit, ...] = get_args(LossUnit)


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
    if unit == "nats":
        return table
    loss = table["loss"].to_numpy(float)
    if unit == "perplexity":
        if (low := np.flatnonzero(loss <= 1)).size:
            raise InputError(
                f"{name}, row {low[0] + 1}: a perplexity of {loss[low[0]]:g}; expected more than 1. "
                "Correct the cell, or name the unit that the column has."
            )
        converted, per_unit = np.log(loss), 1 / loss
    else:
        per_unit = np.full(len(loss), nats_per_token(1.0, bytes_per_token or 1.0))
        converted = loss * per_unit
    errors = {"loss_se": table["loss_se"] * per_unit} if "loss_se" in table else {}
    return table.assign(loss=converted, **errors)
