"""The verbs of the command line: each takes its parsed options and returns what it found.

They are the Python verbs, on files: a table of runs goes in as a path, a fit as a .nc file.
"""

import argparse
import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bayes_scaling as bs
from bayes_scaling.cli import options as arguments
from bayes_scaling.errors import InputError
from bayes_scaling.laws import get_law

if TYPE_CHECKING:
    from bayes_scaling.api import Fit


@dataclass(frozen=True)
class Answer:
    """What a verb found, for people and for programs; the fits it rests on; and what to know about it."""

    text: str
    document: Any
    fits: "Mapping[str, Fit]" = field(default_factory=dict)
    warnings: Sequence[str] = ()
    failed: bool = False


def fit(args: argparse.Namespace) -> Answer:
    """Fit a law to a table of training runs and save the posterior."""
    from bayes_scaling.data.files import check_writable

    output = Path(args.output)
    check_writable(output, args.force)
    result = bs.fit(
        arguments.runs(args.runs, args, get_law(args.law)), args.law, **arguments.fit_options(args)
    )
    result.save(output, force=args.force)
    answer = _summarised(result, args.output, args.prob, everything=False)
    return dataclasses.replace(answer, text=f"{answer.text}\n\nSaved as {args.output}.")


def fit_many(args: argparse.Namespace) -> Answer:
    """Fit a law to many tables, in one compiled program; go on where an interrupted batch stopped."""
    from bayes_scaling.inference.sample_many import by_stem
    from bayes_scaling.reporting.tables import aligned

    # Each is read when its turn comes, so that one that cannot be read costs itself only.
    law = get_law(args.law)
    tables = {
        name: lambda path=path: arguments.runs(str(path), args, law)
        for name, path in by_stem(args.runs).items()
    }
    rows: Any = []
    for outcome in bs.fit_many(
        tables,
        args.law,
        folder=args.folder,
        client=arguments.client(args.client),
        at_once=args.at_once,
        **arguments.fit_options(args),
    ):
        diagnosis = outcome.fit.diagnose() if outcome.fit else None
        rows.append(
            {
                "table": outcome.name,
                "R-hat": f"{diagnosis.r_hat:.3f}" if diagnosis else "",
                "ok": bool(diagnosis and diagnosis.ok),
                "resumed": outcome.resumed,
                "note": outcome.error or "; ".join(diagnosis.failures[:1] if diagnosis else ()),
            }
        )
    words = [
        {name: {True: "yes", False: "no"}.get(value, value) for name, value in row.items()} for row in rows
    ]
    wrong = [row["table"] for row in rows if not row["ok"]]
    doubts = [f"{len(wrong)} of {len(rows)} tables have no fit to trust: {', '.join(wrong)}"] if wrong else []
    return Answer(aligned(words), {"fits": rows}, warnings=doubts, failed=bool(wrong))


def summary(args: argparse.Namespace) -> Answer:
    """Posterior of every quantity, with what it means, R-hat and ESS."""
    return _summarised(bs.open_fit(args.fit), args.fit, args.prob, everything=True)


def diagnose(args: argparse.Namespace) -> Answer:
    """Whether a fit converged, and what its data could not tell."""
    fits = arguments.opened(args.fit)
    diagnosis = fits[args.fit].diagnose()
    return Answer(str(diagnosis), _diagnosed(diagnosis), fits)


def predict(args: argparse.Namespace) -> Answer:
    """The loss at other inputs: the law's, and that of one more training run."""
    fits = arguments.opened(args.fit)
    forecast = fits[args.fit].predict(
        arguments.values(args.params),
        arguments.values(args.tokens),
        group=args.group,
        drift=args.drift,
        **_inputs(args),
    )
    about = {"fit": args.fit, "law": fits[args.fit].law.name}
    return _forecast(forecast, args, about, fits)


def two_step(args: argparse.Namespace) -> Answer:
    """A task from compute: a fit of the loss, then a fit of the task against that loss."""
    fits = arguments.opened(args.loss) | arguments.opened(args.task)
    forecast = bs.two_step(
        fits[args.loss],
        fits[args.task],
        arguments.values(args.params),
        arguments.values(args.tokens),
        group=args.group,
        task_group=args.task_group,
        drift=args.drift,
        task_drift=args.task_drift,
        **_inputs(args),
    )
    about = {"fit": args.loss, "task": args.task, "law": fits[args.task].law.name}
    return _forecast(forecast, args, about, fits)


def _inputs(args: argparse.Namespace) -> dict[str, Any]:
    """Further inputs of a law, by name."""
    pairs = arguments.pairs(args.input, "--input")
    if taken := {"params", "tokens", "group"} & set(pairs):
        raise InputError(f"--input {min(taken)}=... has an option of its own: --{min(taken)}")
    return {name: arguments.values(value.split(",")) for name, value in pairs.items()}


def _forecast(forecast: Any, args: argparse.Namespace, about: dict[str, str], fits: dict[str, Any]) -> Answer:
    """A forecast as a table and as a document."""
    from bayes_scaling.reporting.tables import aligned, forecast_rows, records

    table = forecast.table(args.prob)
    for value in args.below or []:
        below = forecast.prob_below(value)
        table[f"prob below {value}"] = below.transpose(..., "point").to_numpy().ravel()
    document = {**about, "prob": args.prob, "forecast": records(table)}
    return Answer(aligned(forecast_rows(table, args.prob)), document, fits)


def allocate(args: argparse.Namespace) -> Answer:
    """Compute-optimal params and tokens for some training budgets."""
    from bayes_scaling.reporting.tables import aligned, allocation_rows, records

    fits = arguments.opened(args.fit)
    inputs = {
        name: arguments.values(value.split(","))
        for name, value in arguments.pairs(args.input, "--input").items()
    }
    allocation = fits[args.fit].allocate(arguments.values(args.flops), group=args.group, **inputs)
    table = allocation.table(args.prob)
    document = {
        "fit": args.fit,
        "law": fits[args.fit].law.name,
        "prob": args.prob,
        "allocation": records(table),
        "warnings": allocation.warnings,
    }
    return Answer(aligned(allocation_rows(table, args.prob)), document, fits, allocation.warnings)


def approaches(args: argparse.Namespace) -> Answer:
    """N_opt by Chinchilla's three approaches: envelope, isoFLOP profiles, and the law of a fit."""
    from bayes_scaling.reporting.tables import aligned, approaches_rows, records

    fits = arguments.opened(args.fit)
    arguments.check_picture(args)
    found = fits[args.fit].approaches(
        arguments.values(args.flops),
        group=args.group,
        budgets=arguments.listed(args.budgets) or None,
        window=args.window,
    )
    if args.output:
        arguments.save_picture(bs.plot.approaches(found, prob=args.prob), args)
    verdict, table = found.verdict(args.prob), found.table(args.prob)
    document = {
        "fit": args.fit,
        "prob": args.prob,
        "verdict": verdict,
        "approaches": records(table),
        "differences": records(found.differences(args.prob)),
        "points": records(found.points),
        "warnings": list(found.warnings),
    }
    return Answer(
        f"{verdict}.\n\n{aligned(approaches_rows(table, args.prob))}", document, fits, found.warnings
    )


def design(args: argparse.Namespace) -> Answer:
    """Which runs to train next, within a budget; without a fit, which to begin with."""
    from bayes_scaling.reporting.tables import aligned, design_rows, records

    arguments.check_picture(args)
    if args.fit is None:
        for option in (
            "optimum_at",
            "loss_at",
            "winner_at",
            "group",
            "groups",
            "largest",
            "candidates",
            "output",
        ):
            if getattr(args, option) is not None:
                raise InputError(
                    f"--{option.replace('_', '-')} needs a fit; without one, runs are laid out by a prior"
                )
        grid = bs.isoflop_grid(args.budget, args.law)
        return Answer(
            aligned(design_rows(grid)), {"budget": args.budget, "law": args.law, "runs": records(grid)}
        )
    fits = arguments.opened(args.fit)
    groups = arguments.listed(args.groups) or None
    candidates = None
    if args.candidates is not None:
        from bayes_scaling.data.columns import read_file

        candidates, _ = read_file(args.candidates, text_columns=("group",))
    found = fits[args.fit].design(
        args.budget,
        optimum_at=args.optimum_at,
        loss_at=None if args.loss_at is None else arguments.target(args.loss_at, "--loss-at"),
        winner_at=args.winner_at,
        group=args.group,
        groups=groups,
        candidates=candidates,
        largest=args.largest,
        max_runs=args.max_runs,
    )
    if args.output:
        arguments.save_picture(bs.plot.design(found), args)
    document = {
        "fit": args.fit,
        "goal": found.goal,
        "verdict": found.verdict,
        "budget": found.budget,
        "cost": found.cost,
        "before": found.before,
        "after": found.after,
        "reweighted": found.reweighted,
        "grid": found.grid,
        "regret": list(found.regret),
        "runs": records(found.runs),
    }
    return Answer(f"{found.verdict}.\n\n{aligned(design_rows(found.table()))}", document, fits)


def compare(args: argparse.Namespace) -> Answer:
    """Rank laws by leave-one-out and by held-out larger runs, on one table or of saved fits of one table."""
    from bayes_scaling.reporting.tables import aligned, comparison_rows, records

    comparison = bs.compare(
        _rivals(args), refit=args.refit, ahead=args.ahead, progress=arguments.at_a_terminal()
    )
    verdict, weights = comparison.verdict, comparison.weights()
    document = {"comparison": records(comparison.table, "law"), "weights": weights, "verdict": verdict}
    text = f"{aligned(comparison_rows(comparison.table))}\n\n{verdict}"
    return Answer(text, document, comparison.fits)


def backtest(args: argparse.Namespace) -> Answer:
    """Hold larger runs out, forecast them from the smaller ones, and count what the bands held."""
    from bayes_scaling.data.files import check_writable
    from bayes_scaling.reporting.tables import aligned, backtest_rows, records

    if args.output:
        check_writable(Path(args.output), args.force)
    found = bs.backtest(
        arguments.runs(args.runs, args, get_law(args.law)),
        args.law,
        splits=args.splits,
        holdout_above=args.holdout_above,
        drift=args.drift,
        baselines=args.baselines,
        **arguments.fit_options(args),
    )
    if args.output:
        from bayes_scaling.reporting.image_files import save_picture

        save_picture(bs.plot.misses(found), Path(args.output))
    cuts = [f"{name} was left out: {why}" for name, why in found.left_out.items()]
    failed = [f"the fit of {row.cut} failed its diagnosis" for row in found.health.itertuples() if not row.ok]
    pooled, by_cut = found.table(), found.table(["cut", "method"])
    text = f"{found.verdict}.\n\n{aligned(backtest_rows(pooled))}\n\n{aligned(backtest_rows(by_cut))}"
    document = {
        "verdict": found.verdict,
        "pooled": records(pooled, "method"),
        "runs": records(found.runs),
        "health": records(found.health),
        "drift": {"sd": found.drift.sd, **found.drift.to_dict()},
        "left_out": found.left_out,
    }
    return Answer(text, document, warnings=[*cuts, *failed], failed=bool(failed))


def report(args: argparse.Namespace) -> Answer:
    """One self-contained HTML page about a fit."""
    from bayes_scaling.data.files import check_writable

    check_writable(Path(args.output), args.force)  # a comparison may take a while
    given: dict[str, Any] = {
        "budgets": arguments.listed(args.budgets),
        "targets": list(map(arguments.target, arguments.listed(args.targets))),
    }
    fits = arguments.opened(args.fit, *arguments.listed(args.comparison))
    comparison = bs.compare(_named(fits), progress=arguments.at_a_terminal()) if args.comparison else None
    bs.report(
        fits[args.fit],
        args.output,
        comparison=comparison,
        group=args.group,
        prob=args.prob,
        force=args.force,
        **{name: values for name, values in given.items() if values},
    )
    return Answer(f"Wrote {args.output}.", {}, fits)


def plot(args: argparse.Namespace) -> Answer:
    """One picture of a fit, as .png, .svg or .pdf."""
    from bayes_scaling.data.files import check_writable
    from bayes_scaling.reporting.image_files import save_picture

    output = Path(args.output)
    check_writable(output, args.force)
    fits = arguments.opened(args.fit)
    picture = getattr(bs.plot, args.kind)
    options = {name: value for name in ("along", "to", "group") if (value := getattr(args, name)) is not None}
    for name in options:
        if name not in inspect.signature(picture).parameters:
            raise InputError(f"--{name} is not for pictures of kind {args.kind}")
    save_picture(picture(fits[args.fit], prob=args.prob, **options), output)
    return Answer(f"Wrote {args.output}.", {}, fits)


def laws(args: argparse.Namespace) -> Answer:
    """The catalogue of law families."""
    families = [
        {"name": law.name, "formula": law.formula, "inputs": list(law.columns), "source": law.cite}
        for law in bs.LAWS.values()
    ]
    width = max(len(law.name) for law in bs.LAWS.values())
    lines = [
        f"{law.name:{width}}  {line}" if line == law.formula else f"{'':{width}}  {line}"
        for law in bs.LAWS.values()
        for line in (
            law.formula,
            f"inputs: {', '.join(law.columns)}",
            f"source: {law.cite}",
            *(f"also: {name}" for name in law.also),
        )
    ]
    return Answer("\n".join(lines), families)


def demo(args: argparse.Namespace) -> Answer:
    """The whole road on the embedded sweep: fit, forecast, allocation, comparison, report."""
    from bayes_scaling.cli.demo import demo as run

    shown = run(
        args.output, law=args.law, seed=args.seed, draws=args.draws, progress=arguments.at_a_terminal()
    )
    return Answer(str(shown), shown.document, shown.comparison.fits)


# -- what the verbs share ------------------------------------------------------------


def _summarised(result: "Fit", name: str, prob: float, *, everything: bool) -> Answer:
    from bayes_scaling.reporting.tables import aligned, records, summary_rows

    table = result.summary(prob)
    diagnosis = result.diagnose()
    names = None if everything else (*result.law.parameters, "sigma", *result.structure.global_priors)
    about = result.provenance
    text = (
        f"{result.runs!r}\n{result.law.name}: {result.law.formula}; sampled in {about['seconds']:.0f} s on "
        f"{about['device']}\n{diagnosis}\n\n{aligned(summary_rows(table, prob, names))}"
    )
    document = {
        "fit": name,
        "law": result.law.name,
        "prob": prob,
        "diagnosis": _diagnosed(diagnosis),
        "summary": records(table, "quantity"),
        "provenance": about,
    }
    return Answer(text, document, {name: result})


def _diagnosed(diagnosis: Any) -> dict[str, Any]:
    return {"ok": diagnosis.ok, **dataclasses.asdict(diagnosis)}


def _named(fits: "dict[str, Fit]") -> "dict[str, Fit]":
    """Fits by their laws' names where those tell them apart."""
    by_law = {fit.law.name: fit for fit in fits.values()}
    return by_law if len(by_law) == len(fits) else fits


def _rivals(args: argparse.Namespace) -> "dict[str, Fit]":
    """The fits to compare: opened, or made of one table."""
    names = arguments.listed(args.laws)
    saved = [path for path in args.source if path.endswith(".nc")]
    if saved:
        if len(saved) < len(args.source):
            raise InputError("compare takes one table of runs, or saved fits (.nc); not both at once")
        if idle := [option for option, default in args.of_tables.items() if getattr(args, option) != default]:
            option = idle[0].replace("_", "-")
            raise InputError(f"--{option} is for a table of runs; saved fits stay as they were made")
        return _named(arguments.opened(*saved))
    if len(args.source) > 1:
        raise InputError(f"compare takes one table of runs, not {len(args.source)}; put them into one")
    if len(set(names)) < 2:
        known = ", ".join(bs.LAWS)
        raise InputError(f"name two or more laws, as in --laws chinchilla,kaplan; the laws are {known}")
    laws = {name: get_law(name) for name in names}  # a wrong name is told before the first law is sampled
    runs = arguments.runs(args.source[0], args, *laws.values())
    return {name: bs.fit(runs, law, **arguments.fit_options(args)) for name, law in laws.items()}
