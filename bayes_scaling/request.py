"""What is asked of a fit: runs, law, noise, pooling and seed, checked and complete before anything is sampled."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bayes_scaling.errors import InputError
from bayes_scaling.laws.core import DEFAULT, Law, get_law
from bayes_scaling.model import Pooling, Structure, model_data, structure
from bayes_scaling.noise import Noise, as_noise
from bayes_scaling.priors import Prior
from bayes_scaling.runs import Runs, load_runs
from bayes_scaling.store import FORMAT

if TYPE_CHECKING:
    from bayes_scaling.sampling import Draws, Job

NEW_GROUP = "new"
"""The group label that stands for one not seen yet."""


@dataclass(frozen=True)
class Request:
    """All that decides a posterior; see `bayes_scaling.fit.fit` for the meaning of each."""

    runs: Runs
    law: Law
    noise: Noise
    pooling: Any
    draws: int
    chains: int
    max_warmup: int
    seed: int

    @cached_property
    def structure(self) -> Structure:
        return structure(self.runs, self.law, self.noise, self.pooling)

    def job(self, key: Any = None, **options: Any) -> "Job":
        """What the sampler is given."""
        from bayes_scaling.sampling import Job

        asked = {name: getattr(self, name) for name in ("draws", "chains", "max_warmup", "seed")}
        return Job(key, self.structure, model_data(self.runs, self.law, self.noise), {**asked, **options})

    @property
    def description(self) -> dict[str, Any]:
        """The part of the provenance that is known before sampling, as JSON values."""
        return {
            "format": FORMAT,
            "law": self.law.name,
            "formula": self.law.formula,
            "cite": self.law.cite,
            "priors": {name: prior.to_dict() for name, prior in self.law.priors.items()},
            "noise": {
                "slope_in": self.noise.slope_in,
                **{
                    name: getattr(self.noise, name).to_dict()
                    for name in ("sigma", "nu", "lack_of_fit", "persistence", "slope", "share")
                },
                "excess": self.noise.excess and self.noise.excess.to_dict(),
                "discrepancy": self.noise.discrepancy and self.noise.discrepancy.to_dict(),
            },
            "pooling": dict(self.structure.pooling),
            "reference": self.runs.reference.values,
            "runs": {
                "name": self.runs.name,
                "inputs": list(self.runs.inputs),
                "doubts": list(self.runs.doubts),
                "columns": list(map(str, self.runs.table.columns)),
            },
            "seed": self.seed,
            "draws": self.draws,
            "chains": self.chains,
            "max_warmup": self.max_warmup,
        }

    def provenance(self, sampled: "Draws", seconds: float) -> dict[str, Any]:
        """How the posterior was made: the request, and what the sampler did."""
        return self.description | {
            "warmup": sampled.warmup,
            "spacing": sampled.spacing,
            "device": sampled.device,
            "seconds": round(seconds, 3),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {
                p: version(p) for p in ("bayes-scaling", "pymc", "pytensor", "jax", "blackjax", "numpy")
            },
        }


def request(
    runs: Any,
    law: str | Law = DEFAULT,
    *,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    draws: int = 1000,
    chains: int = 4,
    max_warmup: int = 1500,
    seed: int = 0,
) -> Request:
    """The checked request; arguments and errors as for `bayes_scaling.fit.fit`."""
    for name, number in {"draws": draws, "chains": chains, "max_warmup": max_warmup}.items():
        if number < 1:
            raise InputError(f"{name} is {number}; expected a whole number from 1 on")
    chosen = get_law(law).with_priors(priors or {})
    if not isinstance(runs, Runs):
        runs = load_runs(runs, group=group, inputs=chosen.columns)
    elif group is not None:
        runs = runs.grouped_by(group)
    runs = runs.with_inputs(chosen.columns)
    if NEW_GROUP in runs.groups:
        raise InputError(
            f"{runs.name} has a group called {NEW_GROUP!r}, the word for a group not seen yet; "
            "give it another label"
        )
    asked = Request(runs, chosen, as_noise(noise), pooling, draws, chains, max_warmup, seed)
    asked.structure  # noqa: B018  (a pooling that cannot be is refused here, and not later)
    return asked
