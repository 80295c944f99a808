"""What was said on the command line, as Python values: options, tables, fits and pictures."""

import argparse
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bayes_scaling as bs
from bayes_scaling.errors import InputError
from bayes_scaling.laws import Law

if TYPE_CHECKING:
    from bayes_scaling.api import Fit
    from bayes_scaling.data.runs import Runs


def opened(*paths: str) -> "dict[str, Fit]":
    """Saved fits by their paths."""
    return {path: bs.open_fit(path) for path in paths}


def runs(path: str, args: argparse.Namespace, *laws: Law) -> "Runs":
    """The table that the options describe, with the columns that these laws take."""
    columns = pairs(args.column, "--column")
    roles = [
        role
        for role in inspect.signature(bs.load_runs).parameters
        if role not in ("source", "inputs", "name")
    ]
    for role in columns:
        if role not in roles:
            raise InputError(f"--column {role}=... is unknown; the columns are {', '.join(roles)}")
    if args.group is not None:
        if "group" in columns:
            raise InputError("--group and --column group=... both name the group's column; give one")
        columns["group"] = args.group
    inputs = [column for law in laws for column in law.columns]
    return bs.load_runs(path, inputs=[*inputs, *listed(args.inputs)], **columns)


def fit_options(args: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `bs.fit` beside the table and the law."""
    return {
        "pooling": _pooling(args.pooling),
        "noise": args.noise,
        "draws": args.draws,
        "chains": args.chains,
        "max_warmup": args.max_warmup,
        "seed": args.seed,
        "parallel": args.parallel,
        "progress": at_a_terminal(),
    }


def client(address: str | None) -> Any:
    """A client of the Dask cluster whose scheduler has this address."""
    if address is None:
        return None
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--client needs Dask: pip install 'bayes_scaling[cluster]'") from None
    return Client(address)


def _pooling(given: list[str] | None) -> Any:
    """One kind for all, or a kind by parameter."""
    kinds = listed(given)
    return kinds[0] if len(kinds) == 1 and "=" not in kinds[0] else pairs(kinds, "--pooling") or None


def check_picture(args: argparse.Namespace) -> None:
    """`InputError` where the picture that is asked for cannot be written; asked before long work starts."""
    from bayes_scaling.data.files import check_writable

    if args.output:
        check_writable(Path(args.output), args.force)


def save_picture(axes: Any, args: argparse.Namespace) -> None:
    """The picture, where the options say."""
    from bayes_scaling.reporting.image_files import save_picture

    save_picture(axes, Path(args.output))


def at_a_terminal() -> bool:
    """Whether someone watches."""
    return sys.stderr.isatty()


def listed(given: list[str] | None) -> list[str]:
    """Values of an option that may be repeated or hold several with commas between."""
    return [part.strip() for text in given or [] for part in text.split(",")]


def values(given: list[str] | None) -> list[str] | str | None:
    """None, one quantity or several."""
    values = listed(given)
    return (values if len(values) > 1 else values[0]) if values else None


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Values by name, of an option that is repeated as name=value."""
    pairs: dict[str, str] = {}
    for text in given or []:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise InputError(f"{option} {text!r} is not of the form name=value")
        if name in pairs:
            raise InputError(f"{option} gives {name!r} twice")
        pairs[name] = value
    return pairs


def target(text: str, option: str = "--targets") -> tuple[str, str]:
    """Parameters and tokens of a model, given as params:tokens."""
    params, colon, tokens = text.partition(":")
    if not colon:
        raise InputError(f"{option} {text!r} is not of the form params:tokens, such as 100B:2T")
    return params, tokens
