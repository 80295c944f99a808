"""Verbs that plan with a fit: allocate, plan, risk, serve, contrast, exponents, transfer, design."""

from typing import Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.options import FILE, FIT, JSON, PICTURE, PROB, said, verb
from bayes_scaling.cli.signatures import constant
from bayes_scaling.cli.values import listed
from bayes_scaling.errors import InputError

HARDWARE = (
    click.Option(["--accelerators"], metavar="COUNT", help="How many accelerators, instead of a budget."),
    click.Option(["--kind"], help="Which: A100, H100, H200, B200, TPU v5p, or another with its --peak."),
    click.Option(["--time"], help="For how long: days, or '6 months'."),
    click.Option(["--utilisation"], default="0.4", help="Share of the peak: 0.4, or a 90% interval 0.3,0.5."),
    click.Option(["--peak"], metavar="FLOPS", help="Dense FLOPs a second of an accelerator of another kind."),
)


@verb(FIT, "planning.allocate.allocate", PROB, JSON, then="risk {fit} --flops {flops}")
def allocate(fit: str, prob: float, **asked: Any) -> Answer:
    """Compute-optimal params and tokens for some training budgets."""
    opened = bs.open_fit(fit)
    return answer(opened.allocate(**asked), {fit: opened}, prob, hidden=("interior", "loss"))


@verb(FIT, *HARDWARE, "planning.plan.plan", PROB, JSON, *PICTURE, then="report {fit}")
def plan(fit: str, prob: float, utilisation: str, **asked: Any) -> Answer:
    """What to train under real constraints: hardware and time, data at hand, caps, a target loss."""
    count, kind, time, peak = machine = [asked.pop(name) for name in ("accelerators", "kind", "time", "peak")]
    if count and kind and time:
        share: Any = utilisation if "," not in utilisation else tuple(listed([utilisation]))
        asked["hardware"] = bs.Hardware(count, kind, time, share, peak)
    elif any(machine):
        raise InputError("hardware is --accelerators, --kind and --time together, as in 1000 H100 '6 months'")
    opened = bs.open_fit(fit)
    found = opened.plan(**asked)
    return answer(found, {fit: opened}, prob, picture="plan" if isinstance(found, bs.Plan) else "needed")


@verb(FIT, "planning.risk.risk", PROB, JSON, *PICTURE, then="design {fit} --budget 1e22 --optimum-at {flops}")
def risk(fit: str, prob: float, **asked: Any) -> Answer:
    """What a choice of N and D may cost, how flat the valley is, and the chance of a target."""
    opened = bs.open_fit(fit)
    return answer(opened.risk(**asked), {fit: opened}, prob, picture="valley", hidden=("expected regret",))


@verb(FIT, "planning.serving.serve", PROB, JSON, *PICTURE, then="plan {fit} --flops 1e24")
def serve(fit: str, prob: float, **asked: Any) -> Answer:
    """The best model when inference is paid for too."""
    opened = bs.open_fit(fit)
    return answer(opened.serve(**asked), {fit: opened}, prob, picture="serving", hidden=("answered",))


@verb(FIT, "planning.contrast.contrast", PROB, JSON, *PICTURE, then="compare-pooling TABLE.csv")
def contrast(fit: str, prob: float, **asked: Any) -> Answer:
    """Groups against groups: which is better at a scale, with what probability, and where curves cross."""
    opened = bs.open_fit(fit)
    return answer(
        opened.contrast(**asked), {fit: opened}, prob, picture="contrast", hidden=("prob crossing",)
    )


@verb(FIT, "planning.exponents.exponents", PROB, JSON, *PICTURE, then="approaches {fit}")
def exponents(fit: str, prob: float, **asked: Any) -> Answer:
    """What the literature reads off exponents: intrinsic dimension, and what a doubling buys."""
    opened = bs.open_fit(fit)
    return answer(opened.exponents(**asked), {fit: opened}, prob, picture="doublings")


@verb(FIT, "planning.transfer.transfer", PROB, JSON, *PICTURE, then="plot {fit} --kind residuals")
def transfer(fit: str, prob: float, **asked: Any) -> Answer:
    """Whether the best learning rate moves with width; muP says that it does not."""
    opened = bs.open_fit(fit)
    return answer(opened.transfer(**asked), {fit: opened}, prob, picture="transfer")


@verb(
    click.Argument(["fit"], required=False, type=FILE, help="Without one, the runs to begin with are laid out."),
    "planning.design.design.design",
    click.Option(["--candidates"], type=FILE, metavar="TABLE", help="Runs to choose from: params, tokens, group."),
    click.Option(["--law"], default=constant("laws.names", "DEFAULT"), help="Whose prior lays out the first runs."),
    JSON, *PICTURE,
    then="fit TABLE.csv",
)  # fmt: skip
def design(fit: str | None, budget: str, candidates: str | None, law: str, **goal: Any) -> Answer:
    """Which runs to train next, within a budget; without a fit, which to begin with."""
    if fit is None:
        if needy := [
            option for name, option in said().items() if name not in ("budget", "law", "json", "force")
        ]:
            raise InputError(f"{needy[0]} needs a fit; without one, runs are laid out by a prior")
        return _grid(budget, law)
    if candidates is not None:
        from bayes_scaling.data.read_file import read_file

        goal["candidates"] = read_file(candidates, text_columns=("group",)).table
    opened = bs.open_fit(fit)
    return answer(opened.design(budget, **goal), {fit: opened}, picture="design")


def _grid(budget: str, law: str) -> Answer:
    """The runs to begin with, by the prior of a law."""
    from bayes_scaling.reporting.tables import as_text, written

    grid = bs.isoflop_grid(budget, law)
    document = {"budget": budget, "law": law, "runs": grid.to_dict("records")}
    return Answer(as_text(written(grid)), document)
