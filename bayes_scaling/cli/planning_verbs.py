"""The planning verbs of the command line and their options: plan, risk, serve, contrast, compare-pooling, exponents."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bayes_scaling as bs
from bayes_scaling.cli import options as arguments
from bayes_scaling.cli.verbs import Answer
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Added = Callable[..., argparse.ArgumentParser]


def plan(args: argparse.Namespace) -> Answer:
    """What to train under real constraints: hardware and time, data at hand, caps, a target loss."""
    from bayes_scaling.reporting.tables import answer_rows, blocks

    hardware = None
    given = [args.accelerators, args.kind, args.time]
    if any(x is not None for x in (*given, args.peak)):
        if None in given:
            raise InputError(
                "hardware is --accelerators, --kind and --time together, as in 1000 H100 '6 months'"
            )
        shares = tuple(arguments.listed([args.utilisation]))
        share: Any = shares[0] if len(shares) == 1 else shares
        hardware = bs.Hardware(args.accelerators, args.kind, args.time, share, args.peak)
    arguments.check_picture(args)
    fits = arguments.opened(args.fit)
    found = fits[args.fit].plan(
        arguments.values(args.flops),
        hardware=hardware,
        params=arguments.values(args.params),
        tokens=arguments.values(args.tokens),
        max_params=args.max_params,
        max_tokens=args.max_tokens,
        unique_tokens=args.unique_tokens,
        target=arguments.values(args.target),
        group=args.group,
        drift=args.drift,
        **_inputs(args),
    )
    _drawn(args, lambda: bs.plot.plan(found, prob=args.prob))
    return _answer(args, fits, "plan", found, lambda table: blocks(answer_rows(table, args.prob)))


def risk(args: argparse.Namespace) -> Answer:
    """What a choice of N and D may cost, how flat the valley is, and the chance of a target."""
    from bayes_scaling.reporting.tables import aligned, answer_rows

    arguments.check_picture(args)
    fits = arguments.opened(args.fit)
    found = fits[args.fit].risk(
        arguments.values(args.flops),
        params=args.params,
        tokens=args.tokens,
        target=args.target,
        level=args.level,
        group=args.group,
        drift=args.drift,
        **_inputs(args),
    )
    _drawn(args, lambda: bs.plot.valley(found))
    one = found.flops.size == 1  # then the floor's sentence says the budget
    floors = [line for line in found.sentences(args.prob) if not line.startswith(" ")]

    def text(table: "pd.DataFrame") -> str:
        rows = answer_rows(table.drop(columns=["expected regret", *(["flops"] if one else [])]), args.prob)
        return "\n".join([*floors, "", aligned(rows)])

    return _answer(args, fits, "risk", found, text)


def serve(args: argparse.Namespace) -> Answer:
    """The best model when inference is paid for too."""
    from bayes_scaling.reporting.tables import aligned, answer_rows

    arguments.check_picture(args)
    fits = arguments.opened(args.fit)
    like = None
    if args.like is not None:
        params, colon, tokens = args.like.partition(":")
        if not colon:
            raise InputError(f"--like {args.like!r} is not of the form params:tokens, such as 70B:1.4T")
        like = (params, tokens)
    found = fits[args.fit].serve(
        arguments.values(args.served),
        flops=args.flops,
        target=args.target,
        like=like,
        group=args.group,
        **_inputs(args),
    )
    _drawn(args, lambda: bs.plot.serving(found, prob=args.prob))
    saved = "compute-optimal costs" if found.quality else "compute-optimal gives up"

    def text(table: "pd.DataFrame") -> str:
        ends = [f" {100 * args.prob:g}% {end}" for end in ("lower", "upper")]
        narrow = [name + end for name in ("tokens", "loss", "total", "saved") for end in ends]
        shown = table.drop(columns=[*narrow, "answered"])
        rows = answer_rows(shown, args.prob)
        for row, share in zip(rows, table["saved"], strict=True):
            row.pop("saved")
            row[saved] = f"{share:+.1%}" if found.quality else f"{share:.4f} nats"
        return f"{found.question}:\n{aligned(rows)}"

    return _answer(args, fits, "serving", found, text)


def contrast(args: argparse.Namespace) -> Answer:
    """Groups against groups: which is better at a scale, with what probability, and where curves cross."""
    from bayes_scaling.reporting.tables import aligned, answer_rows

    arguments.check_picture(args)
    fits = arguments.opened(args.fit)
    found = fits[args.fit].contrast(
        arguments.values(args.flops), groups=arguments.listed(args.groups) or None, **_inputs(args)
    )
    _drawn(args, lambda: bs.plot.contrast(found, prob=args.prob))
    crossings = [line for line in found.sentences(args.prob) if line.startswith("The curves")]

    def text(table: "pd.DataFrame") -> str:
        rows = answer_rows(table.drop(columns="prob crossing"), args.prob)
        return "\n".join([aligned(rows), "", *crossings])

    return _answer(args, fits, "contrast", found, text)


def compare_pooling(args: argparse.Namespace) -> Answer:
    """Which parameters really differ between groups, by leave-one-out over structures of pooling."""
    from bayes_scaling.laws import get_law
    from bayes_scaling.reporting.tables import aligned, comparison_rows, records

    arguments.check_picture(args)
    options = arguments.fit_options(args)
    if options.pop("pooling") is not None:
        raise InputError("compare-pooling tries poolings of its own; leave --pooling out")
    law = get_law(args.law)
    found = bs.compare_pooling(arguments.runs(args.runs, args, law), law, refit=args.refit, **options)
    _drawn(args, lambda: bs.plot.pooling(found))
    words = [
        {"parameter": str(name), "kind": row["kind"], "verdict": row["verdict"]}
        | {what: f"{row[what]:.1f} (se {row[what + ' se']:.1f})" for what in ("needed", "alone")}
        for name, row in found.parameters.iterrows()
    ]
    document = {
        "verdicts": found.verdicts,
        "parameters": records(found.parameters, "parameter"),
        "structures": records(found.comparison.table, "structure"),
    }
    text = "\n".join(
        [*found.verdicts, "", aligned(words), "", aligned(comparison_rows(found.comparison.table))]
    )
    return Answer(text, document, found.comparison.fits)


def exponents(args: argparse.Namespace) -> Answer:
    """What the literature reads off exponents: intrinsic dimension, and what a doubling buys."""
    from bayes_scaling.data.units import format_quantity
    from bayes_scaling.reporting.tables import aligned, exponent_rows

    arguments.check_picture(args)
    fits = arguments.opened(args.fit)
    found = fits[args.fit].exponents(args.params, args.tokens, group=args.group, **_inputs(args))
    _drawn(args, lambda: bs.plot.doublings(found, prob=args.prob))

    def text(table: "pd.DataFrame") -> str:
        at = " and ".join(f"{format_quantity(x)} {name}" for name, x in found.at.items())
        rows = aligned(exponent_rows(table, args.prob))
        return f"{rows}\n\ndoubling: nats per token saved at {at}" if at else rows

    return _answer(args, fits, "exponents", found, text)


# -- options
# --------------------------------------------------------------------------------------------------------


def add_to(verb: Added, tables: Any, json: Any, prob: Any, group: Any) -> None:
    """Adds these verbs to a parser, with the options that all verbs share."""

    def picture(parser: argparse.ArgumentParser, *, shared: bool = True) -> None:
        parser.add_argument("-o", "--output", help="also a picture: .png, .svg or .pdf")
        parser.add_argument("--force", action="store_true", help="replace the output if it exists")
        if shared:
            parser.add_argument(
                "--input", action="append", metavar="NAME=VALUE", help="another input of the law"
            )
            parser.add_argument("fit", help="a .nc file that `bayes-scaling fit` wrote")

    def drift(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--drift", type=float, metavar="SPREAD", help="as for `predict`")

    new = verb(plan, json(), prob(), group())
    new.add_argument("--flops", action="append", metavar="C", help="training budgets: 1e24, or 1e24,1e25")
    new.add_argument("--accelerators", metavar="COUNT", help="how many accelerators, instead of a budget")
    new.add_argument(
        "--kind", help=f"which: {', '.join(('A100', 'H100', 'H200', 'B200', 'TPU v5p'))}, or another"
    )
    new.add_argument("--time", help="for how long: days, or '6 months'")
    new.add_argument(
        "--utilisation",
        default="0.4",
        help="share of the peak: 0.4, or a 90%% interval 0.3,0.5 (%(default)s)",
    )
    new.add_argument("--peak", metavar="FLOPS", help="dense FLOPs a second of an accelerator of another kind")
    new.add_argument("--params", action="append", metavar="N", help="a given model: 10B, or 10B,100B")
    new.add_argument("--tokens", action="append", metavar="D", help="given training tokens")
    new.add_argument("--max-params", metavar="N", help="no larger model")
    new.add_argument("--max-tokens", metavar="D", help="no more training tokens")
    new.add_argument("--unique-tokens", metavar="U", help="tokens at hand, repeated where the law knows it")
    new.add_argument("--target", action="append", metavar="LOSS", help="a loss to reach: 2.0, or 2.0,1.9")
    drift(new)
    picture(new)

    new = verb(risk, json(), prob(), group())
    new.add_argument("--flops", action="append", metavar="C", help="training budgets: 1e24, or 1e24,1e25")
    new.add_argument("--params", metavar="N", help="a model whose regret is wanted")
    new.add_argument("--tokens", metavar="D", help="its training tokens")
    new.add_argument("--target", metavar="LOSS", help="also the probability of a loss of at most this")
    new.add_argument("--level", type=float, default=0.9, help="quantile of the cautious choice (%(default)s)")
    drift(new)
    picture(new)

    new = verb(serve, json(), prob(), group())
    new.add_argument(
        "--served",
        action="append",
        required=True,
        metavar="TOKENS",
        help="tokens served in all: 1T, or 1T,10T",
    )
    new.add_argument("--flops", metavar="C", help="the total of training and serving")
    new.add_argument("--target", metavar="LOSS", help="or: a loss of the law")
    new.add_argument("--like", metavar="N:D", help="or: the quality of this model (70B:1.4T)")
    picture(new)

    new = verb(contrast, json(), prob())
    new.add_argument(
        "--flops", action="append", required=True, metavar="C", help="budgets: 1e21, or 1e21,1e24"
    )
    new.add_argument("--groups", action="append", metavar="GROUP", help="two or more, in order (all)")
    picture(new)

    new = verb(compare_pooling, tables, json())
    new.add_argument("runs", help="a .csv, .tsv or .parquet file with one row per run")
    new.add_argument("--law", default="chinchilla", help="a law family; see `bayes-scaling laws`")
    new.add_argument(
        "--refit",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave out in truth where importance sampling cannot be trusted",
    )
    picture(new, shared=False)

    new = verb(exponents, json(), prob(), group())
    new.add_argument("--params", metavar="N", help="where a doubling is asked for (at the largest compute)")
    new.add_argument("--tokens", metavar="D", help="and its training tokens")
    picture(new)


# -- what they share
# --------------------------------------------------------------------------------------------------------


def _inputs(args: argparse.Namespace) -> dict[str, str]:
    """The law's other inputs, as given."""
    return arguments.pairs(args.input, "--input")


def _answer(
    args: argparse.Namespace, fits: Any, what: str, found: Any, text: "Callable[[pd.DataFrame], str]"
) -> Answer:
    """A short table for people; the table in full, the sentences and the doubts for programs."""
    from bayes_scaling.reporting.tables import records

    doubts = list(getattr(found, "warnings", ()))
    table: pd.DataFrame = found.table(args.prob)
    document = {
        "fit": args.fit, "law": fits[args.fit].law.name, "prob": args.prob, what: records(table),
        "sentences": found.sentences(args.prob), "warnings": doubts,
    }  # fmt: skip
    return Answer(text(table), document, fits, doubts)


def _drawn(args: argparse.Namespace, picture: Callable[[], Any]) -> None:
    """The picture as a file, where one is asked for."""
    if args.output:
        arguments.save_picture(picture(), args)
