"""How a posterior was made, in JSON values that its file keeps."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, cast

from bayes_scaling.data.response import Response
from bayes_scaling.laws.base import Law
from bayes_scaling.model.drift import DriftValues
from bayes_scaling.model.noise import noise_from_dict
from bayes_scaling.model.structure import Pooling
from bayes_scaling.sampling.settings import TARGET_ACCEPT

FORMAT = 4
"""Version of the file format."""

WITH_CHECKSUM = 4
"""The first format whose provenance has a checksum over the whole file."""


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
    drift: DriftValues | None  # None: the default of the law


def upgraded(found: dict[str, Any], law: Law) -> Provenance:
    """A provenance as this version writes it, whichever version wrote the file."""
    if found["format"] < 2:
        runs = dict(found["runs"])
        runs["warnings"] = runs.pop("doubts")
        noise = noise_from_dict(found["noise"], law.response).to_dict()
        later = {"runs": runs, "noise": noise, "target_accept": TARGET_ACCEPT}
        found = {"drift": None} | found | later
    return cast(Provenance, {"law_file": None} | found | {"format": FORMAT})
