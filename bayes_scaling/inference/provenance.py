"""How a posterior was made, in JSON values that its file keeps."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, cast

import numpy as np

from bayes_scaling.data.response import Response
from bayes_scaling.data.runs import Runs
from bayes_scaling.laws.base import Law
from bayes_scaling.model.drift import DriftValues
from bayes_scaling.model.noise import noise_from_dict
from bayes_scaling.model.structure import Pooling
from bayes_scaling.sampling.settings import TARGET_ACCEPT

FORMAT = 4
"""Version of the file format."""

WITH_CHECKSUM = 4
"""The first format whose provenance has a checksum over the whole file."""


ELSEWHERE = "drawn elsewhere"
"""The device of draws that another sampler made."""


class RunsDescription(TypedDict):
    """The table of runs, beside its values."""

    name: str
    inputs: list[str]
    warnings: list[str]
    columns: list[str]
    response: NotRequired[Response]  # as it was declared, if it was; older files have none
    unit: NotRequired[dict[str, Any]]  # fields of the source's `Unit`, where not nats


class Description(TypedDict):
    """What is asked of a fit: the part of the provenance that is known before sampling."""

    format: int
    law: str
    formula: str
    cite: str
    priors: dict[str, Mapping[str, object]]
    noise: Mapping[str, object]
    pooling: dict[str, Pooling]
    reference: Mapping[str, float]
    runs: RunsDescription
    seed: int
    draws: int
    chains: int
    max_warmup: int
    target_accept: float


class Provenance(Description):
    """The description, and what the sampler did."""

    warmup: int
    spacing: int
    device: str
    seconds: float
    made: str
    versions: dict[str, str]
    law_file: str | None  # of a law that is not this package's
    law_values: NotRequired[list[float]]  # see `values_of`; older files have none
    law_reason: NotRequired[str]  # why none that was named: see `default_law`
    drift: DriftValues | None  # None: the default of the law


def values_of(law: Law, runs: Runs) -> list[float]:
    """The law at the first, the middle and the last run and the middles of its priors: another formula has others."""
    rows = [0, len(runs) // 2, len(runs) - 1]
    at = (runs.column(c)[rows] / runs.reference[c] for c in law.columns)
    with np.errstate(all="ignore"):
        found = law(*at, **{name: prior.forward(prior.location) for name, prior in law.priors.items()})
    values: list[float] = np.broadcast_to(found, len(rows)).astype(float).tolist()
    return values


def upgraded(found: dict[str, Any], law: Law) -> Provenance:
    """A provenance as this version writes it, whichever version wrote the file."""
    if found["format"] < 2:
        runs = dict(found["runs"])
        runs["warnings"] = runs.pop("doubts")
        noise = noise_from_dict(found["noise"], law.response).to_dict()
        later = {"runs": runs, "noise": noise, "target_accept": TARGET_ACCEPT}
        found = {"drift": None} | found | later
    return cast(Provenance, {"law_file": None} | found | {"format": FORMAT})
