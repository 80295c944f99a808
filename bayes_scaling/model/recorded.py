"""Frozen dataclasses of priors and options, as JSON values and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Self

from bayes_scaling.laws.priors import Prior, prior_from_dict


class Recorded:
    """A dataclass that a file can hold."""

    def to_dict(self) -> dict[str, object]:
        """The fields as JSON values, for the provenance."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {"family": type(self).__name__} | {name: _plain(value) for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Inverse of `to_dict`; what an older file does not name has its default."""
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: _read(value) for name, value in values.items() if name in known})


def _plain(value: object) -> object:
    if isinstance(value, Prior):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value


def _read(value: object) -> object:
    if isinstance(value, dict):
        return prior_from_dict(value)
    return tuple(value) if isinstance(value, list) else value
