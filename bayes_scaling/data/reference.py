"""The point that laws are centred on."""

from dataclasses import dataclass

from bayes_scaling.errors import InputError

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
        for name in (column, SAME_KIND.get(column)):
            if name in self.values:
                return self.values[name]
        raise InputError(f"the reference point has no '{column}'; it has {', '.join(self.values)}.")
