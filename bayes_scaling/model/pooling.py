"""How groups share each parameter."""

from collections.abc import Mapping
from typing import Literal

from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law

Pooling = Literal["complete", "partial", "none"]
POOLINGS: tuple[Pooling, ...] = ("complete", "partial", "none")


def resolve_pooling(
    law: Law, n_groups: int, pooling: Pooling | Mapping[str, Pooling] | None
) -> tuple[tuple[str, Pooling], ...]:
    """Pooling of every law parameter and of sigma: partial unless chosen, complete for a single group.

    Raises
    ------
    InputError
        For a parameter that the law does not have, or an unknown kind of pooling.
    """
    names = (*law.parameters, "sigma")
    chosen = dict.fromkeys(names, pooling) if isinstance(pooling, str) else dict(pooling or {})
    for name, kind in chosen.items():
        if name not in names:
            raise InputError(
                f"pooling names {name!r}, which law {law.name!r} does not have; it has {', '.join(names)}"
            )
        if kind not in POOLINGS:
            raise InputError(f"pooling of {name!r} is {kind!r}; expected one of {', '.join(POOLINGS)}")
    default: Pooling = "partial"
    return tuple((name, chosen.get(name, default) if n_groups > 1 else "complete") for name in names)
