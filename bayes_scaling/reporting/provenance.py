"""How a posterior was made, in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bayes_scaling.data.units import format_quantity

if TYPE_CHECKING:
    from bayes_scaling.inference.posterior import Posterior


def provenance(fit: "Posterior") -> list[tuple[str, str]]:
    """What a reader needs to make the posterior again, as pairs of name and text."""
    made = fit.provenance
    reference = ", ".join(f"{name} {format_quantity(value)}" for name, value in fit.reference.values.items())
    noise = {"sigma": fit.noise.sigma, **fit.structure.global_priors}
    return [
        ("Law", f"{made['law']}: {made['formula']}"),
        *([("Its choice", made["law_reason"])] if made.get("law_reason") else []),
        ("From", made["cite"]),
        ("Reference point", f"{reference} (the law's inputs are multiples of it)"),
        ("Priors", priors_in_words(made["priors"])),
        ("Noise", fit.noise.description),
        ("Noise priors", priors_in_words({name: prior.to_dict() for name, prior in noise.items()})),
        ("Pooling", ", ".join(f"{name} {kind}" for name, kind in made["pooling"].items())),
        ("Runs", repr(fit.runs)),
        ("Draws", f"{made['chains']} chains of {made['draws']} after {made['warmup']}, seed {made['seed']}"),
        ("Device and time", f"{made['device']}; {made['seconds']:.1f} s; {made['made']}"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in made["versions"].items())),
    ]


def priors_in_words(priors: Mapping[str, Mapping[str, object]]) -> str:
    """Priors by parameter, as they are stored."""
    inside = {
        name: ", ".join(
            f"{key} {value:g}" if isinstance(value, int | float) else f"{key} {value}"
            for key, value in prior.items()
            if key != "family" and value
        )
        for name, prior in priors.items()
    }
    return "; ".join(f"{name} ~ {prior['family']}({inside[name]})" for name, prior in priors.items())
