"""Every run of a page: beside its law, in words, and as a row of a table."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_scaling.data.response import WORDS
from bayes_scaling.data.units import format_loss, format_value
from bayes_scaling.forecast.predict import at_own_runs

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior
    from bayes_scaling.reporting.tables import Rows

MOST = 200
"""Runs of a group in its table: of more, those that the law misses most."""

NAMES, LONGEST = 3, 60
"""Columns of the source that name a run, and characters of each, at most."""


class RunsOfPage(NamedTuple):
    """What a page says of runs, in the order of the table."""

    words: list[str]
    cells: "Rows"
    group: np.ndarray
    missed: np.ndarray

    def of(self, group: int) -> "Rows":
        """Those of a group; of many, those that the law misses most."""
        own = np.flatnonzero(self.group == group)
        if len(own) > MOST:
            own = np.sort(own[np.argsort(-self.missed[own], kind="stable")[:MOST]])
        return [self.cells[row] for row in own]


def runs_of_page(fit: "Posterior") -> RunsOfPage:
    """Each run by its own names, its inputs, what was measured and what the law gives there."""
    runs, response = fit.runs, fit.law.response
    law = np.empty(len(runs))
    for _, own, there in at_own_runs(fit):
        law[own] = there.median("mean").to_numpy()
    off = runs.loss / law - 1 if response == "loss" else runs.loss - law
    words, cells = [], []
    names = _names(fit)
    for row in range(len(runs)):
        own_names = {key: values[row] for key, values in names.items()}
        at = {column: format_value(column, float(runs.column(column)[row])) for column in fit.law.columns}
        apart = f"{off[row]:+.2%}" if response == "loss" else f"{off[row]:+.3f}"
        measured, by_law = (
            format_loss(x) if response != "score" else f"{x:.4g}" for x in (runs.loss[row], law[row])
        )
        said = [
            *([fit.groups[runs.group_index[row]]] if len(fit.groups) > 1 else []),
            *(name for name in own_names.values() if name != "-"),
            "{params} parameters on {tokens} tokens".format(**at)
            if fit.law.of_n_and_d
            else ", ".join(f"{column} {value}" for column, value in at.items()),
            f"{WORDS[response]} {measured}, {apart} from the law's {by_law}",
        ]
        words.append("; ".join(said))
        cells.append({**own_names, **at, response: measured, "by the law": by_law, "off": apart})
    return RunsOfPage(words, cells, runs.group_index, np.abs(off))


def _names(fit: "Posterior") -> dict[str, list[str]]:
    """The source's columns of text that tell runs apart."""
    table = fit.runs.table.select_dtypes(exclude=["number", "bool"])
    free = [name for name in table.columns if name not in ("group", "seed", "trajectory")][:NAMES]
    return {
        str(name): [str(value)[:LONGEST] if isinstance(value, str) else "-" for value in table[name]]
        for name in free
    }
