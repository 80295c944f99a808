"""Which parameters really differ between groups: structures of pooling compared by leave-one-out.

"The corpus moves the offset and not the slope" is a statement about structures: that nothing is lost when groups share
the exponents, and much when they share the rest. Each structure is one fit, in which the named parameters are partially
pooled and the others shared; noise may always differ. Differences of expected log predictive density (elpd) are paired
by configuration, with their standard errors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np

from bayes_scaling.data.load import RunsLike
from bayes_scaling.errors import InputError
from bayes_scaling.evaluation.compare import Comparison, compare
from bayes_scaling.evaluation.loo import PRACTICAL, least_difference
from bayes_scaling.inference.intervals import quantiles, tails
from bayes_scaling.inference.result import Result
from bayes_scaling.inference.sample_posterior import sample_posterior
from bayes_scaling.inference.spec import as_runs, make_spec
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.names import DEFAULT, get_law
from bayes_scaling.laws.pinned import with_pins
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.structure import NoiseModel, Pooling
from bayes_scaling.sampling.progress import Report
from bayes_scaling.sampling.settings import Sampler, SamplerSettings

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

NONE, ALL, OFFSETS, EXPONENTS = "none differ", "all differ", "offsets differ", "slopes differ"


ROPE = 0.1
"""Relative difference of a parameter between groups that counts as none (a region of practical equivalence)."""


@dataclass(frozen=True, eq=False, repr=False)
class PoolingComparison(Result):
    """Structures of pooling, ranked, and what each parameter's own difference is worth.

    Attributes
    ----------
    comparison : Comparison
        Of the structures by name: "none differ", "all differ", "offsets differ", "slopes differ", and for each
        parameter "only E" and "all but E".
    parameters : DataFrame
        Indexed by parameter: kind (offset or slope); needed and its se, the elpd lost by sharing this parameter while
        all others differ; alone and its se, the elpd won by letting it differ alone; verdict.
    """

    comparison: Comparison
    parameters: "pd.DataFrame"

    def difference(self, structure: str, over: str) -> tuple[float, float]:
        """Elpd of one structure less that of another, and its standard error."""
        return _difference(self.comparison.pointwise, structure, over)

    def table(self, prob: float = 0.9) -> "pd.DataFrame":
        """The parameters; standard errors stand for intervals, so that ``prob`` changes nothing."""
        return self.parameters.copy()

    def sentences(self, prob: float = 0.9) -> list[str]:
        """What the differences say: of all parameters, of slopes and of offsets, then of each parameter."""
        return list(self._sentences(prob))

    def _sentences(self, prob: float) -> Iterator[str]:
        gain, se = self.difference(ALL, NONE)
        word = "differ" if _verdict(gain, se) == "differs" else "show no sign of a difference"
        yield f"the groups {word}: letting all parameters differ is worth {gain:.1f} (se {se:.1f}) of elpd"
        for shared, kept, structure in (("slopes", "offsets", OFFSETS), ("offsets", "slopes", EXPONENTS)):
            if structure in self.comparison.fits:
                gain, se = self.difference(ALL, structure)
                needs = _verdict(gain, se) == "differs"
                answer = f"need different {shared} too" if needs else f"show no difference of {shared}"
                yield (
                    f"with the {kept} free to differ, the groups {answer}: letting those differ too is worth "
                    f"{gain:.1f} (se {se:.1f}; less than {PRACTICAL:g}, or than 2 se, is no reason to prefer either)"
                )
        for name, row in self.parameters.to_dict("index").items():
            yield (
                f"{name} ({row['kind']}): {row['verdict']}; sharing it alone costs {row['needed']:.1f} "
                f"(se {row['needed se']:.1f}), letting it alone differ is worth {row['alone']:.1f} "
                f"(se {row['alone se']:.1f}){self._gap(str(name), prob)}"
            )

    def _gap(self, name: str, prob: float) -> str:
        """How far the groups are apart in a parameter, where all differ, beside the region of practical equivalence."""
        values = self._by_group(name)
        if values is None:
            return ""
        if (found := self.gap(name)) is not None:
            low, middle, high = (f"{x:.0%}" for x in quantiles(found, tails(prob)).to_numpy())
            of, same = " of it", f"{ROPE:.0%}"
        else:
            found = (values.max("group") - values.min("group")) / self.comparison.fits[ALL].law.priors[
                name
            ].spread
            low, middle, high = (f"{x:.2g}" for x in quantiles(found, tails(prob)).to_numpy())
            of, same = " sd of its prior", f"{ROPE:g} sd"
        return (
            f"; the farthest two groups are apart by {middle}{of} ({100 * prob:g}%: {low} to {high}), and with a "
            f"probability of {float((found < ROPE).mean()):.2f} by less than {same}, which counts as the same"
        )

    def gap(self, name: str) -> "xr.DataArray | None":
        """Draws of the widest relative difference of a parameter between two groups, where all parameters differ.

        Dims (chain, draw): largest over smallest group, less 1; None where there is no such fit or the sign changes.
        """
        values = self._by_group(name)
        if values is None:
            return None
        low, high = abs(values).min("group"), abs(values).max("group")
        same_sign = bool(((values > 0).all("group") | (values < 0).all("group")).all())
        return high / low - 1 if same_sign else None

    def _by_group(self, name: str) -> "xr.DataArray | None":
        """Draws of a parameter where all differ; None without such a fit."""
        fit = self.comparison.fits.get(ALL)
        return None if fit is None or "group" not in fit.posterior[name].dims else fit.posterior[name]

    @property
    def warnings(self) -> list[str]:
        """Structures whose importance sampling cannot be trusted."""
        return self.comparison.untrusted


def structures(law: Law) -> dict[str, dict[str, Pooling]]:
    """The poolings that are compared: which parameters differ between groups, by name."""
    names = law.parameters
    offsets = [name for name in names if not law.roles[name].bends]
    slopes = [name for name in names if law.roles[name].bends]
    differing: dict[str, list[str]] = {NONE: [], ALL: list(names)}
    if offsets and slopes:
        differing |= {OFFSETS: offsets, EXPONENTS: slopes}
    if len(names) > 1:
        differing |= {f"only {name}": [name] for name in names}
        differing |= {f"all but {name}": [other for other in names if other != name] for name in names}
    return {
        key: {name: "partial" if name in (*chosen, "sigma") else "complete" for name in (*names, "sigma")}
        for key, chosen in differing.items()
    }


def compare_pooling(
    runs: RunsLike,
    law: str | Law = DEFAULT,
    *,
    group: str | None = None,
    noise: str | NoiseModel | None = None,
    priors: Mapping[str, Prior | float] | None = None,
    refit: bool = True,
    progress: bool | Report = False,
    **settings: Unpack[SamplerSettings],
) -> PoolingComparison:
    """Which parameters of a law differ between groups.

    Parameters
    ----------
    runs : Runs, DataFrame or path
        With two groups or more.
    law : str or Law
    group, noise, priors, optional
        As for `fit`.
    refit : bool
        Leave out in truth where importance sampling cannot be trusted.
    progress : bool or callable
        As for `fit`.
    **settings
        Fields of `Sampler`.

    Raises
    ------
    InputError
        For a table of one group.
    """
    family, priors = with_pins(get_law(law), priors or {})
    table = as_runs(runs, family, group)
    if len(table.groups) < 2:
        raise InputError(f"{table.name} has one group; differences between groups need two or more")
    sampler = Sampler(**settings)
    specs = {
        name: make_spec(table, family, pooling=pooling, noise=noise, priors=priors, sampler=sampler)
        for name, pooling in structures(family).items()
    }
    fits = {name: sample_posterior(spec, progress) for name, spec in specs.items()}
    return judged(compare(fits, refit=refit, ahead=False, progress=progress), family)


def judged(comparison: Comparison, law: Law) -> PoolingComparison:
    """What each parameter's own difference is worth, from the compared structures."""
    # pandas loads when there is a table to make, and not on import.
    import pandas as pd

    rows = []
    for name in law.parameters if len(law.parameters) > 1 else ():
        needed, needed_se = _difference(comparison.pointwise, ALL, f"all but {name}")
        alone, alone_se = _difference(comparison.pointwise, f"only {name}", NONE)
        rows.append(
            {
                "parameter": name, "kind": "slope" if law.roles[name].bends else "offset",
                "needed": needed, "needed se": needed_se, "alone": alone, "alone se": alone_se,
                "verdict": _verdict_of_one(needed, needed_se, alone, alone_se),
            }
        )  # fmt: skip
    names = ["parameter", "kind", "needed", "needed se", "alone", "alone se", "verdict"]
    return PoolingComparison(comparison, pd.DataFrame(rows, columns=names).set_index("parameter"))


def _difference(pointwise: "pd.DataFrame", structure: str, over: str) -> tuple[float, float]:
    gap = (pointwise[structure] - pointwise[over]).to_numpy()
    return float(gap.sum()), float(gap.std(ddof=1) * np.sqrt(len(gap)))


def _verdict(gain: float, se: float) -> str:
    if abs(gain) < least_difference(se):
        return "no sign that it differs"
    return "differs" if gain > 0 else "better shared"


def _verdict_of_one(needed: float, needed_se: float, alone: float, alone_se: float) -> str:
    """The verdict on one parameter: where others take its place, something differs, and it may be this one."""
    verdict, by_itself = _verdict(needed, needed_se), _verdict(alone, alone_se)
    if verdict.startswith("no sign") and by_itself == "differs":
        return "differs, or another in its place"
    return verdict
