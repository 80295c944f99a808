"""What one more run makes of a posterior: fitted again with the run in it, and compared."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.forecast.card import Card, Document, equally_likely
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.checksum import checksum_of_runs
from bayes_scaling.inference.diagnostics import verdict
from bayes_scaling.inference.intervals import tails
from bayes_scaling.inference.sample_posterior import sample_posterior
from bayes_scaling.inference.spec import NEW_GROUP
from bayes_scaling.laws.roles import Kind

if TYPE_CHECKING:
    from bayes_scaling.data.runs import Runs
    from bayes_scaling.inference.posterior import Posterior

AHEAD = 10.0
"""How many times the resources of the run are forecast, before and after."""


@dataclass(frozen=True)
class Moved:
    """A quantity before a run was known and after, as equally likely values."""

    what: str
    before: tuple[float, ...]
    after: tuple[float, ...]

    def sentence(self, prob: float) -> str:
        """Both medians and intervals."""
        low, middle, high = np.quantile(self.before, tails(prob))
        then = np.quantile(self.after, tails(prob))
        decimals = 1 - int(np.floor(np.log10(high - low))) if high > low else 3
        was, now = (
            f"{m:.{max(decimals, 0)}f} ({100 * prob:g}%: {lo:.{max(decimals, 0)}f} to {hi:.{max(decimals, 0)}f})"
            for lo, m, hi in ((low, middle, high), then)
        )
        return f"With the run in it, {self.what} moves from {was} to {now}"

    def to_dict(self) -> Document:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Document) -> "Moved":
        return cls(values["what"], tuple(values["before"]), tuple(values["after"]))


def with_run(fit: "Posterior", card: Card, loss: float) -> tuple[tuple[Moved, ...], tuple[str, ...]]:
    """What a run makes of the law: floor and exponents of its group, and the law's loss there and further on.

    Beside it, why the new posterior is not to be trusted, if it is not. Amplitudes are left out: they are of the
    reference point, which moves with the run.

    Raises
    ------
    InputError
        If the fit is of other runs than the card's, or the run lacks a column that the table has.
    """
    if checksum_of_runs(fit.tree, fit.provenance["runs"]["columns"]) != card.data:
        raise InputError(
            f"{card.name} was registered by a fit of another table: its runs differ from the {len(fit.runs)} of "
            f"{fit.runs.name}; give the fit that the card was made of"
        )
    group = card.name if card.group == NEW_GROUP else card.group
    after = sample_posterior(replace(fit.spec, runs=_longer(fit.runs, card, loss, group)))
    was, now = _quantities(fit, card, card.group), _quantities(after, card, group)
    moved = tuple(Moved(what, was[what], now[what]) for what in was)
    return moved, tuple(f"with the run in it, {problem}" for problem in verdict(after).problems)


def _quantities(fit: "Posterior", card: Card, group: str | None) -> dict[str, tuple[float, ...]]:
    """Draws by what they are of, in words."""
    law, draws = fit.law, fit.draws(group)
    names = law.with_kind(Kind.IRREDUCIBLE, Kind.EXPONENT)
    found = {f"{name} ({law.meaning(name)})": draws[name] for name in names}
    derived = {"flops"} - {*law.columns} if law.allocates else set()
    asked = {name: value for name, value in card.inputs.items() if name not in derived}
    grows = {c for x, c in zip(law.inputs, law.columns, strict=True) if x in law.resources}
    further = {n: x * AHEAD ** (1 / len(grows)) if n in grows else x for n, x in asked.items()}
    for where, at in (("there", asked), (f"at {AHEAD:g} times its resources", further)):
        mean = predict(fit, group=group, **at).mean.isel(point=0)
        found[f"the law's {law.response} {where}"] = mean
    return {what: equally_likely(values, 99) for what, values in found.items()}


def _longer(runs: "Runs", card: Card, loss: float, group: str | None) -> "Runs":
    """The table with one more row."""
    import pandas as pd  # loads when there are runs, and not on import

    row: dict[str, object] = {"loss": loss, **card.inputs}
    if "group" in runs.table:
        row["group"] = group
    if "loss_se" in runs.table:
        row["loss_se"] = 0.0
    needed = ["items"] if "items" in runs.table else [c for c in runs.inputs if c in runs.table]
    if lacking := [column for column in needed if column not in row]:
        raise InputError(
            f"{card.name} does not say the run's {lacking[0]!r}, which {runs.name} has: add the run to the table and "
            "fit that"
        )
    table = pd.concat([runs.table, pd.DataFrame([{c: x for c, x in row.items() if c in runs.table}])])
    return replace(runs, table=table.reset_index(drop=True))
