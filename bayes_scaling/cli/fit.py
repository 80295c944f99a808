"""Verbs that fit and check: fit, fit-many, summary, diagnose."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

import bayes_scaling as bs
from bayes_scaling.cli.answer import Answer
from bayes_scaling.cli.options import COLUMNS, FILE, FIT, JSON, PROB, RUNS, output, verb
from bayes_scaling.cli.values import Table, at_a_terminal

if TYPE_CHECKING:
    from bayes_scaling.api import Fit
    from bayes_scaling.inference.diagnostics import Diagnosis


@verb(RUNS, *output("The fit to write, a .nc file."), "api.fit", *COLUMNS, PROB, JSON)
def fit(runs: str, law: str, table: Table, output: str, force: bool, prob: float, **settings: Any) -> Answer:
    """Fit a law to a table of training runs and save the posterior."""
    fitted = bs.fit(table.read(runs, law), law, progress=at_a_terminal(), **settings)
    fitted.save(output, force=force)
    names = (*fitted.law.parameters, "sigma", *fitted.structure.global_priors)
    found = _summarised(fitted, output, prob, names)
    return replace(found, text=f"{found.text}\n\nSaved as {output}.")


@verb(
    click.Argument(["runs"], nargs=-1, required=True, type=FILE, help="Tables, one fit each."),
    click.Option(["--folder"], type=FILE, required=True, help="Each fit is saved there as soon as it is done."),
    *("api.fit_many", "api.fit", "inference.sample_many.sample_many"), *COLUMNS, JSON,
)  # fmt: skip
def fit_many(runs: tuple[str, ...], law: str, table: Table, **settings: Any) -> Answer:
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
                "note": outcome.error or "; ".join(diagnosis.failures[:1] if diagnosis else ()),
            }
        )
    wrong = {str(row["table"]): row["note"] for row in rows if not row["ok"]}
    said = [f"{name}: {note}" for name, note in wrong.items()]
    if wrong:
        said.append(f"{len(wrong)} of {len(rows)} tables have no fit to trust: {', '.join(wrong)}")
    table = pd.DataFrame(rows).drop(columns="note")
    return Answer(as_text(written(table)), {"fits": rows}, warnings=said, failed=bool(wrong))


@verb(FIT, "inference.summary.summary", JSON)
def summary(fit: str, prob: float) -> Answer:
    """Posterior of every quantity, with what it means, R-hat and ESS."""
    return _summarised(bs.open_fit(fit), fit, prob)


@verb(FIT, JSON)
def diagnose(fit: str) -> Answer:
    """Whether a fit converged, and what its data could not tell."""
    from bayes_scaling.reporting.tables import shown

    opened = bs.open_fit(fit)
    diagnosis = opened.diagnose()
    return Answer(f"{_said(diagnosis)}\n\n{shown(diagnosis)}", _document(diagnosis), {fit: opened})


def _summarised(fit: "Fit", name: str, prob: float, quantities: Sequence[str] = ()) -> Answer:
    """The law, the diagnosis, and the posterior of these quantities, or of all with their convergence."""
    from bayes_scaling.reporting.tables import as_text, written

    table, diagnosis, about = fit.summary(prob).reset_index(names="quantity"), fit.diagnose(), fit.provenance
    document = {
        "fit": name,
        "law": fit.law.name,
        "prob": prob,
        "diagnosis": _document(diagnosis),
        "summary": table.to_dict("records"),
        "provenance": about,
    }
    if quantities:
        wanted = table["quantity"].str.partition("[")[0].isin(quantities)
        table = table[wanted].drop(columns=["r_hat", "ess_bulk", "ess_tail"])
    sampled = f"sampled in {about['seconds']:.0f} s on {about['device']}"
    head = f"{fit.runs!r}\n{fit.law.name}: {fit.law.formula}; {sampled}"
    return Answer(f"{head}\n{_said(diagnosis)}\n\n{as_text(written(table))}", document, {name: fit})


def _said(diagnosis: "Diagnosis") -> str:
    """All that it says: what the data did not identify is what is asked here, and no warning beside it."""
    verdict, *failures = diagnosis.sentences()
    return "\n".join([f"{verdict}.", *(f"- {sentence}." for sentence in (*failures, *diagnosis.warnings))])


def _document(diagnosis: "Diagnosis") -> dict[str, object]:
    return {"ok": diagnosis.ok, **asdict(diagnosis)}
