"""Verbs that fit and check: fit, fit-many, summary, diagnose."""

import math
import re
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer, answer
from bayes_scaling.cli.guide import fit_by_group
from bayes_scaling.cli.options import COLUMNS, FILE, FIT, JSON, PROB, RUNS, output, verb
from bayes_scaling.cli.values import Table, at_a_terminal
from bayes_scaling.laws.pinned import pins

if TYPE_CHECKING:
    import pandas as pd

    from bayes_scaling.api import Fit
    from bayes_scaling.inference.diagnostics import Diagnosis

_SCATTERED = re.compile("misses|taken for noise")
"""In what is said of runs that lie further from one law than seeds put them."""


@verb(
    RUNS,
    *output("The fit to write, a .nc file. Default: the name of the table.", "{stem}.nc"),
    "api.fit",
    *COLUMNS,
    PROB,
    JSON,
    then="report {output}",
)
def fit(
    runs: str, law: str | None, table: Table, output: str, force: bool, prob: float, **settings: Any
) -> Answer:
    """Fit a law to a table of training runs and save the posterior."""
    from bayes_scaling.data.questions import group_column
    from bayes_scaling.inference.diagnostics import verdict

    read = table.read(runs, law)
    fitted = bs.fit(read, law, progress=at_a_terminal(), **settings)
    fitted.save(output, force=force)
    found = _summarised(fitted, output, prob, brief=True)
    said = {sentence.removesuffix(".") for sentence in fitted.runs.warnings}  # when the table was read
    new = [sentence for sentence in found.warnings if sentence not in said]
    label, then = group_column(read.table), ""
    if label and any(_SCATTERED.search(s) for s in (*read.warnings, *new, *verdict(fitted).problems)):
        then = fit_by_group(runs, label, table.column)
        new.append(
            f"what one law for all misses may be what tells one {label} from another: fit with --group {label}"
        )
    return replace(found, text=f"{found.text}\n\nSaved as {output}.", warnings=new, then=then)


@verb(
    click.Argument(["runs"], nargs=-1, required=True, type=FILE, help="Tables, one fit each."),
    click.Option(["--folder"], type=FILE, required=True, help="Each fit is saved there as soon as it is done."),
    *("api.fit_many", "api.fit", "inference.sample_many.sample_many"), *COLUMNS, JSON,
    then="diagnose {folder}/NAME.nc",
)  # fmt: skip
def fit_many(runs: tuple[str, ...], law: str | None, table: Table, **settings: Any) -> Answer:
    """Fit a law to many tables, in one compiled program; go on where an interrupted batch stopped."""
    import pandas as pd

    from bayes_scaling.inference.sample_many import by_stem
    from bayes_scaling.reporting.tables import as_text, written

    # Each is read when its turn comes, so that one that cannot be read costs itself only.
    tables = {name: partial(table.read, str(path), law) for name, path in by_stem(runs).items()}
    rows = []
    for outcome in bs.fit_many(tables, law, progress=at_a_terminal(), **settings):
        diagnosis = outcome.fit.diagnose() if outcome.fit else None
        rows.append(
            {
                "table": outcome.name,
                "R-hat": diagnosis.r_hat if diagnosis else math.nan,
                "ok": bool(diagnosis and diagnosis.ok),
                "resumed": outcome.resumed,
                "note": outcome.error or "; ".join(diagnosis.problems[:1] if diagnosis else ()),
            }
        )
    wrong = {str(row["table"]): row["note"] for row in rows if not row["ok"]}
    said = [f"{name}: {note}" for name, note in wrong.items()]
    if wrong:
        said.append(f"{len(wrong)} of {len(rows)} tables have no fit to trust: {', '.join(wrong)}")
    brief = pd.DataFrame(rows).drop(columns="note")
    return Answer(as_text(written(brief)), {"fits": rows}, warnings=said, failed=bool(wrong))


@verb(FIT, "inference.summary.summary", JSON, then="plot {fit}")
def summary(fit: str, prob: float) -> Answer:
    """Posterior of every quantity, with what it means, R-hat and ESS."""
    return _summarised(bs.open_fit(fit), fit, prob)


@verb(FIT, JSON, then="plot {fit} --kind residuals")
def diagnose(fit: str) -> Answer:
    """Whether a fit converged, and what its data could not tell."""
    opened = bs.open_fit(fit)
    diagnosis = opened.diagnose()
    return answer(diagnosis, {fit: opened}, about=_figures(diagnosis))


def _summarised(fit: "Fit", name: str, prob: float, *, brief: bool = False) -> Answer:
    """The law, the diagnosis, and the posterior."""
    from bayes_scaling.reporting.tables import as_text, written

    table, diagnosis, about = fit.summary(prob).reset_index(names="quantity"), fit.diagnose(), fit.provenance
    sampled = f"sampled in {about['seconds']:.0f} s on {about['device']}"
    said = [repr(fit.runs), f"{fit.law.name}: {fit.law.formula}; {sampled}"]
    said += [*filter(None, [about.get("law_reason")]), *diagnosis.sentences()]
    shown = written(brief_summary(fit, table) if brief else table)
    document = {
        "fit": name,
        "law": fit.law.name,
        "prob": prob,
        "warnings": diagnosis.warnings,
        "diagnosis": _figures(diagnosis),
        "summary": table.to_dict("records"),
        "provenance": about,
    }
    return Answer("\n".join([*said, "", as_text(shown)]), document, {name: fit}, diagnosis.warnings)


def _figures(diagnosis: "Diagnosis") -> dict[str, object]:
    return {"ok": diagnosis.ok, **asdict(diagnosis)}


def brief_summary(fit: "Fit", table: "pd.DataFrame") -> "pd.DataFrame":
    """The law's parameters and the noise of a summary, without their convergence."""
    # NumPy loads when there is a summary, and not for --help.
    from bayes_scaling.inference.summary import without_convergence

    names = (*fit.law.parameters, *pins(fit.law), "sigma", *fit.structure.global_priors)
    wanted = table["quantity"].str.partition("[")[0].isin(names)
    return without_convergence(table[wanted])
