"""What is asked of a fit: runs, law, noise, pooling and sampler, checked and complete before anything is sampled."""

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib.metadata import version
from typing import TypedDict

from bayes_scaling.data.load import RunsLike, load_runs
from bayes_scaling.data.loss_unit import NATS
from bayes_scaling.data.response import SEVERAL, WORDS
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.inference.default_law import default_law
from bayes_scaling.inference.for_table import for_table
from bayes_scaling.inference.provenance import FORMAT, Description, Provenance, RunsDescription, values_of
from bayes_scaling.laws.base import LAWS, Law
from bayes_scaling.laws.derivatives import endless
from bayes_scaling.laws.names import DEFAULT, get_law
from bayes_scaling.laws.pinned import pins, with_pins
from bayes_scaling.laws.priors import Prior
from bayes_scaling.laws.roles import Kind
from bayes_scaling.model.build import Model, build_model
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import NoiseModel, noise_of, noise_within
from bayes_scaling.model.pooling import Pooling, resolve_pooling
from bayes_scaling.model.structure import Structure, structure
from bayes_scaling.sampling.draws import Draws
from bayes_scaling.sampling.job import Job
from bayes_scaling.sampling.progress import Report
from bayes_scaling.sampling.settings import Sampler

NEW_GROUP = "new"
"""The group label that stands for one not seen yet."""

_MADE_WITH = ("bayes-scaling", "pymc", "pytensor", "jax", "blackjax", "numpy")


class ModelSettings(TypedDict, total=False):
    """What `make_spec` takes beside runs, law and sampler, for those who hand it on; see `bayes_scaling.api.fit`."""

    pooling: Pooling | Mapping[str, Pooling] | None
    noise: str | NoiseModel | None
    priors: Mapping[str, Prior | float] | None


@dataclass(frozen=True)
class Spec:
    """All that decides a posterior; see `bayes_scaling.api.fit` for the meaning of each.

    ``because`` is a sentence on the law, where none was named and it is not the usual one.
    """

    runs: Runs
    law: Law
    noise: NoiseModel
    pooling: Pooling | Mapping[str, Pooling] | None
    sampler: Sampler
    because: str = ""

    @cached_property
    def structure(self) -> Structure:
        """What shapes the model, for the sampler."""
        return structure(self.runs, self.law, self.noise, self.pooling)

    @cached_property
    def model(self) -> Model:
        """The PyMC model, whose attribute ``spec`` is this specification; see `bayes_scaling.model.build`."""
        model = build_model(self.runs, self.law, self.noise, self.pooling)
        model.spec = self
        return model

    def job(self, key: Hashable = None, progress: Report | None = None) -> Job:
        """What the sampler is given."""
        data = model_data(self.runs, self.law, self.noise)
        return Job(key, self.structure, data, self.sampler, progress)

    @property
    def description(self) -> Description:
        """The part of the provenance that is known before sampling."""
        runs: RunsDescription = {
            "name": self.runs.name,
            "inputs": list(self.runs.inputs),
            "warnings": list(self.runs.warnings),
            "columns": list(map(str, self.runs.table.columns)),
        }
        if self.runs.response is not None:
            runs["response"] = self.runs.response
        if (unit := self.runs.unit) != NATS:
            runs["unit"] = asdict(unit)
        return {
            "format": FORMAT,
            "law": self.law.name,
            "formula": self.law.formula,
            "cite": self.law.cite,
            "priors": {name: prior.to_dict() for name, prior in self.law.priors.items()},
            "noise": self.noise.to_dict(),
            "pooling": dict(self.structure.pooling),
            "reference": self.runs.reference.values,
            "runs": runs,
            "seed": self.sampler.seed,
            "draws": self.sampler.draws,
            "chains": self.sampler.chains,
            "max_warmup": self.sampler.max_warmup,
            "target_accept": self.sampler.target_accept,
        }

    def provenance(self, sampled: Draws, seconds: float) -> Provenance:
        """How the posterior was made: the description, and what the sampler did."""
        return {
            **self.description,
            "warmup": sampled.warmup,
            "spacing": sampled.spacing,
            "device": sampled.device,
            "seconds": round(seconds, 3),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": dict(_versions()),
            "law_file": self.law.file,
            "law_values": values_of(self.law, self.runs),
            "law_reason": self.because,
            "drift": None,
        }


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    return tuple((package, version(package)) for package in _MADE_WITH)


def as_runs(runs: RunsLike, law: Law, group: str | None = None) -> Runs:
    """Runs as they are, or read with the inputs of a law; grouped by a column if one is named."""
    if not isinstance(runs, Runs):
        return load_runs(
            runs, group=group, inputs=law.columns, response="score" if law.response == "score" else None
        )
    return runs if group is None else runs.grouped_by(group)


def make_spec(
    runs: RunsLike,
    law: str | Law | None = None,
    *,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | NoiseModel | None = None,
    priors: Mapping[str, Prior | float] | None = None,
    sampler: Sampler | None = None,
) -> Spec:
    """The checked specification; arguments and errors as for `bayes_scaling.api.fit`."""
    asked, because = get_law(DEFAULT if law is None else law), ""
    runs = as_runs(runs, asked, group).with_inputs(asked.columns)
    if law is None and runs.response in (None, asked.response):
        asked, because = default_law(runs)
    chosen, own_priors = with_pins(asked, priors or {})
    if NEW_GROUP in runs.groups:
        raise InputError(
            f"{runs.name} has a group called {NEW_GROUP!r}, the word for a group not seen yet; "
            "give it another label"
        )
    if runs.response is not None and runs.response != chosen.response:
        those = ", ".join(name for name, law in LAWS.items() if law.response == runs.response)
        raise InputError(
            f"{runs.name} was declared a table of {SEVERAL[runs.response]}, and law {chosen.name!r} gives a "
            f"{WORDS[chosen.response]}; choose a law of {SEVERAL[runs.response]} ({those}), or read the table with "
            f"response={chosen.response!r}"
        )
    chosen = for_table(chosen, runs, own_priors)
    _check_floor(chosen, runs)
    groups = len(runs.groups)
    layer = noise_within(noise_of(chosen, noise), float(runs.loss.min()), float(runs.loss.max()))
    layer = layer.among(groups, dict(resolve_pooling(chosen, groups, pooling)))
    spec = Spec(runs, chosen, layer, pooling, sampler or Sampler(), because)
    spec.structure  # noqa: B018  (a pooling that cannot be is refused here, and not later)
    return spec


def _check_floor(law: Law, runs: Runs) -> None:
    """`InputError` for a floor that is pinned above a loss."""
    if not pins(law) or law.response != "loss" or law.rises or law.with_kind(Kind.IRREDUCIBLE):
        return
    medians = {name: prior.forward(prior.location) for name, prior in law.priors.items()}
    floor, row = float(endless(law, {}, medians)), int(runs.loss.argmin())
    if floor >= runs.loss[row]:
        raise InputError(
            f"{runs.name}: the loss in row {row + 1}, {runs.loss[row]:.4g}, is not above the floor of law "
            f"{law.name!r}, which is pinned to {floor:.4g}; pin a lower one, or give it a prior"
        )
