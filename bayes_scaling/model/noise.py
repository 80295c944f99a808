"""The noises, by the names that users give them."""

from collections.abc import Mapping
from dataclasses import fields, replace

from bayes_scaling.data.response import Response
from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.discrepancy import Discrepancy
from bayes_scaling.model.drift import Drift
from bayes_scaling.model.scores import Scores
from bayes_scaling.model.shares import Shares
from bayes_scaling.model.structure import NoiseModel
from bayes_scaling.model.student import Noise
from bayes_scaling.model.surface import Surface
from bayes_scaling.model.undertuned import Undertuned

__all__ = ["NOISES", "Noise", "NoiseModel", "as_noise", "noise_from_dict", "usual_drift"]

NOISES: dict[str, NoiseModel] = {
    "constant": Noise(),
    "curve": Discrepancy(),
    "flops": Noise(slope_in="flops"),
    "params": Noise(slope_in="params"),
    "tokens": Noise(slope_in="tokens"),
    "discrepancy": Surface(),
    "shared_discrepancy": Surface(shared=True),
    "undertuned": Undertuned(),
    "shares": Shares(),
    "scores": Scores(),
}

_DEFAULTS: dict[Response, str] = {"loss": "constant", "share": "shares", "score": "scores"}


def usual_noise(law: Law) -> NoiseModel:
    """The noise of a law where none is chosen: a law of N and D is wrong where it has not been seen."""
    return NOISES["discrepancy"] if law.of_n_and_d else as_noise("constant", law.response)


def noise_of(law: Law, noise: str | NoiseModel | None) -> NoiseModel:
    """The noise that is asked for, or the law's usual one."""
    return usual_noise(law) if noise is None else as_noise(noise, law.response)


def as_noise(noise: str | NoiseModel, response: Response = "loss") -> NoiseModel:
    """A noise from its name; "constant" is the simplest one of what a law gives."""
    if isinstance(noise, NoiseModel):
        return noise
    if noise == "constant":
        return NOISES[_DEFAULTS[response]]
    if noise not in NOISES:
        raise InputError(f"unknown noise {noise!r}; expected {', '.join(map(repr, NOISES))} or a Noise")
    return NOISES[noise]


def noise_within(noise: NoiseModel, low: float, high: float) -> NoiseModel:
    """The noise with its priors in the unit of responses from low to high; see `Prior.within`."""
    values = {field.name: getattr(noise, field.name) for field in fields(noise)}  # type: ignore[arg-type]
    priors = {name: prior.within(low, high) for name, prior in values.items() if isinstance(prior, Prior)}
    return replace(noise, **priors)  # type: ignore[type-var]


def usual_drift(law: Law, noise: NoiseModel, span: float = 1.0) -> Drift:
    """The drift of forecasts where none is chosen: none under a joint noise, whose process leaves the law by itself."""
    return Drift(0.0, 0.0) if noise.joint else Drift.of(law, span)


def noise_from_dict(values: Mapping[str, object], response: Response = "loss") -> NoiseModel:
    """Inverse of `NoiseModel.to_dict`, which reads older files too.

    Raises
    ------
    InputError
        For a family of noise that is not known.
    """
    if "family" not in values:
        return _of_an_older_file(values, response)
    families = {type(noise).__name__: type(noise) for noise in NOISES.values()}
    if values["family"] not in families:
        known = ", ".join(families)
        raise InputError(
            f"noise {values['family']!r} is not known; expected one of {known}, or one of your own that is "
            "listed in bayes_scaling.model.noise.NOISES"
        )
    return families[str(values["family"])].from_dict(values)


def _of_an_older_file(values: Mapping[str, object], response: Response) -> NoiseModel:
    """One class once had the priors of all noises; what a file does not name has its default."""
    curve = values.get("discrepancy")
    if response == "share":
        return Shares.from_dict({"sigma": values["share"]} if "share" in values else {})
    if isinstance(curve, dict):
        return Discrepancy.from_dict({**curve, "sigma": values["sigma"]})
    return (Undertuned if values.get("excess") else Noise).from_dict(values)
