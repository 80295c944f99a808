"""Verbs of the command line, whose options are made from the signatures of the functions that they call."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from bayes_scaling.cli import values
from bayes_scaling.cli.answer import Answer
from bayes_scaling.cli.guide import next_command, output_beside
from bayes_scaling.cli.help import Context
from bayes_scaling.cli.signatures import REQUIRED, Argument, signature
from bayes_scaling.errors import InputError

FILE = click.Path()
"""A file's name, which a shell completes; whether it is there is for the verb to find out."""

FIT = click.Argument(["fit"], type=FILE, help="A .nc file that `bayes-scaling fit` wrote.")
RUNS = click.Argument(
    ["runs"], type=FILE, help="A file with one row per run: .csv, .jsonl, .parquet, .xlsx and others."
)
JSON = click.Option(["--json"], is_flag=True, help="One JSON document on stdout, in full precision.")
PROB = click.Option(["--prob"], type=float, default=0.9, help="Probability of the intervals.")
FORCE = click.Option(["--force"], is_flag=True, help="Replace the output if it exists.")
PICTURE = (click.Option(["-o", "--output"], type=FILE, help="Also a picture: .png, .svg or .pdf."), FORCE)
"""Where a picture of the answer goes; the verb itself does not see them."""


class Output(click.Option):
    """The file that a verb writes; by default it is named after the first argument."""

    def __init__(self, help: str, form: str) -> None:
        super().__init__(["-o", "--output"], type=FILE, help=help)
        self.form = form


def output(help: str, form: str) -> tuple[click.Option, click.Option]:
    """The output, whose name is ``form`` with the stem of the first argument, and whether to replace it."""
    return Output(help, form), FORCE


def verb(
    *sources: str | click.Parameter, then: str, skip: str = "", required: bool = True
) -> "Callable[[Callable[..., Answer]], Verb]":
    """Makes a verb of a function.

    Parameters
    ----------
    *sources : str or click.Parameter
        Parameters of the command line, and functions of the package (``"planning.risk.risk"``). Their arguments become
        options where a command line can give them: type and default from the first function that has one, words from
        the first that has any.
    then : str
        The command that mostly comes after it, with what was given: ``"report {output}"``.
    skip : str
        Arguments that this verb does not take.
    required : bool
        Whether an argument without a default is an option that must be given.
    """

    def make(run: Callable[..., Answer]) -> Verb:
        return Verb(run, partial(_parameters, sources, skip.split(), required), then)

    return make


def _parameters(
    sources: Sequence[str | click.Parameter], skip: Sequence[str], required: bool
) -> list[click.Parameter]:
    """The parameters of a command, from what `verb` is given."""
    read = [signature(source) for source in sources if isinstance(source, str)]
    words = {a.name: a for function in reversed(read) for a in function.arguments.values() if a.text}
    seen = {*skip, *(source.name for source in sources if isinstance(source, click.Parameter))}
    parameters: list[click.Parameter] = []
    for source in sources:
        if isinstance(source, click.Parameter):
            parameters.append(source)
            continue
        arguments = signature(source).arguments
        for name in values.reader_options() if source == values.READER else arguments:
            argument = arguments[name]
            if name not in seen and (option := _option(argument, words.get(name, argument))):
                option.required = option.required and required
                parameters.append(option)
                seen.add(name)
    if "inputs" in (function.keywords for function in read):
        about = "Another input of the law."
        parameters.append(_repeated("--input", "NAME=VALUE", values.inputs, {}, help=about))
    return parameters


_SEVERAL: "dict[str, tuple[str, Callable[[Sequence[str], str], object]]]" = {
    "Quantities": ("QUANTITY,...", values.quantities),
    "Sequence[Quantity]": ("QUANTITY,...", values.listed),
    "Sequence[str]": ("NAME,...", values.listed),
    "str | Sequence[str]": ("NAME,...", values.listed),
    "tuple[str, str]": ("NAME,NAME", values.listed),
    "Sequence[tuple[Quantity, Quantity]]": ("N:D,...", values.models),
    "tuple[Quantity, Quantity]": ("N:D", values.model),
    "Pooling | Mapping[str, Pooling]": ("[PARAMETER=]KIND,...", values.pooling),
    "Mapping[str, Prior | float]": ("PARAMETER=PRIOR", values.priors),
    "HistoryLike": ("PATH,...", values.listed),
    "HistoryLike | Collection": ("PATH,...", values.listed),
    "Client": ("ADDRESS", values.client),
}
"""Annotation -> what the option is followed by, and how what is given is read; the option may be repeated."""

_ONE: dict[str, Any] = {"Path": FILE, "str": str, "Quantity": str, "float": float, "int": int}
"""Member of an annotation -> the type of one value; the first that is there counts."""


def _option(argument: Argument, words: Argument) -> click.Option | None:
    """The option for an argument; None for what only Python can give."""
    flag, members = f"--{argument.name.replace('_', '-')}", argument.annotation.split(" | ")
    about: dict[str, Any] = {"help": words.text, "required": argument.default is REQUIRED}
    if argument.annotation in _SEVERAL:
        metavar, read = _SEVERAL[argument.annotation]
        return _repeated(flag, metavar, read, argument.default, **about)
    if not about["required"]:
        about["default"] = argument.default
    if members == ["bool"]:
        return click.Option([f"{flag}/--no-{flag[2:]}" if argument.default else flag], is_flag=True, **about)
    if choices := re.match(r"{(.*?)}", words.kind):
        listed = re.findall(r'"(.*?)"', choices[1])
        if words.kind.removesuffix(", optional") == choices[0]:
            return click.Option([flag], type=click.Choice(listed), **about)
        about["metavar"] = "|".join(listed)
    if "Quantity" in members:
        about["metavar"] = "QUANTITY"
    kind = next((kind for name, kind in _ONE.items() if name in members), None)
    return kind and click.Option([flag], type=kind, **about)


def _repeated(
    flag: str,
    metavar: str,
    read: Callable[[Sequence[str], str], object],
    default: object = None,
    **about: Any,
) -> click.Option:
    # One prior for each time that the option is given.
    flags = ["--prior", "priors"] if flag == "--priors" else [flag]

    def callback(_: click.Context, __: click.Parameter, given: Sequence[str]) -> object:
        return read(given, flags[0]) if given else default

    return click.Option(flags, multiple=True, metavar=metavar, callback=callback, **about)


COLUMNS = (
    _repeated("--column", "ROLE=COLUMN", values.pairs, {}, help="Which column holds what: params=N, or params=N*1e9."),
    _repeated("--inputs", "COLUMN,...", values.listed, [], help="Further inputs beside the law's."),
    values.READER,
)  # fmt: skip
"""How a table is read: with these and ``--group`` a verb gets a `values.Table`."""


class Verb(click.Command):
    """A command that names all that is missing at once, and shows what it answers.

    Its parameters are made when they are asked for, so that a verb does not wait for those of its neighbours.
    """

    context_class = Context

    def __init__(
        self, run: Callable[..., Answer], parameters: Callable[[], list[click.Parameter]], then: str
    ) -> None:
        super().__init__(run.__name__.replace("_", "-"), callback=run, help=run.__doc__)
        del self.params  # Click's own are none
        self._parameters, self._then = parameters, then

    @cached_property
    def params(self) -> list[click.Parameter]:  # type: ignore[override]
        return self._parameters()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            found, _, _ = self.make_parser(ctx).parse_args(given)
            missing = [
                p for p in self.params if p.required and p.value_is_missing(p.consume_value(ctx, found)[0])
            ]
            hints = " and ".join(parameter.get_error_hint(ctx) for parameter in missing)
            raise click.UsageError(f"Missing {hints}.", ctx) from error

    def invoke(self, ctx: click.Context) -> int:
        from bayes_scaling.data.files import check_writable

        asked = ctx.params
        inputs, as_json = asked.pop("input", {}), asked.pop("json", False)
        if taken := asked.keys() & inputs.keys():
            raise InputError(f"--input {min(taken)}=... has an option of its own: --{min(taken)}")
        asked |= inputs
        if "law" in asked:
            asked["law"] = asked["law"] and values.law(asked["law"])
        if COLUMNS[0] in self.params:
            of_reader = {name: asked.pop(name) for name in values.reader_options()}
            asked["table"] = values.Table(
                asked.pop("group"), asked.pop("column"), asked.pop("inputs"), of_reader
            )
        given = {**asked}
        if isinstance(written := next((p for p in self.params if p.name == "output"), None), Output):
            source = asked[self.params[0].name or ""]
            asked["output"] = asked["output"] or output_beside(source, written.form, kind=asked.get("kind"))
            given["output"] = asked["output"]
        if FORCE in self.params and asked["output"]:
            check_writable(Path(asked["output"]), asked["force"])
        picture = PICTURE[0] in self.params and (asked.pop("output"), asked.pop("force"))[0]
        answer: Answer = super().invoke(ctx)
        if picture:
            answer.draw(Path(picture))
        further = next_command(str(self.name), self._then, given)
        return answer.show(as_json=as_json, further=further, law_files=values.law_files(ctx))


def said() -> dict[str, str]:
    """The options that stand on the command line: name -> as it is written there."""
    ctx = click.get_current_context()
    options = (parameter for parameter in ctx.command.params if isinstance(parameter, click.Option))
    return {
        o.name: o.opts[-1] for o in options if ctx.get_parameter_source(o.name) is ParameterSource.COMMANDLINE
    }
